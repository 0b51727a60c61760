package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
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
}
