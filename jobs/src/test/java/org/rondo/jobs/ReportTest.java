package org.rondo.jobs;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Shards;
import org.rondo.driver.rounds.Plan;
import org.rondo.driver.rounds.Progress;
import org.rondo.kernels.Network;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ReportTest {
    private static final long SECOND = 1_000_000_000;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    private long now;

    private List<String> lines() {
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test void withoutATerminalALineComesEveryFewSeconds() {
        try (Display display = new Display.Lines(err, OptionalLong.of(100), 0, 3000, () -> now)) {
            for (int done = 1; done <= 20; done++) {
                now += SECOND;
                display.step(done, 30 * done, "loss " + done);
            }
        }
        assertEquals(List.of("round 5/100 (5 %)  loss 5  1m 35s left", "round 10/100 (10 %)  loss 10  1m 30s left",
                "round 15/100 (15 %)  loss 15  1m 25s left", "round 20/100 (20 %)  loss 20  1m 20s left"), lines());
    }

    @Test void timeLeftCountsOnlyTheRoundsOfThisRun() {
        try (Display display = new Display.Lines(err, OptionalLong.of(100), 2700, 3000, () -> now)) {
            for (int done = 91; done <= 95; done++) {
                now += SECOND;
                display.step(done, 30 * done, "resumed");
            }
        }
        assertEquals(List.of("round 95/100 (95 %)  resumed  5s left"), lines());
    }

    /** Ten rounds of one window, then rounds of ten: a second a window, and 200 windows. How many rounds is not known. */
    @Test void timeLeftIsFromTokensWhereRoundsDiffer() {
        try (Display display = new Display.Lines(err, OptionalLong.empty(), 0, 2000, () -> now)) {
            for (int done = 1; done <= 12; done++) {
                int windows = done <= 10 ? done : 10 + 10 * (done - 10);
                now = windows * SECOND;
                display.step(done, 10 * windows, "loss");
            }
        }
        assertEquals(List.of("round 5 (2 %)  loss  3m 15s left", "round 10 (5 %)  loss  3m 10s left", "round 11 (10 %)  loss  3m 00s left",
                "round 12 (15 %)  loss  2m 50s left"), lines());
    }

    @Test void withoutATerminalNothingMovesTheCursor() {
        train(new Console(err, err, 0));
        assertTrue(lines().stream().noneMatch(line -> line.contains("\r") || line.contains("\033")), lines().toString());
    }

    @Test void onATerminalABarIsRedrawnInOneLine() {
        train(new Console(err, err, 90));
        String all = bytes.toString(StandardCharsets.UTF_8);
        assertTrue(all.contains("\r\033[K"), all);
        for (String drawn : all.split("\r\033\\[K|\n")) assertTrue(!drawn.startsWith("round") || drawn.length() <= 89, drawn);
    }

    @Test void theFiguresFitIntoEightyColumns() {
        String usual = "epoch 1/10  loss 1.234  72,667 tokens/s  lr 0.002  1m 35s left", long0 = "epoch 10/10  loss 1.234  1,072,667 tokens/s  lr 0.000405  1h 35m left";
        assertEquals("round 123/1230  " + usual, Display.Bar.render("round 123/1230", 0.1, usual, 79));
        assertEquals("round 12345/123456 epoch 10/10 loss 1.234 1,072,667 tokens/s lr 0.000405 1h 35m", Display.Bar.render("round 12345/123456", 0.1, long0, 79));
        assertEquals("round 123/1230 [=         ]  " + usual, Display.Bar.render("round 123/1230", 0.1, usual, 14 + 2 + 10 + 3 + usual.length()));
        for (int width = 79; width < 200; width++)
            for (long done : new long[] {0, 1, 61728, 99999}) {
                String drawn = Display.Bar.render("round " + done + "/123456", done / 123456.0, long0, width);
                assertTrue(drawn.length() <= width && drawn.contains("lr 0.000405") && drawn.contains("1h 35m"), drawn);
            }
    }

    @Test void theSummaryHasTheLastValidationAndTheBest() {
        String summary = train(new Console(err, err, 0)).summary("models/x");
        assertTrue(summary.contains("validation  0.6931 nats per character, perplexity 2.00, 1.000 bits per character (best after epoch 1: 0.5000)"), summary);
        assertTrue(summary.contains("trained 2 epochs") && summary.contains(" 1,000 tokens/s") && summary.contains("models/x"), summary);
    }

    @Test void nothingHeldOutIsNotShownAsANumber() {
        Report report = new Report(new Console(err, err, 0), unit("word"));
        report.begin(plan(), 0, 0);
        report.round(new Progress.Round(0, 1, 1.0, 1.0, 0.1, 100, 0.1, 0));
        report.epoch(epoch(1, 1.0, Double.NaN), null);
        report.close();
        assertFalse((lines() + report.summary("m")).contains("NaN"), lines() + report.summary("m"));
        assertFalse(report.summary("m").contains("bits per character"), "words have no bits per character");
    }

    /** Of 5 tokens a uniform guess has log 5 = 1.6094. */
    @Test void aLossFarAboveAGuessNamesTheLearningRate() {
        Report report = new Report(new Console(err, err, 0), unit("character"));
        report.begin(plan(), 0, 0);
        report.round(new Progress.Round(9, 1, 3.2, 1.0, 0.1, 100, 0.1, 0));
        report.epoch(epoch(1, 3.2, 1.0), null);
        assertFalse(lines().stream().anyMatch(line -> line.contains("diverges")), lines().toString());
        report.round(new Progress.Round(19, 2, 1e10, 1.0, 0.25, 100, 0.1, 0));
        report.epoch(epoch(2, 16.094, 1.0), null);
        report.close();
        String last = lines().get(lines().size() - 1);
        assertTrue(last.contains("10.0 times the 1.6094") && last.contains("--learningRate (now 0.25)"), last);
    }

    @Test void theSummarySaysThatTheModelIsAnAverage() {
        assertFalse(train(new Console(err, err, 0)).summary("m").contains("averaged"));
        Report report = new Report(new Console(err, err, 0), unit("character"));
        report.begin(plan("emaDecay", "0.99"), 0, 0);
        report.close();
        assertTrue(report.summary("m").contains(" parameters, averaged over rounds with emaDecay 0.99)"), report.summary("m"));
    }

    /** The trainer tells the checkpoint's epoch again, before the first round. */
    @Test void anEpochThatACheckpointTellsIsNotTrainedAgain() {
        Report report = new Report(new Console(err, err, 0), unit("character"));
        report.begin(plan(), 10, 100);
        report.epoch(epoch(1, 1.0, 0.5), null);
        report.close();
        String summary = report.summary("m");
        assertTrue(summary.startsWith("trained before, nothing was left to do\n") && summary.contains("validation  0.5000"), summary);
        assertEquals(0.5, report.validation());
        assertEquals(0, report.tokensPerSecond());
    }

    private static Plan plan() {
        return plan("epochs", "2");
    }

    private static Plan plan(String key, String value) {
        Settings settings = Settings.of(Map.of(key, value, "batch", "1", "seqLen", "10", "hidden", "3"));
        return Plan.of(settings, new Network(5, 64, 3, 2), Shards.ofStreams(null, settings, 101));
    }

    private static Settings unit(String unit) {
        return Settings.of(Map.of("unit", unit));
    }

    private static Progress.Epoch epoch(int number, double training, double validation) {
        return new Progress.Epoch(number, training, validation, null, Double.NaN);
    }

    private Report train(Console console) {
        Report report = new Report(console, unit("character"));
        report.begin(plan(), 0, 0);
        for (int epoch = 1; epoch <= 2; epoch++) {
            for (int round = 10 * epoch - 10; round < 10 * epoch; round++) report.round(new Progress.Round(round, epoch, 1.0, 1.0, 0.1, 10, 0.01, 0));
            report.epoch(epoch(epoch, 1.0, epoch == 1 ? 0.5 : Math.log(2)), null);
        }
        report.close();
        return report;
    }
}
