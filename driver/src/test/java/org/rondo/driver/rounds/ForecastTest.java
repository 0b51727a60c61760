package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.rondo.driver.Setting;
import org.rondo.kernels.NativeLibrary;

class ForecastTest {
    /** 4 shards of 40 windows, 3 epochs of 6 rounds of 7 windows. */
    private static Plan plan(int windowsPerRound) {
        return PlanTest.plan(PlanTest.SETTINGS.with(Setting.WINDOWS_PER_ROUND, windowsPerRound), 20, 32_001);
    }

    private static Forecast forecast(Plan plan, double window, int executors) {
        return new Forecast(plan, window, 2, executors, 1, Forecast.USUAL_NETWORK);
    }

    @Test void aTinyModelIsFasterHere() {
        // 2 cores: 240 windows of 1 ms one after the other, 18 rounds of 7 ms; 4 executors: 120, and 18 rounds of 83 ms
        Forecast forecast = forecast(plan(7), 1e-3, 4);
        assertEquals(0.24 + 18 * 0.0068, forecast.here(), 1e-3);
        assertEquals(0.12 + 18 * (0.046 + 4 * 0.0004 + 0.028 + 3 * 0.0025), forecast.onTheCluster(), 2e-3);         // 3220 floats take 63 us more
        assertTrue(forecast.here() < forecast.onTheCluster());
        // a window more in a round gains 1 ms of the 76 that averaging takes more, and an epoch has but 40
        assertEquals(OptionalInt.empty(), forecast.fewestWindows());
    }

    @Test void aLargeModelIsFasterOnTheCluster() {
        Forecast forecast = forecast(plan(7), 1, 4);
        assertEquals(240 + 18 * 0.0068, forecast.here(), 1e-2);
        assertEquals(120 + 18 * 0.0831, forecast.onTheCluster(), 1e-2);
        assertEquals(OptionalInt.of(1), forecast.fewestWindows());
    }

    @Test void withAsManyWindowsAsItSaysTheClusterIsFaster() {
        // 76.3 ms more of averaging, 4 ms less of windows: 20
        Forecast forecast = forecast(plan(7), 4e-3, 4);
        assertEquals(OptionalInt.of(20), forecast.fewestWindows());
        assertTrue(forecast.onTheCluster() > forecast.here());
        Forecast longer = forecast(plan(20), 4e-3, 4);              // two rounds, an epoch's 40
        assertTrue(longer.onTheCluster() < longer.here());
    }

    @Test void noMoreSlotsAreNoFaster() {
        assertEquals(OptionalInt.empty(), forecast(plan(7), 1, 2).fewestWindows());
        assertTrue(forecast(plan(7), 1, 2).onTheCluster() > forecast(plan(7), 1, 2).here());
    }

    /** 5 slots for 12 shards: two of them have three, one after the other. */
    @Test void tasksWaitForOneAnother() {
        Plan plan = PlanTest.plan(PlanTest.SETTINGS.with(Setting.SHARDS, 12), 20, 32_001);
        assertEquals(3, forecast(plan, 1, 5).pace().window());
        assertEquals(1, forecast(plan, 1, 12).pace().window());
        assertEquals(1, forecast(plan, 1, 50).pace().window());
    }

    @Test void windowsOfARoundThatAreToBeMeasuredAreForeseen() {
        Plan auto = PlanTest.plan(PlanTest.SETTINGS.with(Setting.WINDOWS_PER_ROUND, "auto"), 20, 32_001);
        // averaging 83.1 ms; 19 x 83.1 / 100 is 15.8, and of 40 windows two rounds have as many
        Plan settled = forecast(auto, 0.1, 4).settled().plan();
        assertEquals(20, settled.windowsPerRound());
        assertEquals(40, forecast(auto, 1e-3, 4).settled().plan().windowsPerRound(), "all of an epoch");
        assertEquals(7, forecast(plan(7), 1e-3, 4).settled().plan().windowsPerRound());
    }

    @Test void aWindowIsMeasuredWithWhatWouldRun() {
        for (String averaging : new String[] {"gradients", "parameters"}) {
            Plan plan = PlanTest.plan(PlanTest.SETTINGS.with(Setting.AVERAGING, averaging), 20, 32_001);
            WindowTime time = WindowTime.measure(plan, "reference").orElseThrow();
            assertTrue(time.seconds() > 0 && time.seconds() < 1, time.toString());
            assertEquals("reference", time.kernel());
            assertEquals("native " + NativeLibrary.instructionSets().get(0), WindowTime.measure(plan, "native").orElseThrow().kernel());
        }
    }

    /** 1.02 G parameters: with Adam's moments, what a replica starts from and what it makes are 25 GB of heap. */
    @Test void whatDoesNotFitIsNotTried() {
        Plan plan = PlanTest.plan(PlanTest.SETTINGS.with(Setting.HIDDEN, 16_000), 20, 32_001);
        assertTrue(WindowTime.measure(plan, "native").isEmpty() && WindowTime.measure(plan, "reference").isEmpty());
    }
}
