package org.rondo.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Writes what ONNX Runtime's operator LSTM computes with peepholes (its input P), which PyTorch does not have.
 *
 *  <p>A fixture has {@code x}, the layer's input; the weights in our order of gates, i f g o; {@code peephole_i} and {@code peephole_f},
 *  which multiply c of the step before, and {@code peephole_o}, which multiplies c of the same step; the state before and after; and
 *  {@code y}, h of every step. There are no gradients. ONNX Runtime computes in float, with approximations of tanh and the logistic
 *  function: compare with 1e-5 of the largest element. */
final class OnnxFixtures {
    private record Case(String name, int input, int hidden, int batch, int seqLen, long seed) { }

    private static final List<Case> CASES = List.of(
            new Case("lstm-peepholes-hidden-5", 4, 5, 3, 6, 1), new Case("lstm-peepholes-hidden-17", 6, 17, 4, 9, 2));

    public static void main(String[] args) throws OrtException, IOException {
        Path folder = Path.of(args.length > 0 ? args[0] : "worker-kernels/src/test/resources/onnxruntime");
        for (Case c : CASES) fixture(c).write(folder.resolve(c.name + ".tsv"));
    }

    private static Fixture fixture(Case c) throws OrtException {
        int I = c.input, H = c.hidden, batch = c.batch, T = c.seqLen;
        Random random = new Random(c.seed);
        double bound = 1.5 / Math.sqrt(H);
        float[] x = Fixture.uniform(random, T * batch * I, 1.5), h = Fixture.uniform(random, batch * H, 0.9), cells = Fixture.uniform(random, batch * H, 1.5);
        float[] Wx = Fixture.uniform(random, 4 * H * I, bound), Wh = Fixture.uniform(random, 4 * H * H, bound), b = Fixture.uniform(random, 4 * H, bound);
        float[] pi = Fixture.uniform(random, H, 1), pf = Fixture.uniform(random, H, 1), po = Fixture.uniform(random, H, 1);

        Fixture fixture = new Fixture("com.microsoft.onnxruntime:onnxruntime:" + System.getProperty("onnxruntime.version") + "; written by " + OnnxFixtures.class.getName());
        fixture.put("input", I);
        fixture.put("hidden", H);
        fixture.put("batch", batch);
        fixture.put("seqLen", T);
        fixture.put("x", x, T, batch, I);
        fixture.put("parameters/weight_ih_l0", Wx, 4L * H, I);
        fixture.put("parameters/weight_hh_l0", Wh, 4L * H, H);
        fixture.put("parameters/bias_l0", b, 4L * H);
        fixture.put("parameters/peephole_i_l0", pi, H);
        fixture.put("parameters/peephole_f_l0", pf, H);
        fixture.put("parameters/peephole_o_l0", po, H);
        fixture.put("initial/h", h, 1, batch, H);
        fixture.put("initial/c", cells, 1, batch, H);

        Map<String, long[]> inputs = new LinkedHashMap<>();
        inputs.put("X", new long[] {T, batch, I});
        inputs.put("W", new long[] {1, 4L * H, I});
        inputs.put("R", new long[] {1, 4L * H, H});
        inputs.put("B", new long[] {1, 8L * H});
        inputs.put("initial_h", new long[] {1, batch, H});
        inputs.put("initial_c", new long[] {1, batch, H});
        inputs.put("P", new long[] {1, 3L * H});
        OnnxModel model = new OnnxModel().node("LSTM", List.of("X", "W", "R", "B", "", "initial_h", "initial_c", "P"),     // all streams are whole
                List.of("Y", "Y_h", "Y_c"), Map.of("hidden_size", H));
        inputs.forEach(model::input);
        model.output("Y", T, 1, batch, H).output("Y_h", 1, batch, H).output("Y_c", 1, batch, H);

        float[] bothBiases = new float[8 * H];         // the second stays zero, ours is their sum
        System.arraycopy(OnnxModel.gates(b, H), 0, bothBiases, 0, 4 * H);
        float[] peepholes = new float[3 * H];          // i o f
        System.arraycopy(pi, 0, peepholes, 0, H);
        System.arraycopy(po, 0, peepholes, H, H);
        System.arraycopy(pf, 0, peepholes, 2 * H, H);
        Map<String, float[]> values = Map.of("X", x, "W", OnnxModel.gates(Wx, H * I), "R", OnnxModel.gates(Wh, H * H), "B", bothBiases,
                "initial_h", h, "initial_c", cells, "P", peepholes);
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession session = environment.createSession(model.bytes())) {
            Map<String, OnnxTensor> feeds = new LinkedHashMap<>();
            for (Map.Entry<String, float[]> value : values.entrySet())
                feeds.put(value.getKey(), OnnxTensor.createTensor(environment, FloatBuffer.wrap(value.getValue()), inputs.get(value.getKey())));
            try (OrtSession.Result result = session.run(feeds)) {
                fixture.put("y", OnnxScoring.floats(result, "Y"), T, batch, H);
                fixture.put("final/h", OnnxScoring.floats(result, "Y_h"), 1, batch, H);
                fixture.put("final/c", OnnxScoring.floats(result, "Y_c"), 1, batch, H);
            }
            feeds.values().forEach(OnnxTensor::close);
        }
        return fixture;
    }
}
