package org.rondo.kernels.bench;

import java.util.List;
import java.util.Random;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.Window;

/** What is measured, of Rondo and of its peers alike: a network, a window, and whether it trains or scores. A training step is
 *  forward, backward, clipping by the global norm and plain SGD, the state carried on; scoring is forward from a zero state to the
 *  probabilities at every step.
 *
 *  <p>A network of features is a layer alone: its loss is half the sum of the squares of its h, and no gradient of the features is
 *  asked for. */
public record Shape(String name, Network network, int batch, int seqLen, boolean scoring) {
    /** Of SGD; the largest global norm of a gradient. */
    public static final double LEARNING_RATE = 1, CLIP_NORM = 0.25;
    private static final int SCORED_AT_ONCE = 64;

    /** S1 to S6: language models of words, small and medium; of characters; a tagger; one big layer; a tiny one. */
    public static final List<Shape> TRAINING = List.of(
            training("S1", new Network(10_000, 200, 200, 2), 20, 20),
            training("S2", new Network(10_000, 650, 650, 2), 20, 35),
            training("S3", new Network(96, 64, 512, 2), 32, 100),
            training("S4", new Network(10_000, 100, Cell.LSTM, 128, 1, true, new Head(true, Loss.SOFTMAX, 9), false), 32, 30),
            training("S5", layer(1024, 1024), 64, 50),
            training("S6", layer(64, 64), 16, 50));

    /** S2 to S4 again, {@value #SCORED_AT_ONCE} sequences at a time. */
    public static final List<Shape> SCORING = TRAINING.subList(1, 4).stream()
            .map(s -> new Shape(s.name, s.network, SCORED_AT_ONCE, s.seqLen, true)).toList();

    private static Shape training(String name, Network network, int batch, int seqLen) {
        return new Shape(name, network, batch, seqLen, false);
    }

    private static Network layer(int inputs, int hidden) {
        return new Network(0, inputs, Cell.LSTM, hidden, 1, false, new Head(false, Loss.SQUARED_ERROR, 1), false);
    }

    /** S2, or S2-scoring. */
    public String label() {
        return scoring ? name + "-scoring" : name;
    }

    public boolean isLayerAlone() {
        return network.vocab() == 0;
    }

    /** Of a window. */
    public int tokens() {
        return batch * seqLen;
    }

    /** Multiplications and additions of the matrix products for one token. */
    public double flops() {
        double head = 2.0 * network.width() * network.head().outputs();
        return scoring ? network.forwardFlops() : network.trainingFlops() - (isLayerAlone() ? 3 * head : 0);
    }

    /** To start from, in the order of {@link Network#tensors()}; the same at every call. */
    public float[] parameters() {
        return Parameters.initial(network, 1);
    }

    /** Random ids and targets, or features within 1 of zero; the same at every call. */
    public Window window() {
        Random random = new Random(1);
        if (isLayerAlone()) {
            float[] features = new float[tokens() * network.embedding()];
            for (int i = 0; i < features.length; i++) features[i] = 2 * random.nextFloat() - 1;
            return new Window(null, features, null, null, null, tokens());
        }
        int[] ids = random.ints(tokens(), 0, network.vocab()).toArray();
        return new Window(ids, scoring ? null : random.ints(tokens(), 0, network.head().outputs()).toArray(), tokens());
    }
}
