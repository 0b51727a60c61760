package org.rondo.kernels;

import java.util.Objects;
import org.rondo.kernels.Layout.Block;

/** A memory laid out by a {@link Layout}, and the operations on it: each on one layer over one whole window. The network is
 *  composed from them once, in {@link UnrolledNetwork}, so that every architecture works on every kernel.
 *
 *  <p>Single-threaded: one kernel, one task. Every operation is deterministic to the bit on one instruction set. Arguments
 *  are checked here; what is below trusts them. */
public abstract sealed class Kernel implements AutoCloseable permits ReferenceKernel, NativeKernel {
    protected final Layout layout;
    private boolean closed;

    protected Kernel(Layout layout) {
        this.layout = layout;
    }

    /** Opens a kernel and allocates its {@link Layout#bytes()}, zeroed, once.
     *  @param choice {@code auto}: native, or the reference with a warning where the library cannot be loaded;
     *                {@code native}, or an error; {@code avx512}, {@code avx2}, {@code portable}: native on this instruction
     *                set, or an error; {@code reference}: plain Java in double precision */
    public static Kernel open(String choice, Layout layout) {
        return switch (choice) {
            case "reference" -> new ReferenceKernel(layout);
            case "auto" -> NativeLibrary.isLoaded() ? new NativeKernel(layout, "best") : new ReferenceKernel(layout);
            case "native" -> new NativeKernel(layout, "best");
            case "avx512", "avx2", "portable" -> new NativeKernel(layout, choice);
            default -> throw new IllegalArgumentException("kernel is '" + choice
                    + "', expected one of auto, native, avx512, avx2, portable, reference; set spark.rondo.kernel");
        };
    }

    /** @throws IllegalArgumentException if {@link #open} could not open this kernel on this machine */
    public static void check(String choice) {
        open(choice, Layout.forScoring(new Network(1, 1, 1, 1), 1, 1)).close();
    }

    /** What runs, for logs and provenance: {@code reference}, {@code native avx512}. */
    public abstract String description();

    /** Copies a vector in the order of {@link Network#tensors()} into a block, in the kernel's own order.
     *  @param canonical parameterCount floats */
    public abstract void load(Block block, float[] canonical);

    /** The inverse of {@link #load}. */
    public abstract void store(Block block, float[] canonical);

    /** Copies {@code rows x cols} floats, without padding, from {@code source[at..]} into {@code m}. */
    public abstract void write(float[] source, int at, Matrix m);

    /** The inverse of {@link #write}. */
    public abstract void read(Matrix m, float[] target, int at);

    /** Copies the first {@code to.rows()} rows of {@code from}; the two do not overlap, and have the same columns. */
    public abstract void copy(Matrix from, Matrix to);

    /** Sets all of {@code m} to zero. */
    public abstract void zero(Matrix m);

    /** Copies {@code columns} columns of all rows of {@code from} to other columns of {@code to}, which has as many rows. */
    public abstract void copyColumns(Matrix from, int fromColumn, Matrix to, int toColumn, int columns);

    /** out[n] = weight[ids[n]].
     *  @param ids seqLen*batch, time-major, each in [0, vocab) */
    public abstract void embeddingForward(Layout.Embedding e, int[] ids);

    /** dWeight = 0, then dWeight[ids[n]] += dOut[n] for n ascending. */
    public abstract void embeddingBackward(Layout.Embedding e, int[] ids);

    /** W of the head = weight of the embedding, in the head's own order: before {@link #denseForward} where they are tied. */
    public abstract void tie(Layout.Embedding e, Layout.Dense d);

    /** dWeight += dW: after {@link #embeddingBackward} where they are tied. */
    public abstract void addTied(Layout.Embedding e, Layout.Dense d);

    /** to = from * mask / (1 - rate); element e = row*stride + col is kept where the word e % 4 of
     *  {@link Philox}(counter (e/4, layer, window, shard), key seed) is at least rate * 2^32. In place where to equals from;
     *  the same call on a gradient is the backward pass.
     *  @param period rows after which the mask repeats: all of them, or batch for one mask a window (variational dropout, Gal
     *                and Ghahramani 2016) */
    public abstract void dropout(Matrix from, Matrix to, double rate, Draw draw, int layer, int period);

    /** Equations (3) to (8), or (17), for all steps, from the state before the first. Leaves gates, c, tanh(c) and h.
     *  @param lengths of the batch's sequences, each in [0, seqLen]: steps from there on leave the state as it is; null: all
     *                 are seqLen */
    public abstract void recurrentForward(Layout.Recurrent r, int[] lengths);

    /** Backward through {@link #recurrentForward}: reads dh (and adds to it what comes from later steps), starts from dc = 0.
     *  Overwrites gates by their gradients; writes dWx, dWh, db, dp, and dx where it is not null. */
    public abstract void recurrentBackward(Layout.Recurrent r, int[] lengths);

    /** z = W x + b (9). */
    public abstract void denseForward(Layout.Dense d);

    /** p = softmax(z); loss[n] = -log p[n][targets[n]], 0 where targets[n] is negative. Whether z or p is kept until
     *  {@link #softmaxBackward} is the kernel's affair.
     *  @param targets a row each, below outputs; negative: this row does not count. Null: probabilities only */
    public abstract void softmaxForward(Layout.Dense d, int[] targets);

    /** (10) for the loss times {@code scale}: z becomes dz = scale * (p - onehot(target)), 0 where a row does not count. */
    public abstract void softmaxBackward(Layout.Dense d, int[] targets, float scale);

    /** loss[n] = sum over outputs of (z - y)^2 / outputs (18), 0 where {@code counts[n]} is negative. */
    public abstract void squaredForward(Layout.Dense d, int[] counts);

    /** For the loss times {@code scale}: z becomes dz = scale * 2 (z - y) / outputs, 0 where a row does not count. */
    public abstract void squaredBackward(Layout.Dense d, int[] counts, float scale);

    /** From dz: writes dW, db and dx. Once after each {@link #softmaxBackward} or {@link #squaredBackward}, which may leave making
     *  dz to it. */
    public abstract void denseBackward(Layout.Dense d);

    /** The probabilities of {@code rows} rows from {@code first} on, after {@link #softmaxForward} and before any backward.
     *  @param into rows x outputs floats */
    public abstract void readProbabilities(Layout.Dense d, int first, int rows, float[] into);

    /** z of one row, after {@link #denseForward} and before any backward.
     *  @param into outputs floats */
    public abstract void readOutputs(Layout.Dense d, int row, float[] into);

    /** Sum of all elements, in double precision, in a fixed order. */
    public abstract double sum(Matrix m);

    /** Sum of the squares of all elements, in double precision, in a fixed order. */
    public abstract double sumOfSquares(Matrix m);

    /** parameters -= learningRate * g with g = scale * gradient; with momentum, as PyTorch has it, v = momentum * v + g (v = g
     *  at the first step) in FIRST_MOMENT, and the step is v, or g + momentum * v for Nesterov's.
     *  @param step 1 at the first update */
    public abstract void sgd(float learningRate, float momentum, boolean nesterov, int step, float scale);

    /** Adam (Kingma and Ba 2015) as PyTorch computes it, with g = scale * gradient:
     *  m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
     *  w -= learningRate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon).
     *  @param weightDecay decoupled (AdamW, Loshchilov and Hutter 2019): w -= learningRate * weightDecay * w comes first
     *  @param step        1 at the first update */
    public abstract void adam(float learningRate, float beta1, float beta2, float epsilon, float weightDecay, int step, float scale);

    /** Frees the memory.
     *  @throws IllegalStateException if a guard between two matrices was overwritten */
    protected abstract void free();

    /** Frees the memory, once; closing again does nothing. */
    @Override public final void close() {
        if (closed) return;
        closed = true;
        free();
    }

    public Layout layout() {
        return layout;
    }

    /** @throws IllegalArgumentException unless there are {@code rows} ids, each in [least, end) */
    void checkIds(String what, int[] ids, int rows, int least, int end) {
        checkOpen();
        if (ids.length != rows)
            throw new IllegalArgumentException(what + " of a window are " + ids.length + ", expected " + rows + ": the kernel was opened for seqLen "
                    + layout.seqLen + " x batch " + layout.batch);
        for (int i = 0; i < rows; i++)
            if (ids[i] < least || ids[i] >= end)
                throw new IllegalArgumentException(what + " of step " + i / layout.batch + ", sequence " + i % layout.batch + " is "
                        + ids[i] + ", expected " + least + " to " + (end - 1));
    }

    /** @throws IllegalArgumentException unless every sequence of the batch has a length in [0, seqLen] */
    void checkLengths(int[] lengths) {
        if (lengths != null) checkIds("lengths", lengths, layout.batch, 0, layout.seqLen + 1);
    }

    /** @throws IllegalArgumentException unless the vector has parameterCount floats */
    void checkVector(float[] canonical) {
        checkOpen();
        int expected = layout.network.parameterCount();
        if (canonical.length != expected)
            throw new IllegalArgumentException("vector has " + canonical.length + " floats, " + layout.network + " has " + expected + " parameters");
    }

    /** @throws IndexOutOfBoundsException unless the head has these rows, and the array room for them */
    void checkRows(Layout.Dense d, int first, int rows, float[] into) {
        checkOpen();
        Objects.checkFromIndexSize(first, rows, d.rows());
        Objects.checkFromIndexSize(0, (long) rows * d.outputs(), into.length);
    }

    static void checkRate(double rate) {
        if (!(rate >= 0 && rate < 1)) throw new IllegalArgumentException("dropout rate is " + rate + ", expected 0 or more, and less than 1");
    }

    void checkOpen() {
        if (closed) throw new IllegalStateException("this kernel is closed; open a new one");
    }
}
