package org.rondo.kernels;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Where everything of one replica lies in its kernel's memory, so that its bytes are known before a kernel is opened.
 *
 *  <p>Activations are time-major: row t*batch + b of a matrix belongs to stream b at step t. {@code h} and {@code c} of a
 *  layer have one step more than the window: step 0 is the state carried in, step seqLen the one carried out.
 *
 *  <p>Parameters, gradients and the optimiser's moments are blocks of one form, so that norms and updates are one sweep over
 *  a block. A tensor has {@code rows x 64} floats in a block, enough for the native kernel's panels of 64 columns
 *  (kernel.h); how a kernel orders a tensor in its place is its own affair, see {@link Kernel#load}.
 *
 *  <p>On either side of every matrix lie {@value #GUARD} floats of guard, checked when the kernel closes. */
public final class Layout {
    /** Floats of guard between two matrices: one cache line. */
    static final int GUARD = 16;
    /** Floats of the widest register; strides and offsets are multiples of it. */
    static final int VECTOR = 16;
    /** Columns of a panel of weights. */
    static final int PANEL = 64;
    /** Rows of a window that the native backward pass of a layer packs at a time, and the widest tile that it packs them in. */
    static final int PACKED_ROWS = 256, PACKED_TILE = 16;

    /** Blocks of the same form: {@link #at(Block, Tensor)}. */
    public enum Block { PARAMETERS, GRADIENTS, FIRST_MOMENT, SECOND_MOMENT }

    /** out[n] = weight[id[n]]; weight has vocab rows, out and dOut have seqLen*batch. */
    public record Embedding(int vocab, int width, int batch, int seqLen,
                            Matrix weight, Matrix dWeight, Matrix out, Matrix dOut) { }

    /** One LSTM layer over a window. {@code x}: seqLen*batch rows of I; {@code h}, {@code c}: (seqLen+1)*batch rows of H;
     *  {@code dh}: gradient of h of steps 1..seqLen, from above; {@code dc}: batch rows of H, running backward in time. */
    public record Lstm(int I, int H, int batch, int seqLen, Matrix Wx, Matrix Wh, Matrix b, Matrix dWx, Matrix dWh, Matrix db,
                       Matrix x, Matrix h, Matrix c, Matrix tanhC, Matrix gates, Matrix dx, Matrix dh, Matrix dc,
                       Matrix scratch) {
        /** h of steps 1..seqLen: what the layer above reads. */
        public Matrix out() {
            return h.fromRow(batch);
        }
    }

    /** z = W x + b, softmax, cross-entropy. {@code x}, {@code dx}: seqLen*batch rows of H; {@code z}: seqLen*batch rows of
     *  vocab, in panels; {@code loss}: one row, a number for every token; {@code sums}: what turns a row of z into
     *  probabilities, for the native kernel, which keeps z itself. */
    public record Softmax(int vocab, int H, int batch, int seqLen, Matrix W, Matrix b, Matrix dW, Matrix db,
                          Matrix x, Matrix z, Matrix loss, Matrix dx, Matrix sums, Matrix scratch) { }

    public final Network network;
    public final int batch, seqLen;
    public final boolean training;
    public final Embedding embedding;
    public final List<Lstm> layers;
    public final Softmax softmax;
    /** A window's token ids or targets, on their way into an operation of the native kernel. */
    final Matrix ids;
    /** Nothing in it outlives an operation. */
    final Matrix scratch;

    private final List<Matrix> matrices = new ArrayList<>();
    private final Map<Block, Matrix> blocks = new EnumMap<>(Block.class);
    private final Map<String, Matrix> places = new HashMap<>();
    private long end = GUARD;

    /** Forward only. */
    public static Layout forScoring(Network network, int batch, int seqLen) {
        return new Layout(network, batch, seqLen, false, false, 0);
    }

    /** Forward, backward and update.
     *  @param dropout whether activations are kept both before and after dropout
     *  @param moments the optimiser's: 0 for SGD, 2 for Adam */
    public static Layout forTraining(Network network, int batch, int seqLen, boolean dropout, int moments) {
        return new Layout(network, batch, seqLen, true, dropout, moments);
    }

    private Layout(Network network, int batch, int seqLen, boolean training, boolean dropout, int moments) {
        if (batch < 1 || seqLen < 1 || (long) batch * seqLen > 1 << 24)
            throw new IllegalArgumentException("window of seqLen " + seqLen + " x batch " + batch
                    + ": both must be at least 1, and their product at most " + (1 << 24));
        this.network = network;
        this.batch = batch;
        this.seqLen = seqLen;
        this.training = training;
        for (Tensor t : network.tensors()) places.put(t.name(), within(t));
        long blockFloats = places.values().stream().mapToLong(Matrix::floats).sum();
        int count = training ? 2 + moments : 1;
        for (Block block : List.of(Block.values()).subList(0, count))
            blocks.put(block, claim(new Matrix(block.name().toLowerCase(), 0, Math.toIntExact(blockFloats / VECTOR), VECTOR, VECTOR)));

        int n = batch * seqLen, H = network.hidden(), V = network.vocab();
        ids = claim("ids", 1, n);
        long scratchFloats = Math.max(stagedFloats(), training ? scratchFloats() : 0);
        scratch = claim(new Matrix("scratch", 0, Math.toIntExact(scratchFloats / VECTOR + 1), VECTOR, VECTOR));
        Matrix below = claim("embedded", n, network.embedding());
        Matrix dBelow = training ? claim("d embedded", n, network.embedding()) : null;
        embedding = new Embedding(V, network.embedding(), batch, seqLen, at(Block.PARAMETERS, "embedding.weight"),
                at(Block.GRADIENTS, "embedding.weight"), below, dBelow);
        layers = new ArrayList<>();
        for (int l = 0; l < network.layers(); l++) {
            int I = network.inputSize(l);
            Matrix x = dropout && l > 0 ? claim("x" + l, n, I) : below;
            Lstm layer = new Lstm(I, H, batch, seqLen,
                    at(Block.PARAMETERS, "weight_ih_l" + l), at(Block.PARAMETERS, "weight_hh_l" + l), at(Block.PARAMETERS, "bias_l" + l),
                    at(Block.GRADIENTS, "weight_ih_l" + l), at(Block.GRADIENTS, "weight_hh_l" + l), at(Block.GRADIENTS, "bias_l" + l),
                    x, claim("h" + l, n + batch, H), claim("c" + l, n + batch, H), claim("tanhC" + l, n, H),
                    claim("gates" + l, Math.multiplyExact(n, divideUp(H, VECTOR)), PANEL),
                    dBelow, training ? claim("dh" + l, n, H) : null, training ? claim("dc" + l, batch, H) : null, scratch);
            layers.add(layer);
            below = layer.out();
            dBelow = layer.dh();
        }
        softmax = new Softmax(V, H, batch, seqLen, at(Block.PARAMETERS, "output.weight"), at(Block.PARAMETERS, "output.bias"),
                at(Block.GRADIENTS, "output.weight"), at(Block.GRADIENTS, "output.bias"),
                dropout ? claim("x of softmax", n, H) : below, claim("z", Math.multiplyExact(n, divideUp(V, PANEL)), PANEL), claim("loss", 1, n), dBelow,
                claim("sums", n, 2 * VECTOR), scratch);
    }

    /** Floats of the whole memory. */
    public long floats() {
        return end;
    }

    /** Bytes that the native kernel allocates for this layout, all at once. */
    public long bytes() {
        return end * Float.BYTES;
    }

    public boolean has(Block block) {
        return blocks.containsKey(block);
    }

    /** A whole block, for sweeps that do not care about tensors.
     *  @throws IllegalArgumentException if this layout has no such block */
    public Matrix block(Block block) {
        Matrix m = blocks.get(block);
        if (m == null) throw new IllegalArgumentException("this layout has no " + block + "; it has " + blocks.keySet());
        return m;
    }

    /** The place of a tensor in a block. */
    public Matrix at(Block block, Tensor tensor) {
        return at(block, tensor.name());
    }

    /** All matrices that guards enclose, in the order of their offsets; blocks count as one. */
    List<Matrix> matrices() {
        return matrices;
    }

    /** Floats of the canonical rows that make up one panel: a tensor is loaded and stored panel by panel. */
    private long stagedFloats() {
        return (long) PANEL * Math.max(network.embedding(), network.hidden());
    }

    /** Floats that the transposed weights of one layer and a packed block of its input need, or one panel of the softmax's
     *  transposed weights and its whole packed input: the most that an operation needs. */
    private long scratchFloats() {
        long most = 0;
        long gates = 4L * divideUp(network.hidden(), VECTOR) * VECTOR;
        for (int l = 0; l < network.layers(); l++) {
            int I = network.inputSize(l);
            long transposed = gates * PANEL * (divideUp(network.hidden(), PANEL) + divideUp(I, PANEL));
            most = Math.max(most, transposed + packedFloats(PACKED_ROWS, Math.max(I, network.hidden())));
        }
        long transposed = (long) PANEL * PANEL * divideUp(network.hidden(), PANEL);
        return Math.max(most, transposed + packedFloats(batch * seqLen, network.hidden()));
    }

    private static long packedFloats(int rows, int cols) {
        return (long) rows * (cols + PACKED_TILE);
    }

    /** A tensor's place, from the start of its block. Vocabulary and gates are padded to whole panels. */
    private Matrix within(Tensor t) {
        String name = t.name();
        int from = Math.toIntExact(places.values().stream().mapToLong(Matrix::floats).sum());
        int gatePanels = divideUp(network.hidden(), VECTOR), vocabPanels = divideUp(network.vocab(), PANEL);
        if (name.equals("embedding.weight")) return matrix(name, from, network.vocab(), network.embedding());
        if (name.startsWith("output.")) return matrix(name, from, vocabPanels * (t.shape().size() == 2 ? t.shape().get(1) : 1), PANEL);
        return matrix(name, from, gatePanels * (t.shape().size() == 2 ? t.shape().get(1) : 1), PANEL);
    }

    private Matrix at(Block block, String tensor) {
        if (!has(block)) return null;
        Matrix m = places.get(tensor);
        return new Matrix(tensor, block(block).offset() + m.offset(), m.rows(), m.cols(), m.stride());
    }

    private Matrix claim(String name, int rows, long cols) {
        return claim(matrix(name, 0, rows, Math.toIntExact(cols)));
    }

    private Matrix claim(Matrix m) {
        Matrix placed = new Matrix(m.name(), end, m.rows(), m.cols(), m.stride());
        end += placed.floats() + GUARD;
        matrices.add(placed);
        return placed;
    }

    private static Matrix matrix(String name, long offset, int rows, int cols) {
        return new Matrix(name, offset, rows, cols, divideUp(cols, VECTOR) * VECTOR);
    }

    private static int divideUp(int a, int b) {
        return (a + b - 1) / b;
    }
}
