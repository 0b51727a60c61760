package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** That it is measured once and kept: {@link TrainerTest}. */
class PaceTest {

    /** Weight 1/20 at most for averaging: round of c and windows of w, so K = ceil(19 c / w). */
    @ParameterizedTest @CsvSource({"0.1, 0.02, 1000, 95", "0.1, 0.021, 1000, 91", "0.1, 0.02, 40, 40", "0.001, 1, 1000, 1", "0.04, 0.04, 1000, 19"})
    void aRoundHasTheFewestWindowsThatMakeAveragingCheap(double averaging, double window, int windowsPerEpoch, int expected) {
        Pace pace = new Pace(averaging, window);
        assertEquals(expected, pace.windowsPerRound(windowsPerEpoch));
        assertEquals(expected < windowsPerEpoch, pace.share(expected) <= Pace.SHARE);
        if (expected > 1) assertTrue(pace.share(expected - 1) > Pace.SHARE);
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
