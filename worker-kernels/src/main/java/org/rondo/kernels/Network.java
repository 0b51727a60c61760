package org.rondo.kernels;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/** The architecture as data: token embedding, stacked LSTM layers, softmax over the vocabulary. All that is trained lies in
 *  one flat vector, and {@link #tensors()} is the only table that says what lies where: views, gradient check, clipping,
 *  averaging, checkpoints and export are loops over it.
 *
 *  @param vocab     tokens; ids are [0, vocab)
 *  @param embedding width of a token's vector, the input of layer 0
 *  @param hidden    units of every LSTM layer
 *  @param layers    LSTM layers, each reading h of the one below */
public record Network(int vocab, int embedding, int hidden, int layers) implements Serializable {

    public Network {
        positive("vocab", vocab);
        positive("embedding", embedding);
        positive("hidden", hidden);
        positive("layers", layers);
        long floats = (long) vocab * embedding + (long) vocab * (hidden + 1)
                + 4L * hidden * (embedding + hidden + 1) + (layers - 1) * 4L * hidden * (2L * hidden + 1);
        if (floats > Integer.MAX_VALUE / 2)
            throw new IllegalArgumentException("network has " + floats + " parameters, at most " + Integer.MAX_VALUE / 2
                    + " fit the flat vector; lower hidden, layers, embedding or maxVocabulary");
    }

    /** Names are PyTorch's, rows of the LSTM's tensors are the gates i f g o in this order, {@code hidden} rows each. The two
     *  biases that PyTorch keeps are one here (their sum). */
    public List<Tensor> tensors() {
        List<Tensor> table = new ArrayList<>();
        add(table, "embedding.weight", vocab, embedding);
        for (int l = 0; l < layers; l++) {
            add(table, "weight_ih_l" + l, 4 * hidden, inputSize(l));
            add(table, "weight_hh_l" + l, 4 * hidden, hidden);
            add(table, "bias_l" + l, 4 * hidden);
        }
        add(table, "output.weight", vocab, hidden);
        add(table, "output.bias", vocab);
        return List.copyOf(table);
    }

    /** @throws IllegalArgumentException if no tensor has this name */
    public Tensor tensor(String name) {
        return tensors().stream().filter(t -> t.name().equals(name)).findFirst().orElseThrow(() ->
                new IllegalArgumentException("no tensor " + name + " in " + this + "; it has "
                        + tensors().stream().map(Tensor::name).toList()));
    }

    public int parameterCount() {
        List<Tensor> table = tensors();
        return table.get(table.size() - 1).end();
    }

    /** Width of what layer {@code l} reads: the embedding, or h of the layer below. */
    public int inputSize(int l) {
        return l == 0 ? embedding : hidden;
    }

    /** Floats of carried state a stream needs: h and c of every layer. */
    public int stateSize() {
        return 2 * layers * hidden;
    }

    /** Multiplications and additions of the matrix products for one token of training: forward once, backward twice. */
    public double trainingFlops() {
        double forward = 2.0 * hidden * vocab;
        for (int l = 0; l < layers; l++) forward += 8.0 * hidden * (inputSize(l) + hidden);
        return 3 * forward;
    }

    private static void add(List<Tensor> table, String name, Integer... shape) {
        table.add(new Tensor(name, List.of(shape), table.isEmpty() ? 0 : table.get(table.size() - 1).end()));
    }

    private static void positive(String name, int value) {
        if (value < 1) throw new IllegalArgumentException(name + " is " + value + ", expected at least 1");
    }
}
