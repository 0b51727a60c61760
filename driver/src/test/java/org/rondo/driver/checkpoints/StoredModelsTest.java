package org.rondo.driver.checkpoints;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.Sequences;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** Models that earlier versions wrote, in {@code src/test/resources/formats/FORMAT/NAME}, with what they said then: {@code expected.json} has
 *  sequences, the head's outputs for them, and of taggers the best labels. What is stored is never written anew; a new format, or what a
 *  format did not have before, gets models beside those, which {@code -Drondo.store=true} writes where there are none. */
class StoredModelsTest {
    private static final Configuration CONF = new Configuration();
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path STORE = Path.of("src/test/resources/formats");
    /** Of the reference kernel, which computes in double precision and rounds to float; the mathematical functions of another Java may differ in their last bit. */
    private static final double TOLERANCE = 1e-6;
    @TempDir Path temp;

    /** Where they are asked for, this version's. */
    @BeforeAll static void store() throws IOException {
        if (!Boolean.getBoolean("rondo.store")) return;
        for (Map.Entry<String, Model> model : models().entrySet()) {
            Path folder = STORE.resolve(SealedJson.FORMAT + "/" + model.getKey());
            if (Files.exists(folder)) continue;
            model.getValue().save(hadoop(folder), CONF);
            if (model.getKey().equals("before-labels")) asBeforeLabels(folder);
            JsonNode said = says(model.getValue(), sequences(model.getValue().lexicon()));
            Files.writeString(folder.resolve("expected.json"), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(said) + "\n");
        }
    }

    static Stream<Path> stored() throws IOException {
        try (Stream<Path> folders = Files.walk(STORE, 2)) {
            return folders.filter(folder -> STORE.relativize(folder).getNameCount() == 2).sorted().toList().stream();
        }
    }

    @Test void everyFormatHasStoredModels() throws IOException {
        for (int format = 1; format <= SealedJson.FORMAT; format++) {
            Path folder = STORE.resolve("" + format);
            assertTrue(Files.isDirectory(folder), "no models of format " + format + " are stored in " + folder.toAbsolutePath() + ", expected some of every format from 1 to "
                    + SealedJson.FORMAT + "; -Drondo.store=true writes this version's");
            try (Stream<Path> models = Files.list(folder)) {
                for (Path model : models.toList()) assertEquals(format, JSON.readTree(model.resolve("model.json").toFile()).get("format").asInt(), model.toString());
            }
        }
        assertTrue(stored().count() >= 6, "as many as there were once");
    }

    @ParameterizedTest @MethodSource("stored")
    void aStoredModelSaysWhatItSaidWhenItWasStored(Path folder) throws IOException {
        JsonNode expected = JSON.readTree(folder.resolve("expected.json").toFile());
        JsonNode says = says(Model.load(folder.toString(), CONF), expected.get("sequences"));
        assertEquals(expected.get("labels"), says.get("labels"));
        List<JsonNode> was = numbers(expected.get("outputs")), is = numbers(says.get("outputs"));
        assertEquals(was.size(), is.size());
        for (int n = 0; n < was.size(); n++) assertEquals(was.get(n).asDouble(), is.get(n).asDouble(), TOLERANCE, "output " + n);
    }

    @ParameterizedTest @MethodSource("stored")
    void aStoredModelThatIsSavedAgainIsTheSameBytes(Path folder) throws IOException {
        Model.load(folder.toString(), CONF).save(hadoop(temp), CONF);
        for (String name : List.of("model.safetensors", "vocabulary.txt", "characters.txt")) {
            assertEquals(Files.exists(folder.resolve(name)), Files.exists(temp.resolve(name)), name);
            if (Files.exists(folder.resolve(name))) assertEquals(-1, Files.mismatch(folder.resolve(name), temp.resolve(name)), name);
        }
    }

    /** What it makes of sequences: numbers of every row of the head, and the best labels. */
    private static JsonNode says(Model model, JsonNode sequences) {
        Lexicon lexicon = model.lexicon();
        List<List<?>> steps = new ArrayList<>();
        for (JsonNode sequence : sequences) steps.add(JSON.convertValue(sequence, List.class));
        Sequences encoded = lexicon.task() == Task.LANGUAGE_MODEL
                ? lexicon.lines(model.network(), steps.stream().map(line -> lexicon.words().encode((String) line.get(0))).toList(), 1)
                : lexicon.encode(0, model.network(), steps, null, 0, 1);
        ObjectNode says = JSON.createObjectNode();
        says.set("sequences", sequences);
        JsonNode[] outputs = new JsonNode[steps.size()], labels = new JsonNode[steps.size()];
        for (int w = 0; w < encoded.windows(); w++) {
            Window window = encoded.window(null, 0, w, null);
            try (Kernel kernel = Kernel.open("reference", Layout.forScoring(model.network(), window.size()))) {
                kernel.load(Layout.Block.PARAMETERS, model.parameters());
                UnrolledNetwork unrolled = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
                unrolled.forward(window, null);
                int number = encoded.batch(w)[0], rows = model.network().head().atEveryStep() ? window.size().seqLen() : 1;
                outputs[number] = outputs(unrolled, rows, model.network().head().outputs());
                int[] best = new int[rows];
                if (lexicon.task() != Task.TAGGING) continue;
                unrolled.decode(window.lengths(), lexicon.allowed(), best);
                labels[number] = JSON.valueToTree(lexicon.names(best));
            }
        }
        says.set("outputs", JSON.valueToTree(outputs));
        if (labels[0] != null) says.set("labels", JSON.valueToTree(labels));
        return says;
    }

    private static ArrayNode outputs(UnrolledNetwork unrolled, int rows, int outputs) {
        ArrayNode all = JSON.createArrayNode();
        float[] z = new float[outputs];
        for (int row = 0; row < rows; row++) {
            unrolled.outputs(row, z);
            all.add(JSON.valueToTree(z));
        }
        return all;
    }

    private static List<JsonNode> numbers(JsonNode tree) {
        if (tree.isNumber()) return List.of(tree);
        List<JsonNode> numbers = new ArrayList<>();
        tree.forEach(part -> numbers.addAll(numbers(part)));
        return numbers;
    }

    private static JsonNode sequences(Lexicon lexicon) throws IOException {
        return JSON.readTree(lexicon.features() > 0 ? "[[[0.5, -1, 2], [1, 0, 0.25], [-0.75, 3, 1]], [[0, 0, 1]]]"
                : lexicon.task() != Task.LANGUAGE_MODEL ? "[[\"In\", \"Oslo\", \"1994\", \"it\", \"rained\"], [\"unseen\"]]"
                : lexicon.words().unit().equals("word") ? "[[\"it rained in oslo\"], [\"\"]]" : "[[\"abba\\tcab\"], [\"\"]]");
    }

    private static Map<String, Model> models() throws IOException {
        Map<String, Model> models = new LinkedHashMap<>();
        Vocabulary characters = vocabulary("character", "<unk>", "a", "\\n", "b", "\\t", "\\u2028", "\u00e9"), words = vocabulary("word", "<unk>", "<eos>", "it", "oslo"),
                tokens = vocabulary("token", "<unk>", "it", "oslo", "0000", "in"), letters = vocabulary("character", "<unk>", "O", "s", "l", "o", "i", "t", "n", "1", "9");
        models.put("language-model-lstm", model(new Network(7, 3, 4, 2), Lexicon.of(characters), 1));
        models.put("before-labels", model(new Network(7, 4, Cell.LSTM, 4, 1, false, new Head(true, Loss.SOFTMAX, 7), true), Lexicon.of(characters), 2));
        models.put("language-model-peephole", model(new Network(4, 2, Cell.of("peephole", "sigmoid"), 3, 2, false, new Head(true, Loss.SOFTMAX, 4), false), Lexicon.of(words), 3));
        List<String> tags = List.of("B-LOC", "E-LOC", "I-LOC", "O", "S-LOC");
        models.put("tagging-crf-spelling", model(new Network(5, 3, new Network.Spelling(10, 2, 2), Cell.LSTM, 3, 1, true, new Head(true, Loss.CRF, 5), false),
                new Lexicon(Task.TAGGING, tokens, letters, false, 0, tags, TagScheme.IOBES, 0), 4));
        models.put("classification-features", model(new Network(0, 3, Cell.RNN, 3, 2, true, new Head(false, Loss.SOFTMAX, 2), false),
                new Lexicon(Task.CLASSIFICATION, null, null, false, 3, List.of("no", "yes"), null, 0), 5));
        models.put("regression-words", model(new Network(5, 2, Cell.RELU, 3, 1, false, new Head(false, Loss.SQUARED_ERROR, 2), false),
                new Lexicon(Task.REGRESSION, tokens, null, true, 0, List.of(), null, 2), 6));
        return models;
    }

    /** With parameters so large that outputs differ. */
    private static Model model(Network network, Lexicon lexicon, long seed) {
        float[] parameters = Parameters.initial(network, seed);
        for (int i = 0; i < parameters.length; i++) parameters[i] *= 3;
        return new Model(network, parameters, lexicon, JSON.createObjectNode().put("stored", "for the tests of Rondo's formats"));
    }

    /** As language models were written before there were others: without what is the same of all. */
    private static void asBeforeLabels(Path folder) throws IOException {
        Folder written = new Folder(hadoop(folder), CONF);
        ObjectNode json = SealedJson.read(written, Model.MODEL);
        ((ObjectNode) json.get("architecture")).remove(List.of("bidirectional", "loss", "outputs"));
        json.remove("format");
        SealedJson.write(written, Model.MODEL, json);
    }

    private static Vocabulary vocabulary(String unit, String... lines) throws IOException {
        return Vocabulary.read(new ByteArrayInputStream((String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8)), unit, "vocabulary");
    }

    private static org.apache.hadoop.fs.Path hadoop(Path folder) {
        return new org.apache.hadoop.fs.Path(folder.toUri());
    }
}
