package org.rondo.driver.checkpoints;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Tensor;

/** A trained model, and the directory it lives in: {@code model.safetensors} (the tensors by name, the same bytes for
 *  the same parameters), {@code vocabulary.txt} and {@code characters.txt}, where it reads tokens and their characters, and {@code model.json} which is written last and seals them and itself: a
 *  directory without it is no model. While a model is replaced there is a whole copy of the new one in {@code replacement}. */
public final class Model {
    static final String TENSORS = "model.safetensors", VOCABULARY = "vocabulary.txt", CHARACTERS = "characters.txt", MODEL = "model.json",
            REPLACEMENT = "replacement";

    private final Network network;
    private final float[] parameters;
    private final Lexicon lexicon;
    private final ObjectNode provenance;

    /** @param parameters network.parameterCount() floats, not copied
     *  @param provenance where the model comes from: data, settings, versions, losses */
    public Model(Network network, float[] parameters, Lexicon lexicon, ObjectNode provenance) {
        if (parameters.length != network.parameterCount()) throw new IllegalArgumentException(parameters.length + " parameters, "
                + network + " has " + network.parameterCount());
        int tokens = lexicon.words() == null ? 0 : lexicon.words().size();
        if (tokens != network.vocab() || lexicon.outputs() != network.head().outputs() || (lexicon.characters() == null) != (network.spelling() == null))
            throw new IllegalArgumentException("vocabulary has " + tokens + " tokens, " + (lexicon.characters() == null ? "no" : "and their") + " characters, and "
                    + lexicon.outputs() + " outputs, expected those of " + network);
        this.network = network;
        this.parameters = parameters;
        this.lexicon = lexicon;
        this.provenance = provenance;
    }

    public Network network() {
        return network;
    }

    /** One flat vector in the order of {@link Network#tensors()}, not copied. */
    public float[] parameters() {
        return parameters;
    }

    public Lexicon lexicon() {
        return lexicon;
    }

    /** @param job that needs a language model, for messages
     *  @throws BadInput if this is none */
    public Model asLanguageModel(String job) {
        if (lexicon.task() != Task.LANGUAGE_MODEL) throw new BadInput("the model is for " + lexicon.task().key() + ", expected a language model, which " + job + " is of; set --model to one");
        return this;
    }

    public ObjectNode provenance() {
        return provenance;
    }

    /** SHA-256 of the parameters, as they are in a file, in hexadecimal. */
    public String checksum() {
        MessageDigest sha256 = Folder.sha256();
        try (OutputStream out = new DigestOutputStream(OutputStream.nullOutputStream(), sha256)) {
            Safetensors.write(out, Map.of(), entries());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Folder.hex(sha256);
    }

    /** Whether the directory holds a model that was written to its end. */
    public static boolean exists(Path directory, Configuration conf) {
        try {
            Folder folder = new Folder(directory, conf);
            return SealedJson.isFinished(folder, MODEL) || SealedJson.isFinished(new Folder(folder, REPLACEMENT), MODEL);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot look for a model in " + directory + ": " + e.getMessage(), e);
        }
    }

    /** Writes the directory. A model that is there is replaced so that, whenever this is killed or fails, it or this one can be
     *  loaded: one of directory and replacement is whole at any time. */
    public void save(Path directory, Configuration conf) {
        try {
            Folder folder = new Folder(directory, conf), replacement = new Folder(folder, REPLACEMENT);
            boolean replaces = folder.has(MODEL);
            boolean onlyReplacement = isWhole(replacement) && !isWhole(folder);     // a save before this one was killed
            if (replaces && !onlyReplacement) write(replacement);
            write(folder);
            if (replaces && lexicon.words() == null) folder.fs.delete(new Path(folder.path, VOCABULARY), false);            // of the model before
            if (replaces && lexicon.characters() == null) folder.fs.delete(new Path(folder.path, CHARACTERS), false);
            for (String name : List.of(MODEL, VOCABULARY, CHARACTERS, TENSORS)) replacement.fs.delete(new Path(replacement.path, name), false);
            if (replacement.isEmpty()) replacement.fs.delete(replacement.path, false);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the model to " + directory + ": " + e.getMessage(), e);
        }
    }

    /** Deletes what {@link #save} writes, {@code model.json} first, so that what is left when this is killed is no model. Other files stay. */
    public static void delete(Path directory, Configuration conf) throws IOException {
        Folder folder = new Folder(directory, conf), replacement = new Folder(folder, REPLACEMENT);
        for (String name : List.of(MODEL, VOCABULARY, CHARACTERS, TENSORS))
            for (Folder one : List.of(replacement, folder)) one.fs.delete(new Path(one.path, name), false);
        if (replacement.isEmpty()) replacement.fs.delete(replacement.path, false);
    }

    private void write(Folder folder) throws IOException {
        folder.fs.mkdirs(folder.path);
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.set("architecture", architecture());
        SealedJson.put(json, TENSORS, folder.write(TENSORS, out -> Safetensors.write(out, Map.of("format", "pt"), entries())));
        if (lexicon.words() != null) SealedJson.put(json, VOCABULARY, folder.write(VOCABULARY, lexicon.words()::write));
        if (lexicon.characters() != null) SealedJson.put(json, CHARACTERS, folder.write(CHARACTERS, lexicon.characters()::write));
        json.set("provenance", provenance);
        SealedJson.write(folder, MODEL, json);
    }

    /** Network and lexicon, vocabularies aside, as {@code model.json} has them. */
    public ObjectNode architecture() {
        ObjectNode a = JsonNodeFactory.instance.objectNode();
        a.put("task", lexicon.task().key());
        if (lexicon.words() != null) a.put("unit", lexicon.words().unit());
        a.put("vocab", network.vocab()).put("embedding", network.embedding()).put("cell", network.cell().name())
                .put("candidateActivation", network.cell().activation().name().toLowerCase(Locale.ROOT)).put("hidden", network.hidden())
                .put("layers", network.layers()).put("bidirectional", network.bidirectional()).put("tied", network.tied())
                .put("loss", network.head().loss().name().toLowerCase(Locale.ROOT)).put("outputs", network.head().outputs());
        if (network.spelling() != null) a.putObject("spelling").put("characters", network.spelling().characters()).put("embedding", network.spelling().embedding())
                .put("hidden", network.spelling().hidden());
        if (lexicon.task() != Task.LANGUAGE_MODEL) a.put("wordForm", lexicon.exact() ? "exact" : "normal");
        if (lexicon.scheme() != null) a.put("scheme", lexicon.scheme().key());
        if (!lexicon.labels().isEmpty()) lexicon.labels().forEach(a.putArray("labels")::add);
        return a;
    }

    /** @throws BadInput if the directory is not a whole model, to the bit, of this version or an older one */
    public static Model load(String directory, Configuration conf) {
        try {
            Folder folder = new Folder(new Path(directory), conf);
            if (!folder.fs.exists(folder.path)) throw new BadInput("there is no directory " + folder.path + ", expected a model; give the --output of a training");
            try {
                return read(folder);
            } catch (BadInput damaged) {
                Folder replacement = new Folder(folder, REPLACEMENT);
                if (isWhole(replacement)) return read(replacement);
                throw damaged;
            }
        } catch (IOException | IllegalArgumentException e) {
            throw new BadInput("cannot read a model from '" + directory + "': " + e.getMessage() + "; check the path and the files", e);
        }
    }

    private static boolean isWhole(Folder folder) throws IOException {
        try {
            read(folder);
            return true;
        } catch (BadInput notWhole) {
            return false;
        }
    }

    private static Model read(Folder folder) throws IOException {
        Path file = new Path(folder.path, MODEL);
        if (!folder.has(MODEL)) throw new BadInput(file + " is missing, so " + folder.path + " is not a whole model (it is written last); "
                + "give the --output of a training that has finished, or finish this one");
        ObjectNode json = SealedJson.read(folder, MODEL);
        JsonNode a = json.path("architecture");
        Task task = oneOf(Task.values(), Task::key, a, "task", file);
        Network network = network(task, a, file);
        Lexicon lexicon = lexicon(task, a, network, json, folder, file);
        float[] parameters = folder.read(TENSORS, SealedJson.seal(json, TENSORS, file),
                (in, length) -> Model.parameters(in, length, network, new Path(folder.path, TENSORS).toString()));
        return new Model(network, parameters, lexicon, json.get("provenance") instanceof ObjectNode p ? p : JsonNodeFactory.instance.objectNode());
    }

    private static Network network(Task task, JsonNode a, Path file) {
        Cell cell = Cell.of(a.path("cell").asText("missing"), a.path("candidateActivation").asText("missing"));
        boolean languageModel = task == Task.LANGUAGE_MODEL;         // of which older files say less
        int vocab = languageModel ? size(a, "vocab", file) : a.path("vocab").asInt(), outputs = languageModel ? vocab : size(a, "outputs", file);
        JsonNode s = a.path("spelling");
        Network.Spelling spelling = s.isMissingNode() ? null : new Network.Spelling(size(s, "characters", file), size(s, "embedding", file), size(s, "hidden", file));
        Loss loss = languageModel ? Loss.SOFTMAX : oneOf(Loss.values(), l -> l.name().toLowerCase(Locale.ROOT), a, "loss", file);
        return new Network(vocab, size(a, "embedding", file), spelling, cell, size(a, "hidden", file), size(a, "layers", file), a.path("bidirectional").asBoolean(),
                new Head(languageModel || task == Task.TAGGING, loss, outputs), a.path("tied").asBoolean());
    }

    private static Lexicon lexicon(Task task, JsonNode a, Network network, ObjectNode json, Folder folder, Path file) throws IOException {
        Vocabulary words = network.vocab() == 0 ? null : vocabulary(folder, json, VOCABULARY, a.path("unit").asText("missing"), network.vocab(), file);
        Vocabulary characters = network.spelling() == null ? null : vocabulary(folder, json, CHARACTERS, "character", network.spelling().characters(), file);
        List<String> labels = new ArrayList<>();
        a.path("labels").forEach(label -> labels.add(label.asText()));
        boolean labelled = task == Task.TAGGING || task == Task.CLASSIFICATION;
        if (labelled && labels.size() != network.head().outputs()) throw new BadInput(file + " has " + labels.size() + " labels for " + network.head().outputs()
                + " outputs, expected as many; the file is damaged, copy the model again");
        TagScheme scheme = task == Task.TAGGING ? oneOf(TagScheme.values(), TagScheme::key, a, "scheme", file) : null;
        return new Lexicon(task, words, characters, task == Task.LANGUAGE_MODEL || a.path("wordForm").asText().equals("exact"), words == null ? network.embedding() : 0,
                List.copyOf(labels), scheme, task == Task.REGRESSION ? network.head().outputs() : 0);
    }

    private static Vocabulary vocabulary(Folder folder, ObjectNode json, String name, String unit, int size, Path file) throws IOException {
        Vocabulary vocabulary = folder.read(name, SealedJson.seal(json, name, file), (in, length) -> Vocabulary.read(in, unit, new Path(folder.path, name).toString()));
        if (vocabulary.size() != size) throw new BadInput(new Path(folder.path, name) + " has " + vocabulary.size()
                + " tokens, " + MODEL + " says " + size + "; copy the model again");
        return vocabulary;
    }

    private static <T> T oneOf(T[] values, Function<T, String> key, JsonNode a, String name, Path file) {
        String said = a.path(name).asText("missing");
        return Stream.of(values).filter(value -> key.apply(value).equals(said)).findFirst().orElseThrow(() -> new BadInput(name + " in " + file + " is " + said
                + ", this version knows " + Stream.of(values).map(key).collect(Collectors.joining(", ")) + "; use the version of Rondo that wrote it"));
    }

    private static int size(JsonNode architecture, String name, Path file) {
        JsonNode size = architecture.path(name);
        if (!size.isInt() || size.asInt() < 1) throw new BadInput(name + " in " + file + " is " + size.asText("missing")
                + ", expected a positive integer; the file is damaged, copy the model again");
        return size.asInt();
    }

    private List<Safetensors.Entry> entries() {
        return network.tensors().stream().map(t -> new Safetensors.Entry(t.name(), t.shape(), parameters, t.offset())).toList();
    }

    private static float[] parameters(InputStream in, long length, Network network, String file) throws IOException {
        float[] parameters = new float[network.parameterCount()];
        Set<String> missing = new HashSet<>();
        network.tensors().forEach(t -> missing.add(t.name()));
        Safetensors.read(in, length, file, (name, shape) -> {
            if (!missing.remove(name)) throw new BadInput(file + " has a tensor " + name + ", which " + network + " has not; copy the model again");
            Tensor t = network.tensor(name);
            if (!t.shape().equals(shape)) throw new BadInput(file + ": " + name + " has shape " + shape + ", expected " + t.shape() + " for " + network
                    + "; copy the model again");
            return new Safetensors.Entry(name, shape, parameters, t.offset());
        });
        if (!missing.isEmpty()) throw new BadInput(file + " lacks " + missing + " of " + network + "; copy the model again");
        return parameters;
    }
}
