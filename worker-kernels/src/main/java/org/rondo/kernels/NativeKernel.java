package org.rondo.kernels;

import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.rondo.kernels.Layout.Block;

/** The kernel of {@code src/main/native}, on one instruction set. Memory is one native allocation, whose address this class
 *  keeps to itself; every operation is one native call, given the sizes and offsets of its operands. */
public final class NativeKernel extends Kernel {
    private final String instructionSet;
    private final long kernels;
    private final long memory;

    /** @param instructionSet one of {@link NativeLibrary#instructionSets()}, or {@code best}
     *  @throws IllegalArgumentException if this machine does not have it, or the library cannot be loaded
     *  @throws IllegalStateException if the memory cannot be had */
    NativeKernel(Layout layout, String instructionSet) {
        super(layout);
        this.kernels = NativeLibrary.find(instructionSet);
        this.instructionSet = instructionSet.equals("best") ? NativeLibrary.instructionSets().get(0) : instructionSet;
        this.memory = allocate(layout.bytes());
        if (memory == 0)
            throw new IllegalStateException("no native memory for a kernel: " + layout.bytes() + " bytes wanted for " + layout.network + ", batch "
                    + layout.batch + ", seqLen " + layout.seqLen + "; lower batch, seqLen or hidden, or raise spark.executor.memoryOverhead");
        for (Matrix m : layout.matrices()) {
            guard(memory, before(m));
            guard(memory, after(m));
        }
    }

    @Override public String description() {
        return "native " + instructionSet;
    }

    @Override public void load(Block block, float[] canonical) {
        checkVector(canonical);
        for (Tensor t : layout.network.tensors()) {
            Matrix m = layout.at(block, t);
            if (isRows(t)) writeRows(canonical, t.offset(), memory, m.offset(), m.rows(), m.cols());
            else loadPanels(kernels, memory, canonical, panels(t, m));
        }
    }

    @Override public void store(Block block, float[] canonical) {
        checkVector(canonical);
        for (Tensor t : layout.network.tensors()) {
            Matrix m = layout.at(block, t);
            if (isRows(t)) readRows(memory, m.offset(), m.rows(), m.cols(), canonical, t.offset());
            else storePanels(kernels, memory, canonical, panels(t, m));
        }
    }

    @Override public void write(float[] source, int at, Matrix m) {
        checkOpen();
        Objects.checkFromIndexSize(at, Math.multiplyExact(m.rows(), m.cols()), source.length);
        writeRows(source, at, memory, m.offset(), m.rows(), m.cols());
    }

    @Override public void read(Matrix m, float[] target, int at) {
        checkOpen();
        Objects.checkFromIndexSize(at, Math.multiplyExact(m.rows(), m.cols()), target.length);
        readRows(memory, m.offset(), m.rows(), m.cols(), target, at);
    }

    @Override public void copy(Matrix from, Matrix to) {
        checkOpen();
        copy(memory, from.offset(), to.offset(), to.floats());
    }

    @Override public void zero(Matrix m) {
        checkOpen();
        zero(memory, m.offset(), m.floats());
    }

    @Override public void embeddingForward(Layout.Embedding e, int[] ids) {
        checkIds("inputs", ids, 0);
        embeddingForward(kernels, memory, operands(e), layout.ids.offset(), ids);
    }

    @Override public void embeddingBackward(Layout.Embedding e, int[] ids) {
        checkIds("inputs", ids, 0);
        embeddingBackward(kernels, memory, operands(e), layout.ids.offset(), ids);
    }

    @Override public void dropout(Matrix from, Matrix to, double rate, Draw draw, int layer) {
        checkOpen();
        checkRate(rate);
        long threshold = (long) (rate * 0x1p32);
        long[] operands = {from.offset(), to.offset(), from.floats(), threshold, draw.seed(), layer, draw.window(), draw.shard()};
        dropout(kernels, memory, operands, (float) (1 / (1 - rate)));
    }

    @Override public void lstmForward(Layout.Lstm l) {
        checkOpen();
        lstmForward(kernels, memory, operands(l));
    }

    @Override public void lstmBackward(Layout.Lstm l) {
        checkOpen();
        lstmBackward(kernels, memory, operands(l));
    }

    @Override public void softmaxForward(Layout.Softmax s, int[] targets) {
        checkOpen();
        if (targets != null) checkIds("targets", targets, Window.NONE);
        softmaxForward(kernels, memory, operands(s), layout.ids.offset(), targets);
    }

    @Override public void softmaxBackward(Layout.Softmax s, int[] targets, float scale) {
        checkIds("targets", targets, Window.NONE);
        softmaxBackward(kernels, memory, operands(s), layout.ids.offset(), targets, scale);
    }

    @Override public void readProbabilities(Layout.Softmax s, int row, float[] into) {
        checkOpen();
        Objects.checkIndex(row, s.batch() * s.seqLen());
        Objects.checkFromIndexSize(0, s.vocab(), into.length);
        readProbabilities(kernels, memory, operands(s), row, into);
    }

    @Override public double sum(Matrix m) {
        checkOpen();
        return sum(kernels, memory, m.offset(), m.floats());
    }

    @Override public double sumOfSquares(Matrix m) {
        checkOpen();
        return sumOfSquares(kernels, memory, m.offset(), m.floats());
    }

    @Override public void sgd(float learningRate, float scale) {
        checkOpen();
        Matrix w = layout.block(Block.PARAMETERS);
        sgd(kernels, memory, w.offset(), layout.block(Block.GRADIENTS).offset(), w.floats(), learningRate * scale);
    }

    @Override public void adam(float learningRate, float beta1, float beta2, float epsilon, int step, float scale) {
        checkOpen();
        Matrix w = layout.block(Block.PARAMETERS);
        long[] blocks = {w.offset(), layout.block(Block.GRADIENTS).offset(), layout.block(Block.FIRST_MOMENT).offset(),
                layout.block(Block.SECOND_MOMENT).offset(), w.floats()};
        float bias1 = (float) (1 - Math.pow(beta1, step)), bias2 = (float) Math.sqrt(1 - Math.pow(beta2, step));
        adam(kernels, memory, blocks, new float[] {learningRate, beta1, beta2, epsilon, scale, bias1, bias2});
    }

    @Override protected void free() {
        List<String> broken = layout.matrices().stream()
                .filter(m -> !isGuarded(memory, before(m)) || !isGuarded(memory, after(m))).map(Matrix::name).toList();
        release(memory);
        if (!broken.isEmpty())
            throw new IllegalStateException("a " + description() + " kernel wrote outside its matrices: the guard next to " + String.join(", ", broken)
                    + " is overwritten, so its results cannot be trusted. This is a bug in Rondo: report it with " + layout.network + ", batch "
                    + layout.batch + ", seqLen " + layout.seqLen + ", and set spark.rondo.kernel=reference to go on slowly");
    }

    /** Overwrites the first float after a matrix, for the test of the guards. */
    void breakGuardAfter(Matrix m) {
        zero(memory, after(m), 1);
    }

    private static long before(Matrix m) {
        return m.offset() - Layout.GUARD;
    }

    private static long after(Matrix m) {
        return m.offset() + m.floats();
    }

    private static boolean isRows(Tensor t) {
        return t.name().equals("embedding.weight");
    }

    /** Where a tensor begins in the canonical vector, its rows (a gate's, for an LSTM's tensor), columns, whether its rows are
     *  gates, its panels and their place, and the place where the rows of one panel are gathered. */
    private long[] panels(Tensor t, Matrix m) {
        boolean gates = !t.name().startsWith("output.");
        int rows = t.shape().get(0) / (gates ? 4 : 1), cols = t.shape().size() == 2 ? t.shape().get(1) : 1;
        return new long[] {t.offset(), rows, cols, gates ? 1 : 0, m.rows() / cols, m.offset(), layout.scratch.offset()};
    }

    private static long[] operands(Layout.Embedding e) {
        return operands(new long[] {e.vocab(), e.width(), e.batch(), e.seqLen()}, e.weight(), e.dWeight(), e.out(), e.dOut());
    }

    private static long[] operands(Layout.Lstm l) {
        return operands(new long[] {l.I(), l.H(), l.batch(), l.seqLen()}, l.Wx(), l.Wh(), l.b(), l.dWx(), l.dWh(), l.db(),
                l.x(), l.h(), l.c(), l.tanhC(), l.gates(), l.dx(), l.dh(), l.dc(), l.scratch());
    }

    private static long[] operands(Layout.Softmax s) {
        return operands(new long[] {s.vocab(), s.H(), s.batch(), s.seqLen()}, s.W(), s.b(), s.dW(), s.db(),
                s.x(), s.z(), s.loss(), s.dx(), s.sums(), s.scratch());
    }

    /** Sizes, then offsets, -1 where there is no matrix: kernel.h's structs in the order of their fields. */
    private static long[] operands(long[] sizes, Matrix... matrices) {
        return IntStream.range(0, sizes.length + matrices.length).mapToLong(i -> {
            Matrix m = i < sizes.length ? null : matrices[i - sizes.length];
            return i < sizes.length ? sizes[i] : m == null ? -1 : m.offset();
        }).toArray();
    }

    private static native long allocate(long bytes);

    private static native void release(long memory);

    private static native void guard(long memory, long offset);

    private static native boolean isGuarded(long memory, long offset);

    private static native void loadPanels(long kernels, long memory, float[] canonical, long[] tensor);

    private static native void storePanels(long kernels, long memory, float[] canonical, long[] tensor);

    private static native void writeRows(float[] source, int at, long memory, long offset, int rows, int columns);

    private static native void readRows(long memory, long offset, int rows, int columns, float[] target, int at);

    private static native void copy(long memory, long from, long to, long count);

    private static native void zero(long memory, long offset, long count);

    private static native void embeddingForward(long kernels, long memory, long[] embedding, long place, int[] ids);

    private static native void embeddingBackward(long kernels, long memory, long[] embedding, long place, int[] ids);

    private static native void dropout(long kernels, long memory, long[] draw, float scale);

    private static native void lstmForward(long kernels, long memory, long[] layer);

    private static native void lstmBackward(long kernels, long memory, long[] layer);

    private static native void softmaxForward(long kernels, long memory, long[] softmax, long place, int[] targets);

    private static native void softmaxBackward(long kernels, long memory, long[] softmax, long place, int[] targets, float scale);

    private static native void readProbabilities(long kernels, long memory, long[] softmax, int row, float[] into);

    private static native double sum(long kernels, long memory, long offset, long count);

    private static native double sumOfSquares(long kernels, long memory, long offset, long count);

    private static native void sgd(long kernels, long memory, long parameters, long gradients, long count, float rate);

    private static native void adam(long kernels, long memory, long[] blocks, float[] settings);
}
