package org.rondo.driver.rounds;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.Dependency;
import org.apache.spark.Partition;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.storage.StorageLevel;
import org.rondo.driver.rounds.Averaging.Mean;
import org.rondo.driver.rounds.Gathering.Place;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Shard;
import scala.collection.Iterator;
import scala.reflect.ClassTag;

/** A round as an RDD: partition g says what the replicas of group g of the shards made of the model, and where the mean of their
 *  vectors is ({@link Gathering}). */
final class RoundRdd extends RDD<byte[]> {
    private static final long serialVersionUID = 1;
    /** What the exception says when a block is gone, and the rounds since the kept model must be done again. */
    static final String LOST = "a block of a round was lost with its executor";

    /** A group of shards; for who only asks for its block, by number, there need not be any. */
    private record Group(int index, Partition... shards) implements Partition {
        private static final long serialVersionUID = 1;
    }

    /** What a block begins with. */
    static final class Header implements Serializable {
        private static final long serialVersionUID = 1;
        /** Without vectors and states, for it goes to the driver. */
        final Result[] results;
        final int vectors, length;
        /** When the replica of each shard worked, in nanoseconds of this executor's clock: from, to. */
        final long[][] worked;
        /** Of the replicas of the round before, whose mean this one has taken: {@link Start#divergence}. */
        final double divergence;
        /** Where the vectors are, and of what else they are the mean. */
        final Place place;

        Header(Result[] results, long[][] worked, double divergence, Mean mean, Place place) {
            this.results = results;
            this.worked = worked;
            this.divergence = divergence;
            this.vectors = mean.vectors().length;
            this.length = mean.vectors()[0].length;
            this.place = place;
        }
    }

    /** What all replicas made: their mean, and the state of every shard. */
    record Whole(float[][] vectors, float[][] carried, double divergence) { }

    private final int groupSize, groups;
    private final boolean keepsModel;
    /** These three are null once the round is done. */
    private RDD<Shard> shards;
    private ModelRdd model;
    private Exchange.Work work;
    private final transient List<String> places;
    private transient scala.collection.immutable.Seq<Dependency<?>> reads;

    /** @param keepsModel whether the step after this round reads the model
     *  @param groupSize  shards of a task
     *  @param places     executors, as Spark's locations, that share the groups in this order; null for any */
    RoundRdd(JavaSparkContext sc, JavaRDD<Shard> shards, ModelRdd model, Exchange.Work work, boolean keepsModel, int groupSize, List<String> places) {
        super(sc.sc(), Blocks.seq(List.of()), ClassTag.apply(byte[].class));
        this.shards = shards.rdd();
        this.model = model;
        this.work = work;
        this.keepsModel = keepsModel;
        this.groupSize = groupSize;
        this.places = places;
        this.groups = (shards.getNumPartitions() + groupSize - 1) / groupSize;
        this.reads = Blocks.seq(List.of(new Blocks.Reads<>(this.shards, groupSize), new Blocks.Reads<>(model, 1)));   // the shards first: a task is sent to where they are
        setName("round");
        persist(StorageLevel.MEMORY_AND_DISK());
    }

    @Override public scala.collection.immutable.Seq<Dependency<?>> getDependencies() {
        return reads;
    }

    @Override public Partition[] getPartitions() {
        Partition[] all = shards.partitions();
        return IntStream.range(0, groups)
                .mapToObj(g -> new Group(g, Arrays.copyOfRange(all, g * groupSize, Math.min(all.length, (g + 1) * groupSize)))).toArray(Partition[]::new);
    }

    @Override public Iterator<byte[]> compute(Partition partition, TaskContext context) {
        Group group = (Group) partition;
        if (work == null) throw new IllegalStateException(LOST + ": of group " + group.index + " of " + this);
        if (keepsModel) model.iterator(new ModelRdd.Part(group.index), context);       // leaves this part of it as a block
        Start start = model.whole(context);
        Averaging averaging = new Averaging(group.shards.length);
        Result[] results = new Result[group.shards.length];
        float[][] states = new float[results.length][];
        long[][] worked = new long[results.length][];
        for (int s = 0; s < results.length; s++) {
            Shard shard = shards.iterator(group.shards[s], context).next();
            long from = System.nanoTime();
            Result result = work.run(start.model, start.carried[shard.number], shard);
            worked[s] = new long[] {from, System.nanoTime()};
            averaging.add(s, new Mean(result.vectors, result.tokens));
            results[s] = result.with(new float[0][], new float[0]);
            states[s] = result.state;
        }
        Mean mean = averaging.whole();
        return Blocks.write(new Header(results, worked, start.divergence, mean, Gathering.put(id(), group.index, groups, mean)), states);
    }

    /** From all blocks, wherever they are. */
    Whole whole(TaskContext context) {
        Header[] headers = new Header[groups];
        List<float[]> states = new ArrayList<>();
        for (int g = 0; g < groups; g++) {
            Iterator<byte[]> block = iterator(new Group(g), context);
            headers[g] = Blocks.header(block.next());
            while (block.hasNext()) states.add(Blocks.header(block.next()));
        }
        Mean mean = Gathering.mean(id(), groups, largest(headers), headers[0].vectors, headers[0].length);
        return new Whole(mean.vectors(), states.toArray(float[][]::new), mean.divergence());
    }

    /** Nodes that cover every group once. A node of a group is one of those above it, so two are disjoint, or one is in the other. */
    private List<Place> largest(Header[] headers) {
        List<Place> largest = new ArrayList<>();
        for (int g = 0; g < groups; g = largest.get(largest.size() - 1).node().end(groups)) {
            int group = g;
            largest.add(Stream.of(headers).map(header -> header.place).filter(place -> place.node().covers(group)).max(Comparator.comparingInt(place -> place.node().level())).orElseThrow());
        }
        return largest;
    }

    /** Where neighbours in the tree meet. */
    @Override public scala.collection.immutable.Seq<String> getPreferredLocations(Partition partition) {
        String place = places.isEmpty() ? null : places.get((int) ((long) partition.index() * places.size() / groups));
        return Blocks.seq(place == null ? List.of() : List.of(place));
    }

    /** Forgets what it was made from: it cannot be made again by itself. */
    void cut() {
        shards = null;
        model = null;
        work = null;
        reads = Blocks.seq(List.of());
        clearDependencies();
    }
}
