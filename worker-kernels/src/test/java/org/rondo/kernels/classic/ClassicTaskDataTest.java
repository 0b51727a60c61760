package org.rondo.kernels.classic;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.kernels.Window;

/** The sequences of the classic tasks are what the papers say. */
class ClassicTaskDataTest {
    private static final long SEED = 3;
    /** Strings or sequences drawn by a test. */
    private static final int DRAWN = 10_000;
    /** Reber's graph as a regular expression. */
    private static final String REBER = "B(TS*X(SE|XLE)|PLE)".replace("L", "T*V(PXT*V)*(V|PS)");

    /** Both of a textbook's strings and of its near misses: https://cnl.salk.edu/~schraudo/teach/NNcourse/reber.html */
    @ParameterizedTest @ValueSource(strings = {"BTSSXXTVVE", "BPVVE", "BTXXVPSE", "BPVPXVPXVPXVVE", "BTSXXVPSE"})
    void reberStringsAreAccepted(String string) {
        assertTrue(string.matches(REBER));
        assertTrue(isEmbeddedReber("BT" + string + "TE"));
        assertTrue(isEmbeddedReber("BP" + string + "PE"));
        assertFalse(isEmbeddedReber("BP" + string + "TE"));
        assertFalse(isEmbeddedReber("BT" + string + "TB"));
    }

    @ParameterizedTest @ValueSource(strings = {"BTSSPXSE", "BPTVVB", "BTXXVVSE", "BPVSPSE", "BTSSSE"})
    void otherStringsAreNot(String string) {
        assertFalse(string.matches(REBER));
        assertFalse(isEmbeddedReber("BT" + string + "TE"));
    }

    @Test void drawnStringsAreEmbeddedReberStrings() {
        SplittableRandom random = new SplittableRandom(SEED);
        for (int i = 0; i < DRAWN; i++) {
            String string = EmbeddedReber.random(random);
            assertTrue(string.matches("BT" + REBER + "TE|BP" + REBER + "PE"), string);
            assertTrue(isEmbeddedReber(string), string);
        }
    }

    private static boolean isEmbeddedReber(String string) {
        String[] successors = new EmbeddedReber().successors(string);
        return string.startsWith("B") && IntStream.range(0, successors.length).allMatch(t -> successors[t].indexOf(string.charAt(t + 1)) >= 0);
    }

    @Test void trainingAndTestStringsOfReberDiffer() {
        Reber task = new Reber(Reber.SHORTEST, SEED);
        assertEquals(512, task.examination().size());
        Set<String> training = Set.copyOf(new TreeSet<>(task.examination().subList(0, 256)));
        task.examination().subList(256, 512).forEach(s -> assertFalse(training.contains(s), s));
        for (int i = 0; i < DRAWN; i++) assertTrue(training.contains(task.next()));
    }

    @Test void symbolsThatMayFollowCountAndEndAsWorkedByHand() {
        assertEquals("SaabbccT", CountingLanguage.string(2));
        assertArrayEquals(new String[] {"a", "ab", "ab", "b", "c", "c", "T"}, new CountingLanguage().successors("SaabbccT"));
        assertArrayEquals(new String[] {"a", "ab", "c", "T"}, new CountingLanguage().successors("SabcT"));
    }

    @Test void markedNumbersAddUpToTheTarget() {
        SplittableRandom random = new SplittableRandom(SEED);
        int T = 100, zeroed = 0;
        Set<Integer> lengths = new TreeSet<>();
        for (int i = 0; i < DRAWN; i++) {
            Adding.Sequence s = Adding.Sequence.random(T, random);
            int last = s.numbers().length - 1;
            lengths.add(s.numbers().length);
            float sum = 0;
            int marked = 0;
            for (int t = 0; t <= last; t++) {
                assertTrue(Math.abs(s.numbers()[t]) <= 1);
                if (t == 0 || t == last) assertEquals(-1, s.markers()[t]);
                else if (s.markers()[t] == 1) {
                    assertTrue(t < T / 2);
                    sum += s.numbers()[t];
                    marked++;
                } else assertEquals(0, s.markers()[t]);
            }
            if (marked == 1) zeroed++;
            else {
                assertEquals(2, marked);
                assertTrue(IntStream.range(1, 10).anyMatch(t -> s.markers()[t] == 1));
            }
            assertEquals(0.5 + sum / 4, s.target(), 1e-6);
        }
        assertEquals(IntStream.rangeClosed(100, 110).boxed().collect(Collectors.toSet()), lengths);
        // the first pair is marked with probability 1/10 + 9/10 / 49 = 0.118, with a standard deviation of 32 in 10,000
        assertEquals(1184, zeroed, 4 * 32);
    }

    @Test void classesAreOrders() {
        assertEquals(0, TemporalOrder.target("EabXcdXB"));
        assertEquals(1, TemporalOrder.target("EabXcdYB"));
        assertEquals(2, TemporalOrder.target("EabYcdXB"));
        assertEquals(3, TemporalOrder.target("EabYcdYB"));
        SplittableRandom random = new SplittableRandom(SEED);
        Set<Integer> lengths = new TreeSet<>(), first = new TreeSet<>(), second = new TreeSet<>();
        for (int i = 0; i < DRAWN; i++) {
            String s = TemporalOrder.random(random);
            assertTrue(s.matches("E[abcd]*[XY][abcd]*[XY][abcd]*B"), s);
            lengths.add(s.length());
            int[] marks = IntStream.range(0, s.length()).filter(t -> "XY".indexOf(s.charAt(t)) >= 0).toArray();
            first.add(marks[0]);
            second.add(marks[1]);
        }
        assertEquals(IntStream.rangeClosed(100, 110).boxed().collect(Collectors.toSet()), lengths);
        assertEquals(IntStream.rangeClosed(10, 20).boxed().collect(Collectors.toSet()), first);
        assertEquals(IntStream.rangeClosed(50, 60).boxed().collect(Collectors.toSet()), second);
    }

    /** Two strings of different lengths and an empty sequence, side by side. */
    @Test void aWindowHoldsStringsTimeMajor() {
        Counting task = new Counting(2, SEED);
        Window w = task.window(List.of("SabcT", "SaabbccT"), 3, 7);
        assertArrayEquals(new int[] {4, 7, 0}, w.lengths());
        assertEquals(11, w.tokens());
        // S S -, a a -, b a -, c b -, - b -, - c -, - c -
        assertArrayEquals(new int[] {0, 0, 0, 1, 1, 0, 2, 1, 0, 3, 2, 0, 0, 2, 0, 0, 3, 0, 0, 3, 0}, w.ids());
        int none = Window.NONE;
        assertArrayEquals(new int[] {0, 0, none, 0, 0, none, 0, 0, none, 0, 0, none, none, 0, none, none, 0, none, none, 0, none}, w.targets());
        // the second step of the first string: a or b
        assertArrayEquals(new float[] {0, 1, 1, 0, 0}, Arrays.copyOfRange(w.values(), 3 * 5, 4 * 5));
    }
}
