package org.rondo.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.rondo.kernels.Network;
import org.rondo.kernels.Tensor;
import org.rondo.kernels.bench.Shape;

/** A shape's network as an ONNX model on ONNX Runtime, one thread, all optimisations of the graph. The probabilities stay in memory of
 *  its own. */
final class OnnxScoring implements Scorer {
    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession session;
    private final OnnxTensor ids;

    OnnxScoring(Shape shape) {
        try (OrtSession.SessionOptions options = oneThread()) {
            session = environment.createSession(model(shape), options);
            ids = OnnxTensor.createTensor(environment, IntBuffer.wrap(shape.window().ids()), new long[] {shape.seqLen(), shape.batch()});
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override public double step() {
        run().close();
        return 0;
    }

    @Override public float[] probabilities() {
        try (OrtSession.Result result = run()) {
            return floats(result, "probabilities");
        }
    }

    private OrtSession.Result run() {
        try {
            return session.run(Map.of("ids", ids));
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override public void close() {
        ids.close();
        try {
            session.close();
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    static float[] floats(OrtSession.Result result, String name) {
        FloatBuffer buffer = ((OnnxTensor) result.get(name).orElseThrow()).getFloatBuffer();
        float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
    }

    static OrtSession.SessionOptions oneThread() throws OrtException {
        OrtSession.SessionOptions options = new OrtSession.SessionOptions();
        options.setIntraOpNumThreads(1);
        options.setInterOpNumThreads(1);
        options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
        return options;
    }

    private static byte[] model(Shape shape) {
        OnnxModel model = new OnnxModel().ids("ids", shape.seqLen(), shape.batch());
        unnormalised(model, shape, shape.seqLen(), shape.batch());
        model.node("Softmax", List.of("z"), List.of("probabilities"), Map.of("axis", 1));
        return model.output("probabilities", shape.tokens(), shape.network().head().outputs()).bytes();
    }

    /** Of one direction, for any number of steps and sequences: ids of what is read and of what is to be predicted, to log p of that. */
    static byte[] languageModel(Shape shape) {
        OnnxModel model = new OnnxModel().ids("ids", OnnxModel.ANY, OnnxModel.ANY).ids("targets", OnnxModel.ANY, 1);
        unnormalised(model, shape, OnnxModel.ANY, OnnxModel.ANY);
        model.node("LogSoftmax", List.of("z"), List.of("all"), Map.of("axis", 1));
        model.node("GatherElements", List.of("all", "targets"), List.of("logs"), Map.of("axis", 1));
        return model.output("logs", OnnxModel.ANY, 1).bytes();
    }

    /** ids to z. */
    private static void unnormalised(OnnxModel model, Shape shape, int seqLen, int batch) {
        Network n = shape.network();
        float[] parameters = shape.parameters();
        model.constant("embedding.weight", part(parameters, n.tensor("embedding.weight")), n.vocab(), n.embedding());
        model.node("Gather", List.of("embedding.weight", "ids"), "h0");
        if (n.bidirectional()) model.constant("sides", seqLen, batch, n.width());
        else model.constant("direction", 1);
        for (int l = 0; l < n.layers(); l++) layer(model, n, l, parameters);
        model.constant("rows", OnnxModel.ANY, n.width());
        model.constant("output.weight", part(parameters, n.tensor("output.weight")), n.head().outputs(), n.width());
        model.constant("output.bias", part(parameters, n.tensor("output.bias")), n.head().outputs());
        model.node("Reshape", List.of("h" + n.layers(), "rows"), "x");
        model.node("Gemm", List.of("x", "output.weight", "output.bias"), List.of("z"), Map.of("transB", 1));
    }

    /** h0 to h1 and so on: seqLen x batch x width each. The operator gives seqLen x directions x batch x hidden. */
    private static void layer(OnnxModel model, Network n, int l, float[] parameters) {
        int H = n.hidden(), I = n.inputSize(l);
        List<String> directions = n.bidirectional() ? List.of("_l" + l, "_l" + l + "_reverse") : List.of("_l" + l);
        int D = directions.size();
        float[] W = new float[D * 4 * H * I], R = new float[D * 4 * H * H], B = new float[D * 8 * H];
        for (int d = 0; d < D; d++) {
            String name = directions.get(d);
            put(W, d, OnnxModel.gates(part(parameters, n.tensor("weight_ih" + name)), H * I), 1);
            put(R, d, OnnxModel.gates(part(parameters, n.tensor("weight_hh" + name)), H * H), 1);
            put(B, d, OnnxModel.gates(part(parameters, n.tensor("bias" + name)), H), 2);         // the second bias stays zero, ours is their sum
        }
        model.constant("W" + l, W, D, 4L * H, I).constant("R" + l, R, D, 4L * H, H).constant("B" + l, B, D, 8L * H);
        model.node("LSTM", List.of("h" + l, "W" + l, "R" + l, "B" + l), List.of("y" + l),
                Map.of("hidden_size", H, "direction", D == 2 ? "bidirectional" : "forward"));
        String h = "h" + (l + 1);
        if (D == 1) model.node("Squeeze", List.of("y" + l, "direction"), h);
        else {
            model.node("Transpose", List.of("y" + l), List.of("t" + l), Map.of("perm", new long[] {0, 2, 1, 3}));
            model.node("Reshape", List.of("t" + l, "sides"), h);
        }
    }

    /** Of direction d.
     *  @param width of a direction in {@code all}, in lengths of {@code one} */
    private static void put(float[] all, int d, float[] one, int width) {
        System.arraycopy(one, 0, all, d * width * one.length, one.length);
    }

    private static float[] part(float[] parameters, Tensor t) {
        return Arrays.copyOfRange(parameters, t.offset(), t.end());
    }
}
