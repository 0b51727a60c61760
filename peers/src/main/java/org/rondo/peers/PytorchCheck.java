package org.rondo.peers;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.EmbeddingImpl;
import org.bytedeco.pytorch.LSTMImpl;
import org.bytedeco.pytorch.LSTMOptions;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.RNNImpl;
import org.bytedeco.pytorch.RNNOptions;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.StringVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.kReLU;
import org.bytedeco.pytorch.kTanh;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.checkpoints.Safetensors;
import org.rondo.driver.checkpoints.Safetensors.Entry;
import org.rondo.driver.formats.Exported;
import org.rondo.driver.formats.Imported;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** Whether PyTorch says of an exported state dict what we say of the model, and we of an imported one what PyTorch says. Its modules take every tensor that has their
 *  name, and all of theirs must be there and no other, as {@code load_state_dict} has it. Of models that PyTorch has made both biases are drawn. Prints a line for every network; ends with 1 where outputs differ. */
final class PytorchCheck {
    /** Of logits of a size about 1: both compute sums of floats, in different orders. */
    private static final double TOLERANCE = 1e-5;
    private static final int VOCAB = 13, EMBEDDING = 6, HIDDEN = 9, TIME = 8, BATCH = 3;

    private final Path folder;
    private final Network network;
    private final EmbeddingImpl embedding = new EmbeddingImpl(VOCAB, EMBEDDING);
    private final LinearImpl output;
    private final LSTMImpl lstm;
    private final RNNImpl rnn;
    /** By the names of a state dict. */
    private final Map<String, Tensor> theirs = new LinkedHashMap<>();
    /** What those lie in: the collector must not free it. */
    private final List<StringTensorDict> kept = new ArrayList<>();

    public static void main(String[] args) throws IOException {
        Path folder = Files.createTempDirectory("pytorch-check");
        boolean equal = true;
        try {
            System.out.println("network\texported_difference\timported_difference");
            for (Cell cell : List.of(Cell.LSTM, Cell.RNN, Cell.RELU))
                for (boolean both : new boolean[] {false, true})
                    for (int layers = 1; layers <= 3; layers++)
                        equal &= new PytorchCheck(folder, new Network(VOCAB, EMBEDDING, cell, HIDDEN, layers, both, new Head(true, Loss.SOFTMAX, VOCAB), false)).check();
        } finally {
            try (Stream<Path> all = Files.walk(folder)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) Files.delete(path);
            }
        }
        System.out.println(equal ? "equal to " + TOLERANCE : "outputs differ by more than " + TOLERANCE);
        System.exit(equal ? 0 : 1);
    }

    private PytorchCheck(Path folder, Network network) {
        this.folder = folder;
        this.network = network;
        output = new LinearImpl(network.width(), VOCAB);
        boolean memory = network.cell().hasMemory();
        LSTMOptions lstmOptions = new LSTMOptions(EMBEDDING, HIDDEN);
        lstmOptions.num_layers().put(network.layers());
        lstmOptions.bidirectional().put(network.bidirectional());
        RNNOptions rnnOptions = new RNNOptions(EMBEDDING, HIDDEN);
        rnnOptions.num_layers().put(network.layers());
        rnnOptions.bidirectional().put(network.bidirectional());
        if (network.cell().equals(Cell.RELU)) rnnOptions.nonlinearity().put(new kReLU());
        else rnnOptions.nonlinearity().put(new kTanh());
        lstm = memory ? new LSTMImpl(lstmOptions) : null;
        rnn = memory ? null : new RNNImpl(rnnOptions);
        put("embedding.", embedding.named_parameters());
        put(memory ? "lstm." : "rnn.", memory ? lstm.named_parameters() : rnn.named_parameters());
        put("output.", output.named_parameters());
    }

    private void put(String prefix, StringTensorDict parameters) {
        kept.add(parameters);
        StringVector names = parameters.keys();
        for (long i = 0; i < names.size(); i++) theirs.put(prefix + names.get(i).getString(), parameters.get(names.get(i).getString()));
    }

    @SuppressWarnings("try")
    private boolean check() throws IOException {
        try (PointerScope scope = new PointerScope(); NoGradGuard guard = new NoGradGuard()) {
            Model drawn = imported();                     // as PyTorch's modules are made
            double in = difference(drawn);
            Model ours = new Model(network, Parameters.initial(network, 5), drawn.lexicon(), JsonNodeFactory.instance.objectNode());
            Exported.write(ours, settings("out", "format", "pytorch", "overwrite", "true"), new Configuration(), note -> { });
            load(folder.resolve("out/model.safetensors"));
            double out = difference(ours);
            System.out.printf(Locale.ROOT, "%s, %d layers%s\t%.2g\t%.2g%n", network.cell().name(), network.layers(), network.bidirectional() ? ", both directions" : "", out, in);
            return in <= TOLERANCE && out <= TOLERANCE;
        }
    }

    private Settings settings(String output, String... more) {
        Map<String, String> settings = new LinkedHashMap<>(Map.of("output", folder.resolve(output).toString()));
        for (int i = 0; i < more.length; i += 2) settings.put(more[i], more[i + 1]);
        return Settings.of(settings);
    }

    /** What PyTorch holds, through a file. */
    private Model imported() throws IOException {
        String tokens = "<unk>\n" + IntStream.range(1, VOCAB).mapToObj(id -> Character.toString('a' + id) + "\n").collect(Collectors.joining());
        Path file = folder.resolve("theirs.safetensors"), vocabulary = Files.writeString(folder.resolve("tokens"), tokens);
        try (OutputStream out = Files.newOutputStream(file)) {
            Safetensors.write(out, Map.of("format", "pt"), theirs.entrySet().stream().map(t -> new Entry(t.getKey(), sizes(TorchNetwork.shape(t.getValue())), TorchNetwork.floats(t.getValue()), 0)).toList());
        }
        String cell = network.cell().name();
        Model model = Imported.write(settings("in", "format", "pytorch", "input", file.toString(), "vocabulary", vocabulary.toString(), "cell", cell, "overwrite", "true"), new Configuration(), note -> { });
        if (!model.network().equals(network)) throw new IllegalStateException(model.network() + " was recognised, expected " + network);
        return model;
    }

    /** As {@code load_state_dict}: every tensor in its place, and none left on either side. */
    private void load(Path file) throws IOException {
        Map<String, float[]> given = new LinkedHashMap<>();
        try (InputStream in = Files.newInputStream(file)) {
            Safetensors.read(in, Files.size(file), file.toString(), (name, shape) -> {
                if (!theirs.containsKey(name) || !sizes(TorchNetwork.shape(theirs.get(name))).equals(shape)) throw new IllegalStateException(name + " " + shape + " is not among " + theirs.keySet());
                Entry entry = new Entry(name, shape, new float[shape.stream().reduce(1, Math::multiplyExact)], 0);
                given.put(name, entry.vector());
                return entry;
            });
        }
        Set<String> missing = new HashSet<>(theirs.keySet());
        missing.removeAll(given.keySet());
        if (!missing.isEmpty()) throw new IllegalStateException(missing + " are missing from " + file);
        given.forEach((name, values) -> theirs.get(name).copy_(Tensor.create(values, TorchNetwork.shape(theirs.get(name)))));
    }

    private static List<Integer> sizes(long[] shape) {
        return Arrays.stream(shape).mapToObj(size -> (int) size).toList();
    }

    /** The largest between PyTorch's logits and ours, on random tokens. */
    private double difference(Model model) {
        long[] ids = new Random(3).longs((long) TIME * BATCH, 0, VOCAB).toArray();
        Tensor x = embedding.forward(Tensor.create(ids, TIME, BATCH));
        float[] logits = TorchNetwork.floats(output.forward(lstm != null ? lstm.forward(x).get0() : rnn.forward(x).get0())), own = new float[VOCAB];
        int[] targets = new int[ids.length];
        Arrays.fill(targets, Window.NONE);
        double most = 0;
        try (Kernel kernel = Kernel.open("reference", Layout.forScoring(network, BATCH, TIME))) {
            kernel.load(Layout.Block.PARAMETERS, model.parameters());
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
            unrolled.forward(new Window(Arrays.stream(ids).mapToInt(id -> (int) id).toArray(), targets, 0), null);
            for (int row = 0; row < ids.length; row++) {
                unrolled.outputs(row, own);
                for (int y = 0; y < VOCAB; y++) most = Math.max(most, Math.abs(own[y] - logits[row * VOCAB + y]));
            }
        }
        return most;
    }
}
