package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Network.Spelling;
import org.rondo.kernels.Sequences.Rare;
import org.rondo.kernels.Sequences.Sequence;
import org.rondo.kernels.UnrolledNetwork.Dropout;

class SequencesTest {
    private static final int VOCAB = 20, LABELS = 4;
    private static final Network TAGGER = new Network(VOCAB, 6, new Spelling(9, 4, 3), Cell.LSTM, 8, 1, true, new Head(true, Loss.SOFTMAX, LABELS), false);
    /** Word w is spelled by the digits of w, and the empty word is spelled by nothing. */
    private static final int[][] SPELLING = IntStream.range(0, VOCAB).mapToObj(w -> w == 0 ? new int[0] : String.valueOf(w % 90).chars().map(c -> (c - '0') % 9).toArray()).toArray(int[][]::new);

    static List<String> kernels() {
        return ReplicaTest.kernels();
    }

    @Test void aWindowIsTheBatchByHand() {
        Sequences shard = new Sequences(0, TAGGER, new Sequence[] {sentence(3), sentence(12, 7), sentence(7, 5, 12)}, SPELLING, Rare.NONE, 6);
        assertEquals(2, shard.windows());
        Window first = shard.window(null, 0, 0, null), second = shard.window(null, 0, 1, null);
        assertEquals(new Window.Size(2, 3, 3, 2), first.size());
        assertArrayEquals(new int[] {7, 12, 5, 7, 12, 0}, first.ids());
        assertArrayEquals(new int[] {3, 2}, first.lengths());
        assertArrayEquals(new int[] {3, 0, 0, 3, 1, Window.NONE}, first.targets());
        assertEquals(5, first.tokens());
        assertArrayEquals(new int[] {0, 2, 1, 0, 2, 0}, first.words().of());
        assertArrayEquals(new int[] {7, 5, 1, 0, 0, 2}, first.words().characters());
        assertArrayEquals(new int[] {1, 1, 2}, first.words().lengths());
        assertEquals(new Window.Size(1, 1, 1, 1), second.size());
        assertArrayEquals(new int[] {3}, second.ids());
        assertNull(shard.window(null, 0, 2, null));
        assertEquals(6, shard.targets());
    }

    @ParameterizedTest @CsvSource({"1", "7", "40", "100000"})
    void everySequenceComesOnceAnEpochAmongItsLikes(int budget) {
        Sequence[] sentences = sentences(200);
        Sequences shard = new Sequences(3, TAGGER, sentences, SPELLING, Rare.NONE, budget);
        Set<Integer> seen = new TreeSet<>();
        int shortest = Integer.MAX_VALUE;
        for (int w = 0; w < shard.windows(); w++) {
            int[] batch = shard.batch(w);
            int longest = sentences[batch[0]].steps;
            assertTrue(batch.length == 1 || batch.length * longest <= budget);
            assertTrue(longest <= shortest, "a window has none longer than those of the one before");
            for (int s : batch) {
                assertTrue(seen.add(s));
                shortest = Math.min(shortest, sentences[s].steps);
            }
        }
        assertEquals(IntStream.range(0, 200).filter(s -> sentences[s].steps > 0).count(), seen.size());
    }

    /** Which is a matter of seed, shard and epoch alone. */
    @Test void batchesComeInAnotherOrderInEveryEpoch() {
        Sequence[] sentences = sentences(200);
        Sequences shard = new Sequences(3, TAGGER, sentences, SPELLING, Rare.NONE, 40), same = new Sequences(3, TAGGER, sentences, SPELLING, Rare.NONE, 40);
        assertEquals(order(shard, 1, 0), order(same, 1, 0));
        assertFalse(order(shard, 1, 0).equals(order(shard, 1, 1)));
        assertFalse(order(shard, 1, 0).equals(order(shard, 2, 0)));
        Comparator<List<Integer>> byContent = Comparator.comparing(Object::toString);
        assertEquals(order(shard, 1, 0).stream().sorted(byContent).toList(), order(shard, 1, 1).stream().sorted(byContent).toList());
    }

    /** Of 4,000 draws with probability 0.3, within five standard deviations; frequent words stay. */
    @Test void rareWordsAreReadAsUnknownNowAndThen() {
        int rare = 15, count = 0, all = 0;
        Sequence[] sentences = IntStream.range(0, 500).mapToObj(s -> sentence(1, 2, 16, 17, 18, 19, 16, 17, 18, 19)).toArray(Sequence[]::new);
        Sequences shard = new Sequences(0, TAGGER, sentences, SPELLING, new Rare(0, rare, 0.3), 100);
        for (int w = 0; w < shard.windows(); w++) {
            Window plain = shard.window(null, 0, w, null), drawn = shard.window(null, 0, w, new Draw(1, 0, w)), again = shard.window(null, 0, w, new Draw(1, 0, w));
            assertArrayEquals(drawn.ids(), again.ids());
            for (int id : plain.ids()) if (id >= rare) all++;
            for (int n = 0; n < drawn.ids().length; n++) {
                if (drawn.ids()[n] == 0) count++;
                else assertTrue(drawn.ids()[n] < 3 || drawn.ids()[n] >= rare);
            }
        }
        assertEquals(4000, all);
        assertEquals(0.3, count / 4000.0, 5 * Math.sqrt(0.3 * 0.7 / 4000));
    }

    /** Losses to the bit, whatever the budget; sums of them to what rounding their order leaves. */
    @ParameterizedTest @MethodSource("kernels")
    void howSequencesAreCutDoesNotShow(String choice) {
        Sequence[] sentences = sentences(60);
        double[] expected = null;
        for (int budget : new int[] {1, 30, 100, 100_000}) {
            double[] losses = losses(choice, new Sequences(0, TAGGER, sentences, SPELLING, Rare.NONE, budget));
            if (expected == null) expected = losses;
            assertArrayEquals(expected, losses, "budget " + budget);
        }
    }

    /** A tag that depends on the word's last character and on the word before it. */
    @ParameterizedTest @MethodSource("kernels")
    void aTaggerLearnsWithAReplica(String choice) {
        Sequences shard = new Sequences(0, TAGGER, sentences(60), SPELLING, Rare.NONE, 60);
        float[][] model = {Parameters.initial(TAGGER, 1), new float[TAGGER.parameterCount()], new float[TAGGER.parameterCount()]};
        Layout largest = largest(shard, 2);
        Replica.Result last = null;
        try (Replica replica = new Replica(Kernel.open(choice, largest), new Dropout(0.1, 0.1, false), new Optimizer("adam", 1))) {
            for (int epoch = 0; epoch < 80; epoch++) {
                last = replica.train(model, new float[0], shard, new Replica.Stretch(epoch, 0, shard.windows(), shard.windows(), 0.02, 1));
                model = last.vectors;
            }
        }
        assertEquals(shard.targets(), last.tokens);
        assertTrue(last.loss / last.tokens < 0.3, "after 80 epochs the loss is " + last.loss / last.tokens + ", at chance " + Math.log(LABELS));
    }

    /** One direction has a state, and windows that stand by themselves hand on none. */
    @ParameterizedTest @MethodSource("kernels")
    void aStretchMayBeCutAnywhere(String choice) {
        Network classifier = new Network(VOCAB, 6, Cell.LSTM, 8, 1, false, new Head(false, Loss.SOFTMAX, LABELS), false);
        Sequence[] sequences = Arrays.stream(sentences(40)).map(s -> Sequence.ofTokens(s.ids, null, new int[] {s.steps % LABELS})).toArray(Sequence[]::new);
        Sequences shard = new Sequences(0, classifier, sequences, null, Rare.NONE, 20);
        Layout largest = shard.sizes().stream().map(size -> Layout.forTraining(classifier, size, false, 0)).max(Comparator.comparing(Layout::floats)).orElseThrow();
        float[][] model = {Parameters.initial(classifier, 1)};
        int windows = shard.windows();
        try (Replica replica = new Replica(Kernel.open(choice, largest), Dropout.NONE, new Optimizer("sgd", 0))) {
            Replica.Result whole = replica.train(model, new float[0], shard, new Replica.Stretch(0, 0, windows, windows, 0.1, 1));
            Replica.Result first = replica.train(model, new float[0], shard, new Replica.Stretch(0, 0, 3, windows, 0.1, 1));
            Replica.Result second = replica.train(first.vectors, first.state, shard, new Replica.Stretch(0, 3, windows - 3, windows, 0.1, 1));
            assertEquals(0, first.state.length);
            assertEquals(whole.tokens, first.tokens + second.tokens);
            assertArrayEquals(whole.vectors[0], second.vectors[0], choice.equals("reference") ? 1e-6f : 0);      // which is double within a stretch
        }
    }

    /** Features in, numbers out at the end, and classes at the end. */
    @Test void sequencesOfFeatures() {
        Network regression = new Network(0, 2, Cell.LSTM, 3, 1, false, new Head(false, Loss.SQUARED_ERROR, 2), false);
        Sequence s = Sequence.ofFeatures(new float[] {1, 2, 3, 4}, new int[] {0}, new float[] {5, 6}, 2), u = Sequence.ofFeatures(new float[] {7, 8}, new int[] {0}, new float[] {9, 10}, 1);
        Window window = new Sequences(0, regression, new Sequence[] {s, u}, null, Rare.NONE, 4).window(null, 0, 0, null);
        assertArrayEquals(new float[] {1, 2, 7, 8, 3, 4, 0, 0}, window.features());
        assertArrayEquals(new float[] {5, 6, 9, 10}, window.values());
        assertArrayEquals(new int[] {0, 0}, window.targets());
        assertEquals(2, window.tokens());
    }

    @Test void whatTheNetworkReadsMustBeThere() {
        String message = assertThrows(IllegalArgumentException.class, () -> new Sequences(2, TAGGER, new Sequence[] {Sequence.ofTokens(new int[3], null, new int[3])}, SPELLING, Rare.NONE, 9)).getMessage();
        assertTrue(message.startsWith("sequence 0 of shard 2 has no words, expected 3 for Network"), message);
        message = assertThrows(IllegalArgumentException.class, () -> new Sequences(2, TAGGER, new Sequence[] {Sequence.ofTokens(new int[3], new int[3], new int[2])}, SPELLING, Rare.NONE, 9)).getMessage();
        assertTrue(message.startsWith("sequence 0 of shard 2 has 2 targets, expected 3"), message);
    }

    private static double[] losses(String choice, Sequences shard) {
        double[] losses = new double[60];
        try (Kernel kernel = Kernel.open(choice, largest(shard, 0))) {
            kernel.load(Block.PARAMETERS, Parameters.initial(TAGGER, 1));
            UnrolledNetwork network = new UnrolledNetwork(kernel, Dropout.NONE);
            for (int w = 0; w < shard.windows(); w++) {
                network.forward(shard.window(null, 0, w, null), null);
                int[] batch = shard.batch(w);
                float[] loss = Agreement.read(kernel, kernel.layout().head.loss());
                for (int n = 0; n < loss.length; n++) losses[batch[n % batch.length]] += loss[n];
            }
        }
        return losses;
    }

    private static Layout largest(Sequences shard, int moments) {
        return shard.sizes().stream().map(size -> Layout.forTraining(TAGGER, size, true, moments)).max(Comparator.comparing(Layout::floats)).orElseThrow();
    }

    private static List<List<Integer>> order(Sequences shard, long seed, int epoch) {
        return IntStream.range(0, shard.windows()).mapToObj(w -> Arrays.stream(shard.window(null, epoch, w, new Draw(seed, 3, w)).ids()).boxed().toList()).toList();
    }

    private static Sequence[] sentences(int count) {
        SplittableRandom random = new SplittableRandom(5);
        return IntStream.range(0, count).mapToObj(s -> sentence(random.ints(random.nextInt(12), 1, VOCAB).toArray())).toArray(Sequence[]::new);
    }

    private static Sequence sentence(int... words) {
        int[] labels = new int[words.length];
        for (int t = 0; t < labels.length; t++) labels[t] = (words[t] + (t == 0 ? 0 : words[t - 1])) % LABELS;
        return Sequence.ofTokens(words, words, labels);
    }
}
