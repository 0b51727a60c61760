package org.rondo.kernels;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.rondo.kernels.Layout.Block;

/** The kernel of {@code src/main/native}, on one instruction set. Memory is one native allocation, whose address this class
 *  keeps to itself; an operation is a native call, given the sizes and offsets of its operands, or one for each thread and phase
 *  ({@link Team}, kernel.h). */
public final class NativeKernel extends Kernel {
    /** Bytes of this machine, or of the container that it is. */
    public static final long MACHINE = ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize();
    private static final int ANY = -1;
    private static final Layout.Crf NO_CRF = new Layout.Crf(null, null, null, null, null, null, null, null, null);

    private final String instructionSet;
    private final long kernels;
    private final long memory;
    private final Team team;
    /** The sizes and offsets of each of the layout's records. */
    private final Map<Record, long[]> operands = new IdentityHashMap<>();
    /** Rows of the embedding's gradient that may be other than zero, ascending, or any if {@code touchedCount} is {@link #ANY}: a
     *  window has fewer tokens than the table has rows, so zeroing, norm and plain SGD leave the others alone. After
     *  {@link #embeddingBackward} they are those of the window, whatever was before, so what is computed does not depend on it. */
    private int[] touched;
    private int touchedCount;

    /** @param instructionSet one of {@link NativeLibrary#instructionSets()}, or {@code best}
     *  @throws IllegalArgumentException if this machine does not have it, or the library cannot be loaded
     *  @throws IllegalStateException if the memory cannot be had: more than the machine or its container has, or refused; or a thread */
    NativeKernel(Layout layout, String instructionSet, int threads) {
        super(layout);
        this.kernels = NativeLibrary.find(instructionSet);
        this.instructionSet = instructionSet.equals("best") ? NativeLibrary.instructionSets().get(0) : instructionSet;
        putOperands(layout);
        touched = layout.embedding == null ? null : new int[layout.batch * layout.seqLen];
        // What the system would grant beyond its memory, or the container's, it would be killed for when the pages are touched.
        this.team = new Team(threads);
        this.memory = layout.bytes() > MACHINE ? 0 : allocate(layout.bytes());
        if (memory == 0) {
            team.close();
            throw noMemory("memory", layout.bytes(), MACHINE, "spark.executor.memoryOverhead");
        }
        guard(layout);
    }

    private void putOperands(Layout layout) {
        operands.clear();
        for (Layout.Embedding e : layout.embeddings) operands.put(e, operands(e));
        for (Layout.Recurrent r : layout.recurrents) operands.put(r, operands(r));
        operands.put(layout.head, operands(layout.head));
    }

    private void guard(Layout layout) {
        for (Matrix m : layout.matrices()) {
            guard(memory, before(m));
            guard(memory, after(m));
        }
    }

    @Override protected void relay(Layout resized) {
        checkGuards();
        if (touchedCount != ANY && layout.training && layout.embedding != null) {
            zeroTouched(layout.embedding);
            touchedCount = 0;
        }
        for (Matrix m : resized.matrices())
            if (m.offset() > resized.endOfBlocks() && resized.isPadded(m)) zero(memory, m.offset(), m.floats());
        guard(resized);
        putOperands(resized);
        int tokens = resized.batch * resized.seqLen;
        if (touched != null && tokens > touched.length) touched = Arrays.copyOf(touched, tokens);
    }

    @Override public String description() {
        return "native " + instructionSet;
    }

    @Override public void load(Block block, float[] canonical) {
        checkVector(block, canonical);
        writes(layout.block(block));
        for (Tensor t : layout.network.tensors()) {
            Matrix m = layout.at(block, t);
            if (Layout.isRows(t)) writeRows(canonical, t.offset(), memory, m.offset(), m.rows(), m.cols());
            else loadPanels(kernels, memory, canonical, panels(t, m));
        }
    }

    @Override public void store(Block block, float[] canonical) {
        checkVector(block, canonical);
        for (Tensor t : layout.network.tensors()) {
            Matrix m = layout.at(block, t);
            if (Layout.isRows(t)) readRows(memory, m.offset(), m.rows(), m.cols(), canonical, t.offset());
            else storePanels(kernels, memory, canonical, panels(t, m));
        }
    }

    @Override public void write(float[] source, int at, Matrix m) {
        checkArray(source, at, m);
        writes(m);
        writeRows(source, at, memory, m.offset(), m.rows(), m.cols());
    }

    @Override public void read(Matrix m, float[] target, int at) {
        checkArray(target, at, m);
        readRows(memory, m.offset(), m.rows(), m.cols(), target, at);
    }

    @Override public void copy(Matrix from, Matrix to) {
        checkCopy(from, to);
        writes(to);
        copy(memory, from.offset(), to.offset(), to.floats());
    }

    @Override public void zero(Matrix m) {
        check(m);
        boolean table = layout.embedding != null && m.equals(layout.embedding.dWeight());
        if (table && touchedCount != ANY) {
            zeroTouched(layout.embedding);
        } else {
            writes(m);
            zero(memory, m.offset(), m.floats());
        }
        if (table) touchedCount = 0;        // of a frozen embedding neither norm nor plain SGD sweeps over the table
    }

    @Override public void copyColumns(Matrix from, int fromColumn, Matrix to, int toColumn, int columns) {
        checkCopy(from, fromColumn, to, toColumn, columns);
        writes(to);
        copyColumns(memory, from.offset() + fromColumn, from.stride(), to.offset() + toColumn, to.stride(), from.rows(), columns);
    }

    @Override public void embeddingForward(Layout.Embedding e, int[] ids) {
        checkInputs(e, ids, false);
        embeddingForward(kernels, memory, operands.get(e), place(ids, ids.length));
    }

    @Override public void embeddingBackward(Layout.Embedding e, int[] ids) {
        checkInputs(e, ids, true);
        boolean sparse = e == layout.embedding;
        if (sparse && touchedCount != ANY) zeroTouched(e);
        else zero(memory, e.dWeight().offset(), e.dWeight().floats());
        embeddingBackward(kernels, memory, operands.get(e), place(ids, ids.length));
        if (!sparse) return;
        System.arraycopy(ids, 0, touched, 0, ids.length);
        Arrays.sort(touched, 0, ids.length);
        touchedCount = 0;
        for (int i = 0; i < ids.length; i++) if (touchedCount == 0 || touched[i] != touched[touchedCount - 1]) touched[touchedCount++] = touched[i];
    }

    private void zeroTouched(Layout.Embedding e) {
        zeroRows(memory, e.dWeight().offset(), e.dWeight().stride(), place(touched, touchedCount), touchedCount);
    }

    /** Copies the first {@code count} to where an operation reads them.
     *  @return the place */
    private long place(int[] ids, int count) {
        writeIds(memory, layout.ids.offset(), ids, count);
        return layout.ids.offset();
    }

    /** @param ids targets, or null, which stays null */
    private long place(int[] ids) {
        return ids == null ? -1 : place(ids, ids.length);
    }

    private long placeLengths(int[] lengths) {
        if (lengths == null) return -1;
        writeIds(memory, layout.lengths.offset(), lengths, lengths.length);
        return layout.lengths.offset();
    }

    /** Notes what may become other than zero. */
    private void writes(Matrix to) {
        if (layout.embedding != null && layout.training && overlap(to, layout.embedding.dWeight())) touchedCount = ANY;
    }

    @Override public void tie(Layout.Embedding e, Layout.Dense d) {
        checkTied(e, d, false);
        long[] embedding = operands.get(e), dense = operands.get(d);
        team.run((phase, part, parts) -> tie(kernels, memory, embedding, dense, phase, part, parts));
    }

    @Override public void addTied(Layout.Embedding e, Layout.Dense d) {
        checkTied(e, d, true);
        touchedCount = ANY;
        long[] embedding = operands.get(e), dense = operands.get(d);
        team.run((phase, part, parts) -> addTied(kernels, memory, embedding, dense, phase, part, parts));
    }

    @Override public void dropout(Matrix from, Matrix to, double rate, Draw draw, int layer, int period) {
        checkDropout(from, to, rate, draw, period);
        writes(to);
        long threshold = (long) (rate * 0x1p32);
        long[] operands = {from.offset(), to.offset(), from.floats(), (long) period * from.stride(), threshold, draw.seed(), layer, draw.window(), draw.shard()};
        float scale = (float) (1 / (1 - rate));
        team.run((phase, part, parts) -> dropout(kernels, memory, operands, scale, phase, part, parts));
    }

    @Override public void recurrentForward(Layout.Recurrent r, int[] lengths) {
        check(r, lengths, false);
        long[] layer = operands.get(r);
        long place = placeLengths(lengths);
        team.run((phase, part, parts) -> recurrentForward(kernels, memory, layer, place, phase, part, parts));
    }

    @Override public void recurrentBackward(Layout.Recurrent r, int[] lengths) {
        check(r, lengths, true);
        long[] layer = operands.get(r);
        long place = placeLengths(lengths);
        team.run((phase, part, parts) -> recurrentBackward(kernels, memory, layer, place, phase, part, parts));
    }

    @Override public void denseForward(Layout.Dense d) {
        check(d, false);
        long[] dense = operands.get(d);
        team.run((phase, part, parts) -> denseForward(kernels, memory, dense, phase, part, parts));
    }

    @Override public void softmaxForward(Layout.Dense d, int[] targets) {
        if (targets == null) checkHead(d, Loss.SOFTMAX, false);
        else checkTargets(d, targets, Loss.SOFTMAX, false);
        softmaxForward(kernels, memory, operands.get(d), place(targets));
    }

    @Override public void softmaxBackward(Layout.Dense d, int[] targets, float scale) {
        checkTargets(d, targets, Loss.SOFTMAX, true);
        softmaxBackward(kernels, memory, operands.get(d), place(targets), scale);
    }

    @Override public void squaredForward(Layout.Dense d, int[] counts) {
        checkTargets(d, counts, Loss.SQUARED_ERROR, false);
        squaredForward(kernels, memory, operands.get(d), place(counts));
    }

    @Override public void squaredBackward(Layout.Dense d, int[] counts, float scale) {
        checkTargets(d, counts, Loss.SQUARED_ERROR, true);
        squaredBackward(kernels, memory, operands.get(d), place(counts), scale);
    }

    @Override public void crfForward(Layout.Dense d, int[] targets, int[] lengths) {
        checkCrf(d, targets, lengths, false);
        long[] dense = operands.get(d);
        long placeOfTargets = place(targets), place = placeLengths(lengths);
        team.run((phase, part, parts) -> crfForward(kernels, memory, dense, placeOfTargets, place, phase, part, parts));
    }

    @Override public void crfBackward(Layout.Dense d, int[] targets, int[] lengths, float scale) {
        checkCrf(d, targets, lengths, true);
        long[] dense = operands.get(d);
        long placeOfTargets = place(targets), place = placeLengths(lengths);
        team.run((phase, part, parts) -> crfBackward(kernels, memory, dense, placeOfTargets, place, scale, phase, part, parts));
    }

    @Override public void viterbi(Layout.Dense d, int[] lengths, boolean[] allowed, int[] into) {
        checkViterbi(d, lengths, allowed, into);
        long[] dense = operands.get(d);
        long place = placeLengths(lengths), labels = layout.ids.offset();
        boolean all = allowed == null;
        if (!all) writeAllowed(memory, d.scratch().offset(), allowed);      // kernel.h: it begins with them
        team.run((phase, part, parts) -> viterbi(kernels, memory, dense, place, all, labels, phase, part, parts));
        readIds(memory, labels, into);
    }

    @Override public void denseBackward(Layout.Dense d) {
        check(d, true);
        long[] dense = operands.get(d);
        team.run((phase, part, parts) -> denseBackward(kernels, memory, dense, phase, part, parts));
    }

    @Override public void readProbabilities(Layout.Dense d, int first, int rows, float[] into) {
        checkProbabilities(d, first, rows, into);
        int atOnce = (int) ((d.scratch().floats() - Layout.VECTOR) / d.outputs());      // kernel.h: and a vector
        readProbabilities(kernels, memory, operands.get(d), first, rows, atOnce, into);
    }

    @Override public void readOutputs(Layout.Dense d, int row, float[] into) {
        checkRows(d, row, 1, into);
        readOutputs(kernels, memory, operands.get(d), row, into);
    }

    @Override public double sum(Matrix m) {
        check(m);
        return sum(kernels, memory, m.offset(), m.floats());
    }

    @Override public double sumOfSquares(Matrix m) {
        check(m);
        boolean sparse = isSparse() && m.equals(layout.block(Block.GRADIENTS));
        if (!sparse) return sumOfSquares(kernels, memory, m.offset(), m.floats());
        Matrix table = layout.embedding.dWeight();
        return sumOfSquaresOfRows(kernels, memory, table.offset(), table.stride(), place(touched, touchedCount), touchedCount)
                + sumOfSquares(kernels, memory, m.offset() + table.floats(), m.floats() - table.floats());
    }

    @Override public void sgd(float learningRate, float momentum, boolean nesterov, int step, float scale) {
        checkStep(step);
        Matrix w = layout.block(Block.PARAMETERS), g = layout.block(Block.GRADIENTS), v = momentum == 0 ? null : layout.block(Block.FIRST_MOMENT);
        long done = 0;
        if (momentum == 0 && isSparse()) {
            Matrix table = layout.embedding.weight();
            sgdRows(kernels, memory, table.offset(), layout.embedding.dWeight().offset(), table.stride(), place(touched, touchedCount), touchedCount, learningRate,
                    scale);
            done = table.floats();
        }
        long[] blocks = {w.offset() + done, g.offset() + done, v == null ? -1 : v.offset(), w.floats() - done};
        float[] settings = {learningRate, momentum, scale};
        team.run((phase, part, parts) -> sgd(kernels, memory, blocks, settings, nesterov, step == 1, phase, part, parts));
    }

    /** Whether of GRADIENTS, which begin with the embedding's, only the rows {@link #touched} are other than zero. */
    private boolean isSparse() {
        return layout.embedding != null && layout.training && touchedCount != ANY;
    }

    @Override public void adam(float learningRate, float beta1, float beta2, float epsilon, float weightDecay, int step, float scale) {
        checkStep(step);
        Matrix w = layout.block(Block.PARAMETERS);
        long[] blocks = {w.offset(), layout.block(Block.GRADIENTS).offset(), layout.block(Block.FIRST_MOMENT).offset(),
                layout.block(Block.SECOND_MOMENT).offset(), w.floats()};
        float bias1 = (float) (1 - Math.pow(beta1, step)), bias2 = (float) Math.sqrt(1 - Math.pow(beta2, step));
        float[] settings = {learningRate, beta1, beta2, epsilon, weightDecay, scale, bias1, bias2};
        team.run((phase, part, parts) -> adam(kernels, memory, blocks, settings, phase, part, parts));
    }

    @Override protected void free() {
        team.close();
        try {
            checkGuards();
        } finally {
            release(memory);
        }
    }

    private void checkGuards() {
        List<String> broken = layout.matrices().stream()
                .filter(m -> !isGuarded(memory, before(m)) || !isGuarded(memory, after(m))).map(Matrix::name).toList();
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

    /** Where a tensor begins in the canonical vector, its units (rows of one gate), columns, form (jni.cpp), panels and their
     *  place, and the place where the rows of one panel are gathered. */
    private long[] panels(Tensor t, Matrix m) {
        boolean neighbours = t.name().startsWith("output.") || layout.network.cell().gates() == 1, peepholes = t.name().contains("peephole_l");
        int units = neighbours ? t.shape().get(0) : layout.units(t), cols = t.shape().size() == 2 ? t.shape().get(1) : 1;
        return new long[] {t.offset(), units, cols, neighbours ? 0 : peepholes ? 2 : 1, m.rows() / cols, m.offset(), layout.scratch.offset()};
    }

    private static long[] operands(Layout.Embedding e) {
        return operands(new long[] {e.vocab(), e.width(), e.batch(), e.seqLen()}, e.weight(), e.dWeight(), e.out(), e.dOut());
    }

    private static long[] operands(Layout.Recurrent r) {
        Cell cell = r.cell();
        long[] sizes = {cell.gates(), cell.activation().ordinal(), cell.peephole() ? 1 : 0, r.reverse() ? 1 : 0, r.addsDx() ? 1 : 0,
                r.I(), r.H(), r.batch(), r.seqLen()};
        return operands(sizes, r.Wx(), r.Wh(), r.b(), r.p(), r.dWx(), r.dWh(), r.db(), r.dp(),
                r.x(), r.h(), r.c(), r.tanhC(), r.gates(), r.dx(), r.dh(), r.dc(), r.scratch());
    }

    private static long[] operands(Layout.Dense d) {
        Layout.Crf crf = d.crf() == null ? NO_CRF : d.crf();
        return operands(new long[] {d.outputs(), d.inputs(), d.rows(), d.batch()}, d.W(), d.b(), d.dW(), d.db(),
                d.x(), d.z(), d.loss(), d.y(), d.dx(), d.sums(), d.scratch(),
                crf.A(), crf.start(), crf.end(), crf.dA(), crf.dStart(), crf.dEnd(), crf.alpha(), crf.beta(), crf.p());
    }

    /** Sizes, then offsets, -1 where there is no matrix: kernel.h's structs in the order of their fields. */
    private static long[] operands(long[] sizes, Matrix... matrices) {
        long[] all = Arrays.copyOf(sizes, sizes.length + matrices.length);
        for (int i = 0; i < matrices.length; i++) all[sizes.length + i] = matrices[i] == null ? -1 : matrices[i].offset();
        return all;
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

    private static native void copyColumns(long memory, long from, long fromStride, long to, long toStride, long rows, long columns);

    private static native void writeIds(long memory, long offset, int[] ids, int count);

    private static native void embeddingForward(long kernels, long memory, long[] embedding, long ids);

    private static native void embeddingBackward(long kernels, long memory, long[] embedding, long ids);

    private static native boolean tie(long kernels, long memory, long[] embedding, long[] dense, int phase, int part, int parts);

    private static native boolean addTied(long kernels, long memory, long[] embedding, long[] dense, int phase, int part, int parts);

    private static native boolean dropout(long kernels, long memory, long[] draw, float scale, int phase, int part, int parts);

    private static native boolean recurrentForward(long kernels, long memory, long[] layer, long lengths, int phase, int part, int parts);

    private static native boolean recurrentBackward(long kernels, long memory, long[] layer, long lengths, int phase, int part, int parts);

    private static native boolean denseForward(long kernels, long memory, long[] dense, int phase, int part, int parts);

    private static native void softmaxForward(long kernels, long memory, long[] dense, long targets);

    private static native void softmaxBackward(long kernels, long memory, long[] dense, long targets, float scale);

    private static native void squaredForward(long kernels, long memory, long[] dense, long counts);

    private static native void squaredBackward(long kernels, long memory, long[] dense, long counts, float scale);

    private static native boolean crfForward(long kernels, long memory, long[] dense, long targets, long lengths, int phase, int part, int parts);

    private static native boolean crfBackward(long kernels, long memory, long[] dense, long targets, long lengths, float scale, int phase, int part, int parts);

    private static native boolean viterbi(long kernels, long memory, long[] dense, long lengths, boolean all, long labels, int phase, int part, int parts);

    private static native void writeAllowed(long memory, long offset, boolean[] allowed);

    private static native void readIds(long memory, long offset, int[] into);

    private static native boolean denseBackward(long kernels, long memory, long[] dense, int phase, int part, int parts);

    private static native void readProbabilities(long kernels, long memory, long[] dense, int first, int rows, int atOnce, float[] into);

    private static native void readOutputs(long kernels, long memory, long[] dense, int row, float[] into);

    private static native double sum(long kernels, long memory, long offset, long count);

    private static native double sumOfSquares(long kernels, long memory, long offset, long count);

    private static native boolean sgd(long kernels, long memory, long[] blocks, float[] settings, boolean nesterov, boolean first, int phase, int part, int parts);

    private static native boolean adam(long kernels, long memory, long[] blocks, float[] settings, int phase, int part, int parts);

    private static native void zeroRows(long memory, long table, long stride, long rows, int count);

    private static native double sumOfSquaresOfRows(long kernels, long memory, long table, long stride, long rows, int count);

    private static native void sgdRows(long kernels, long memory, long parameters, long gradients, long stride, long rows, int count,
                                       float learningRate, float scale);
}
