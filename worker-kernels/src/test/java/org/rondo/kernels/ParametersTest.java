package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

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

    private static void refused(String says, Network network, float[][] rows, float[] parameters) {
        String message = assertThrows(IllegalArgumentException.class, () -> Parameters.embed(network, rows, parameters)).getMessage();
        assertTrue(message.contains(says), message);
    }
}
