package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Tokens;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.driver.scoring.Evaluation;

/** Training that goes on from a trained model, on real local Spark. */
class WarmStartTest {
    private static final String[] TEXT = {"unit", "word", "hidden", "8", "embedding", "6", "layers", "1", "batch", "2", "seqLen", "8", "epochs", "2", "validation", "0", "learningRate", "0.05"};
    @TempDir Path dir;
    private JavaSparkContext sc;

    @BeforeEach void start() throws IOException {
        sc = spark(2);
        Files.writeString(dir.resolve("old.txt"), lines("abcd", 1));
        Files.writeString(dir.resolve("new.txt"), lines("abcdxyz", 2));
    }

    @AfterEach void stop() {
        sc.close();
    }

    private static JavaSparkContext spark(int cores) {
        return new JavaSparkContext(new SparkConf(false).setMaster("local[" + cores + "]").setAppName("WarmStartTest").set("spark.ui.enabled", "false").set("spark.driver.host", "127.0.0.1"));
    }

    private static String lines(String words, int seed) {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder text = new StringBuilder();
        for (int line = 0; line < 60; line++) {
            for (int word = 0; word < 6; word++) text.append(words.charAt(random.nextInt(words.length()))).append(' ');
            text.append('\n');
        }
        return text.toString();
    }

    /** Steps of size nothing: the model is the old one, grown. Over the tokens that both know it is as good to the rounding of a float. */
    @Test void idsStayAndTheGrownModelStartsFromWhatTheOldOneKnows() {
        Model old = train("old.txt", "old", TEXT);
        Model grown = train("new.txt", "new", with(TEXT, "warmStart", dir.resolve("old").toString(), "learningRate", "1e-12", "epochs", "1"));
        assertEquals(6, old.network().vocab(), "<unk>, <eos>, a, b, c, d");
        assertEquals(9, grown.network().vocab());
        for (String word : "a b c d <eos>".split(" ")) assertEquals(old.lexicon().id(word), grown.lexicon().id(word), word);
        for (String word : "x y z".split(" ")) assertTrue(grown.lexicon().id(word) >= 6, word);
        Settings settings = settings("new.txt", "none", TEXT);
        String text = dir.resolve("new.txt").toString();
        Evaluation before = Evaluation.of(sc, old, text, old.lexicon(), settings, note -> { }), after = Evaluation.of(sc, grown, text, old.lexicon(), settings, note -> { });
        assertEquals(before.targets(), after.targets());
        assertEquals(before.loss(), after.loss(), 1e-6);
        long all = Evaluation.of(sc, grown, text, settings, note -> { }).targets();
        assertTrue(before.targets() < all && before.targets() > all / 2, before.targets() + " of " + all);
        assertEquals(Files.exists(dir.resolve("new/model.json")), true);
    }

    @Test void itLearnsWhatIsNewAndIsTheSameOnOneCoreAndOnTwo() {
        train("old.txt", "old", TEXT);
        String[] all = with(TEXT, "warmStart", dir.resolve("old").toString(), "epochs", "8", "shards", "2", "history", dir.resolve("old.txt").toString(), "historyShare", "0.25");
        Model two = train("new.txt", "two", all);
        sc.close();
        sc = spark(1);
        Model one = train("new.txt", "one", all);
        assertArrayEquals(one.parameters(), two.parameters());
        Settings settings = settings("new.txt", "none", TEXT);
        Model old = Model.load(dir.resolve("old").toString(), sc.hadoopConfiguration());
        double before = Evaluation.of(sc, old, dir.resolve("new.txt").toString(), old.lexicon(), settings, note -> { }).loss();
        double after = Evaluation.of(sc, one, dir.resolve("new.txt").toString(), settings, note -> { }).loss();
        assertTrue(after < 2.05, "of 7 words and a line's end at its place a sentence has ln 7 * 6 / 7 = 1.67 nats a token, a guess of 9 2.20: " + after + ", before " + before);
    }

    @Test void historyIsAShareOfWhatIsLearnt() throws IOException {
        Files.writeString(dir.resolve("long.txt"), "history " .repeat(5).concat("\n").repeat(1) + distinct(4000));
        for (double share : new double[] {0.2, 0.5}) {
            try (Corpus corpus = Corpus.read(sc, settings("new.txt", "none", with(TEXT, "history", dir.resolve("long.txt").toString(), "historyShare", "" + share)), note -> { });
                    Corpus own = Corpus.read(sc, settings("new.txt", "none", TEXT), note -> { })) {
                double characters = ((Tokens) corpus.training()).characters(), ours = ((Tokens) own.training()).characters();
                // some 70 lines or more are drawn, each by itself: 4 standard deviations of their number are less than half of it
                assertEquals(share, (characters - ours) / characters, share / 2.5);
            }
        }
    }

    /** Of history's 4890 characters texts of 2430 and 2432 draw half: by hashes of their own, so that two draws have half of their lines in common. */
    @Test void ofTheSameHistoryOtherLinesAreLearntWithAnotherText() throws IOException {
        Files.writeString(dir.resolve("history.txt"), IntStream.range(0, 1000).mapToObj(line -> "h" + line + "\n").collect(Collectors.joining()));
        List<Set<String>> drawn = new ArrayList<>();
        for (String more : List.of("", "", "b\n")) {
            Files.writeString(dir.resolve("night.txt"), "aaaa bbb\n".repeat(270) + more);
            String[] all = with(TEXT, "history", dir.resolve("history.txt").toString(), "historyShare", "0.5", "maxVocabulary", "5000");
            try (Corpus corpus = Corpus.read(sc, settings("night.txt", "none", all), note -> { })) {
                drawn.add(IntStream.range(0, 1000).mapToObj(line -> "h" + line).filter(word -> corpus.lexicon().id(word) != Vocabulary.UNKNOWN).collect(Collectors.toSet()));
            }
        }
        assertEquals(drawn.get(0), drawn.get(1), "a function of the data");
        Set<String> both = new TreeSet<>(drawn.get(0));
        both.retainAll(drawn.get(2));
        assertEquals(0.5, both.size() / (double) drawn.get(0).size(), 0.1, "of 500 lines, four standard deviations");
    }

    private static String distinct(int lines) {
        StringBuilder text = new StringBuilder();
        for (int line = 0; line < lines; line++) text.append("line ").append(line).append('\n');
        return text.toString();
    }

    @Test void aTaggerGetsNewLabelsAfterItsOwn() throws IOException {
        Files.writeString(dir.resolve("old.conll"), "a B-X\nb O\n\n".repeat(40));
        Files.writeString(dir.resolve("new.conll"), "a B-X\nc B-W\nb O\n\n".repeat(40));
        String[] tagging = {"task", "tagging", "hidden", "6", "embedding", "4", "layers", "1", "characterHidden", "3", "epochs", "4", "validation", "0", "learningRate", "0.02"};
        Model old = train("old.conll", "old", tagging), grown = train("new.conll", "new", "warmStart", dir.resolve("old").toString(), "epochs", "30", "validation", "0", "learningRate", "0.05");
        assertEquals(old.lexicon().labels(), grown.lexicon().labels().subList(0, old.lexicon().labels().size()));
        assertTrue(grown.lexicon().labels().containsAll(java.util.List.of("S-W", "S-X", "O")), grown.lexicon().labels().toString());
        assertEquals(1, Evaluation.of(sc, grown, dir.resolve("new.conll").toString(), settings("new.conll", "none", tagging), note -> { }).entities().overall().f1());
    }

    @Test void whatContradictsTheModelIsRefused() {
        train("old.txt", "old", TEXT);
        String old = dir.resolve("old").toString();
        says("hidden is 9, but that of the model in " + old + ", which warmStart goes on from, is 8", "warmStart", old, "unit", "word", "hidden", "9");
        says("vectors is v.txt, but warmStart is", "warmStart", old, "vectors", "v.txt");
        says("there is no directory", "warmStart", dir.resolve("none").toString());
    }

    private void says(String expected, String... settings) {
        String message = assertThrows(BadInput.class, () -> train("new.txt", "refused", settings)).getMessage();
        assertTrue(message.contains(expected), message);
    }

    /** A checkpoint of a training from another model is none of this one. */
    @Test void anotherModelIsAnotherTraining() {
        train("old.txt", "old", TEXT);
        train("old.txt", "other", with(TEXT, "seed", "2"));
        String[] from = with(TEXT, "warmStart", dir.resolve("old").toString());
        assertThrows(IllegalStateException.class, () -> new Trainer(sc, settings("new.txt", "cut", from), new Silent() {
            @Override public void epoch(Epoch epoch, Model model) {
                throw new IllegalStateException("stopped");
            }
        }).train());
        assertThrows(IllegalStateException.class, () -> new Trainer(sc, settings("new.txt", "cut", from), new Silent() {
            @Override public void epoch(Epoch epoch, Model model) {
                if (epoch.number() == 2) throw new IllegalStateException("stopped after a checkpoint");
            }
        }).train());
        String message = assertThrows(BadInput.class, () -> train("new.txt", "cut", with(TEXT, "warmStart", dir.resolve("other").toString()))).getMessage();
        assertTrue(message.contains("start="), message);
        Model resumed = train("new.txt", "cut", from);
        assertArrayEquals(train("new.txt", "whole", from).parameters(), resumed.parameters());
        assertNotEquals(Model.load(dir.resolve("old").toString(), sc.hadoopConfiguration()).checksum(), resumed.checksum());
    }

    private Model train(String input, String output, String... settings) {
        return new Trainer(sc, settings(input, output, settings), new Silent()).train();
    }

    private Settings settings(String input, String output, String... pairs) {
        Map<String, String> all = new HashMap<>(Map.of("input", dir.resolve(input).toString(), "output", dir.resolve(output).toString()));
        for (int i = 0; i < pairs.length; i += 2) all.put(pairs[i], pairs[i + 1]);
        return Settings.of(all);
    }

    private static String[] with(String[] settings, String... more) {
        String[] all = java.util.Arrays.copyOf(settings, settings.length + more.length);
        System.arraycopy(more, 0, all, settings.length, more.length);
        return all;
    }
}
