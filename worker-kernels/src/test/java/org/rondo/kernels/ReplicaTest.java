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
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Replica.Stretch;

class ReplicaTest {
    private static final Network NETWORK = new Network(11, 6, 17, 2);
    private static final int BATCH = 3, SEQ_LEN = 5, WINDOWS = 6;
    private static final Optimizer ADAM = new Optimizer("adam", 1);

    static List<String> kernels() {
        List<String> kernels = new ArrayList<>(List.of("reference"));
        kernels.addAll(NativeLibrary.instructionSets());
        return kernels;
    }

    @ParameterizedTest @MethodSource("kernels")
    void aStretchMayBeCutAnywhere(String kernel) {
        Result whole, second;
        try (Replica replica = replica(kernel)) {
            whole = replica.train(model(), new float[0], shard(), stretch(0, 6));
        }
        try (Replica replica = replica(kernel); Replica other = replica(kernel)) {
            Result first = replica.train(model(), new float[0], shard(), stretch(0, 2));
            second = other.train(first.vectors, first.state, shard(), stretch(2, 4));
        }
        if (!kernel.equals("reference"))       // whose moments are double inside a stretch and float between two
            for (int v = 0; v < 3; v++) assertArrayEquals(whole.vectors[v], second.vectors[v]);
        assertArrayEquals(whole.state, second.state, 1e-6f);
    }

    @ParameterizedTest @MethodSource("kernels")
    void whatAReplicaDidBeforeDoesNotMatter(String kernel) {
        try (Replica used = replica(kernel); Replica fresh = replica(kernel)) {
            used.train(model(), new float[0], shard(), stretch(0, 4));
            Result a = used.train(model(), new float[0], shard(), stretch(0, 2));
            Result b = fresh.train(model(), new float[0], shard(), stretch(0, 2));
            for (int v = 0; v < 3; v++) assertArrayEquals(b.vectors[v], a.vectors[v]);
            assertArrayEquals(b.state, a.state);
            assertEquals(b.loss, a.loss);
        }
    }

    @ParameterizedTest @MethodSource("kernels")
    void aRepeatingTextIsLearnt(String kernel) {
        int[] text = new int[91];
        for (int i = 0; i < text.length; i++) text[i] = i % 7;
        Shard repeating = new Streams(0, new int[][] {text, text, text});
        float[][] model = model();
        Result last = null;
        try (Replica replica = new Replica(Kernel.open(kernel, Layout.forTraining(NETWORK, BATCH, SEQ_LEN, false, 2)), UnrolledNetwork.Dropout.NONE, ADAM)) {
            for (int epoch = 0; epoch < 15; epoch++) {
                last = replica.train(model, new float[0], repeating, new Stretch(epoch, 0, 18, 18, 0.02, 1));
                model = last.vectors;
            }
        }
        assertTrue(last.loss / last.tokens < 0.1, "after 15 epochs the loss is " + last.loss / last.tokens);
    }

    /** Adam divides by 1 - beta^step: from moments of zero the first step of a later epoch is that of the first. */
    @ParameterizedTest @MethodSource("kernels")
    void stepsAreCountedFromWhereTheMomentsStart(String kernel) {
        try (Replica replica = new Replica(Kernel.open(kernel, Layout.forTraining(NETWORK, BATCH, SEQ_LEN, false, 2)), UnrolledNetwork.Dropout.NONE, ADAM)) {
            float[][] first = replica.train(model(), new float[0], shard(), new Stretch(0, 0, 2, WINDOWS, 0.02, 1)).vectors;
            assertArrayEquals(first, replica.train(model(), new float[0], shard(), new Stretch(3, 0, 2, WINDOWS, 0, 0.02, 1)).vectors);
            assertFalse(Arrays.deepEquals(first, replica.train(model(), new float[0], shard(), new Stretch(3, 0, 2, WINDOWS, 0.02, 1)).vectors));
        }
    }

    /** Text of a window and a half, then of none, on replicas that have worked before. */
    @ParameterizedTest @MethodSource("kernels")
    void aShardThatHasEndedChangesNothing(String kernel) {
        Shard brief = new Streams(4, new int[][] {{1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 3}, {}}), none = new Streams(4, new int[BATCH][0]);
        try (Replica replica = replica(kernel)) {
            Result two = replica.train(model(), new float[0], brief, stretch(0, 2)), six = replica.train(model(), new float[0], brief, stretch(0, 6));
            assertEquals(9, six.tokens);
            assertTrue(Arrays.deepEquals(two.vectors, six.vectors));
            assertArrayEquals(two.state, six.state);
            assertEquals(two.loss, six.loss);
            Result rest = replica.train(two.vectors, two.state, brief, stretch(2, 4));
            assertTrue(Arrays.deepEquals(two.vectors, rest.vectors));
            assertArrayEquals(two.state, rest.state);
            assertEquals(0, rest.tokens);
            assertTrue(Arrays.deepEquals(model(), replica.train(model(), new float[0], none, stretch(0, 6)).vectors));
            assertArrayEquals(new float[NETWORK.parameterCount()], replica.gradient(model()[0], new float[0], none, stretch(0, 1)).vectors[0]);
        }
    }

    @ParameterizedTest @MethodSource("kernels")
    void divergenceIsReportedAtItsWindow(String kernel) {
        float[][] model = model();
        model[0][NETWORK.tensor("output.bias").offset()] = Float.NaN;
        try (Replica replica = replica(kernel)) {
            Result result = replica.train(model, new float[0], shard(), stretch(3, 3));
            assertEquals(3, result.diverged);
            assertFalse(Double.isFinite(result.loss));
        }
    }

    @ParameterizedTest @MethodSource("kernels")
    void theStepAfterTheLastWindowIsCheckedToo(String kernel) {
        try (Replica replica = replica(kernel)) {
            Result result = replica.train(model(), new float[0], shard(), new Stretch(0, 0, 1, WINDOWS, Double.POSITIVE_INFINITY, 77));
            assertTrue(Double.isFinite(result.loss));
            assertEquals(0, result.diverged);
        }
    }

    @ParameterizedTest @MethodSource("kernels")
    void aVectorOfAnotherNetworkIsRefused(String kernel) {
        try (Replica replica = replica(kernel)) {
            var e = assertThrows(IllegalArgumentException.class,
                    () -> replica.train(new float[3][7], new float[0], shard(), stretch(0, 1)));
            assertTrue(e.getMessage().contains("7 floats"), e.getMessage());
        }
    }

    /** Tasks of one executor, each with a replica and a shard of its own, all in the same windows at the same time. */
    @ParameterizedTest @MethodSource("kernels")
    void tasksBesideItChangeNoBit(String kernel) throws Exception {
        List<Result> alone = new ArrayList<>();
        for (int task = 0; task < 4; task++) alone.add(trained(kernel, task, new CyclicBarrier(1)));
        assertFalse(Arrays.equals(alone.get(0).vectors[0], alone.get(1).vectors[0]));
        for (int tasks : new int[] {1, 2, 4}) {
            ExecutorService threads = Executors.newFixedThreadPool(tasks);
            try {
                CyclicBarrier all = new CyclicBarrier(tasks);
                List<Future<Result>> results = new ArrayList<>();
                for (int task = 0; task < tasks; task++) {
                    int number = task;
                    results.add(threads.submit(() -> trained(kernel, number, all)));
                }
                for (int task = 0; task < tasks; task++) {
                    Result expected = alone.get(task), actual = results.get(task).get();
                    for (int v = 0; v < 3; v++) assertArrayEquals(expected.vectors[v], actual.vectors[v]);
                    assertArrayEquals(expected.state, actual.state);
                    assertEquals(expected.loss, actual.loss);
                }
            } finally {
                threads.shutdownNow();
            }
        }
    }

    private static Result trained(String kernel, int number, CyclicBarrier all) throws Exception {
        try (Replica replica = replica(kernel)) {
            float[][] model = model();
            Result result = null;
            for (int round = 0; round < 20; round++) {
                all.await();
                result = replica.train(model, new float[0], shard(number), stretch(0, WINDOWS));
                model = result.vectors;
            }
            return result;
        }
    }

    private static Replica replica(String kernel) {
        return new Replica(Kernel.open(kernel, Layout.forTraining(NETWORK, BATCH, SEQ_LEN, true, 2)), new UnrolledNetwork.Dropout(0.3, false), ADAM);
    }

    private static float[][] model() {
        int p = NETWORK.parameterCount();
        return new float[][] {Parameters.initial(NETWORK, 3), new float[p], new float[p]};
    }

    private static Stretch stretch(int first, int windows) {
        return new Stretch(0, first, windows, WINDOWS, 0.01, 77);
    }

    private static Shard shard() {
        return shard(4);
    }

    private static Shard shard(int number) {
        SplittableRandom random = new SplittableRandom(number);
        int[][] streams = new int[BATCH][SEQ_LEN * WINDOWS + 1];
        for (int[] stream : streams) Arrays.setAll(stream, i -> random.nextInt(NETWORK.vocab()));
        return new Streams(number, streams);
    }
}
