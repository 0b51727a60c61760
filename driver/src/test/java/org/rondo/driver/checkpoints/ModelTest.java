package org.rondo.driver.checkpoints;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Activation;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;

class ModelTest {
    private static final Configuration CONF = new Configuration();
    private static final ObjectMapper JSON = new ObjectMapper();
    @TempDir Path temp;
    private Path dir;

    @BeforeEach void save() throws IOException {
        dir = temp.resolve("my model");
        model(1).save(hadoop(dir), CONF);
    }

    @Test void whatIsSavedIsLoadedToTheBit() throws IOException {
        Model saved = model(1), loaded = load();
        assertEquals(saved.network(), loaded.network());
        assertArrayEquals(saved.parameters(), loaded.parameters());
        assertEquals(saved.lexicon().words().checksum(), loaded.lexicon().words().checksum());
        assertEquals("character", loaded.lexicon().words().unit());
        assertEquals(saved.provenance(), loaded.provenance());
        assertTrue(Model.exists(hadoop(dir), CONF));
        assertEquals(loaded.network(), Model.load("file:" + dir, CONF).network());
    }

    @Test void tensorsLieInTheFileByNameAndShape() throws IOException {
        byte[] file = Files.readAllBytes(dir.resolve("model.safetensors"));
        ByteBuffer buffer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int header = Math.toIntExact(buffer.getLong());
        JsonNode tensors = JSON.readTree(new String(file, 8, header, StandardCharsets.UTF_8));
        assertEquals("{\"format\":\"pt\"}", tensors.get("__metadata__").toString());
        // vocab 3, embedding 2, hidden 1, layers 2
        assertEquals("{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]}", tensors.get("embedding.weight").toString());
        assertEquals("{\"dtype\":\"F32\",\"shape\":[4,2],\"data_offsets\":[24,56]}", tensors.get("weight_ih_l0").toString());
        assertEquals("{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[56,72]}", tensors.get("weight_hh_l0").toString());
        assertEquals("{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[72,88]}", tensors.get("bias_l0").toString());
        assertEquals("{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[148,160]}", tensors.get("output.bias").toString());
        assertEquals(8 + header + 4 * model(1).parameters().length, file.length);
        for (int p = 0; p < model(1).parameters().length; p++) assertEquals(model(1).parameters()[p], buffer.getFloat(8 + header + 4 * p));
    }

    @Test void theSameParametersAreTheSameBytesWhateverTheProvenance() throws IOException {
        Model other = new Model(model(1).network(), model(1).parameters(), Lexicon.of(vocabulary()), JSON.createObjectNode().put("date", "another"));
        other.save(hadoop(temp.resolve("other")), CONF);
        assertEquals(-1, Files.mismatch(dir.resolve("model.safetensors"), temp.resolve("other/model.safetensors")));
        assertEquals(-1, Files.mismatch(dir.resolve("vocabulary.txt"), temp.resolve("other/vocabulary.txt")));
    }

    @Test void everyArchitectureComesBack() throws IOException {
        for (Cell cell : List.of(Cell.RNN, Cell.RELU, Cell.LSTM, Cell.PEEPHOLE, new Cell(4, Activation.SIGMOID, false)))
            for (boolean tied : new boolean[] {false, true}) {
                Network network = new Network(3, 2, cell, 2, 1, false, new Head(true, Loss.SOFTMAX, 3), tied);
                Path there = temp.resolve(cell.name() + cell.activation() + tied);
                new Model(network, Parameters.initial(network, 1), Lexicon.of(vocabulary()), JSON.createObjectNode()).save(hadoop(there), CONF);
                Model back = Model.load(there.toString(), CONF);
                assertEquals(network, back.network());
                assertArrayEquals(Parameters.initial(network, 1), back.parameters());
            }
    }

    @Test void theJsonSaysWhatSha256sumSays() throws Exception {
        JsonNode json = JSON.readTree(dir.resolve("model.json").toFile());
        assertEquals("{\"task\":\"language-model\",\"unit\":\"character\",\"vocab\":3,\"embedding\":2,\"cell\":\"lstm\",\"candidateActivation\":\"tanh\","
                + "\"hidden\":1,\"layers\":2,\"bidirectional\":false,\"tied\":false,\"loss\":\"softmax\",\"outputs\":3}", json.get("architecture").toString());
        for (String name : List.of("model.safetensors", "vocabulary.txt")) {
            byte[] bytes = Files.readAllBytes(dir.resolve(name));
            assertEquals(bytes.length, json.get("files").get(name).get("length").asInt());
            assertEquals(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)), json.get("files").get(name).get("sha256").asText());
        }
    }

    @Test void onlyThreeFilesAreLeft() throws IOException {
        try (Stream<Path> files = Files.list(dir)) {
            assertEquals(List.of("model.json", "model.safetensors", "vocabulary.txt"), files.map(p -> p.getFileName().toString()).sorted().toList());
        }
    }

    @Test void anotherModelReplacesIt() {
        model(5).save(hadoop(dir), CONF);
        assertArrayEquals(model(5).parameters(), load().parameters());
    }

    @Test void aSaveThatFailsLeavesTheModelThatIsThere() throws IOException {
        Files.writeString(dir.resolve("replacement"), "a file where a directory must be");
        assertTrue(assertThrows(RuntimeException.class, () -> model(5).save(hadoop(dir), CONF)).getMessage().startsWith("cannot write the model to " + dir));
        assertArrayEquals(model(1).parameters(), load().parameters());
    }

    /** A process may die after any byte and before any deletion, and another one after it: a model that was there once is there. */
    @Test void aSaveThatDiesLeavesTheModelThatIsThereOrTheNewOne() throws IOException {
        Set<Integer> found = new TreeSet<>();
        boolean whole = false;
        for (int allowed = 0, deaths = 0; !whole; allowed += Dying.STEP) {
            model(1).save(hadoop(dir), CONF);
            whole = saved(5, allowed);
            int first = loaded();
            assertTrue(first == 1 || first == 5, "model " + first + " after " + allowed + " bytes");
            found.add(first);
            if (!whole && deaths++ % 40 == 0)
                for (int again = 0; again < 3 * allowed; again += 31 * Dying.STEP) {
                    int before = loaded();
                    saved(9, again);
                    int second = loaded();
                    assertTrue(second == before || second == 9, "model " + second + " after " + allowed + " and " + again + " bytes, before " + before);
                    assertTrue(Model.exists(hadoop(dir), CONF));
                }
        }
        assertEquals(Set.of(1, 5), found);
        onlyThreeFilesAreLeft();
    }

    private boolean saved(int seed, long allowed) {
        try {
            model(seed).save(Dying.path(dir), Dying.after(allowed));
            return true;
        } catch (UncheckedIOException died) {
            assertTrue(died.getMessage().endsWith("no more bytes"), died.getMessage());
            return false;
        }
    }

    /** The seed of the model that is there. */
    private int loaded() {
        return Math.round(load().parameters()[8] * 3);
    }

    @Test void aReplacementThatWasNotNeededIsForgotten() throws IOException {
        model(5).save(hadoop(dir), CONF);
        model(7).save(hadoop(dir.resolve("replacement")), CONF);       // killed before the first file was replaced
        assertArrayEquals(model(5).parameters(), load().parameters());
        Files.delete(dir.resolve("model.safetensors"));                 // killed after it
        assertArrayEquals(model(7).parameters(), load().parameters());
        Files.delete(dir.resolve("replacement/vocabulary.txt"));
        assertEquals("file:" + dir + "/model.safetensors is missing; copy the whole directory again", refused());
    }

    @Test void aFileOfTheUserInReplacementIsLeftAlone() throws IOException {
        Files.createDirectories(dir.resolve("replacement"));
        Path thesis = Files.writeString(dir.resolve("replacement/thesis.txt"), "mine");
        model(5).save(hadoop(dir), CONF);
        assertEquals("mine", Files.readString(thesis));
        assertArrayEquals(model(5).parameters(), load().parameters());
    }

    @Test void aDirectoryThatIsMissingIsNamed() {
        Path none = temp.resolve("none");
        assertEquals("there is no directory file:" + none + ", expected a model; give the --output of a training",
                assertThrows(BadInput.class, () -> Model.load(none.toString(), CONF)).getMessage());
        assertFalse(Model.exists(hadoop(none), CONF));
        assertTrue(assertThrows(BadInput.class, () -> Model.load("nowhere://x/y", CONF)).getMessage().startsWith("cannot read a model from 'nowhere://x/y': No FileSystem"));
    }

    @Test void aFileThatIsMissingIsNamed() throws IOException {
        Files.move(dir.resolve("model.safetensors"), dir.resolve("elsewhere"));
        assertEquals("file:" + dir + "/model.safetensors is missing; copy the whole directory again", refused());
        Files.delete(dir.resolve("vocabulary.txt"));
        assertEquals("file:" + dir + "/vocabulary.txt is missing; copy the whole directory again", refused());
        Files.delete(dir.resolve("model.json"));
        assertEquals("file:" + dir + "/model.json is missing, so file:" + dir + " is not a whole model (it is written last); "
                + "give the --output of a training that has finished, or finish this one", refused());
    }

    @Test void aFlippedBitAnywhereIsFound() throws IOException {
        for (String name : List.of("model.safetensors", "vocabulary.txt")) {
            byte[] good = Files.readAllBytes(dir.resolve(name));
            for (int at = 0; at < good.length; at++) {
                String message = flipped(name, good, at);
                assertTrue(message.startsWith("sha256 of file:" + dir + "/" + name + " is ") && message.endsWith(
                        ", expected " + sha256(good) + "; the file is damaged or was changed, copy or write it again"), message);
            }
        }
        byte[] good = Files.readAllBytes(dir.resolve("model.json"));
        for (int at = 0; at < good.length; at++)        // a blank of the JSON may become another
            if (good[at] != ' ' && good[at] != '\n') assertTrue(flipped("model.json", good, at).contains("file:" + dir + "/model.json "));
        load();
    }

    private String flipped(String name, byte[] good, int at) throws IOException {
        byte[] flipped = good.clone();
        flipped[at] ^= 1 << at % 8;
        Files.write(dir.resolve(name), flipped);
        try {
            return refused();
        } finally {
            Files.write(dir.resolve(name), good);
        }
    }

    @Test void aFileCutOffOrGrownIsNamedWithItsLength() throws IOException {
        for (String name : List.of("model.safetensors", "vocabulary.txt")) {
            byte[] good = Files.readAllBytes(dir.resolve(name));
            for (int length = 0; length < good.length; length++) {
                Files.write(dir.resolve(name), Arrays.copyOf(good, length));
                assertEquals("file:" + dir + "/" + name + " has " + length + " bytes, expected " + good.length + "; it is truncated, copy or write it again", refused());
            }
            Files.write(dir.resolve(name), Arrays.copyOf(good, good.length + 1));
            assertEquals("file:" + dir + "/" + name + " has " + (good.length + 1) + " bytes, expected " + good.length + "; it is another file, copy or write it again", refused());
            Files.write(dir.resolve(name), good);
        }
    }

    @Test void aJsonThatIsCutOffIsNoModel() throws IOException {
        byte[] good = Files.readAllBytes(dir.resolve("model.json"));
        for (int length = 0; length < good.length - 1; length++) {
            Files.write(dir.resolve("model.json"), Arrays.copyOf(good, length));
            String message = refused();
            assertTrue(message.startsWith("file:" + dir + "/model.json "), message);
        }
    }

    @Test void whatTheJsonSaysCannotBeChangedUnseen() throws IOException {
        for (String to : List.of("1.5", "\"1.25\"")) {
            String message = edited("\"loss\" : 1.25", "\"loss\" : " + to, false);
            assertTrue(message.matches("sha256 of the content of file:\\Q" + dir + "\\E/model.json is \\p{XDigit}{64}, expected \\p{XDigit}{64}; "
                    + "the file is damaged or was changed, copy or write it again"), message);
        }
        assertTrue(edited("\"sha256\"", "\"sha512\"", false).contains(", expected missing; "));
    }

    @Test void aJsonThatSaysSomethingElseIsRefused() throws IOException {
        assertEquals("file:" + dir + "/model.json has format 2, this version reads up to 1; use the version of Rondo that wrote it, or a newer one",
                edited("\"format\" : 1", "\"format\" : 2", false));
        assertEquals("file:" + dir + "/model.json has no format, expected an integer from 1 to 1; Rondo did not write it",
                edited("\"format\"", "\"former\"", false));
        assertEdited("language-model", "tagger", "task in file:" + dir + "/model.json is tagger, this version knows language-model, tagging, classification, regression; use the version of Rondo that wrote it");
        assertEdited("\"unit\" : \"character\"", "\"unit\" : \"letter\"", "unit of file:" + dir + "/vocabulary.txt is 'letter', expected character, word or token");
        assertEdited("\"vocab\" : 3", "\"vocab\" : 4", "file:" + dir + "/vocabulary.txt has 3 tokens, model.json says 4; copy the model again");
        assertEdited("\"hidden\" : 1", "\"hidden\" : 0", "hidden in file:" + dir + "/model.json is 0, expected a positive integer; the file is damaged, copy the model again");
        assertEdited("\"hidden\" : 1,", "", "hidden in file:" + dir + "/model.json is missing, expected a positive integer; the file is damaged, copy the model again");
        assertEdited("\"hidden\" : 1", "\"hidden\" : 2", "file:" + dir + "/model.safetensors: weight_ih_l0 has shape [4, 2], expected [8, 2] for "
                + new Network(3, 2, 2, 2) + "; copy the model again");
        assertEdited("\"layers\" : 2", "\"layers\" : 1", "file:" + dir + "/model.safetensors has a tensor weight_ih_l1, which " + new Network(3, 2, 1, 1) + " has not; copy the model again");
        assertEdited("\"vocabulary.txt\"", "\"vocabulary\"", "file:" + dir + "/model.json says no length and sha256 of vocabulary.txt; it is damaged, copy or write it again");
        String missing = edited("\"layers\" : 2", "\"layers\" : 3", true);
        assertTrue(missing.startsWith("file:" + dir + "/model.safetensors lacks [") && missing.contains("bias_l2"), missing);
    }

    /** As it was written before there were other tasks. */
    @Test void anOlderLanguageModelIsStillRead() throws IOException {
        ObjectNode json = (ObjectNode) JSON.readTree(dir.resolve("model.json").toFile());
        ((ObjectNode) json.get("architecture")).remove(List.of("bidirectional", "loss", "outputs"));
        assertEquals("{\"task\":\"language-model\",\"unit\":\"character\",\"vocab\":3,\"embedding\":2,\"cell\":\"lstm\",\"candidateActivation\":\"tanh\","
                + "\"hidden\":1,\"layers\":2,\"tied\":false}", json.get("architecture").toString());
        SealedJson.write(new Folder(hadoop(dir), CONF), "model.json", json.without(List.of("format", "sha256")));
        Model loaded = load();
        assertEquals(model(1).network(), loaded.network());
        assertArrayEquals(model(1).parameters(), loaded.parameters());
        assertEquals(model(1).lexicon().checksum(), loaded.lexicon().checksum());
        assertTrue(loaded.lexicon().exact());
    }

    private static Model labelled(Task task, Vocabulary words, Vocabulary characters, int features, List<String> labels, TagScheme scheme, int values, Loss loss) {
        Lexicon lexicon = new Lexicon(task, words, characters, features > 1, features, labels, scheme, values);
        Network network = new Network(words == null ? 0 : words.size(), words == null ? features : 2, characters == null ? null : new Network.Spelling(characters.size(), 2, 1),
                Cell.LSTM, 2, 1, task != Task.REGRESSION, new Head(task == Task.TAGGING, loss, lexicon.outputs()), false);
        return new Model(network, Parameters.initial(network, 3), lexicon, JSON.createObjectNode().put("a", 1));
    }

    private static List<Model> labelled() throws IOException {
        Vocabulary tokens = Vocabulary.read(new ByteArrayInputStream("<unk>\nNew York\nx\n".getBytes(StandardCharsets.UTF_8)), "token", "test");
        List<String> entities = List.of("B-A", "E-A", "O", "S-\u00e4 \"x\"");
        return List.of(labelled(Task.TAGGING, tokens, vocabulary(), 0, entities, TagScheme.IOBES, 0, Loss.CRF), labelled(Task.TAGGING, tokens, null, 0, List.of("N", "V"), TagScheme.NONE, 0, Loss.SOFTMAX),
                labelled(Task.TAGGING, null, null, 3, entities, TagScheme.IOBES, 0, Loss.CRF), labelled(Task.CLASSIFICATION, tokens, null, 0, List.of("x", "y", "z"), null, 0, Loss.SOFTMAX),
                labelled(Task.CLASSIFICATION, null, null, 1, List.of("x"), null, 0, Loss.SOFTMAX), labelled(Task.REGRESSION, tokens, vocabulary(), 0, List.of(), null, 2, Loss.SQUARED_ERROR),
                labelled(Task.REGRESSION, null, null, 4, List.of(), null, 1, Loss.SQUARED_ERROR));
    }

    @Test void everyTaskComesBack() throws IOException {
        for (Model saved : labelled()) {
            Path there = temp.resolve("" + temp.toFile().list().length);
            saved.save(hadoop(there), CONF);
            Model loaded = Model.load(there.toString(), CONF);
            assertEquals(saved.network(), loaded.network());
            assertArrayEquals(saved.parameters(), loaded.parameters());
            Lexicon was = saved.lexicon(), is = loaded.lexicon();
            assertEquals(List.of(was.task(), was.exact(), was.features(), was.labels(), was.values(), was.checksum()), List.of(is.task(), is.exact(), is.features(), is.labels(), is.values(), is.checksum()));
            assertEquals(was.scheme(), is.scheme());
            Set<String> files = new TreeSet<>(Set.of("model.json", "model.safetensors"));
            if (was.words() != null) files.add("vocabulary.txt");
            if (was.characters() != null) files.add("characters.txt");
            assertEquals(files, new TreeSet<>(List.of(there.toFile().list((folder, name) -> !name.startsWith(".")))));
            if (was.task() != Task.LANGUAGE_MODEL) assertTrue(assertThrows(BadInput.class, () -> loaded.asLanguageModel("generating")).getMessage()
                    .startsWith("the model is for " + was.task().key() + ", expected a language model"));
        }
    }

    @Test void charactersThatAreDamagedOrMissingAreNamed() throws IOException {
        labelled().get(0).save(hadoop(dir), CONF);
        byte[] good = Files.readAllBytes(dir.resolve("characters.txt"));
        for (int at = 0; at < good.length; at++) assertTrue(flipped("characters.txt", good, at).startsWith("sha256 of file:" + dir + "/characters.txt is "));
        Files.delete(dir.resolve("characters.txt"));
        assertEquals("file:" + dir + "/characters.txt is missing; copy the whole directory again", refused());
    }

    @Test void aLabelledModelsJsonThatSaysSomethingElseIsRefused() throws IOException {
        labelled().get(0).save(hadoop(dir), CONF);
        assertEdited("[ \"B-A\"", "[ \"B-B\", \"B-A\"", "file:" + dir + "/model.json has 5 labels for 4 outputs, expected as many; the file is damaged, copy the model again");
        assertEdited("\"tagging\"", "\"parsing\"", "task in file:" + dir + "/model.json is parsing, this version knows language-model, tagging, classification, regression; use the version of Rondo that wrote it");
        assertEdited("\"iobes\"", "\"bilou\"", "scheme in file:" + dir + "/model.json is bilou, this version knows iob1, iob2, iobes, io, none; use the version of Rondo that wrote it");
        assertEdited("\"crf\"", "\"hinge\"", "loss in file:" + dir + "/model.json is hinge, this version knows softmax, squared_error, crf; use the version of Rondo that wrote it");
        assertEdited("\"outputs\" : 4", "\"outputs\" : 0", "outputs in file:" + dir + "/model.json is 0, expected a positive integer; the file is damaged, copy the model again");
        assertEdited("\"characters\" : 3", "\"characters\" : 4", "file:" + dir + "/characters.txt has 3 tokens, model.json says 4; copy the model again");
    }

    /** A smaller model without vocabularies over one that has them leaves none behind. */
    @Test void aModelThatIsReplacedLeavesNothing() throws IOException {
        labelled().get(0).save(hadoop(dir), CONF);
        labelled().get(6).save(hadoop(dir), CONF);
        assertEquals(List.of("model.json", "model.safetensors"), Stream.of(dir.toFile().list((folder, name) -> !name.startsWith("."))).sorted().toList());
        assertEquals(4, load().lexicon().features());
    }

    @Test void whatDoesNotFitTogetherIsNoModel() {
        assertThrows(IllegalArgumentException.class, () -> new Model(new Network(3, 2, 1, 2), new float[3], Lexicon.of(vocabulary()), JSON.createObjectNode()));
        Network wide = new Network(4, 2, 1, 2);
        assertThrows(IllegalArgumentException.class, () -> new Model(wide, new float[wide.parameterCount()], Lexicon.of(vocabulary()), JSON.createObjectNode()));
    }

    private void assertEdited(String from, String to, String expected) throws IOException {
        assertEquals(expected, edited(from, to, true));
    }

    /** @param sealed again, as by another version of Rondo */
    private String edited(String from, String to, boolean sealed) throws IOException {
        String good = Files.readString(dir.resolve("model.json"));
        assertTrue(good.contains(from), from);
        String edited = good.replaceFirst(java.util.regex.Pattern.quote(from), to);
        Files.writeString(dir.resolve("model.json"), edited);
        if (sealed) SealedJson.write(new Folder(hadoop(dir), CONF), "model.json", ((ObjectNode) JSON.readTree(edited)).without(List.of("format", "sha256")));
        try {
            return refused();
        } finally {
            Files.writeString(dir.resolve("model.json"), good);
        }
    }

    private String refused() {
        return assertThrows(BadInput.class, this::load).getMessage();
    }

    private Model load() {
        return Model.load(dir.toString(), CONF);
    }

    private static org.apache.hadoop.fs.Path hadoop(Path path) {
        return new org.apache.hadoop.fs.Path(path.toString());
    }

    private static Model model(int seed) {
        Network network = new Network(3, 2, 1, 2);
        float[] parameters = new float[network.parameterCount()];
        for (int p = 0; p < parameters.length; p++) parameters[p] = (p - 7) * seed / 3f;
        ObjectNode provenance = JSON.createObjectNode().put("data", "file:/x").put("loss", 1.25);
        try {
            return new Model(network, parameters, Lexicon.of(vocabulary()), provenance);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static Vocabulary vocabulary() throws IOException {
        return Vocabulary.read(new ByteArrayInputStream("<unk>\n\\n\nä\n".getBytes(StandardCharsets.UTF_8)), "character", "test");
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
