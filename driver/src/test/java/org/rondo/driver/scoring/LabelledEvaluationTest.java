package org.rondo.driver.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Examples;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.rounds.Plan;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;

/** Figures of labelled sequences: by hand, by what was predicted, and however they are batched. */
class LabelledEvaluationTest {
    private static JavaSparkContext sc;
    @TempDir Path dir;

    @BeforeAll static void start() {
        sc = new JavaSparkContext(new SparkConf(false).setMaster("local[2]").setAppName("test").set("spark.ui.enabled", "false").set("spark.driver.host", "127.0.0.1")
                .set("spark.driver.bindAddress", "127.0.0.1").set("spark.sql.shuffle.partitions", "2"));
    }

    @AfterAll static void stop() {
        sc.stop();
    }

    /** Weights of zero and a bias of 1 for N: every token is N, with probability e / (e + 1). Of six tokens four are. */
    @Test void classesOfThreeSentencesAreAsWorkedByHand() throws IOException {
        String data = "u N\nv V\nw N\n\nu V\n\nx N\nu N\n";
        Settings settings = settings("tagging", "head", "softmax");
        Model model = biased(data, "data.conll", settings, "N");
        Evaluation e = evaluation(model, data, "data.conll", settings);
        double right = Math.log((Math.E + 1) / Math.E), wrong = Math.log(Math.E + 1);
        assertEquals(6, e.targets());
        assertEquals((4 * right + 2 * wrong) / 6, e.loss(), 1e-6);
        assertEquals(4 / 6.0, e.classes().accuracy(), 1e-15);
        assertEquals(2 * 4 / 10.0 / 2, e.classes().macroF1(), 1e-15);             // of V it is 0
        assertEquals(2, e.classes().count("V", "N"));
        assertEquals(e.loss(), e.figure(Metric.LOSS));
        assertEquals(4 / 6.0, e.figure(Metric.ACCURACY), 1e-15);
        assertEquals(4 / 6.0, e.figure(Metric.F1), 1e-15);
        assertNull(e.entities());
        assertThrows(IllegalArgumentException.class, () -> e.figure(Metric.PRECISION));
    }

    /** A word whose label the model does not know is wrong, and its whole sentence is left out of the loss. */
    @Test void anUnknownLabelIsWrongAndHasNoLoss() throws IOException {
        String data = "u N\nv V\n";
        for (String head : List.of("softmax", "crf")) {
            Settings settings = settings("tagging", "head", head);
            Model model = biased(data, "data.conll", settings, "N");
            Evaluation known = evaluation(model, "u N\nv N\n", "known.conll", settings), e = evaluation(model, "u N\nv ADV\n\nu N\nv N\n", "other.conll", settings);
            assertEquals(2, e.targets());
            assertEquals(known.loss(), e.loss());
            assertEquals(4, e.classes().count());
            assertEquals(3 / 4.0, e.classes().accuracy());
        }
        Settings settings = settings("classification");
        Model model = biased("{\"text\": \"u v\", \"label\": \"x\"}\n{\"text\": \"u\", \"label\": \"y\"}\n", "data.json", settings, "x");
        Evaluation e = evaluation(model, "{\"text\": \"u v\", \"label\": \"x\"}\n{\"text\": \"u\", \"label\": \"z\"}\n", "other.json", settings);
        assertEquals(1, e.targets());
        assertEquals(Math.log((Math.E + 1) / Math.E), e.loss(), 1e-6);
        assertEquals(0.5, e.classes().accuracy());
        String message = assertThrows(BadInput.class, () -> evaluation(model, "{\"text\": \"u v\", \"label\": \"z\"}\n", "none.json", settings)).getMessage();
        assertTrue(message.endsWith("none.json has 1 sequence to measure with, but none whose labels are all among those learnt, [x, y]; give data labelled as those to learn from, or more of both"), message);
    }

    /** Of N and V the other model knows N: the loss is of the sentences that are N alone, the rest of all. Biases are as above, on N. */
    @Test void theLossThatIsComparedIsOfSequencesThatBothModelsKnow() throws IOException {
        String data = "u N\nv V\n\nw N\nu N\n", unknown = "u V\n";
        for (String head : List.of("softmax", "crf")) {
            Settings settings = settings("tagging", "head", head, "tagScheme", "none");
            Model model = biased(data, "data.conll", settings, "N"), other = biased("u N\n", "other.conll", settings, "N");
            assertEquals(List.of("N", "V"), model.lexicon().labels());
            Evaluation alone = evaluation(model, "w N\nu N\n", "known.conll", settings), e = compared(model, other, data, "data.conll", settings);
            assertEquals(2, e.targets());
            assertEquals(alone.loss(), e.loss());
            assertEquals(3 / 4.0, e.classes().accuracy(), "of all");
            assertEquals(2, compared(other, other, data, "data.conll", settings).targets(), "as many as of the other itself");
            Evaluation none = compared(model, other, unknown, "new.conll", settings);
            assertEquals(0, none.targets());
            assertTrue(Double.isNaN(none.loss()));
            assertEquals(0, none.classes().accuracy());
        }
        Settings settings = settings("regression");
        String numbers = "{\"text\": \"u v\", \"label\": 1}\n{\"text\": \"u\", \"label\": 5}\n";
        Model model = zero(numbers, "data.json", settings);
        assertEquals(2, compared(model, model, numbers, "data.json", settings).targets(), "numbers have no labels, and all count");
    }

    private Evaluation compared(Model model, Model other, String data, String name, Settings settings) throws IOException {
        return Evaluation.of(sc, model, Files.writeString(dir.resolve(name), data).toString(), other.lexicon(), settings, note -> { });
    }

    /** As of an evening's posts: what was learnt says how they are read. Two of four tokens are taken for entities, and none is one; plain classes are right or not. */
    @Test void dataWithoutAnEntityAreMeasuredInTheSchemeThatWasLearnt() throws IOException {
        String outside = "u O\nv O\n\nw O\nu O\n";
        Settings settings = settings("tagging", "head", "softmax");
        for (String learnt : List.of("u B-A\nv I-A\nw O\n", "u S-A\nv O\n", "u I-A\nv B-A\nw O\n")) {
            Model model = biased(learnt, "learnt.conll", settings, "O");
            Evaluation e = evaluation(model, outside, "outside.conll", settings);
            assertEquals(4, e.targets());
            assertEquals(1, e.entities().tokenAccuracy());
            assertEquals(0, e.entities().overall().found());
            Path held = dir.resolve("outside.conll");
            try (Corpus corpus = Corpus.read(sc, settings.with(org.rondo.driver.Setting.INPUT, dir.resolve("learnt.conll")).with(org.rondo.driver.Setting.VALIDATION, held), note -> { })) {
                assertEquals(2, corpus.validation().count());
            }
        }
        Model classes = biased("u N\nv O\n", "classes.conll", settings("tagging", "head", "softmax", "tagScheme", "none"), "O");
        assertEquals(1, evaluation(classes, outside, "outside.conll", settings).classes().accuracy());
        String message = assertThrows(BadInput.class, () -> read(outside, "outside.conll", settings)).getMessage();
        assertTrue(message.contains("all of them O, expected some entities to recognise the scheme by"), message);
    }

    /** Always 2, of 1 and 5: squares 1 and 9; of the two numbers 1 and 4 it says 2 and 3. */
    @Test void numbersAreAsWorkedByHand() throws IOException {
        Settings one = settings("regression"), two = settings("regression", "valuesColumn", "values");
        String data = "{\"text\": \"u v\", \"label\": 1, \"values\": [1, 4]}\n{\"text\": \"u\", \"label\": 5, \"values\": [1, 4]}\n";
        Model model = zero(data, "data.json", one);
        bias(model, 0, 2);
        Evaluation e = evaluation(model, data, "data.json", one);
        assertEquals(2, e.targets());
        assertEquals(5, e.loss());
        assertEquals(5, e.values().meanSquaredError());
        assertEquals(1 - 10 / 8.0, e.values().rSquared(), 1e-15);
        Model pair = zero(data, "data.json", two);
        bias(pair, 0, 2);
        bias(pair, 1, 3);
        Evaluation both = evaluation(pair, data, "data.json", two);
        assertEquals(2, both.targets());
        assertEquals(1, both.loss());
        assertEquals(4, both.values().count());
        assertTrue(both.table().startsWith("4 numbers; mean squared error 1.0000"), both.table());
        assertEquals(1, evaluation(pair, data, "data.json", one).loss(), "the model says that it predicts several");
    }

    /** Of a network that knows nothing; what it predicts is legal in its scheme, and is scored in that of the data. */
    @ParameterizedTest @CsvSource({"crf, iobes", "softmax, iobes", "crf, data", "softmax, io"})
    void entitiesAreThoseOfThePredictions(String head, String scheme) throws IOException {
        String data = sentences(60);
        Settings settings = settings("tagging", "head", head, "learntScheme", scheme);
        Model model = random(data, "data.conll", settings);
        Evaluation e = evaluation(model, data, "data.conll", settings.with(org.rondo.driver.Setting.SHARDS, 3));
        EntityScores expected = new EntityScores(TagScheme.IOB2);
        int[] sequences = {0};
        try (Examples examples = read(data, "data.conll", settings);
                Predictor predictor = new Predictor(model.network(), model.lexicon(), model.parameters(), "auto", 1)) {
            List<Row> rows = examples.rows().orderBy(Examples.NUMBER).collectAsList();
            Examples.Part part = new Examples.Part(0, rows.stream().<List<?>>map(row -> row.getList(1)).toList(), rows.stream().map(row -> row.getList(2)).toList(), examples.scheme());
            predictor.predict(part.encode(model.lexicon(), model.network(), 0, 50), (s, labels, outputs) -> {
                List<String> learnt = model.lexicon().names(labels), gold = ((List<?>) part.targets().get(s)).stream().map(String.class::cast).toList();
                assertTrue(model.lexicon().scheme().fits(learnt), learnt.toString());
                assertEquals(part.sequences().get(s).size(), labels.length);
                expected.add(gold, model.lexicon().scheme().convert(learnt, TagScheme.IOB2));
                sequences[0]++;
            });
        }
        assertEquals(60, sequences[0]);
        assertEquals(expected.types(), e.entities().types());
        assertEquals(expected.tokenAccuracy(), e.entities().tokenAccuracy());
        assertEquals(expected.tokens(), e.targets());
        assertEquals(expected.overall().f1(), e.figure(Metric.F1));
        assertTrue(expected.overall().found() > 0, expected.table());
        JsonNode json = new ObjectMapper().readTree(e.json().toString());
        assertEquals(List.of("task", "targets", "loss", "entities"), fields(json));
        assertEquals(expected.overall().correct(), json.get("entities").get("correct").asLong());
    }

    /** A sequence is read from a state of zero, and its padding by nobody. Its own loss is the same float wherever it lies; the sum over a shard
     *  is one of at most 400 doubles of it in another order, and so is that over shards: 400 roundings. */
    @ParameterizedTest @CsvSource({"tagging, crf", "tagging, softmax", "classification, auto", "regression, auto"})
    void figuresDoNotDependOnTheBatches(String task, String head) throws IOException {
        String name = task.equals("tagging") ? "data.conll" : "data.json", data = task.equals("tagging") ? sentences(60) : examples(60);
        Settings settings = settings(task, "head", head, "layers", "2", "cell", "peephole");
        Model model = random(data, name, settings);
        List<Evaluation> all = new ArrayList<>();
        for (String batch : List.of("1", "7", "640"))
            for (String shards : List.of("1", "3")) all.add(evaluation(model, data, name, settings(task, "batchTokens", batch, "shards", shards)));
        for (Evaluation e : all) {
            assertEquals(all.get(0).targets(), e.targets());
            assertEquals(all.get(0).loss(), e.loss(), 400 * 0x1p-53 * e.loss());
            if (e.values() == null) assertEquals(all.get(0).json().without(List.of("loss")), e.json().without(List.of("loss")));
            else assertEquals(all.get(0).values().rSquared(), e.values().rSquared(), 1e-12);
        }
        assertEquals(all.get(0).loss(), all.get(4).loss(), 400 * 0x1p-53 * all.get(0).loss());
    }

    private static List<String> fields(JsonNode json) {
        List<String> fields = new ArrayList<>();
        json.fieldNames().forEachRemaining(fields::add);
        return fields;
    }

    /** In IOB2. */
    private static String sentences(int count) {
        SplittableRandom random = new SplittableRandom(11);
        StringBuilder data = new StringBuilder();
        for (int s = 0; s < count; s++) {
            String before = "O";
            for (int t = 0, length = 1 + random.nextInt(9); t < length; t++) {
                String type = List.of("O", "A", "B").get(random.nextInt(3)), tag = type.equals("O") ? "O" : (type.equals(before) && random.nextBoolean() ? "I-" : "B-") + type;
                data.append("abcdefgh".charAt(random.nextInt(8))).append(' ').append(tag).append('\n');
                before = type;
            }
            data.append('\n');
        }
        return data.toString();
    }

    private static String examples(int count) {
        SplittableRandom random = new SplittableRandom(12);
        StringBuilder data = new StringBuilder();
        for (int s = 0; s < count; s++) {
            List<String> words = new ArrayList<>();
            for (int t = 0, length = 1 + random.nextInt(9); t < length; t++) words.add("" + "abcdefgh".charAt(random.nextInt(8)));
            data.append("{\"text\": \"").append(String.join(" ", words)).append("\", \"label\": ").append(random.nextInt(3)).append("}\n");
        }
        return data.toString();
    }

    private Examples read(String data, String name, Settings settings) throws IOException {
        return Examples.read(sc, Files.writeString(dir.resolve(name), data).toString(), org.rondo.driver.corpus.Task.of(settings).target(settings), settings, note -> { });
    }

    private Evaluation evaluation(Model model, String data, String name, Settings settings) throws IOException {
        return Evaluation.of(sc, model, Files.writeString(dir.resolve(name), data).toString(), settings, note -> { });
    }

    private Model random(String data, String name, Settings settings) throws IOException {
        Files.writeString(dir.resolve(name), data);
        try (Corpus corpus = Corpus.read(sc, settings.with(org.rondo.driver.Setting.INPUT, dir.resolve(name)).with(org.rondo.driver.Setting.VALIDATION, "0"), note -> { })) {
            Lexicon lexicon = corpus.lexicon();
            Network network = Plan.network(settings, lexicon);
            return new Model(network, Parameters.initial(network, 5), lexicon, new ObjectMapper().createObjectNode());
        }
    }

    private Model zero(String data, String name, Settings settings) throws IOException {
        Model model = random(data, name, settings);
        Arrays.fill(model.parameters(), 0);
        return model;
    }

    /** Towards one label, by 1. */
    private Model biased(String data, String name, Settings settings, String label) throws IOException {
        Model model = zero(data, name, settings);
        bias(model, model.lexicon().labels().indexOf(label), 1);
        return model;
    }

    private static void bias(Model model, int output, float bias) {
        model.parameters()[model.network().tensor("output.bias").offset() + output] = bias;
    }

    private static Settings settings(String task, String... given) {
        Map<String, String> all = new HashMap<>(Map.of("task", task, "hidden", "5", "embedding", "4", "layers", "1"));
        for (int i = 0; i < given.length; i += 2) all.put(given[i], given[i + 1]);
        return Settings.of(all);
    }
}
