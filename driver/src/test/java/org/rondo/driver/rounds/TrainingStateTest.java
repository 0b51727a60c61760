package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.rondo.driver.checkpoints.Checkpoint;

class TrainingStateTest {

    /** To the bit: thirds have no short decimal form, and a training without a validation loss has an infinite best one. */
    @Test void aCheckpointHoldsAllOfIt() {
        float[][] model = {{1f / 3, Float.MIN_VALUE}, {-0f, 2}, {3, 4}}, carried = {{5}, {}, {6, 7}};
        for (double best : new double[] {1.0 / 3, Double.POSITIVE_INFINITY}) {
            TrainingState state = new TrainingState(new TrainingState.Cursor(12, new LearningRate(2.0 / 3, best, 5), 1e300 / 7, 1L << 40), model, new float[] {2f / 3, 8}, carried);
            TrainingState back = TrainingState.of(state.toCheckpoint(new ObjectMapper().createObjectNode()));
            assertEquals(state.cursor(), back.cursor());
            assertArrayEquals(model, back.model());
            assertArrayEquals(new float[] {2f / 3, 8}, back.average());
            assertArrayEquals(carried, back.carried());
        }
    }

    @Test void parametersThatAreTheirOwnAverageAreWrittenOnce() {
        float[][] model = {{1, 2}, {3, 4}};
        Checkpoint checkpoint = new TrainingState(new TrainingState.Cursor(1, new LearningRate(1, 1, 0), 0, 0), model, model[0], new float[][] {{5}})
                .toCheckpoint(new ObjectMapper().createObjectNode());
        assertEquals(Set.of("parameters", "first_moment", "carried_0"), checkpoint.vectors().keySet());
        TrainingState back = TrainingState.of(checkpoint);
        assertArrayEquals(model, back.model());
        assertSame(back.model()[0], back.average());
    }
}
