package org.rondo.kernels;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Sequences that stand by themselves, with a label each or one for every step: the shard of a tagger or a classifier.
 *
 *  <p>A window is a batch of sequences of similar length: sorted by length, and cut so that batch x longest stays within a budget, but
 *  for a single sequence that is longer. Which sequences are together never changes, in which order the batches come does, from epoch to
 *  epoch. Sequences know nothing of each other, so how they are cut shows in nothing but the steps that training takes. */
public final class Sequences extends Shard {
    private static final long serialVersionUID = 1;
    /** Of Philox's counter, where dropout has the number of a layer. */
    private static final int ORDER = 1 << 30, UNKNOWN = ORDER + 1;

    /** One sequence. Of {@code ids} and {@code features} one is there, and of {@code targets} and {@code values}; or neither where there is
     *  nothing to learn.
     *  @see Window */
    public static final class Sequence implements Serializable {
        private static final long serialVersionUID = 1;
        /** A token a step, and the word that it is: its number in {@link Sequences}' spelling, null without. */
        final int[] ids, words;
        /** A row a step. */
        final float[] features;
        /** A class a step, or one. */
        final int[] targets;
        /** Numbers a step, or once. */
        final float[] values;
        final int steps;

        private Sequence(int[] ids, int[] words, float[] features, int[] targets, float[] values, int steps) {
            this.ids = ids;
            this.words = words;
            this.features = features;
            this.targets = targets;
            this.values = values;
            this.steps = steps;
        }

        /** @param words   null without spelling
         *  @param targets a class a step, or one; null for none */
        public static Sequence ofTokens(int[] ids, int[] words, int[] targets) {
            return ofTokens(ids, words, targets, null);
        }

        /** @param values as {@link #ofFeatures} */
        public static Sequence ofTokens(int[] ids, int[] words, int[] targets, float[] values) {
            return new Sequence(ids, words, null, targets, values, ids.length);
        }

        /** @param features a row a step
         *  @param targets  a class a step, or one; for values 0 where they count; null for none
         *  @param values   null for classes */
        public static Sequence ofFeatures(float[] features, int[] targets, float[] values, int steps) {
            return new Sequence(null, null, features, targets, values, steps);
        }
    }

    /** What of the vocabulary may be read as the unknown token in training, so that it is learnt: words that were seen once.
     *  @param unknown     its id
     *  @param first       the first id of such words, which are the last of the vocabulary
     *  @param probability that one is */
    public record Rare(int unknown, int first, double probability) implements Serializable {
        public static final Rare NONE = new Rare(0, Integer.MAX_VALUE, 0);
    }

    /** Of the network: whether it reads tokens, and features of which width; whether its head is at every step, and says classes, or how many
     *  numbers. */
    private final boolean tokens, atEveryStep, classes;
    private final int width, outputs;
    private final Sequence[] sequences;
    /** Of every word, its characters; null without spelling. */
    private final int[][] spelling;
    /** As {@link Rare} has it. (Parts and no records: Kryo 4 cannot write those.) */
    private final int unknown, firstRare;
    private final double rareRate;
    /** Numbers of the sequences of each batch. */
    private final int[][] batches;

    /** @param network  says what a sequence has
     *  @param budget   steps of a batch, padding among them
     *  @throws IllegalArgumentException if a sequence has not what the network reads */
    public Sequences(int number, Network network, Sequence[] sequences, int[][] spelling, Rare rare, int budget) {
        super(number);
        this.tokens = network.vocab() > 0;
        this.width = network.embedding();
        this.atEveryStep = network.head().atEveryStep();
        this.classes = network.head().classes();
        this.outputs = network.head().outputs();
        this.sequences = sequences;
        this.spelling = spelling;
        this.unknown = rare.unknown;
        this.firstRare = rare.first;
        this.rareRate = rare.probability;
        for (int s = 0; s < sequences.length; s++) check(s, network);
        this.batches = batches(sequences, budget);
    }

    private void check(int s, Network network) {
        Sequence sequence = sequences[s];
        int steps = sequence.steps, targets = network.head().atEveryStep() ? steps : 1;
        if (network.vocab() > 0) expect(s, network, "tokens", sequence.ids == null ? -1 : sequence.ids.length, steps);
        else expect(s, network, "features", sequence.features == null ? -1 : sequence.features.length, steps * network.embedding());
        if (network.spelling() != null) expect(s, network, "words", sequence.words == null ? -1 : sequence.words.length, steps);
        if (sequence.targets != null) expect(s, network, "targets", sequence.targets.length, targets);
        if (!network.head().classes()) expect(s, network, "values", sequence.values == null ? -1 : sequence.values.length, targets * network.head().outputs());
    }

    private void expect(int s, Network network, String what, int came, int expected) {
        if (came != expected) throw new IllegalArgumentException("sequence " + s + " of shard " + number + " has " + (came < 0 ? "no " : came + " ") + what + ", expected "
                + expected + " for " + network);
    }

    /** The longest first, so that too large a budget is found at once; those of one length in their order. */
    private static int[][] batches(Sequence[] sequences, int budget) {
        int[] sorted = IntStream.range(0, sequences.length).filter(s -> sequences[s].steps > 0).boxed()
                .sorted(Comparator.comparing(s -> -sequences[s].steps)).mapToInt(s -> s).toArray();
        List<int[]> batches = new ArrayList<>();
        for (int from = 0, to; from < sorted.length; from = to) {
            to = Math.min(sorted.length, from + Math.max(1, budget / sequences[sorted[from]].steps));
            batches.add(Arrays.copyOfRange(sorted, from, to));
        }
        return batches.toArray(int[][]::new);
    }

    /** Windows of an epoch. */
    public int windows() {
        return batches.length;
    }

    @Override public long targets() {
        return Stream.of(sequences).filter(s -> s.steps > 0 && s.targets != null).mapToLong(s -> Arrays.stream(s.targets).filter(y -> y >= 0).count()).sum();
    }

    @Override boolean carriesState() {
        return false;
    }

    /** Of every window, in no order: a kernel must be opened for the one that needs most. */
    public List<Window.Size> sizes() {
        return Stream.of(batches).map(this::size).distinct().toList();
    }

    private Window.Size size(int[] batch) {
        int B = batch.length, T = sequences[batch[0]].steps;
        if (spelling == null) return new Window.Size(B, T);
        Window.Words words = words(batch, T);
        return new Window.Size(B, T, words.lengths().length, words.characters().length / words.lengths().length);
    }

    /** Numbers of the sequences of window {@code w}, in the order of its batch, when scoring. */
    public int[] batch(int w) {
        return batches[w].clone();
    }

    @Override public Window window(Window.Size opened, int epoch, int w, Draw draw) {
        if (w < 0) throw new IllegalArgumentException("window " + w + " of shard " + number + ", expected 0 or more");
        return w >= batches.length ? null : assemble(batches[draw == null ? w : order(draw.seed(), epoch)[w]], draw);
    }

    /** A permutation of the batches (Fisher and Yates). */
    private int[] order(long seed, int epoch) {
        int[] order = IntStream.range(0, batches.length).toArray(), words = new int[4];
        for (int i = order.length - 1; i > 0; i--) {
            Philox.block(seed, i, ORDER, epoch, number, words);
            int j = (int) Long.remainderUnsigned(words[0] & 0xFFFFFFFFL, i + 1), swapped = order[i];
            order[i] = order[j];
            order[j] = swapped;
        }
        return order;
    }

    private Window assemble(int[] batch, Draw draw) {
        int B = batch.length, T = sequences[batch[0]].steps, rows = atEveryStep ? B * T : B;
        int[] ids = tokens ? new int[B * T] : null, targets = new int[rows], lengths = new int[B];
        float[] features = tokens ? null : new float[B * T * width], values = classes ? null : new float[rows * outputs];
        Arrays.fill(targets, Window.NONE);
        int counted = 0;
        for (int b = 0; b < B; b++) {
            Sequence s = sequences[batch[b]];
            lengths[b] = s.steps;
            for (int t = 0; t < s.steps; t++) {
                int n = t * B + b;
                if (ids != null) ids[n] = draw != null && isUnknown(s.ids[t], n, draw) ? unknown : s.ids[t];
                else System.arraycopy(s.features, t * width, features, n * width, width);
            }
            for (int t = 0; t < rows / B && t < s.steps; t++) {
                if (s.targets != null && (targets[t * B + b] = s.targets[t]) >= 0) counted++;
                if (values != null) System.arraycopy(s.values, t * outputs, values, (t * B + b) * outputs, outputs);
            }
        }
        Window.Words words = spelling == null ? null : words(batch, T);
        Window.Size size = words == null ? new Window.Size(B, T) : new Window.Size(B, T, words.lengths().length, words.characters().length / words.lengths().length);
        return new Window(size, ids, features, targets, values, lengths, words, counted);
    }

    /** The distinct words of a batch, in the order in which they come. */
    private Window.Words words(int[] batch, int T) {
        Map<Integer, Integer> distinct = new LinkedHashMap<>();
        int B = batch.length, longest = 1;
        int[] of = new int[B * T];
        for (int b = 0; b < B; b++)
            for (int t = 0; t < sequences[batch[b]].steps; t++) {
                int word = sequences[batch[b]].words[t];
                of[t * B + b] = distinct.computeIfAbsent(word, w -> distinct.size());
                longest = Math.max(longest, spelling[word].length);
            }
        int[] characters = new int[longest * distinct.size()], lengths = new int[distinct.size()];
        distinct.forEach((word, w) -> {
            lengths[w] = spelling[word].length;
            for (int k = 0; k < lengths[w]; k++) characters[k * lengths.length + w] = spelling[word][k];
        });
        return new Window.Words(of, characters, lengths);
    }

    private boolean isUnknown(int id, int place, Draw draw) {
        if (id < firstRare) return false;
        int[] words = new int[4];
        Philox.block(draw.seed(), place, UNKNOWN, draw.window(), draw.shard(), words);
        return (words[0] & 0xFFFFFFFFL) < rareRate * 0x1p32;
    }
}
