package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Data;
import org.rondo.driver.corpus.Examples;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.scoring.Evaluation;
import org.rondo.driver.scoring.Metric;

/** Which epoch's model is kept, and when training ends. */
class SelectionTest {
    private static JavaSparkContext sc;
    private static Data held;
    @TempDir static Path dir;

    /** Anything that is held out: what it is of, the lexicon says. */
    @BeforeAll static void start() throws IOException {
        sc = new JavaSparkContext(TrainerTest.conf("local[1]"));
        String file = Files.writeString(dir.resolve("a.conll"), "u N\n").toString();
        held = Examples.read(sc, file, Examples.Target.LABELS, Settings.of(Map.of()), note -> { });
    }

    @AfterAll static void stop() {
        held.close();
        sc.close();
    }

    @ParameterizedTest
    @CsvSource({"tagging, iobes, auto, F1", "tagging, none, auto, ACCURACY", "classification, , auto, ACCURACY", "regression, , auto, LOSS", "language-model, , auto, ",
            "tagging, iobes, loss, LOSS", "tagging, iobes, recall, RECALL", "tagging, none, macroF1, MACRO_F1", "classification, , macroF1, MACRO_F1", "language-model, , perplexity, PERPLEXITY",
            "tagging, iobes, none, ", "regression, , none, "})
    void epochsAreComparedByTheFigureOfTheTask(String task, String scheme, String metric, Metric expected) {
        assertEquals(expected, selection(task, scheme, true, "metric", metric).metric());
    }

    @Test void aLanguageModelThatMayStopIsComparedByItsLoss() {
        assertEquals(Metric.LOSS, selection("language-model", null, true, "stopAfter", "2").metric());
        assertNull(selection("tagging", "iobes", false).metric(), "nothing is held out: the last is kept");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "tagging | iobes | true | metric perplexity | metric is perplexity, which is no figure of tagging of entities; set --metric to another, or leave it out",
            "tagging | iobes | true | metric macroF1 | metric is macroF1, which is no figure of tagging of entities; set --metric to another, or leave it out",
            "tagging | none | true | metric precision | metric is precision, which is no figure of tagging of plain classes; set --metric to another, or leave it out",
            "classification | | true | metric recall | metric is recall, which is no figure of classification; set --metric to another, or leave it out",
            "regression | | true | metric accuracy | metric is accuracy, which is no figure of regression; set --metric to another, or leave it out",
            "language-model | | true | metric f1 | metric is f1, which is no figure of language-model; set --metric to another, or leave it out",
            "tagging | iobes | true | metric none stopAfter 2 | stopAfter is 2, but metric is none, so nothing says which epoch is better; set --metric, or leave it out",
            "tagging | iobes | false | metric f1 | metric is f1, but nothing is held out to measure; set --validation to data or a fraction, or leave --metric out",
            "tagging | iobes | false | stopAfter 3 | stopAfter is 3, but nothing is held out to measure; set --validation to data or a fraction, or leave --stopAfter out"})
    void whatCannotBeComparedIsRefused(String task, String scheme, boolean validation, String settings, String expected) {
        assertEquals(expected, assertThrows(BadInput.class, () -> selection(task, scheme, validation, settings.split(" "))).getMessage());
    }

    /** Losses 3 2 2 2.5: the second is the best, the third only as good; two epochs after it training is over. */
    @Test void theFirstOfTheBestIsKept() {
        Selection selection = selection("regression", null, true, "stopAfter", "2");
        double[] losses = {3, 2, 2, 2.5};
        int[] best = {1, 2, 2, 2};
        boolean[] over = {false, false, false, true};
        float[] last = {9};
        assertArrayEquals(last, selection.kept(last));
        assertFalse(selection.isOver(0));
        for (int e = 1; e <= losses.length; e++) {
            selection = selection.next(e, loss(losses[e - 1]), new float[] {e});
            assertEquals(best[e - 1], selection.epoch());
            assertEquals(over[e - 1], selection.isOver(e), "after epoch " + e);
            assertArrayEquals(new float[] {best[e - 1]}, selection.kept(last));
        }
        assertEquals(2, selection.value());
        selection = selection.next(5, loss(1), new float[] {5});
        assertEquals(5, selection.epoch());
        assertFalse(selection.isOver(5));
    }

    @Test void withoutPatienceItIsNeverOver() {
        Selection selection = selection("regression", null, true).next(1, loss(1), new float[] {1});
        for (int e = 2; e < 100; e++) assertFalse((selection = selection.next(e, loss(2), new float[] {e})).isOver(e));
        assertEquals(1, selection.epoch());
        assertTrue(selection("regression", null, true, "stopAfter", "1").next(1, loss(1), new float[] {1}).next(2, loss(1), new float[] {2}).isOver(2));
    }

    @Test void whereNothingIsComparedTheLastIsKept() {
        Selection selection = selection("tagging", "iobes", false).next(1, null, new float[] {1});
        assertArrayEquals(new float[] {7}, selection.kept(new float[] {7}));
        assertEquals(0, selection.epoch());
    }

    private static Evaluation loss(double loss) {
        return new Evaluation(Task.REGRESSION, 1, loss, 0, 0, null, null, null, Set.of());
    }

    private static Selection selection(String task, String scheme, boolean validation, String... given) {
        Map<String, String> all = new HashMap<>(Map.of("task", task));
        for (int i = 0; i < given.length; i += 2) all.put(given[i], given[i + 1]);
        Settings settings = Settings.of(all);
        Lexicon lexicon = new Lexicon(Task.of(settings), null, null, false, 1, List.of(), scheme == null ? null : TagScheme.valueOf(scheme.toUpperCase(java.util.Locale.ROOT)), 1);
        return Selection.of(settings, new Corpus(lexicon, null, null, validation ? held : null));
    }
}
