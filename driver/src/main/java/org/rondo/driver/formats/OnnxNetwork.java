package org.rondo.driver.formats;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Tensor;

/** A network as a graph of ONNX, from ids or features to what its head says. Outside batches come first, [batch, time, ...]; within, as the operators LSTM and RNN
 *  have it, time. Their gates are i o f c, where c is our g, and their peepholes p_i p_o p_f; of their two biases the second is zero. What they
 *  give past a sequence's end is zero; so is what the graph gives there. */
final class OnnxNetwork {
    /** What a protocol buffer holds. */
    private static final long MOST_BYTES = Integer.MAX_VALUE;
    /** Beside the parameters: names, nodes, labels. */
    private static final long GRAPH_BYTES = 1 << 24;
    /** Our gate, or peephole, in the place of each of the operator's. */
    private static final int[] GATES = {0, 3, 1, 2}, PEEPHOLES = {0, 2, 1}, ONE = {0};

    private final OnnxGraph graph = new OnnxGraph();
    private final Network network;
    private final float[] parameters;
    private final boolean languageModel;
    private final ModelProto proto;

    /** What a recurrent layer gives.
     *  @param sequence time x batch x width
     *  @param last     h after the last step, directions x batch x hidden; {@code c} is its memory cell, null where there is none */
    private record Given(String sequence, String last, String c) { }

    private OnnxNetwork(Model model) {
        this.network = model.network();
        this.parameters = model.parameters();
        this.languageModel = model.lexicon().task() == Task.LANGUAGE_MODEL;
        build();
        this.proto = graph.model(Map.of("rondo.architecture", model.architecture().toString()));
    }

    /** @throws BadInput if it is too large for the format */
    static OnnxNetwork of(Model model) {
        long bytes = 4L * model.parameters().length;
        if (bytes + GRAPH_BYTES > MOST_BYTES) throw new BadInput("the model has " + bytes + " bytes of parameters, expected at most " + (MOST_BYTES - GRAPH_BYTES)
                + ", as ONNX holds in one file; export it with --format pytorch");
        return new OnnxNetwork(model);
    }

    void write(OutputStream out) throws IOException {
        proto.writeTo(out);
    }

    byte[] bytes() {
        return proto.toByteArray();
    }

    private void build() {
        boolean tokens = network.vocab() > 0;
        String given = tokens ? graph.input("tokens", DataType.INT64, "batch", "time") : graph.input("features", DataType.FLOAT, "batch", "time", network.embedding());
        String lengths = graph.input("lengths", DataType.INT64, "batch"), steps = cast(lengths, "steps");
        String timeFirst = transpose(given, "time_first", tokens ? new long[] {1, 0} : new long[] {1, 0, 2});
        String x = tokens ? graph.node("Gather", "embedded", all("embedding.weight"), timeFirst) : timeFirst;
        if (network.spelling() != null) x = graph.node("Concat", "inputs", List.of(x, spelled(timeFirst)), Map.of("axis", 2));
        boolean carries = languageModel && !network.bidirectional();
        boolean memory = network.cell().hasMemory();
        if (carries) graph.input("h0", DataType.FLOAT, network.layers(), "batch", network.hidden());
        if (carries && memory) graph.input("c0", DataType.FLOAT, network.layers(), "batch", network.hidden());
        List<String> h = new ArrayList<>(), c = new ArrayList<>();
        Given layer = null;
        for (int l = 0; l < network.layers(); l++) {
            layer = recurrent("", "_l" + l, x, network.inputSize(l), network.hidden(), network.bidirectional(), steps, carries ? before("h0", l) : OnnxGraph.NONE, carries && memory ? before("c0", l) : OnnxGraph.NONE);
            x = layer.sequence;
            h.add(layer.last);
            c.add(layer.c);
        }
        head(network.head().atEveryStep() ? transpose(x, "batch_first", 1, 0, 2) : side(layer.last, "last", network.width(), network.bidirectional()), mask(given, lengths));
        if (carries) graph.output("hn", graph.node("Concat", "h_after", h, Map.of("axis", 0)), network.layers(), "batch", network.hidden());
        if (carries && memory) graph.output("cn", graph.node("Concat", "c_after", c, Map.of("axis", 0)), network.layers(), "batch", network.hidden());
    }

    /** One layer's state before the first step, 1 x batch x hidden. */
    private String before(String state, int l) {
        return graph.node("Gather", state + "_l" + l, state, graph.constant(state + "_number_l" + l, new long[] {l}));
    }

    /** What a word's characters make, time x batch x width; the operator reads all tokens' words side by side.
     *  @param tokens time x batch */
    private String spelled(String tokens) {
        Network.Spelling s = network.spelling();
        String characters = graph.input("characters", DataType.INT64, "batch", "time", "character"), lengths = graph.input("character_lengths", DataType.INT64, "batch", "time");
        String first = graph.node("Reshape", "characters_first", transpose(characters, "characters_transposed", 2, 1, 0), graph.constant("words", 0, -1));
        String words = graph.node("Reshape", "word_lengths", transpose(lengths, "lengths_transposed", 1, 0), graph.constant("all", -1));
        String steps = cast(graph.node("Max", "word_lengths_from_1", words, graph.constant("one", new long[] {1})), "word_steps");       // past a sentence's end they are 0
        String x = graph.node("Gather", "characters_embedded", all("spelling.embedding.weight"), first);
        Given layer = recurrent("spelling.", "_l0", x, s.embedding(), s.hidden(), true, steps, OnnxGraph.NONE, OnnxGraph.NONE);
        String shape = graph.node("Concat", "spelled_shape", List.of(graph.node("Shape", "tokens_shape", tokens), graph.constant("spelled_width", new long[] {s.width()})), Map.of("axis", 0));
        return graph.node("Reshape", "spelled", side(layer.last, "spelled_words", s.width(), true), shape);
    }

    /** Both directions' h side by side, batch x width, from directions x batch x hidden. */
    private String side(String last, String name, int width, boolean both) {
        if (!both) return graph.node("Squeeze", name, last, graph.constant(name + "_direction", new long[] {0}));
        return graph.node("Reshape", name, transpose(last, name + "_transposed", 1, 0, 2), graph.constant(name + "_width", -1, width));
    }

    /** @param prefix of our tensors' names, before what they are, and {@code suffix} after it */
    private Given recurrent(String prefix, String suffix, String x, int inputs, int hidden, boolean both, String steps, String h0, String c0) {
        Cell cell = network.cell();
        int D = both ? 2 : 1, rows = cell.gates() * hidden;
        String name = prefix + "recurrent" + suffix;
        int[] gates = cell.hasMemory() ? GATES : ONE;
        String W = graph.constant(name + ".W", joined(prefix + "weight_ih" + suffix, D, gates, 1), D, rows, inputs);
        String R = graph.constant(name + ".R", joined(prefix + "weight_hh" + suffix, D, gates, 1), D, rows, hidden);
        String B = graph.constant(name + ".B", joined(prefix + "bias" + suffix, D, gates, 2), D, 2L * rows);
        List<String> given = new ArrayList<>(List.of(x, W, R, B, steps, h0)), outputs = new ArrayList<>(List.of(name + ".Y", name + ".Y_h"));
        if (cell.hasMemory()) given.add(c0);
        if (cell.hasMemory()) outputs.add(name + ".Y_c");
        if (cell.peephole()) given.add(graph.constant(name + ".P", joined(prefix + "peephole" + suffix, D, PEEPHOLES, 1), D, 3L * hidden));
        Map<String, Object> attributes = new HashMap<>(Map.of("hidden_size", hidden, "direction", both ? "bidirectional" : "forward"));
        attributes.put("activations", Collections.nCopies(D, cell.hasMemory() ? List.of("Sigmoid", name(cell), "Tanh") : List.of(name(cell))).stream().flatMap(List::stream).toList());
        graph.node(cell.hasMemory() ? "LSTM" : "RNN", outputs, given, attributes);
        String sequence = D == 1 ? graph.node("Squeeze", name + ".h", name + ".Y", graph.constant(name + ".direction", new long[] {1}))
                : graph.node("Reshape", name + ".h", transpose(name + ".Y", name + ".transposed", 0, 2, 1, 3), graph.constant(name + ".width", 0, 0, 2L * hidden));
        return new Given(sequence, name + ".Y_h", cell.hasMemory() ? name + ".Y_c" : null);
    }

    private static String name(Cell cell) {
        return switch (cell.activation()) {
            case TANH -> "Tanh";
            case RELU -> "Relu";
            case SIGMOID -> "Sigmoid";
        };
    }

    /** Both directions' tensors, in the operator's order.
     *  @param blocks of a tensor, ours in the place of each of the operator's
     *  @param width  of a direction's part, in lengths of our tensor; what it does not fill is zero */
    private float[] joined(String name, int directions, int[] blocks, int width) {
        int size = network.tensor(name).size(), block = size / blocks.length;
        float[] joined = new float[Math.multiplyExact(directions * width, size)];
        for (int d = 0; d < directions; d++) {
            int from = network.tensor(d == 0 ? name : name + "_reverse").offset();
            for (int b = 0; b < blocks.length; b++) System.arraycopy(parameters, from + blocks[b] * block, joined, d * width * size + b * block, block);
        }
        return joined;
    }

    /** @param x    what the head reads: batch x time x width, or batch x width
     *  @param mask batch x time x 1 */
    private void head(String x, String mask) {
        int outputs = network.head().outputs();
        String weights = network.tied() ? "embedding.weight" : all("output.weight");
        String z = graph.node("Add", "z", graph.node("MatMul", "product", x, transpose(weights, "output.transposed", 1, 0)), all("output.bias"));
        boolean softmax = network.head().loss() == Loss.SOFTMAX;
        String name = softmax ? languageModel ? "log_probabilities" : "probabilities" : network.head().crf() ? "emissions" : "values";
        String y = softmax ? graph.node(languageModel ? "LogSoftmax" : "Softmax", "of_" + name, List.of(z), Map.of("axis", -1)) : z;
        if (!network.head().atEveryStep()) graph.output(name, y, "batch", outputs);
        else graph.output(name, graph.node("Where", "masked", mask, y, graph.constant("zero", new float[1], 1)), "batch", "time", outputs);
        if (!network.head().crf()) return;
        graph.output("transitions", all("transitions", "A"), outputs, outputs);
        graph.output("start_transitions", all("transitions_start", "A_start"), outputs);
        graph.output("end_transitions", all("transitions_end", "A_end"), outputs);
    }

    /** Whether a step is before its sequence's end, batch x time x 1; null where the head has but one row a sequence. */
    private String mask(String given, String lengths) {
        if (!network.head().atEveryStep()) return null;
        String time = graph.node("Gather", "time", graph.node("Shape", "shape", given), graph.scalar("axis_of_time", 1));
        String numbers = graph.node("Range", "numbers", graph.scalar("first", 0), time, graph.scalar("step", 1));
        String within = graph.node("Less", "within", numbers, graph.node("Unsqueeze", "ends", lengths, graph.constant("beside_batch", new long[] {1})));
        return graph.node("Unsqueeze", "mask", within, graph.constant("beside_time", new long[] {2}));
    }

    /** A tensor of ours as it is. */
    private String all(String tensor) {
        return all(tensor, tensor);
    }

    private String all(String tensor, String name) {
        Tensor t = network.tensor(tensor);
        return graph.part(name, parameters, t.offset(), t.size(), t.shape().stream().mapToLong(size -> size).toArray());
    }

    private String transpose(String value, String name, long... order) {
        return graph.node("Transpose", name, List.of(value), Map.of("perm", order));
    }

    private String cast(String value, String name) {
        return graph.node("Cast", name, List.of(value), Map.of("to", DataType.INT32.getNumber()));
    }
}
