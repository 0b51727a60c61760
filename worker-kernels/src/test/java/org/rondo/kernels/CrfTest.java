package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;

/** The CRF and the decoder of every kernel against all label sequences there are, one by one; and where these are too many, the native
 *  kernel against the reference.
 *
 *  <p>Tolerances: a step's sums have as many roundings as labels, and an exponential an error of 3 EPS for every unit of what it is of
 *  (simd.h, without fma), where scores differ by so much; the errors of all steps may add up, in a loss as in the logarithm of a marginal. */
class CrfTest {
    private static final double EPS = Agreement.EPS;
    private static final float SCALE = 0.125f;

    /** Scores, and a window of sequences. {@code z}: a row of labels for each step of each sequence; {@code A}, {@code start},
     *  {@code end}: as in {@link Layout.Crf}. */
    private static final class Chains {
        final int labels, batch, steps;
        final float[] z, A, start, end;
        int[] lengths, targets;

        Chains(int labels, int batch, int steps, double spreadOfZ, double spreadOfA, long seed) {
            this.labels = labels;
            this.batch = batch;
            this.steps = steps;
            z = Agreement.uniform(batch * steps * labels, spreadOfZ / 2, seed);
            A = Agreement.uniform(labels * labels, spreadOfA / 2, seed + 1);
            start = Agreement.uniform(labels, spreadOfA / 2, seed + 2);
            end = Agreement.uniform(labels, spreadOfA / 2, seed + 3);
            targets = new Random(seed + 4).ints(batch * steps, 0, labels).toArray();
        }

        /** Lengths 0, 1, all steps and others, in turns; of the fourth sequence nothing counts. */
        Chains ofSeveralLengths() {
            lengths = new int[batch];
            for (int b = 0; b < batch; b++) lengths[b] = List.of(steps, 1, 0, steps, (steps + 1) / 2).get(b % 5);
            for (int n = 0; n < targets.length; n++) if (n / batch >= lengths[n % batch] || n % batch == 3) targets[n] = Window.NONE;
            return this;
        }

        int length(int b) {
            return lengths == null ? steps : lengths[b];
        }

        boolean counts(int b) {
            return length(b) > 0 && targets[b] >= 0;
        }

        double z(int t, int b, int y) {
            return z[(t * batch + b) * labels + y];
        }

        double score(int b, int[] y) {
            double sum = (double) start[y[0]] + end[y[y.length - 1]];
            for (int t = 0; t < y.length; t++) sum += z(t, b, y[t]) + (t == 0 ? 0 : A[y[t - 1] * labels + y[t]]);
            return sum;
        }

        int[] target(int b) {
            int[] y = new int[length(b)];
            for (int t = 0; t < y.length; t++) y[t] = targets[t * batch + b];
            return y;
        }

        double range() {
            double largest = 0;
            for (float[] scores : List.of(z, A, start, end)) for (float x : scores) largest = Math.max(largest, Math.abs(x));
            return 4 * largest;
        }

        double tolerance() {
            return (steps + 1) * (labels + 8 + 3 * range()) * EPS;
        }
    }

    /** What a kernel makes of it. A vanilla RNN's h, as wide as there are labels, is overwritten by z, and the head's weights are the identity. */
    private static final class Made implements AutoCloseable {
        final Chains c;
        final Network network;
        final Kernel kernel;
        final Layout.Dense head;
        final float[] parameters;

        Made(String choice, Chains c, Loss loss, int threads) {
            this.c = c;
            network = new Network(0, 1, Cell.RNN, c.labels, 1, false, new Head(true, loss, c.labels), false);
            kernel = Kernel.open(choice, Layout.forTraining(network, c.batch, c.steps, false, 0), threads);
            head = kernel.layout().head;
            parameters = new float[network.parameterCount()];
            for (int y = 0; y < c.labels; y++) parameters[network.tensor("output.weight").offset() + y * c.labels + y] = 1;
            if (loss == Loss.CRF) {
                put("transitions", c.A);
                put("transitions_start", c.start);
                put("transitions_end", c.end);
            }
            kernel.load(Block.PARAMETERS, parameters);
            kernel.write(c.z, 0, head.x());
            kernel.denseForward(head);
        }

        private void put(String tensor, float[] values) {
            System.arraycopy(values, 0, parameters, network.tensor(tensor).offset(), values.length);
        }

        Made forward() {
            kernel.crfForward(head, c.targets, c.lengths);
            return this;
        }

        Made backward() {
            kernel.crfBackward(head, c.targets, c.lengths, SCALE);
            kernel.denseBackward(head);
            return this;
        }

        /** Of each sequence. */
        double[] losses() {
            float[] rows = Agreement.read(kernel, head.loss());
            double[] losses = new double[c.batch];
            for (int n = 0; n < rows.length; n++) losses[n % c.batch] += rows[n];
            return losses;
        }

        float[] marginals() {
            float[] p = new float[c.z.length];
            kernel.readProbabilities(head, 0, c.batch * c.steps, p);
            return p;
        }

        float[] gradient(String tensor) {
            return Agreement.part(kernel, Block.GRADIENTS, network.tensor(tensor));
        }

        int[] labels(boolean[] allowed) {
            int[] labels = new int[c.batch * c.steps];
            kernel.viterbi(head, c.lengths, allowed, labels);
            return labels;
        }

        @Override public void close() {
            kernel.close();
        }
    }

    /** What the sum over all label sequences comes to, in double precision. */
    private static final class AllSequences {
        final double[] losses;
        final double[] p, dz, dA, dStart, dEnd;
        final int[] best;

        AllSequences(Chains c, boolean[] allowed) {
            int L = c.labels;
            losses = new double[c.batch];
            p = new double[c.z.length];
            dz = new double[c.z.length];
            dA = new double[L * L];
            dStart = new double[L];
            dEnd = new double[L];
            best = new int[c.batch * c.steps];
            Arrays.fill(best, Window.NONE);
            for (int b = 0; b < c.batch; b++) if (c.length(b) > 0) add(c, b, allowed);
        }

        private void add(Chains c, int b, boolean[] allowed) {
            List<int[]> all = sequences(c.labels, c.length(b));
            double top = all.stream().mapToDouble(y -> c.score(b, y)).max().orElseThrow(), Z = 0, highest = Double.NEGATIVE_INFINITY;
            int[] bestOfAll = null;
            for (int[] y : all) {
                double score = c.score(b, y);
                Z += Math.exp(score - top);
                if (!isAllowed(c.labels, y, allowed) || score < highest || score == highest && !isLower(y, bestOfAll)) continue;
                bestOfAll = y;
                highest = score;
            }
            for (int t = 0; t < c.length(b); t++) best[t * c.batch + b] = bestOfAll == null ? Window.NONE : bestOfAll[t];
            if (c.counts(b)) losses[b] = top + Math.log(Z) - c.score(b, c.target(b));
            for (int[] y : all) {
                double probability = Math.exp(c.score(b, y) - top) / Z;
                for (int t = 0; t < y.length; t++) p[((t * c.batch) + b) * c.labels + y[t]] += probability;
                if (c.counts(b)) addGradients(c, b, y, SCALE * probability);
            }
            if (c.counts(b)) addGradients(c, b, c.target(b), -SCALE);
        }

        private void addGradients(Chains c, int b, int[] y, double weight) {
            dStart[y[0]] += weight;
            dEnd[y[y.length - 1]] += weight;
            for (int t = 0; t < y.length; t++) {
                dz[(t * c.batch + b) * c.labels + y[t]] += weight;
                if (t > 0) dA[y[t - 1] * c.labels + y[t]] += weight;
            }
        }

        /** From the last step on. */
        private static boolean isLower(int[] y, int[] than) {
            for (int t = y.length - 1; than != null && t >= 0; t--) if (y[t] != than[t]) return y[t] < than[t];
            return than == null;
        }

        private static List<int[]> sequences(int labels, int length) {
            List<int[]> all = new ArrayList<>();
            for (int number = 0; number < Math.pow(labels, length); number++) {
                int[] y = new int[length];
                for (int t = 0, rest = number; t < length; t++, rest /= labels) y[t] = rest % labels;
                all.add(y);
            }
            return all;
        }
    }

    static boolean isAllowed(int labels, int[] y, boolean[] allowed) {
        if (allowed == null) return true;
        boolean all = allowed[labels * labels + y[0]] && allowed[labels * (labels + 1) + y[y.length - 1]];
        for (int t = 1; t < y.length; t++) all &= allowed[y[t - 1] * labels + y[t]];
        return all;
    }

    static List<String> kernels() {
        return Stream.concat(Stream.of("reference"), NativeLibrary.instructionSets().stream()).toList();
    }

    /** Spreads of A within which probabilities are safe, and beyond: both forms of the native kernel. */
    static Stream<Arguments> kernelsAndSizes() {
        return kernels().stream().flatMap(kernel -> Stream.of(1, 2, 3, 5).flatMap(labels -> Stream.of(1, 2, 3, 4, 5).flatMap(steps ->
                Stream.of(2.0, 70.0).map(spread -> Arguments.of(kernel, labels, steps, spread)))));
    }

    @ParameterizedTest @MethodSource("kernelsAndSizes")
    void itIsWhatTheSumOverAllSequencesComesTo(String kernel, int labels, int steps, double spread) {
        Chains c = new Chains(labels, 6, steps, 4, spread, 1).ofSeveralLengths();
        AllSequences expected = new AllSequences(c, null);
        // what is read is single precision, whatever the kernel
        double tolerance = kernel.equals("reference") ? (1 + c.range()) * c.steps * EPS : c.tolerance(), ofSums = 6 * steps * tolerance;
        try (Made made = new Made(kernel, c, Loss.CRF, 1).forward()) {
            assertNear("loss", expected.losses, made.losses(), tolerance);
            assertNear("p", expected.p, Agreement.toDoubles(made.marginals()), tolerance);
            assertArrayEquals(c.z, Agreement.read(made.kernel, made.head.x()));
            made.backward();
            assertNear("dz", expected.dz, Agreement.toDoubles(Agreement.read(made.kernel, made.head.dx())), SCALE * tolerance);
            assertNear("dA", expected.dA, Agreement.toDoubles(made.gradient("transitions")), SCALE * ofSums);
            assertNear("dstart", expected.dStart, Agreement.toDoubles(made.gradient("transitions_start")), SCALE * ofSums);
            assertNear("dend", expected.dEnd, Agreement.toDoubles(made.gradient("transitions_end")), SCALE * ofSums);
        }
    }

    @Test void theReferenceIsExactInDoublePrecision() {
        Chains c = new Chains(5, 6, 5, 4, 2, 5).ofSeveralLengths();
        try (Made made = new Made("reference", c, Loss.CRF, 1).forward()) {
            assertEquals(Arrays.stream(new AllSequences(c, null).losses).sum(), made.kernel.sum(made.head.loss()), 1e-12);
        }
    }

    @ParameterizedTest @MethodSource("kernelsAndSizes")
    void theBestLabelsAreTheBestOfAllSequences(String kernel, int labels, int steps, double spread) {
        Chains c = new Chains(labels, 6, steps, 4, spread, 11).ofSeveralLengths();
        for (long seed = 0; seed < 4; seed++) {
            boolean[] allowed = seed == 0 ? null : allowed(labels, seed);
            AllSequences expected = new AllSequences(c, allowed);
            try (Made made = new Made(kernel, c, Loss.CRF, 1)) {
                if (isPossible(c, expected)) assertArrayEquals(expected.best, made.labels(allowed));
                else assertThrows(IllegalArgumentException.class, () -> made.labels(allowed));
            }
            Chains softmax = withoutTransitions(new Chains(labels, 6, steps, 4, spread, 11).ofSeveralLengths());
            AllSequences alone = new AllSequences(softmax, allowed);
            if (!isPossible(softmax, alone)) continue;
            try (Made made = new Made(kernel, softmax, Loss.SOFTMAX, 1)) {
                assertArrayEquals(alone.best, made.labels(allowed), "softmax");
                made.kernel.softmaxForward(made.head, null);
                assertArrayEquals(alone.best, made.labels(allowed), "softmax, after its forward");
            }
        }
    }

    private static Chains withoutTransitions(Chains c) {
        for (float[] scores : List.of(c.A, c.start, c.end)) Arrays.fill(scores, 0);
        return c;
    }

    private static boolean isPossible(Chains c, AllSequences all) {
        boolean possible = true;
        for (int b = 0; b < c.batch; b++) possible &= c.length(b) == 0 || all.best[b] >= 0;
        return possible;
    }

    private static boolean[] allowed(int labels, long seed) {
        Random random = new Random(seed);
        boolean[] allowed = new boolean[labels * (labels + 2)];
        for (int i = 0; i < allowed.length; i++) allowed[i] = random.nextInt(3) > 0;
        return allowed;
    }

    /** Scores of 0, 1 and 2 are exact in any precision, and many sequences are equally good. */
    @ParameterizedTest @MethodSource("kernels")
    void ofEqualLabelsTheLowestWins(String kernel) {
        for (long seed = 0; seed < 20; seed++) {
            Chains c = new Chains(4, 6, 5, 5, 3, seed).ofSeveralLengths();
            for (float[] scores : List.of(c.z, c.A, c.start, c.end)) for (int i = 0; i < scores.length; i++) scores[i] = Math.abs((int) scores[i]);
            try (Made made = new Made(kernel, c, Loss.CRF, 1)) {
                assertArrayEquals(new AllSequences(c, null).best, made.labels(null));
            }
        }
    }

    /** Sizes around the widths of registers and panels, and more rows than are packed at a time; both forms of the native kernel. */
    static Stream<Arguments> instructionSetsAndManyLabels() {
        List<Arguments> sizes = new ArrayList<>();
        for (String isa : NativeLibrary.instructionSets())
            for (int labels : new int[] {1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 130, 200})
                for (double spread : new double[] {2, 20, 70}) sizes.add(Arguments.of(isa, labels, 7, labels > 65 ? 3 : 6, spread));
        for (String isa : NativeLibrary.instructionSets()) sizes.add(Arguments.of(isa, 5, Layout.PACKED_ROWS / 4, 6, 2.0));
        return sizes.stream();
    }

    @ParameterizedTest @MethodSource("instructionSetsAndManyLabels")
    void nativeAgreesWithTheReference(String isa, int labels, int batch, int steps, double spread) {
        Chains c = new Chains(labels, batch, steps, 10, spread, 21).ofSeveralLengths();
        double tolerance = c.tolerance();
        try (Made expected = new Made("reference", c, Loss.CRF, 1).forward(); Made actual = new Made(isa, c, Loss.CRF, 1).forward()) {
            assertNear("loss", expected.losses(), actual.losses(), tolerance);
            assertNear("p", Agreement.toDoubles(expected.marginals()), Agreement.toDoubles(actual.marginals()), tolerance);
            assertScores(c, expected.labels(null), actual.labels(null), tolerance);
            boolean[] allowed = allowed(labels, 3);
            if (labels > 1) assertScores(c, expected.labels(allowed), actual.labels(allowed), tolerance);
            for (Made made : List.of(expected, actual)) made.backward();
            for (String tensor : List.of("transitions", "transitions_start", "transitions_end", "output.bias"))
                assertNear("d " + tensor, Agreement.toDoubles(expected.gradient(tensor)), Agreement.toDoubles(actual.gradient(tensor)),
                        SCALE * batch * steps * (tolerance + batch * steps * EPS));
            Agreement.assertPaddingIsZero(actual.kernel, Block.GRADIENTS);
        }
    }

    /** Other labels are as good, if their scores are the same but for rounding. */
    private static void assertScores(Chains c, int[] expected, int[] actual, double tolerance) {
        for (int b = 0; b < c.batch; b++) {
            int[][] y = new int[2][c.length(b)];
            for (int t = 0; t < c.length(b); t++) {
                y[0][t] = expected[t * c.batch + b];
                y[1][t] = actual[t * c.batch + b];
            }
            if (c.length(b) > 0) assertEquals(c.score(b, y[0]), c.score(b, y[1]), tolerance);
            for (int t = c.length(b); t < c.steps; t++) assertEquals(Window.NONE, actual[t * c.batch + b]);
        }
    }

    /** 2,000 steps are as exact as 10: for each step, not for what they add up to. */
    @ParameterizedTest @MethodSource("instructionSetsAndSpreads")
    void aLongSequenceIsExact(String isa, double spread) {
        Chains c = new Chains(9, 2, 2000, 10, spread, 31);
        try (Made expected = new Made("reference", c, Loss.CRF, 1).forward(); Made actual = new Made(isa, c, Loss.CRF, 1).forward()) {
            double[] losses = expected.losses();
            assertTrue(losses[0] > 1000, "a loss of " + losses[0]);
            double ofAStep = (c.labels + 8 + 3 * c.range()) * EPS;
            assertNear("loss", losses, actual.losses(), 2000 * ofAStep);
            // of an error made at one step no more than tanh(spread / 2) reaches the next, in either direction (Birkhoff 1957)
            double steps = Math.min(2000, 2 / (1 - Math.tanh(spread / 2)));
            assertNear("p", Agreement.toDoubles(expected.marginals()), Agreement.toDoubles(actual.marginals()), steps * ofAStep);
            assertArrayEquals(expected.labels(null), actual.labels(null));
            double[] sums = new double[c.batch * c.steps];
            float[] p = actual.marginals();
            for (int i = 0; i < p.length; i++) sums[i / c.labels] += p[i];
            for (double sum : sums) assertEquals(1, sum, (c.labels + 1) * EPS, "marginals of a step");      // a sum, and a division
        }
    }

    /** A constant on all scores changes no label, though there are more digits before the point than a float has: 2,000 * 1,024. */
    @ParameterizedTest @MethodSource("kernels")
    void theBestOfALongSequenceDoesNotDependOnWhatItsScoresAddUpTo(String kernel) {
        Chains c = new Chains(9, 2, 2000, 10, 2, 36);
        for (int i = 0; i < c.z.length; i++) c.z[i] = 1024 + Math.round(c.z[i] * 4096) / 4096f;                   // exact
        try (Made expected = new Made("reference", c, Loss.CRF, 1); Made actual = new Made(kernel, c, Loss.CRF, 1)) {
            assertScores(c, expected.labels(null), actual.labels(null), 2000 * 2 * 1040 * EPS);
        }
    }

    static Stream<Arguments> instructionSetsAndSpreads() {
        return NativeLibrary.instructionSets().stream().flatMap(isa -> Stream.of(2.0, 40.0).map(spread -> Arguments.of(isa, spread)));
    }

    @ParameterizedTest @MethodSource("instructionSetsAndSpreads")
    void sameBitsWhateverTheNumberOfThreads(String isa, double spread) {
        for (int labels : new int[] {1, 17, 65}) {
            Chains c = new Chains(labels, 9, 5, 10, spread, 35).ofSeveralLengths();
            boolean[] allowed = labels == 1 ? null : allowed(labels, 3);
            try (Made one = new Made(isa, c, Loss.CRF, 1).forward()) {
                int[] best = one.labels(allowed);
                one.backward();
                for (int threads : new int[] {2, 3, 13})
                    try (Made many = new Made(isa, c, Loss.CRF, threads).forward()) {
                        assertArrayEquals(best, many.labels(allowed));
                        assertArrayEquals(one.losses(), many.losses());
                        many.backward();
                        assertArrayEquals(one.marginals(), many.marginals());
                        assertArrayEquals(Agreement.all(one.kernel, Block.GRADIENTS), Agreement.all(many.kernel, Block.GRADIENTS));
                    }
            }
        }
    }

    @ParameterizedTest @MethodSource("kernels")
    void extremeScoresStayFinite(String kernel) {
        for (double spreadOfZ : new double[] {0, 2e4})
            for (double spreadOfA : new double[] {0, 32, 33, 2e4}) {
                Chains c = new Chains(17, 4, 20, spreadOfZ, spreadOfA, 41).ofSeveralLengths();
                for (int y = 0; y < c.labels; y++) c.A[y * c.labels + 16 - y] = (float) -spreadOfA / 2;         // forbidden, in effect
                try (Made expected = new Made("reference", c, Loss.CRF, 1).forward(); Made actual = new Made(kernel, c, Loss.CRF, 1).forward()) {
                    assertNear("loss", expected.losses(), actual.losses(), c.tolerance());
                    // the exponent of a marginal has the rounding of scores of this size
                    assertNear("p", Agreement.toDoubles(expected.marginals()), Agreement.toDoubles(actual.marginals()), Math.min(1, c.tolerance()));
                    for (float p : actual.marginals()) assertTrue(p >= 0 && p <= 1 + c.labels * EPS, "p of " + p);
                    for (float dA : actual.backward().gradient("transitions")) assertTrue(Float.isFinite(dA), "dA of " + dA);
                }
            }
    }

    /** What comes later makes the label of a step likely that the steps before have all but excluded: the worst that probabilities,
     *  in place of their logarithms, have to bear. */
    @ParameterizedTest @MethodSource("kernels")
    void whatIsUnlikelyAtFirstMayBeCertainInTheEnd(String kernel) {
        for (float spread : new float[] {20, 31.9f, 32.1f, 80}) {
            Chains c = new Chains(3, 1, 2, 0, 0, 51);
            c.z[0] = spread + 50;                               // of three labels the first is the best by far
            c.A[3 * 2 + 2] = c.end[2] = spread;                 // but only the last one leads to itself, and may end
            try (Made expected = new Made("reference", c, Loss.CRF, 1).forward(); Made actual = new Made(kernel, c, Loss.CRF, 1).forward()) {
                assertNear("p", Agreement.toDoubles(expected.marginals()), Agreement.toDoubles(actual.marginals()), c.tolerance());
                assertNear("loss", expected.losses(), actual.losses(), c.tolerance());
            }
        }
    }

    @ParameterizedTest @MethodSource("kernels")
    void withoutTargetsThereAreProbabilitiesAndNoLoss(String kernel) {
        Chains c = new Chains(5, 6, 4, 4, 2, 61).ofSeveralLengths();
        try (Made with = new Made(kernel, c, Loss.CRF, 1).forward(); Made without = new Made(kernel, c, Loss.CRF, 1)) {
            without.kernel.crfForward(without.head, null, c.lengths);
            assertArrayEquals(with.marginals(), without.marginals());
            assertEquals(0, without.kernel.sum(without.head.loss()));
        }
    }

    @ParameterizedTest @MethodSource("kernels")
    void nothingIsLeftOfTheWindowBefore(String kernel) {
        Chains first = new Chains(5, 6, 4, 4, 2, 71), second = new Chains(5, 6, 4, 4, 2, 71).ofSeveralLengths();
        try (Made reused = new Made(kernel, first, Loss.CRF, 1).forward(); Made fresh = new Made(kernel, second, Loss.CRF, 1).forward().backward()) {
            reused.backward();
            reused.kernel.denseForward(reused.head);
            reused.kernel.crfForward(reused.head, second.targets, second.lengths);
            assertArrayEquals(fresh.losses(), reused.losses());
            reused.kernel.crfBackward(reused.head, second.targets, second.lengths, SCALE);
            for (String tensor : List.of("transitions", "transitions_start", "transitions_end")) assertArrayEquals(fresh.gradient(tensor), reused.gradient(tensor));
        }
    }

    @ParameterizedTest @MethodSource("kernels")
    void aSequenceWithATargetAtSomeOfItsStepsIsRefused(String kernel) {
        Chains c = new Chains(3, 2, 3, 1, 1, 81);
        c.lengths = new int[] {3, 2};
        c.targets[5] = Window.NONE;
        try (Made made = new Made(kernel, c, Loss.CRF, 1).forward()) {
            c.targets[3] = Window.NONE;
            for (boolean backward : new boolean[] {false, true}) {
                String message = assertThrows(IllegalArgumentException.class, () -> { if (backward) made.backward(); else made.forward(); }).getMessage();
                assertTrue(message.startsWith("targets of step 1, sequence 1 is -1") && message.contains("expected labels at all of its steps"), message);
            }
            c.targets[3] = 0;
            c.targets[5] = 1;
            String past = assertThrows(IllegalArgumentException.class, made::forward).getMessage();
            assertTrue(past.startsWith("targets of step 2, sequence 1 is 1, but the sequence has length 2"), past);
        }
    }

    @ParameterizedTest @MethodSource("kernels")
    void whatIsNotAllowedAtAllIsRefusedByName(String kernel) {
        Chains c = new Chains(2, 3, 3, 1, 1, 91);
        c.lengths = new int[] {0, 1, 2};
        boolean[] allowed = {false, true, false, false, true, false, false, true};      // from 0 to 1, and there it ends
        try (Made made = new Made(kernel, c, Loss.CRF, 1)) {
            String message = assertThrows(IllegalArgumentException.class, () -> made.labels(allowed)).getMessage();
            assertTrue(message.startsWith("no labels are allowed for sequence 1, whose length is 1"), message);
            c.lengths[1] = 2;
            assertArrayEquals(new int[] {-1, 0, 0, -1, 1, 1, -1, -1, -1}, made.labels(allowed));
            c.lengths = null;
            assertThrows(IllegalArgumentException.class, () -> made.labels(allowed));
            assertThrows(IllegalArgumentException.class, () -> made.labels(new boolean[7]));
        }
    }

    @Test void aSoftmaxOverMoreLabelsThanFitIsNotDecoded() {
        for (int labels : new int[] {512, 513}) {
            Network network = new Network(5, 2, Cell.RNN, 2, 1, false, new Head(true, Loss.SOFTMAX, labels), false);
            try (Kernel kernel = Kernel.open("native", Layout.forScoring(network, 1, 1))) {
                if (labels == 512) kernel.viterbi(kernel.layout().head, null, null, new int[1]);
                else assertTrue(assertThrows(IllegalArgumentException.class, () -> kernel.viterbi(kernel.layout().head, null, null, new int[1])).getMessage()
                        .contains("at most 512 labels"));
            }
        }
    }

    @Test void aCrfNeedsEveryStepAndWeightsOfItsOwn() {
        String once = assertThrows(IllegalArgumentException.class, () -> new Head(false, Loss.CRF, 3)).getMessage();
        assertTrue(once.contains("atEveryStep is false") && once.contains("CRF"), once);
        String tied = assertThrows(IllegalArgumentException.class,
                () -> new Network(5, 4, Cell.LSTM, 4, 1, false, new Head(true, Loss.CRF, 5), true)).getMessage();
        assertTrue(tied.contains("tied needs a softmax") && tied.contains("crf"), tied);
    }

    @Test void transitionsAreTheLastTensorsAndStartNearZero() {
        Network softmax = new Network(5, 4, Cell.LSTM, 4, 1, true, new Head(true, Loss.SOFTMAX, 3), false);
        Network crf = new Network(5, 4, Cell.LSTM, 4, 1, true, new Head(true, Loss.CRF, 3), false);
        List<String> names = crf.tensors().stream().map(Tensor::name).toList();
        assertEquals(List.of("output.bias", "transitions", "transitions_start", "transitions_end"), names.subList(names.size() - 4, names.size()));
        assertEquals(softmax.parameterCount() + 3 * 5, crf.parameterCount());
        float[] initial = Parameters.initial(crf, 1);
        assertArrayEquals(Parameters.initial(softmax, 1), Arrays.copyOf(initial, softmax.parameterCount()));
        for (int i = softmax.parameterCount(); i < initial.length; i++) assertTrue(Math.abs(initial[i]) <= 0.1f && initial[i] != 0, "started at " + initial[i]);
    }

    private static void assertNear(String what, double[] expected, double[] actual, double tolerance) {
        assertEquals(expected.length, actual.length);
        for (int i = 0; i < expected.length; i++) assertEquals(expected[i], actual[i], tolerance, what + ", element " + i);
    }
}
