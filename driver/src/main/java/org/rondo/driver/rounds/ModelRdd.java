package org.rondo.driver.rounds;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.Dependency;
import org.apache.spark.Partition;
import org.apache.spark.SparkException;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.rdd.RDD;
import org.apache.spark.storage.StorageLevel;
import org.rondo.driver.Linger;
import scala.Function1;
import scala.collection.Iterator;
import scala.reflect.ClassTag;

/** What a round starts from, as an RDD: partition g is part g of every vector. A JVM computes the whole once, for all its tasks,
 *  from all blocks of the round before ({@link RoundRdd}); the parts are there for who comes later: an executor that has not
 *  taken part in the round before, and the driver. */
final class ModelRdd extends RDD<byte[]> {
    private static final long serialVersionUID = 1;
    /** Of the tasks of a training. To read a model and open replicas takes little beside the time that has passed then, which tasks
     *  of other executors, a checkpoint or validation may take. */
    static final Linger LINGER = new Linger(30_000, () -> Linger.each(List.of(ModelRdd::forget, ReplicaPool::clear)));

    /** What this JVM has computed last, and of which round it is. Kept until no task has run for a while ({@link Linger}). */
    private static ModelRdd.Key computed;
    private static Start whole;

    private record Key(String application, int id) { }

    /** Light, because blocks are asked for by number alone: what a partition holds on to travels with every task. */
    record Part(int index) implements Partition {
        private static final long serialVersionUID = 1;
    }

    /** What a part has before its vectors: the states of its shards, and {@link Start#divergence}. */
    private record Header(float[][] carried, double divergence) implements Serializable {
        private static final long serialVersionUID = 1;
    }

    private final String application;
    private final int vectors, length, shards, parts;
    /** Of the first round after a model was given; then the next three are null. All four are null once the model is there. */
    private Broadcast<Start> given;
    private RoundRdd before;
    private ModelRdd beforeThat;
    private Exchange.Step step;
    private transient scala.collection.immutable.Seq<Dependency<?>> reads;

    /** @param given what to start from */
    ModelRdd(JavaSparkContext sc, int parts, Start start, Broadcast<Start> given) {
        super(sc.sc(), Blocks.seq(List.of()), ClassTag.apply(byte[].class));
        this.application = sc.sc().applicationId();
        this.vectors = start.model.length;
        this.length = start.model[0].length;
        this.shards = start.carried.length;
        this.parts = parts;
        this.given = given;
        this.reads = Blocks.seq(List.of());
        setName("model");
        persist(StorageLevel.MEMORY_AND_DISK());
    }

    /** What the step makes of the mean of a round. */
    ModelRdd(JavaSparkContext sc, ModelRdd start, RoundRdd round, Exchange.Step step, int parts) {
        super(sc.sc(), Blocks.seq(List.of()), ClassTag.apply(byte[].class));
        this.application = start.application;
        this.vectors = start.vectors;
        this.length = start.length;
        this.shards = start.shards;
        this.parts = parts;
        this.before = round;
        this.beforeThat = start;
        this.step = step;
        this.reads = Blocks.seq(List.of(new Blocks.Reads<>(round, 0), new Blocks.Reads<>(start, 0)));
        setName("model");
        persist(StorageLevel.MEMORY_AND_DISK());
    }

    @Override public scala.collection.immutable.Seq<Dependency<?>> getDependencies() {
        return reads;
    }

    @Override public Partition[] getPartitions() {
        return IntStream.range(0, parts).mapToObj(Part::new).toArray(Partition[]::new);
    }

    @Override public Iterator<byte[]> compute(Partition partition, TaskContext context) {
        Start start = whole(context);
        int p = partition.index();
        return Blocks.write(new Header(Arrays.copyOfRange(start.carried, part(p, shards), part(p + 1, shards)), start.divergence), start.model, part(p, length), part(p + 1, length));
    }

    /** Where part p of {@code all} begins. */
    private int part(int p, int all) {
        return (int) ((long) all * p / parts);
    }

    /** All of it, for a task. Shared by the tasks of this JVM: not to be written to. */
    Start whole(TaskContext context) {
        LINGER.keepFor(context);
        synchronized (ModelRdd.class) {
            Key key = key();
            if (key.equals(computed)) return whole;
            Start start = computeWhole(context);
            if (computed != null && computed.application.equals(application) && computed.id > key.id) return start;      // for a task that comes late
            computed = key;
            whole = start;
            return start;
        }
    }

    private Key key() {
        return new Key(application, id());
    }

    private Start computeWhole(TaskContext context) {
        if (given != null) return given.value();
        if (before == null) throw new IllegalStateException(RoundRdd.LOST + ": " + this);
        RoundRdd.Whole mean = before.whole(context);
        float[][][] model = new float[1][][];                   // asked for once
        return new Start(step.next(() -> model[0] == null ? model[0] = beforeThat.assembled(context).model : model[0], mean.vectors()), mean.carried(), mean.divergence());
    }

    /** What this JVM has computed, or else all parts, from wherever they are. */
    private Start assembled(TaskContext context) {
        return key().equals(computed) ? whole : read(IntStream.range(0, parts).mapToObj(p -> iterator(new Part(p), context)).toList());
    }

    private Start read(List<Iterator<byte[]>> all) {
        float[][] model = new float[vectors][length], carried = new float[shards][];
        double divergence = Double.NaN;
        for (int p = 0; p < all.size(); p++) {
            Iterator<byte[]> elements = all.get(p);
            Header own = Blocks.header(elements.next());
            System.arraycopy(own.carried, 0, carried, part(p, shards), own.carried.length);
            divergence = own.divergence;
            Blocks.read(elements, model, part(p, length), part(p + 1, length));
        }
        return new Start(model, carried, divergence);
    }

    /** All of it, on the driver. */
    Start fetch() throws SparkException {
        var all = (byte[][][]) context().runJob(this, (Function1<Iterator<byte[]>, byte[][]> & Serializable) part -> {
            var elements = new java.util.ArrayList<byte[]>();
            while (part.hasNext()) elements.add(part.next());
            return elements.toArray(byte[][]::new);
        }, ClassTag.apply(byte[][].class));
        return read(Arrays.stream(all).map(elements -> scala.jdk.javaapi.CollectionConverters.asScala(Arrays.asList(elements).iterator())).toList());
    }

    /** Forgets what it was made from: it cannot be made again by itself. */
    void cut() {
        given = null;
        before = null;
        beforeThat = null;
        step = null;
        reads = Blocks.seq(List.of());
        clearDependencies();
    }

    /** Gives back what this JVM holds. */
    static synchronized void forget() {
        computed = null;
        whole = null;
    }
}
