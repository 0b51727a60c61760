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
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;

/** The native kernel on every instruction set of this machine against the reference kernel, at sizes around the widths of
 *  registers, panels and tiles. */
class KernelAgreementTest {
    /** Half the distance from 1 to the next float: the rounding error of one operation. */
    private static final double EPS = 0x1p-24;
    private static final double DROPOUT = 0.3;

    record Sizes(int vocab, int embedding, int hidden, int layers, int batch, int seqLen) {
        Network network() {
            return new Network(vocab, embedding, hidden, layers);
        }

        Layout layout(double dropout) {
            return Layout.forTraining(network(), batch, seqLen, dropout > 0, 2);
        }

        /** Terms of the longest chain of sums that a gradient is the end of: down through the layers, and back through time. */
        int terms() {
            return vocab + layers * seqLen * (4 * hidden + embedding + batch);
        }
    }

    static List<String> instructionSets() {
        return NativeLibrary.instructionSets();
    }

    /** Every hidden size with every batch size; the others take turns. */
    static List<Sizes> sizes() {
        int[] hidden = {1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65}, batch = {1, 3, 6, 7, 20}, seqLen = {2, 1, 5};
        int[] vocab = {2, 17, 63, 64, 65, 300, 130}, embedding = {1, 5, 16, 17, 64, 70, 15};
        List<Sizes> sizes = new ArrayList<>();
        for (int h : hidden)
            for (int b : batch) {
                int turn = sizes.size();
                sizes.add(new Sizes(vocab[turn % 7], embedding[turn * 3 % 7], h, 1 + turn % 3, b, seqLen[turn / 2 % 3]));
            }
        sizes.add(new Sizes(100, 20, 24, 1, 20, 30));    // more rows than are packed at a time
        return sizes;
    }

    static Stream<Arguments> instructionSetsAndSizes() {
        return instructionSets().stream().flatMap(isa -> sizes().stream().map(size -> Arguments.of(isa, size)));
    }

    @ParameterizedTest @MethodSource("instructionSetsAndSizes")
    void lossesGradientsAndStateAgreeOverTwoWindows(String isa, Sizes sizes) {
        agree(isa, sizes, 0);
    }

    @ParameterizedTest @MethodSource("instructionSetsAndSizes")
    void theyAgreeWithDropout(String isa, Sizes sizes) {
        agree(isa, sizes, DROPOUT);
    }

    private static void agree(String isa, Sizes sizes, double dropout) {
        Layout layout = sizes.layout(dropout);
        Network shape = sizes.network();
        float[] parameters = uniform(shape.parameterCount(), 1, 11), state = uniform(sizes.batch * shape.stateSize(), 0.5, 12);
        try (Kernel expected = Kernel.open("reference", layout); Kernel actual = Kernel.open(isa, layout)) {
            List<UnrolledNetwork> networks = new ArrayList<>();
            for (Kernel kernel : List.of(expected, actual)) {
                kernel.load(Block.PARAMETERS, parameters);
                networks.add(new UnrolledNetwork(kernel, dropout));
                networks.get(networks.size() - 1).setState(state);
            }
            double tolerance = 4 * EPS * sizes.terms();   // rounding of a sum of that many terms, Higham 1993, 3.5
            for (int w = 0; w < 2; w++) {
                Window window = randomWindow(sizes, 21 + w);
                Draw draw = dropout > 0 ? new Draw(7, 3, w) : null;
                for (UnrolledNetwork network : networks) {
                    network.forward(window, draw);
                    network.backward(window, draw);
                    network.carry();
                }
                int n = sizes.batch * sizes.seqLen;
                assertClose("loss of window " + w, read(expected, layout.softmax.loss(), n), read(actual, layout.softmax.loss(), n), tolerance);
                assertClose("state after window " + w, networks.get(0).state(), networks.get(1).state(), tolerance);
                for (Tensor t : shape.tensors())
                    assertClose("d " + t.name() + " of window " + w, part(expected, Block.GRADIENTS, t), part(actual, Block.GRADIENTS, t), tolerance);
                assertPaddingIsZero(actual, Block.GRADIENTS);
            }
        }
    }

    @ParameterizedTest @MethodSource("instructionSetsAndSizes")
    void updatesAgree(String isa, Sizes sizes) {
        Layout layout = sizes.layout(0);
        int count = sizes.network().parameterCount();
        float[][] blocks = {uniform(count, 1, 31), uniform(count, 1, 32), uniform(count, 1, 33), uniform(count, 1, 34)};
        for (int i = 0; i < count; i++) blocks[3][i] = Math.abs(blocks[3][i]);   // a mean of squares
        try (Kernel expected = Kernel.open("reference", layout); Kernel actual = Kernel.open(isa, layout)) {
            for (Kernel kernel : List.of(expected, actual)) {
                for (Block block : Block.values()) kernel.load(block, blocks[block.ordinal()]);
                kernel.sgd(0.5f, 0.25f);
                kernel.adam(1e-2f, 0.9f, 0.999f, 1e-8f, 3, 0.25f);
            }
            for (Block block : Block.values()) {
                assertClose(block.toString(), all(expected, block), all(actual, block), 8 * EPS);   // as many roundings
                assertPaddingIsZero(actual, block);
            }
            Matrix gradients = layout.block(Block.GRADIENTS);
            assertEquals(Arrays.stream(toDoubles(blocks[1])).sum(), actual.sum(gradients), 1e-12 * count);
            assertEquals(expected.sumOfSquares(gradients), actual.sumOfSquares(gradients), 1e-12 * count);
        }
    }

    @ParameterizedTest @MethodSource("instructionSetsAndSizes")
    void whatIsLoadedIsStored(String isa, Sizes sizes) {
        float[] canonical = uniform(sizes.network().parameterCount(), 1, 41);
        try (Kernel kernel = Kernel.open(isa, sizes.layout(0))) {
            for (Block block : Block.values()) {
                kernel.load(block, canonical);
                assertArrayEquals(canonical, all(kernel, block));
                assertPaddingIsZero(kernel, block);
            }
        }
    }

    @ParameterizedTest @MethodSource("instructionSetsAndSizes")
    void probabilitiesAgree(String isa, Sizes sizes) {
        Layout layout = Layout.forScoring(sizes.network(), sizes.batch, sizes.seqLen);
        int vocab = sizes.vocab, row = sizes.batch * sizes.seqLen - 1;
        float[][] probabilities = new float[2][vocab];
        try (Kernel expected = Kernel.open("reference", layout); Kernel actual = Kernel.open(isa, layout)) {
            for (int k = 0; k < 2; k++) {
                Kernel kernel = k == 0 ? expected : actual;
                kernel.load(Block.PARAMETERS, uniform(sizes.network().parameterCount(), 1, 51));
                kernel.embeddingForward(layout.embedding, randomWindow(sizes, 52).inputs());
                for (Layout.Lstm layer : layout.layers) kernel.lstmForward(layer);
                kernel.softmaxForward(layout.softmax, null);
                kernel.readProbabilities(layout.softmax, row, probabilities[k]);
            }
        }
        assertEquals(1, Arrays.stream(toDoubles(probabilities[1])).sum(), 4 * EPS * sizes.terms());
        assertClose("probabilities", probabilities[0], probabilities[1], 4 * EPS * sizes.terms());
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void dropoutKeepsWhatPhiloxSays(String isa) {
        Layout layout = Layout.forTraining(new Network(5, 33, 33, 1), 3, 5, true, 0);
        Matrix m = layout.softmax.x();
        Draw draw = new Draw(0x123456789abcdefL, 4, 5);
        float[] ones = new float[m.rows() * m.cols()], kept = new float[ones.length], expected = new float[ones.length];
        Arrays.fill(ones, 1);
        int[] words = new int[4];
        for (int i = 0; i < expected.length; i++) {
            int e = i / m.cols() * m.stride() + i % m.cols();
            Philox.block(draw.seed(), e / 4, 2, draw.window(), draw.shard(), words);
            expected[i] = Integer.toUnsignedLong(words[e % 4]) >= DROPOUT * 0x1p32 ? (float) (1 / (1 - DROPOUT)) : 0;
        }
        try (Kernel kernel = Kernel.open(isa, layout)) {
            kernel.write(ones, 0, m);
            kernel.dropout(m, m, DROPOUT, draw, 2);
            kernel.read(m, kept, 0);
        }
        assertArrayEquals(expected, kept);
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void theSameTrainingGivesTheSameBits(String isa) {
        assertArrayEquals(trained(isa), trained(isa));
    }

    private static float[] trained(String isa) {
        Sizes sizes = new Sizes(70, 20, 33, 2, 7, 5);
        try (Kernel kernel = Kernel.open(isa, sizes.layout(DROPOUT))) {
            kernel.load(Block.PARAMETERS, Parameters.initial(sizes.network(), 1));
            UnrolledNetwork network = new UnrolledNetwork(kernel, DROPOUT);
            for (int w = 0; w < 5; w++) {
                network.forward(randomWindow(sizes, w), new Draw(1, 2, w));
                network.backward(randomWindow(sizes, w), new Draw(1, 2, w));
                new Optimizer("adam", 0.25).step(kernel, 0.01, w + 1);
                network.carry();
            }
            return all(kernel, Block.PARAMETERS);
        }
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void largeLogitsOverflowNothing(String isa) {
        Sizes sizes = new Sizes(70, 20, 33, 1, 3, 2);
        Layout layout = sizes.layout(0);
        float[] parameters = uniform(sizes.network().parameterCount(), 1, 61);
        Tensor bias = sizes.network().tensor("output.bias");
        for (int v = 0; v < bias.size(); v++) parameters[bias.offset() + v] = 1000 * (v % 5 - 2);
        float[][] losses = new float[2][];
        for (int k = 0; k < 2; k++)
            try (Kernel kernel = Kernel.open(k == 0 ? "reference" : isa, layout)) {
                kernel.load(Block.PARAMETERS, parameters);
                new UnrolledNetwork(kernel, 0).forward(randomWindow(sizes, 62), null);
                losses[k] = read(kernel, layout.softmax.loss(), 6);
            }
        assertClose("loss", losses[0], losses[1], 4 * EPS * sizes.terms());
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void notANumberReachesTheLoss(String isa) {
        Sizes sizes = new Sizes(70, 20, 33, 2, 3, 2);
        for (Tensor t : sizes.network().tensors()) {
            float[] parameters = uniform(sizes.network().parameterCount(), 1, 71);
            Arrays.fill(parameters, t.offset(), t.end(), Float.NaN);
            try (Kernel kernel = Kernel.open(isa, sizes.layout(0))) {
                kernel.load(Block.PARAMETERS, parameters);
                double loss = new UnrolledNetwork(kernel, 0).forward(randomWindow(sizes, 72), null);
                assertTrue(Double.isNaN(loss), "loss " + loss + " although " + t.name() + " is NaN");
            }
        }
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void notANumberIsGoneAfterTheNextLoad(String isa) {
        Sizes sizes = new Sizes(70, 20, 33, 2, 3, 2);
        float[] good = uniform(sizes.network().parameterCount(), 1, 81), bad = good.clone();
        Arrays.fill(bad, Float.NaN);
        Window window = randomWindow(sizes, 82);
        try (Kernel kernel = Kernel.open(isa, sizes.layout(0))) {
            UnrolledNetwork network = new UnrolledNetwork(kernel, 0);
            double[] losses = new double[2];
            for (float[] parameters : List.of(good, bad, good)) {
                kernel.load(Block.PARAMETERS, parameters);
                network.setState(new float[sizes.batch * sizes.network().stateSize()]);
                losses[0] = losses[1];
                losses[1] = network.forward(window, null);
                network.backward(window, null);
                kernel.sgd(0.1f, 1);
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

    @ParameterizedTest @MethodSource("instructionSets")
    void anOverwrittenGuardIsNamedWhenTheKernelCloses(String isa) {
        Layout layout = new Sizes(5, 3, 4, 1, 2, 2).layout(0);
        NativeKernel kernel = new NativeKernel(layout, isa);
        kernel.breakGuardAfter(layout.layers.get(0).tanhC());
        String message = assertThrows(IllegalStateException.class, kernel::close).getMessage();
        assertTrue(message.contains("native " + isa) && message.contains("tanhC0"), message);
        kernel.close();   // once is enough
    }

    @Test void aClosedKernelSaysSo() {
        Layout layout = new Sizes(5, 3, 4, 1, 2, 2).layout(0);
        Kernel kernel = Kernel.open("native", layout);
        kernel.close();
        kernel.close();
        assertThrows(IllegalStateException.class, () -> kernel.lstmForward(layout.layers.get(0)));
        assertThrows(IllegalStateException.class, () -> kernel.zero(layout.softmax.z()));
    }

    @Test void wrongIdsAreNamed() {
        Layout layout = new Sizes(5, 3, 4, 1, 2, 2).layout(0);
        try (Kernel kernel = Kernel.open("native", layout)) {
            String tooMany = assertThrows(IllegalArgumentException.class, () -> kernel.embeddingForward(layout.embedding, new int[5])).getMessage();
            assertTrue(tooMany.contains("are 5") && tooMany.contains("= 4"), tooMany);
            String outside = assertThrows(IllegalArgumentException.class,
                    () -> kernel.embeddingForward(layout.embedding, new int[] {0, 1, 2, 5})).getMessage();
            assertTrue(outside.contains("step 1, stream 1") && outside.contains("is 5, expected 0 to 4"), outside);
            assertThrows(IllegalArgumentException.class, () -> kernel.softmaxForward(layout.softmax, new int[] {0, 1, 2, -2}));
        }
    }

    @Test void memoryThatCannotBeHadIsAnError() {
        Layout layout = Layout.forScoring(new Network(32_000, 1, 8_000, 2), 1 << 11, 1 << 11);
        assertTrue(layout.bytes() > 2e12, "terabytes, which no machine that runs tests has");
        String message = assertThrows(IllegalStateException.class, () -> Kernel.open("native", layout)).getMessage();
        assertTrue(message.contains(layout.bytes() + " bytes") && message.contains("spark.executor.memoryOverhead"), message);
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

    private static float[] read(Kernel kernel, Matrix m, int count) {
        float[] values = new float[count];
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

    /** One target in four does not count. */
    private static Window randomWindow(Sizes sizes, long seed) {
        Random random = new Random(seed);
        int n = sizes.batch * sizes.seqLen;
        int[] inputs = random.ints(n, 0, sizes.vocab).toArray(), targets = random.ints(n, 0, sizes.vocab).toArray();
        int tokens = n;
        for (int i = 0; i < n; i++)
            if (random.nextInt(4) == 0) {
                targets[i] = Window.NONE;
                tokens--;
            }
        return new Window(inputs, targets, tokens);
    }
}
