package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;
import org.rondo.kernels.Layout.Block;

/** Networks, windows and comparisons for {@link KernelAgreementTest}, at sizes around the widths of registers, panels and tiles. */
class Agreement {
    /** Half the distance from 1 to the next float: the rounding error of one operation. */
    static final double EPS = 0x1p-24;
    static final double DROPOUT = 0.3;

    static final Cell SIGMOID = new Cell(4, Activation.SIGMOID, false), SIGMOID_PEEPHOLE = new Cell(4, Activation.SIGMOID, true);

    /** @param lengths whether sequences have lengths of their own */
    record Case(Network network, int batch, int seqLen, boolean lengths) {
        Layout layout(double dropout) {
            return Layout.forTraining(network, batch, seqLen, dropout > 0, 2);
        }

        /** Terms of the longest chain of sums that a gradient is the end of: down through the layers, and back through time. */
        int terms() {
            int ofHead = network.head().outputs() * (network.head().crf() ? seqLen : 1);
            return ofHead + network.layers() * seqLen * (network.cell().gates() * network.width() + network.inputSize(0) + batch);
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
                    for (Loss loss : losses(atEveryStep))
                        for (boolean lengths : new boolean[] {false, true}) {
                            int turn = cases.size(), h = hidden[turn % 11], outputs = loss == Loss.CRF ? hidden[turn * 3 % 11] : vocab[turn % 7];
                            boolean tied = loss == Loss.SOFTMAX && turn % 3 == 0, features = !tied && turn % 5 == 0;
                            Network network = new Network(features ? 0 : tied ? outputs : 40, tied ? (bidirectional ? 2 : 1) * h : embedding[turn * 3 % 7],
                                    cell, h, 1 + turn / 2 % 2, bidirectional, new Head(atEveryStep, loss, outputs), tied);
                            cases.add(new Case(network, batch[turn % 5], 2 + turn % 4, lengths));
                        }
        int tall = Layout.PACKED_ROWS / 5 + 1;    // more rows than are packed at a time
        cases.add(new Case(new Network(100, 20, Cell.RNN, 24, 1, true, new Head(true, Loss.SOFTMAX, 100), false), tall, 5, true));
        cases.add(new Case(new Network(100, 20, Cell.PEEPHOLE, 65, 1, false, new Head(true, Loss.SOFTMAX, 100), false), tall, 5, true));    // and gates of more than 1 MB
        cases.add(new Case(new Network(100, 20, 129, 2), 3, 2, false));    // more panels of gates than dx adds at a time
        return cases;
    }

    /** Those that a head can have. */
    static List<Loss> losses(boolean atEveryStep) {
        return atEveryStep ? List.of(Loss.values()) : List.of(Loss.SOFTMAX, Loss.SQUARED_ERROR);
    }

    static Stream<Arguments> instructionSetsAndCases() {
        return instructionSets().stream().flatMap(isa -> cases().stream().map(c -> Arguments.of(isa, c)));
    }

    /** What a ReLU lets through grows from step to step and layer to layer; small weights keep it within the tolerance. */
    static void scaleRelu(Network network, float[] parameters) {
        if (network.cell().activation() != Activation.RELU) return;
        for (int i = 0; i < parameters.length; i++) parameters[i] /= network.width();
    }

    /** Sums over a block, padding included, are those of the tensors alone. */
    static void assertPaddingIsZero(Kernel kernel, Block block) {
        double expected = Arrays.stream(toDoubles(all(kernel, block))).map(x -> x * x).sum();
        assertEquals(expected, kernel.sumOfSquares(kernel.layout().block(block)), 1e-12 * expected, block + " with padding");
    }

    /** @param tolerance relative to the largest element expected */
    static void assertClose(String what, float[] expected, float[] actual, double tolerance) {
        double largest = 0;
        for (float x : expected) largest = Math.max(largest, Math.abs(x));
        for (int i = 0; i < expected.length; i++)
            if (!(Math.abs(expected[i] - actual[i]) <= tolerance * largest))
                throw new AssertionError(what + ", element " + i + " of " + expected.length + ": expected " + expected[i] + ", got " + actual[i]
                        + "; tolerance " + tolerance * largest);
    }

    static float[] read(Kernel kernel, Matrix m) {
        float[] values = new float[m.rows() * m.cols()];
        kernel.read(m, values, 0);
        return values;
    }

    static float[] all(Kernel kernel, Block block) {
        float[] values = new float[kernel.layout().network.parameterCount()];
        kernel.store(block, values);
        return values;
    }

    static float[] part(Kernel kernel, Block block, Tensor t) {
        return Arrays.copyOfRange(all(kernel, block), t.offset(), t.end());
    }

    static double[] toDoubles(float[] values) {
        double[] doubles = new double[values.length];
        for (int i = 0; i < values.length; i++) doubles[i] = values[i];
        return doubles;
    }

    static float[] uniform(int count, double bound, long seed) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = (float) (bound * (2 * random.nextDouble() - 1));
        return values;
    }

    /** One target in four does not count, or of a CRF all of a sequence, nor does one past a sequence's end. The first sequence has no
     *  steps at all where sequences have lengths. */
    static Window randomWindow(Case c, long seed) {
        Random random = new Random(seed);
        Network network = c.network;
        Head head = network.head();
        int n = c.batch * c.seqLen, rows = head.atEveryStep() ? n : c.batch;
        int[] ids = network.vocab() == 0 ? null : random.ints(n, 0, network.vocab()).toArray();
        float[] features = network.vocab() == 0 ? uniform(n * network.embedding(), 1, seed) : null;
        float[] values = head.classes() ? null : uniform(rows * head.outputs(), 1, seed + 1);
        int[] lengths = c.lengths ? random.ints(c.batch, 0, c.seqLen + 1).toArray() : null;
        if (lengths != null) lengths[0] = 0;
        int[] targets = random.ints(rows, 0, head.classes() ? head.outputs() : 1).toArray();
        int counted = head.crf() ? c.batch : rows;
        for (int i = 0; i < counted; i++) if (random.nextInt(4) == 0) targets[i] = Window.NONE;
        for (int i = counted; i < rows; i++) if (targets[i % c.batch] < 0) targets[i] = Window.NONE;
        for (int i = 0; i < rows; i++)
            if (lengths != null && head.atEveryStep() && i / c.batch >= lengths[i % c.batch]) targets[i] = Window.NONE;
        return new Window(ids, features, targets, values, lengths, (int) Arrays.stream(targets).filter(y -> y >= 0).count());
    }
}
