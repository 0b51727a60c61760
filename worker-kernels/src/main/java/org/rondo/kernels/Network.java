package org.rondo.kernels;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/** The architecture as data: token embedding or feature vectors, stacked recurrent layers in one direction or two, and a
 *  head. All that is trained lies in one flat vector, and {@link #tensors()} is the only table that says what lies where:
 *  views, gradient check, clipping, averaging, checkpoints and export are loops over it.
 *
 *  @param vocab         tokens, ids [0, vocab); 0: the inputs are vectors of {@code embedding} features
 *  @param embedding     width of a token's vector, the input of layer 0
 *  @param spelling      what layer 0 reads of a token besides, made of its characters; null: nothing
 *  @param hidden        units of every layer, in each direction
 *  @param layers        each reading h of the one below
 *  @param bidirectional two directions a layer, their h side by side
 *  @param tied          the softmax's weights are the embedding's (Press and Wolf 2017) */
public record Network(int vocab, int embedding, Spelling spelling, Cell cell, int hidden, int layers, boolean bidirectional, Head head, boolean tied)
        implements Serializable {
    private static final int MOST_LAYERS = 1000;
    private static final List<String> DIRECTIONS = List.of("", "_reverse");

    /** A vector of a token's characters: the last states of one more recurrent layer, of two directions, that reads them one by one
     *  (Ling et al. 2015). It is computed once for every distinct token of a window.
     *  @param characters ids [0, characters)
     *  @param embedding  width of a character's vector
     *  @param hidden     units of each direction, and so half the width of what is made */
    public record Spelling(int characters, int embedding, int hidden) implements Serializable {
        public Spelling {
            positive("characters", characters);
            positive("spelling's embedding", embedding);
            positive("spelling's hidden", hidden);
        }

        public int width() {
            return 2 * hidden;
        }
    }

    public Network {
        if (vocab < 0) throw new IllegalArgumentException("vocab is " + vocab + ", expected at least 1, or 0 for features");
        positive("embedding", embedding);
        positive("hidden", hidden);
        positive("layers", layers);
        if (layers > MOST_LAYERS) throw new IllegalArgumentException("layers is " + layers + ", expected at most " + MOST_LAYERS);
        if (spelling != null && vocab == 0) throw new IllegalArgumentException("spelling is given, but vocab is 0: features have no characters; expected tokens");
        double width = (bidirectional ? 2.0 : 1) * hidden, input = embedding + (spelling == null ? 0.0 : spelling.width());
        if (tied && (vocab != head.outputs() || !head.softmax()))
            throw new IllegalArgumentException("tied needs a softmax over the vocabulary of " + vocab + ", but the head has " + head.outputs()
                    + " outputs and the loss " + head.loss().label() + "; set --tied false (spark.rondo.tied)");
        if (tied && embedding != width)
            throw new IllegalArgumentException("tied needs embedding equal to " + (bidirectional ? "twice hidden" : "hidden") + ", but embedding is "
                    + embedding + " and hidden " + hidden + "; set --embedding " + (long) width + " (spark.rondo.embedding)");
        double floats = (double) vocab * embedding + head.outputs() * (width + 1) + (head.crf() ? head.outputs() * (head.outputs() + 2.0) : 0)
                + cell.gates() * width * (input + (layers - 1) * width + layers * (hidden + 1.0)) + 3 * width * layers;
        if (floats > Integer.MAX_VALUE / 2)
            throw new IllegalArgumentException("vocab " + vocab + ", embedding " + embedding + ", hidden " + hidden + ", layers " + layers + " and "
                    + head.outputs() + " outputs make " + (long) floats + " parameters, expected at most " + Integer.MAX_VALUE / 2
                    + ", which fit the flat vector; lower hidden, layers, embedding or maxVocabulary");
    }

    /** Without spelling. */
    public Network(int vocab, int embedding, Cell cell, int hidden, int layers, boolean bidirectional, Head head, boolean tied) {
        this(vocab, embedding, null, cell, hidden, layers, bidirectional, head, tied);
    }

    /** A language model of LSTM layers: at every step a softmax over what may come next. */
    public Network(int vocab, int embedding, int hidden, int layers) {
        this(vocab, embedding, Cell.LSTM, hidden, layers, false, new Head(true, Loss.SOFTMAX, vocab), false);
    }

    /** Names are PyTorch's; rows of an LSTM's tensors are the gates i f g o in this order, {@code hidden} rows each. The two
     *  biases that PyTorch keeps are one here (their sum). Peepholes are p_i, p_f, p_o.
     *  {@code transitions} of a CRF has a row for every label that a step comes from. */
    public List<Tensor> tensors() {
        List<Tensor> table = new ArrayList<>();
        if (vocab > 0) add(table, "embedding.weight", vocab, embedding);
        if (spelling != null) {
            add(table, "spelling.embedding.weight", spelling.characters, spelling.embedding);
            for (String direction : DIRECTIONS) addRecurrent(table, "spelling.", "_l0" + direction, spelling.embedding, spelling.hidden);
        }
        for (int l = 0; l < layers; l++)
            for (String direction : DIRECTIONS.subList(0, bidirectional ? 2 : 1)) addRecurrent(table, "", "_l" + l + direction, inputSize(l), hidden);
        if (!tied) add(table, "output.weight", head.outputs(), width());
        add(table, "output.bias", head.outputs());
        if (head.crf()) {
            add(table, "transitions", head.outputs(), head.outputs());
            add(table, "transitions_start", head.outputs());
            add(table, "transitions_end", head.outputs());
        }
        return List.copyOf(table);
    }

    private void addRecurrent(List<Tensor> table, String prefix, String suffix, int inputs, int hidden) {
        add(table, prefix + "weight_ih" + suffix, cell.gates() * hidden, inputs);
        add(table, prefix + "weight_hh" + suffix, cell.gates() * hidden, hidden);
        add(table, prefix + "bias" + suffix, cell.gates() * hidden);
        if (cell.peephole()) add(table, prefix + "peephole" + suffix, 3 * hidden);
    }

    /** @throws IllegalArgumentException if no tensor has this name */
    public Tensor tensor(String name) {
        return tensors().stream().filter(t -> t.name().equals(name)).findFirst().orElseThrow(() ->
                new IllegalArgumentException("no tensor " + name + " in " + this + ", expected one of "
                        + tensors().stream().map(Tensor::name).toList()));
    }

    public int parameterCount() {
        List<Tensor> table = tensors();
        return table.get(table.size() - 1).end();
    }

    /** Width of what a layer gives to the one above: h, or both directions' side by side. */
    public int width() {
        return (bidirectional ? 2 : 1) * hidden;
    }

    /** Width of what layer {@code l} reads: the embedding, with the spelling beside it, or what the layer below gives. */
    public int inputSize(int l) {
        return l > 0 ? width() : embedding + (spelling == null ? 0 : spelling.width());
    }

    /** Floats of carried state a stream needs: h, and c if there is one, of every layer. Two directions carry none: the second
     *  starts at the end. */
    public int stateSize() {
        return bidirectional ? 0 : (cell.hasMemory() ? 2 : 1) * layers * hidden;
    }

    /** Multiplications and additions of the matrix products for one token, forward, its spelling aside. */
    public double forwardFlops() {
        double forward = 2.0 * width() * head.outputs();
        for (int l = 0; l < layers; l++) forward += 2.0 * cell.gates() * width() * (inputSize(l) + hidden);
        return forward;
    }

    /** The same for training: forward once, backward twice, but without a gradient of features. */
    public double trainingFlops() {
        return 3 * forwardFlops() - (vocab > 0 ? 0 : 2.0 * cell.gates() * width() * embedding);
    }

    private static void add(List<Tensor> table, String name, Integer... shape) {
        table.add(new Tensor(name, List.of(shape), table.isEmpty() ? 0 : table.get(table.size() - 1).end()));
    }

    private static void positive(String name, int value) {
        if (value < 1) throw new IllegalArgumentException(name + " is " + value + ", expected at least 1");
    }
}
