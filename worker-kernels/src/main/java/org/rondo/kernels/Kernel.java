package org.rondo.kernels;

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

    /** out[n] = weight[ids[n]].
     *  @param ids seqLen*batch, time-major, each in [0, vocab); the caller has checked them with {@link #checkIds} */
    public abstract void embeddingForward(Layout.Embedding e, int[] ids);

    /** dWeight = 0, then dWeight[ids[n]] += dOut[n] for n ascending. */
    public abstract void embeddingBackward(Layout.Embedding e, int[] ids);

    /** to = from * mask / (1 - rate); element e = row*stride + col is kept where the word e % 4 of
     *  {@link Philox}(counter (e/4, layer, window, shard), key seed) is at least rate * 2^32. In place where to equals from;
     *  the same call on a gradient is the backward pass. */
    public abstract void dropout(Matrix from, Matrix to, double rate, Draw draw, int layer);

    /** Equations (3) to (8) for steps 1..seqLen, from h and c of step 0. Leaves gates, c, tanh(c) and h. */
    public abstract void lstmForward(Layout.Lstm l);

    /** Backward through {@link #lstmForward}: reads dh (and adds to it what comes from later steps), starts from dc = 0.
     *  Overwrites gates by their gradients; writes dWx, dWh, db, and dx where it is not null. */
    public abstract void lstmBackward(Layout.Lstm l);

    /** z = W x + b and p = softmax(z) (9); loss[n] = -log p[n][targets[n]], 0 where targets[n] is negative. Whether z or p is
     *  kept until {@link #softmaxBackward} is the kernel's affair.
     *  @param targets seqLen*batch, each below vocab; negative: this token does not count. Null: probabilities only */
    public abstract void softmaxForward(Layout.Softmax s, int[] targets);

    /** Backward from the loss times {@code scale} (10): z becomes dz = scale * (p - onehot(target)), 0 where a token does not
     *  count; writes dW, db and dx. */
    public abstract void softmaxBackward(Layout.Softmax s, int[] targets, float scale);

    /** The probabilities of one token, after {@link #softmaxForward}.
     *  @param into vocab floats */
    public abstract void readProbabilities(Layout.Softmax s, int row, float[] into);

    /** Sum of all elements, in double precision, in a fixed order. */
    public abstract double sum(Matrix m);

    /** Sum of the squares of all elements, in double precision, in a fixed order. */
    public abstract double sumOfSquares(Matrix m);

    /** parameters -= learningRate * scale * gradients. */
    public abstract void sgd(float learningRate, float scale);

    /** Adam (Kingma and Ba 2015) as PyTorch computes it, weight decay 0, with g = scale * gradient:
     *  m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
     *  w -= learningRate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon).
     *  @param step 1 at the first update */
    public abstract void adam(float learningRate, float beta1, float beta2, float epsilon, int step, float scale);

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

    /** @throws IllegalArgumentException unless there are seqLen*batch ids, each in [least, vocab) */
    void checkIds(String what, int[] ids, int least) {
        checkOpen();
        int n = layout.batch * layout.seqLen, vocab = layout.network.vocab();
        if (ids.length != n)
            throw new IllegalArgumentException(what + " of a window are " + ids.length + ", the kernel was opened for seqLen "
                    + layout.seqLen + " x batch " + layout.batch + " = " + n);
        for (int i = 0; i < n; i++)
            if (ids[i] < least || ids[i] >= vocab)
                throw new IllegalArgumentException(what + " of step " + i / layout.batch + ", stream " + i % layout.batch + " is "
                        + ids[i] + ", expected " + least + " to " + (vocab - 1));
    }

    /** @throws IllegalArgumentException unless the vector has parameterCount floats */
    void checkVector(float[] canonical) {
        checkOpen();
        int expected = layout.network.parameterCount();
        if (canonical.length != expected)
            throw new IllegalArgumentException("vector has " + canonical.length + " floats, " + layout.network + " has " + expected + " parameters");
    }

    static void checkRate(double rate) {
        if (!(rate >= 0 && rate < 1)) throw new IllegalArgumentException("dropout rate is " + rate + ", expected 0 or more, and less than 1");
    }

    void checkOpen() {
        if (closed) throw new IllegalStateException("this kernel is closed; open a new one");
    }
}
