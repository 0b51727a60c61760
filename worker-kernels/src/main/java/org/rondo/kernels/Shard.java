package org.rondo.kernels;

import java.io.Serializable;

/** A fixed part of the data: {@code batch} streams of token ids, read in parallel. A shard's number comes from the plan,
 *  never from the cluster. (A class and not a record: Kryo 4 cannot write records.) */
public final class Shard implements Serializable {
    private static final long serialVersionUID = 1;

    public final int number;
    /** Stream b has {@code streams[b].length - 1} targets: every token but the first. Streams may differ in length, and be
     *  empty. */
    private final int[][] streams;

    public Shard(int number, int[][] streams) {
        this.number = number;
        this.streams = streams;
    }

    public int batch() {
        return streams.length;
    }

    public long targets() {
        long n = 0;
        for (int[] s : streams) n += Math.max(0, s.length - 1);
        return n;
    }

    /** Steps {@code w*seqLen} to {@code (w+1)*seqLen} of every stream; past its end a stream has no targets. */
    public Window window(int w, int seqLen) {
        int batch = streams.length, tokens = 0;
        Layout.checkWindow(batch, seqLen);
        if (w < 0) throw new IllegalArgumentException("window " + w + " of shard " + number + ", expected 0 or more");
        int[] inputs = new int[seqLen * batch], targets = new int[seqLen * batch];
        for (int t = 0; t < seqLen; t++)
            for (int b = 0; b < batch; b++) {
                long at = (long) w * seqLen + t;
                boolean inside = at + 1 < streams[b].length;
                inputs[t * batch + b] = inside ? streams[b][(int) at] : 0;
                targets[t * batch + b] = inside ? streams[b][(int) at + 1] : Window.NONE;
                if (inside) tokens++;
            }
        return new Window(inputs, targets, tokens);
    }
}
