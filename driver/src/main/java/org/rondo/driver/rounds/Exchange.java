package org.rondo.driver.rounds;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.DoubleConsumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.SparkException;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.StorageLevel;
import org.rondo.driver.rounds.RoundRdd.Header;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Shard;
import scala.Function2;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;
import scala.runtime.BoxedUnit;

/** How the replicas of a round get their model, and how their vectors become the next: on the executors, through Spark's blocks.
 *
 *  <p>A round is one job of one stage. Each of its tasks reads what all tasks of the last round left ({@link RoundRdd}), takes
 *  the mean and the step that follows ({@link ModelRdd}: a JVM does this once), has the replicas of its shards work on that
 *  model one after the other, merges them along the tree of {@link Averaging}, and leaves their mean as a block of its own. A
 *  task has the shards of one subtree, as many as let the round end as early as single shards would, and neighbouring tasks go to one
 *  executor, where they merge ({@link Gathering}). So what is sent does not grow with the number of replicas, and no bit of the model depends on how many tasks there were.
 *
 *  <p>The driver keeps a model to go back to, and the rounds since. If a block was lost with its executor, those rounds are done
 *  again. A model is kept whenever fetching it has become cheap beside the work that would be lost; after a loss, every time,
 *  until a round has passed undisturbed. */
final class Exchange implements AutoCloseable {
    /** Work at risk, in times of what keeping it costs: keeping takes a hundredth of the time at most. */
    private static final int RISK = 100;
    /** In a row, without a round done: then it is not for lost blocks. */
    private static final int TRIES = 8;

    /** What a replica does in a round: a pure function, for it may run again, elsewhere, and rounds later. */
    interface Work extends Serializable {
        /** @param model   shared with other replicas of the JVM; not to be written to
         *  @param carried state of this shard */
        Result run(float[][] model, float[] carried, Shard shard);
    }

    /** What the mean of a round becomes: a pure function, computed by every executor. */
    interface Step extends Serializable {
        /** @param model what the round started from; dear to ask for, and not to be written to
         *  @param mean  of what the replicas made; may be written to */
        float[][] next(Supplier<float[][]> model, float[][] mean);

        /** Whether {@link #next} asks for the model: then executors keep it for those that have not computed it. */
        default boolean readsModel() {
            return true;
        }
    }

    /** The next model is the mean. */
    static final Step MEAN = new Step() {
        private static final long serialVersionUID = 1;

        @Override public float[][] next(Supplier<float[][]> model, float[][] mean) {
            return mean;
        }

        @Override public boolean readsModel() {
            return false;
        }
    };

    /** What there is of a round beside vectors.
     *  @param results  in the order of the shards
     *  @param training seconds in which a replica worked, in the executor where that was longest */
    record Done(Result[] results, double training) { }

    /** A round that may have to be done again. */
    private record Round(String name, String description, Work work, Step step) { }

    private final JavaSparkContext sc;
    private final JavaRDD<Shard> shards;
    private Start kept;
    private final List<Round> since = new ArrayList<>();
    private double keepingNanos;
    private long keptAt;
    private boolean disturbed;
    /** Of the last round that was done: what it started from, and what it left. Null where the next starts from what is kept. */
    private ModelRdd model;
    private RoundRdd round;
    private Step step;
    /** What it left as the next will start from it, if that was asked for. */
    private ModelRdd next;
    private Broadcast<Start> given;
    private int groupSize;
    /** Executors, as Spark's locations, each where it has its shards: null where one has gone and none has come since. */
    private final List<String> seats = new ArrayList<>();
    private final Deadline deadline;
    private final DoubleConsumer averaged;
    /** Whether {@link #averaged} has still to hear of the last round. */
    private boolean untold;

    /** @param shards          persisted; one to a partition, in their order
     *  @param deadlineSeconds of a round, and of fetching a model; 0: none
     *  @param averaged        hears how far the replicas were apart, once for every round and in their order: when the next has been done on
     *                         their mean, or that has been fetched, whichever is first */
    Exchange(JavaSparkContext sc, JavaRDD<Shard> shards, Start start, int deadlineSeconds, DoubleConsumer averaged) {
        this.averaged = averaged;
        this.sc = sc;
        this.shards = shards;
        this.deadline = new Deadline(sc, deadlineSeconds);
        keep(start);
    }

    /** Every shard's work; then {@code step} of their mean is what the next round starts from.
     *  @param name        of the group of Spark's jobs, for people
     *  @param description of the job */
    Done round(String name, String description, Work work, Step step) {
        if (round != null && (disturbed || System.nanoTime() - keptAt > RISK * keepingNanos)) start();
        Round now = new Round(name, description, work, step);
        Header[] headers = retried(() -> run(now, now.description), since.size());
        since.add(now);
        tell(headers[0].divergence);
        untold = true;
        return new Done(Stream.of(headers).flatMap(header -> Arrays.stream(header.results)).toArray(Result[]::new), training(headers));
    }

    /** What the next round starts from, fetched. */
    Start start() {
        if (since.isEmpty()) return kept;
        long from = System.nanoTime();
        Round last = since.get(since.size() - 1);
        Start start = retried(() -> {
            sc.setJobGroup(last.name, last.name + ": average, and fetch the model", true);
            ModelRdd model = next();
            return deadline.keep(() -> model.fetch(), () -> "parts of the model");
        }, since.size());
        keep(start);
        keepingNanos = System.nanoTime() - from;
        tell(start.divergence);
        return kept;
    }

    private void tell(double divergence) {
        if (untold) averaged.accept(divergence);
        untold = false;
    }

    /** Replicas of an executor may work at the same time, or one after the other. */
    private static double training(Header[] headers) {
        Map<BlockManagerId, List<long[]>> worked = new HashMap<>();
        for (Header header : headers) worked.computeIfAbsent(header.place.executor(), e -> new ArrayList<>()).addAll(List.of(header.worked));
        return 1e-9 * worked.values().stream().mapToLong(Exchange::covered).max().orElseThrow();
    }

    /** Length of the union of intervals. */
    static long covered(List<long[]> intervals) {
        long covered = 0, end = Long.MIN_VALUE;
        for (long[] interval : intervals.stream().sorted(Comparator.comparingLong(i -> i[0])).toList()) {
            covered += Math.max(0, interval[1] - Math.max(interval[0], end));
            end = Math.max(end, interval[1]);
        }
        return covered;
    }

    /** What the next round starts from is another. */
    void restart(Start start) {
        forget();
        keep(start);
    }

    private void keep(Start start) {
        kept = start;
        keptAt = System.nanoTime();
        since.clear();
    }

    private Header[] run(Round now, String description) throws SparkException {
        sc.setJobGroup(now.name, description, true);
        ModelRdd from = next();
        RoundRdd to = new RoundRdd(sc, shards, from, now.work, now.step.readsModel(), groupSize, new ArrayList<>(seats));
        byte[][] headers = new byte[to.getNumPartitions()][];
        try {
            deadline.keep(() -> runJob(to, headers), () -> "shards " + missing(headers));
        } catch (Exception e) {
            to.unpersist(false);
            throw e;
        }
        from.cut();
        to.cut();
        drop();
        model = from;
        round = to;
        step = now.step;
        next = null;
        return Stream.of(headers).map(Blocks::<Header>header).toArray(Header[]::new);
    }

    /** @param headers of the groups, as they arrive */
    private Void runJob(RoundRdd to, byte[][] headers) {
        var groups = Blocks.seq(IntStream.range(0, headers.length).<Object>mapToObj(g -> g).toList());
        Function2<Object, byte[], BoxedUnit> arrived = (g, header) -> {
            headers[(int) g] = header;
            return BoxedUnit.UNIT;
        };
        sc.sc().runJob(to, (Function2<TaskContext, Iterator<byte[]>, byte[]> & Serializable) (context, header) -> header.next(), groups, arrived, ClassTag.apply(byte[].class));
        return null;
    }

    /** Those of tasks that have not ended: a task's shards are worked on one after the other. */
    private String missing(byte[][] headers) {
        return IntStream.range(0, headers.length).filter(g -> headers[g] == null)
                .mapToObj(g -> g * groupSize + (groupSize == 1 ? "" : " to " + (Math.min(shards.getNumPartitions(), (g + 1) * groupSize) - 1))).collect(Collectors.joining(", "));
    }

    private ModelRdd next() {
        if (next == null) {
            int size = groupSize();
            boolean regrouped = groupSize != size, moved = seat(regrouped) || regrouped;
            StorageLevel level = shards.getStorageLevel();
            if (groupSize != 0 && moved && level.isValid()) shards.unpersist(false).persist(level);       // each to where its group will be
            groupSize = size;
            int groups = divideUp(shards.getNumPartitions(), size);
            if (round == null) given = sc.broadcast(kept);
            next = round == null ? new ModelRdd(sc, groups, kept, given) : new ModelRdd(sc, model, round, step, groups);
        }
        return next;
    }

    /** Something on Spark that may find blocks lost. */
    interface Attempt<T> {
        T run() throws SparkException;
    }

    /** @param done rounds after the kept model that it builds on */
    private <T> T retried(Attempt<T> attempt, int done) {
        disturbed = false;
        for (int tries = 1; ; tries++) {
            try {
                if (tries > 1) {
                    disturbed = true;
                    forget();
                    for (Round again : since.subList(0, done)) run(again, again.description + ", again");
                }
                return attempt.run();
            } catch (SparkException e) {
                if ("SPARK_JOB_CANCELLED".equals(e.getCondition())) throw new IllegalStateException(sc.getLocalProperty("spark.jobGroup.id")
                        + " was cancelled from outside, by the name of its group of Spark jobs; the same command resumes from the last checkpoint, if there is one", e);
                if (tries == TRIES || !e.getMessage().contains(RoundRdd.LOST)) throw new IllegalStateException(e.getMessage(), e);
            }
        }
    }

    /** Gives newcomers the seats of those who have gone, or else new ones.
     *  @param anew whether groups move anyway, and free seats may go
     *  @return whether groups have another seat now */
    private boolean seat(boolean anew) {
        List<String> here = Gathering.executors();
        seats.replaceAll(seat -> here.contains(seat) ? seat : null);
        if (anew) seats.removeIf(Objects::isNull);
        int before = seats.size();
        for (String executor : here) {
            int free = seats.indexOf(null);
            if (seats.contains(executor)) continue;
            if (free < 0) seats.add(executor);
            else seats.set(free, executor);
        }
        return seats.size() > before;
    }

    /** Where executors come as tasks wait for them, every shard is a task, or none would wait. */
    private int groupSize() {
        return sc.getConf().getBoolean("spark.dynamicAllocation.enabled", false) ? 1 : groupSize(shards.getNumPartitions(), slots());
    }

    /** Tasks that the executors of now run at a time. */
    private int slots() {
        int cpus = sc.getConf().getInt("spark.task.cpus", 1);
        return Math.max(1, CollectionConverters.asJava(sc.sc().statusStore().executorList(true)).stream().mapToInt(executor -> executor.totalCores() / cpus).sum());
    }

    /** Shards of a task: the largest subtree with which a round takes as many shards' time as with a task for every shard. Tasks start in
     *  order; the last may have fewer. */
    static int groupSize(int shards, int slots) {
        int largest = 1;
        for (int size = 2; size < 2 * shards; size *= 2) {
            int before = (shards - 1) / size, last = shards - before * size;
            if (Math.max(divideUp(before, slots) * size, before / slots * size + last) == divideUp(shards, slots)) largest = size;
        }
        return largest;
    }

    static int divideUp(int a, int b) {
        return (a + b - 1) / b;
    }

    /** Of the last round. */
    private void drop() {
        if (given != null) given.destroy();
        if (model != null) model.unpersist(false);
        if (round != null) round.unpersist(false);
        given = null;
    }

    /** All that is on the executors. */
    private void forget() {
        drop();
        if (next != null) next.unpersist(false);
        model = next = null;
        round = null;
    }

    @Override public void close() {
        forget();
        ModelRdd.forget();
        sc.clearJobGroup();
    }
}
