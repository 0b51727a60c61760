package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

class LearningRateTest {

    @Test void decaysAnEpochAfterTheFifth() {
        Settings settings = Settings.of(Map.of("learningRate", "2", "decay", "epoch", "decayFactor", "0.5", "decayAfter", "5"));
        assertArrayEquals(new double[] {2, 2, 2, 2, 2, 1, 0.5, 0.25}, perRound(settings, 1, new double[8]));
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

    /** What PyTorch says of StepLR(step_size=30, gamma=0.1) at 0.05: 0.05 below epoch 30, 0.005 from 30, 0.0005 from 60. */
    @Test void stepsAreThoseOfPyTorchsStepLR() {
        Settings settings = Settings.of(Map.of("learningRate", "0.05", "decay", "epoch", "decayFactor", "0.1", "decayEvery", "30"));
        double[] rates = perRound(settings, 1, new double[90]);
        for (int epoch = 0; epoch < 90; epoch++) assertEquals(epoch < 30 ? 0.05 : epoch < 60 ? 0.005 : 0.0005, rates[epoch], 1e-17, "epoch " + epoch);
    }

    @Test void stepsStartAfterDecayAfter() {
        Settings settings = Settings.of(Map.of("learningRate", "8", "decay", "epoch", "decayFactor", "0.5", "decayAfter", "2", "decayEvery", "3"));
        assertArrayEquals(new double[] {8, 8, 4, 4, 4, 2, 2, 2, 1}, perRound(settings, 1, new double[9]));
    }

    /** PyTorch of ReduceLROnPlateau(patience=0): the first epoch is always good, and every one that is not better than the best is reduced after. */
    @Test void withoutPatienceEveryEpochThatIsNoBetterDecays() {
        Settings settings = Settings.of(Map.of("learningRate", "16", "decay", "plateau", "decayFactor", "0.5"));
        assertArrayEquals(new double[] {16, 16, 8, 4, 4, 2, 1}, perRound(settings, 1, 3, 4, 5, 2, 2, 2.5, 1));
    }

    /** After a decay the count starts again; the best does not. */
    @Test void aPlateauIsMeasuredAgainstTheBestOfAllEpochs() {
        Settings settings = Settings.of(Map.of("learningRate", "16", "decay", "plateau", "decayFactor", "0.5", "decayAfter", "1"));
        assertArrayEquals(new double[] {16, 16, 16, 8, 8, 4, 4}, perRound(settings, 1, 1, 2, 2, 1.5, 1.5, 1.2, 9));
    }

    /** Two rounds an epoch, warmed up in four: 1/4, 2/4, 3/4, 1, of what the schedule says. */
    @ParameterizedTest @CsvSource({"none, 2 4 6 8 8 8 8 8", "epoch, 2 4 3 4 2 2 1 1", "plateau, 2 4 6 8 4 4 4 4", "cosine, 2 4 5.121320343559642 6.82842712474619 4 4 1.17157287525381 1.17157287525381"})
    void aWarmUpMultipliesEverySchedule(String decay, String rates) {
        Settings settings = Settings.of(Map.of("learningRate", "8", "decay", decay, "decayFactor", "0.5", "warmUp", "4", "epochs", "4"));
        double[] expected = Stream.of(rates.split(" ")).mapToDouble(Double::parseDouble).toArray();
        assertArrayEquals(expected, perRound(settings, 2, 3, 3.5, 2, 1), 1e-14);
    }

    /** @param validation loss of every epoch */
    private static double[] perRound(Settings settings, int roundsPerEpoch, double... validation) {
        double[] rates = new double[validation.length * roundsPerEpoch];
        LearningRate rate = LearningRate.start(settings, true);
        for (int round = 0; round < rates.length; round++) {
            rates[round] = rate.at(round, settings.get(Setting.WARM_UP));
            int epochs = (round + 1) / roundsPerEpoch;
            if ((round + 1) % roundsPerEpoch == 0) rate = rate.next(settings, epochs, validation[epochs - 1]);
        }
        return rates;
    }

    @Test void aPlateauNeedsSomethingHeldOut() {
        Settings settings = Settings.of(Map.of("decay", "plateau", "validation", "0.0"));
        assertTrue(assertThrows(BadInput.class, () -> LearningRate.start(settings, false)).getMessage().contains("--validation"));
    }
}
