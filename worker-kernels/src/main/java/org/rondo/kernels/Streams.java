package org.rondo.kernels;

/** {@code batch} streams of token ids, read in parallel, each token from the ones before it: the shard of a language model. */
public final class Streams extends Shard {
    private static final long serialVersionUID = 1;

    /** Stream b has {@code streams[b].length - 1} targets: every token but the first. Streams may differ in length, and be
     *  empty. */
    private final int[][] streams;

    public Streams(int number, int[][] streams) {
        super(number);
        this.streams = streams;
    }

    public int batch() {
        return streams.length;
    }

    @Override public long targets() {
        long n = 0;
        for (int[] s : streams) n += Math.max(0, s.length - 1);
        return n;
    }

    @Override boolean carriesState() {
        return true;
    }

    /** The same in every epoch: the state is carried on from window to window.
     *  @throws IllegalArgumentException if the kernel was opened for another number of streams */
    @Override public Window window(Window.Size opened, int epoch, int w, Draw draw) {
        if (opened.batch() != batch())
            throw new IllegalArgumentException("shard " + number + " has " + batch() + " streams, expected " + opened.batch() + ", the replica's batch");
        Window window = window(w, opened.seqLen());
        return window.tokens() == 0 ? null : window;        // a state that read on would read what is no text
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
