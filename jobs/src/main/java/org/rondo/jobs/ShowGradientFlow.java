package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.rounds.Ineffective;
import org.rondo.kernels.Cell;
import org.rondo.kernels.GradientFlow;
import org.rondo.kernels.Head;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Optimizer;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.Replica;
import org.rondo.kernels.Replica.Stretch;
import org.rondo.kernels.Tensor;
import org.rondo.kernels.UnrolledNetwork.Dropout;

/** Where gradients vanish, where they explode and where they stay, as a table and a page with charts: of given models, or of
 *  networks of every kind, before and after a short training. Runs in the driver. */
final class ShowGradientFlow {
    static final Map<Setting<?>, String> DEFAULTS = Job.table(Setting.MODEL, "", Setting.INPUT, "", Setting.OUTPUT, "gradient-flow",
            Setting.LAYERS, 2, Setting.HIDDEN, 32, Setting.EMBEDDING, 16, Setting.BATCH, 16, Setting.EPOCHS, 1, Setting.LEARNING_RATE, 0.01);
    static final Map<Setting<?>, String> DOCS = Job.table(Setting.MODEL, "directories of trained models, with commas between; none: networks of every kind are trained",
            Setting.INPUT, Setting.INPUT.doc() + "; without --model, none: a task of its own", Setting.OUTPUT, "folder on this machine to write page, picture and table to",
            Setting.OVERWRITE, "replace page, picture and table in that folder", Setting.LAYERS, "of the deep networks; 1: there are none",
            Setting.BATCH, "sequences read side by side", Setting.SEQ_LEN, "steps of a sequence: how far back a gradient is followed, and where training cuts it off",
            Setting.EPOCHS, "passes over the windows to train on", Setting.LEARNING_RATE, "step size at the start; it falls to 0 along a cosine",
            Setting.KERNEL, "what measures (reference, in double precision, unless one is named), and what trains: " + Setting.KERNEL.doc());
    /** Of given models: what they are, and how they were trained, is theirs. */
    private static final List<Setting<?>> OF_THE_COMPARISON = List.of(Setting.UNIT, Setting.MIN_COUNT, Setting.MAX_VOCABULARY, Setting.LAYERS, Setting.HIDDEN,
            Setting.EMBEDDING, Setting.EPOCHS, Setting.LEARNING_RATE, Setting.SEED);
    private static final List<Setting<?>> OF_A_TEXT = List.of(Setting.UNIT, Setting.MIN_COUNT, Setting.MAX_VOCABULARY);
    private static final String TSV = "gradient-flow.tsv", SVG = "gradient-flow.svg", HTML = "gradient-flow.html";
    /** Windows: enough for an LSTM of the default size to learn what it is to recall, and for an even mean. */
    private static final int TRAINING = 1500, MEASURED = 4;
    /** Windows between two learning rates. */
    private static final int STRETCH = 75;
    /** What the recurrent weights of a network are multiplied by for its gradients to explode: PyTorch's initial ones have a
     *  spectral radius of 1/sqrt(3), and tanh, which flattens where states are large, takes its share. */
    private static final float LARGE = 6;

    /** A network of the comparison. */
    private record Kind(String name, String label, int colour, Cell cell, int layers, double forgetBias, float recurrentScale) { }

    /** @param model  a name without blanks
     *  @param label  for people
     *  @param trained whether these are trained weights, or initial ones */
    record Measured(String model, String label, int colour, boolean trained, GradientFlow flow) { }

    /** A given model, and what it is to read. */
    private record Given(String directory, Model model, Reading reading) { }

    private final Settings settings;
    private final SparkConf conf;
    private final Console console;

    private ShowGradientFlow(Settings settings, SparkConf conf, Console console) {
        this.settings = settings;
        this.conf = conf;
        this.console = console;
    }

    static ObjectNode run(Settings settings, SparkConf conf, Console console) throws IOException {
        boolean compares = settings.get(Setting.MODEL).isEmpty();
        Map<Setting<?>, String> useless = new LinkedHashMap<>();
        if (!compares) for (Setting<?> setting : OF_THE_COMPARISON) useless.put(setting, "with --model");
        else if (settings.get(Setting.INPUT).isEmpty()) for (Setting<?> setting : OF_A_TEXT) useless.put(setting, "without --input");
        Ineffective.said(useless, settings).forEach(console.err()::println);
        ShowGradientFlow job = new ShowGradientFlow(settings, conf, console);
        Supplier<FlowPage> work = compares ? job.comparison() : job.models();
        Path folder = folder(settings);
        FlowPage page = work.get();
        Files.writeString(folder.resolve(TSV), page.tsv());
        Files.writeString(folder.resolve(SVG), page.svg());
        Files.writeString(folder.resolve(HTML), page.html());
        console.out().print(page.table());
        console.out().println("page=" + Train.shell(folder.resolve(HTML).toString()) + " curves=" + page.curves());
        return JsonNodeFactory.instance.objectNode().put("page", folder.resolve(HTML).toString()).put("curves", page.curves());
    }

    /** The one to write to, made, and found fit before anything is computed. */
    private static Path folder(Settings settings) {
        Path folder = Quickstart.folder(settings.get(Setting.OUTPUT), "gradient-flow");
        for (String file : List.of(TSV, SVG, HTML))
            if (Files.exists(folder.resolve(file)) && !settings.get(Setting.OVERWRITE))
                throw new BadInput(folder.resolve(file) + " is there already; set --output to another folder, or --overwrite to replace it");
        try {
            return Files.createDirectories(folder);
        } catch (IOException e) {
            throw new BadInput("cannot write to output '" + folder + "': " + e + "; check path and permissions, or set --output to another folder", e);
        }
    }

    /** Reads; what is returned computes. */
    private Supplier<FlowPage> comparison() {
        if (settings.get(Setting.INPUT).isEmpty()) {
            Reading recall = Reading.recall(settings, TRAINING, MEASURED);
            return () -> compare(recall);
        }
        try (JavaSparkContext sc = Rondo.spark("gradient-flow", settings, conf)) {
            Reading text = Reading.text(sc, settings, null, TRAINING, MEASURED);
            return () -> compare(text);
        }
    }

    /** Every kind of network, as it is made and after training. */
    private FlowPage compare(Reading reading) {
        List<Measured> measured = new ArrayList<>();
        for (Kind kind : kinds(settings.get(Setting.LAYERS))) {
            Network network = new Network(reading.vocab(), settings.get(Setting.EMBEDDING), kind.cell, settings.get(Setting.HIDDEN), kind.layers, false,
                    new Head(true, Loss.SOFTMAX, reading.vocab()), false);
            float[] initial = initial(network, kind);
            measured.add(new Measured(kind.name, kind.label, kind.colour, false, measure(network, initial, new float[0], reading)));
            Replica.Result trained = train(kind.name, network, initial, reading);
            if (trained.diverged < 0)
                measured.add(new Measured(kind.name, kind.label, kind.colour, true, measure(network, trained.vectors[0], trained.state, reading)));
        }
        int epochs = settings.get(Setting.EPOCHS), batch = settings.get(Setting.BATCH);
        return new FlowPage(measured, "Networks of " + settings.get(Setting.HIDDEN) + " units a layer read " + reading.source() + ". Training: "
                + Units.count(reading.training()) + " windows of " + settings.get(Setting.SEQ_LEN) + " steps \u00d7 " + batch + " sequences"
                + (epochs == 1 ? "" : ", " + epochs + " times") + ", by Adam. Measured on " + reading.measured() * batch + " sequences that training did not see.");
    }

    private static List<Kind> kinds(int depth) {
        List<Kind> kinds = new ArrayList<>(List.of(
                new Kind("rnn", "RNN", 0, Cell.RNN, 1, 0, 1),
                new Kind("relu", "RNN, relu", 3, Cell.RELU, 1, 0, 1),
                new Kind("rnn-large", "RNN, Wh \u00d7 " + Math.round(LARGE), 4, Cell.RNN, 1, 0, LARGE),
                new Kind("lstm", "LSTM", 1, Cell.LSTM, 1, 0, 1),
                new Kind("lstm-forget1", "LSTM, forget bias 1", 5, Cell.LSTM, 1, 1, 1),
                new Kind("peephole", "peephole LSTM", 2, Cell.PEEPHOLE, 1, 0, 1)));
        if (depth > 1) kinds.add(new Kind("deep-rnn", "RNN", 0, Cell.RNN, depth, 0, 1));
        if (depth > 1) kinds.add(new Kind("deep-lstm", "LSTM", 1, Cell.LSTM, depth, 0, 1));
        return kinds;
    }

    private float[] initial(Network network, Kind kind) {
        float[] weights = Parameters.initial(network, settings.get(Setting.SEED), kind.forgetBias);
        for (Tensor t : network.tensors())
            if (t.name().startsWith("weight_hh"))
                for (int i = t.offset(); i < t.end(); i++) weights[i] *= kind.recurrentScale;
        return weights;
    }

    /** One replica on one shard, without Spark. The learning rate falls to 0 along a cosine.
     *  @return of the last stretch, or of the one that diverged */
    private Replica.Result train(String name, Network network, float[] initial, Reading reading) {
        Optimizer adam = new Optimizer("adam", 1);
        int epochs = settings.get(Setting.EPOCHS), windows = reading.training();
        long seed = settings.get(Setting.SEED);
        float[][] model = {initial, new float[initial.length], new float[initial.length]};
        Replica.Result last = new Replica.Result(reading.shard().number, model, new float[0], 0, 0, 0, -1, "");
        try (Replica replica = new Replica(Kernel.open(settings.get(Setting.KERNEL), layout(network, adam.moments())), Dropout.NONE, adam)) {
            for (int epoch = 0; epoch < epochs; epoch++)
                for (int first = 0; first < windows && last.diverged < 0; first += STRETCH) {
                    double rate = settings.get(Setting.LEARNING_RATE) * (1 + Math.cos(Math.PI * (epoch + (double) first / windows) / epochs)) / 2;
                    Stretch stretch = new Stretch(epoch, first, Math.min(STRETCH, windows - first), windows, rate, seed);
                    last = replica.train(last.vectors, last.state, reading.shard(), stretch);
                }
        }
        console.err().println(name + ": " + (last.diverged < 0
                ? "trained to " + Units.decimals(last.loss / last.tokens, 3) + " nats per token, over all steps"
                : "training diverged in window " + last.diverged + ", so that there is no curve after training"));
        return last;
    }

    /** Reads; what is returned computes. */
    private Supplier<FlowPage> models() {
        if (settings.get(Setting.INPUT).isEmpty())
            throw new BadInput("input is missing, expected a text for the model to read; set --input to text like that which the model was trained on");
        List<String> directories = Stream.of(settings.get(Setting.MODEL).split(",")).map(String::strip).distinct().toList();
        List<Given> models = new ArrayList<>();
        try (JavaSparkContext sc = Rondo.spark("gradient-flow", settings, conf)) {
            for (String directory : directories) {
                Model model = Generate.model(settings.with(Setting.MODEL, directory), sc.hadoopConfiguration(), console);
                models.add(new Given(directory, model, Reading.text(sc, settings, model.asLanguageModel("the flow of gradients").lexicon().words(), 0, MEASURED)));
            }
        }
        return () -> measure(models);
    }

    private FlowPage measure(List<Given> models) {
        boolean told = models.stream().map(given -> name(given.directory)).distinct().count() == models.size();
        List<Measured> measured = new ArrayList<>();
        for (Given given : models) {
            console.err().println("measuring " + given.directory + " on " + given.reading.measured() * settings.get(Setting.BATCH) + " sequences");
            Evaluate.warn(given.reading.unknown(), "E_T is", console);
            measured.add(new Measured(given.directory.replaceAll("\\s", "_"), told ? name(given.directory) : given.directory, measured.size(), true,
                    measure(given.model.network(), given.model.parameters(), new float[0], given.reading)));
        }
        return new FlowPage(measured, "The models read " + settings.get(Setting.INPUT) + ", in at most " + MEASURED * settings.get(Setting.BATCH) + " sequences of "
                + settings.get(Setting.SEQ_LEN) + " steps.");
    }

    /** The last folder's. */
    private static String name(String directory) {
        return directory.replaceFirst("/+$", "").replaceFirst(".*/", "");
    }

    /** In double precision unless a kernel was named: gradients that vanish do so beyond single precision. */
    private GradientFlow measure(Network network, float[] parameters, float[] state, Reading reading) {
        String choice = settings.has(Setting.KERNEL) ? settings.get(Setting.KERNEL) : "reference";
        try (Kernel kernel = Kernel.open(choice, layout(network, 0))) {
            return GradientFlow.of(kernel, parameters, state, reading.shard(), reading.training(), reading.measured());
        }
    }

    private Layout layout(Network network, int moments) {
        return Layout.forTraining(network, settings.get(Setting.BATCH), settings.get(Setting.SEQ_LEN), false, moments);
    }
}
