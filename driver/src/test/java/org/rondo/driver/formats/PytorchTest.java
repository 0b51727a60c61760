package org.rondo.driver.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.checkpoints.Safetensors;
import org.rondo.driver.checkpoints.Safetensors.Entry;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.kernels.Activation;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Network;

/** State dicts; that PyTorch computes the same of them, the profile peers checks. */
class PytorchTest {
    private static final Configuration CONF = new Configuration();
    @TempDir Path temp;

    static Stream<Model> models() {
        return Kinds.all().filter(model -> !sigmoid(model));
    }

    private static boolean sigmoid(Model model) {
        return model.network().cell().activation() == Activation.SIGMOID;
    }

    @ParameterizedTest @MethodSource("models")
    void anExportedModelComesBackToTheBit(Model model) throws IOException {
        export(model);
        Model back = Imported.read(settings(model), CONF);
        assertEquals(model.network(), back.network());
        assertArrayEquals(bits(model.parameters()), bits(back.parameters()));
        assertEquals(model.lexicon().checksum(), back.lexicon().checksum());
        assertEquals(model.architecture(), back.architecture());
    }

    @Test void whatNnLstmHasNotIsRefused() {
        Model sigmoid = Kinds.all().filter(PytorchTest::sigmoid).findFirst().orElseThrow();
        assertTrue(assertThrows(BadInput.class, () -> export(sigmoid)).getMessage().startsWith("candidateActivation of the model is sigmoid, but nn.LSTM has tanh"));
        assertFalse(Files.exists(temp.resolve("out")), "nothing is written");
    }

    /** The names that PyTorch's documentation gives the parameters of its modules; its state_dict has these before them. */
    @Test void namesAndShapesArePyTorchs() throws IOException {
        export(Kinds.labelled(Task.TAGGING, Cell.LSTM, 5, 3, true, "spelled", true));
        Map<String, String> shapes = new LinkedHashMap<>();
        dict(temp.resolve("out/model.safetensors")).forEach((name, entry) -> shapes.put(name, entry.shape().toString()));
        Map<String, String> expected = new LinkedHashMap<>(Map.of("embedding.weight", "[9, 3]", "output.weight", "[5, 10]", "output.bias", "[5]", "spelling.embedding.weight", "[7, 2]",
                "crf.transitions", "[5, 5]", "crf.start_transitions", "[5]", "crf.end_transitions", "[5]"));
        for (String direction : List.of("", "_reverse")) {
            for (int l = 0; l < 3; l++) lstm(expected, "lstm.", "_l" + l + direction, l == 0 ? 3 + 8 : 10, 5);
            lstm(expected, "spelling.lstm.", "_l0" + direction, 2, 4);
        }
        assertEquals(expected, shapes);
        for (float zero : dict(temp.resolve("out/model.safetensors")).get("lstm.bias_hh_l1").vector()) assertEquals(0, zero);
    }

    private static void lstm(Map<String, String> shapes, String prefix, String suffix, int inputs, int hidden) {
        shapes.put(prefix + "weight_ih" + suffix, List.of(4 * hidden, inputs).toString());
        shapes.put(prefix + "weight_hh" + suffix, List.of(4 * hidden, hidden).toString());
        shapes.put(prefix + "bias_ih" + suffix, List.of(4 * hidden).toString());
        shapes.put(prefix + "bias_hh" + suffix, List.of(4 * hidden).toString());
    }

    @Test void besideItIsWhatTheTensorsDoNotSay() throws IOException {
        export(Kinds.labelled(Task.CLASSIFICATION, Cell.LSTM, 5, 1, true, "spelled", false));
        JsonNode architecture = new ObjectMapper().readTree(temp.resolve("out/architecture.json").toFile());
        assertEquals("pytorch", architecture.get("of").asText());
        assertEquals("[\"no\",\"yes\",\"per\\thaps\"]", architecture.get("labels").toString());
        assertEquals(List.of(5, 9, 3), Stream.of("hidden", "vocab", "embedding").map(name -> architecture.get(name).asInt()).toList());
        assertEquals("no\nyes\nper\\thaps\n", Files.readString(temp.resolve("out/labels.txt")));
        assertTrue(Files.readString(temp.resolve("out/vocabulary.txt")).startsWith("<unk>\n\\n\nc\n"));
    }

    @Test void bothBiasesAreSummed() throws IOException {
        Map<String, Entry> dict = exported(model());
        float[] ih = dict.get("lstm.bias_ih_l0").vector(), hh = new float[ih.length];
        for (int i = 0; i < hh.length; i++) hh[i] = 0.25f * i - 1;
        dict.put("lstm.bias_hh_l0", new Entry("lstm.bias_hh_l0", hh));
        Network network = model().network();
        float[] sum = part(read(dict), "bias_l0");
        for (int i = 0; i < sum.length; i++) assertEquals(ih[i] + hh[i], sum[i]);
        for (String name : List.of("lstm.bias_ih_l0", "lstm.bias_hh_l0", "output.bias")) dict.remove(name);
        assertArrayEquals(new float[4 * network.hidden()], part(read(dict), "bias_l0"), "bias=False");
        assertArrayEquals(new float[network.vocab()], part(read(dict), "output.bias"), "bias=False");
    }

    @ParameterizedTest
    @CsvSource({"encoder., rnn., decoder.", "word_embeddings., encoder.lstm., fc.", "'', '', out.", "model.embed.tokens., model.layers., model.head.proj."})
    void modulesMayHaveAnyName(String embedding, String lstm, String output) throws IOException {
        Map<String, Entry> renamed = new LinkedHashMap<>();
        exported(model()).forEach((name, entry) -> {
            String other = name.replaceFirst("^embedding\\.", embedding).replaceFirst("^lstm\\.", lstm).replaceFirst("^output\\.", output);
            renamed.put(other, new Entry(other, entry.shape(), entry.vector(), entry.offset()));
        });
        assertArrayEquals(model().parameters(), read(renamed).parameters());
    }

    @Test void unknownMayBeOnAnyLine() throws IOException {
        Map<String, Entry> dict = exported(model());
        List<String> lines = new ArrayList<>(Files.readAllLines(temp.resolve("out/vocabulary.txt")));
        lines.add(4, lines.remove(0));
        Files.write(temp.resolve("out/vocabulary.txt"), lines);
        for (String name : List.of("embedding.weight", "output.weight", "output.bias")) {
            Entry e = dict.get(name);
            int width = e.size() / lines.size();
            float[] moved = new float[e.size()];
            for (int id = 0; id < lines.size(); id++) System.arraycopy(e.vector(), (id < 4 ? id + 1 : id == 4 ? 0 : id) * width, moved, id * width, width);
            dict.put(name, new Entry(name, e.shape(), moved, 0));
        }
        Model back = read(dict);
        assertEquals(model().lexicon().checksum(), back.lexicon().checksum());
        assertArrayEquals(model().parameters(), back.parameters());
    }

    @Test void whatIsTiedIsFoundUnderEitherNameOrBoth() throws IOException {
        Model tied = Kinds.languageModel(Cell.LSTM, 5, 5, 1, false, true);
        for (String without : List.of("", "embedding.weight", "output.weight")) {
            Map<String, Entry> dict = exported(tied);
            dict.remove(without);
            assertEquals(tied.network(), read(dict).network(), "without " + without);
            assertArrayEquals(tied.parameters(), read(dict).parameters());
        }
        Map<String, Entry> apart = exported(tied);
        apart.get("output.weight").vector()[0]++;
        assertFalse(read(apart).network().tied());
    }

    @Test void anRnnsNonlinearityMustBeSaid() throws IOException {
        Map<String, Entry> dict = exported(Kinds.languageModel(Cell.RELU, 4, 5, 1, false, false));
        refused(dict, "has an nn.RNN, whose tensors do not say its nonlinearity; set --cell (spark.rondo.cell) to rnn for tanh, or relu");
        refused(dict, "cell is lstm, but ", "cell", "lstm");
        assertEquals(Cell.RELU, read(dict, "cell", "relu").network().cell());
        assertEquals(Cell.RNN, read(dict, "cell", "rnn").network().cell());
        refused(exported(model()), "cell is peephole, but ", "cell", "peephole");
    }

    @Test void tensorsThatMakeNoModelAreNamed() throws IOException {
        Map<String, Entry> good = exported(model());
        refused(without(good, "lstm.weight_hh_l0"), "lacks lstm.weight_hh_l0");
        refused(without(good, "lstm.bias_hh_l0"), "lacks lstm.bias_hh_l0 of shape [20]; write the whole state dict");
        refused(without(good, "embedding.weight"), "has no nn.Embedding of shape [11, 4]");
        refused(without(good, "output.weight"), "has no nn.Linear of shape [11, 5]");
        refused(Map.of("embedding.weight", good.get("embedding.weight")), "has no nn.LSTM or nn.RNN, expected a tensor whose name ends in weight_ih_l0 among embedding.weight [11, 4]");
        refused(with(good, "norm.weight", 5), "also has norm.weight [5], for which a model of Rondo has no place");
        refused(with(good, "lstm.weight_hr_l0", 3, 5), "an nn.LSTM with proj_size, which Rondo does not have");
        refused(with(good, "lstm.weight_hh_l0", 15, 5), "three gates, so it is an nn.GRU, which Rondo does not have");
        refused(with(good, "lstm.weight_hh_l0", 10, 5), "has shape [10, 5], expected 4 (nn.LSTM) or 1 (nn.RNN) times as many rows as columns");
        refused(with(good, "lstm.weight_hh_l0", 5), "lstm.weight_hh_l0 has shape [5], expected a matrix");
        refused(with(good, "lstm.weight_ih_l1", 20, 5), "lacks lstm.weight_hh_l1 of shape [20, 5]");
        refused(with(good, "lstm.bias_ih_l0", 19), "lstm.bias_ih_l0 has shape [19], expected [20] beside the other tensors");
        refused(with(good, "output.bias", 3), "output.bias has shape [3], expected [11] beside the other tensors");
        refused(with(good, "other.weight_ih_l0", 20, 4), "has several recurrent modules, lstm., other., expected one");
        refused(with(good, "second.weight", 11, 5), "has several tensors that may be the nn.Linear, output.weight [11, 5], second.weight [11, 5], expected one; leave the others out");
        refused(with(good, "crf.transitions", 3, 3), "also has crf.transitions [3, 3]");
        Map<String, Entry> diverged = exported(model());
        diverged.get("output.bias").vector()[2] = Float.NaN;
        refused(diverged, "output.bias has NaN among its numbers, expected finite ones");
    }

    @Test void whatIsGivenMustFitTheTask() throws IOException {
        Map<String, Entry> dict = exported(model());
        refused(dict, "labels are missing, expected a file with a label a line, as task is tagging", "task", "tagging");
        Path labels = Files.writeString(temp.resolve("three"), "a\nb\nc");
        refused(dict, "labels are given, but task is language-model", "labels", labels.toString());
        refused(dict, "has no nn.Linear of shape [3, 5], the labels of " + labels, "task", "classification", "labels", labels.toString());
        refused(dict, "three has the label 'a' twice", "task", "tagging", "labels", Files.writeString(temp.resolve("three"), "a\nb\na\n").toString());
        refused(dict, "vocabulary is missing", "vocabulary", "");
        refused(dict, "characters are given, but no vocabulary", "vocabulary", "", "task", "regression", "characters", temp.resolve("out/vocabulary.txt").toString());
        refused(dict, "has no tensors of words' characters (spelling.embedding.weight), but the file of characters is given", "characters", temp.resolve("out/vocabulary.txt").toString());
        refused(dict, "nowhere is not there, expected a token a line; set --vocabulary", "vocabulary", "nowhere");
        refused(dict, "is a directory, expected a file, a token a line", "vocabulary", temp.toString());
        refused(dict, "has no line <unk>", "vocabulary", labels.toString());
        refused(dict, "has no line <eos>", "unit", "word");
        refused(dict, "has no nn.Embedding of shape [2, 4], the tokens of " + labels, "vocabulary", Files.writeString(labels, "a\n<unk>\n").toString());
        refused(dict, "three is empty", "vocabulary", Files.writeString(labels, "").toString());
    }

    @Test void theInputMustBeSafetensors() throws IOException {
        exported(model());
        Path file = temp.resolve("model.pt");
        Files.write(file, new byte[] {'P', 'K', 3, 4, 0, 0, 0, 0, 0});
        assertTrue(assertThrows(BadInput.class, () -> Imported.read(settings(model(), "input", file.toString()), CONF)).getMessage()
                .endsWith("model.pt is a zip archive, as torch.save writes, expected the state dict in safetensors' format; write it with safetensors.torch.save_file(model.state_dict(), ...)"));
        Files.write(file, new byte[3]);
        assertTrue(assertThrows(BadInput.class, () -> Imported.read(settings(model(), "input", file.toString()), CONF)).getMessage().contains("is not a whole safetensors file"));
    }

    @ParameterizedTest
    @CsvSource({"O B-x I-x, IOB2", "O I-x I-y, IO", "S-x O B-x E-x, IOBES", "NOUN VERB, NONE"})
    void theSchemeOfLabelsIsRecognised(String labels, TagScheme scheme) throws IOException {
        Map<String, Entry> dict = exported(Kinds.labelled(Task.TAGGING, Cell.LSTM, 5, 1, true, "tokens", false));
        String[] all = labels.split(" ");
        for (String name : List.of("output.weight", "output.bias")) {
            Entry e = dict.get(name);
            List<Integer> shape = new ArrayList<>(e.shape());
            shape.set(0, all.length);
            dict.put(name, new Entry(name, shape, e.vector(), e.offset()));
        }
        Path file = Files.write(temp.resolve("labels"), List.of(all));
        assertEquals(scheme, read(dict, "task", "tagging", "labels", file.toString()).lexicon().scheme());
        if (scheme == TagScheme.NONE) refused(dict, "tag 'NOUN' is not of iob2", "task", "tagging", "labels", file.toString(), "tagScheme", "iob2");
    }

    private static Model model() {
        return Kinds.languageModel(Cell.LSTM, 4, 5, 1, false, false);
    }

    private void export(Model model) {
        Exported.write(model, Settings.of(Map.of("format", "pytorch", "output", temp.resolve("out").toString(), "overwrite", "true")), CONF, note -> { });
    }

    private Map<String, Entry> exported(Model model) throws IOException {
        export(model);
        return dict(temp.resolve("out/model.safetensors"));
    }

    static Map<String, Entry> dict(Path file) throws IOException {
        Map<String, Entry> dict = new LinkedHashMap<>();
        try (var in = Files.newInputStream(file)) {
            Safetensors.read(in, Files.size(file), "f", (name, shape) -> {
                Entry entry = new Entry(name, shape, new float[shape.stream().reduce(1, (a, b) -> a * b)], 0);
                dict.put(name, entry);
                return entry;
            });
        }
        return dict;
    }

    private Model read(Map<String, Entry> dict, String... given) throws IOException {
        Path file = temp.resolve("given.safetensors");
        try (OutputStream out = Files.newOutputStream(file)) {
            Safetensors.write(out, Map.of(), List.copyOf(dict.values()));
        }
        List<String> all = new ArrayList<>(List.of("input", file.toString()));
        all.addAll(List.of(given));
        return Imported.read(settings(model(), all.toArray(String[]::new)), CONF);
    }

    private void refused(Map<String, Entry> dict, String expected, String... given) {
        String message = assertThrows(BadInput.class, () -> read(dict, given)).getMessage();
        assertTrue(message.contains(expected), message);
    }

    /** What the files in {@code out} and the model say; then {@code given} over it. */
    private Settings settings(Model model, String... given) {
        Map<String, String> settings = new LinkedHashMap<>(Map.of("format", "pytorch", "input", temp.resolve("out/model.safetensors").toString(), "task", model.lexicon().task().key()));
        for (String name : List.of("vocabulary", "characters", "labels"))
            if (Files.exists(temp.resolve("out/" + name + ".txt"))) settings.put(name, temp.resolve("out/" + name + ".txt").toString());
        if (!model.network().cell().hasMemory()) settings.put("cell", model.network().cell().name());
        for (int i = 0; i < given.length; i += 2) settings.put(given[i], given[i + 1]);
        return Settings.of(settings);
    }

    private static float[] part(Model model, String tensor) {
        var t = model.network().tensor(tensor);
        return Arrays.copyOfRange(model.parameters(), t.offset(), t.end());
    }

    private static Map<String, Entry> without(Map<String, Entry> dict, String name) {
        Map<String, Entry> less = new LinkedHashMap<>(dict);
        less.remove(name);
        return less;
    }

    private static Map<String, Entry> with(Map<String, Entry> dict, String name, Integer... shape) {
        Map<String, Entry> more = new LinkedHashMap<>(dict);
        more.put(name, new Entry(name, List.of(shape), new float[Stream.of(shape).reduce(1, (a, b) -> a * b)], 0));
        return more;
    }

    private static int[] bits(float[] numbers) {
        return IntStream.range(0, numbers.length).map(i -> Float.floatToRawIntBits(numbers[i])).toArray();
    }
}
