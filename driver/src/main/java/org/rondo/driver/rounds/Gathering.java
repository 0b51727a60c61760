package org.rondo.driver.rounds;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
    /** Floats in a slice. */
    private static final int SLICE = 1 << 20;

    private final int rdd, groups, length;
    private final long[] tokens;
    /** Of slice s of vector v, at v * slicesOf(length) + s. */
    private final Averaging[] means;
    private final float[][] gathered;
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
        for (int m = 0; m < means.length; m++) means[m] = new Averaging(groups);
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
        try (InputStream bytes = data.get().toInputStream()) {
            add(group, m, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            blocks.releaseLock(id, Option.empty());
        }
    }

    @Override public void onBlockFetchSuccess(String name, ManagedBuffer data) {
        int number = Integer.parseInt(name.substring(name.lastIndexOf('_') + 1)) - groups;
        try (InputStream bytes = data.createInputStream()) {
            add(number / means.length, number % means.length, bytes);
        } catch (IOException | RuntimeException e) {
            onBlockFetchFailure(name, e);
        }
    }

    @Override public void onBlockFetchFailure(String name, Throwable e) {
        failure.compareAndSet(null, e);
        while (missing.getCount() > 0) missing.countDown();
    }

    /** Slice m of a group: added to those of the other groups that are there. */
    private void add(int group, int m, InputStream bytes) throws IOException {
        int vector = m / slicesOf(length), from = m % slicesOf(length) * SLICE, floats = Math.min(SLICE, length - from);
        float[] slice = new float[floats];
        ByteBuffer.wrap(bytes.readNBytes(Float.BYTES * floats)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(slice);
        synchronized (means[m]) {
            means[m].add(group, new Mean(new float[][] {slice}, tokens[group]));
            if (means[m].isWhole()) System.arraycopy(means[m].mean()[0], 0, gathered[vector], from, floats);
        }
        missing.countDown();
    }
}
