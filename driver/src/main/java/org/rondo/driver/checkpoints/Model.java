package org.rondo.driver.checkpoints;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Folder.Seal;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Network;
import org.rondo.kernels.Tensor;

/** A trained language model, and the directory it lives in: {@code model.safetensors} (the tensors by name, the same bytes for
 *  the same parameters), {@code vocabulary.txt}, and {@code model.json} which is written last and seals both: a directory
 *  without it is no model. */
public final class Model {
    static final String TENSORS = "model.safetensors", VOCABULARY = "vocabulary.txt", MODEL = "model.json";
    private static final int FORMAT = 1;
    private static final String TASK = "language-model";
    private static final ObjectMapper JSON = new ObjectMapper();

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
            return new Folder(directory, conf).has(MODEL);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot look for a model in " + directory + ": " + e.getMessage(), e);
        }
    }

    /** Writes the directory. A model that is there is given up first, so that its seals never cover files of this one. */
    public void save(Path directory, Configuration conf) {
        try {
            Folder folder = new Folder(directory, conf);
            folder.fs.mkdirs(folder.path);
            folder.fs.delete(new Path(folder.path, MODEL), false);
            Seal tensors = folder.write(TENSORS, out -> Safetensors.write(out, Map.of("format", "pt"), entries()));
            Seal tokens = folder.write(VOCABULARY, vocabulary::write);
            ObjectNode json = JSON.createObjectNode().put("format", FORMAT);
            json.putObject("architecture").put("task", TASK).put("unit", vocabulary.unit()).put("vocab", network.vocab())
                    .put("embedding", network.embedding()).put("hidden", network.hidden()).put("layers", network.layers());
            ObjectNode files = json.putObject("files");
            put(files, TENSORS, tensors);
            put(files, VOCABULARY, tokens);
            json.set("provenance", provenance);
            byte[] bytes = (JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n").getBytes(StandardCharsets.UTF_8);
            folder.write(MODEL, out -> out.write(bytes));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the model to " + directory + ": " + e.getMessage(), e);
        }
    }

    /** @throws BadInput if the directory is not a whole model, to the bit, of this version or an older one */
    public static Model load(String directory, Configuration conf) {
        try {
            Folder folder = new Folder(new Path(directory), conf);
            JsonNode json = json(folder);
            JsonNode a = json.path("architecture");
            String task = a.path("task").asText("missing");
            if (!task.equals(TASK)) throw new BadInput("task in " + new Path(folder.path, MODEL) + " is " + task + ", this version knows " + TASK
                    + "; use the version of Rondo that wrote it");
            Network network = new Network(size(a, "vocab", folder), size(a, "embedding", folder), size(a, "hidden", folder), size(a, "layers", folder));
            Vocabulary vocabulary = folder.read(VOCABULARY, seal(json, VOCABULARY, folder),
                    (in, length) -> Vocabulary.read(in, a.path("unit").asText("missing"), new Path(folder.path, VOCABULARY).toString()));
            if (vocabulary.size() != network.vocab()) throw new BadInput(new Path(folder.path, VOCABULARY) + " has " + vocabulary.size()
                    + " tokens, " + MODEL + " says " + network.vocab() + "; copy the model again");
            float[] parameters = folder.read(TENSORS, seal(json, TENSORS, folder),
                    (in, length) -> Model.parameters(in, length, network, new Path(folder.path, TENSORS).toString()));
            return new Model(network, parameters, vocabulary, json.get("provenance") instanceof ObjectNode p ? p : JSON.createObjectNode());
        } catch (IOException | IllegalArgumentException e) {
            throw new BadInput("cannot read a model from '" + directory + "': " + e.getMessage() + "; check the path and the files", e);
        }
    }

    private static JsonNode json(Folder folder) throws IOException {
        Path file = new Path(folder.path, MODEL);
        if (!folder.fs.exists(folder.path)) throw new BadInput("there is no directory " + folder.path + ", expected a model; give the --output of a training");
        if (!folder.has(MODEL)) throw new BadInput(file + " is missing, so " + folder.path + " is not a whole model (it is written last); "
                + "give the --output of a training that has finished, or finish this one");
        JsonNode json;
        try {
            json = JSON.readTree(folder.read(MODEL));
        } catch (JsonProcessingException e) {
            throw new BadInput(file + " is not JSON: " + e.getOriginalMessage() + "; it is damaged, copy the model or train again", e);
        }
        JsonNode format = json.path("format");
        if (!format.isInt() || format.asInt() < 1) throw new BadInput(file + " has no format, expected an integer from 1 to " + FORMAT + "; it is not a model of Rondo");
        if (format.asInt() > FORMAT) throw new BadInput(file + " has format " + format + ", this version reads up to " + FORMAT
                + "; use the version of Rondo that wrote it, or a newer one");
        return json;
    }

    private static int size(JsonNode architecture, String name, Folder folder) {
        JsonNode size = architecture.path(name);
        if (!size.isInt() || size.asInt() < 1) throw new BadInput(name + " in " + new Path(folder.path, MODEL) + " is " + size.asText("missing")
                + ", expected a positive integer; the file is damaged, copy the model again");
        return size.asInt();
    }

    private static void put(ObjectNode files, String name, Seal seal) {
        files.putObject(name).put("length", seal.length()).put("sha256", seal.sha256());
    }

    private static Seal seal(JsonNode json, String name, Folder folder) {
        JsonNode file = json.path("files").path(name);
        if (!file.path("length").isIntegralNumber() || !file.path("sha256").isTextual())
            throw new BadInput(new Path(folder.path, MODEL) + " says no length and sha256 of " + name + "; it is damaged, copy the model again");
        return new Seal(file.get("length").asLong(), file.get("sha256").asText());
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
