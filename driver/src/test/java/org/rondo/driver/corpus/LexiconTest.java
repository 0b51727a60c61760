package org.rondo.driver.corpus;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.rounds.Plan;
import org.rondo.kernels.Draw;
import org.rondo.kernels.Network;
import org.rondo.kernels.Sequences;
import org.rondo.kernels.Window;

/** What is counted of labelled sequences, and the numbers that they become; counted by hand. */
class LexiconTest {
    private static final String TWO = """
            The O
            Dog O
            ran O
            1999 B-X

            the O
            2024 B-X
            dog O
            \u00c4pfel B-Y
            """;
    private static JavaSparkContext sc;
    @TempDir Path dir;

    @BeforeAll static void start() {
        sc = new JavaSparkContext(new SparkConf(false).setMaster("local[2]").setAppName("test").set("spark.ui.enabled", "false").set("spark.sql.shuffle.partitions", "2"));
    }

    @AfterAll static void stop() {
        sc.close();
    }

    /** Those seen twice by code points, then those seen once. */
    @Test void wordsAreCountedInLowerCaseAndTheirDigitsAre0() throws IOException {
        Lexicon lexicon = tagging(TWO);
        assertEquals(List.of("<unk>", "0000", "dog", "the", "ran", "\u00e4pfel"), written(lexicon.words()));
        assertEquals(4, lexicon.words().once());
        assertEquals(List.of(3, 3, 1, 5, 0), ids(lexicon, "THE", "the", "1066", "\u00c4PFEL", "cat"));
        assertEquals("token", lexicon.words().unit());
        assertEquals("0x000-\u00e4", Lexicon.normal("7X\u0663\u09699-\u00c4"), "digits of any script");
    }

    /** All eight are there once; a word that is not, but whose normal form is, has that one's number. */
    @Test void wordsAsTheyStandFallBackToTheirNormalForm() throws IOException {
        Lexicon lexicon = tagging(TWO, "wordForm", "exact");
        assertEquals(List.of("<unk>", "1999", "2024", "Dog", "The", "dog", "ran", "the", "\u00c4pfel"), written(lexicon.words()));
        assertEquals(1, lexicon.words().once());
        assertEquals(List.of(4, 7, 7, 5, 0, 0), ids(lexicon, "The", "the", "THE", "DOG", "1066", "\u00e4pfel"));
    }

    @Test void rareWordsAreLeftOutAndThenNoneIsSeenOnce() throws IOException {
        Lexicon lexicon = tagging(TWO, "minCount", "2");
        assertEquals(List.of("<unk>", "0000", "dog", "the"), written(lexicon.words()));
        assertEquals(4, lexicon.words().once());
        assertEquals(List.of("<unk>", "0000", "dog"), written(tagging(TWO, "maxVocabulary", "3").words()));
        assertTrue(assertThrows(BadInput.class, () -> tagging(TWO, "minCount", "3")).getMessage().startsWith("no token of file:" + dir + "/data.conll is left of 8 with minCount 3"));
    }

    /** Of ran and äpfel, in the places 2 and 3 of two sentences; and in training alone. */
    @Test void wordsSeenOnceAreReadAsUnknownInTraining() throws IOException {
        Settings settings = settings("tagging");
        Lexicon lexicon = tagging(TWO);
        List<List<?>> sentences = List.of(List.of("The", "Dog", "ran", "1999"), List.of("the", "2024", "dog", "\u00c4pfel"));
        for (double rate : new double[] {0, 1, 0.5}) {
            Sequences sequences = lexicon.encode(0, Plan.network(settings, lexicon), sentences, null, rate, 100);
            assertArrayEquals(new int[] {3, 3, 2, 1, 4, 2, 1, 5}, sequences.window(null, 0, 0, null).ids(), "scored");
            int unknown = 0, draws = 400;
            for (int w = 0; w < draws; w++) {
                int[] ids = sequences.window(null, 0, 0, new Draw(1, 0, w)).ids();
                assertArrayEquals(new int[] {3, 3, 2, 1, 2, 1}, new int[] {ids[0], ids[1], ids[2], ids[3], ids[5], ids[6]});
                assertTrue((ids[4] == 4 || ids[4] == 0) && (ids[7] == 5 || ids[7] == 0), Arrays.toString(ids));
                unknown += (ids[4] == 0 ? 1 : 0) + (ids[7] == 0 ? 1 : 0);
            }
            assertEquals(rate * 2 * draws, unknown, 5 * Math.sqrt(rate * (1 - rate) * 2 * draws), "of " + 2 * draws + " at " + rate);
        }
    }

    /** A word of 100 letters, of which the first 32 and the last 32 are read; letters as they stand. */
    @Test void ofALongWordTheFirstAndTheLastCharactersAreRead() throws IOException {
        String word = "A" + "b".repeat(31) + "x".repeat(36) + "c".repeat(31) + "D", brief = "aA";
        Lexicon lexicon = tagging(word + " B-X\n" + brief + " O\n");
        assertEquals(List.of("<unk>", "x", "b", "c", "A", "D", "a"), written(lexicon.characters()));
        Window.Words words = lexicon.encode(0, Plan.network(settings("tagging"), lexicon), List.of(List.of(word, brief, word, "\u00fc")), null, 0, 100).window(null, 0, 0, null).words();
        assertArrayEquals(new int[] {0, 1, 0, 2}, words.of(), "a word is read once");
        assertArrayEquals(new int[] {64, 2, 1}, words.lengths());
        int[] expected = IntStream.range(0, 64).map(k -> k == 0 ? 4 : k < 32 ? 2 : k < 63 ? 3 : 5).toArray();
        assertArrayEquals(expected, IntStream.range(0, 64).map(k -> words.characters()[k * 3]).toArray());
        assertEquals(List.of(6, 4, 0), List.of(words.characters()[1], words.characters()[4], words.characters()[2]));
    }

    @Test void charactersAreReadForTagsUnlessToldOtherwise() throws IOException {
        assertNull(tagging(TWO, "characterHidden", "0").characters());
        String json = "{\"tokens\": [\"a\", \"b\"], \"label\": \"x\"}\n";
        assertNull(lexicon("classification", "data.json", json).characters());
        assertEquals(3, lexicon("classification", "data.json", json, "characterHidden", "2").characters().size());
    }

    /** Recognised as IOB1: of A an entity of two words and one of one, and one of B. Of both there may be any elsewhere. */
    @ParameterizedTest @CsvSource({"iobes, B-A E-A S-A O S-B, B-A B-B E-A E-B I-A I-B O S-A S-B", "iob1, I-A I-A B-A O I-B, B-A B-B I-A I-B O", "iob2, B-A I-A B-A O B-B, B-A B-B I-A I-B O",
            "io, I-A I-A I-A O I-B, I-A I-B O", "data, I-A I-A B-A O I-B, B-A B-B I-A I-B O"})
    void entitiesAreLearntInAnyScheme(String scheme, String expected, String labels) throws IOException {
        String data = "u I-A\nv I-A\nw B-A\nx O\ny I-B\n";
        Lexicon lexicon = tagging(data, "learntScheme", scheme);
        assertEquals(scheme.equals("data") ? TagScheme.IOB1 : TagScheme.valueOf(scheme.toUpperCase(java.util.Locale.ROOT)), lexicon.scheme());
        List<String> tags = List.of(expected.split(" "));
        assertEquals(List.of(labels.split(" ")), lexicon.labels());
        assertEquals(tags, learnt(lexicon, data, "learntScheme", scheme));
    }

    @Test void plainClassesAreLearntAsTheyAre() throws IOException {
        String data = "u N\nv V\nw N\n";
        Lexicon lexicon = tagging(data);
        assertEquals(TagScheme.NONE, lexicon.scheme());
        assertEquals(List.of("N", "V"), lexicon.labels());
        assertEquals(List.of("N", "V", "N"), learnt(lexicon, data));
        assertEquals(Task.TAGGING, lexicon.task());
        assertEquals(2, lexicon.outputs());
    }

    /** IOBES of A alone: B-A=0 E-A=1 I-A=2 O=3 S-A=4. A row of each says what may follow it; then what may be first, and last. */
    @Test void whatTheSchemeForbidsIsNotAllowed() throws IOException {
        Lexicon lexicon = tagging("u B-A\nv E-A\nw O\n", "tagScheme", "iobes");
        String expected = ".EI.." + "B..OS" + ".EI.." + "B..OS" + "B..OS" + "B..OS" + ".E.OS";
        boolean[] allowed = lexicon.allowed();
        assertEquals(expected, IntStream.range(0, allowed.length).mapToObj(n -> allowed[n] ? "BEIOS".substring(n % 5, n % 5 + 1) : ".").collect(Collectors.joining()));
    }

    /** A type of entities of several words alone may have one of a single word elsewhere: its sentence counts. */
    @Test void aTypeHasAllTheLabelsOfItsScheme() throws IOException {
        Lexicon lexicon = tagging("u B-A\nv I-A\nw O\n");
        assertEquals(List.of("B-A", "E-A", "I-A", "O", "S-A"), lexicon.labels());
        assertEquals(List.of("S-A", "O"), learnt(lexicon, "u B-A\nw O\n", "tagScheme", "iob2"));
        assertEquals(List.of("B", "E", "I", "S"), tagging("u B\nv E\nw B\nx E\n", "tagScheme", "iobes").labels(), "nothing is outside there");
    }

    /** With a CRF no label counts where one is not known; a class that is not known does not either. */
    @Test void labelsThatAreNotKnownDoNotCount() throws IOException {
        Lexicon tags = tagging("u N\nv V\n"), classes = lexicon("classification", "data.json", "{\"tokens\": [\"u\"], \"label\": \"x\"}\n{\"tokens\": [\"u\"], \"label\": 7}\n");
        List<List<?>> two = List.of(List.of("u", "v"), List.of("u", "v"));
        Window window = tags.encode(0, Plan.network(settings("tagging"), tags), two, List.of(List.of("N", "V"), List.of("N", "ADV")), 0, 100).window(null, 0, 0, null);
        assertArrayEquals(new int[] {0, -1, 1, -1}, window.targets());
        assertEquals(2, window.tokens());
        assertEquals(List.of("7", "x"), classes.labels());
        window = classes.encode(0, Plan.network(settings("classification"), classes), two, List.of("x", "z"), 0, 100).window(null, 0, 0, null);
        assertArrayEquals(new int[] {1, -1}, window.targets());
        assertEquals(1, window.tokens());
    }

    @Test void featuresAreRowsOfTheWidthThatIsLearnt() throws IOException {
        Lexicon lexicon = lexicon("classification", "data.json", "{\"features\": [[1, 2, 3], [4, 5, 6.5]], \"label\": \"x\"}\n{\"features\": [[0, 0, 0]], \"label\": \"y\"}\n");
        assertEquals(3, lexicon.features());
        assertNull(lexicon.words());
        assertNull(lexicon.characters());
        Window window = lexicon.encode(0, Plan.network(settings("classification"), lexicon), List.of(List.of(List.of(1, 2, 3), List.of(4, 5, 6.5))), null, 0, 100).window(null, 0, 0, null);
        assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6.5f}, window.features());
        String message = assertThrows(BadInput.class, () -> lexicon.encode(0, Plan.network(settings("classification"), lexicon), List.of(List.of(List.of(1, 2))), null, 0, 100)).getMessage();
        assertEquals("a sequence has vectors of 2 numbers, expected 3, as the model reads; check the column", message);
    }

    @Test void numbersToPredictAreOneOrSeveral() throws IOException {
        Lexicon one = lexicon("regression", "data.json", "{\"tokens\": [\"u\"], \"label\": 0.5}\n");
        assertEquals(1, one.outputs());
        assertEquals(List.of(), one.labels());
        Window window = one.encode(0, Plan.network(settings("regression"), one), List.of(List.of("u")), List.of(0.5), 0, 100).window(null, 0, 0, null);
        assertArrayEquals(new float[] {0.5f}, window.values());
        Lexicon three = lexicon("regression", "data.json", "{\"tokens\": [\"u\"], \"values\": [1, 2, 3.5]}\n", "valuesColumn", "values");
        assertEquals(3, three.outputs());
        window = three.encode(0, Plan.network(settings("regression"), three), List.of(List.of("u")), List.of(List.of(1, 2, 3.5)), 0, 100).window(null, 0, 0, null);
        assertArrayEquals(new float[] {1, 2, 3.5f}, window.values());
        assertArrayEquals(new int[] {0}, window.targets());
    }

    @Test void whatDiffersHasAnotherChecksum() throws IOException {
        String data = "u B-A\nv I-A\nw O\n";
        List<String> sums = new ArrayList<>();
        for (String[] settings : new String[][] {{}, {"wordForm", "exact"}, {"learntScheme", "iob2"}, {"characterHidden", "0"}}) sums.add(tagging(data, settings).checksum());
        sums.add(tagging("u B-A\nx I-A\nw O\n").checksum());
        assertEquals(sums.size(), sums.stream().distinct().count(), sums.toString());
        assertEquals(sums.get(0), tagging(data).checksum());
        assertNotEquals(sums.get(0), tagging("u B-B\nv I-B\nw O\n").checksum());
    }

    private Lexicon tagging(String data, String... settings) throws IOException {
        return lexicon("tagging", "data.conll", data, settings);
    }

    private Lexicon lexicon(String task, String name, String data, String... given) throws IOException {
        Settings settings = settings(task, given);
        try (Examples examples = read(name, data, settings)) {
            return Lexicon.count(examples, settings);
        }
    }

    private Examples read(String name, String data, Settings settings) throws IOException {
        return Examples.read(sc, Files.writeString(dir.resolve(name), data).toString(), Task.of(settings).target(settings), settings, note -> { });
    }

    /** The labels that a network is to say of the first sequence. */
    private List<String> learnt(Lexicon lexicon, String data, String... given) throws IOException {
        Settings settings = settings("tagging", given);
        try (Examples examples = read("data.conll", data, settings)) {
            Network network = Plan.network(settings, lexicon);
            Sequences sequences = examples.parts(1).map(part -> part.encode(lexicon, network, 0, 100)).first();
            return lexicon.names(sequences.window(null, 0, 0, null).targets());
        }
    }

    private static Settings settings(String task, String... given) {
        Map<String, String> all = new HashMap<>(Map.of("task", task, "hidden", "2", "embedding", "2"));
        for (int i = 0; i < given.length; i += 2) all.put(given[i], given[i + 1]);
        return Settings.of(all);
    }

    private static List<Integer> ids(Lexicon lexicon, String... words) {
        return Arrays.stream(words).map(lexicon::id).toList();
    }

    /** As a model keeps them. */
    private static List<String> written(Vocabulary vocabulary) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            vocabulary.write(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toString(StandardCharsets.UTF_8).lines().toList();
    }
}
