package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.rondo.driver.Setting;
import org.rondo.driver.checkpoints.Checkpoint;
import org.rondo.driver.rounds.TrainingState.Cursor;
import org.rondo.driver.scoring.Metric;

class TrainingStateTest {

    /** To the bit: thirds have no short decimal form, and a training without a validation loss has an infinite best one. */
    @Test void aCheckpointHoldsAllOfIt() {
        float[][] model = {{1f / 3, Float.MIN_VALUE}, {-0f, 2}, {3, 4}}, carried = {{5}, {}, {6, 7}};
        for (double best : new double[] {1.0 / 3, Double.POSITIVE_INFINITY}) {
            TrainingState state = new TrainingState(new Cursor(12, 3, 7, new LearningRate(2.0 / 3, best, 5, true), 1e300 / 7, 1L << 40), model, new float[] {2f / 3, 8}, carried,
                    new Selection(Metric.F1, 4, 1.0 / 7, 2, new float[] {8, 9}));
            TrainingState back = TrainingState.of(state.toCheckpoint(1, new ObjectMapper().createObjectNode()), new Selection(Metric.F1, 4, Double.NaN, 0, null));
            assertEquals(state.cursor(), back.cursor());
            assertArrayEquals(model, back.model());
            assertArrayEquals(new float[] {2f / 3, 8}, back.average());
            assertArrayEquals(carried, back.carried());
            assertEquals(1.0 / 7, back.selection().value());
            assertEquals(2, back.selection().epoch());
            assertArrayEquals(new float[] {8, 9}, back.selection().parameters());
            assertEquals(Set.of("parameters", "first_moment", "outer_velocity", "average", "best", "carried_0", "carried_1", "carried_2"),
                    state.toCheckpoint(1, new ObjectMapper().createObjectNode()).vectors().keySet());
        }
    }

    /** Of the plan in PlanTest, with one epoch of gradients: moments of Adam, which the second phase starts without. */
    @Test void theFirstPhaseLeavesNoMomentsWhereTheyAreReset() {
        for (String innerState : new String[] {"average", "reset"}) {
            Plan plan = PlanTest.plan(PlanTest.SETTINGS.with(Setting.GRADIENTS_UNTIL, 1).with(Setting.INNER_STATE, innerState), 20, 32_001);
            float[][] model = {{1}, {2}, {3}, {4}};
            LearningRate rate = new LearningRate(1, 1, 0, false);
            for (int epoch = 1; epoch <= 2; epoch++) {
                boolean first = epoch == 1 && innerState.equals("reset");
                TrainingState next = new TrainingState(new Cursor(40, epoch, 0, rate, 5, 6), model, model[0], new float[4][0], Selection.LAST).nextEpoch(plan, rate, Selection.LAST);
                assertArrayEquals(first ? new float[][] {{1}, {0}, {0}, {4}} : model, next.model(), innerState + " after epoch " + epoch);
                assertEquals(0, next.cursor().tokens());
            }
        }
    }

    @Test void parametersThatAreTheirOwnAverageAreWrittenOnce() {
        float[][] model = {{1, 2}, {3, 4}};
        Checkpoint checkpoint = new TrainingState(new Cursor(1, 0, 1, new LearningRate(1, 1, 0, false), 0, 0), model, model[0], new float[][] {{5}}, Selection.LAST)
                .toCheckpoint(1, new ObjectMapper().createObjectNode());
        assertEquals(Set.of("parameters", "first_moment", "carried_0"), checkpoint.vectors().keySet());
        TrainingState back = TrainingState.of(checkpoint, Selection.LAST);
        assertArrayEquals(model, back.model());
        assertSame(back.model()[0], back.average());
    }
}
