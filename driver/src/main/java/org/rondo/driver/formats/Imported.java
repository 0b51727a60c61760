package org.rondo.driver.formats;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.Storage;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.checkpoints.Safetensors.Entry;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Tensor;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** A model of Rondo, made of a state dict of PyTorch's and of what that does not say: tokens, labels and the task. */
public final class Imported {
    private final StateDict dict;
    private final Settings settings;
    private final Task task;
    private final TokenFile words, characters;
    private final List<String> labels;

    private Imported(StateDict dict, Settings settings, Configuration conf) {
        this.dict = dict;
        this.settings = settings;
        this.task = Task.of(settings);
        this.words = TokenFile.read(settings, Setting.VOCABULARY, task == Task.LANGUAGE_MODEL ? settings.get(Setting.UNIT) : "token", conf);
        this.characters = TokenFile.read(settings, Setting.CHARACTERS, "character", conf);
        this.labels = TokenFile.labels(settings, conf);
        boolean labelled = task == Task.TAGGING || task == Task.CLASSIFICATION;
        if (labelled && labels.isEmpty()) throw new BadInput("labels are missing, expected a file with a label a line, as task is " + task.key() + "; set " + Setting.LABELS.option());
        if (!labelled && !labels.isEmpty()) throw new BadInput("labels are given, but task is " + task.key() + ", which has none; set " + Setting.TASK.option() + " to tagging or classification, or leave them out");
        if (task == Task.LANGUAGE_MODEL && words == null) throw new BadInput("vocabulary is missing, expected a file with a token a line; set " + Setting.VOCABULARY.option());
        if (characters != null && words == null) throw new BadInput("characters are given, but no vocabulary, expected both, or none for a model that reads features; set " + Setting.VOCABULARY.option());
    }

    /** From {@link Setting#INPUT} to {@link Setting#OUTPUT}.
     *  @param notes hears what was recognised
     *  @throws BadInput if the output is there and may not be replaced, or something that was given makes no model */
    public static Model write(Settings settings, Configuration conf, Consumer<String> notes) {
        String format = settings.get(Setting.FORMAT);
        if (!format.equals("pytorch")) throw new BadInput("format is '" + format + "', expected pytorch, which import reads; set " + Setting.FORMAT.option());
        Path output = output(settings, conf);
        Model model = read(settings, conf);
        notes.accept(settings.get(Setting.INPUT) + " is " + said(model));
        model.save(output, conf);
        return model;
    }

    /** The model alone. */
    static Model read(Settings settings, Configuration conf) {
        return new Imported(TokenFile.open(settings, Setting.INPUT, conf, "the state dict in safetensors' format", StateDict::read), settings, conf).model();
    }

    private static Path output(Settings settings, Configuration conf) {
        String given = settings.get(Setting.OUTPUT);
        try {
            Path path = new Path(given);
            FileSystem fs = Storage.of(path, conf);
            if (!fs.exists(path)) return path;
            if (!fs.getFileStatus(path).isDirectory()) throw new BadInput("output " + path + " is a file, expected a directory to write the model to; set --output to another path");
            if (settings.get(Setting.OVERWRITE)) return path;
            if (Model.exists(path, conf)) throw new BadInput("output directory " + path + " already holds a model; set --output to another directory, or --overwrite to replace it");
            if (fs.listStatus(path).length > 0)
                throw new BadInput("output directory " + path + " exists and holds no model of Rondo; set --output to another directory, or --overwrite to write into it");
            return path;
        } catch (IOException | IllegalArgumentException e) {
            throw new BadInput("cannot write to output '" + given + "': " + e.getMessage() + "; check path and permissions, or set --output to another directory", e);
        }
    }

    private static String said(Model model) {
        Network n = model.network();
        return "a model for " + model.lexicon().task().key() + ": " + (n.vocab() == 0 ? n.embedding() + " features" : n.vocab() + " tokens of " + n.embedding() + " numbers")
                + (n.spelling() == null ? "" : ", their characters") + ", " + n.layers() + (n.layers() == 1 ? " layer" : " layers") + " of " + n.hidden() + " units" + (n.bidirectional() ? " in both directions" : "")
                + " (" + n.cell().name() + "), " + n.head().outputs() + " outputs" + (n.head().crf() ? " and a CRF" : "") + (n.tied() ? ", tied" : "");
    }

    private Model model() {
        List<Entry> spelled = new ArrayList<>(), rest = new ArrayList<>();
        dict.tensors().forEach((name, entry) -> (("." + name).contains("." + StateDict.SPELLING) ? spelled : rest).add(entry));
        if (spelled.isEmpty() != (characters == null)) throw new BadInput(dict.file() + (spelled.isEmpty() ? " has no tensors" : " has tensors") + " of words' characters (spelling.embedding.weight), but the file of characters is "
                + (characters == null ? "missing" : "given") + "; set " + Setting.CHARACTERS.option() + (characters == null ? "" : " for models that read them alone"));
        Modules modules = new Modules(rest, dict.file()), spelling = spelled.isEmpty() ? null : new Modules(spelled, dict.file());
        Map<String, float[]> parts = new HashMap<>();
        Network network = network(modules, spelling, parts);
        for (Tensor t : network.tensors()) if (!parts.containsKey(t.name())) parts.put(t.name(), part(t, t.name().startsWith(StateDict.SPELLING) ? spelling : modules));
        modules.end();
        if (spelling != null) spelling.end();
        float[] parameters = new float[network.parameterCount()];
        for (Tensor t : network.tensors()) System.arraycopy(parts.get(t.name()), 0, parameters, t.offset(), t.size());
        return new Model(network, parameters, lexicon(network), provenance());
    }

    /** The architecture, from shapes.
     *  @param parts takes what is recognised by its shape: embeddings and the head */
    private Network network(Modules modules, Modules spelling, Map<String, float[]> parts) {
        Network.Spelling characters = spelling == null ? null : spelling(spelling, modules.gates(), parts);
        int hidden = modules.hidden(), width = (modules.bidirectional() ? 2 : 1) * hidden, inputs = modules.inputs() - (characters == null ? 0 : characters.width());
        if (inputs < 1) throw new BadInput(dict.file() + ": " + modules.missing("weight_ih_l0") + " reads " + modules.inputs() + " numbers, expected more than the " + characters.width() + " that are made of a word's characters");
        boolean text = task == Task.LANGUAGE_MODEL;
        Entry embedding = words == null ? null : modules.takeEmbedding(words.tokens().size(), inputs, "the tokens of " + words.name(), text && inputs == width);
        int expected = text ? words.tokens().size() : labels.size();
        Entry weights = modules.takeLinear(expected, width);
        boolean tied = text && inputs == width && (weights == null || Arrays.equals(weights.vector(), embedding.vector()));
        if (weights == null && !tied) throw new BadInput(dict.file() + " has no nn.Linear of shape [" + (expected == 0 ? "any" : expected) + ", " + width + "], "
                + (text ? "the tokens of " + words.name() : expected == 0 ? "the numbers to predict" : "the labels of " + settings.get(Setting.LABELS)) + " from the " + width
                + " numbers that the last layer gives; check the file, and task");
        int outputs = tied ? expected : weights.shape().get(0);
        Entry bias = modules.takeBias(weights == null ? embedding : weights, weights == null, outputs);
        if (embedding != null) parts.put(StateDict.EMBEDDING, words.inOrder(embedding.vector()));
        if (!tied) parts.put(StateDict.OUTPUT_WEIGHT, text ? words.inOrder(weights.vector()) : weights.vector());
        float[] zeros = new float[outputs];
        if (bias != null && !bias.shape().equals(List.of(outputs))) throw wrong(bias, List.of(outputs));
        parts.put(StateDict.OUTPUT_BIAS, bias == null ? zeros : text ? words.inOrder(bias.vector()) : bias.vector());
        Loss loss = task == Task.REGRESSION ? Loss.SQUARED_ERROR : modules.crf() && task == Task.TAGGING ? Loss.CRF : Loss.SOFTMAX;
        return new Network(words == null ? 0 : words.tokens().size(), inputs, characters, cell(modules), hidden, modules.layers(), modules.bidirectional(),
                new Head(text || task == Task.TAGGING, loss, outputs), tied);
    }

    private Network.Spelling spelling(Modules spelling, int gates, Map<String, float[]> parts) {
        if (spelling.layers() != 1 || !spelling.bidirectional() || spelling.gates() != gates)
            throw new BadInput(dict.file() + ": what reads words' characters has " + spelling.layers() + " layers in " + (spelling.bidirectional() ? 2 : 1)
                    + " directions, expected one layer in both directions, of the kind of the layers above");
        Entry embedding = spelling.takeEmbedding(characters.tokens().size(), spelling.inputs(), "the characters of " + characters.name(), false);
        parts.put(StateDict.SPELLING + StateDict.EMBEDDING, characters.inOrder(embedding.vector()));
        return new Network.Spelling(characters.tokens().size(), spelling.inputs(), spelling.hidden());
    }

    private Cell cell(Modules modules) {
        boolean lstm = modules.gates() == Cell.LSTM.gates(), given = settings.has(Setting.CELL);
        String named = settings.get(Setting.CELL), is = !lstm ? "an nn.RNN" : modules.peephole() ? "an LSTM with peepholes" : "an nn.LSTM";
        if (!lstm && !given) throw new BadInput(dict.file() + " has an nn.RNN, whose tensors do not say its nonlinearity; set " + Setting.CELL.option() + " to rnn for tanh, or relu");
        String found = lstm ? modules.peephole() ? "peephole" : "lstm" : named.equals("relu") ? "relu" : "rnn";
        if (given && !named.equals(found)) throw new BadInput("cell is " + named + ", but " + dict.file() + " has " + is + "; set " + Setting.CELL.option() + (lstm ? " to " + found : " to rnn for tanh, or relu"));
        return Cell.of(found, "tanh");
    }

    /** Of the layers or the CRF; our bias is the sum of PyTorch's two. */
    private float[] part(Tensor t, Modules modules) {
        String own = t.name().startsWith(StateDict.SPELLING) ? t.name().substring(StateDict.SPELLING.length()) : t.name();
        if (own.startsWith("transitions")) {
            String name = own.equals("transitions") ? own : own.substring("transitions_".length()) + "_transitions";
            return checked(modules.takeTransitions(name), t, name);
        }
        if (!own.startsWith("bias_l")) return checked(modules.take(own), t, modules.missing(own));
        String ih = own.replace("bias", "bias_ih"), hh = own.replace("bias", "bias_hh");
        Entry first = modules.take(ih), second = modules.take(hh);
        if (first == null && second == null) return new float[t.size()];       // bias=False
        float[] sum = checked(first, t, modules.missing(ih)).clone(), added = checked(second, t, modules.missing(hh));
        for (int i = 0; i < sum.length; i++) if (added[i] != 0) sum[i] += added[i];          // a negative zero stays one
        return sum;
    }

    private float[] checked(Entry entry, Tensor t, String name) {
        if (entry == null) throw new BadInput(dict.file() + " lacks " + name + " of shape " + t.shape() + "; write the whole state dict");
        if (!entry.shape().equals(t.shape())) throw wrong(entry, t.shape());
        return entry.vector();
    }

    private BadInput wrong(Entry entry, List<Integer> expected) {
        return new BadInput(dict.file() + ": " + entry.name() + " has shape " + entry.shape() + ", expected " + expected + " beside the other tensors");
    }

    private Lexicon lexicon(Network network) {
        boolean exact = task == Task.LANGUAGE_MODEL || !settings.has(Setting.WORD_FORM) || settings.get(Setting.WORD_FORM).equals("exact");
        return new Lexicon(task, words == null ? null : words.tokens(), characters == null ? null : characters.tokens(), exact, words == null ? network.embedding() : 0, labels,
                task == Task.TAGGING ? scheme() : null, task == Task.REGRESSION ? network.head().outputs() : 0);
    }

    /** The one that is set, or the first that has all labels: labels do not tell iob1 from iob2. */
    private TagScheme scheme() {
        String named = settings.get(Setting.TAG_SCHEME);
        if (!named.equals("auto")) {
            TagScheme scheme = TagScheme.valueOf(named.toUpperCase(Locale.ROOT));
            scheme.allowed(labels);             // throws where they are not of it
            return scheme;
        }
        return Stream.of(TagScheme.IO, TagScheme.IOB2, TagScheme.IOBES).filter(scheme -> {
            try {
                scheme.allowed(labels);
                return true;
            } catch (BadInput other) {
                return false;
            }
        }).findFirst().orElse(TagScheme.NONE);
    }

    private ObjectNode provenance() {
        ObjectNode provenance = JsonNodeFactory.instance.objectNode().put("importedFrom", dict.file());
        provenance.set("settings", new com.fasterxml.jackson.databind.ObjectMapper().valueToTree(settings.all()));
        return provenance;
    }
}
