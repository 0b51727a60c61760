package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.UnrolledNetwork.Dropout;

/** The reference kernel against finite differences in double precision, and against a case worked by hand. */
class GradientTest {
    private static final double STEP = 1e-5;

    /** @param ignored share of targets that do not count
     *  @param lengths whether sequences have lengths of their own */
    record Case(Network network, int batch, int seqLen, Dropout dropout, double ignored, boolean lengths) { }

    private static final Cell SIGMOID = new Cell(4, Activation.SIGMOID, false), SIGMOID_PEEPHOLE = new Cell(4, Activation.SIGMOID, true);

    /** Every cell x directions x head x lengths, and dropout, ties, features and depth in turn among them. */
    static Stream<Case> cases() {
        Stream.Builder<Case> cases = Stream.builder();
        int number = 0;
        for (Cell cell : List.of(Cell.RNN, Cell.RELU, Cell.LSTM, Cell.PEEPHOLE, SIGMOID, SIGMOID_PEEPHOLE))
            for (boolean bidirectional : new boolean[] {false, true})
                for (boolean atEveryStep : new boolean[] {true, false})
                    for (Loss loss : Agreement.losses(atEveryStep))
                        for (boolean lengths : new boolean[] {false, true}) {
                            int hidden = 2 + number % 3, width = (bidirectional ? 2 : 1) * hidden, layers = 1 + number % 2;
                            boolean tied = loss == Loss.SOFTMAX && number % 5 == 0, features = !tied && number % 3 == 0;
                            int vocab = features ? 0 : 5, outputs = tied ? vocab : 3;
                            Dropout dropout = new Dropout(number % 4 == 0 ? 0.3 : 0, number % 8 == 0);
                            Network network = new Network(vocab, tied ? width : 4, cell, hidden, layers, bidirectional,
                                    new Head(atEveryStep, loss, outputs), tied);
                            cases.add(new Case(network, 3, 4, dropout, number % 2 * 0.3, lengths));
                            number++;
                        }
        cases.add(new Case(new Network(17, 2, 5, 3), 2, 2, new Dropout(0.25, true), 0, false));
        cases.add(new Case(new Network(3, 1, 1, 3), 1, 5, Dropout.NONE, 0, false));
        return cases.build();
    }

    /** Combinations that nobody thought of. {@code -Drondo.gradient.seed} tries others. */
    static Stream<Case> randomCases() {
        long seed = Long.getLong("rondo.gradient.seed", 1);
        System.out.println("random gradients: seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        return Stream.generate(() -> randomCase(random)).limit(100);
    }

    private static Case randomCase(SplittableRandom random) {
        List<Cell> cells = List.of(Cell.RNN, Cell.RELU, Cell.LSTM, Cell.PEEPHOLE, SIGMOID, SIGMOID_PEEPHOLE);
        boolean bidirectional = random.nextBoolean(), tied = random.nextInt(4) == 0;
        int hidden = 1 + random.nextInt(5), outputs = 1 + random.nextInt(6), layers = 1 + random.nextInt(3);
        int vocab = tied ? outputs : random.nextInt(3) == 0 ? 0 : 1 + random.nextInt(6);
        Network network = new Network(vocab, tied ? (bidirectional ? 2 : 1) * hidden : 1 + random.nextInt(5), cells.get(random.nextInt(cells.size())), hidden,
                layers, bidirectional, head(random, tied, outputs), tied);
        Dropout dropout = new Dropout(random.nextBoolean() ? 0 : random.nextDouble(0.9), random.nextBoolean());
        return new Case(network, 1 + random.nextInt(4), 1 + random.nextInt(5), dropout, random.nextBoolean() ? 0 : random.nextDouble(), random.nextBoolean());
    }

    private static Head head(SplittableRandom random, boolean tied, int outputs) {
        boolean atEveryStep = random.nextBoolean();
        List<Loss> losses = tied ? List.of(Loss.SOFTMAX) : Agreement.losses(atEveryStep);
        return new Head(atEveryStep, losses.get(random.nextInt(losses.size())), outputs);
    }

    @ParameterizedTest @MethodSource({"cases", "randomCases"})
    void everyGradientIsTheSlopeOfTheLoss(Case c) {
        Layout layout = Layout.forTraining(c.network, c.batch, c.seqLen, c.dropout.rate() > 0, 0);
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

            float scale = 1f / Math.max(1, window.tokens());
            for (Tensor t : c.network.tensors())
                for (int i = 0; i < t.size(); i++) {
                    double w = kernel.get(Block.PARAMETERS, t, i);
                    kernel.set(Block.PARAMETERS, t, i, w + STEP);
                    double up = network.forward(window, draw);
                    kernel.set(Block.PARAMETERS, t, i, w - STEP);
                    double down = network.forward(window, draw);
                    kernel.set(Block.PARAMETERS, t, i, w);
                    double slope = (up - down) / (2 * STEP) * scale, gradient = kernel.get(Block.GRADIENTS, t, i);
                    // truncation, STEP^2 / 6 third derivatives, about 1e-10 for slopes of order 1; rounding 2^-52 |E| / STEP below 1e-9
                    assertEquals(slope, gradient, 2e-9 * Math.max(1, Math.abs(slope)), t.name() + "[" + i + "] of " + c);
                }
        }
    }

    static Stream<Case> casesWithLengths() {
        return cases().filter(Case::lengths);
    }

    /** What stands past a sequence's end is never read: other numbers there change no loss and no gradient. */
    @ParameterizedTest @MethodSource("casesWithLengths")
    void paddingMovesNothing(Case c) {
        float[][] gradients = new float[2][c.network.parameterCount()];
        double[] losses = new double[2];
        for (int other = 0; other < 2; other++)
            try (ReferenceKernel kernel = new ReferenceKernel(Layout.forTraining(c.network, c.batch, c.seqLen, c.dropout.rate() > 0, 0))) {
                Window window = window(c, new SplittableRandom(7));
                for (int n = 0; n < c.batch * c.seqLen; n++) {
                    if (n / c.batch < window.lengths()[n % c.batch]) continue;
                    if (window.ids() != null) window.ids()[n] = other;
                    else Arrays.fill(window.features(), n * c.network.embedding(), (n + 1) * c.network.embedding(), 10 * other);
                }
                UnrolledNetwork network = new UnrolledNetwork(kernel, c.dropout);
                kernel.load(Block.PARAMETERS, Parameters.initial(c.network, 5));
                network.setState(new float[0]);
                losses[other] = network.forward(window, null);
                network.backward(window, null);
                kernel.store(Block.GRADIENTS, gradients[other]);
            }
        assertEquals(losses[0], losses[1]);
        assertArrayEquals(gradients[0], gradients[1]);
    }

    /** One unit, one token, zero state: E = log(1 + exp(z_other - z_target)) can be followed with pencil and paper. */
    @Test void aSingleUnitIsAsWorkedByHand() {
        Network network = new Network(2, 1, 1, 1);
        try (ReferenceKernel kernel = new ReferenceKernel(Layout.forTraining(network, 1, 1, false, 0))) {
            //                  E: x=2       Wx i   f    g   o   Wh i f g o   b i  f  g  o   W      b
            float[] w = {9, 2,       0.5f, 7, 0.25f, 1,   3, 3, 3, 3,   0, 0, 0.5f, -1,  1, -1,   0, 0};
            kernel.load(Block.PARAMETERS, w);
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, Dropout.NONE);
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
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, Dropout.NONE);
            Window padding = new Streams(0, new int[2][0]).window(0, 2);
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
            Matrix out = layout.layers.get(0).out(), x = layout.layers.get(1).directions().get(0).x();
            float[] ones = new float[out.rows() * out.cols()], dropped = new float[ones.length];
            Arrays.fill(ones, 1);
            kernel.write(ones, 0, out);
            kernel.dropout(out, x, 0.3, new Draw(1, 0, 0), 1, out.rows());
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

    /** Random inputs and targets; with lengths, one sequence is empty and targets past an end do not count. */
    private static Window window(Case c, SplittableRandom random) {
        Network network = c.network;
        Head head = network.head();
        int n = c.batch * c.seqLen, rows = head.atEveryStep() ? n : c.batch, tokens = 0;
        int[] ids = new int[n], targets = new int[rows], lengths = new int[c.batch];
        float[] features = new float[n * network.embedding()], values = new float[rows * head.outputs()];
        for (int b = 0; b < c.batch; b++) lengths[b] = b == 1 ? 0 : 1 + random.nextInt(c.seqLen);
        for (int i = 0; i < n; i++) ids[i] = network.vocab() == 0 ? 0 : random.nextInt(network.vocab());
        for (int i = 0; i < features.length; i++) features[i] = (float) random.nextDouble(-1, 1);
        for (int i = 0; i < values.length; i++) values[i] = (float) random.nextDouble(-1, 1);
        for (int i = 0; i < rows; i++) {
            boolean past = c.lengths && (head.atEveryStep() ? i / c.batch >= lengths[i % c.batch] : lengths[i] == 0);
            boolean ignored = random.nextDouble() < c.ignored;
            if (head.crf() && i >= c.batch) ignored = targets[i % c.batch] < 0;         // a sequence counts, or does not
            targets[i] = past || ignored ? Window.NONE : head.classes() ? random.nextInt(head.outputs()) : 0;
            if (targets[i] >= 0) tokens++;
        }
        return new Window(network.vocab() == 0 ? null : ids, network.vocab() == 0 ? features : null, targets, head.classes() ? null : values,
                c.lengths ? lengths : null, tokens);
    }
}
