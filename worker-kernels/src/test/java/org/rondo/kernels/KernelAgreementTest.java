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
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.UnrolledNetwork.Dropout;

/** The native kernel on every instruction set of this machine against the reference kernel. */
class KernelAgreementTest extends Agreement {
    @ParameterizedTest @MethodSource("instructionSetsAndCases")
    void lossesGradientsAndStateAgreeOverTwoWindows(String isa, Case c) {
        agree(isa, c, Dropout.NONE);
    }

    @ParameterizedTest @MethodSource("instructionSetsAndCases")
    void theyAgreeWithDropout(String isa, Case c) {
        agree(isa, c, new Dropout(DROPOUT, c.batch() % 2 == 0));
    }

    private static void agree(String isa, Case c, Dropout dropout) {
        Layout layout = c.layout(dropout.rate());
        float[] parameters = uniform(c.network().parameterCount(), 1, 11), state = uniform(c.batch() * c.network().stateSize(), 0.5, 12);
        scaleRelu(c.network(), parameters);
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
                for (Tensor t : c.network().tensors())
                    assertClose("d " + t.name() + of, part(expected, Block.GRADIENTS, t), part(actual, Block.GRADIENTS, t), tolerance);
                assertPaddingIsZero(actual, Block.GRADIENTS);
            }
        }
    }

    private static float[] outputs(Kernel kernel, int row) {
        float[] outputs = new float[kernel.layout().head.outputs()];
        if (kernel.layout().network.head().classes()) kernel.readProbabilities(kernel.layout().head, row, 1, outputs);
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
        int count = c.network().parameterCount();
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
        int count = c.network().parameterCount();
        double tolerance = 16 * EPS * c.terms();
        float[] parameters = uniform(count, 1, 35);
        scaleRelu(c.network(), parameters);
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
        Matrix other = layout.at(Block.FIRST_MOMENT, c.network().tensor("embedding.weight"));
        float[] numbers = uniform(c.network().parameterCount(), 1, 91);
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
        float[] canonical = uniform(c.network().parameterCount(), 1, 41);
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
        Layout layout = Layout.forScoring(c.network(), c.batch(), c.seqLen());
        float[][] outputs = new float[2][], logits = new float[2][c.network().head().outputs()];
        double tolerance = 4 * EPS * c.terms();
        float[] parameters = uniform(c.network().parameterCount(), 1, 51);
        scaleRelu(c.network(), parameters);
        for (int k = 0; k < 2; k++)
            try (Kernel kernel = Kernel.open(k == 0 ? "reference" : isa, layout)) {
                kernel.load(Block.PARAMETERS, parameters);
                new UnrolledNetwork(kernel, Dropout.NONE).forward(randomWindow(c, 52), null);
                outputs[k] = c.network().head().classes() ? probabilities(kernel) : outputs(kernel, layout.head.rows() - 1);
                kernel.readOutputs(layout.head, layout.head.rows() - 1, logits[k]);
            }
        if (c.network().head().softmax()) assertEquals(layout.head.rows(), Arrays.stream(toDoubles(outputs[1])).sum(), layout.head.rows() * tolerance);
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
            kernel.load(Block.PARAMETERS, Parameters.initial(c.network(), 1));
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
        float[] parameters = uniform(c.network().parameterCount(), 1, 61);
        Tensor bias = c.network().tensor("output.bias");
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
        for (Network network : List.of(new Network(70, 20, 33, 2), new Network(70, 20, Cell.LSTM, 33, 2, false, new Head(true, Loss.CRF, 33), false)))
            for (Tensor t : network.tensors()) {
                Case c = new Case(network, 3, 2, false);
                float[] parameters = uniform(network.parameterCount(), 1, 71);
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
        float[] good = uniform(c.network().parameterCount(), 1, 81), bad = good.clone();
        Arrays.fill(bad, Float.NaN);
        Window window = randomWindow(c, 82);
        try (Kernel kernel = Kernel.open(isa, c.layout(0))) {
            UnrolledNetwork network = new UnrolledNetwork(kernel, Dropout.NONE);
            double[] losses = new double[2];
            for (float[] parameters : List.of(good, bad, good)) {
                kernel.load(Block.PARAMETERS, parameters);
                network.setState(new float[c.batch() * c.network().stateSize()]);
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
    @Test void aHeadAfterTheLastStepWantsATargetASequence() {
        Layout layout = new Case(new Network(5, 3, Cell.LSTM, 4, 1, false, new Head(false, Loss.SOFTMAX, 5), false), 3, 2, false).layout(0);
        try (Kernel kernel = Kernel.open("native", layout)) {
            String tooMany = assertThrows(IllegalArgumentException.class, () -> kernel.softmaxForward(layout.head, new int[6])).getMessage();
            assertTrue(tooMany.endsWith("are 6, expected 3: the kernel was opened for batch 3"), tooMany);
            String outside = assertThrows(IllegalArgumentException.class, () -> kernel.softmaxForward(layout.head, new int[] {0, 5, 0})).getMessage();
            assertTrue(outside.startsWith("targets of sequence 1 is 5"), outside);
        }
    }

    @Test void aTargetPastItsSequencesEndIsRefused() {
        int[] lengths = {2, 1};
        for (Loss loss : Loss.values())
            for (String kernel : List.of("reference", "native")) {
                Network network = new Network(5, 3, Cell.LSTM, 4, 1, false, new Head(true, loss, 5), false);
                Layout layout = Layout.forTraining(network, 2, 2, false, 0);
                float[] values = network.head().classes() ? null : new float[20];
                try (Kernel k = Kernel.open(kernel, layout)) {
                    UnrolledNetwork unrolled = new UnrolledNetwork(k, Dropout.NONE);
                    unrolled.forward(new Window(new int[4], null, new int[] {0, 0, 0, Window.NONE}, values, lengths, 3), null);
                    Window past = new Window(new int[4], null, new int[4], values, lengths, 4);
                    String expected = (network.head().classes() ? "targets" : "counts") + " of step 1, sequence 1 is 0, but the sequence has length 1; expected Window.NONE (-1)";
                    for (Executable pass : List.<Executable>of(() -> unrolled.forward(past, null), () -> unrolled.backward(past, null))) {
                        String message = assertThrows(IllegalArgumentException.class, pass).getMessage();
                        assertTrue(message.startsWith(expected), message);
                    }
                }
            }
    }
}
