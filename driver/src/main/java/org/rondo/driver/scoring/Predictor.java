package org.rondo.driver.scoring;

import java.util.Arrays;
import java.util.Comparator;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Network;
import org.rondo.kernels.Sequences;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** A model at work on sequences, in one task. Its memory is that of the largest batch so far; {@link #predict} is the whole of it. */
final class Predictor implements AutoCloseable {
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
         *  @param outputs  probabilities of a sequence's classes, or the numbers predicted; empty for tags */
        void take(int sequence, int[] labels, float[] outputs);
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
        if (sequences.windows() == 0) return 0;
        open(sequences.sizes().stream().map(size -> Layout.forScoring(network, size)).max(Comparator.comparingLong(Layout::bytes)).orElseThrow());
        double loss = 0;
        for (int w = 0; w < sequences.windows(); w++) {
            Window window = sequences.window(null, 0, w, null);
            loss += unrolled.forward(window, null);
            take(window, sequences.batch(w), sink);
        }
        return loss;
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
        if (bytes >= layout.bytes()) return;
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
