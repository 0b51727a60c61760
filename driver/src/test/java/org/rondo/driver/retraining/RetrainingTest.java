package org.rondo.driver.retraining;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.registry.Entry;
import org.rondo.driver.registry.Lease;
import org.rondo.driver.registry.Registry;
import org.rondo.driver.registry.Version;
import org.rondo.driver.rounds.Plan;
import org.rondo.driver.rounds.Progress;

/** Nights of a language model, on real local Spark. */
class RetrainingTest {
    private static JavaSparkContext sc;
    @TempDir Path dir;
    private final List<String> said = new ArrayList<>();
    private int epochs;
    private Entry entry;

    @BeforeAll static void start() {
        sc = new JavaSparkContext(new SparkConf(false).setMaster("local[2]").setAppName("RetrainingTest").set("spark.ui.enabled", "false").set("spark.driver.host", "127.0.0.1"));
    }

    @AfterAll static void stop() {
        sc.close();
    }

    /** In every text a word is followed by the next of its words, but for one in ten. */
    @BeforeEach void write() throws IOException {
        text("holdout", "abcdef", 9, 60);
        text("one", "abcdef", 1, 60);
        text("two", "abcdef", 2, 120);
        text("backwards", "fedcba", 3, 120);
        text("foreign", "uvwxyz", 4, 60);
        Files.writeString(dir.resolve("empty"), "");
        entry = Registry.open(dir.resolve("R").toString(), sc.hadoopConfiguration()).entry("lm");
    }

    private void text(String name, String words, int seed, int lines) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder text = new StringBuilder();
        for (int line = 0, at = 0; line < lines; line++) {
            for (int word = 0; word < 10; word++) {
                at = random.nextInt(10) == 0 ? random.nextInt(words.length()) : (at + 1) % words.length();
                text.append(words.charAt(at)).append(' ');
            }
            text.append('\n');
        }
        Files.writeString(dir.resolve(name), text);
    }

    @Test void aNightIsPromotedOnlyIfItIsBetter() {
        Retraining.Outcome first = night("one");
        assertTrue(first.promoted());
        assertEquals("the first version", first.facts().path("reason").asText());
        assertTrue(night("two").promoted(), "more of the same");
        Retraining.Outcome worse = night("backwards");
        assertFalse(worse.promoted());
        assertTrue(worse.facts().path("reason").asText().endsWith(": not better"), worse.facts().toString());
        assertEquals(2, worse.facts().path("parent").asInt());
        assertTrue(worse.facts().path("value").asDouble() > worse.facts().path("champion").asDouble());
        assertEquals(2, entry.current().orElseThrow().version());
        assertEquals(List.of(Version.State.REJECTED, Version.State.CURRENT, Version.State.PREVIOUS), entry.versions().stream().map(Version::state).toList());
    }

    /** Registry, data, holdout and history on a HDFS: a name node and a data node in this JVM, spoken to over sockets. */
    @Test void nightsOnHdfsArePromoted() throws IOException {
        Configuration conf = new Configuration();
        conf.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, dir.resolve("hdfs").toString());
        try (MiniDFSCluster cluster = new MiniDFSCluster.Builder(conf).numDataNodes(1).build()) {
            String root = cluster.getFileSystem().getUri() + "/";
            for (String name : List.of("one", "two", "holdout"))
                cluster.getFileSystem().copyFromLocalFile(new org.apache.hadoop.fs.Path(dir.resolve(name).toString()), new org.apache.hadoop.fs.Path(root + name));
            entry = Registry.open(root + "R", sc.hadoopConfiguration()).entry("lm");
            assertTrue(night("one", "registry", root + "R", "newData", root + "one", "holdout", root + "holdout").promoted());
            Retraining.Outcome second = night("two", "registry", root + "R", "newData", root + "two", "holdout", root + "holdout", "history", root + "one");
            assertTrue(second.promoted(), second.facts().toString());
            assertEquals(2, entry.current().orElseThrow().version());
            assertTrue(entry.directory(2).toString().startsWith("hdfs://"), entry.directory(2).toString());
            assertTrue(model(2).parameters().length > 0);
            assertFalse(Files.exists(dir.resolve("R")), "nothing on the local disk");
        }
    }

    @Test void theSameNightAgainFindsItsOwnResult() {
        night("one");
        Retraining.Outcome second = night("two"), rejected = night("backwards");
        epochs = 0;
        assertEquals(second.facts().toString(), night("two").facts().toString());
        assertEquals(rejected.facts().toString(), night("backwards").facts().toString());
        assertEquals(0, epochs, "nothing is trained again");
        assertEquals(3, entry.versions().size());
        assertEquals(2, entry.current().orElseThrow().version());
        entry.rollback(Optional.empty(), "by hand");
        assertTrue(night("two").promoted(), "its verdict stands");
        assertEquals(1, entry.current().orElseThrow().version(), "but who went back knew better");
    }

    @Test void killedInTrainingItGoesOnInTheSameVersion() {
        night("one");
        assertThrows(Stop.class, () -> new Retraining(sc, settings("two"), new Heard() {
            @Override public void epoch(Epoch epoch, Model model) {
                if (epoch.number() == 3) throw new Stop();
            }
        }).run());
        assertEquals(Version.State.UNFINISHED, entry.versions().get(0).state());
        Retraining.Outcome whole = night("two");
        assertEquals(2, whole.facts().path("number").asInt());
        assertTrue(said.stream().anyMatch(note -> note.startsWith("resuming from the checkpoint")), said.toString());
        float[] resumed = model(2).parameters();
        entry = Registry.open(dir.resolve("other").toString(), sc.hadoopConfiguration()).entry("lm");
        night("one", "registry", dir.resolve("other").toString());
        night("two", "registry", dir.resolve("other").toString());
        assertArrayEquals(model(2).parameters(), resumed);
    }

    /** As if killed in between: the newest pointer was not written yet. */
    @Test void killedBetweenVerdictAndPointerItMovesThePointer() throws IOException {
        night("one");
        night("two");
        try (Stream<Path> pointers = Files.list(dir.resolve("R/lm/current"))) {
            for (Path file : pointers.filter(path -> path.getFileName().toString().contains("2.json")).toList()) Files.delete(file);
        }
        assertEquals(1, entry.current().orElseThrow().version());
        epochs = 0;
        assertTrue(night("two").promoted());
        assertEquals(0, epochs);
        assertEquals(2, entry.current().orElseThrow().version());
    }

    @Test void killedBeforeTheVerdictItDoesNotTrainAgain() throws IOException {
        night("one");
        night("two");
        Files.delete(dir.resolve("R/lm/versions/2/version.json"));
        try (Stream<Path> pointers = Files.list(dir.resolve("R/lm/current"))) {
            for (Path file : pointers.filter(path -> path.getFileName().toString().contains("2.json")).toList()) Files.delete(file);
        }
        epochs = 0;
        assertTrue(night("two").promoted());
        assertEquals(0, epochs);
        assertEquals(2, entry.versions().size());
    }

    @Test void whatCannotBeLearntFromChangesNothing() {
        night("one");
        says("no text in", "empty");
        says("share of unknown tokens is", "foreign");
        says("expected at least 5000 (leastTokens)", "two", "leastTokens", "5000");
        says("there is no", "missing");
        says("guards is 'loss'", "two", "guards", "loss");
        says("guards has accuracy, which is no figure of these models of language-model", "two", "guards", "accuracy:0.1");
        says("unknownLimits is '1'", "two", "unknownLimits", "1");
        says("hidden is 5, but that of the model", "two", "hidden", "5");
        says("there is no", "two", "holdout", dir.resolve("nowhere").toString());
        says("expected data that no version learns from", "holdout");
        says("expected data that no version learns from", "two", "history", dir.resolve("holdout").toString());
        says("learningRate", "two", "learningRate", "none");
        assertEquals(1, entry.versions().size());
        assertEquals(1, entry.current().orElseThrow().version());
    }

    @Test void theFirstNightIsCheckedToo() {
        says("guards has accuracy, which is no figure", "one", "guards", "accuracy:0.1");
        says("lengthLimits is 'x,1'", "one", "lengthLimits", "x,1");
        says("there is no", "one", "holdout", dir.resolve("nowhere").toString());
        says("no text in", "empty");
        assertEquals(0, entry.versions().size());
        for (int run = 0; run < 2; run++) says("the new data have 660 tokens, expected at least 700", "one", "leastTokens", "700");
        assertTrue(entry.current().isEmpty());
    }

    /** What is given as auto is no contradiction, and a metric is the holdout's where nothing else is held out. */
    @Test void theSameCommandServesEveryNight() {
        assertTrue(night("one", "directions", "auto", "metric", "loss", "characterHidden", "auto").promoted());
        Retraining.Outcome second = night("two", "directions", "auto", "metric", "loss", "characterHidden", "auto");
        assertTrue(second.promoted());
        assertEquals("loss", second.facts().path("metric").asText());
    }

    /** It was found better than a champion that is none any more: whether it is better than the new one nobody knows. */
    @Test void aVerdictOnAnotherChampionIsOfNoUse() throws IOException {
        night("one");
        night("two");
        try (Stream<Path> pointers = Files.list(dir.resolve("R/lm/current"))) {
            for (Path file : pointers.filter(path -> path.getFileName().toString().contains("2.json")).toList()) Files.delete(file);
        }
        int imported = entry.add(entry.directory(1).toString());
        entry.promote(imported, "by hand");
        Retraining.Outcome again = night("two");
        assertEquals(imported + 1, again.facts().path("number").asInt());
        assertEquals(imported, again.facts().path("parent").asInt());
        assertEquals(again.promoted() ? imported + 1 : imported, entry.current().orElseThrow().version());
    }

    @Test void theSecondAtOnceIsToldOfTheFirst() {
        night("one");
        try (Lease held = entry.lease("retrain of somebody else", Duration.ofMinutes(1))) {
            says("retrain of somebody else", "two");
            held.check();
        }
        assertTrue(night("two").promoted());
    }

    private void says(String expected, String data, String... more) {
        String message = assertThrows(BadInput.class, () -> night(data, more)).getMessage();
        assertTrue(message.contains(expected), message);
    }

    private Model model(int version) {
        return Model.load(entry.directory(version).toString(), sc.hadoopConfiguration());
    }

    private Retraining.Outcome night(String data, String... more) {
        return new Retraining(sc, settings(data, more), new Heard()).run();
    }

    private Settings settings(String data, String... more) {
        Map<String, String> all = new HashMap<>(Map.of("registry", dir.resolve("R").toString(), "name", "lm", "newData", dir.resolve(data).toString(), "holdout", dir.resolve("holdout").toString(),
                "unit", "word", "hidden", "12", "embedding", "8", "layers", "1", "batch", "2"));
        all.putAll(Map.of("seqLen", "10", "epochs", "4", "validation", "0", "learningRate", "0.01", "leastTokens", "100"));
        for (int i = 0; i < more.length; i += 2) all.put(more[i], more[i + 1]);
        return Settings.of(all);
    }

    private static final class Stop extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private class Heard implements Progress {
        @Override public void begin(Plan plan, long firstRound, long tokens) { }

        @Override public void round(Round round) { }

        @Override public void epoch(Epoch epoch, Model model) {
            epochs++;
        }

        @Override public void note(String message) {
            said.add(message);
        }
    }
}
