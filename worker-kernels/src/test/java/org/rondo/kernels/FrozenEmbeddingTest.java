package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Replica.Stretch;
import org.rondo.kernels.UnrolledNetwork.Dropout;

class FrozenEmbeddingTest {
    private static final Network NETWORK = new Network(101, 7, 17, 2);
    private static final int BATCH = 3, SEQ_LEN = 5, WINDOWS = 6;
    /** Small enough that every window's gradient is clipped. */
    private static final double CLIP = 1e-3;

    static List<Arguments> kernelsAndOptimizers() {
        List<Arguments> all = new ArrayList<>();
        for (String kernel : ReplicaTest.kernels())
            for (Optimizer optimizer : List.of(new Optimizer("sgd", 0, false, 0, CLIP, true), new Optimizer("sgd", 0.9, false, 0, CLIP, true),
                    new Optimizer("sgd", 0.9, true, 0, 0, true), new Optimizer("adam", 0, false, 0, CLIP, true), new Optimizer("adamw", 0, false, 0, 0, true)))
                all.add(Arguments.of(kernel, optimizer));
        return all;
    }

    @ParameterizedTest @MethodSource("kernelsAndOptimizers")
    void keepsItsBitsWhileAllElseMoves(String kernel, Optimizer optimizer) {
        float[][] model = model(optimizer);
        try (Replica replica = new Replica(Kernel.open(kernel, layout(optimizer.moments())), Dropout.NONE, optimizer)) {
            Result result = replica.train(model, new float[0], shard(), stretch(0, WINDOWS));
            assertFrozen(model[0], result.vectors[0]);
            for (int v = 1; v < model.length; v++) assertArrayEquals(embedding(model[v]), embedding(result.vectors[v]), "moment " + v);
        }
    }

    /** The others' step is that of an optimiser that clips by the others' norm, computed here in the order of the flat vector. */
    @ParameterizedTest @MethodSource("kernelsAndOptimizers")
    void countsNotInTheNorm(String kernel, Optimizer optimizer) {
        float[] w = model(optimizer)[0], gradient, frozen, next = new float[w.length];
        Optimizer free = new Optimizer(optimizer.name(), optimizer.momentum(), optimizer.nesterov(), 0, optimizer.clipNorm());
        try (Replica replica = new Replica(Kernel.open(kernel, layout(0)), Dropout.NONE, free);
             Replica freezing = new Replica(Kernel.open(kernel, layout(0)), Dropout.NONE, optimizer)) {
            gradient = replica.gradient(w, new float[0], shard(), stretch(0, 1)).vectors[0];
            Result result = freezing.gradient(w, new float[0], shard(), stretch(0, 1));
            frozen = result.vectors[0];
            assertEquals(norm(frozen), result.gradientNorm, 1e-6 * result.gradientNorm);
        }
        assertTrue(norm(embedding(gradient)) > 0.01 * norm(gradient));
        float[] others = gradient.clone();
        Tensor t = NETWORK.tensor("embedding.weight");
        Arrays.fill(others, t.offset(), t.end(), 0);
        assertArrayEquals(others, frozen);

        double norm;
        try (Kernel sweep = Kernel.open(kernel, Layout.forTraining(NETWORK, 1, 1, false, optimizer.moments()))) {
            sweep.load(Block.PARAMETERS, w);
            sweep.load(Block.GRADIENTS, gradient);      // as the mean of replicas that do not freeze it would be
            norm = optimizer.step(sweep, 0.1, 1);
            sweep.store(Block.PARAMETERS, next);
        }
        assertEquals(norm(others), norm, 1e-6 * norm);
        assertFrozen(w, next);
        if (optimizer.clipNorm() == 0 || !optimizer.name().equals("sgd") || optimizer.nesterov()) return;
        double step = 0;       // of the first step of SGD, with momentum or without: learningRate * clipped gradient
        for (int i = 0; i < w.length; i++) step += ((double) next[i] - w[i]) * ((double) next[i] - w[i]);
        assertEquals(0.1 * CLIP, Math.sqrt(step), 1e-3 * 0.1 * CLIP);
    }

    /** Gradient by gradient, each on a kernel that has made steps before, is what the replica makes of them. */
    @ParameterizedTest @MethodSource("kernelsAndOptimizers")
    void stepsOnGradientsAreAReplicasOwn(String kernel, Optimizer optimizer) {
        float[][] model = model(optimizer);
        float[][] expected;
        try (Replica replica = new Replica(Kernel.open(kernel, layout(optimizer.moments())), Dropout.NONE, optimizer)) {
            expected = replica.train(model, new float[0], shard(), stretch(0, WINDOWS)).vectors;
        }
        float[] state = new float[0];
        List<Block> blocks = Replica.BLOCKS.subList(0, model.length);
        try (Replica replica = new Replica(Kernel.open(kernel, layout(0)), Dropout.NONE, optimizer);
             Kernel sweep = Kernel.open(kernel, Layout.forTraining(NETWORK, 1, 1, false, optimizer.moments()))) {
            for (int w = 0; w < WINDOWS; w++) {
                Result result = replica.gradient(model[0], state, shard(), stretch(w, 1));
                state = result.state;
                sweep.load(Block.GRADIENTS, result.vectors[0]);
                for (int v = 0; v < model.length; v++) sweep.load(blocks.get(v), model[v]);
                optimizer.step(sweep, 0.05, w + 1);
                model = new float[model.length][NETWORK.parameterCount()];
                for (int v = 0; v < model.length; v++) sweep.store(blocks.get(v), model[v]);
            }
        }
        assertFrozen(model(optimizer)[0], model[0]);
        assertArrayEquals(expected[0], model[0], 1e-5f);
    }

    @ParameterizedTest @MethodSource("org.rondo.kernels.ReplicaTest#kernels")
    void spellingLearnsBesideIt(String kernel) {
        Network spelled = new Network(20, 6, new Network.Spelling(9, 4, 5), Cell.LSTM, 8, 1, true, new Head(true, Loss.SOFTMAX, 3), false);
        Layout layout = Layout.forTraining(spelled, new Window.Size(2, 3, 4, 5), false, 0);
        float[] w = Parameters.initial(spelled, 5), next = w.clone();
        try (Kernel open = Kernel.open(kernel, layout)) {
            float[] gradient = new float[w.length];
            Arrays.fill(gradient, 1);
            open.load(Block.PARAMETERS, w);
            open.load(Block.GRADIENTS, gradient);
            new Optimizer("sgd", 0, false, 0, 0, true).step(open, 0.5, 1);
            open.store(Block.PARAMETERS, next);
        }
        for (Tensor t : spelled.tensors())
            for (int i = t.offset(); i < t.end(); i++) assertEquals(t.name().equals("embedding.weight") ? w[i] : w[i] - 0.5f, next[i], 1e-6f, t.name());
    }

    /** A native kernel knows which rows of the gradient are not zero, and forgets none of them. */
    @ParameterizedTest @MethodSource("org.rondo.kernels.ReplicaTest#kernels")
    void zeroingTheTableLeavesNoRowOfIt(String kernel) {
        float[] gradient = new float[NETWORK.parameterCount()], stored = new float[gradient.length];
        try (Kernel open = Kernel.open(kernel, layout(0))) {
            Layout.Embedding e = open.layout().embedding;
            int[] ids = new int[BATCH * SEQ_LEN];
            for (int n = 0; n < ids.length; n++) ids[n] = 3 * n;
            float[] ones = new float[ids.length * NETWORK.embedding()];
            Arrays.fill(ones, 1);
            for (boolean anyRow : new boolean[] {false, true}) {
                open.zero(open.layout().block(Block.GRADIENTS));
                open.write(ones, 0, e.dOut());
                open.embeddingBackward(e, ids);
                assertEquals(ones.length, open.sumOfSquares(open.layout().block(Block.GRADIENTS)));
                if (anyRow) open.write(new float[] {1, 2, 3, 4, 5, 6, 7}, 0, e.dWeight().fromRow(100));
                open.zero(e.dWeight());
                open.store(Block.GRADIENTS, stored);
                assertArrayEquals(gradient, stored);
                assertEquals(0, open.sumOfSquares(open.layout().block(Block.GRADIENTS)));
                open.write(new float[] {3, 0, 0, 0, 0, 0, 4}, 0, e.dWeight().fromRow(100));
                assertEquals(25, open.sumOfSquares(open.layout().block(Block.GRADIENTS)));
            }
        }
    }

    @Test void weightDecayWouldMoveIt() {
        refused("weightDecay is 0.01", () -> new Optimizer("adamw", 0, false, 0.01, 1, true));
        assertEquals(new Optimizer("adamw", 0, false, 0.01, 1), new Optimizer("adamw", 0, false, 0.01, 1, false));
    }

    @Test void aSoftmaxTiedToItAndFeaturesAreRefused() {
        Optimizer freezing = new Optimizer("sgd", 0, false, 0, 1, true);
        Network tied = new Network(11, 8, Cell.LSTM, 8, 1, false, new Head(true, Loss.SOFTMAX, 11), true);
        Network features = new Network(0, 8, Cell.LSTM, 8, 1, false, new Head(true, Loss.SOFTMAX, 3), false);
        refused("--tied false", () -> freezing.check(tied));
        refused("features", () -> freezing.check(features));
        for (Network network : List.of(tied, features)) {
            new Optimizer("sgd", 1).check(network);
            Kernel kernel = Kernel.open("reference", Layout.forTraining(network, 2, 3, false, 0));
            refused("frozen", () -> new Replica(kernel, Dropout.NONE, freezing));
            assertThrows(IllegalStateException.class, () -> kernel.zero(kernel.layout().inputs), "the replica that came not to be has closed its kernel");
            try (Kernel open = Kernel.open("reference", Layout.forTraining(network, 1, 1, false, 0))) {
                refused("frozen", () -> freezing.step(open, 0.1, 1));
            }
        }
        freezing.check(NETWORK);
    }

    private static void refused(String says, org.junit.jupiter.api.function.Executable call) {
        String message = assertThrows(IllegalArgumentException.class, call).getMessage();
        assertTrue(message.contains(says), message);
    }

    /** The embedding to the bit; of every other tensor something. */
    private static void assertFrozen(float[] before, float[] after) {
        for (Tensor t : NETWORK.tensors()) {
            int[] a = bits(before, t), b = bits(after, t);
            if (t.name().equals("embedding.weight")) assertArrayEquals(a, b);
            else assertFalse(Arrays.equals(a, b), t.name() + " has not moved");
        }
    }

    private static int[] bits(float[] vector, Tensor t) {
        int[] bits = new int[t.size()];
        Arrays.setAll(bits, i -> Float.floatToRawIntBits(vector[t.offset() + i]));
        return bits;
    }

    private static float[] embedding(float[] vector) {
        Tensor t = NETWORK.tensor("embedding.weight");
        return Arrays.copyOfRange(vector, t.offset(), t.end());
    }

    private static double norm(float[] vector) {
        double squares = 0;
        for (float x : vector) squares += (double) x * x;
        return Math.sqrt(squares);
    }

    private static Layout layout(int moments) {
        return Layout.forTraining(NETWORK, BATCH, SEQ_LEN, false, moments);
    }

    private static float[][] model(Optimizer optimizer) {
        float[][] model = new float[1 + optimizer.moments()][NETWORK.parameterCount()];
        model[0] = Parameters.initial(NETWORK, 3);
        return model;
    }

    private static Stretch stretch(int first, int windows) {
        return new Stretch(0, first, windows, WINDOWS, 0.05, 77);
    }

    private static Shard shard() {
        SplittableRandom random = new SplittableRandom(4);
        int[][] streams = new int[BATCH][SEQ_LEN * WINDOWS + 1];
        for (int[] stream : streams) Arrays.setAll(stream, i -> random.nextInt(NETWORK.vocab()));
        return new Streams(4, streams);
    }
}
