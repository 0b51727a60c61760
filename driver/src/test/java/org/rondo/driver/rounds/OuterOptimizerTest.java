package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.rondo.driver.rounds.OuterOptimizer.InnerState.AVERAGE;
import static org.rondo.driver.rounds.OuterOptimizer.InnerState.KEEP;
import static org.rondo.driver.rounds.OuterOptimizer.InnerState.RESET;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Network;

class OuterOptimizerTest {
    private static final Network NETWORK = new Network(5, 3, 4, 1);
    private static final int N = NETWORK.parameterCount();

    /** m = 1/2, a = 1. From 1 the replicas come to 3: d = 2, v = 2, W = 1 + 2 + 1. From 4 to 3 again: d = -1, v = 1 - 1, W = 4 - 1 + 0. */
    @Test void stepsAreAsWorkedByHand() {
        OuterOptimizer outer = new OuterOptimizer(0.5f, 1, AVERAGE);
        float[][] first = outer.next(new float[][] {{1}, {0}}, new float[][] {{3}}), second = outer.next(first, new float[][] {{3}});
        assertArrayEquals(new float[][] {{4}, {2}}, first);
        assertArrayEquals(new float[][] {{3}, {0}}, second);
        // a = 1/4 and no momentum: a quarter of the way
        assertArrayEquals(new float[][] {{2}}, new OuterOptimizer(0, 0.25f, AVERAGE).next(new float[][] {{1}}, new float[][] {{5}}));
    }

    /** The gradient is minus the mean step, so the velocity has the other sign; the reference computes in doubles. Ours has four roundings up to
     *  the velocity and three after it, of numbers below 8. */
    @ParameterizedTest @CsvSource({"0.9, 0.7", "0.875, 1", "0.5, 0.3"})
    void isSgdWithNesterovsMomentumOnTheMeanStep(float momentum, float rate) {
        float[] w = random(1), mean = random(2), v = random(3), minusD = new float[N], minusV = new float[N], expectedW = new float[N], expectedV = new float[N];
        for (int i = 0; i < N; i++) {
            minusD[i] = w[i] - mean[i];
            minusV[i] = -v[i];
        }
        try (Kernel kernel = Kernel.open("reference", Layout.forTraining(NETWORK, 1, 1, false, 1))) {
            kernel.load(Block.PARAMETERS, w);
            kernel.load(Block.GRADIENTS, minusD);
            kernel.load(Block.FIRST_MOMENT, minusV);
            kernel.sgd(rate, momentum, true, 2, 1);
            kernel.store(Block.PARAMETERS, expectedW);
            kernel.store(Block.FIRST_MOMENT, expectedV);
        }
        float[][] next = new OuterOptimizer(momentum, rate, AVERAGE).next(new float[][] {w, v}, new float[][] {mean});
        for (int i = 0; i < N; i++) {
            assertEquals(expectedW[i], next[0][i], 7 * 8 * 0x1p-24);
            assertEquals(-expectedV[i], next[1][i], 4 * 8 * 0x1p-24);
        }
    }

    /** Chen & Huo 2016, (2) to (5): G(t) = mean - Wg, Delta = eta Delta + zeta G, W = W + Delta, Wg = W + eta Delta. */
    @Test void isThePapersNesterovBlockMomentum() {
        double eta = 0.75, zeta = 0.5, paperW = 1, delta = 0, paperWg = 1;
        OuterOptimizer outer = new OuterOptimizer((float) eta, (float) zeta, AVERAGE);
        float[][] model = {{1}, {0}};
        for (int round = 1; round <= 20; round++) {
            double step = Math.sin(round);
            delta = eta * delta + zeta * step;
            paperW += delta;
            paperWg = paperW + eta * delta;
            model = outer.next(model, new float[][] {{(float) (model[0][0] + step)}});
            // ten roundings a round of numbers below 4, which momentum remembers for 1 / (1 - eta) rounds
            assertEquals(paperWg, model[0][0], round * 10 * 4 * 4 * 0x1p-24, "round " + round);
        }
    }

    /** N replicas that agree on a step of 1 move the model by N. */
    @Test void blockMomentumAddsUpToTheSumOfTheReplicas() {
        OuterOptimizer outer = OuterOptimizer.of(settings("averaging", "parameters", "shards", "8", "outerOptimizer", "bmuf"));
        float[][] model = {{0}, {0}};
        float before = 0;
        for (int round = 0; round < 200; round++) {
            before = model[0][0];
            model = outer.next(model, new float[][] {{before + 1}});
        }
        assertEquals(8, model[0][0] - before, 2 * 1600 * 0x1p-23);      // the last bit of a model near 1600, twice
    }

    @Test void thePlainMeanIsTheMeanItself() {
        float[][] mean = {random(2), random(3)};
        float[][] next = new OuterOptimizer(0, 1, AVERAGE).next(new float[][] {random(1), random(4)}, mean);
        assertEquals(2, next.length);
        assertSame(mean[0], next[0]);
        assertArrayEquals(mean[1], next[1]);
        assertEquals(0, new OuterOptimizer(0, 1, AVERAGE).vectors());
    }

    /** Where they are not averaged the replicas leave none, and the model's stay: of a first phase, or zeros. */
    @Test void momentsBecomeTheMeanOrStay() {
        float[][] model = {random(1), random(2), random(3), random(4)}, mean = {random(5), random(6), random(7)};
        float[][] averaged = new OuterOptimizer(0.9f, 0.7f, AVERAGE).next(model, mean);
        assertArrayEquals(mean[1], averaged[1]);
        assertArrayEquals(mean[2], averaged[2]);
        for (OuterOptimizer.InnerState state : new OuterOptimizer.InnerState[] {KEEP, RESET}) {
            float[][] stay = new OuterOptimizer(0.9f, 0.7f, state).next(model, new float[][] {random(5)});
            assertArrayEquals(new float[][] {averaged[0], random(2), random(3), averaged[3]}, stay);
        }
    }

    @Test void argumentsStayAndSlicesGiveSlices() {
        OuterOptimizer outer = new OuterOptimizer(0.9f, 0.7f, AVERAGE);
        float[][] model = {random(1), random(2), random(3)}, mean = {random(4), random(5)};
        float[][] next = outer.next(model, mean);
        assertArrayEquals(new float[][] {random(1), random(2), random(3)}, model);
        assertArrayEquals(new float[][] {random(4), random(5)}, mean);
        assertArrayEquals(slice(next), outer.next(slice(model), slice(mean)));
    }

    @ParameterizedTest @CsvSource({"auto, parameters, 8, 0.875, 1", "auto, parameters, 1, 0, 1", "auto, gradients, 8, 0, 1", "mean, parameters, 8, 0, 1", "mean, gradients, 8, 0, 1",
            "bmuf, parameters, 4, 0.75, 1", "diloco, parameters, 4, 0.9, 0.7", "diloco, parameters, 1, 0.9, 0.7"})
    void presetsAreThePapers(String name, String averaging, String shards, float momentum, float rate) {
        assertEquals(new OuterOptimizer(momentum, rate, AVERAGE), OuterOptimizer.of(settings("outerOptimizer", name, "averaging", averaging, "shards", shards)));
    }

    @Test void whatIsGivenGoesBeforeAPreset() {
        assertEquals(new OuterOptimizer(0.5f, 2, RESET), OuterOptimizer.of(settings("averaging", "parameters", "shards", "8", "outerMomentum", "0.5",
                "outerLearningRate", "2", "innerState", "reset")));
        assertEquals(1, OuterOptimizer.of(settings("averaging", "parameters", "outerMomentum", "0.5")).vectors());
    }

    @ParameterizedTest @CsvSource({"outerOptimizer, bmuf", "outerOptimizer, diloco", "outerMomentum, 0.5", "outerLearningRate, 0.5", "innerState, reset", "innerState, keep"})
    void whereReplicasTakeNoStepsItIsRefused(String key, String value) {
        String message = assertThrows(BadInput.class, () -> OuterOptimizer.of(settings("shards", "2", key, value))).getMessage();
        assertTrue(message.contains("set --averaging parameters"), message);
    }

    private static Settings settings(String... given) {
        Map<String, String> all = new HashMap<>();
        for (int i = 0; i < given.length; i += 2) all.put(given[i], given[i + 1]);
        return Settings.of(all);
    }

    private static float[][] slice(float[][] vectors) {
        return Arrays.stream(vectors).map(v -> Arrays.copyOfRange(v, 7, 40)).toArray(float[][]::new);
    }

    /** Within 1 of zero. */
    private static float[] random(int seed) {
        Random random = new Random(seed);
        float[] v = new float[N];
        for (int i = 0; i < N; i++) v[i] = random.nextFloat() * 2 - 1;
        return v;
    }

    @Test void itSaysWhatItIsAndWhereThereAreFewRounds() {
        assertEquals("outer optimiser: the mean", new OuterOptimizer(0, 1, OuterOptimizer.InnerState.AVERAGE).says(3));
        OuterOptimizer momentum = new OuterOptimizer(0.75f, 1, OuterOptimizer.InnerState.AVERAGE);
        assertEquals("outer optimiser: the mean step with Nesterov's momentum 0.7500 and learning rate 1.000", momentum.says(40));
        assertTrue(momentum.says(39).endsWith("; 39 rounds in all are few for such a momentum: set --outerOptimizer mean, or windowsPerRound lower"), momentum.says(39));
    }
}
