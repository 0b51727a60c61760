package org.rondo.driver.rounds;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.spark.SparkEnv;
import org.apache.spark.network.buffer.ManagedBuffer;
import org.apache.spark.network.shuffle.BlockFetchingListener;
import org.apache.spark.storage.BlockData;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManager;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.RDDBlockId;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.io.ChunkedByteBuffer;
import org.rondo.driver.rounds.Averaging.Mean;
import scala.Option;
import scala.reflect.ClassTag;

/** The vectors of a round as blocks of Spark's block managers, in slices, and the mean of all groups, taken slice by slice as the
 *  blocks arrive. They bear the names of partitions of the round's RDD, after its own, so they go when it goes. Spark's
 *  classes for this are not its public API; what they save are four copies of every vector (docs/decisions/0007). */
final class Gathering implements BlockFetchingListener {
    /** Floats in a slice: 4 MB with what the JVM puts before an array, so that it fills regions of the collector to the brim. */
    private static final int SLICE = (1 << 20) - 16;

    /** What a thread of Spark's network has received, before it is read as floats. */
    private static final ThreadLocal<byte[]> RECEIVED = ThreadLocal.withInitial(() -> new byte[Float.BYTES * SLICE]);

    private final int rdd, groups, length;
    private final long[] tokens;
    /** Of slice s of vector v, at v * slicesOf(length) + s. */
    private final Averaging[] means;
    private final float[][] gathered;
    /** Slices that have been added, to be used again. */
    private final Deque<float[]> spare = new ConcurrentLinkedDeque<>();
    private final CountDownLatch missing;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    /** @param tokens of every group */
    private Gathering(int rdd, long[] tokens, int vectors, int length) {
        this.rdd = rdd;
        this.groups = tokens.length;
        this.length = length;
        this.tokens = tokens;
        this.gathered = new float[vectors][length];
        this.means = new Averaging[vectors * slicesOf(length)];
        for (int m = 0; m < means.length; m++) means[m] = new Averaging(groups, merged -> spare.push(merged[0]));
        this.missing = new CountDownLatch(groups * means.length);
    }

    private static int slicesOf(int length) {
        return (length + SLICE - 1) / SLICE;
    }

    /** Leaves the vectors of a group in this executor.
     *  @return of what executor */
    static BlockManagerId put(int rdd, int group, int groups, float[][] vectors) {
        BlockManager blocks = SparkEnv.get().blockManager();
        int slices = slicesOf(vectors[0].length), first = groups + group * vectors.length * slices;
        for (int v = 0; v < vectors.length; v++)
            for (int s = 0; s < slices; s++) {
                int from = s * SLICE, floats = Math.min(SLICE, vectors[v].length - from);
                ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * floats).order(ByteOrder.LITTLE_ENDIAN);
                bytes.asFloatBuffer().put(vectors[v], from, floats);
                BlockId id = new RDDBlockId(rdd, first + v * slices + s);
                if (!blocks.putBytes(id, new ChunkedByteBuffer(bytes), StorageLevel.MEMORY_AND_DISK_SER(), false, ClassTag.apply(byte[].class)))
                    throw new IllegalStateException("no room for block " + id + " of " + bytes.capacity() + " bytes in executor " + blocks.blockManagerId()
                            + ", neither in memory nor on disk; raise spark.executor.memory");
            }
        return blocks.blockManagerId();
    }

    /** The mean of all groups.
     *  @param at     where each group's blocks are
     *  @param tokens of each group
     *  @throws IllegalStateException if one is not there: its executor is gone */
    static float[][] mean(int rdd, BlockManagerId[] at, long[] tokens, int vectors, int length) {
        Gathering all = new Gathering(rdd, tokens, vectors, length);
        BlockManager blocks = SparkEnv.get().blockManager();
        Map<BlockManagerId, List<String>> elsewhere = new HashMap<>();
        for (int m = 0; m < all.means.length; m++)                      // slice by slice, so that the groups' meet early
            for (int g = 0; g < at.length; g++)
                if (!at[g].equals(blocks.blockManagerId())) elsewhere.computeIfAbsent(at[g], e -> new ArrayList<>()).add(all.id(g, m).name());
        elsewhere.forEach((e, ids) -> blocks.blockTransferService().fetchBlocks(e.host(), e.port(), e.executorId(), ids.toArray(String[]::new), all, null));
        for (int m = 0; m < all.means.length; m++)
            for (int g = 0; g < at.length; g++)
                if (at[g].equals(blocks.blockManagerId())) all.local(blocks, g, m);
        return all.whole();
    }

    private float[][] whole() {
        try {
            missing.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            failure.compareAndSet(null, e);
        }
        if (failure.get() != null) throw new IllegalStateException(RoundRdd.LOST + ": " + failure.get(), failure.get());
        return gathered;
    }

    private RDDBlockId id(int group, int m) {
        return new RDDBlockId(rdd, groups + group * means.length + m);
    }

    private void local(BlockManager blocks, int group, int m) {
        RDDBlockId id = id(group, m);
        Option<BlockData> data = blocks.getLocalBytes(id);
        if (data.isEmpty()) {
            onBlockFetchFailure(id.name(), new IllegalStateException("block " + id + " is not here"));
            return;
        }
        try {
            add(group, m, data.get().toByteBuffer());
        } finally {
            blocks.releaseLock(id, Option.empty());
        }
    }

    @Override public void onBlockFetchSuccess(String name, ManagedBuffer data) {
        int number = Integer.parseInt(name.substring(name.lastIndexOf('_') + 1)) - groups;
        try (InputStream stream = data.createInputStream()) {
            byte[] bytes = RECEIVED.get();
            add(number / means.length, number % means.length, ByteBuffer.wrap(bytes, 0, stream.readNBytes(bytes, 0, bytes.length)));
        } catch (IOException | RuntimeException e) {
            onBlockFetchFailure(name, e);
        }
    }

    @Override public void onBlockFetchFailure(String name, Throwable e) {
        failure.compareAndSet(null, e);
        while (missing.getCount() > 0) missing.countDown();
    }

    /** Slice m of a group: added to those of the other groups that are there. */
    private void add(int group, int m, ByteBuffer bytes) {
        int vector = m / slicesOf(length), from = m % slicesOf(length) * SLICE, floats = Math.min(SLICE, length - from);
        float[] used = spare.poll(), slice = used != null ? used : new float[Math.min(SLICE, length)];
        bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(slice, 0, floats);
        synchronized (means[m]) {
            means[m].add(group, new Mean(new float[][] {slice}, tokens[group]));
            if (means[m].isWhole()) {
                float[] mean = means[m].mean()[0];
                System.arraycopy(mean, 0, gathered[vector], from, floats);
                spare.push(mean);
            }
        }
        missing.countDown();
    }
}
