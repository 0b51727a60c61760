package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.BadInput;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Streams;

/** Every exchange gives the bits of {@link Averaging} over the replicas' vectors, computed here without Spark. */
class ExchangeTest {
    private static final int ROUNDS = 4, LENGTH = 3_000_000;       // more than two slices of a block

    /** As an exchange tells it. */
    private final List<Double> averaged = new ArrayList<>();

    /** Numbers whose sum depends on the order, weights that differ, one replica without tokens. */
    private static final Exchange.Work WORK = (model, carried, shard) -> {
        float[][] vectors = {model[0].clone(), model[1].clone()};
        for (int i = 0; i < LENGTH; i += 1 + shard.number) vectors[0][i] += (i % 97 + carried[0]) * 0.1f / (shard.number + 1);
        vectors[1][shard.number] -= 1 / 3f;
        return new Result(shard.number, vectors, new float[] {carried[0] + 1}, shard.number, shard.number == 2 ? 0 : 3 + shard.number, 0, -1, "none");
    };

    /** A model has one vector more than the replicas make: what of the last mean was not taken over, as momentum would keep it. */
    private static final Exchange.Step STEP = (model, mean) -> {
        float[] before = model.get()[0], restBefore = model.get()[2], rest = new float[LENGTH];
        for (int i = 0; i < LENGTH; i++) rest[i] = mean[0][i] - before[i] + 0.5f * restBefore[i];
        return new float[][] {mean[0], mean[1], rest};
    };

    @ParameterizedTest @CsvSource({"1,1", "1,7", "2,2", "2,7", "4,3", "3,6"})
    void blocksGiveTheBitsOfTheTree(int cores, int shards) {
        try (JavaSparkContext sc = context(cores); Exchange exchange = new Exchange(sc, shards(sc, shards), start(shards), 0, averaged::add)) {
            check(exchange, shards, () -> { });
        }
    }

    @Test void lostBlocksAreMadeAgainFromTheKeptModel() {
        try (JavaSparkContext sc = context(2); Exchange exchange = new Exchange(sc, shards(sc, 5), start(5), 0, averaged::add)) {
            int[] dropped = {0};
            check(exchange, 5, () -> sc.getPersistentRDDs().values().stream().filter(rdd -> "round".equals(rdd.name())).forEach(rdd -> {
                sc.env().blockManager().removeRdd(rdd.id());
                dropped[0]++;
            }));
            assertTrue(dropped[0] > 0, "no round left a block");
        }
    }

    /** As in an executor that has not taken part in the round before. */
    @Test void whoHasNotComputedAModelReadsItsParts() {
        try (JavaSparkContext sc = context(2); Exchange exchange = new Exchange(sc, shards(sc, 5), start(5), 0, averaged::add)) {
            check(exchange, 5, ModelRdd::forget);
        }
    }

    @Test void aFailureOfTheWorkIsNotTakenForALostBlock() {
        try (JavaSparkContext sc = context(2); Exchange exchange = new Exchange(sc, shards(sc, 2), start(2), 0, divergence -> { })) {
            Exception e = assertThrows(IllegalStateException.class, () -> exchange.round("fails", "fails", (model, carried, shard) -> {
                throw new IllegalArgumentException("what failed");
            }, STEP));
            assertTrue(e.getMessage().contains("what failed"), e.getMessage());
        }
    }

    /** Tasks played one after the other, each to the slot that is free first. */
    @Test void aTaskHasAsManyShardsAsLetARoundEndInTime() {
        assertEquals(List.of(4, 8, 1, 1, 2), List.of(Exchange.groupSize(8, 2), Exchange.groupSize(8, 1), Exchange.groupSize(8, 8), Exchange.groupSize(8, 16), Exchange.groupSize(5, 2)));
        for (int shards = 1; shards <= 70; shards++)
            for (int slots = 1; slots <= 20; slots++) {
                int chosen = Exchange.groupSize(shards, slots), soonest = end(shards, slots, 1);
                assertEquals(soonest, end(shards, slots, chosen), shards + " shards in " + slots + " slots by " + chosen);
                for (int larger = 2 * chosen; larger < 2 * shards; larger *= 2) assertTrue(end(shards, slots, larger) > soonest, shards + " shards in " + slots + " slots could be by " + larger);
            }
    }

    private static int end(int shards, int slots, int size) {
        int[] busyUntil = new int[slots];
        for (int shard = 0; shard < shards; shard += size) {
            Arrays.sort(busyUntil);
            busyUntil[0] += Math.min(size, shards - shard);
        }
        return Arrays.stream(busyUntil).max().orElseThrow();
    }

    /** Spark's cancelling reaches no job that has not begun: the deadline must. And it holds for the job that takes the mean. */
    @Test void fetchingTheModelHasADeadlineToo() {
        try (JavaSparkContext sc = context(2); Exchange exchange = new Exchange(sc, shards(sc, 4), start(4), 2, divergence -> { })) {
            exchange.round("round 7", "round 7", WORK, (model, mean) -> {
                LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(60));
                return STEP.next(model, mean);
            });
            String message = assertThrows(BadInput.class, exchange::start).getMessage();
            assertTrue(message.startsWith("round 7 has not ended within its deadline of 2 seconds: missing are parts of the model; tasks run in executor driver on "), message);
        }
    }

    @Test void aRoundThatDoesNotEndIsAnErrorThatNamesItsShards() {
        try (JavaSparkContext sc = context(2); Exchange exchange = new Exchange(sc, shards(sc, 4), start(4), 2, divergence -> { })) {
            String message = assertThrows(BadInput.class, () -> exchange.round("round 7", "round 7: hang", (model, carried, shard) -> {
                if (shard.number == 3) LockSupport.parkNanos(Long.MAX_VALUE);
                return WORK.run(model, carried, shard);
            }, STEP)).getMessage();
            assertTrue(message.startsWith("round 7 has not ended within its deadline of 2 seconds: missing are shards 2 to 3; tasks run in executor driver on "), message);
        }
    }

    private static Start start(int shards) {
        return new Start(new float[3][LENGTH], new float[shards][1]);
    }

    private void check(Exchange exchange, int shards, Runnable betweenRounds) {
        Start start = start(shards);
        float[][] expected = start.model, carried = start.carried;
        List<Double> apart = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            Averaging averaging = new Averaging(shards);
            float[][] before = expected, states = new float[shards][];
            for (int s = 0; s < shards; s++) {
                Result result = WORK.run(before, carried[s], new Streams(s, new int[0][]));
                averaging.add(result);
                states[s] = result.state;
            }
            carried = states;
            apart.add(averaging.whole().divergence());
            expected = STEP.next(() -> before, averaging.mean());
            Exchange.Done done = exchange.round("round " + round, "round " + round, WORK, STEP);
            assertTrue(done.training() > 0);
            assertEquals(IntStream.range(0, shards).boxed().toList(), Arrays.stream(done.results()).map(r -> r.shard).toList());
            if (round % 2 == 1) assertArrayEquals(expected[2], exchange.start().model[2]);
            betweenRounds.run();
        }
        assertArrayEquals(expected, exchange.start().model);
        assertArrayEquals(carried, exchange.start().carried);
        assertEquals(apart, averaged, "how far the replicas were apart, in every round once");
    }

    @Test void whatIsCoveredByIntervalsCountsOnce() {
        assertEquals(0, Exchange.covered(List.of()));
        assertEquals(12, Exchange.covered(List.of(new long[] {20, 22}, new long[] {0, 5}, new long[] {1, 3}, new long[] {5, 6}, new long[] {4, 10})));
    }

    private static JavaRDD<Shard> shards(JavaSparkContext sc, int shards) {
        List<Shard> empty = IntStream.range(0, shards).<Shard>mapToObj(s -> new Streams(s, new int[0][])).toList();
        return sc.parallelize(empty, shards);
    }

    private static JavaSparkContext context(int cores) {
        return new JavaSparkContext(TrainerTest.conf("local[" + cores + "]"));
    }
}
