package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;

class LearningRateTest {

    @Test void decaysAnEpochAfterTheFifth() {
        Settings settings = Settings.of(Map.of("learningRate", "2", "decay", "epoch", "decayFactor", "0.5", "decayAfter", "5"));
        LearningRate rate = LearningRate.start(settings, true);
        double[] perEpoch = new double[8];
        for (int epoch = 1; epoch <= 8; epoch++) {
            perEpoch[epoch - 1] = rate.current();
            rate = rate.next(settings, epoch, Double.NaN);
        }
        assertEquals("[2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 0.5, 0.25]", java.util.Arrays.toString(perEpoch));
    }

    @Test void decaysWhenValidationDoesNotImprove() {
        Settings settings = Settings.of(Map.of("learningRate", "16", "decay", "plateau", "decayFactor", "0.25", "decayAfter", "1"));
        LearningRate rate = LearningRate.start(settings, true);
        double[] validation = {5, 4, 4.5, 4.2, 3.9, 3.9, 3.95}, expected = {16, 16, 16, 4, 4, 4, 1};
        for (int epoch = 1; epoch <= validation.length; epoch++) {
            rate = rate.next(settings, epoch, validation[epoch - 1]);
            assertEquals(expected[epoch - 1], rate.current(), "after epoch " + epoch);
        }
        assertEquals(3.9, rate.best());
    }

    @Test void aCosineFallsToZeroWithTheEpochs() {
        Settings settings = Settings.of(Map.of("learningRate", "8", "decay", "cosine", "epochs", "4"));
        LearningRate rate = LearningRate.start(settings, true);
        double[] expected = {8, 4 * (1 + Math.sqrt(0.5)), 4, 4 * (1 - Math.sqrt(0.5)), 0};
        for (int epoch = 1; epoch <= 5; epoch++) {
            assertEquals(expected[epoch - 1], rate.current(), 1e-12, "epoch " + epoch);
            rate = rate.next(settings, epoch, 1);
        }
    }

    @Test void aPlateauNeedsSomethingHeldOut() {
        Settings settings = Settings.of(Map.of("decay", "plateau", "validation", "0.0"));
        assertTrue(assertThrows(BadInput.class, () -> LearningRate.start(settings, false)).getMessage().contains("--validation"));
    }
}
