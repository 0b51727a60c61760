package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Network.Spelling;
import org.rondo.kernels.UnrolledNetwork.Dropout;

/** Words read character by character, and windows of changing sizes in one kernel. */
class SpellingTest extends Agreement {
    private static final double STEP = 1e-5;
    private static final Draw DRAW = new Draw(11, 2, 3);

    static Stream<Network> networks() {
        Stream.Builder<Network> networks = Stream.builder();
        int number = 0;
        for (Cell cell : List.of(Cell.RNN, Cell.LSTM, Cell.PEEPHOLE, SIGMOID))
            for (boolean bidirectional : new boolean[] {false, true})
                for (boolean atEveryStep : new boolean[] {true, false}) {
                    number++;
                    networks.add(new Network(5, 1 + number % 4, new Spelling(4, 1 + number % 3, 1 + number % 2), cell, 2 + number % 2, 1 + number % 2, bidirectional,
                            new Head(atEveryStep, atEveryStep && number % 3 == 0 ? Loss.CRF : Loss.SOFTMAX, 3), false));
                }
        return networks.build();
    }

    @ParameterizedTest @MethodSource("networks")
    void everyGradientIsTheSlopeOfTheLoss(Network network) {
        Window.Size size = new Window.Size(3, 4, 5, 3);
        try (ReferenceKernel kernel = new ReferenceKernel(Layout.forTraining(network, size, true, 0))) {
            Window window = window(network, size, 7);
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, new Dropout(0.3, 0.2, false));
            kernel.load(Block.PARAMETERS, Parameters.initial(network, 5));
            unrolled.setState(new float[0]);
            unrolled.forward(window, DRAW);
            unrolled.backward(window, DRAW);
            for (Tensor t : network.tensors())
                for (int i = 0; i < t.size(); i++) {
                    double w = kernel.get(Block.PARAMETERS, t, i);
                    kernel.set(Block.PARAMETERS, t, i, w + STEP);
                    double up = unrolled.forward(window, DRAW);
                    kernel.set(Block.PARAMETERS, t, i, w - STEP);
                    double down = unrolled.forward(window, DRAW);
                    kernel.set(Block.PARAMETERS, t, i, w);
                    double slope = (up - down) / (2 * STEP) / window.tokens();
                    assertEquals(slope, kernel.get(Block.GRADIENTS, t, i), 2e-9 * Math.max(1, Math.abs(slope)), t.name() + "[" + i + "]");     // GradientTest
                }
        }
    }

    static Stream<Arguments> instructionSetsAndSizes() {
        int[] widths = {1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65};
        return instructionSets().stream().flatMap(isa -> Arrays.stream(widths).mapToObj(width -> Arguments.of(isa, width)));
    }

    @ParameterizedTest @MethodSource("instructionSetsAndSizes")
    void everyKernelAgreesWithTheReference(String isa, int width) {
        for (Cell cell : List.of(Cell.RNN, Cell.LSTM, Cell.PEEPHOLE)) {
            Network network = network(cell, width);
            Window.Size size = new Window.Size(3, 4, 1 + width % 7, 3);
            Layout layout = Layout.forTraining(network, size, true, 0);
            Window window = window(network, size, 7);
            try (Kernel expected = Kernel.open("reference", layout); Kernel actual = Kernel.open(isa, layout)) {
                for (Kernel kernel : List.of(expected, actual)) pass(kernel, window);
                int terms = network.head().outputs() + (4 + 3) * (4 * width * 2 + network.inputSize(0) + 15);      // Agreement.Case.terms, and the word's
                assertClose("loss", read(expected, layout.head.loss()), read(actual, layout.head.loss()), 4 * EPS * terms);
                for (Tensor t : network.tensors())
                    assertClose("d " + t.name() + " of " + network, part(expected, Block.GRADIENTS, t), part(actual, Block.GRADIENTS, t), 4 * EPS * terms);
                assertPaddingIsZero(actual, Block.GRADIENTS);
            }
        }
    }

    /** Of a kernel that has seen larger windows and smaller ones, and of a kernel opened for just this window. */
    @ParameterizedTest @MethodSource("instructionSetsAndSizes")
    void whatAKernelDidAtOtherSizesDoesNotMatter(String isa, int width) {
        Window.Size largest = new Window.Size(6, 9, 20, 8);
        List<Window.Size> sizes = List.of(largest, new Window.Size(1, 1, 1, 1), new Window.Size(6, 3, 5, 2), new Window.Size(2, 9, 7, 7), new Window.Size(3, 4, 2, 9), largest);
        for (Loss loss : List.of(Loss.SOFTMAX, Loss.CRF))
            for (String choice : List.of(isa, "reference")) compare(choice, network(Cell.LSTM, width, loss), largest, sizes);
    }

    private static void compare(String choice, Network network, Window.Size largest, List<Window.Size> sizes) {
        try (Kernel used = Kernel.open(choice, Layout.forTraining(network, largest, true, 2))) {
            for (Window.Size size : sizes) {
                Window window = window(network, size, size.hashCode());
                pass(used, window);
                try (Kernel fresh = Kernel.open(choice, Layout.forTraining(network, size, true, 2))) {
                    pass(fresh, window);
                    assertArrayEquals(read(fresh, fresh.layout().head.loss()), read(used, used.layout().head.loss()), "loss of " + size);
                    assertArrayEquals(all(fresh, Block.GRADIENTS), all(used, Block.GRADIENTS), "gradients of " + size);
                    assertEquals(fresh.sumOfSquares(fresh.layout().block(Block.GRADIENTS)), used.sumOfSquares(used.layout().block(Block.GRADIENTS)), "padding");
                }
            }
        }
    }

    /** What a sequence's outputs are does not depend on the sequences beside it, nor on the padding behind it. */
    @ParameterizedTest @MethodSource("instructionSetsAndSizes")
    void aSequenceIsScoredAsIfItWereAlone(String isa, int width) {
        Network network = network(Cell.LSTM, width);
        Window.Size size = new Window.Size(5, 6, 11, 4);
        Window together = window(network, size, 3);
        int outputs = network.head().outputs();
        float[] all = new float[size.batch() * size.seqLen() * outputs];
        try (Kernel kernel = Kernel.open(isa, Layout.forScoring(network, size))) {
            UnrolledNetwork unrolled = pass(kernel, together);
            unrolled.probabilities(0, size.batch() * size.seqLen(), all);
            for (int b = 0; b < size.batch(); b++) {
                int length = together.lengths()[b];
                if (length == 0) continue;
                Window alone = alone(together, size, b);
                unrolled.forward(alone, null);
                float[] own = new float[length * outputs], among = new float[own.length];
                unrolled.probabilities(0, length, own);
                for (int t = 0; t < length; t++) System.arraycopy(all, (t * size.batch() + b) * outputs, among, t * outputs, outputs);
                assertArrayEquals(among, own, "sequence " + b);
            }
        }
    }

    @Test void aWindowThatDoesNotFitIsRefused() {
        Network network = network(Cell.LSTM, 8);
        for (String choice : List.of("reference", "native"))
            try (Kernel kernel = Kernel.open(choice, Layout.forTraining(network, new Window.Size(2, 3, 4, 5), false, 0))) {
                String message = assertThrows(IllegalArgumentException.class, () -> kernel.resize(new Window.Size(2, 300, 4, 5))).getMessage();
                assertTrue(message.contains("seqLen=300") && message.contains("open it for the largest window"), message);
                assertEquals(3, kernel.layout().seqLen);
            }
    }

    @Test void wordsAreAskedForWhereTheyAreRead() {
        Network network = network(Cell.LSTM, 8);
        try (Kernel kernel = Kernel.open("native", Layout.forScoring(network, new Window.Size(1, 2, 1, 1)))) {
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, Dropout.NONE);
            String message = assertThrows(IllegalArgumentException.class, () -> unrolled.forward(new Window(new int[2], new int[2], 2), null)).getMessage();
            assertTrue(message.contains("words of a window are null"), message);
            assertThrows(IllegalArgumentException.class, () -> unrolled.forward(
                    new Window(null, new int[2], null, new int[2], null, null, new Window.Words(new int[] {0, 1}, new int[1], new int[] {1}), 2), null), "there is no word 1");
        }
        assertThrows(IllegalArgumentException.class, () -> new Network(0, 3, new Spelling(3, 3, 3), Cell.LSTM, 2, 1, true, new Head(true, Loss.SOFTMAX, 2), false));
        assertThrows(IllegalArgumentException.class, () -> Layout.forScoring(network, 1, 2), "there is no room for words");
    }

    private static Network network(Cell cell, int width) {
        return network(cell, width, Loss.SOFTMAX);
    }

    private static Network network(Cell cell, int width, Loss loss) {
        return new Network(30, width, new Spelling(15, 1 + width % 9, width), cell, width, 1, true, new Head(true, loss, 5), false);
    }

    /** Forward, and backward where the layout has room for it. */
    private static UnrolledNetwork pass(Kernel kernel, Window window) {
        boolean training = kernel.layout().training;
        UnrolledNetwork unrolled = new UnrolledNetwork(kernel, training ? new Dropout(DROPOUT, DROPOUT, false) : Dropout.NONE);
        kernel.load(Block.PARAMETERS, uniform(kernel.layout().network.parameterCount(), 0.5, 11));
        unrolled.setState(new float[0]);
        unrolled.forward(window, training ? DRAW : null);
        if (training) unrolled.backward(window, DRAW);
        return unrolled;
    }

    /** Words of any length, 0 among them. */
    private static Window window(Network network, Window.Size size, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Window plain = randomWindow(new Case(network, size.batch(), size.seqLen(), true), seed);
        int n = size.batch() * size.seqLen();
        Window.Words words = new Window.Words(random.ints(n, 0, size.words()).toArray(),
                random.ints(size.words() * size.characters(), 0, network.spelling().characters()).toArray(),
                random.ints(size.words(), 0, size.characters() + 1).toArray());
        return new Window(size, plain.ids(), null, plain.targets(), null, plain.lengths(), words, plain.tokens());
    }

    /** Sequence b without padding, and with the words that it has. */
    private static Window alone(Window window, Window.Size size, int b) {
        int length = window.lengths()[b];
        int[] ids = new int[length], targets = new int[length], of = new int[length];
        List<Integer> own = new ArrayList<>();
        for (int t = 0; t < length; t++) {
            int n = t * size.batch() + b, word = window.words().of()[n];
            ids[t] = window.ids()[n];
            targets[t] = window.targets()[n];
            if (!own.contains(word)) own.add(word);
            of[t] = own.indexOf(word);
        }
        int[] characters = new int[own.size() * size.characters()];
        for (int k = 0; k < size.characters(); k++)
            for (int w = 0; w < own.size(); w++) characters[k * own.size() + w] = window.words().characters()[k * size.words() + own.get(w)];
        return new Window(new Window.Size(1, length, own.size(), size.characters()), ids, null, targets, null, new int[] {length},
                new Window.Words(of, characters, own.stream().mapToInt(word -> window.words().lengths()[word]).toArray()), window.tokens());
    }
}
