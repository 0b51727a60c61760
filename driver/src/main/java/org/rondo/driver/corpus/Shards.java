package org.rondo.driver.corpus;

import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaRDD;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Window;

/** The parts of the data that replicas train on, and what training needs to know of them beforehand.
 *
 *  @param rdd     partition s holds shard s alone
 *  @param size    of the window that needs most memory
 *  @param streams whether a window goes on where the one before it ended, and from its state
 *  @param windows of the longest shard
 *  @param targets of all shards */
public record Shards(JavaRDD<Shard> rdd, int count, Window.Size size, boolean streams, long windows, long targets) implements AutoCloseable {

    /** Of a text of so many tokens, in {@code shards x batch} streams of equal length.
     *  @throws BadInput if it is shorter than one window of every shard */
    public static Shards ofStreams(JavaRDD<Shard> rdd, Settings settings, long tokens) {
        int shards = settings.get(Setting.SHARDS), batch = settings.get(Setting.BATCH), seqLen = settings.get(Setting.SEQ_LEN);
        long streams = (long) shards * batch, targets = Math.max(0, tokens - 1);
        if (targets < streams * seqLen)
            throw new BadInput("the corpus has " + tokens + " tokens, expected at least " + (streams * seqLen + 1)
                    + " for one window of shards " + shards + " x batch " + batch + " x seqLen " + seqLen + " and one more; give more text, or lower one of them");
        long longest = (targets + streams - 1) / streams;
        return new Shards(rdd, shards, new Window.Size(batch, seqLen), true, (longest + seqLen - 1) / seqLen, targets);
    }

    @Override public void close() {
        rdd.unpersist();
    }

    static final class ByShard extends Partitioner {
        private static final long serialVersionUID = 1;
        private final int shards;

        ByShard(int shards) {
            this.shards = shards;
        }

        @Override public int numPartitions() {
            return shards;
        }

        @Override public int getPartition(Object shard) {
            return (Integer) shard;
        }

        @Override public boolean equals(Object other) {
            return other instanceof ByShard same && same.shards == shards;
        }

        @Override public int hashCode() {
            return shards;
        }
    }
}
