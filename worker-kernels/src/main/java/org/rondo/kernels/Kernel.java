package org.rondo.kernels;

import org.rondo.kernels.Layout.Block;

/** A memory laid out by a {@link Layout}, and the operations on it: each on one layer over one whole window. The network is
 *  composed from them once, in {@link UnrolledNetwork}, so that every architecture works on every kernel.
 *
 *  <p>One kernel, one task, one operation at a time, for which a kernel may have threads. Every operation is deterministic to the
 *  bit on one instruction set, whatever the number of threads. Arguments are checked here, by the methods named check; what is below trusts them. Operands are those of this kernel's own
 *  {@link #layout}, and anything else is an IllegalArgumentException, so that nothing outside its memory is ever touched. */
public abstract sealed class Kernel implements AutoCloseable permits ReferenceKernel, NativeKernel {
    protected Layout layout;
    private final long capacity;
    private boolean closed;

    protected Kernel(Layout layout) {
        this.layout = layout;
        this.capacity = layout.floats();
    }

    /** Opens a kernel and allocates its {@link Layout#bytes()}, zeroed, once.
     *  @param choice {@code auto}: native, or the reference with a warning where the library cannot be loaded;
     *                {@code native}, or an error; {@code avx512}, {@code avx2}, {@code portable}: native on this instruction
     *                set, or an error; {@code reference}: plain Java in double precision */
    public static Kernel open(String choice, Layout layout) {
        return open(choice, layout, 1);
    }

    /** As {@link #open(String, Layout)}.
     *  @param threads that the native kernel's operations are shared out to, the caller's being one; the others end when the kernel
     *                 closes. The reference has no use for them */
    public static Kernel open(String choice, Layout layout, int threads) {
        return switch (String.valueOf(choice)) {
            case "reference" -> new ReferenceKernel(layout);
            case "auto" -> NativeLibrary.isLoaded() ? new NativeKernel(layout, "best", threads) : new ReferenceKernel(layout);
            case "native" -> new NativeKernel(layout, "best", threads);
            case "avx512", "avx2", "portable" -> new NativeKernel(layout, choice, threads);
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

    /** Lays the memory out for windows of another size, where they need no more of it. Parameters and moments stay; gradients and
     *  activations are gone.
     *  @throws IllegalArgumentException if they do need more */
    public final void resize(Window.Size size) {
        checkOpen();
        if (size.equals(layout.size)) return;
        Layout resized = layout.resized(size);
        if (resized.floats() > capacity)
            throw new IllegalArgumentException("a window of " + size + " needs " + resized.floats() + " floats with " + layout.network + ", expected at most the "
                    + capacity + " that the kernel was opened with; open it for the largest window");
        relay(resized);
        layout = resized;
    }

    /** All that lies behind the blocks becomes zero where something counts on it: padding above all. */
    protected abstract void relay(Layout resized);

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

    /** (20), (21) and (24): the losses of a sequence's rows add up to -log of the probability of its targets; and p, the probabilities
     *  of its labels at every step. z stays as it is.
     *  @param targets at every step of a sequence, or at none, where it does not count. Null: probabilities only
     *  @param lengths as for {@link #recurrentForward}; past its length a sequence has no targets */
    public abstract void crfForward(Layout.Dense d, int[] targets, int[] lengths);

    /** (25) for the loss times {@code scale}: z becomes dz = scale * (p - onehot(target)), 0 where a row does not count; writes the
     *  gradients of the transitions. After {@link #crfForward} with the same targets and lengths. */
    public abstract void crfBackward(Layout.Dense d, int[] targets, int[] lengths, float scale);

    /** (22): the best labels under z and what is allowed, of a CRF, or of a softmax, whose transitions all score 0. After
     *  {@link #denseForward} and before any backward. Where two are equally good, the lower label wins, from the last step to the first.
     *  @param lengths as for {@link #recurrentForward}
     *  @param allowed whether label y may follow x at x*outputs + y, then whether a sequence may start with y, then whether it may
     *                 end with it: outputs * (outputs + 2). Null: all may
     *  @param into    a label for every row, {@link Window#NONE} past its sequence's length
     *  @throws IllegalArgumentException if nothing is allowed for one of the sequences, or {@link Layout#decodes} is false */
    public abstract void viterbi(Layout.Dense d, int[] lengths, boolean[] allowed, int[] into);

    /** From dz: writes dW, db and dx. Once after each {@link #softmaxBackward}, {@link #squaredBackward} or {@link #crfBackward}, which
     *  may leave making dz to it. */
    public abstract void denseBackward(Layout.Dense d);

    /** The probabilities of {@code rows} rows from {@code first} on, after {@link #softmaxForward} or {@link #crfForward} and before any
     *  backward; of a CRF, 0 past a sequence's length.
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

    /** @param trains whether the operation needs gradients */
    void check(Layout.Embedding e, boolean trains) {
        boolean own = false;
        for (Layout.Embedding mine : layout.embeddings) own |= e == mine;
        checkOwn("embedding", e, own, trains);
    }

    void check(Layout.Recurrent r, int[] lengths, boolean trains) {
        boolean own = false;
        for (Layout.Recurrent mine : layout.recurrents) own |= r == mine;
        checkOwn("recurrent layer", r, own, trains);
        if (lengths != null) checkIds("lengths", lengths, r.batch(), 1, 0, r.seqLen() + 1);
    }

    private void checkLengths(int[] lengths) {
        if (lengths != null) checkIds("lengths", lengths, layout.batch, 1, 0, layout.seqLen + 1);
    }

    void check(Layout.Dense d, boolean trains) {
        checkOwn("dense layer", d, d == layout.head, trains);
    }

    void checkTied(Layout.Embedding e, Layout.Dense d, boolean trains) {
        check(e, trains);
        check(d, trains);
        if (!layout.network.tied()) throw new IllegalArgumentException("embedding and head of " + layout.network + " are not tied, expected a network with tied=true");
    }

    void checkHead(Layout.Dense d, Loss loss, boolean trains) {
        check(d, trains);
        Loss own = layout.network.head().loss();
        if (loss != own) throw new IllegalArgumentException("the operation is of the loss " + loss.label() + ", expected one of the head's: " + own.label());
    }

    void checkInputs(Layout.Embedding e, int[] ids, boolean trains) {
        check(e, trains);
        checkIds("inputs", ids, e.batch(), e.seqLen(), 0, e.vocab());
    }

    void checkTargets(Layout.Dense d, int[] targets, Loss loss, boolean trains) {
        checkHead(d, loss, trains);
        checkIds(targetsName(), targets, layout.batch, d.rows() / layout.batch, Window.NONE, layout.network.head().classes() ? d.outputs() : 1);
    }

    void checkCrf(Layout.Dense d, int[] targets, int[] lengths, boolean trains) {
        checkHead(d, Loss.CRF, trains);
        checkLengths(lengths);
        if (targets == null && !trains) return;
        checkTargets(d, targets, Loss.CRF, trains);
        checkPadding(targets, lengths);
        for (int n = 0; n < targets.length; n++) {
            int t = n / layout.batch, b = n % layout.batch;
            if ((lengths == null || t < lengths[b]) && targets[n] < 0 != targets[b] < 0)
                throw new IllegalArgumentException("targets of step " + t + ", sequence " + b + " is " + targets[n] + ", but that of its first step is " + targets[b]
                        + "; expected labels at all of its steps, or Window.NONE (" + Window.NONE + ") at all for a sequence that does not count");
        }
    }

    void checkViterbi(Layout.Dense d, int[] lengths, boolean[] allowed, int[] into) {
        check(d, false);
        if (!layout.decodes())
            throw new IllegalArgumentException("head is " + layout.network.head() + ", expected a CRF, or a softmax at every step over at most " + Layout.MOST_DECODED
                    + " labels");
        checkLengths(lengths);
        if (into == null || into.length != d.rows())
            throw new IllegalArgumentException("array has room for " + (into == null ? "null" : into.length) + " labels, expected " + d.rows() + ", one for every row");
        if (allowed != null) Decoding.check(allowed, d.outputs(), lengths, layout.batch, layout.seqLen);
    }

    void checkProbabilities(Layout.Dense d, int first, int rows, float[] into) {
        checkRows(d, first, rows, into);
        Head head = layout.network.head();
        if (!head.classes()) throw new IllegalArgumentException("the head's loss is " + head.loss().label() + ", which has no probabilities; expected one of classes");
    }

    /** Rows of the head that are read into an array. */
    void checkRows(Layout.Dense d, int first, int rows, float[] into) {
        check(d, false);
        if (first < 0 || rows < 0 || first > d.rows() - rows)
            throw new IllegalArgumentException("rows are " + rows + " from " + first + " on, expected some of 0 to " + (d.rows() - 1));
        checkRoom(into, 0, (long) rows * d.outputs(), "rows of outputs");
    }

    /** What a layer or the head is made of need not be looked at: it is this layout's own, or it is refused. */
    private void checkOwn(String what, Object operand, boolean own, boolean trains) {
        checkOpen();
        if (!own) throw new IllegalArgumentException(what + " is " + (operand == null ? "null" : "of another layout") + ", expected one of this kernel's layout(), of "
                + layout.network);
        if (trains && !layout.training)
            throw new IllegalArgumentException("the operation needs gradients, but the layout is for scoring; expected one of Layout.forTraining");
    }

    void check(Matrix m) {
        checkOpen();
        if (m == null || !layout.encloses(m))
            throw new IllegalArgumentException("operand is " + m + ", expected a matrix of this kernel's layout(), or rows of one");
    }

    void checkCopy(Matrix from, Matrix to) {
        check(from);
        check(to);
        if (to.rows() > from.rows() || to.cols() != from.cols() || overlap(from, to))
            throw new IllegalArgumentException("from " + from + " to " + to + ", expected as many columns, no more rows, and no overlap");
    }

    void checkCopy(Matrix from, int fromColumn, Matrix to, int toColumn, int columns) {
        check(from);
        check(to);
        boolean within = columns >= 0 && fromColumn >= 0 && fromColumn <= from.cols() - columns && toColumn >= 0 && toColumn <= to.cols() - columns;
        if (to.rows() != from.rows() || !within || overlap(from, to))
            throw new IllegalArgumentException(columns + " columns from " + fromColumn + " on of " + from + " to " + toColumn + " of " + to
                    + ", expected columns that both have, as many rows, and no overlap");
    }

    static boolean overlap(Matrix a, Matrix b) {
        return a.offset() < b.offset() + b.floats() && b.offset() < a.offset() + a.floats();
    }

    void checkDropout(Matrix from, Matrix to, double rate, Draw draw, int period) {
        check(from);
        if (!from.equals(to)) checkCopy(from, to);
        checkRate(rate);
        if (draw == null) throw new IllegalArgumentException("draw is null, expected the window's");
        if (from.rows() != to.rows() || period < 1 || period > to.rows())
            throw new IllegalArgumentException("dropout with period " + period + " from " + from + " to " + to + ", expected as many rows in both, and a period of 1 to "
                    + to.rows());
    }

    /** An array that a matrix is written from or read into. */
    void checkArray(float[] array, int at, Matrix m) {
        check(m);
        checkRoom(array, at, (long) m.rows() * m.cols(), m.name());
    }

    private static void checkRoom(float[] array, int at, long count, String what) {
        if (array == null || at < 0 || at > array.length - count)
            throw new IllegalArgumentException("array has " + length(array) + " floats, expected " + count + " from " + at + " on for " + what);
    }

    /** For messages. */
    static String length(float[] array) {
        return array == null ? "null" : String.valueOf(array.length);
    }

    /** @param all bytes of this kind that there are, free or not */
    IllegalStateException noMemory(String kind, long bytes, long all, String setting) {
        return new IllegalStateException("no " + kind + " for a kernel: " + bytes + " bytes wanted for " + layout.network + ", batch " + layout.batch + ", seqLen "
                + layout.seqLen + ", expected less than is free of " + all + "; lower batch, seqLen or hidden, or raise " + setting);
    }

    void checkStep(int step) {
        checkOpen();
        if (step < 1) throw new IllegalArgumentException("step is " + step + ", expected 1 at the first update, and one more at each");
    }

    /** @throws IllegalArgumentException unless there are steps*batch ids, each in [least, end) */
    private void checkIds(String what, int[] ids, int batch, int steps, int least, int end) {
        int rows = batch * steps;
        if (ids == null || ids.length != rows)
            throw new IllegalArgumentException(what + " of a window are " + (ids == null ? "null" : ids.length) + ", expected " + rows + ": the kernel was opened for "
                    + (steps == 1 ? "" : "seqLen " + steps + " x ") + "batch " + batch);
        for (int i = 0; i < rows; i++)
            if (ids[i] < least || ids[i] >= end)
                throw new IllegalArgumentException(what + " of " + (steps == 1 ? "" : "step " + i / batch + ", ") + "sequence " + i % batch
                        + " is " + ids[i] + ", expected " + least + " to " + (end - 1));
    }

    /** A step past the end of its sequence has no h of its own, so its target must not count. Null is nothing to check, and what
     *  is not as long as it must be is left to the operation that takes it.
     *  @throws IllegalArgumentException if there is one that does */
    void checkPadding(int[] targets, int[] lengths) {
        int batch = layout.batch;
        if (targets == null || lengths == null || lengths.length != batch || !layout.network.head().atEveryStep()) return;
        for (int n = 0; n < Math.min(targets.length, batch * layout.seqLen); n++)
            if (targets[n] >= 0 && n / batch >= lengths[n % batch])
                throw new IllegalArgumentException(targetsName() + " of step " + n / batch + ", sequence " + n % batch + " is " + targets[n]
                        + ", but the sequence has length " + lengths[n % batch] + "; expected Window.NONE (" + Window.NONE + ") at each step from there on");
    }

    private String targetsName() {
        return layout.network.head().classes() ? "targets" : "counts";
    }

    /** @throws IllegalArgumentException unless the vector has parameterCount floats */
    void checkVector(Block block, float[] canonical) {
        checkOpen();
        layout.block(block);
        int expected = layout.network.parameterCount();
        if (canonical == null || canonical.length != expected)
            throw new IllegalArgumentException("vector has " + length(canonical) + " floats, expected " + expected + ", the parameters of " + layout.network);
    }

    static void checkRate(double rate) {
        if (!(rate >= 0 && rate < 1)) throw new IllegalArgumentException("dropout rate is " + rate + ", expected 0 or more, and less than 1");
    }

    private void checkOpen() {
        if (closed) throw new IllegalStateException("this kernel is closed; open a new one");
    }
}
