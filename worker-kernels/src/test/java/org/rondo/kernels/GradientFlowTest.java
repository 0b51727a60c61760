package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Layout.Recurrent;

class GradientFlowTest {
    private static final int VOCAB = 5;
    /** Of a difference quotient. */
    private static final float STEP = 0x1p-12f;

    static List<String> kernels() {
        List<String> kernels = new ArrayList<>(List.of("reference"));
        kernels.addAll(NativeLibrary.instructionSets());
        return kernels;
    }

    /** relu is 1 where h > 0, as positive inputs make it here: every Jacobian is Wh = 0.5, and halving rounds nothing. */
    @ParameterizedTest @MethodSource("kernels")
    void aUnitThatHalvesItsStateHalvesTheGradient(String kernel) {
        Network network = network(Cell.RELU, 1, 1);
        float[] parameters = new float[network.parameterCount()];
        for (int v = 0; v < VOCAB; v++) set(network, parameters, "embedding.weight", v, 1 + v);
        set(network, parameters, "weight_ih_l0", 0, 1);
        set(network, parameters, "weight_hh_l0", 0, 0.5f);
        for (int v = 0; v < VOCAB; v++) set(network, parameters, "output.weight", v, 0.1f * v);
        GradientFlow flow = measure(kernel, network, parameters, 3, 40);
        assertTrue(flow.norm(0, 0) > 0);
        for (int k = 0; k < 40; k++) assertEquals(Math.scalb(flow.norm(0, 0), -k), flow.norm(0, k), "k = " + k);
        assertEquals(3, flow.reach(0, 0.1), "1/8 is the last that is at least 1/10");
        assertEquals(0, flow.reach(0, 0.6));
        assertEquals(39, flow.reach(0, 0x1p-39));
    }

    /** Wh turns the units in a circle and scales them. In a network that rests at 0, where tanh has slope 1, each of its Jacobians
     *  is Wh, and the norm is exactly scaled; elsewhere tanh is flatter, and the scale, Wh's singular value, is a bound. */
    @ParameterizedTest @CsvSource({"0.5", "0.9", "1", "1.5"})
    void theNormIsThatOfTheProductOfJacobians(float scale) {
        Network network = network(Cell.RNN, 7, 1);
        float[] atRest = new float[network.parameterCount()], moved = Parameters.initial(network, 3);
        for (float[] parameters : List.of(atRest, moved)) {
            Tensor wh = network.tensor("weight_hh_l0");
            Arrays.fill(parameters, wh.offset(), wh.end(), 0);
            for (int j = 0; j < 7; j++) parameters[wh.offset() + j * 7 + (j + 1) % 7] = scale;
        }
        Tensor w = network.tensor("output.weight");
        System.arraycopy(moved, w.offset(), atRest, w.offset(), w.size());
        GradientFlow exact = measure("reference", network, atRest, 3, 60), bounded = measure("reference", network, moved, 3, 60);
        for (int k = 1; k < 60; k++) {
            assertEquals(Math.pow(scale, k), exact.relative(0, k), Math.pow(scale, k) * 60 * 0x1p-52, "k = " + k);     // a product of k rounded factors
            assertTrue(bounded.relative(0, k) < Math.pow(scale, k), "k = " + k);
        }
    }

    /** With forget gates open (bias 6: f = 0.9975, and 0.9975^98 = 0.78) the gradient stays within the window; with the same
     *  sizes and draws the vanilla RNN's is smaller than the rounding error of a float beside 1, many times over. */
    @Test void anLstmThatForgetsNothingKeepsTheGradient() {
        Network lstm = network(Cell.LSTM, 32, 1), rnn = network(Cell.RNN, 32, 1);
        GradientFlow kept = measure("reference", lstm, Parameters.initial(lstm, 1, 6), 4, 100);
        GradientFlow lost = measure("reference", rnn, Parameters.initial(rnn, 1), 4, 100);
        double stays = kept.norm(0, 99) / kept.norm(0, 1);
        assertTrue(stays > 0.1 && stays < 10, "98 steps leave " + stays);
        assertTrue(lost.norm(0, 99) / lost.norm(0, 1) < 0x1p-24, "98 steps leave " + lost.norm(0, 99) / lost.norm(0, 1));
    }

    static List<Network> networks() {
        return List.of(network(Cell.RNN, 3, 1), network(Cell.RELU, 4, 2), network(Cell.LSTM, 3, 1), network(Cell.LSTM, 2, 3), network(Cell.PEEPHOLE, 3, 2));
    }

    /** One step at a time, so that one h can be moved between two of them: the slope of each sequence's last loss. */
    @ParameterizedTest @MethodSource("networks")
    void theNormIsTheSlopeOfTheLastLoss(Network network) {
        int batch = 2, seqLen = 6;
        float[] parameters = Parameters.initial(network, 9);
        GradientFlow flow = measure("reference", network, parameters, batch, seqLen);
        Window window = shard(batch, seqLen).window(0, seqLen);
        try (Kernel kernel = Kernel.open("reference", Layout.forTraining(network, batch, 1, false, 0))) {
            kernel.load(Block.PARAMETERS, parameters);
            for (int l = 0; l < network.layers(); l++)
                for (int k = 0; k < seqLen; k++) {
                    double squares = 0;
                    for (int j = 0; j < network.hidden(); j++) {
                        double[] up = lastLosses(kernel, window, seqLen, l, k, j, 1), down = lastLosses(kernel, window, seqLen, l, k, j, -1);
                        for (int b = 0; b < batch; b++) squares += Math.pow((up[b] - down[b]) / (up[batch + b] - down[batch + b]), 2);
                    }
                    // STEP^2 / 6 third derivatives, and h itself rounded to a float: both about 1e-8
                    assertEquals(Math.sqrt(squares / batch), flow.norm(l, k), 1e-7, "layer " + l + ", k = " + k);
                }
        }
    }

    /** Every sequence's loss at the last step, then what unit j of layer l had after step T-k, moved by one STEP up or down. */
    private static double[] lastLosses(Kernel kernel, Window window, int seqLen, int l, int k, int j, int direction) {
        Layout layout = kernel.layout();
        int batch = layout.batch, H = layout.network.hidden();
        UnrolledNetwork network = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
        network.setState(new float[0]);
        double[] result = new double[2 * batch];
        for (int t = 0; t < seqLen; t++) {
            kernel.embeddingForward(layout.embedding, Arrays.copyOfRange(window.ids(), t * batch, (t + 1) * batch));
            for (int m = 0; m < layout.layers.size(); m++) {
                Recurrent r = layout.layers.get(m).directions().get(0);
                kernel.recurrentForward(r, null);
                if (m != l || t != seqLen - 1 - k) continue;
                float[] h = new float[batch * H];
                kernel.read(r.out(), h, 0);
                for (int b = 0; b < batch; b++) result[batch + b] = h[b * H + j] += direction * STEP;
                kernel.write(h, 0, r.out());
            }
            network.carry();
        }
        for (int b = 0; b < batch; b++) {       // in double precision: the sum of all losses, of which that of one sequence counts
            int[] targets = new int[batch];
            Arrays.fill(targets, Window.NONE);
            targets[b] = window.targets()[(seqLen - 1) * batch + b];
            kernel.denseForward(layout.head);
            kernel.softmaxForward(layout.head, targets);
            result[b] = kernel.sum(layout.head.loss());
        }
        return result;
    }

    /** Half the distance from 1 to the next float, times the terms of the longest chain of sums (Higham 1993, 3.5). */
    @ParameterizedTest @MethodSource("kernels")
    void everyKernelMeasuresTheSame(String kernel) {
        for (Network network : List.of(network(Cell.RNN, 17, 2), network(Cell.LSTM, 33, 2), network(Cell.PEEPHOLE, 8, 1))) {
            float[] parameters = Parameters.initial(network, 4);
            int batch = 5, seqLen = 12, terms = VOCAB + network.layers() * seqLen * (network.cell().gates() * network.hidden() + 3 + batch);
            GradientFlow expected = measure("reference", network, parameters, batch, seqLen), actual = measure(kernel, network, parameters, batch, seqLen);
            assertEquals(expected.loss(), actual.loss(), expected.loss() * 4 * 0x1p-24 * terms);
            for (int l = 0; l < network.layers(); l++)
                for (int k = 0; k < seqLen; k++)
                    assertEquals(expected.norm(l, k), actual.norm(l, k), expected.norm(l, k) * 4 * 0x1p-24 * terms, network + ", layer " + l + ", k = " + k);
        }
    }

    /** Four equal sequences have the norm of one; a sequence without a target, and a window without any, do not count. */
    @Test void theMeanIsOverSequencesThatHaveATarget() {
        Network network = network(Cell.LSTM, 3, 1);
        float[] parameters = Parameters.initial(network, 2);
        int[] stream = shard(1, 6).window(0, 6).ids(), longer = Arrays.copyOf(stream, 7);
        GradientFlow one = measure(network, parameters, 1, longer), four = measure(network, parameters, 1, longer, longer, longer, longer);
        GradientFlow three = measure(network, parameters, 2, longer, new int[0], longer, longer);
        for (int k = 0; k < 6; k++)
            for (GradientFlow other : List.of(four, three)) assertEquals(one.norm(0, k), other.norm(0, k), one.norm(0, k) * 1e-7, "k = " + k);
        assertEquals(one.loss(), three.loss(), 1e-7);
    }

    /** One window after the other, from zeros, is the second alone from the state between them: squares add up. */
    @Test void theStateIsCarriedFromWindowToWindow() {
        Network network = network(Cell.LSTM, 3, 2);
        float[] parameters = Parameters.initial(network, 2);
        Streams shard = new Streams(0, new int[][] {shard(1, 12).window(0, 12).ids(), shard(1, 13).window(0, 13).ids()});
        try (Kernel kernel = Kernel.open("reference", Layout.forTraining(network, 2, 6, false, 0))) {
            float[] zeros = {};
            GradientFlow both = GradientFlow.of(kernel, parameters, zeros, shard, 0, 2), first = GradientFlow.of(kernel, parameters, zeros, shard, 0, 1);
            float[] state = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE).state();
            GradientFlow second = GradientFlow.of(kernel, parameters, state, shard, 1, 1), alone = GradientFlow.of(kernel, parameters, zeros, shard, 1, 1);
            int sequences = 3;                              // the first stream ends one target early
            for (int l = 0; l < 2; l++)
                for (int k = 0; k < 6; k++)
                    assertEquals(Math.sqrt((2 * Math.pow(first.norm(l, k), 2) + Math.pow(second.norm(l, k), 2)) / sequences), both.norm(l, k),
                            1e-6 * both.norm(l, k));     // the state between them is floats
            assertTrue(Math.abs(second.loss() - alone.loss()) > 1e-4, "the state makes a difference");
        }
    }

    @Test void whatCannotBeFollowedIsRefused() {
        Network both = new Network(VOCAB, 3, Cell.RNN, 2, 1, true, new Head(true, Loss.SOFTMAX, VOCAB), false);
        var directions = assertThrows(IllegalArgumentException.class, () -> measure("reference", both, new float[both.parameterCount()], 1, 4));
        assertTrue(directions.getMessage().contains("one direction"), directions.getMessage());
        Network network = network(Cell.RNN, 2, 1);
        var targets = assertThrows(IllegalArgumentException.class, () -> measure(network, new float[network.parameterCount()], 1, new int[2]));
        assertTrue(targets.getMessage().contains("no target"), targets.getMessage());
    }

    private static GradientFlow measure(Network network, float[] parameters, int windows, int[]... streams) {
        try (Kernel kernel = Kernel.open("reference", Layout.forTraining(network, streams.length, 6, false, 0))) {
            return GradientFlow.of(kernel, parameters, new float[0], new Streams(0, streams), 0, windows);
        }
    }

    private static GradientFlow measure(String choice, Network network, float[] parameters, int batch, int seqLen) {
        try (Kernel kernel = Kernel.open(choice, Layout.forTraining(network, batch, seqLen, false, 0))) {
            return GradientFlow.of(kernel, parameters, new float[0], shard(batch, seqLen), 0, 1);
        }
    }

    private static Streams shard(int batch, int seqLen) {
        SplittableRandom random = new SplittableRandom(8);
        return new Streams(0, IntStream.range(0, batch).mapToObj(b -> random.ints(seqLen + 1, 0, VOCAB).toArray()).toArray(int[][]::new));
    }

    private static Network network(Cell cell, int hidden, int layers) {
        return new Network(VOCAB, 3, cell, hidden, layers, false, new Head(true, Loss.SOFTMAX, VOCAB), false);
    }

    private static void set(Network network, float[] parameters, String tensor, int i, float value) {
        Tensor t = network.tensor(tensor);
        parameters[t.offset() + i * (t.shape().size() == 2 ? t.shape().get(1) : 1)] = value;
    }
}
