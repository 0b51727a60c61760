package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** That it is measured once and kept: {@link TrainerTest}. */
class PaceTest {

    /** A twentieth of an epoch at most for averaging: R rounds of c in M windows of w, so R c <= (R c + M w) / 20, and the most of such R. */
    @ParameterizedTest @CsvSource({"0.1, 0.02, 1000, 100", "0.1, 0.021, 1000, 91", "0.1, 0.02, 40, 40", "0.001, 1, 1000, 1", "0.04, 0.04, 1000, 20", "0.0398, 0.0052, 169, 169"})
    void anEpochHasTheMostRoundsThatMakeAveragingCheap(double averaging, double window, int windowsPerEpoch, int expected) {
        int windows = new Pace(averaging, window).windowsPerRound(windowsPerEpoch), rounds = Exchange.divideUp(windowsPerEpoch, windows);
        assertEquals(expected, windows);
        assertTrue(rounds == 1 || share(rounds, averaging, windowsPerEpoch, window) <= Pace.SHARE);
        assertTrue(windows == 1 || share(Exchange.divideUp(windowsPerEpoch, windows - 1), averaging, windowsPerEpoch, window) > Pace.SHARE);
    }

    private static double share(int rounds, double averaging, int windows, double window) {
        return rounds * averaging / (rounds * averaging + windows * window);
    }

    /** one = c + w, many = c + 10 w; and windows that take nothing. */
    @Test void aPaceIsTheDifferenceOfTwoRounds() {
        Pace pace = Pace.of(0.11, 10, 0.2);
        assertEquals(0.01, pace.window(), 1e-12);
        assertEquals(0.1, pace.averaging(), 1e-12);
        assertEquals(0.0001, Pace.of(0.1, 10, 0.09).window(), 1e-12);
    }

    /** Of four rounds, one to warm up, none may be shorter than the others. */
    @ParameterizedTest @CsvSource({"0.1, 1000, 10", "0.1, 30, 7", "5, 1000, 2", "5, 9, 2", "5, 8, 2", "0.1, 7, 7", "0.1, 2, 2"})
    void aLongRoundIsASecondOfWindows(double one, int windowsPerEpoch, int expected) {
        assertEquals(expected, Pace.longRound(one, windowsPerEpoch));
        assertTrue(expected == windowsPerEpoch || 4 * expected <= windowsPerEpoch);
    }
}
