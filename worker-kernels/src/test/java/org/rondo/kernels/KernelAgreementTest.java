package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.UnrolledNetwork.Dropout;

/** The native kernel on every instruction set of this machine against the reference kernel, at sizes around the widths of
 *  registers, panels and tiles. */
class KernelAgreementTest {
    /** Half the distance from 1 to the next float: the rounding error of one operation. */
    private static final double EPS = 0x1p-24;
    private static final double DROPOUT = 0.3;

    private static final Cell SIGMOID = new Cell(4, Activation.SIGMOID, false), SIGMOID_PEEPHOLE = new Cell(4, Activation.SIGMOID, true);

    /** @param lengths whether sequences have lengths of their own */
    record Case(Network network, int batch, int seqLen, boolean lengths) {
        Layout layout(double dropout) {
            return Layout.forTraining(network, batch, seqLen, dropout > 0, 2);
        }

        /** Terms of the longest chain of sums that a gradient is the end of: down through the layers, and back through time. */
        int terms() {
            return network.head().outputs() + network.layers() * seqLen * (network.cell().gates() * network.width() + network.inputSize(0) + batch);
        }
    }

    static List<String> instructionSets() {
        return NativeLibrary.instructionSets();
    }

    /** A language model of LSTMs of every hidden size with every batch size; then every cell x directions x head x lengths.
     *  What else there is takes turns. */
    static List<Case> cases() {
        int[] hidden = {1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65}, batch = {1, 3, 6, 7, 20}, seqLen = {2, 1, 5};
        int[] vocab = {2, 17, 63, 64, 65, 300, 130}, embedding = {1, 5, 16, 17, 64, 70, 15};
        List<Case> cases = new ArrayList<>();
        for (int h : hidden)
            for (int b : batch) {
                int turn = cases.size();
                cases.add(new Case(new Network(vocab[turn % 7], embedding[turn * 3 % 7], h, 1 + turn % 3), b, seqLen[turn / 2 % 3], false));
            }
        for (Cell cell : List.of(Cell.RNN, Cell.RELU, Cell.LSTM, Cell.PEEPHOLE, SIGMOID, SIGMOID_PEEPHOLE))
            for (boolean bidirectional : new boolean[] {false, true})
                for (boolean atEveryStep : new boolean[] {true, false})
                    for (boolean softmax : new boolean[] {true, false})
                        for (boolean lengths : new boolean[] {false, true}) {
                            int turn = cases.size(), h = hidden[turn % 11], outputs = vocab[turn % 7];
                            boolean tied = softmax && turn % 3 == 0, features = !tied && turn % 5 == 0;
                            Network network = new Network(features ? 0 : tied ? outputs : 40, tied ? (bidirectional ? 2 : 1) * h : embedding[turn * 3 % 7],
                                    cell, h, 1 + turn / 2 % 2, bidirectional, new Head(atEveryStep, softmax, outputs), tied);
                            cases.add(new Case(network, batch[turn % 5], 2 + turn % 4, lengths));
                        }
        for (Cell cell : List.of(Cell.RNN, Cell.PEEPHOLE))    // more rows than are packed at a time
            cases.add(new Case(new Network(100, 20, cell, 24, 1, true, new Head(true, true, 100), false), 20, 30, true));
        return cases;
    }

    static Stream<Arguments> instructionSetsAndCases() {
        return instructionSets().stream().flatMap(isa -> cases().stream().map(c -> Arguments.of(isa, c)));
    }

    @ParameterizedTest @MethodSource("instructionSetsAndCases")
    void lossesGradientsAndStateAgreeOverTwoWindows(String isa, Case c) {
        agree(isa, c, Dropout.NONE);
    }

    @ParameterizedTest @MethodSource("instructionSetsAndCases")
    void theyAgreeWithDropout(String isa, Case c) {
        agree(isa, c, new Dropout(DROPOUT, c.batch % 2 == 0));
    }

    private static void agree(String isa, Case c, Dropout dropout) {
        Layout layout = c.layout(dropout.rate());
        float[] parameters = uniform(c.network.parameterCount(), 1, 11), state = uniform(c.batch * c.network.stateSize(), 0.5, 12);
        scaleRelu(c.network, parameters);
        try (Kernel expected = Kernel.open("reference", layout); Kernel actual = Kernel.open(isa, layout)) {
            List<UnrolledNetwork> networks = new ArrayList<>();
            for (Kernel kernel : List.of(expected, actual)) {
                kernel.load(Block.PARAMETERS, parameters);
                networks.add(new UnrolledNetwork(kernel, dropout));
                networks.get(networks.size() - 1).setState(state);
            }
            double tolerance = 4 * EPS * c.terms();   // rounding of a sum of that many terms, Higham 1993, 3.5
            for (int w = 0; w < 2; w++) {
                Window window = randomWindow(c, 21 + w);
                Draw draw = dropout.rate() > 0 ? new Draw(7, 3, w) : null;
                for (UnrolledNetwork network : networks) network.forward(window, draw);
                String of = " of window " + w;
                assertClose("loss" + of, read(expected, layout.head.loss()), read(actual, layout.head.loss()), tolerance);
                for (int row = 0; row < layout.head.rows(); row += 1 + row)
                    assertClose("outputs of row " + row + of, outputs(expected, row), outputs(actual, row), tolerance);
                for (UnrolledNetwork network : networks) {
                    network.backward(window, draw);
                    network.carry();
                }
                assertClose("state after window " + w, networks.get(0).state(), networks.get(1).state(), tolerance);
                for (Tensor t : c.network.tensors())
                    assertClose("d " + t.name() + of, part(expected, Block.GRADIENTS, t), part(actual, Block.GRADIENTS, t), tolerance);
                assertPaddingIsZero(actual, Block.GRADIENTS);
            }
        }
    }

    /** What a ReLU lets through grows from step to step and layer to layer; small weights keep it within the tolerance. */
    private static void scaleRelu(Network network, float[] parameters) {
        if (network.cell().activation() != Activation.RELU) return;
        for (int i = 0; i < parameters.length; i++) parameters[i] /= network.width();
    }

    private static float[] outputs(Kernel kernel, int row) {
        float[] outputs = new float[kernel.layout().head.outputs()];
        if (kernel.layout().network.head().softmax()) kernel.readProbabilities(kernel.layout().head, row, 1, outputs);
        else kernel.readOutputs(kernel.layout().head, row, outputs);
        return outputs;
    }

    /** Of all rows at once; from the second on, and one by one, they are the same to the bit. */
    private static float[] probabilities(Kernel kernel) {
        Layout.Dense head = kernel.layout().head;
        int rows = head.rows(), outputs = head.outputs();
        float[] all = new float[rows * outputs], rest = new float[(rows - 1) * outputs];
        kernel.readProbabilities(head, 0, rows, all);
        kernel.readProbabilities(head, 1, rows - 1, rest);
        assertArrayEquals(Arrays.copyOfRange(all, outputs, all.length), rest);
        for (int row = 0; row < rows; row += 7) assertArrayEquals(Arrays.copyOfRange(all, row * outputs, (row + 1) * outputs), outputs(kernel, row));
        return all;
    }

    @ParameterizedTest @MethodSource("instructionSetsAndCases")
    void updatesAgree(String isa, Case c) {
        Layout layout = c.layout(0);
        int count = c.network.parameterCount();
        float[][] blocks = {uniform(count, 1, 31), uniform(count, 1, 32), uniform(count, 1, 33), uniform(count, 1, 34)};
        for (int i = 0; i < count; i++) blocks[3][i] = Math.abs(blocks[3][i]);   // a mean of squares
        try (Kernel expected = Kernel.open("reference", layout); Kernel actual = Kernel.open(isa, layout)) {
            for (Kernel kernel : List.of(expected, actual)) {
                for (Block block : Block.values()) kernel.load(block, blocks[block.ordinal()]);
                kernel.sgd(0.5f, 0, false, 1, 0.25f);
                for (int step = 1; step <= 4; step++) kernel.sgd(0.1f, 0.9f, step % 2 == 0, step, 0.25f);
                kernel.adam(1e-2f, 0.9f, 0.999f, 1e-8f, 0, 3, 0.25f);
                kernel.adam(1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 4, 0.25f);
            }
            for (Block block : Block.values()) {
                assertClose(block.toString(), all(expected, block), all(actual, block), 16 * EPS);   // as many roundings
                assertPaddingIsZero(actual, block);
            }
            Matrix gradients = layout.block(Block.GRADIENTS);
            assertEquals(Arrays.stream(toDoubles(blocks[1])).sum(), actual.sum(gradients), 1e-12 * count);
            assertEquals(expected.sumOfSquares(gradients), actual.sumOfSquares(gradients), 1e-12 * count);
        }
    }

    /** The native kernel knows which rows of the embedding have a gradient, and must not know it wrongly. */
    @ParameterizedTest @MethodSource("instructionSetsAndCases")
    void plainUpdatesAgreeAfterWindowsAndAfterALoad(String isa, Case c) {
        Layout layout = c.layout(0);
        int count = c.network.parameterCount();
        double tolerance = 16 * EPS * c.terms();
        float[] parameters = uniform(count, 1, 35);
        scaleRelu(c.network, parameters);
        try (Kernel expected = Kernel.open("reference", layout); Kernel actual = Kernel.open(isa, layout)) {
            for (int step = 1; step <= 4; step++) {
                for (Kernel kernel : List.of(expected, actual)) {
                    kernel.load(Block.PARAMETERS, parameters);   // each step from the same, so that their differences do not grow
                    UnrolledNetwork network = new UnrolledNetwork(kernel, Dropout.NONE);
                    network.setState(new float[0]);
                    network.forward(randomWindow(c, 35 + step), null);
                    network.backward(randomWindow(c, 35 + step), null);
                    if (step == 3) kernel.load(Block.GRADIENTS, uniform(count, 1, 36));
                    kernel.sgd(1, 0, false, step, 1);
                }
                Matrix gradients = layout.block(Block.GRADIENTS);
                double squares = expected.sumOfSquares(gradients);
                assertEquals(squares, actual.sumOfSquares(gradients), tolerance * squares);
                assertClose("parameters after step " + step, all(expected, Block.PARAMETERS), all(actual, Block.PARAMETERS), tolerance);
            }
        }
    }

    /** Nor must it miss what other operations leave there. */
    @ParameterizedTest @MethodSource("instructionSets")
    void whatIsWrittenIntoGradientsCountsUntilTheNextWindow(String isa) {
        Case c = new Case(new Network(70, 20, 20, 1), 3, 2, false);
        Layout layout = c.layout(0);
        Matrix gradients = layout.block(Block.GRADIENTS), table = layout.embedding.dWeight();
        Matrix other = layout.at(Block.FIRST_MOMENT, c.network.tensor("embedding.weight"));
        float[] numbers = uniform(c.network.parameterCount(), 1, 91);
        List<Consumer<Kernel>> writers = List.of(k -> k.write(numbers, 0, table), k -> k.copy(other, table), k -> k.copyColumns(other, 0, table, 0, 20),
                k -> k.dropout(other, table, DROPOUT, new Draw(1, 2, 3), 0, 70));
        try (Kernel expected = Kernel.open("reference", layout); Kernel actual = Kernel.open(isa, layout)) {
            for (Consumer<Kernel> writer : writers) {
                for (Kernel kernel : List.of(expected, actual)) {
                    for (Block block : List.of(Block.PARAMETERS, Block.FIRST_MOMENT)) kernel.load(block, numbers);
                    UnrolledNetwork network = new UnrolledNetwork(kernel, Dropout.NONE);
                    network.setState(new float[0]);
                    network.forward(randomWindow(c, 92), null);
                    network.backward(randomWindow(c, 92), null);
                }
                assertClose("gradients", all(expected, Block.GRADIENTS), all(actual, Block.GRADIENTS), 4 * EPS * c.terms());
                for (Kernel kernel : List.of(expected, actual)) writer.accept(kernel);
                double squares = expected.sumOfSquares(gradients);
                assertEquals(squares, actual.sumOfSquares(gradients), 4 * EPS * c.terms() * squares);
            }
        }
    }

    @ParameterizedTest @MethodSource("instructionSetsAndCases")
    void whatIsLoadedIsStored(String isa, Case c) {
        float[] canonical = uniform(c.network.parameterCount(), 1, 41);
        try (Kernel kernel = Kernel.open(isa, c.layout(0))) {
            for (Block block : Block.values()) {
                kernel.load(block, canonical);
                assertArrayEquals(canonical, all(kernel, block));
                assertPaddingIsZero(kernel, block);
            }
        }
    }

    @ParameterizedTest @MethodSource("instructionSetsAndCases")
    void scoresAgree(String isa, Case c) {
        Layout layout = Layout.forScoring(c.network, c.batch, c.seqLen);
        float[][] outputs = new float[2][], logits = new float[2][c.network.head().outputs()];
        double tolerance = 4 * EPS * c.terms();
        float[] parameters = uniform(c.network.parameterCount(), 1, 51);
        scaleRelu(c.network, parameters);
        for (int k = 0; k < 2; k++)
            try (Kernel kernel = Kernel.open(k == 0 ? "reference" : isa, layout)) {
                kernel.load(Block.PARAMETERS, parameters);
                new UnrolledNetwork(kernel, Dropout.NONE).forward(randomWindow(c, 52), null);
                outputs[k] = c.network.head().softmax() ? probabilities(kernel) : outputs(kernel, layout.head.rows() - 1);
                kernel.readOutputs(layout.head, layout.head.rows() - 1, logits[k]);
            }
        if (c.network.head().softmax()) assertEquals(layout.head.rows(), Arrays.stream(toDoubles(outputs[1])).sum(), layout.head.rows() * tolerance);
        assertClose("outputs", outputs[0], outputs[1], tolerance);
        assertClose("z", logits[0], logits[1], tolerance);
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void dropoutKeepsWhatPhiloxSays(String isa) {
        Layout layout = Layout.forTraining(new Network(5, 33, 33, 1), 3, 5, true, 0);
        Matrix m = layout.head.x();
        Draw draw = new Draw(0x123456789abcdefL, 4, 5);
        float[] ones = new float[m.rows() * m.cols()], kept = new float[ones.length], expected = new float[ones.length];
        Arrays.fill(ones, 1);
        int[] words = new int[4];
        for (int i = 0; i < expected.length; i++) {
            int e = i / m.cols() % 9 * m.stride() + i % m.cols();
            Philox.block(draw.seed(), e / 4, 2, draw.window(), draw.shard(), words);
            expected[i] = Integer.toUnsignedLong(words[e % 4]) >= DROPOUT * 0x1p32 ? (float) (1 / (1 - DROPOUT)) : 0;
        }
        try (Kernel kernel = Kernel.open(isa, layout)) {
            kernel.write(ones, 0, m);
            kernel.dropout(m, m, DROPOUT, draw, 2, 9);
            kernel.read(m, kept, 0);
        }
        assertArrayEquals(expected, kept);
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void theSameTrainingGivesTheSameBits(String isa) {
        assertArrayEquals(trained(isa), trained(isa));
    }

    private static float[] trained(String isa) {
        Case c = new Case(new Network(70, 20, 33, 2), 7, 5, true);
        try (Kernel kernel = Kernel.open(isa, c.layout(DROPOUT))) {
            kernel.load(Block.PARAMETERS, Parameters.initial(c.network, 1));
            UnrolledNetwork network = new UnrolledNetwork(kernel, new Dropout(DROPOUT, false));
            for (int w = 0; w < 5; w++) {
                network.forward(randomWindow(c, w), new Draw(1, 2, w));
                network.backward(randomWindow(c, w), new Draw(1, 2, w));
                new Optimizer("adam", 0.25).step(kernel, 0.01, w + 1);
                network.carry();
            }
            return all(kernel, Block.PARAMETERS);
        }
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void largeLogitsOverflowNothing(String isa) {
        Case c = new Case(new Network(70, 20, 33, 1), 3, 2, false);
        Layout layout = c.layout(0);
        float[] parameters = uniform(c.network.parameterCount(), 1, 61);
        Tensor bias = c.network.tensor("output.bias");
        for (int v = 0; v < bias.size(); v++) parameters[bias.offset() + v] = 1000 * (v % 5 - 2);
        float[][] losses = new float[2][];
        for (int k = 0; k < 2; k++)
            try (Kernel kernel = Kernel.open(k == 0 ? "reference" : isa, layout)) {
                kernel.load(Block.PARAMETERS, parameters);
                new UnrolledNetwork(kernel, Dropout.NONE).forward(randomWindow(c, 62), null);
                losses[k] = read(kernel, layout.head.loss());
            }
        assertClose("loss", losses[0], losses[1], 4 * EPS * c.terms());
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void notANumberReachesTheLoss(String isa) {
        Case c = new Case(new Network(70, 20, 33, 2), 3, 2, false);
        for (Tensor t : c.network.tensors()) {
            float[] parameters = uniform(c.network.parameterCount(), 1, 71);
            Arrays.fill(parameters, t.offset(), t.end(), Float.NaN);
            try (Kernel kernel = Kernel.open(isa, c.layout(0))) {
                kernel.load(Block.PARAMETERS, parameters);
                double loss = new UnrolledNetwork(kernel, Dropout.NONE).forward(randomWindow(c, 72), null);
                assertTrue(Double.isNaN(loss), "loss " + loss + " although " + t.name() + " is NaN");
            }
        }
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void notANumberIsGoneAfterTheNextLoad(String isa) {
        Case c = new Case(new Network(70, 20, 33, 2), 3, 2, false);
        float[] good = uniform(c.network.parameterCount(), 1, 81), bad = good.clone();
        Arrays.fill(bad, Float.NaN);
        Window window = randomWindow(c, 82);
        try (Kernel kernel = Kernel.open(isa, c.layout(0))) {
            UnrolledNetwork network = new UnrolledNetwork(kernel, Dropout.NONE);
            double[] losses = new double[2];
            for (float[] parameters : List.of(good, bad, good)) {
                kernel.load(Block.PARAMETERS, parameters);
                network.setState(new float[c.batch * c.network.stateSize()]);
                losses[0] = losses[1];
                losses[1] = network.forward(window, null);
                network.backward(window, null);
                kernel.sgd(0.1f, 0, false, 1, 1);
                network.carry();
                if (parameters == good) assertTrue(Double.isFinite(losses[1]));
            }
            kernel.load(Block.PARAMETERS, good);
            assertPaddingIsZero(kernel, Block.PARAMETERS);
        }
    }

    @Test void noInstructionSetOfThisProcessorIsLeftOut() throws IOException {
        Path cpuinfo = Path.of("/proc/cpuinfo");
        assumeTrue(Files.exists(cpuinfo) && System.getProperty("os.arch").equals("amd64"), "only Linux on x86 lists its instruction sets here");
        List<String> flags = List.of(Files.readAllLines(cpuinfo).stream().filter(line -> line.startsWith("flags")).findFirst().orElseThrow().split("\\s+"));
        List<String> expected = new ArrayList<>();
        if (flags.containsAll(List.of("avx2", "fma", "avx512f", "avx512dq"))) expected.add("avx512");
        if (flags.containsAll(List.of("avx2", "fma"))) expected.add("avx2");
        expected.add("portable");
        assertEquals(expected, instructionSets());
    }

    @Test void rowsThatAreNotThereAreNotRead() {
        Layout layout = new Case(new Network(5, 3, 4, 1), 2, 2, false).layout(0);
        for (String kernel : List.of("reference", "native"))
            try (Kernel k = Kernel.open(kernel, layout)) {
                assertThrows(IllegalArgumentException.class, () -> k.readProbabilities(layout.head, 3, 2, new float[10]));
                assertThrows(IllegalArgumentException.class, () -> k.readProbabilities(layout.head, -1, 1, new float[10]));
                assertThrows(IllegalArgumentException.class, () -> k.readProbabilities(layout.head, 0, 2, new float[9]));
                assertThrows(IllegalArgumentException.class, () -> k.readOutputs(layout.head, 4, new float[5]));
            }
    }

    @Test void wrongIdsAreNamed() {
        Layout layout = new Case(new Network(5, 3, 4, 1), 2, 2, false).layout(0);
        try (Kernel kernel = Kernel.open("native", layout)) {
            String tooMany = assertThrows(IllegalArgumentException.class, () -> kernel.embeddingForward(layout.embedding, new int[5])).getMessage();
            assertTrue(tooMany.contains("are 5, expected 4"), tooMany);
            String outside = assertThrows(IllegalArgumentException.class,
                    () -> kernel.embeddingForward(layout.embedding, new int[] {0, 1, 2, 5})).getMessage();
            assertTrue(outside.contains("step 1, sequence 1") && outside.contains("is 5, expected 0 to 4"), outside);
            assertThrows(IllegalArgumentException.class, () -> kernel.softmaxForward(layout.head, new int[] {0, 1, 2, -2}));
        }
    }

    /** Sums over a block, padding included, are those of the tensors alone. */
    private static void assertPaddingIsZero(Kernel kernel, Block block) {
        double expected = Arrays.stream(toDoubles(all(kernel, block))).map(x -> x * x).sum();
        assertEquals(expected, kernel.sumOfSquares(kernel.layout().block(block)), 1e-12 * expected, block + " with padding");
    }

    /** @param tolerance relative to the largest element expected */
    private static void assertClose(String what, float[] expected, float[] actual, double tolerance) {
        double largest = 0;
        for (float x : expected) largest = Math.max(largest, Math.abs(x));
        for (int i = 0; i < expected.length; i++)
            if (!(Math.abs(expected[i] - actual[i]) <= tolerance * largest))
                throw new AssertionError(what + ", element " + i + " of " + expected.length + ": expected " + expected[i] + ", got " + actual[i]
                        + "; tolerance " + tolerance * largest);
    }

    private static float[] read(Kernel kernel, Matrix m) {
        float[] values = new float[m.rows() * m.cols()];
        kernel.read(m, values, 0);
        return values;
    }

    private static float[] all(Kernel kernel, Block block) {
        float[] values = new float[kernel.layout().network.parameterCount()];
        kernel.store(block, values);
        return values;
    }

    private static float[] part(Kernel kernel, Block block, Tensor t) {
        return Arrays.copyOfRange(all(kernel, block), t.offset(), t.end());
    }

    private static double[] toDoubles(float[] values) {
        double[] doubles = new double[values.length];
        for (int i = 0; i < values.length; i++) doubles[i] = values[i];
        return doubles;
    }

    private static float[] uniform(int count, double bound, long seed) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = (float) (bound * (2 * random.nextDouble() - 1));
        return values;
    }

    /** One target in four does not count, nor does one past a sequence's end. The first sequence has no steps at all where
     *  sequences have lengths. */
    private static Window randomWindow(Case c, long seed) {
        Random random = new Random(seed);
        Network network = c.network;
        Head head = network.head();
        int n = c.batch * c.seqLen, rows = head.atEveryStep() ? n : c.batch;
        int[] ids = network.vocab() == 0 ? null : random.ints(n, 0, network.vocab()).toArray();
        float[] features = network.vocab() == 0 ? uniform(n * network.embedding(), 1, seed) : null;
        float[] values = head.softmax() ? null : uniform(rows * head.outputs(), 1, seed + 1);
        int[] lengths = c.lengths ? random.ints(c.batch, 0, c.seqLen + 1).toArray() : null;
        if (lengths != null) lengths[0] = 0;
        int[] targets = random.ints(rows, 0, head.softmax() ? head.outputs() : 1).toArray();
        for (int i = 0; i < rows; i++)
            if (random.nextInt(4) == 0 || lengths != null && head.atEveryStep() && i / c.batch >= lengths[i % c.batch]) targets[i] = Window.NONE;
        return new Window(ids, features, targets, values, lengths, (int) Arrays.stream(targets).filter(y -> y >= 0).count());
    }
}
