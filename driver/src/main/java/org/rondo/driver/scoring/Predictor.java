package org.rondo.driver.scoring;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.NativeKernel;
import org.rondo.kernels.Network;
import org.rondo.kernels.Sequences;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** A model at work on sequences, in one task at a time. Its memory is that of the largest batch so far, unless that was extraordinary. */
final class Predictor implements AutoCloseable {
    /** Bytes of one kernel: what a sequence needs more than that for is refused, as other tasks work beside this one. */
    private static final long MOST_BYTES = NativeKernel.MACHINE / 4;
    /** Bytes above which memory is given back when the next sequences need only an eighth of it. */
    private static final long EXTRAORDINARY = 1L << 30;
    /** Steps of a sequence, its words being spelled or not: a window has room for 2^24 tokens or characters, 64 of which a word may have. */
    private static final int MOST_STEPS = 1 << 20, MOST_SPELLED = 1 << 18;
    /** Of lines that are read together, and what these steps may take beside the parameters. */
    private static final int LINE_STEPS = 8192, LINE_BYTES = 1 << 28;

    private final Network network;
    private final Lexicon lexicon;
    private final float[] parameters;
    private final String choice;
    private final int threads;
    /** Null where anything may follow anything. */
    private final boolean[] allowed;
    private Kernel kernel;
    /** Of the memory that is open. */
    private long bytes;
    private UnrolledNetwork unrolled;

    /** Hears what there is of a sequence. */
    interface Sink {
        /** @param sequence its number
         *  @param labels   of its tokens, or its own; empty for numbers
         *  @param outputs  probabilities of a sequence's classes, or the numbers predicted, or of a line its tokens' losses in nats; empty for
         *                  tags */
        void take(int sequence, int[] labels, float[] outputs);

        /** @param bytes that the sequence needs, where there are not as many */
        default void refuse(int sequence, long bytes) {
            throw new IllegalStateException("sequence " + sequence + " needs " + bytes + " bytes, expected at most " + MOST_BYTES + ", a quarter of this machine's; cut it");
        }
    }

    /** @param choice as {@link Kernel#open} takes it */
    Predictor(Network network, Lexicon lexicon, float[] parameters, String choice, int threads) {
        this.network = network;
        this.lexicon = lexicon;
        this.parameters = parameters;
        this.choice = choice;
        this.threads = threads;
        this.allowed = lexicon.task() == Task.TAGGING && lexicon.scheme() != TagScheme.NONE ? lexicon.allowed() : null;
    }

    /** @return sum of the losses of the sequences' targets, in the order of their batches */
    double predict(Sequences sequences, Sink sink) {
        List<Layout> layouts = sequences.sizes().stream().map(size -> Layout.forScoring(network, size)).toList();
        layouts.stream().filter(Predictor::fits).max(Comparator.comparingLong(Layout::bytes)).ifPresent(this::open);
        Map<Window.Size, Layout> tooLarge = layouts.stream().filter(layout -> !fits(layout)).collect(Collectors.toMap(layout -> layout.size, layout -> layout));
        double loss = 0;
        for (int w = 0; w < sequences.windows(); w++) {
            Window window = sequences.window(null, 0, w, null);
            if (tooLarge.containsKey(window.size())) {
                for (int s : sequences.batch(w)) sink.refuse(s, tooLarge.get(window.size()).bytes());
                continue;
            }
            loss += unrolled.forward(window, null);
            take(window, sequences.batch(w), sink);
        }
        return loss;
    }

    private static boolean fits(Layout layout) {
        return layout.bytes() <= MOST_BYTES;
    }

    /** The losses of the tokens of a line, in nats, {@code steps} at a time: the state is carried on, so any line has room.
     *  @param line as {@link Lexicon#lines} takes it */
    float[] losses(int[] line, int steps) {
        int[] before = lexicon.before(line);
        float[] losses = new float[line.length], some = new float[steps];
        open(Layout.forScoring(network, 1, steps));
        for (int from = 0; from < line.length; from += steps) {
            int count = Math.min(steps, line.length - from);
            int[] ids = Arrays.copyOf(Arrays.copyOfRange(before, from, from + count), steps), targets = new int[steps];
            Arrays.fill(targets, Window.NONE);
            System.arraycopy(line, from, targets, 0, count);
            if (from > 0) unrolled.carry();
            unrolled.forward(new Window(from == 0 ? new Window.Size(1, steps) : null, ids, null, targets, null, new int[] {count}, null, count), null);
            unrolled.losses(some);
            System.arraycopy(some, 0, losses, from, count);
        }
        return losses;
    }

    /** Steps of lines to read together. Lines of characters are long: with a small budget each would be a batch by itself. Where there are so many
     *  tokens to choose from, or units, that these steps would take much memory, there are fewer, but never fewer than the budget. */
    int lineSteps(int budget) {
        return lineSteps(network, budget);
    }

    private static int lineSteps(Network network, int budget) {
        long step = (Layout.forScoring(network, 1, LINE_STEPS).bytes() - Layout.forScoring(network, 1, 1).bytes()) / (LINE_STEPS - 1);
        return (int) Math.max(budget, Math.min(LINE_STEPS, LINE_BYTES / step));
    }

    /** Bytes outside the heap of a model at work on batches of {@code budget} steps, of which every one may be another word and the longest that is read; a sequence of
     *  more steps takes more. */
    static long usualBytes(Model model, int budget) {
        Network network = model.network();
        int steps = model.lexicon().task() == Task.LANGUAGE_MODEL ? lineSteps(network, budget) : budget;
        int words = network.spelling() == null ? 0 : steps, characters = network.spelling() == null ? 0 : Lexicon.LONGEST_WORD;
        return IntStream.of(1, steps).mapToLong(batch -> Layout.forScoring(network, new Window.Size(batch, steps / batch, words, characters)).bytes()).max().getAsLong();
    }

    /** Steps of the longest sequence that there is room for, whatever its memory. */
    int longest() {
        return network.spelling() == null ? MOST_STEPS : MOST_SPELLED;
    }

    Lexicon lexicon() {
        return lexicon;
    }

    Network network() {
        return network;
    }

    private void take(Window window, int[] batch, Sink sink) {
        int B = batch.length, outputs = network.head().outputs();
        if (lexicon.task() == Task.TAGGING) {
            int[] labels = labels(window);
            for (int b = 0; b < B; b++) {
                int[] own = new int[window.lengths()[b]];
                for (int t = 0; t < own.length; t++) own[t] = labels[t * B + b];
                sink.take(batch[b], own, new float[0]);
            }
            return;
        }
        if (lexicon.task() == Task.LANGUAGE_MODEL) {
            float[] losses = new float[B * window.size().seqLen()];
            unrolled.losses(losses);
            for (int b = 0; b < B; b++) {
                float[] own = new float[window.lengths()[b]];
                for (int t = 0; t < own.length; t++) own[t] = losses[t * B + b];
                sink.take(batch[b], new int[0], own);
            }
            return;
        }
        float[] all = new float[B * outputs];
        if (lexicon.task() == Task.CLASSIFICATION) unrolled.probabilities(0, B, all);
        for (int b = 0; b < B; b++) {
            float[] own = Arrays.copyOfRange(all, b * outputs, (b + 1) * outputs);
            if (lexicon.task() == Task.REGRESSION) unrolled.outputs(b, own);
            sink.take(batch[b], lexicon.task() == Task.CLASSIFICATION ? new int[] {highest(own)} : new int[0], own);
        }
    }

    private int[] labels(Window window) {
        int[] labels = new int[window.size().batch() * window.size().seqLen()];
        if (kernel.layout().decodes()) unrolled.decode(window.lengths(), allowed, labels);
        else {
            float[] z = new float[network.head().outputs()];
            for (int n = 0; n < labels.length; n++) {
                unrolled.outputs(n, z);
                labels[n] = highest(z);
            }
        }
        return labels;
    }

    /** The first of the highest. */
    private static int highest(float[] scores) {
        int best = 0;
        for (int y = 1; y < scores.length; y++) if (scores[y] > scores[best]) best = y;
        return best;
    }

    /** Unless what is open has room. */
    private void open(Layout layout) {
        boolean wasteful = bytes > EXTRAORDINARY && bytes / 8 > layout.bytes();
        if (bytes >= layout.bytes() && !wasteful) return;
        close();
        kernel = Kernel.open(choice, layout, threads);
        bytes = layout.bytes();
        unrolled = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
        kernel.load(Block.PARAMETERS, parameters);
    }

    /** What runs; null before there was anything to predict. */
    String kernel() {
        return kernel == null ? null : kernel.description();
    }

    @Override public void close() {
        if (kernel != null) kernel.close();
        kernel = null;
        bytes = 0;
    }
}
