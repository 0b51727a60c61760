package org.rondo.kernels;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Where everything of one replica lies in its kernel's memory, so that its bytes are known before a kernel is opened.
 *
 *  <p>Activations are time-major: row t*batch + b of a matrix belongs to sequence b at step t. {@code h} and {@code c} of a
 *  layer have one step more than the window, for the state before the first step: step 0 where a layer runs forward in time,
 *  step seqLen where it runs in reverse.
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
    /** Rows of probabilities that are written at a time, on their way out of the native kernel. */
    private static final int READ_ROWS = 16;
    /** Rows of a window that the native backward pass packs at a time, and panels of the head that it takes at a time. */
    static final int PACKED_ROWS = 1024, HEAD_PANELS = 4;
    private static final int MOST_TOKENS = 1 << 24;
    /** Labels of a softmax that can still be decoded: there is room for a table of their transitions, 1 MB. */
    public static final int MOST_DECODED = 512;
    /** Sequences that are decoded at a time. */
    private static final int DECODED_AT_ONCE = 4;

    /** Blocks of the same form: {@link #at(Block, Tensor)}. */
    public enum Block { PARAMETERS, GRADIENTS, FIRST_MOMENT, SECOND_MOMENT }

    /** out[n] = weight[id[n]]; weight has vocab rows, out and dOut have seqLen*batch. */
    public record Embedding(int vocab, int width, int batch, int seqLen,
                            Matrix weight, Matrix dWeight, Matrix out, Matrix dOut) { }

    /** One direction of one layer over a window. {@code x}, {@code dx}: seqLen*batch rows of I; {@code h}, {@code c}: (seqLen+1)*batch
     *  rows of H, see above; {@code dh}: gradient of h of the seqLen steps, from above; {@code dc}: batch rows of H, running
     *  backward in time. {@code p}: peepholes p_i p_f p_o, null without. {@code c}, {@code tanhC}, {@code dc} are null for the
     *  vanilla RNN.
     *  @param reverse from the last step to the first
     *  @param addsDx  dx += instead of dx =: the second direction of a layer */
    public record Recurrent(Cell cell, boolean reverse, boolean addsDx, int I, int H, int batch, int seqLen,
                            Matrix Wx, Matrix Wh, Matrix b, Matrix p, Matrix dWx, Matrix dWh, Matrix db, Matrix dp,
                            Matrix x, Matrix h, Matrix c, Matrix tanhC, Matrix gates, Matrix dx, Matrix dh, Matrix dc, Matrix scratch) {
        /** h of the seqLen steps. */
        public Matrix out() {
            return reverse ? h.first(seqLen * batch) : h.fromRow(batch);
        }

        /** The state of h or c before the first step. */
        Matrix before(Matrix state) {
            return reverse ? state.fromRow(seqLen * batch) : state.first(batch);
        }

        /** The state of h or c after the last step. Sequences that end earlier have kept theirs until here. */
        Matrix after(Matrix state) {
            return reverse ? state.first(batch) : state.fromRow(seqLen * batch);
        }
    }

    /** The directions of a layer, one or two; {@code out}: seqLen*batch rows of what the layer above reads, the one
     *  direction's h itself or both side by side; {@code dOut}: its gradient. */
    public record Layer(List<Recurrent> directions, Matrix out, Matrix dOut) { }

    /** What is made of the distinct words of a window: their {@code characters} are embedded, {@code layer} reads them, its last
     *  states are {@code tokens}' weight, a row a word, of which every token takes its word's.
     *  @param tokens its {@code out} lies beside the embedded tokens in the inputs of layer 0 */
    public record Spelled(Embedding characters, Layer layer, Embedding tokens) { }

    /** z = W x + b and a loss, of {@code batch} sequences. {@code x}, {@code dx}: rows of {@code inputs}; {@code z}: rows of
     *  {@code outputs}, in panels of 64; {@code loss}: one row, a number for every row of z; {@code y}: what z should be, for the
     *  squared error, else null; {@code sums}: what turns a row of z into probabilities, for a softmax of the native kernel, which keeps z
     *  itself, else null; {@code crf}: of a CRF, else null. */
    public record Dense(int outputs, int inputs, int rows, int batch, Matrix W, Matrix b, Matrix dW, Matrix db,
                        Matrix x, Matrix z, Matrix loss, Matrix y, Matrix dx, Matrix sums, Matrix scratch, Crf crf) { }

    /** Scores of transitions: {@code A} has a row for every label that a step comes from. {@code alpha} and {@code p}, the
     *  marginals: a row for every row of z, as wide; {@code beta}: in panels, as z. */
    public record Crf(Matrix A, Matrix start, Matrix end, Matrix dA, Matrix dStart, Matrix dEnd, Matrix alpha, Matrix beta, Matrix p) { }

    public final Network network;
    public final Window.Size size;
    public final int batch, seqLen;
    public final boolean training;
    /** Whether there is room for activations both before and after dropout. */
    public final boolean dropout;
    /** Null where the inputs are features. */
    public final Embedding embedding;
    /** Null where the network does not ask how words are spelled. */
    public final Spelled spelled;
    /** seqLen*batch rows that layer 0 reads: embedded tokens, and their words' spelling beside them, or features; {@code dInputs}: their
     *  gradient, null where there is no embedding. */
    public final Matrix inputs, dInputs;
    public final List<Layer> layers;
    public final Dense head;
    /** Directions of all layers, that of spelling among them, and all embeddings. */
    final List<Recurrent> recurrents;
    final List<Embedding> embeddings;
    /** A window's token ids, targets or labels, and the lengths of its sequences, on their way into an operation of the native
     *  kernel, or out of it. */
    final Matrix ids, lengths;
    /** Nothing in it outlives an operation. */
    final Matrix scratch;

    private final List<Matrix> matrices = new ArrayList<>();
    private final Map<Block, Matrix> blocks = new EnumMap<>(Block.class);
    private final Map<String, Matrix> places = new HashMap<>();
    private final int moments;
    private long end = GUARD;

    /** Forward only. */
    public static Layout forScoring(Network network, int batch, int seqLen) {
        return forScoring(network, new Window.Size(batch, seqLen));
    }

    /** As {@link #forScoring(Network, int, int)}. */
    public static Layout forScoring(Network network, Window.Size size) {
        return new Layout(network, size, false, false, 0);
    }

    /** Forward, backward and update.
     *  @param dropout whether activations are kept both before and after dropout
     *  @param moments the optimiser's: 0 for plain SGD, 1 with momentum, 2 for Adam */
    public static Layout forTraining(Network network, int batch, int seqLen, boolean dropout, int moments) {
        return forTraining(network, new Window.Size(batch, seqLen), dropout, moments);
    }

    /** As {@link #forTraining(Network, int, int, boolean, int)}. */
    public static Layout forTraining(Network network, Window.Size size, boolean dropout, int moments) {
        return new Layout(network, size, true, dropout, moments);
    }

    /** The same for windows of another size; its blocks lie where they lay. */
    public Layout resized(Window.Size size) {
        return new Layout(network, size, training, dropout, moments);
    }

    private Layout(Network network, Window.Size size, boolean training, boolean dropout, int moments) {
        this.size = size;
        this.batch = size.batch();
        this.seqLen = size.seqLen();
        this.moments = moments;
        checkWindow(batch, seqLen);
        if (network.spelling() != null) checkWindow(size.words(), size.characters());
        if (moments < 0 || moments > 2) throw new IllegalArgumentException("the optimiser's moments are " + moments + ", expected 0, 1 or 2");
        this.network = network;
        this.training = training;
        this.dropout = dropout;
        for (Tensor t : network.tensors()) places.put(t.name(), within(t));
        long blockFloats = places.values().stream().mapToLong(Matrix::floats).sum();
        int count = training ? 2 + moments : 1;
        for (Block block : List.of(Block.values()).subList(0, count))
            blocks.put(block, claim(block.name().toLowerCase(), blockFloats / VECTOR, VECTOR));

        int n = batch * seqLen, spelling = network.spelling() == null ? 0 : size.words() * size.characters();
        ids = claim("ids", 1, Math.max(n, spelling));
        lengths = claim("lengths", 1, Math.max(batch, size.words()));
        long scratchFloats = Math.max(Math.max(Math.max(stagedFloats(), readFloats()), labelFloats()), training ? scratchFloats() : 0);
        scratch = claim("scratch", scratchFloats / VECTOR + 1, VECTOR);
        inputs = claim("inputs", n, network.inputSize(0));
        dInputs = training && network.vocab() > 0 ? claim("d inputs", n, network.inputSize(0)) : null;
        spelled = network.spelling() == null ? null : spelled(network.spelling());
        embedding = network.vocab() == 0 ? null : new Embedding(network.vocab(), network.embedding(), batch, seqLen,
                at(Block.PARAMETERS, "embedding.weight"), at(Block.GRADIENTS, "embedding.weight"),
                spelled == null ? inputs : claim("embedded", n, network.embedding()), spelled == null || !training ? dInputs : claim("d embedded", n, network.embedding()));
        layers = new ArrayList<>();
        Matrix below = inputs, dBelow = dInputs;
        for (int l = 0; l < network.layers(); l++) {
            Matrix x = dropout && l > 0 ? claim("x" + l, n, network.inputSize(l)) : below;
            Layer layer = layer(l, x, dBelow);
            layers.add(layer);
            below = layer.out();
            dBelow = layer.dOut();
        }
        head = head(below, dBelow, dropout);
        recurrents = Stream.concat(Stream.ofNullable(spelled).map(Spelled::layer), layers.stream()).flatMap(layer -> layer.directions().stream()).toList();
        embeddings = Stream.concat(Stream.ofNullable(embedding), Stream.ofNullable(spelled).flatMap(s -> Stream.of(s.characters(), s.tokens()))).toList();
    }

    private Layer layer(int l, Matrix x, Matrix dx) {
        int n = batch * seqLen;
        Recurrent forward = recurrent(l, false, x, dx);
        if (!network.bidirectional()) return new Layer(List.of(forward), forward.out(), forward.dh());
        return new Layer(List.of(forward, recurrent(l, true, x, dx)), claim("out" + l, n, network.width()),
                training ? claim("d out" + l, n, network.width()) : null);
    }

    private Recurrent recurrent(int l, boolean reverse, Matrix x, Matrix dx) {
        return recurrent("", l, reverse, network.inputSize(l), network.hidden(), batch, seqLen, x, dx);
    }

    /** @param of what the names of its tensors begin with */
    private Recurrent recurrent(String of, int l, boolean reverse, int I, int H, int batch, int seqLen, Matrix x, Matrix dx) {
        int n = batch * seqLen;
        String name = l + (reverse ? "_reverse" : ""), own = of + name;
        Cell cell = network.cell();
        boolean memory = cell.hasMemory();
        return new Recurrent(cell, reverse, reverse, I, H, batch, seqLen,
                at(Block.PARAMETERS, of + "weight_ih_l" + name), at(Block.PARAMETERS, of + "weight_hh_l" + name), at(Block.PARAMETERS, of + "bias_l" + name),
                at(Block.PARAMETERS, of + "peephole_l" + name),
                at(Block.GRADIENTS, of + "weight_ih_l" + name), at(Block.GRADIENTS, of + "weight_hh_l" + name), at(Block.GRADIENTS, of + "bias_l" + name),
                at(Block.GRADIENTS, of + "peephole_l" + name),
                x, claim("h" + own, n + batch, H), memory ? claim("c" + own, n + batch, H) : null, memory ? claim("tanhC" + own, n, H) : null,
                claim("gates" + own, (long) (n | 1) * gatePanels(H), PANEL),   // an odd number of rows a panel: kernel.h
                dx, training ? claim("dh" + own, n, H) : null, training && memory ? claim("dc" + own, batch, H) : null, scratch);
    }

    private Spelled spelled(Network.Spelling spelling) {
        int words = size.words(), longest = size.characters(), n = words * longest, width = spelling.width();
        Embedding characters = new Embedding(spelling.characters(), spelling.embedding(), words, longest,
                at(Block.PARAMETERS, "spelling.embedding.weight"), at(Block.GRADIENTS, "spelling.embedding.weight"),
                claim("characters", n, spelling.embedding()), training ? claim("d characters", n, spelling.embedding()) : null);
        List<Recurrent> directions = new ArrayList<>();
        for (boolean reverse : new boolean[] {false, true})
            directions.add(recurrent("spelling.", 0, reverse, spelling.embedding(), spelling.hidden(), words, longest, characters.out(), characters.dOut()));
        Embedding tokens = new Embedding(words, width, batch, seqLen, claim("words", words, width), training ? claim("d words", words, width) : null,
                claim("spelled", batch * seqLen, width), training ? claim("d spelled", batch * seqLen, width) : null);
        return new Spelled(characters, new Layer(directions, tokens.weight(), tokens.dWeight()), tokens);
    }

    /** At every step it reads what the last layer gives; for whole sequences a matrix of their last states. */
    private Dense head(Matrix below, Matrix dBelow, boolean dropout) {
        Head kind = network.head();
        int rows = kind.atEveryStep() ? batch * seqLen : batch, outputs = kind.outputs(), width = network.width();
        boolean own = dropout || !kind.atEveryStep();
        Matrix W = network.tied() ? claim("tied weight", (long) outputPanels() * width, PANEL) : at(Block.PARAMETERS, "output.weight");
        Matrix dW = !training ? null : network.tied() ? claim("d tied weight", (long) outputPanels() * width, PANEL) : at(Block.GRADIENTS, "output.weight");
        return new Dense(outputs, width, rows, batch, W, at(Block.PARAMETERS, "output.bias"), dW, at(Block.GRADIENTS, "output.bias"),
                own ? claim("x of head", rows, width) : below, claim("z", (long) rows * outputPanels(), PANEL), claim("loss", 1, rows),
                kind.loss() == Loss.SQUARED_ERROR ? claim("y", rows, outputs) : null,
                !training ? null : kind.atEveryStep() ? dBelow : claim("dx of head", rows, width),
                kind.softmax() ? claim("sums", rows, 2 * VECTOR) : null, scratch, kind.crf() ? crf(rows, outputs) : null);
    }

    private Crf crf(int rows, int labels) {
        return new Crf(at(Block.PARAMETERS, "transitions"), at(Block.PARAMETERS, "transitions_start"), at(Block.PARAMETERS, "transitions_end"),
                at(Block.GRADIENTS, "transitions"), at(Block.GRADIENTS, "transitions_start"), at(Block.GRADIENTS, "transitions_end"),
                claim("alpha", rows, labels), claim("beta", (long) rows * outputPanels(), PANEL), claim("p", rows, labels));
    }

    /** Where the blocks end, and what depends on the window's size begins. */
    long endOfBlocks() {
        return before(ids);
    }

    /** Whether there are columns that no operation writes, so that they must be zero from the start. Forward writes all of the gates'. */
    boolean isPadded(Matrix m) {
        return m.cols() != m.stride() || m.equals(head.W()) || m.equals(head.dW()) || m.equals(head.z()) || head.crf() != null && m.equals(head.crf().beta());
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

    /** Whether there is room for {@link Kernel#viterbi}: labels at every step, at most 512 of them for a softmax. */
    public boolean decodes() {
        Head head = network.head();
        return head.crf() || head.softmax() && head.atEveryStep() && head.outputs() <= MOST_DECODED;
    }

    /** Whether a tensor lies row by row, a stride apart; others lie in panels. */
    static boolean isRows(Tensor t) {
        return t.name().endsWith("embedding.weight") || t.name().startsWith("transitions");
    }

    /** A whole block, for sweeps that do not care about tensors.
     *  @throws IllegalArgumentException if this layout has no such block */
    public Matrix block(Block block) {
        Matrix m = blocks.get(block);
        if (m == null) throw new IllegalArgumentException("this layout has no block " + block + ", expected one of " + blocks.keySet());
        return m;
    }

    /** The place of a tensor in a block.
     *  @throws IllegalArgumentException if this layout has no such block, or its network no such tensor */
    public Matrix at(Block block, Tensor tensor) {
        block(block);
        Matrix m = at(block, tensor.name());
        if (m == null)
            throw new IllegalArgumentException("tensor " + tensor.name() + " has no place in this layout, expected one of " + places.keySet());
        return m;
    }

    private static long before(Matrix m) {
        return m.offset() - GUARD;
    }

    /** All matrices that guards enclose, in the order of their offsets; blocks count as one. */
    List<Matrix> matrices() {
        return matrices;
    }

    /** Whether {@code m} lies within one of the matrices, so that what is done to it reaches no guard. */
    boolean encloses(Matrix m) {
        int last = 0, end = matrices.size();      // the last one that begins at m or before it
        while (end - last > 1) {
            int middle = (last + end) / 2;
            if (matrices.get(middle).offset() <= m.offset()) last = middle;
            else end = middle;
        }
        long within = m.offset() - matrices.get(last).offset();
        return within >= 0 && m.floats() <= matrices.get(last).floats() - within;
    }

    /** @throws IllegalArgumentException for a window without steps or sequences, or of more tokens than an array of them should hold */
    static void checkWindow(int batch, int seqLen) {
        if (batch < 1 || seqLen < 1 || (long) batch * seqLen > MOST_TOKENS)
            throw new IllegalArgumentException("window of seqLen " + seqLen + " x batch " + batch
                    + ", expected both at least 1, and their product at most " + MOST_TOKENS);
    }

    /** Panels of 64 columns that the weights of one input to a layer's gates fill: 16 units of an LSTM each, or 64 of an RNN. */
    private int gatePanels(int hidden) {
        return divideUp(hidden, PANEL / network.cell().gates());
    }

    private int outputPanels() {
        return divideUp(network.head().outputs(), PANEL);
    }

    /** Floats of the canonical rows that make up one panel: a tensor is loaded and stored panel by panel. */
    private long stagedFloats() {
        return (long) PANEL * Math.max(Math.max(network.inputSize(0), network.width()),
                network.spelling() == null ? 0 : Math.max(network.spelling().embedding(), network.spelling().hidden()));
    }

    /** Floats of the probabilities of some rows, and of one vector more. */
    private long readFloats() {
        int rows = network.head().atEveryStep() ? batch * seqLen : batch;
        return (long) Math.min(rows, READ_ROWS) * network.head().outputs() + VECTOR;
    }

    /** Floats of what labels and their transitions need: for decoding, which are allowed, a byte each, their scores, and those of
     *  the labels of some sequences; for a CRF, at other times, two tables of transitions in panels, or alpha packed and a table of
     *  counts. */
    private long labelFloats() {
        if (!decodes()) return 0;
        long labels = network.head().outputs(), stride = (labels + VECTOR - 1) / VECTOR * VECTOR;
        long allowed = (labels * (labels + 2) / (Float.BYTES * VECTOR) + 1) * VECTOR;
        long decoding = allowed + (labels + 2 + (long) DECODED_AT_ONCE * seqLen) * stride;
        if (!network.head().crf()) return decoding;
        return Math.max(decoding, Math.max(2 * labels * outputPanels() * PANEL, batch * seqLen * labels + VECTOR + labels * stride));
    }

    /** Floats that the transposed weights of one layer and a packed block of its input need, or a few panels of the
     *  head's transposed weights and its whole packed input: the most that an operation needs. */
    private long scratchFloats() {
        long most = network.spelling() == null ? 0 : scratchFloats(network.spelling().embedding(), network.spelling().hidden(), size.words() * size.characters());
        for (int l = 0; l < network.layers(); l++) most = Math.max(most, scratchFloats(network.inputSize(l), network.hidden(), batch * seqLen));
        long transposed = (long) HEAD_PANELS * PANEL * PANEL * divideUp(network.width(), PANEL);
        return Math.max(most, transposed + (long) batch * seqLen * network.width());
    }

    private long scratchFloats(int I, int H, int rows) {
        long transposed = (long) gatePanels(H) * PANEL * PANEL * (divideUp(H, PANEL) + divideUp(I, PANEL));
        return transposed + (long) Math.min(PACKED_ROWS, rows) * Math.max(I, H);
    }

    /** A tensor's place, from the start of its block. Outputs and gates are padded to whole panels. */
    private Matrix within(Tensor t) {
        String name = t.name();
        long from = places.values().stream().mapToLong(Matrix::floats).sum();
        int inputs = t.shape().size() == 2 ? t.shape().get(1) : 1;
        if (isRows(t)) return matrix(name, from, t.size() / t.shape().get(t.shape().size() - 1), t.shape().get(t.shape().size() - 1));
        return matrix(name, from, (name.startsWith("output.") ? outputPanels() : gatePanels(units(t))) * inputs, PANEL);
    }

    /** Hidden units of the layer that a tensor is of. */
    int units(Tensor t) {
        return t.name().startsWith("spelling.") ? network.spelling().hidden() : network.hidden();
    }

    private Matrix at(Block block, String tensor) {
        Matrix m = places.get(tensor);
        return m == null || !has(block) ? null : new Matrix(tensor, block(block).offset() + m.offset(), m.rows(), m.cols(), m.stride());
    }

    private Matrix claim(String name, long rows, int cols) {
        if (rows > Integer.MAX_VALUE)
            throw new IllegalArgumentException(name + " of " + network + " for seqLen " + seqLen + " x batch " + batch + " has " + rows + " rows, expected at most "
                    + Integer.MAX_VALUE + "; lower seqLen, batch, hidden or vocab");
        Matrix placed = matrix(name, end, (int) rows, cols);
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
