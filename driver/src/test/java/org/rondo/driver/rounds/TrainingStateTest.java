package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;

class TrainingStateTest {

    /** To the bit: thirds have no short decimal form, and a training without a validation loss has an infinite best one. */
    @Test void aCheckpointHoldsAllOfIt() {
        float[][] model = {{1f / 3, Float.MIN_VALUE}, {-0f, 2}, {3, 4}}, carried = {{5}, {}, {6, 7}};
        for (double best : new double[] {1.0 / 3, Double.POSITIVE_INFINITY}) {
            TrainingState state = new TrainingState(12, model, carried, new LearningRate(2.0 / 3, best, 5), 1e300 / 7, 1L << 40);
            TrainingState back = TrainingState.of(state.toCheckpoint(new ObjectMapper().createObjectNode()));
            assertEquals(state.learningRate(), back.learningRate());
            assertEquals(state.round(), back.round());
            assertEquals(state.loss(), back.loss());
            assertEquals(state.tokens(), back.tokens());
            assertArrayEquals(model, back.model());
            assertArrayEquals(carried, back.carried());
        }
    }
}
