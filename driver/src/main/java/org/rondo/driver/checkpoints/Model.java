package org.rondo.driver.checkpoints;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HashSet;
import java.util.Locale;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Tensor;

/** A trained language model, and the directory it lives in: {@code model.safetensors} (the tensors by name, the same bytes for
 *  the same parameters), {@code vocabulary.txt}, and {@code model.json} which is written last and seals both and itself: a
 *  directory without it is no model. While a model is replaced there is a whole copy of the new one in {@code replacement}. */
public final class Model {
    static final String TENSORS = "model.safetensors", VOCABULARY = "vocabulary.txt", MODEL = "model.json", REPLACEMENT = "replacement";
    private static final String TASK = "language-model";

    private final Network network;
    private final float[] parameters;
    private final Vocabulary vocabulary;
    private final ObjectNode provenance;

    /** @param parameters network.parameterCount() floats, not copied
     *  @param provenance where the model comes from: data, settings, versions, losses */
    public Model(Network network, float[] parameters, Vocabulary vocabulary, ObjectNode provenance) {
        if (parameters.length != network.parameterCount()) throw new IllegalArgumentException(parameters.length + " parameters, "
                + network + " has " + network.parameterCount());
        if (vocabulary.size() != network.vocab()) throw new IllegalArgumentException("vocabulary has " + vocabulary.size() + " tokens, "
                + network + " has " + network.vocab());
        this.network = network;
        this.parameters = parameters;
        this.vocabulary = vocabulary;
        this.provenance = provenance;
    }

    public Network network() {
        return network;
    }

    /** One flat vector in the order of {@link Network#tensors()}, not copied. */
    public float[] parameters() {
        return parameters;
    }

    public Vocabulary vocabulary() {
        return vocabulary;
    }

    public ObjectNode provenance() {
        return provenance;
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
            boolean onlyReplacement = isWhole(replacement) && !isWhole(folder);     // a save before this one was killed
            if (folder.has(MODEL) && !onlyReplacement) write(replacement);
            write(folder);
            for (String name : List.of(MODEL, VOCABULARY, TENSORS)) replacement.fs.delete(new Path(replacement.path, name), false);
            if (replacement.isEmpty()) replacement.fs.delete(replacement.path, false);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the model to " + directory + ": " + e.getMessage(), e);
        }
    }

    private void write(Folder folder) throws IOException {
        folder.fs.mkdirs(folder.path);
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.putObject("architecture").put("task", TASK).put("unit", vocabulary.unit()).put("vocab", network.vocab())
                .put("embedding", network.embedding()).put("cell", network.cell().name())
                    .put("candidateActivation", network.cell().activation().name().toLowerCase(Locale.ROOT)).put("hidden", network.hidden())
                    .put("layers", network.layers()).put("tied", network.tied());
        SealedJson.put(json, TENSORS, folder.write(TENSORS, out -> Safetensors.write(out, Map.of("format", "pt"), entries())));
        SealedJson.put(json, VOCABULARY, folder.write(VOCABULARY, vocabulary::write));
        json.set("provenance", provenance);
        SealedJson.write(folder, MODEL, json);
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
        String task = a.path("task").asText("missing");
        if (!task.equals(TASK)) throw new BadInput("task in " + file + " is " + task + ", this version knows " + TASK + "; use the version of Rondo that wrote it");
        Network network = network(a, file);
        Vocabulary vocabulary = folder.read(VOCABULARY, SealedJson.seal(json, VOCABULARY, file),
                (in, length) -> Vocabulary.read(in, a.path("unit").asText("missing"), new Path(folder.path, VOCABULARY).toString()));
        if (vocabulary.size() != network.vocab()) throw new BadInput(new Path(folder.path, VOCABULARY) + " has " + vocabulary.size()
                + " tokens, " + MODEL + " says " + network.vocab() + "; copy the model again");
        float[] parameters = folder.read(TENSORS, SealedJson.seal(json, TENSORS, file),
                (in, length) -> Model.parameters(in, length, network, new Path(folder.path, TENSORS).toString()));
        return new Model(network, parameters, vocabulary, json.get("provenance") instanceof ObjectNode p ? p : JsonNodeFactory.instance.objectNode());
    }

    private static Network network(JsonNode a, Path file) {
        Cell cell = Cell.of(a.path("cell").asText("missing"), a.path("candidateActivation").asText("missing"));
        int vocab = size(a, "vocab", file);
        return new Network(vocab, size(a, "embedding", file), cell, size(a, "hidden", file), size(a, "layers", file), false,
                new Head(true, Loss.SOFTMAX, vocab), a.path("tied").asBoolean());
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
