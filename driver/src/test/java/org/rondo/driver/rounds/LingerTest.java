package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Test;
import org.rondo.driver.Linger;
import org.rondo.driver.Setting;
import org.rondo.kernels.Replica;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Streams;

class LingerTest {
    private static final int SHORT_MILLIS = 100;
    private static volatile WeakReference<float[]> model;
    private final AtomicInteger freed = new AtomicInteger();

    @Test void freesOnceAfterTheLastTask() throws InterruptedException {
        Linger linger = new Linger(SHORT_MILLIS, freed::incrementAndGet);
        for (int times = 0; times < 2; times++) {
            linger.begin();
            linger.begin();
            linger.end();
            Thread.sleep(3 * SHORT_MILLIS);
            assertEquals(times, freed.get(), "while a task runs");
            linger.end();
            int expected = times + 1;
            await("freed", () -> freed.get() == expected);
        }
        Thread.sleep(3 * SHORT_MILLIS);
        assertEquals(2, freed.get());
    }

    /** As from round to round: nothing is freed that the next would have to make anew. */
    @Test void freesNothingBetweenTasksThatFollowEachOther() throws InterruptedException {
        int millis = 1000;
        Linger linger = new Linger(millis, freed::incrementAndGet);
        long between = 0, ended = System.nanoTime();
        for (long from = ended; System.nanoTime() - from < TimeUnit.MILLISECONDS.toNanos(2 * millis); Thread.sleep(10)) {
            linger.begin();
            between = Math.max(between, System.nanoTime() - ended);
            linger.end();
            ended = System.nanoTime();
        }
        assertTrue(freed.get() == 0 || between > TimeUnit.MILLISECONDS.toNanos(millis), "freed " + freed + " times, with " + between + " ns at most between two tasks");
        await("freed", () -> freed.get() > 0);
    }

    /** Its thread goes on, for this one and for others. */
    @Test void whatFailsToBeFreedIsTriedAgainAfterTheNextTask() throws InterruptedException {
        Linger linger = new Linger(SHORT_MILLIS, () -> {
            freed.incrementAndGet();
            throw new AssertionError("on purpose");
        });
        for (int times = 1; times <= 2; times++) {
            linger.begin();
            linger.end();
            int expected = times;
            await("freed", () -> freed.get() == expected);
        }
    }

    @Test void whatFailsKeepsNoneOfTheOthers() {
        RuntimeException first = new IllegalStateException("first");
        Error second = new AssertionError("second");
        assertSame(first, assertThrows(RuntimeException.class, () -> Linger.each(List.of(freed::incrementAndGet, failing(first), freed::incrementAndGet, failing(second), freed::incrementAndGet))));
        assertEquals(3, freed.get());
        assertEquals(List.of(second), List.of(first.getSuppressed()));
    }

    private static Runnable failing(Throwable failure) {
        return () -> {
            if (failure instanceof Error e) throw e;
            throw (RuntimeException) failure;
        };
    }

    /** Nobody closes it, as nobody does in an executor: kernels, seen by their threads, and the model go by themselves, and come back for another round. */
    @Test void aJvmThatLivesOnKeepsNothingOfATraining() throws InterruptedException {
        ReplicaPool.Key key = new ReplicaPool.Key(PlanTest.plan(PlanTest.SETTINGS.with(Setting.HIDDEN, 64), 20, 32_001), "native");
        int length = key.plan().network().parameterCount();
        Exchange.Work work = (start, carried, shard) -> {
            Replica replica = ReplicaPool.borrow(key);
            model = new WeakReference<>(start[0]);
            ReplicaPool.giveBack(key, replica);
            return new Result(shard.number, new float[][] {start[0].clone()}, carried, 0, 1, 0, -1, "none");
        };
        long usual = 30_000;
        try (JavaSparkContext sc = new JavaSparkContext(TrainerTest.conf("local[2]").set("spark.task.cpus", "2"))) {
            List<Shard> shards = List.of(new Streams(0, new int[0][]), new Streams(1, new int[0][]));
            Exchange exchange = new Exchange(sc, sc.parallelize(shards, 2), new Start(new float[1][length], new float[2][0]), 0, divergence -> { });
            for (int round = 0; round < 2; round++) exchange.round("round " + round, "round", work, Exchange.MEAN);
            assertEquals(1, TrainerTest.kernelThreads());
            System.gc();
            assertNotNull(model.get(), "kept for the next round");
            usual = ModelRdd.LINGER.after(SHORT_MILLIS);
            for (int round = 2; round < 4; round++) {
                exchange.round("round " + round, "round", work, Exchange.MEAN);
                await("the kernels freed", () -> TrainerTest.kernelThreads() == 0);
                await("the model freed", () -> {
                    System.gc();
                    return model.get() == null;
                });
            }
        } finally {
            ModelRdd.LINGER.after(usual);
        }
    }

    private static void await(String what, BooleanSupplier fact) throws InterruptedException {
        for (long from = System.nanoTime(); !fact.getAsBoolean(); Thread.sleep(10))
            assertTrue(System.nanoTime() - from < TimeUnit.SECONDS.toNanos(60), "waited a minute: " + what);
    }
}
