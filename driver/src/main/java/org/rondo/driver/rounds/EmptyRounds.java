package org.rondo.driver.rounds;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.StorageLevel;
import org.rondo.driver.BadInput;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Streams;

/** What rounds cost without compute: replicas whose work is to give back the model they were given, but for one element that
 *  tells them apart. Beside each round an empty job is timed, which is what any round must cost on Spark. */
public final class EmptyRounds implements AutoCloseable {
    public static final String HEADER = "parameters\texecutors\tempty_job_ms\tround_ms\tp90_ms\tbytes_per_round";
    private static final int WARM_UP = 10, MOST_SECONDS = 60;

    private final JavaSparkContext sc;
    private final int parameters, replicas;
    private final JavaRDD<Shard> shards;
    private final JavaRDD<Integer> tasks;
    private final Exchange exchange;
    private final boolean collects;
    /** Of rounds by broadcast and collect. */
    private float[] model;
    private long rounds;

    /** @param collects whether the driver broadcasts the model and collects what the replicas made of it, instead: what there is to compare with */
    public EmptyRounds(JavaSparkContext sc, int parameters, int replicas, int slots, boolean collects) {
        this.sc = sc;
        this.collects = collects;
        this.model = new float[parameters];
        this.parameters = parameters;
        this.replicas = replicas;
        List<Shard> empty = IntStream.range(0, replicas).<Shard>mapToObj(s -> new Streams(s, new int[0][])).toList();
        this.shards = sc.parallelize(empty, replicas).persist(StorageLevel.MEMORY_AND_DISK());
        this.tasks = sc.parallelize(IntStream.range(0, slots).boxed().toList(), slots);
        this.exchange = new Exchange(sc, shards, new Start(new float[1][parameters], new float[replicas][0]), 0, divergence -> { });
    }

    /** Waits for executors, so that as many as the table says take part.
     *  @throws BadInput if they do not come */
    public void await(int executors) {
        int here = Gathering.executors().size();
        for (int second = 0; here < executors && second < MOST_SECONDS; second++) {
            LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(1));
            here = Gathering.executors().size();
        }
        if (here != executors) throw new BadInput("the cluster has " + here + " executors, expected " + executors + "; set --executors to what it gives, or the cluster to what is asked");
    }

    /** Bytes that the loopback interface has carried: of a cluster on one machine, all that its JVMs sent to each other. */
    private static double loopback() {
        try (Stream<String> interfaces = Files.lines(Path.of("/proc/net/dev"))) {
            return interfaces.map(String::strip).filter(line -> line.startsWith("lo:")).mapToDouble(line -> Double.parseDouble(line.split("[: ]+")[1])).sum();
        } catch (IOException e) {
            return Double.NaN;          // no Linux
        }
    }

    /** The table's line for so many rounds, after {@value #WARM_UP} to warm up. Times are medians.
     *  @throws IllegalStateException if the mean is not what it must be */
    public String measure(int executors, int rounds) {
        List<Double> empty = new ArrayList<>(), round = new ArrayList<>(), bytes = new ArrayList<>();
        for (int r = 0; r < WARM_UP + rounds; r++) {
            double job = milliseconds(() -> tasks.foreachPartition(task -> { })), before = loopback(), all = milliseconds(this::round);
            if (r < WARM_UP) continue;
            empty.add(job);
            round.add(all);
            bytes.add(loopback() - before);
        }
        check();
        empty.sort(null);
        round.sort(null);
        bytes.sort(null);
        return String.format(Locale.ROOT, "%d\t%d\t%.1f\t%.1f\t%.1f\t%.0f", parameters, executors, empty.get(rounds / 2), round.get(rounds / 2),
                round.get(rounds * 9 / 10), bytes.get(rounds / 2));
    }

    private static double milliseconds(Runnable work) {
        long from = System.nanoTime();
        work.run();
        return (System.nanoTime() - from) * 1e-6;
    }

    private void round() {
        String name = "round " + rounds++;
        Exchange.Work work = (model, carried, shard) -> {
            float[] mine = model[0].clone();
            mine[shard.number % mine.length] += 1;
            return new Result(shard.number, new float[][] {mine}, new float[0], 0, 1, 0, -1, "none");
        };
        if (!collects) exchange.round(name, name + ": no work", work, Exchange.MEAN);
        else {
            Broadcast<float[]> given = sc.broadcast(model);
            Averaging averaging = new Averaging(replicas);
            shards.map(shard -> work.run(new float[][] {given.value()}, null, shard)).collect().forEach(averaging::add);
            model = averaging.mean()[0];
            given.destroy();
        }
    }

    /** Every replica has added 1 to an element of its own in every round, so the mean has grown by 1/replicas in each. */
    private void check() {
        float[] model = collects ? this.model : exchange.start().model[0];
        double sum = 0;
        for (float x : model) sum += x;
        if (Math.abs(sum - rounds) > 1e-3 * rounds)
            throw new IllegalStateException("the elements of the model sum to " + sum + ", expected " + rounds + " after as many rounds: " + Arrays.toString(Arrays.copyOf(model, 4)));
    }

    @Override public void close() {
        exchange.close();
        shards.unpersist();
    }
}
