package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;

/** Every kernel against PyTorch's numbers for the same network, parameters, carried state and windows.
 *
 *  <p>PyTorch computed in double precision, so all of a difference is ours. It is measured relative to the largest element of its
 *  tensor: an element is a sum of terms that cancel, so that its rounding error has the size of the terms, not of the sum. The
 *  sums here have up to some 100 terms; with rounding errors of random sign (Higham 1993, 3.5) that is 10 x 2^-24 = 6e-7. */
class PyTorchTest {
    private static final double TOLERANCE = 1e-5;
    /** Half the distance from 1 to the next float: the rounding error of one operation. */
    private static final double EPS = 0x1p-24;
    private static final int WINDOWS = 10;

    /** What there is to compare with, and what computes it. */
    record Case(String kernel, String fixture) {
        Fixture read() {
            return new Fixture("/pytorch/" + fixture + ".tsv");
        }

        Network network(Fixture f) {
            Cell cell = fixture.startsWith("rnn-relu") ? Cell.RELU : fixture.startsWith("rnn") ? Cell.RNN : Cell.LSTM;
            int vocab = (int) f.number("vocab");
            return new Network(vocab, (int) f.number("embedding"), cell, (int) f.number("hidden"), (int) f.number("layers"),
                    fixture.contains("bidirectional"), new Head(true, Loss.SOFTMAX, vocab), false);
        }
    }

    static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (String fixture : List.of("lstm-1-layer", "lstm-2-layers", "rnn-tanh-2-layers", "rnn-relu-2-layers", "lstm-2-layers-bidirectional-lengths")) {
            cases.add(new Case("reference", fixture));
            for (String isa : NativeLibrary.instructionSets()) cases.add(new Case(isa, fixture));
        }
        return cases;
    }

    /** One fixture has all optimizers. */
    static Stream<Arguments> casesAndOptimizers() {
        return cases().stream().flatMap(c -> Stream.of("sgd", "adam", "momentum", "nesterov", "adamw").limit(c.fixture.equals("rnn-tanh-2-layers") ? 5 : 2)
                .map(optimizer -> Arguments.of(c, optimizer)));
    }

    private static Optimizer optimizer(String name, Fixture f) {
        double clipNorm = f.number("clipNorm");
        return switch (name) {
            case "momentum", "nesterov" -> new Optimizer("sgd", f.number("momentum"), name.equals("nesterov"), 0, clipNorm);
            case "adamw" -> new Optimizer("adamw", 0, false, f.number("weightDecay"), clipNorm);
            default -> new Optimizer(name, clipNorm);
        };
    }

    @ParameterizedTest @MethodSource("cases")
    void lossGradientsAndStateArePyTorchs(Case c) {
        Fixture fixture = c.read();
        Network shape = c.network(fixture);
        try (Kernel kernel = Kernel.open(c.kernel, Layout.forTraining(shape, (int) fixture.number("batch"), (int) fixture.number("seqLen"), false, 2))) {
            UnrolledNetwork network = start(kernel, fixture);
            Window window = window(fixture, 0);
            double loss = network.forward(window, null) / window.tokens();
            network.backward(window, null);
            network.carry();
            assertEquals(fixture.number("loss"), loss, TOLERANCE * fixture.number("loss"));
            for (Tensor t : shape.tensors())
                assertClose("d " + t.name(), fixture.floats("gradients/" + t.name()), part(kernel, Block.GRADIENTS, t), TOLERANCE, 0);
            if (!shape.bidirectional()) assertClose("state", state(fixture, "final"), network.state(), TOLERANCE, 0);
        }
    }

    /** What ten steps change is compared relative to the largest change, not to the parameters, most of which was there before. The
     *  parameters are floats: each step adds a rounding of a parameter to the error. */
    @ParameterizedTest @MethodSource("casesAndOptimizers")
    void tenStepsArePyTorchs(Case c, String name) {
        Fixture fixture = c.read();
        Network shape = c.network(fixture);
        Optimizer optimizer = optimizer(name, fixture);
        float[] losses = new float[WINDOWS], norms = new float[WINDOWS];
        try (Kernel kernel = Kernel.open(c.kernel, Layout.forTraining(shape, (int) fixture.number("batch"), (int) fixture.number("seqLen"), false, 2))) {
            UnrolledNetwork network = start(kernel, fixture);
            for (int w = 0; w < WINDOWS; w++) {
                Window window = window(fixture, w);
                losses[w] = (float) (network.forward(window, null) / window.tokens());
                network.backward(window, null);
                norms[w] = (float) optimizer.step(kernel, fixture.number(name + "/learningRate"), w + 1);
                network.carry();
            }
            assertClose("losses", fixture.floats(name + "/losses"), losses, TOLERANCE, 0);
            assertClose("norms", fixture.floats(name + "/norms"), norms, TOLERANCE, 0);
            for (Tensor t : shape.tensors()) {
                float[] before = fixture.floats("parameters/" + t.name());
                assertClose("change of " + t.name(), difference(fixture.floats(name + "/" + t.name()), before),
                        difference(part(kernel, Block.PARAMETERS, t), before), TOLERANCE, WINDOWS * EPS * largest(before));
            }
        }
    }

    /** Before the first window. */
    private static UnrolledNetwork start(Kernel kernel, Fixture fixture) {
        float[] parameters = new float[kernel.layout().network.parameterCount()];
        for (Tensor t : kernel.layout().network.tensors())
            System.arraycopy(fixture.floats("parameters/" + t.name()), 0, parameters, t.offset(), t.size());
        kernel.load(Block.PARAMETERS, parameters);
        UnrolledNetwork network = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
        network.setState(kernel.layout().network.bidirectional() ? new float[0] : state(fixture, "initial"));
        return network;
    }

    /** PyTorch has h of all layers, then c if there is one; ours is h and c of one layer after the other. */
    private static float[] state(Fixture fixture, String when) {
        float[] h = fixture.floats(when + "/h");
        if (!fixture.has(when + "/c")) return h;
        float[] c = fixture.floats(when + "/c"), state = new float[2 * h.length];
        int layers = (int) fixture.number("layers"), size = h.length / layers;
        for (int l = 0; l < layers; l++) {
            System.arraycopy(h, l * size, state, 2 * l * size, size);
            System.arraycopy(c, l * size, state, (2 * l + 1) * size, size);
        }
        return state;
    }

    private static Window window(Fixture fixture, int w) {
        int n = (int) (fixture.number("batch") * fixture.number("seqLen"));
        int[] targets = Arrays.copyOfRange(fixture.ints("targets"), w * n, (w + 1) * n);
        int batch = (int) fixture.number("batch");
        int[] lengths = fixture.has("lengths") ? Arrays.copyOfRange(fixture.ints("lengths"), w * batch, (w + 1) * batch) : null;
        return new Window(Arrays.copyOfRange(fixture.ints("inputs"), w * n, (w + 1) * n), null, targets, null, lengths,
                (int) Arrays.stream(targets).filter(target -> target != Window.NONE).count());
    }

    private static float[] part(Kernel kernel, Block block, Tensor t) {
        float[] all = new float[kernel.layout().network.parameterCount()];
        kernel.store(block, all);
        return Arrays.copyOfRange(all, t.offset(), t.end());
    }

    private static float[] difference(float[] a, float[] b) {
        float[] difference = new float[a.length];
        for (int i = 0; i < a.length; i++) difference[i] = a[i] - b[i];
        return difference;
    }

    private static double largest(float[] values) {
        double largest = 0;
        for (float v : values) largest = Math.max(largest, Math.abs(v));
        return largest;
    }

    /** @param tolerance relative to the largest element expected
     *  @param absolute  allowed besides */
    private static void assertClose(String what, float[] expected, float[] actual, double tolerance, double absolute) {
        assertEquals(expected.length, actual.length, what);
        double allowed = tolerance * largest(expected) + absolute;
        for (int i = 0; i < expected.length; i++)
            if (!(Math.abs(expected[i] - actual[i]) <= allowed))
                throw new AssertionError(what + ", element " + i + " of " + expected.length + ": PyTorch has " + expected[i] + ", we have "
                        + actual[i] + "; tolerance " + allowed);
    }
}
