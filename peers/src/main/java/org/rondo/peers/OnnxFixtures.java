package org.rondo.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
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
    /** Our gate in the place of each of the operator's, which are i o f c. */
    private static final int[] ONNX_GATES = {0, 3, 1, 2};
    private static final int OPSET = 14, IR_VERSION = 7;

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

        Map<String, long[]> inputs = new LinkedHashMap<>(), outputs = new LinkedHashMap<>();
        inputs.put("X", new long[] {T, batch, I});
        inputs.put("W", new long[] {1, 4L * H, I});
        inputs.put("R", new long[] {1, 4L * H, H});
        inputs.put("B", new long[] {1, 8L * H});
        inputs.put("", new long[0]);                   // sequence_lens: all streams are whole
        inputs.put("initial_h", new long[] {1, batch, H});
        inputs.put("initial_c", new long[] {1, batch, H});
        inputs.put("P", new long[] {1, 3L * H});
        outputs.put("Y", new long[] {T, 1, batch, H});
        outputs.put("Y_h", new long[] {1, batch, H});
        outputs.put("Y_c", new long[] {1, batch, H});

        float[] bothBiases = new float[8 * H];         // the second stays zero, ours is their sum
        System.arraycopy(onnxGates(b, H), 0, bothBiases, 0, 4 * H);
        float[] peepholes = new float[3 * H];          // i o f
        System.arraycopy(pi, 0, peepholes, 0, H);
        System.arraycopy(po, 0, peepholes, H, H);
        System.arraycopy(pf, 0, peepholes, 2 * H, H);
        Map<String, float[]> values = Map.of("X", x, "W", onnxGates(Wx, H * I), "R", onnxGates(Wh, H * H), "B", bothBiases,
                "initial_h", h, "initial_c", cells, "P", peepholes);
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession session = environment.createSession(model(H, inputs, outputs))) {
            Map<String, OnnxTensor> feeds = new LinkedHashMap<>();
            for (Map.Entry<String, float[]> value : values.entrySet())
                feeds.put(value.getKey(), OnnxTensor.createTensor(environment, FloatBuffer.wrap(value.getValue()), inputs.get(value.getKey())));
            try (OrtSession.Result result = session.run(feeds)) {
                fixture.put("y", floats(result, "Y"), T, batch, H);
                fixture.put("final/h", floats(result, "Y_h"), 1, batch, H);
                fixture.put("final/c", floats(result, "Y_c"), 1, batch, H);
            }
            feeds.values().forEach(OnnxTensor::close);
        }
        return fixture;
    }

    /** @param size floats of one gate */
    private static float[] onnxGates(float[] ours, int size) {
        float[] reordered = new float[ours.length];
        for (int gate = 0; gate < 4; gate++) System.arraycopy(ours, ONNX_GATES[gate] * size, reordered, gate * size, size);
        return reordered;
    }

    private static float[] floats(OrtSession.Result result, String name) {
        FloatBuffer buffer = ((OnnxTensor) result.get(name).orElseThrow()).getFloatBuffer();
        float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
    }

    /** An ONNX model of one node; the numbers are the fields' of onnx.proto3. */
    private static byte[] model(int hidden, Map<String, long[]> inputs, Map<String, long[]> outputs) {
        Message node = new Message();
        inputs.keySet().forEach(name -> node.put(1, name));
        outputs.keySet().forEach(name -> node.put(2, name));
        node.put(4, "LSTM");
        node.put(5, new Message().put(1, "hidden_size").put(3, hidden).put(20, 2));   // type INT
        Message graph = new Message().put(1, node).put(2, "peepholes");
        inputs.forEach((name, shape) -> {
            if (!name.isEmpty()) graph.put(11, tensor(name, shape));
        });
        outputs.forEach((name, shape) -> graph.put(12, tensor(name, shape)));
        return new Message().put(1, IR_VERSION).put(7, graph).put(8, new Message().put(1, "").put(2, OPSET)).bytes();
    }

    private static Message tensor(String name, long[] sizes) {
        Message shape = new Message();
        for (long size : sizes) shape.put(1, new Message().put(1, size));
        return new Message().put(1, name).put(2, new Message().put(1, new Message().put(1, 1).put(2, shape)));   // of FLOAT
    }

    /** A protocol buffer, as far as integers, strings and messages. */
    private static final class Message {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Message put(int field, long value) {
            varint((long) field << 3);
            varint(value);
            return this;
        }

        Message put(int field, String value) {
            return put(field, value.getBytes(StandardCharsets.UTF_8));
        }

        Message put(int field, Message value) {
            return put(field, value.bytes());
        }

        byte[] bytes() {
            return out.toByteArray();
        }

        private Message put(int field, byte[] value) {
            varint((long) field << 3 | 2);
            varint(value.length);
            out.writeBytes(value);
            return this;
        }

        private void varint(long value) {
            for (; value >= 0x80; value >>>= 7) out.write((int) (value & 0x7F | 0x80));
            out.write((int) value);
        }
    }
}
