package org.rondo.driver.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Tensor;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** Graphs in ONNX Runtime beside the reference kernel, on random sequences of different lengths. */
class OnnxTest {
    /** Of probabilities, their logarithms, and outputs of a size about 1. ONNX Runtime computes in floats, whose half unit in the last place is 6e-8, with tanh and logistic
     *  functions that are wrong by a few of those; what a step gets wrong the next makes smaller, as gates are below 1 and weights within 1.2 / sqrt(hidden), so a hundred
     *  of them is more than what is wrong here. Gates or peepholes in another's place are seen, and lengths that are not read. */
    private static final double TOLERANCE = 1e-5;
    private static final int BATCH = 4, TIME = 7, CHARACTERS = 5;
    private static final OrtEnvironment ENVIRONMENT = OrtEnvironment.getEnvironment();

    /** Sequences of a batch, batch-major.
     *  @param characters of every token, {@code characterLengths} of them; past a sequence's end none */
    private record Batch(int time, int[] lengths, long[] tokens, float[] features, long[] characters, int[] characterLengths) {
        static Batch random(Network network, int time, int longest, Random random) {
            int[] lengths = random.ints(BATCH, 1, longest + 1).toArray(), characterLengths = new int[BATCH * time];
            lengths[random.nextInt(BATCH)] = longest;
            long[] tokens = random.longs((long) BATCH * time, 0, Math.max(1, network.vocab())).toArray();
            float[] features = new float[BATCH * time * network.embedding()];
            for (int i = 0; i < features.length; i++) features[i] = (float) random.nextGaussian();
            long[] characters = random.longs((long) BATCH * time * CHARACTERS, 0, network.spelling() == null ? 1 : network.spelling().characters()).toArray();
            for (int n = 0; n < characterLengths.length; n++) characterLengths[n] = n % time < lengths[n / time] ? 1 + random.nextInt(CHARACTERS) : 0;
            return new Batch(time, lengths, tokens, features, characters, characterLengths);
        }

        /** As kernels read it, time-major; every token is a word of its own. */
        Window window(Network network, Window.Size size) {
            int n = BATCH * time, F = network.embedding(), rows = network.head().atEveryStep() ? n : BATCH;
            int[] ids = new int[n], targets = new int[rows], of = new int[n], spelled = new int[n * CHARACTERS], spelledLengths = new int[n];
            float[] x = new float[n * F];
            Arrays.fill(targets, Window.NONE);
            for (int b = 0; b < BATCH; b++)
                for (int t = 0; t < time; t++) {
                    int from = b * time + t, to = t * BATCH + b;
                    ids[to] = (int) tokens[from];
                    System.arraycopy(features, from * F, x, to * F, F);
                    of[to] = to;
                    spelledLengths[to] = Math.max(1, characterLengths[from]);
                    for (int k = 0; k < CHARACTERS; k++) spelled[k * n + to] = (int) characters[from * CHARACTERS + k];
                }
            return new Window(size, network.vocab() > 0 ? ids : null, network.vocab() > 0 ? null : x, targets, network.head().classes() ? null : new float[rows * network.head().outputs()], lengths,
                    network.spelling() == null ? null : new Window.Words(of, spelled, spelledLengths), 0);
        }

        Map<String, OnnxTensor> inputs(Network network) throws OrtException {
            Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
            if (network.vocab() > 0) inputs.put("tokens", longs(tokens, BATCH, time));
            else inputs.put("features", OnnxTensor.createTensor(ENVIRONMENT, FloatBuffer.wrap(features), new long[] {BATCH, time, network.embedding()}));
            inputs.put("lengths", longs(Arrays.stream(lengths).asLongStream().toArray(), BATCH));
            if (network.spelling() == null) return inputs;
            inputs.put("characters", longs(characters, BATCH, time, CHARACTERS));
            inputs.put("character_lengths", longs(Arrays.stream(characterLengths).asLongStream().toArray(), BATCH, time));
            return inputs;
        }

        private static OnnxTensor longs(long[] values, long... shape) throws OrtException {
            return OnnxTensor.createTensor(ENVIRONMENT, LongBuffer.wrap(values), shape);
        }
    }

    static Stream<Model> models() {
        return Kinds.all();
    }

    @ParameterizedTest @MethodSource("models")
    void onnxRuntimeSaysWhatTheReferenceKernelSays(Model model) throws OrtException {
        Network network = model.network();
        Random random = new Random(7);
        try (OrtSession session = ENVIRONMENT.createSession(OnnxNetwork.of(model).bytes())) {
            boolean carries = session.getInputNames().contains("h0");
            for (int longest : new int[] {TIME, TIME - 2, 1}) {                 // also where padding is all that the last steps have
                Batch batch = Batch.random(network, longest == 1 ? 1 : TIME, longest, random);
                Window.Size size = network.spelling() == null ? new Window.Size(BATCH, batch.time) : new Window.Size(BATCH, batch.time, BATCH * batch.time, CHARACTERS);
                try (Kernel kernel = Kernel.open("reference", Layout.forScoring(network, size))) {
                    kernel.load(Layout.Block.PARAMETERS, model.parameters());
                    UnrolledNetwork unrolled = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
                    Map<String, float[]> state = new LinkedHashMap<>();
                    if (carries) for (String name : network.cell().hasMemory() ? new String[] {"h0", "c0"} : new String[] {"h0"}) state.put(name, new float[network.layers() * BATCH * network.hidden()]);
                    for (int again = 0; again < (carries ? 2 : 1); again++) {      // the second from the state after the first
                        if (again == 1) unrolled.carry();
                        unrolled.forward(batch.window(network, again == 0 ? size : null), null);
                        Map<String, float[]> said = run(session, network, batch, state);
                        assertSays(reference(network, unrolled, batch), model.lexicon().task() == Task.LANGUAGE_MODEL, said, network.toString());
                        if (carries) state.replaceAll((name, before) -> said.get(name.replace('0', 'n')));
                    }
                }
            }
        }
    }

    private static Map<String, float[]> run(OrtSession session, Network network, Batch batch, Map<String, float[]> state) throws OrtException {
        Map<String, OnnxTensor> inputs = batch.inputs(network);
        for (Map.Entry<String, float[]> s : state.entrySet())
            inputs.put(s.getKey(), OnnxTensor.createTensor(ENVIRONMENT, FloatBuffer.wrap(s.getValue()), new long[] {network.layers(), BATCH, network.hidden()}));
        assertEquals(session.getInputNames(), inputs.keySet());
        Map<String, float[]> said = new LinkedHashMap<>();
        try (OrtSession.Result result = session.run(inputs)) {
            for (Map.Entry<String, ai.onnxruntime.OnnxValue> value : result) {
                FloatBuffer numbers = ((OnnxTensor) value.getValue()).getFloatBuffer();
                said.put(value.getKey(), new float[numbers.remaining()]);
                numbers.get(said.get(value.getKey()));
            }
        } finally {
            inputs.values().forEach(OnnxTensor::close);
        }
        return said;
    }

    /** Batch-major, zero past the ends. */
    private static float[] reference(Network network, UnrolledNetwork unrolled, Batch batch) {
        int O = network.head().outputs(), T = network.head().atEveryStep() ? batch.time : 1;
        float[] all = new float[BATCH * T * O], own = new float[O];
        for (int b = 0; b < BATCH; b++)
            for (int t = 0; t < T && t < batch.lengths[b]; t++) {
                if (network.head().loss() == Loss.SOFTMAX) unrolled.probabilities(t * BATCH + b, 1, own);
                else unrolled.outputs(t * BATCH + b, own);
                System.arraycopy(own, 0, all, (b * T + t) * O, O);
            }
        return all;
    }

    private static void assertSays(float[] reference, boolean logarithms, Map<String, float[]> said, String what) {
        float[] first = said.values().iterator().next();
        assertArrayEquals(reference, logarithms ? exponents(first, reference) : first, (float) TOLERANCE, what);
        if (logarithms) for (int i = 0; i < first.length; i++) assertTrue(reference[i] == 0 ? first[i] == 0 : Math.abs(Math.log(reference[i]) - first[i]) < TOLERANCE, what);
    }

    private static float[] exponents(float[] logarithms, float[] reference) {
        float[] exponents = new float[logarithms.length];
        for (int i = 0; i < exponents.length; i++) exponents[i] = reference[i] == 0 ? 0 : (float) Math.exp(logarithms[i]);
        return exponents;
    }

    @Test void theTransitionsOfACrfAreOutputs() throws OrtException {
        Model model = Kinds.labelled(Task.TAGGING, Cell.LSTM, 5, 1, true, "tokens", true);
        Batch batch = Batch.random(model.network(), TIME, TIME, new Random(1));
        try (OrtSession session = ENVIRONMENT.createSession(OnnxNetwork.of(model).bytes())) {
            Map<String, float[]> said = run(session, model.network(), batch, Map.of());
            assertEquals(Set.of("emissions", "transitions", "start_transitions", "end_transitions"), said.keySet());
            assertArrayEquals(part(model, "transitions"), said.get("transitions"));
            assertArrayEquals(part(model, "transitions_start"), said.get("start_transitions"));
            assertArrayEquals(part(model, "transitions_end"), said.get("end_transitions"));
        }
    }

    private static float[] part(Model model, String name) {
        Tensor t = model.network().tensor(name);
        return Arrays.copyOfRange(model.parameters(), t.offset(), t.end());
    }

    @Test void theGraphSaysWhatItIsOf() throws Exception {
        Model model = Kinds.labelled(Task.TAGGING, Cell.LSTM, 5, 1, true, "tokens", true);
        ModelProto proto = ModelProto.parseFrom(OnnxNetwork.of(model).bytes());
        assertEquals(OnnxGraph.OPSET, proto.getOpsetImport(0).getVersion());
        assertEquals(model.architecture().toString(), proto.getMetadataProps(0).getValue());
        assertArrayEquals(OnnxNetwork.of(model).bytes(), OnnxNetwork.of(model).bytes());
    }
}
