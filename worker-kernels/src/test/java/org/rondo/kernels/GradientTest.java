package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;

/** The reference kernel against finite differences in double precision, and against a case worked by hand. */
class GradientTest {
    private static final double STEP = 1e-5;

    record Case(Network network, int batch, int seqLen, double dropout, double ignored) { }

    static Stream<Case> cases() {
        return Stream.of(
                new Case(new Network(5, 3, 4, 1), 2, 3, 0, 0),
                new Case(new Network(7, 4, 3, 2), 3, 4, 0, 0.3),
                new Case(new Network(3, 1, 1, 3), 1, 5, 0, 0),
                new Case(new Network(6, 5, 4, 2), 2, 3, 0.4, 0.2),
                new Case(new Network(17, 2, 5, 3), 2, 2, 0.25, 0));
    }

    @ParameterizedTest @MethodSource("cases")
    void everyGradientIsTheSlopeOfTheLoss(Case c) {
        Layout layout = Layout.forTraining(c.network, c.batch, c.seqLen, c.dropout > 0, 0);
        try (ReferenceKernel kernel = new ReferenceKernel(layout)) {
            SplittableRandom random = new SplittableRandom(7);
            Window window = window(c, random);
            float[] state = new float[c.batch * c.network.stateSize()];
            for (int i = 0; i < state.length; i++) state[i] = (float) random.nextDouble(-1, 1);
            Draw draw = new Draw(11, 2, 3);
            UnrolledNetwork network = new UnrolledNetwork(kernel, c.dropout);
            kernel.load(Block.PARAMETERS, Parameters.initial(c.network, 5));
            network.setState(state);
            network.forward(window, draw);
            network.backward(window, draw);

            float scale = 1f / window.tokens();
            for (Tensor t : c.network.tensors())
                for (int i = 0; i < t.size(); i++) {
                    double w = kernel.get(Block.PARAMETERS, t, i);
                    kernel.set(Block.PARAMETERS, t, i, w + STEP);
                    double up = network.forward(window, draw);
                    kernel.set(Block.PARAMETERS, t, i, w - STEP);
                    double down = network.forward(window, draw);
                    kernel.set(Block.PARAMETERS, t, i, w);
                    double slope = (up - down) / (2 * STEP) * scale, gradient = kernel.get(Block.GRADIENTS, t, i);
                    // truncation STEP^2 f'''/6 about 1e-10 for slopes of order 1; rounding 2^-52 |E| / STEP below 1e-9
                    assertEquals(slope, gradient, 2e-9 * Math.max(1, Math.abs(slope)), t.name() + "[" + i + "] of " + c);
                }
        }
    }

    /** One unit, one token, zero state: E = log(1 + exp(z_other - z_target)) can be followed with pencil and paper. */
    @Test void aSingleUnitIsAsWorkedByHand() {
        Network network = new Network(2, 1, 1, 1);
        try (ReferenceKernel kernel = new ReferenceKernel(Layout.forTraining(network, 1, 1, false, 0))) {
            //                  E: x=2       Wx i   f    g   o   Wh i f g o   b i  f  g  o   W      b
            float[] w = {9, 2,       0.5f, 7, 0.25f, 1,   3, 3, 3, 3,   0, 0, 0.5f, -1,  1, -1,   0, 0};
            kernel.load(Block.PARAMETERS, w);
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, 0);
            unrolled.setState(new float[0]);
            double i = 1 / (1 + Math.exp(-1)), g = Math.tanh(1), o = 1 / (1 + Math.exp(-1));
            double c = i * g, h = o * Math.tanh(c);
            double loss = unrolled.forward(new Window(new int[] {1}, new int[] {0}, 1), null);
            assertEquals(Math.log(1 + Math.exp(-2 * h)), loss, 1e-15);
            unrolled.backward(new Window(new int[] {1}, new int[] {0}, 1), null);
            double p1 = Math.exp(-h) / (Math.exp(h) + Math.exp(-h));
            assertEquals(p1, kernel.get(Block.GRADIENTS, network.tensor("output.bias"), 1), 1e-15);
            double dh = -2 * p1, dO = dh * Math.tanh(c), dc = dh * o * (1 - Math.tanh(c) * Math.tanh(c));
            assertEquals(dO * o * (1 - o) * 2, kernel.get(Block.GRADIENTS, network.tensor("weight_ih_l0"), 3), 1e-15);
            assertEquals(dc * i * (1 - g * g) * 2, kernel.get(Block.GRADIENTS, network.tensor("weight_ih_l0"), 2), 1e-15);
            assertEquals(0, kernel.get(Block.GRADIENTS, network.tensor("weight_hh_l0"), 0));
        }
    }

    @Test void aWindowOfPaddingHasNeitherLossNorGradient() {
        Network network = new Network(4, 2, 3, 2);
        try (ReferenceKernel kernel = new ReferenceKernel(Layout.forTraining(network, 2, 2, false, 0))) {
            kernel.load(Block.PARAMETERS, Parameters.initial(network, 1));
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, 0);
            Window padding = new Shard(0, new int[2][0]).window(0, 2);
            assertEquals(0, padding.tokens());
            assertEquals(0, unrolled.forward(padding, null));
            unrolled.backward(padding, null);
            assertEquals(0, kernel.sumOfSquares(layoutBlock(kernel)));
        }
    }

    @Test void dropoutKeepsItsShareAndTheMean() {
        Network network = new Network(2, 1, 64, 2);
        Layout layout = Layout.forTraining(network, 50, 20, true, 0);
        try (ReferenceKernel kernel = new ReferenceKernel(layout)) {
            Matrix out = layout.layers.get(0).out(), x = layout.layers.get(1).x();
            float[] ones = new float[out.rows() * out.cols()], dropped = new float[ones.length];
            java.util.Arrays.fill(ones, 1);
            kernel.write(ones, 0, out);
            kernel.dropout(out, x, 0.3, new Draw(1, 0, 0), 1);
            kernel.read(x, dropped, 0);
            int kept = 0;
            for (float v : dropped) {
                if (v != 0) assertEquals(1 / 0.7, v, 1e-7);
                if (v != 0) kept++;
            }
            double deviation = Math.sqrt(0.3 * 0.7 / ones.length);
            assertTrue(Math.abs(kept / (double) ones.length - 0.7) < 5 * deviation, kept + " of " + ones.length + " kept");
        }
    }

    private static Matrix layoutBlock(Kernel kernel) {
        return kernel.layout().block(Block.GRADIENTS);
    }

    private static Window window(Case c, SplittableRandom random) {
        int n = c.batch * c.seqLen, tokens = 0;
        int[] inputs = new int[n], targets = new int[n];
        for (int i = 0; i < n; i++) {
            inputs[i] = random.nextInt(c.network.vocab());
            targets[i] = random.nextDouble() < c.ignored ? Window.NONE : random.nextInt(c.network.vocab());
            if (targets[i] >= 0) tokens++;
        }
        return new Window(inputs, targets, tokens);
    }
}
