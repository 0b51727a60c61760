package org.rondo.kernels.classic;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.LongFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Cell;
import org.rondo.kernels.classic.Trial.Outcome;

/** How many seeds of some learn the tasks that the LSTM was made for: with an LSTM, and with a vanilla RNN of as many parameters
 *  on as many sequences. docs/classic-tasks.md explains the tasks; its table is what this writes to target/classic-tasks.tsv.
 *
 *  <p>On one instruction set a trial always ends the same. On another the rounding differs, and with it which seeds fail and how
 *  many sequences the others take; the bounds leave room for that. */
class ClassicTasksTest {
    private static final Path ROWS = Path.of("target", "classic-tasks.tsv");
    private static final int SEEDS = 20;

    private static final Trial REBER = new Trial(Cell.LSTM, 16, 1, 0.01, 200_000), LONG_REBER = new Trial(Cell.LSTM, 64, 5, 0.002, 150_000),
            ADDING = new Trial(Cell.LSTM, 16, 4, 0.005, 300_000), ORDER = new Trial(Cell.LSTM, 16, 3, 0.003, 300_000),
            COUNTING = new Trial(Cell.PEEPHOLE, 8, 1, 0.01, 200_000), COUNTING_WITHOUT = new Trial(Cell.LSTM, 8, 1, 0.01, 200_000);

    /** @param tasks  by seed
     *  @param seeds  1 to this
     *  @param learnt how many of the seeds must have learnt the task
     *  @param test   where the median of {@link Task#test} must lie */
    record Experiment(String task, LongFunction<Task> tasks, Trial trial, int seeds, Range learnt, Range test) {
        @Override public String toString() {
            return task + ", " + trial.cell().name();
        }

        /** The vanilla RNN's part. */
        Experiment vanilla(double learningRate, Range learnt, Range test) {
            return new Experiment(task, tasks, trial.vanilla(tasks.apply(1), learningRate), seeds, learnt, test);
        }
    }

    record Range(int least, int most) {
        boolean contains(double x) {
            return x >= least && x <= most;
        }
    }

    static Stream<Experiment> aFewSeeds() {
        Range most = new Range(2, 3), none = new Range(0, 0);
        LongFunction<Task> longReber = seed -> new Reber(25, seed);
        return Stream.of(
                new Experiment("embedded Reber", seed -> new Reber(Reber.SHORTEST, seed), REBER, 3, most, none),
                new Experiment("embedded Reber, 25 symbols or more", longReber, LONG_REBER, 3, most, none),
                new Experiment("embedded Reber, 25 symbols or more", longReber, LONG_REBER.within(20_000).vanilla(longReber.apply(1), 0.001), 2,
                        none, new Range(64, 256)),
                new Experiment("adding, T = 30", seed -> new Adding(30, seed), ADDING, 3, most, new Range(0, 25)),
                new Experiment("temporal order", TemporalOrder::new, ORDER, 3, most, new Range(0, 25)),
                new Experiment("a^n b^n c^n, n to 10", seed -> new Counting(10, seed), COUNTING.within(20_000), 3, most, new Range(11, 1000)));
    }

    static Stream<Experiment> twentySeeds() {
        Range most = new Range(17, SEEDS), few = new Range(0, 5);
        Experiment reber = new Experiment("embedded Reber", seed -> new Reber(Reber.SHORTEST, seed), REBER, SEEDS, most, new Range(0, 0)),
                longReber = new Experiment("embedded Reber, 25 symbols or more", seed -> new Reber(25, seed), LONG_REBER, SEEDS, most, new Range(0, 0)),
                adding = new Experiment("adding, T = 100", seed -> new Adding(100, seed), ADDING, SEEDS, most, new Range(0, 25)),
                order = new Experiment("temporal order", TemporalOrder::new, ORDER, SEEDS, most, new Range(0, 25)),
                counting = new Experiment("a^n b^n c^n, n to 40", seed -> new Counting(40, seed), COUNTING, SEEDS, most, new Range(80, Counting.TESTED)),
                without = new Experiment(counting.task, counting.tasks, COUNTING_WITHOUT, SEEDS, most, new Range(41, Counting.TESTED));
        return Stream.of(reber, reber.vanilla(0.003, new Range(14, SEEDS), new Range(0, 0)),
                longReber, longReber.vanilla(0.001, few, new Range(64, 256)),
                adding, adding.vanilla(0.003, few, new Range(1280, 2560)),
                order, order.vanilla(0.003, few, new Range(1280, 2560)),
                counting, without, counting.vanilla(0.003, few, new Range(0, 39)));
    }

    @BeforeAll static void heading() throws IOException {
        Files.writeString(ROWS, "task\tcell\tunits\tparameters\tforget_bias\tlearning_rate\tbudget\tseeds\tlearnt"
                + "\tmedian_sequences\tfewest\tmost\tmedian_test\tleast_test\tmost_test\tsequences_by_seed\ttest_by_seed\n");
    }

    @ParameterizedTest @MethodSource("aFewSeeds")
    void ofAFewSeeds(Experiment experiment) throws IOException {
        run(experiment);
    }

    @Tag("slow") @ParameterizedTest @MethodSource("twentySeeds")
    void ofTwentySeeds(Experiment experiment) throws IOException {
        run(experiment);
    }

    private static void run(Experiment e) throws IOException {
        Outcome[] outcomes = LongStream.rangeClosed(1, e.seeds).mapToObj(seed -> e.trial.run(e.tasks.apply(seed), seed)).toArray(Outcome[]::new);
        int[] sequences = Arrays.stream(outcomes).mapToInt(Outcome::sequences).toArray(), test = Arrays.stream(outcomes).mapToInt(Outcome::test).toArray();
        int[] learnt = IntStream.of(sequences).filter(n -> n != Trial.FAILED).toArray();
        Trial t = e.trial;
        Files.writeString(ROWS, String.format(Locale.ROOT, "%s\t%s\t%d\t%d\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s%n", e.task, t.cell().name(), t.hidden(),
                t.parameters(e.tasks.apply(1)), t.forgetBias(), t.learningRate(), t.budget(), e.seeds, learnt.length, summary(learnt), summary(test),
                Arrays.toString(sequences), Arrays.toString(test)), StandardOpenOption.APPEND);
        assertTrue(e.learnt.contains(learnt.length), () -> e + ": " + learnt.length + " of " + e.seeds + " seeds have learnt it, expected "
                + e.learnt + "; sequences " + Arrays.toString(sequences));
        assertTrue(e.test.contains(median(test)), () -> e + ": median of the test " + median(test) + ", expected " + e.test + "; by seed " + Arrays.toString(test));
    }

    /** Median, least and most, in three columns. */
    private static String summary(int[] values) {
        if (values.length == 0) return "-\t-\t-";
        return String.format(Locale.ROOT, "%.0f\t%d\t%d", median(values), Arrays.stream(values).min().getAsInt(), Arrays.stream(values).max().getAsInt());
    }

    private static double median(int[] values) {
        int[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2.0;
    }
}
