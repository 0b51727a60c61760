package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.serializer.SerializerInstance;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Registrator;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Shards;
import org.rondo.driver.scoring.Evaluation;
import org.rondo.driver.scoring.Metric;
import org.rondo.kernels.Draw;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Window;

/** Training on labelled sequences, on real local Spark: rules are learnt, and the model is a function of data, plan and seed. */
class LabelledTrainingTest {
    @TempDir static Path data;
    @TempDir Path dir;

    /** In sentences of 3 to 8 words, p and q are of an entity A and r of an entity B; those of new.conll and held.conll begin with a capital where they are of
     *  an entity and are words that nothing else is. In sequences to classify the first word or the first number decides, and numbers to
     *  predict are how many are a, and how many b. */
    @BeforeAll static void write() throws IOException {
        SplittableRandom random = new SplittableRandom(7);
        StringBuilder tagged = new StringBuilder(), unseen = new StringBuilder(), classes = new StringBuilder(), features = new StringBuilder(), numbers = new StringBuilder();
        for (int s = 0; s < 240; s++) {
            int length = 3 + random.nextInt(6);
            char before = 'O';
            for (int t = 0; t < length; t++) {
                int word = random.nextInt(7);
                char type = "OOOOAAB".charAt(word);
                String tag = type == 'O' ? "O" : (type == before ? "I-" : "B-") + type;
                tagged.append("stuvpqr".charAt(word)).append(' ').append(tag).append('\n');
                boolean capital = random.nextInt(3) == 0;
                unseen.append(capital ? 'X' : 'x').append(Long.toString(random.nextLong(1L << 40), 36).replaceAll("[0-9]", "")).append(capital ? " NAME\n" : " WORD\n");
                before = type;
            }
            tagged.append('\n');
            unseen.append('\n');
            if (s == 179) Files.writeString(data.resolve("new.conll"), unseen);
            if (s == 179) unseen.setLength(0);
            int[] words = random.ints(length, 0, 4).toArray();
            classes.append(json("tokens", words, w -> "\"" + "abcd".charAt(w) + "\"")).append(", \"label\": \"").append("first " + "abcd".charAt(words[0])).append("\"}\n");
            features.append(json("features", words, w -> "[" + (w - 1.5) + ", " + random.nextInt(3) + "]")).append(", \"label\": \"").append(words[0] < 2 ? "low" : "high").append("\"}\n");
            long a = Arrays.stream(words).filter(w -> w == 0).count(), b = Arrays.stream(words).filter(w -> w == 1).count();
            numbers.append(json("tokens", words, w -> "\"" + "abcd".charAt(w) + "\"")).append(", \"label\": " + a + ", \"values\": [" + a + ", " + b / 2.0 + "]}\n");
        }
        Files.writeString(data.resolve("tagged.conll"), tagged);
        Files.writeString(data.resolve("held.conll"), unseen);
        Files.writeString(data.resolve("classes.json"), classes);
        Files.writeString(data.resolve("features.json"), features);
        Files.writeString(data.resolve("numbers.json"), numbers);
    }

    private static String json(String column, int[] steps, Function<Integer, String> step) {
        return "{\"" + column + "\": [" + Arrays.stream(steps).boxed().map(step).collect(Collectors.joining(", ")) + "]";
    }

    /** Forward alone no word knows whether the next one is of its entity, as IOBES must. */
    @ParameterizedTest @CsvSource({"crf, both, iobes, 2", "softmax, both, iobes, 0", "crf, forward, iob2, 0"})
    void aTaggerLearnsARule(String head, String directions, String scheme, String characters) {
        Evaluation held = learnt("tagged.conll", "tagging", "head", head, "directions", directions, "learntScheme", scheme, "characterHidden", characters, "characterEmbedding", "3");
        assertTrue(held.entities().overall().f1() >= 0.99, held.table());
        assertTrue(held.loss() < 0.1, "loss " + held.loss());
    }

    /** Every word is there once: only its characters tell what it is. */
    @ParameterizedTest @ValueSource(strings = {"crf", "softmax"})
    void wordsThatWereNeverSeenAreKnownByTheirCharacters(String head) {
        String[] settings = {"head", head, "wordForm", "exact", "validation", data.resolve("held.conll").toString(), "characterEmbedding", "4"};
        double with = learnt("new.conll", "tagging", with(settings, "characterHidden", "4", "unknownRate", "1")).classes().accuracy();
        double without = learnt("new.conll", "tagging", with(settings, "characterHidden", "0", "minCount", "1", "unknownRate", "1")).classes().accuracy();
        assertTrue(with >= 0.99, "with characters " + with);
        assertTrue(without < 0.8, "two of three words are no names: without characters " + without);
    }

    @ParameterizedTest @CsvSource({"classes.json, both", "classes.json, forward", "features.json, both"})
    void aClassifierLearnsARule(String file, String directions) {
        Evaluation held = learnt(file, "classification", "directions", directions);
        assertTrue(held.classes().accuracy() >= 0.97, held.table());
    }

    @ParameterizedTest @ValueSource(strings = {"label", "values"})
    void aRegressionLearnsARule(String column) {
        Evaluation held = learnt("numbers.json", "regression", column.equals("values") ? new String[] {"valuesColumn", "values"} : new String[0]);
        assertTrue(held.values().rSquared() > 0.95, held.table());
        assertEquals((column.equals("values") ? 2 : 1) * held.targets(), held.values().count());
        assertEquals(held.values().meanSquaredError(), held.loss(), 1e-5 * held.loss());     // of floats, summed in another order
    }

    /** Which costs log n of n labels: initial logits are within a few tenths of each other. */
    @ParameterizedTest @CsvSource({"tagged.conll, tagging, crf, 9", "tagged.conll, tagging, softmax, 9", "classes.json, classification, auto, 4", "features.json, classification, auto, 2"})
    void anUntrainedNetworkGuesses(String file, String task, String head, int labels) throws IOException {
        Map<Integer, Double> losses = new HashMap<>();
        Model model = train("local[1]", file, "guess", new Silent() {
            @Override public void epoch(Epoch epoch, Model model) {
                losses.put(epoch.number(), epoch.validation());
            }
        }, "task", task, "head", head, "learningRate", "1e-12", "epochs", "1");
        assertEquals(labels, model.lexicon().labels().size());
        assertEquals(Math.log(labels), losses.get(1), 0.25 * Math.log(labels));
    }

    /** Four shards, of which the longest has a sequence more; and more shards than the executors have cores. */
    @ParameterizedTest @CsvSource({"1, gradients", "4, gradients", "4, parameters"})
    void sameBitsWhateverTheExecutors(String shards, String averaging) throws IOException {
        String[] all = {"shards", shards, "averaging", averaging, "windowsPerRound", "3", "epochs", "2", "dropout", "0.2", "batchTokens", "120", "characterHidden", "2"};
        byte[] one = bytes("local[1]", "one", all);
        assertArrayEquals(one, bytes("local[2]", "two", all));
        assertFalse(Arrays.equals(one, bytes("local[2]", "seed", with(all, "seed", "2"))));
    }

    /** Two sequences for three shards: one has none, and its replica no step. */
    @Test void aShardMayHaveNoSequence() throws IOException {
        Path two = Files.writeString(dir.resolve("two.conll"), "p B-A\ns O\n\nr B-B\n");
        for (String averaging : List.of("gradients", "parameters")) {
            String[] all = {"input", two.toString(), "validation", "0", "shards", "3", "averaging", averaging, "epochs", "2"};
            assertArrayEquals(bytes("local[1]", "one" + averaging, all), bytes("local[2]", "two" + averaging, all));
        }
    }

    /** Stopped within epochs, and as one is told, before its checkpoint; there is a best epoch to remember, and how long ago it was. */
    @ParameterizedTest @CsvSource({"gradients, 1", "parameters, 2"})
    void aTrainingThatIsStoppedGoesOnToTheSameBits(String averaging, String shards) throws IOException {
        String[] all = {"shards", shards, "averaging", averaging, "windowsPerRound", "2", "outerOptimizer", "mean", "epochs", "30", "stopAfter", "2", "checkpointEvery", "3", "batchTokens", "150", "dropout", "0.2",
                "learningRate", "0.05", "emaDecay", "0.5"};
        List<String> told = new ArrayList<>();
        List<Double> figures = new ArrayList<>();
        List<Integer> epochs = new ArrayList<>();
        train("local[2]", "tagged.conll", "whole", new Silent() {
            @Override public void round(Round round) {
                epochs.add(round.epoch());
            }

            @Override public void epoch(Epoch epoch, Model model) {
                figures.add(epoch.value());
            }

            @Override public void note(String message) {
                told.add(message);
            }
        }, all);
        int kept = 1 + IntStream.range(0, figures.size()).reduce(0, (best, e) -> figures.get(e) > figures.get(best) ? e : best);
        assertEquals(kept + 2, figures.size(), "two epochs after the best: " + figures);
        assertTrue(kept > 1 && figures.size() < 30, figures.toString());
        assertTrue(told.contains("stopping after epoch " + figures.size() + ": f1 has not been better for 2 epochs"), told.toString());
        for (int stop : new int[] {kept, kept + 1}) {
            long second = IntStream.range(0, epochs.size()).filter(round -> epochs.get(round) == stop).skip(1).findFirst().orElseThrow();
            stops("stopped", new Silent() {
                @Override public void round(Round round) {
                    if (round.number() >= second) throw new Stop();
                }
            }, all);
            stops("stopped", new Silent() {
                @Override public void epoch(Epoch epoch, Model model) {
                    if (epoch.number() >= stop) throw new Stop();
                }
            }, all);
        }
        train("local[1]", "tagged.conll", "stopped", new Silent(), all);
        assertArrayEquals(bytes("whole"), bytes("stopped"));
        assertEquals(provenance("whole").get("epochs"), provenance("stopped").get("epochs"));
        assertEquals(kept, provenance("whole").get("keptEpoch").asInt());
        assertEquals(kept, provenance("stopped").get("keptEpoch").asInt());
    }

    private void stops(String output, Progress progress, String... settings) {
        assertThrows(Stop.class, () -> train("local[2]", "tagged.conll", output, progress, settings));
        assertFalse(Files.exists(dir.resolve(output).resolve("model.json")));
    }

    /** By f1 for entities; with the figure in model.json, and the weights that were told of then. */
    @ParameterizedTest @CsvSource({"auto, F1", "accuracy, ACCURACY", "loss, LOSS"})
    void theModelOfTheBestEpochIsKept(String metric, Metric figure) throws IOException {
        List<Double> values = new ArrayList<>();
        List<float[]> models = new ArrayList<>();
        Model kept = train("local[2]", "tagged.conll", "best", new Silent() {
            @Override public void epoch(Epoch epoch, Model model) {
                values.add(figure == Metric.LOSS ? -epoch.validation() : epoch.value());
                models.add(model.parameters().clone());
            }
        }, "metric", metric, "epochs", "8", "learningRate", "0.3", "averaging", "parameters", "windowsPerRound", "1000");
        int best = IntStream.range(0, values.size()).reduce(0, (b, e) -> values.get(e) > values.get(b) ? e : b);
        assertArrayEquals(models.get(best), kept.parameters(), "epoch " + (best + 1) + " of " + values);
        assertArrayEquals(models.get(best), saved("best").parameters());
        assertEquals(best + 1, provenance("best").get("keptEpoch").asInt());
        if (figure != Metric.LOSS) assertEquals(values.get(best), provenance("best").get("epochs").get(best).get(figure.key()).asDouble());
        assertEquals(8, values.size());
    }

    @Test void withoutAMetricTheLastModelIsKept() throws IOException {
        float[][] last = new float[1][];
        Model kept = train("local[2]", "tagged.conll", "last", new Silent() {
            @Override public void epoch(Epoch epoch, Model model) {
                last[0] = model.parameters().clone();
            }
        }, "metric", "none", "epochs", "3", "learningRate", "0.3", "averaging", "parameters", "windowsPerRound", "1000");
        assertArrayEquals(last[0], kept.parameters());
        assertFalse(provenance("last").has("keptEpoch"));
    }

    /** The shards are written as well, as where there is no room for them in memory. */
    @ParameterizedTest @ValueSource(strings = {"org.apache.spark.serializer.KryoSerializer", "org.apache.spark.serializer.JavaSerializer"})
    void theSerializerLeavesNoTrace(String serializer) throws IOException {
        for (String[] all : new String[][] {{"task", "tagging"}, {"task", "classification", "input", data.resolve("features.json").toString()},
                {"task", "regression", "valuesColumn", "values", "input", data.resolve("numbers.json").toString()}}) {
            String[] settings = with(all, "shards", "2", "epochs", "1", "averaging", "parameters", "overwrite", "true");
            byte[] expected = bytes("local[2]", "plain", settings);
            try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]").set("spark.serializer", serializer).set("spark.kryo.registrationRequired", "true")
                    .set("spark.kryo.registrator", Registrator.class.getName()))) {
                new Trainer(sc, settings("tagged.conll", "other", settings), new Silent()).train();
                SerializerInstance instance = SparkEnv.get().serializer().newInstance();
                Settings read = settings("tagged.conll", "other", settings);
                try (Corpus corpus = Corpus.read(sc, read, note -> { }); Shards shards = corpus.training().shards(Plan.network(read, corpus.lexicon()), corpus.lexicon(), read)) {
                    Shard shard = shards.rdd().collect().get(1), back = instance.deserialize(instance.serialize(shard, scala.reflect.ClassTag$.MODULE$.apply(Shard.class)), scala.reflect.ClassTag$.MODULE$.apply(Shard.class));
                    Window one = shard.window(null, 1, 2, new Draw(1, 1, 2)), other = back.window(null, 1, 2, new Draw(1, 1, 2));
                    assertArrayEquals(one.ids(), other.ids());
                    assertArrayEquals(one.features(), other.features());
                    assertArrayEquals(one.targets(), other.targets());
                    assertArrayEquals(one.values(), other.values());
                }
            }
            assertArrayEquals(expected, bytes("other"), String.join(" ", all));
        }
    }

    @Test void validationOfAnotherKindIsRefused() throws IOException {
        Path plain = Files.writeString(dir.resolve("plain.conll"), "s N\np V\n"), wide = Files.writeString(dir.resolve("wide.json"), "{\"features\": [[1, 2, 3]], \"label\": \"low\"}\n");
        assertEquals("the tags of file:" + plain + " are none, those that are learnt iobes: classes are no entities; set --tagScheme (spark.rondo.tagScheme), or use other data",
                refused("tagged.conll", "validation", plain.toString()));
        assertEquals("file:" + wide + " has vectors of 3 numbers, expected vectors of 2, as the model reads; check the columns",
                refused("features.json", "task", "classification", "validation", wide.toString()));
        assertEquals("file:" + wide + " has vectors of 3 numbers, expected tokens, as the model reads; check the columns",
                refused("classes.json", "task", "classification", "validation", wide.toString()));
        Path others = Files.writeString(dir.resolve("others.json"), "{\"text\": \"a\", \"label\": \"of no training\"}\n");
        String message = refused("classes.json", "task", "classification", "validation", others.toString());
        assertTrue(message.startsWith("file:" + others + " has 1 sequence to measure with, but none whose labels are all among those learnt, ["), message);
    }

    /** Of which the longest is read by itself: 900 steps of one sentence, where a batch to learn from has at most 60, batchTokens. */
    @Test void thePlanHasRoomForTheLongestSentenceThatIsHeldOut() throws IOException {
        Path held = Files.writeString(dir.resolve("held.conll"), "s O\n".repeat(900) + "\np B-A\n\n" + "s O\n".repeat(30));
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[1]"))) {
            for (String shards : List.of("1", "5")) {
                Settings settings = settings("tagged.conll", "planned", "validation", held.toString(), "tagScheme", "iob2", "shards", shards);
                try (Corpus corpus = Corpus.read(sc, settings, note -> { }); Shards parts = corpus.training().shards(Plan.network(settings, corpus.lexicon()), corpus.lexicon(), settings)) {
                    Plan plan = Plan.of(new Origin(Optional.empty(), settings), corpus, parts);
                    assertTrue(plan.batch() * plan.seqLen() <= 60, plan.window().toString());
                    assertEquals(plan.layout().bytes() + Layout.forScoring(plan.network(), 1, 900).bytes(), plan.bytesPerTask());
                    assertTrue(Layout.forScoring(plan.network(), 1, 900).bytes() > 2 * Layout.forScoring(plan.network(), plan.window()).bytes());
                }
            }
        }
    }

    private String refused(String file, String... settings) {
        List<Long> rounds = new ArrayList<>();
        String message = assertThrows(BadInput.class, () -> train("local[1]", file, "refused", new Silent() {
            @Override public void round(Round round) {
                rounds.add(round.number());
            }
        }, settings)).getMessage();
        assertEquals(List.of(), rounds, "before anything is trained");
        return message;
    }

    /** Of what is held out, after training for a second or two: one replica, a round an epoch. */
    private Evaluation learnt(String file, String task, String... given) {
        String[] settings = with(given, "task", task, "averaging", "parameters", "windowsPerRound", "1000", "epochs", "12");
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
            Settings all = settings(file, "learnt", with(settings, "overwrite", "true"));
            Model model = new Trainer(sc, all, new Silent()).train();
            try (Corpus corpus = Corpus.read(sc, all, note -> { })) {
                return Evaluation.of(sc, model, corpus.validation(), all);
            }
        }
    }

    private byte[] bytes(String master, String output, String... settings) throws IOException {
        train(master, "tagged.conll", output, new Silent(), settings);
        return bytes(output);
    }

    private Model train(String master, String file, String output, Progress progress, String... settings) {
        try (JavaSparkContext sc = new JavaSparkContext(conf(master))) {
            return new Trainer(sc, settings(file, output, settings), progress).train();
        }
    }

    private byte[] bytes(String output) throws IOException {
        return Files.readAllBytes(dir.resolve(output).resolve("model.safetensors"));
    }

    private Model saved(String output) {
        return Model.load(dir.resolve(output).toString(), new org.apache.hadoop.conf.Configuration());
    }

    private JsonNode provenance(String output) {
        return saved(output).provenance();
    }

    private static SparkConf conf(String master) {
        return TrainerTest.conf(master).set("spark.sql.shuffle.partitions", "2");
    }

    private Settings settings(String file, String output, String... given) {
        Map<String, String> all = new HashMap<>(Map.of("input", data.resolve(file).toString(), "output", dir.resolve(output).toString(), "task", "tagging", "hidden", "12",
                "embedding", "6", "layers", "1", "batchTokens", "60", "validation", "0.2", "epochs", "3", "learningRate", "0.02"));
        all.put("characterHidden", "0");
        for (int i = 0; i < given.length; i += 2) all.put(given[i], given[i + 1]);
        return Settings.of(all);
    }

    private static String[] with(String[] settings, String... more) {
        String[] all = Arrays.copyOf(settings, settings.length + more.length);
        System.arraycopy(more, 0, all, settings.length, more.length);
        return all;
    }

    private static final class Stop extends RuntimeException {
        private static final long serialVersionUID = 1;
    }
}
