package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;

class PlanTest {
    private static final Settings SETTINGS = Settings.of(Map.of("shards", "4", "batch", "8", "seqLen", "25", "epochs", "3",
            "averaging", "parameters", "windowsPerRound", "7", "hidden", "10", "layers", "1", "embedding", "6"));

    @Test void countsAreAsWorkedByHand() {
        Plan plan = Plan.of(SETTINGS, 20, 32_001);
        // 32 streams of 1000 targets, 40 windows of 25, rounds of 7 7 7 7 7 5
        assertEquals(40, plan.windowsPerEpoch());
        assertEquals(6, plan.roundsPerEpoch());
        assertEquals(18, plan.rounds());
        // embedding 20*6, LSTM 40*(6+10+1), output 20*11
        assertEquals(120 + 680 + 220, plan.network().parameterCount());
        // Adam: parameters and two moments to each replica; h and c of 8 streams of 10 units carried by each shard
        assertEquals(3 * 1020, plan.floatsToReplica());
        assertEquals(4 * 8 * 20, plan.carriedFloats());
        assertEquals(4 * (2 * (3060 + 640) + 4 * 3060 + 640), plan.bytesPerRound(2));
        assertTrue(plan.endsEpoch(6) && plan.endsEpoch(18) && !plan.endsEpoch(5) && !plan.endsEpoch(0));
    }

    @Test void gradientsAreAveragedEveryWindow() {
        Plan plan = Plan.of(SETTINGS.with(org.rondo.driver.Setting.AVERAGING, "gradients"), 20, 32_001);
        assertEquals(40, plan.roundsPerEpoch());
        assertEquals(1020, plan.floatsToReplica());
    }

    /** The average before and after a round; replicas see nothing of it. */
    @Test void anAverageOverRoundsTakesRoomInTheDriverAlone() {
        Plan plan = Plan.of(SETTINGS, 20, 32_001), averaged = Plan.of(SETTINGS.with(org.rondo.driver.Setting.EMA_DECAY, "0.9"), 20, 32_001);
        assertEquals(plan.driverHeap() + 2 * 4 * 1020, averaged.driverHeap());
        assertEquals(plan.bytesPerRound(2), averaged.bytesPerRound(2));
        assertEquals(plan.bytesPerTask(), averaged.bytesPerTask());
    }

    @Test void moreWindowsThanCanBeCountedAreRefused() {
        Settings settings = SETTINGS.with(org.rondo.driver.Setting.EPOCHS, 1_000_000);
        String message = assertThrows(BadInput.class, () -> Plan.of(settings, 20, 2_000_000_001L)).getMessage();
        assertTrue(message.contains("lower epochs"), message);
    }

    @Test void oneTokenTooFewIsSaidSo() {
        assertEquals(1, Plan.of(SETTINGS, 20, 801).windowsPerEpoch());
        String message = assertThrows(BadInput.class, () -> Plan.of(SETTINGS, 20, 800)).getMessage();
        assertTrue(message.contains("800 tokens, expected at least 801"), message);
    }
}
