package org.rondo.driver.corpus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

class CorpusTest {
    private static JavaSparkContext sc;
    private final List<String> notes = new ArrayList<>();
    @TempDir Path dir;

    @BeforeAll static void start() {
        sc = new JavaSparkContext(new SparkConf(false).setMaster("local[1]").setAppName("test").set("spark.ui.enabled", "false"));
    }

    @AfterAll static void stop() {
        sc.close();
    }

    @Test void theLastPartIsHeldOut() throws IOException {
        try (Corpus corpus = read("123456789\n", "0.25")) {      // 10 tokens; 2.5 rounds up
            assertEquals(7, corpus.training().count());
            assertEquals(3, corpus.validation().count());
            assertEquals(11, corpus.lexicon().words().size());
        }
        try (Corpus corpus = read("123456789\n", "0")) {
            assertEquals(10, corpus.training().count());
            assertNull(corpus.validation());
        }
    }

    @Test void aTextToValidateOnIsReadWithTheVocabularyOfTheInput() throws IOException {
        try (Corpus corpus = read("123\n", write("validation.txt", "12x\n").toString())) {
            assertEquals(4, corpus.training().count());
            assertEquals(4, corpus.validation().count());
            assertEquals(0.25, ((Tokens) corpus.validation()).unknown());
        }
    }

    /** A line feed in a text ends a line, and an empty text is one. */
    @Test void aRecordIsALineOfAText() throws IOException {
        Path plain = write("plain", "a b\nc\n\nd\n"), json = write("lines.json", "{\"text\": \"a b\\nc\"}\n\n{\"text\": \"\"}\n{\"text\": \"d\"}\n");
        assertEquals(checksum(plain), checksum(json));
        assertEquals(checksum(write("joined", "a b\nd\n")), checksum(write("tokens.json", "{\"tokens\": [\"a\", \"b\"]}\n{\"tokens\": [\"d\"]}\n")));
    }

    @Test void filesWhoseNamesDoNotSayAreText() throws IOException {
        Path json = write("lines.json", "{\"text\": \"a\"}\n");
        assertEquals(checksum(write("plain", "{\"text\": \"a\"}\n")), checksum(json, "format", "text"));
        for (String name : List.of("csv", "lines.v2", "lines.txt", "lines")) assertEquals(checksum(write(name, "a\nb\n")), checksum(write("plain", "a\nb\n")), name);
        assertEquals(List.of(), notes);
        checksum(json, "format", "text", "textColumn", "body", "badLines", "skip");
        assertEquals(List.of("badLines is given, but has no effect: file:" + json + " is read as text", "textColumn is given, but has no effect: file:" + json + " is read as text"), notes);
        Path mixed = Files.createDirectory(dir.resolve("mixed"));
        write("mixed/README", "a\n");
        write("mixed/z.json", "{\"text\": \"a\"}\n");
        assertEquals("by their names, file:" + mixed + "/z.json is json and file:" + mixed + "/README is text, expected one format; give files of one, or set --format (spark.rondo.format)",
                assertThrows(BadInput.class, () -> checksum(mixed)).getMessage());
    }

    @Test void whatIsNoLineOfATextIsNamedOrLeftOut() throws IOException {
        Path json = write("tokens.json", "{\"tokens\": [\"a\"]}\n{\"tokens\": [\"New York\", \"b\"]}\nno JSON\n{\"tokens\": [\"b\"]}\n"), conll = write("tab.conll", "a\tX\n\nb\tX\nNew York\tX\n");
        String blank = " is 'New York', expected a token without a blank: a language model reads tokens with blanks between";
        assertEquals("file:" + json + ", line 2: column tokens, number 1 of 2," + blank + " (the first of 2 sequences with something wrong); mend it, or set --badLines (spark.rondo.badLines)"
                + " skip to leave such sequences out", assertThrows(BadInput.class, () -> checksum(json)).getMessage());
        assertEquals("file:" + conll + ", line 3: the tokens, number 2 of 2," + blank + "; mend it, or set --badLines (spark.rondo.badLines) skip to leave such sequences out",
                assertThrows(BadInput.class, () -> checksum(conll, "columnsBy", "tab")).getMessage());
        notes.clear();
        assertEquals(checksum(write("plain", "a\nb\n")), checksum(json, "badLines", "skip"));
        assertEquals(List.of("format is json, by the name of file:" + json, "left out 2 sequences of file:" + json + " with something wrong:",
                "  file:" + json + ", line 2: column tokens, number 1 of 2," + blank, "  file:" + json + ", line 3: 'no JSON', expected a JSON object"), notes);
        Path features = write("features.json", "{\"features\": [[1]]}\n");
        assertEquals("no column text or tokens in file:" + features + ", which has features; a language model reads one of them; set --textColumn (spark.rondo.textColumn) or "
                + "--tokensColumn (spark.rondo.tokensColumn)", assertThrows(BadInput.class, () -> checksum(features)).getMessage());
        assertEquals(0, sc.getPersistentRDDs().size());
    }

    private String checksum(Path input, String... settings) {
        Map<String, String> all = new HashMap<>(Map.of("input", input.toString(), "validation", "0"));
        for (int i = 0; i < settings.length; i += 2) all.put(settings[i], settings[i + 1]);
        try (Corpus corpus = Corpus.read(sc, Settings.of(all), notes::add)) {
            assertEquals(1, sc.getPersistentRDDs().size(), "the tokens alone");
            return corpus.training().checksum() + corpus.lexicon().checksum();
        }
    }

    /** Of 5 sequences the last two; what was kept of them goes with the corpus, whether a part is held out or not. */
    @Test void theLastSequencesAreHeldOut() throws IOException {
        Path input = write("input.conll", "a N\n\nb V\n\nc N\n\nd N\n\ne V\n"), other = write("other.conll", "b V\n");
        for (String validation : new String[] {"0.4", "0", other.toString()}) {
            Settings settings = Settings.of(Map.of("task", "tagging", "input", input.toString(), "validation", validation));
            try (Corpus corpus = Corpus.read(sc, settings, note -> { })) {
                assertEquals(validation.equals("0.4") ? 3 : 5, corpus.training().count());
                if (validation.equals("0")) assertNull(corpus.validation());
                else assertEquals(validation.equals("0.4") ? 2 : 1, corpus.validation().count());
                assertEquals(validation.equals("0.4") ? 4 : 6, corpus.lexicon().words().size(), "counted over what is learnt from");
            }
            assertEquals(0, sc.getPersistentRDDs().size(), "with validation " + validation);
        }
    }

    @Test void whatLeavesNoSequenceIsRefusedAtOnce() throws IOException {
        Path input = write("input.conll", "a N\n\nb V\n");
        for (String[] wrong : new String[][] {{"0.1", "validation 0.1 of the 2 sequences of file:" + input + " is 0, expected at least 1; set --validation to a larger fraction, or to 0 for none"},
                {"0.8", "file:" + input + " has 2 sequences, of which validation 0.8 leaves 0 to learn from, expected at least 1; give more text, or a smaller --validation"}}) {
            Settings settings = Settings.of(Map.of("task", "tagging", "input", input.toString(), "validation", wrong[0]));
            assertEquals(wrong[1], assertThrows(BadInput.class, () -> Corpus.read(sc, settings, note -> { })).getMessage());
            assertEquals(0, sc.getPersistentRDDs().size());
        }
    }

    @Test void whatHasNoTokenToPredictIsRefusedAtOnce() throws IOException {
        Path input = dir.resolve("input.txt");
        assertEquals("validation 0.1 of the 10 tokens of file:" + input + " is 1, expected at least 2; set --validation to a larger fraction, or to 0 for none",
                refused("123456789\n", "0.1"));
        assertEquals("validation 1e-9 of the 10 tokens of file:" + input + " is 0, expected at least 2; set --validation to a larger fraction, or to 0 for none",
                refused("123456789\n", "1e-9"));
        assertEquals("file:" + input + " has 10 tokens, of which validation 0.9 leaves 1 to learn from, expected at least 2; give more text, or a smaller --validation",
                refused("123456789\n", "0.9"));
        assertEquals("file:" + input + " has 1 tokens, of which validation 0 leaves 1 to learn from, expected at least 2; give more text, or a smaller --validation",
                refused("\n", "0"));
        Path brief = write("short.txt", "\n");
        assertEquals("validation " + brief + " has 1 tokens, expected at least 2; give more text, or set --validation to a fraction of the input, or to 0 for none",
                refused("123456789\n", brief.toString()));
        assertEquals(0, sc.getPersistentRDDs().size());
    }

    /** A history that is not there, and one of another kind. */
    @Test void whatWasReadIsLetGoWhereItsHistoryIsRefused() throws IOException {
        Path input = write("input.conll", "a N\n\nb V\n"), entities = write("entities.conll", "a B-X\nb O\n");
        for (String history : List.of(dir.resolve("nowhere").toString(), entities.toString())) {
            Settings settings = Settings.of(Map.of("task", "tagging", "input", input.toString(), "history", history, "validation", "0"));
            String message = assertThrows(BadInput.class, () -> Corpus.read(sc, settings, note -> { })).getMessage();
            assertTrue(message.contains(history.endsWith("nowhere") ? "nowhere" : "has tokens with tags of iob2, expected tokens with tags of none, as file:" + input), message);
            assertEquals(Map.of(), sc.getPersistentRDDs());
        }
    }

    /** The same entities in another scheme, which the data say by themselves: nothing has drifted, and it is a history. */
    @Test void entitiesAreTheSameInAnyScheme() throws IOException {
        String sentence = "in O\nNew B-LOC\nYork I-LOC\nParis B-LOC\n\n", iobes = sentence.replace("York I", "York E").replace("Paris B", "Paris S");
        Path iob2 = write("iob2.conll", sentence), other = write("iobes.conll", iobes), none = write("none.conll", "in IN\nParis NNP\n");
        Settings tagging = Settings.of(Map.of("task", "tagging", "input", iob2.toString(), "validation", other.toString()));
        for (String learnt : List.of("iobes", "data", "io")) try (Corpus corpus = Corpus.read(sc, tagging.with(Setting.LEARNT_SCHEME, learnt), note -> { });
                Examples classes = Examples.read(sc, none.toString(), Examples.Target.LABELS, tagging, note -> { })) {
            Profile here = Profile.of(corpus.training(), corpus.lexicon()), there = Profile.of(corpus.validation(), corpus.lexicon());
            assertEquals(here, there);
            assertEquals(learnt.equals("io") ? Map.of("O", 1L, "I-LOC", 3L) : learnt.equals("data") ? Map.of("O", 1L, "B-LOC", 2L, "I-LOC", 1L)
                    : Map.of("O", 1L, "B-LOC", 1L, "E-LOC", 1L, "S-LOC", 1L), here.labels());
            assertEquals(1, here.labelDistance(Profile.of(classes, corpus.lexicon())), 1e-12, "classes are counted as they are");
        }
        List<String> checksums = new ArrayList<>();
        for (Path history : List.of(iob2, other)) try (Corpus corpus = Corpus.read(sc, tagging.with(Setting.VALIDATION, "0").with(Setting.HISTORY, history).with(Setting.HISTORY_SHARE, 0.9), note -> { })) {
            assertEquals(2, corpus.training().count());
            assertEquals(TagScheme.IOB2, ((Examples) corpus.training()).scheme());
            checksums.add(corpus.training().checksum());
        }
        assertEquals(checksums.get(0), checksums.get(1));
        assertEquals(0, sc.getPersistentRDDs().size());
    }

    /** That it predicts several says the model, and no setting. */
    @Test void whatIsHeldOutHasTheTargetsOfTheModelThatIsGoneOnFrom() throws IOException {
        Path input = write("input.json", "{\"text\": \"a b\", \"values\": [1, 4]}\n"), other = write("other.json", "{\"text\": \"b\", \"values\": [2, 3]}\n");
        Settings settings = Settings.of(Map.of("task", "regression", "input", input.toString(), "validation", other.toString()));
        try (Corpus first = Corpus.read(sc, settings.with(Setting.VALUES_COLUMN, "values"), note -> { });
                Corpus next = Corpus.read(sc, settings, first.lexicon(), note -> { })) {
            assertEquals(2, ((Examples) next.validation()).values());
            assertEquals(first.validation().checksum(), next.validation().checksum());
        }
    }

    private String refused(String text, String validation) {
        return assertThrows(BadInput.class, () -> read(text, validation)).getMessage();
    }

    private Corpus read(String text, String validation) throws IOException {
        return Corpus.read(sc, Settings.of(Map.of("input", write("input.txt", text).toString(), "validation", validation)), note -> { });
    }

    private Path write(String name, String text) throws IOException {
        return Files.writeString(dir.resolve(name), text);
    }
}
