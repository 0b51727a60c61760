package org.rondo.driver.rounds;

import java.io.InputStream;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.apache.spark.SparkEnv;
import org.apache.spark.network.buffer.ManagedBuffer;
import org.apache.spark.network.shuffle.BlockFetchingListener;
import org.apache.spark.storage.BlockData;
import org.apache.spark.storage.BlockManager;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.RDDBlockId;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.io.ChunkedByteBuffer;
import org.rondo.driver.rounds.Averaging.Mean;
import org.rondo.driver.rounds.Averaging.Node;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;

/** The vectors of a round as blocks of Spark's block managers, in slices, and the mean of all groups, taken slice by slice as the
 *  blocks arrive. They bear the names of partitions of the round's RDD, after its own, so they go when it goes. Spark's
 *  classes for this are not its public API; what they save are four copies of every vector (docs/decisions/0007).
 *
 *  <p>Groups that are siblings in the tree of {@link Averaging} and lie in one executor are merged there, by the one that comes later,
 *  and so on upwards; what others fetch are the largest nodes alone. */
final class Gathering implements BlockFetchingListener {
    /** Floats in a slice: 4 MB with what the JVM puts before an array, so that it fills regions of the collector to the brim. */
    static final int SLICE = (1 << 20) - 16;
    /** Of a block after its floats: the tokens that they are a mean over, and the spread of what they are the mean of, in the first vector. */
    private static final int TAIL_BYTES = Long.BYTES + Double.BYTES;
    private static final int MOST_BYTES = Float.BYTES * SLICE + TAIL_BYTES;

    /** Without a block. Spark gives up a connection that is silent long before. */
    private static final int MOST_MINUTES = 10;

    /** What a thread of Spark's network has received, before it is read as floats. */
    private static final ThreadLocal<byte[]> RECEIVED = ThreadLocal.withInitial(() -> new byte[MOST_BYTES]);

    /** The blocks of a round.
     *  @param length of a vector */
    private record Names(int rdd, int groups, int vectors, int length) {
        int slices() {
            return (length + SLICE - 1) / SLICE;
        }

        /** Blocks of a node. Number m is slice m % slices of vector m / slices. */
        int blocks() {
            return vectors * slices();
        }

        RDDBlockId id(Node node, int m) {
            return new RDDBlockId(rdd, groups + node.number(groups) * blocks() + m);
        }

        int vector(int m) {
            return m / slices();
        }

        /** Of the vector, the first float of a block. */
        int from(int m) {
            return m % slices() * SLICE;
        }

        /** Whether the block has its part of the spread: the first blocks have, one for each slice of the first vector. */
        boolean hasSpread(int m) {
            return m < slices();
        }

        int floats(int m) {
            return Math.min(SLICE, length - from(m));
        }
    }

    /** What a block has after its floats. */
    private record Tail(long tokens, double spread) { }

    /** A node that was left in an executor. */
    record Place(Node node, BlockManagerId executor) implements Serializable {
        private static final long serialVersionUID = 1;
    }

    private final Names names;
    /** Of the blocks of a node. */
    private final Averaging[] means;
    private final float[][] gathered;
    private final double[] spread;
    private long tokens;
    /** Slices that have been added, to be used again. */
    private final Deque<float[]> spare = new ConcurrentLinkedDeque<>();
    private final CountDownLatch missing;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    private Gathering(Names names, int nodes) {
        this.names = names;
        this.gathered = new float[names.vectors][names.length];
        this.spread = new double[names.slices()];
        this.means = new Averaging[names.blocks()];
        for (int m = 0; m < means.length; m++) means[m] = new Averaging(names.groups, merged -> spare.push(merged[0]));
        this.missing = new CountDownLatch(nodes * means.length);
    }

    /** The executors that there are, in the order in which they came, as locations that a task may prefer. None without a cluster. */
    static List<String> executors() {
        return CollectionConverters.asJava(SparkEnv.get().blockManager().master().getMemoryStatus()).keySet().stream().filter(executor -> !executor.isDriver())
                .sorted(Comparator.comparingInt((BlockManagerId executor) -> executor.executorId().length()).thenComparing(BlockManagerId::executorId))
                .map(executor -> "executor_" + executor.host() + "_" + executor.executorId()).toList();
    }

    /** Leaves the mean of a group in this executor; and as long as the sibling has been left here too, the mean of both. Of siblings
     *  that come at the same time both may do that, to the same bits.
     *  @param mean is overwritten
     *  @return the largest node left */
    static Place put(int rdd, int group, int groups, Mean mean) {
        BlockManager blocks = SparkEnv.get().blockManager();
        Names names = new Names(rdd, groups, mean.vectors().length, mean.vectors()[0].length);
        Node left = new Node(0, group), node = left;
        put(blocks, names, left, mean);
        for (; !node.isRoot(groups); node = node.parent()) {
            Node sibling = node.sibling(groups);
            if (sibling == null) continue;
            Mean other = local(blocks, names, sibling);
            if (other == null) break;
            Averaging both = new Averaging(2);
            both.add(node.index() % 2, mean);
            both.add(sibling.index() % 2, other);
            mean = both.whole();
            left = node.parent();
            put(blocks, names, left, mean);
        }
        return new Place(left, blocks.blockManagerId());
    }

    private static void put(BlockManager blocks, Names names, Node node, Mean mean) {
        for (int m = 0; m < names.blocks(); m++) {
            ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * names.floats(m) + TAIL_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            bytes.asFloatBuffer().put(mean.vectors()[names.vector(m)], names.from(m), names.floats(m));
            bytes.putLong(bytes.capacity() - TAIL_BYTES, mean.tokens());
            bytes.putDouble(bytes.capacity() - Double.BYTES, names.hasSpread(m) ? mean.spread()[m] : 0);
            if (!blocks.putBytes(names.id(node, m), new ChunkedByteBuffer(bytes), StorageLevel.MEMORY_AND_DISK_SER(), false, ClassTag.apply(byte[].class)))
                throw new IllegalStateException("no room for block " + names.id(node, m) + " of " + bytes.capacity() + " bytes in executor " + blocks.blockManagerId()
                        + ", neither in memory nor on disk; raise spark.executor.memory");
        }
    }

    /** A node of this executor; null if it is not here, or not all of it yet. */
    private static Mean local(BlockManager blocks, Names names, Node node) {
        if (blocks.getStatus(names.id(node, names.blocks() - 1)).isEmpty()) return null;       // the last that was put
        float[][] vectors = new float[names.vectors][names.length];
        Tail[] tails = new Tail[names.blocks()];
        for (int m = 0; m < names.blocks(); m++) {
            int block = m;
            if (!local(blocks, names.id(node, m), bytes -> tails[block] = read(bytes, names.floats(block), vectors[names.vector(block)], names.from(block)))) return null;
        }
        return new Mean(vectors, tails[0].tokens, Arrays.stream(tails, 0, names.slices()).mapToDouble(Tail::spread).toArray());
    }

    /** @return whether there is such a block in this executor */
    private static boolean local(BlockManager blocks, RDDBlockId id, Consumer<ByteBuffer> reader) {
        Option<BlockData> data = blocks.getLocalBytes(id);
        if (data.isEmpty()) return false;
        try {
            reader.accept(data.get().toByteBuffer());
            return true;
        } finally {
            blocks.releaseLock(id, Option.empty());
        }
    }

    private static Tail read(ByteBuffer bytes, int floats, float[] into, int at) {
        bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(into, at, floats);
        int end = bytes.position() + Float.BYTES * floats;
        return new Tail(bytes.getLong(end), bytes.getDouble(end + Long.BYTES));
    }

    /** The mean of all groups.
     *  @param places of nodes that cover each group once
     *  @throws IllegalStateException if one is not there: its executor is gone */
    static Mean mean(int rdd, int groups, List<Place> places, int vectors, int length) {
        Names names = new Names(rdd, groups, vectors, length);
        Gathering all = new Gathering(names, places.size());
        BlockManager blocks = SparkEnv.get().blockManager();
        Map<BlockManagerId, List<String>> elsewhere = new HashMap<>();
        for (int m = 0; m < names.blocks(); m++)                      // slice by slice, so that the nodes' meet early
            for (Place place : places)
                if (!place.executor.equals(blocks.blockManagerId())) elsewhere.computeIfAbsent(place.executor, e -> new ArrayList<>()).add(names.id(place.node, m).name());
        elsewhere.forEach((e, ids) -> blocks.blockTransferService().fetchBlocks(e.host(), e.port(), e.executorId(), ids.toArray(String[]::new), all, null));
        for (int m = 0; m < names.blocks(); m++)
            for (Place place : places)
                if (place.executor.equals(blocks.blockManagerId())) all.addLocal(blocks, place.node, m);
        return all.whole();
    }

    private Mean whole() {
        try {
            for (long left = missing.getCount(); !missing.await(MOST_MINUTES, TimeUnit.MINUTES); left = missing.getCount())
                if (missing.getCount() == left) throw new IllegalStateException(RoundRdd.LOST + ": no block has come for " + MOST_MINUTES + " minutes, " + left + " are missing");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            failure.compareAndSet(null, e);
        }
        if (failure.get() != null) throw new IllegalStateException(RoundRdd.LOST + ": " + failure.get(), failure.get());
        return new Mean(gathered, tokens, spread);
    }

    private void addLocal(BlockManager blocks, Node node, int m) {
        RDDBlockId id = names.id(node, m);
        if (!local(blocks, id, bytes -> add(node, m, bytes))) onBlockFetchFailure(id.name(), new IllegalStateException("block " + id + " is not here"));
    }

    @Override public void onBlockFetchSuccess(String name, ManagedBuffer data) {
        int number = Integer.parseInt(name.substring(name.lastIndexOf('_') + 1)) - names.groups;
        try (InputStream stream = data.createInputStream()) {
            byte[] bytes = RECEIVED.get();
            add(Node.of(number / names.blocks(), names.groups), number % names.blocks(), ByteBuffer.wrap(bytes, 0, stream.readNBytes(bytes, 0, bytes.length)));
        } catch (Throwable e) {        // an OutOfMemoryError too: in Spark's network nobody would hear of it, and the task wait for ever
            onBlockFetchFailure(name, e);
        }
    }

    @Override public void onBlockFetchFailure(String name, Throwable e) {
        failure.compareAndSet(null, e);
        while (missing.getCount() > 0) missing.countDown();
    }

    /** Block m of a node: added to those of the other nodes that are there. */
    private void add(Node node, int m, ByteBuffer bytes) {
        float[] used = spare.poll(), slice = used != null ? used : new float[Math.min(SLICE, names.length)];
        Tail tail = read(bytes, names.floats(m), slice, 0);
        Arrays.fill(slice, names.floats(m), slice.length, 0);           // of a longer slice before
        synchronized (means[m]) {
            means[m].add(node, new Mean(new float[][] {slice}, tail.tokens, names.hasSpread(m) ? new double[] {tail.spread} : null));
            if (means[m].isWhole()) take(m, means[m].whole());
        }
        missing.countDown();
    }

    private void take(int m, Mean mean) {
        System.arraycopy(mean.vectors()[0], 0, gathered[names.vector(m)], names.from(m), names.floats(m));
        spare.push(mean.vectors()[0]);
        if (names.hasSpread(m)) spread[m] = mean.spread()[0];
        if (m == 0) tokens = mean.tokens();
    }
}
