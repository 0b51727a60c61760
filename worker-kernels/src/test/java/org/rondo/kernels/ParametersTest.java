package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParametersTest {
    private static final Network NETWORK = new Network(500, 40, 30, 2);

    /** Uniform within r: variance r^2 / 3, of which 20,000 draws give an estimate within 5 %, at more than 5 standard deviations. */
    @Test void aRangeIsOfEmbeddingAndHeadAlone() {
        float[] usual = Parameters.initial(NETWORK, 7), ranged = Parameters.initial(NETWORK, 7, 0, 0.1);
        for (Tensor t : NETWORK.tensors()) {
            boolean embedding = t.name().equals("embedding.weight"), head = t.name().startsWith("output.");
            double squares = 0, bound = t.name().equals("output.bias") ? 0 : head || embedding ? 0.1 : 1 / Math.sqrt(30);
            for (int i = t.offset(); i < t.end(); i++) {
                assertTrue(Math.abs(ranged[i]) <= (float) bound, t.name());
                squares += (double) ranged[i] * ranged[i];
            }
            if (embedding) assertEquals(bound * bound / 3, squares / (t.end() - t.offset()), 0.05 * bound * bound / 3);
        }
        assertArrayEquals(usual, Parameters.initial(NETWORK, 7, 0, 0));
    }

    @Test void givenVectorsGoToTheirTokensAndNothingElseMoves() {
        Network network = new Network(4, 3, 5, 1);
        float[] drawn = Parameters.initial(network, 7), given = drawn.clone();
        Parameters.embed(network, new float[][] {null, {1, 2, 3}, null, {4, 5, 6}}, given);
        int at = network.tensor("embedding.weight").offset();
        float[] expected = drawn.clone();
        for (int i = 0; i < 3; i++) {
            expected[at + 3 + i] = 1 + i;
            expected[at + 9 + i] = 4 + i;
        }
        assertArrayEquals(expected, given);
    }

    @Test void vectorsOfAnotherSizeAreRefusedBeforeAnyIsPut() {
        Network network = new Network(2, 3, 5, 1), features = new Network(0, 3, Cell.LSTM, 5, 1, false, new Head(true, Loss.SOFTMAX, 2), false);
        float[] drawn = Parameters.initial(network, 7), w = drawn.clone();
        refused("the vector of token 1 has 2 floats, expected 3", network, new float[][] {{1, 2, 3}, {1, 2}}, w);
        refused("rows are 3, expected 2", network, new float[3][], w);
        refused("vector has 5 floats", network, new float[2][], new float[5]);
        refused("no tensor embedding.weight", features, new float[0][], Parameters.initial(features, 7));
        assertArrayEquals(drawn, w);
    }

    /** What the grown model says of old tokens is what the old one said, and of the unknown and the new ones together what it said of the unknown: with the rounding of exp, log and one
     *  more addition in the softmax's sum, a few ulp of numbers below 10. */
    @ParameterizedTest @ValueSource(booleans = {false, true}) void aGrownLanguageModelSaysTheSameAndSharesWhatWasUnknown(boolean tied) {
        int old = 6, all = 10;
        Network from = languageModel(old, tied), to = languageModel(all, tied);
        float[] parameters = Parameters.initial(from, 3), grown = Parameters.grow(from, parameters, to, true);
        int[] read = {2, 0, 5, 3};
        double[][] before = logProbabilities(from, parameters, read), after = logProbabilities(to, grown, read);
        for (int t = 0; t < read.length; t++) {
            for (int y = 1; y < old; y++) assertEquals(before[t][y], after[t][y], 16 * Math.ulp(10f));
            double unknown = Math.exp(after[t][0]);
            for (int y = old; y < all; y++) unknown += Math.exp(after[t][y]);
            assertEquals(before[t][0], Math.log(unknown), 16 * Math.ulp(10f));
        }
        assertArrayEquals(after[1], logProbabilities(to, grown, new int[] {2, all - 1, 5, 3})[1], "a new token is read as the unknown was");
    }

    private static Network languageModel(int vocab, boolean tied) {
        return new Network(vocab, 7, Cell.LSTM, 7, 2, false, new Head(true, Loss.SOFTMAX, vocab), tied);
    }

    /** [step][token] */
    private static double[][] logProbabilities(Network network, float[] parameters, int[] read) {
        double[][] all = new double[read.length][network.vocab()];
        try (Kernel kernel = Kernel.open("reference", Layout.forScoring(network, 1, read.length))) {
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
            kernel.load(Layout.Block.PARAMETERS, parameters);
            float[] losses = new float[read.length];
            for (int y = 0; y < network.vocab(); y++) {
                int[] targets = new int[read.length];
                Arrays.fill(targets, y);
                unrolled.forward(new Window(new Window.Size(1, read.length), read, null, targets, null, null, null, read.length), null);
                unrolled.losses(losses);
                for (int t = 0; t < read.length; t++) all[t][y] = -losses[t];
            }
        }
        return all;
    }

    /** By hand: a tagger of 2 words, 2 labels and 2 characters that gets one more of each. */
    @Test void whatBothHaveIsKeptAndANewLabelStartsUnlikely() {
        Network from = tagger(2, 2), to = tagger(3, 3);
        float[] parameters = Parameters.initial(from, 5), grown = Parameters.grow(from, parameters, to, false);
        for (Tensor t : from.tensors()) {
            Tensor now = to.tensor(t.name());
            int rows = t.shape().get(0), columns = t.size() / rows, nowColumns = now.size() / now.shape().get(0);
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < columns; c++) assertEquals(parameters[t.offset() + r * columns + c], grown[now.offset() + r * nowColumns + c], t.name());
        }
        assertArrayEquals(row(from, parameters, "embedding.weight", 0), row(to, grown, "embedding.weight", 2));
        assertArrayEquals(row(from, parameters, "spelling.embedding.weight", 0), row(to, grown, "spelling.embedding.weight", 2));
        assertArrayEquals(new float[from.width()], row(to, grown, "output.weight", 2));
        Tensor bias = from.tensor("output.bias"), transitions = from.tensor("transitions");
        assertEquals(Math.min(parameters[bias.offset()], parameters[bias.offset() + 1]), grown[to.tensor("output.bias").offset() + 2]);
        float lowest = Float.POSITIVE_INFINITY;
        for (int i = transitions.offset(); i < transitions.end(); i++) lowest = Math.min(lowest, parameters[i]);
        assertArrayEquals(new float[] {lowest, lowest, lowest}, row(to, grown, "transitions", 2));
        assertEquals(lowest, grown[to.tensor("transitions").offset() + 2]);
    }

    @Test void onlyMoreTokensAndLabelsAreGrowth() {
        Network from = tagger(3, 2);
        for (Network to : List.of(tagger(2, 2), new Network(3, 4, new Network.Spelling(3, 2, 2), Cell.LSTM, 6, 1, true, new Head(true, Loss.CRF, 2), false))) {
            String message = assertThrows(IllegalArgumentException.class, () -> Parameters.grow(from, Parameters.initial(from, 1), to, false)).getMessage();
            assertTrue(message.contains("expected networks that differ in nothing but more tokens"), message);
        }
    }

    private static Network tagger(int tokens, int labels) {
        return new Network(tokens, 4, new Network.Spelling(tokens, 2, 2), Cell.LSTM, 3, 1, true, new Head(true, Loss.CRF, labels), false);
    }

    private static float[] row(Network network, float[] parameters, String name, int row) {
        Tensor t = network.tensor(name);
        int columns = t.size() / t.shape().get(0);
        return Arrays.copyOfRange(parameters, t.offset() + row * columns, t.offset() + (row + 1) * columns);
    }

    private static void refused(String says, Network network, float[][] rows, float[] parameters) {
        String message = assertThrows(IllegalArgumentException.class, () -> Parameters.embed(network, rows, parameters)).getMessage();
        assertTrue(message.contains(says), message);
    }
}
