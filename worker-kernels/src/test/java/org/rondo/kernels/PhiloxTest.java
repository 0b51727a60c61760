package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class PhiloxTest {
    /** The known answers that the authors of Philox4x32-10 publish with Random123. */
    @Test void givesTheKnownAnswers() {
        int[] out = new int[4];
        Philox.block(0, 0, 0, 0, 0, out);
        assertArrayEquals(new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, out);
        Philox.block(-1L, -1, -1, -1, -1, out);
        assertArrayEquals(new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, out);
        Philox.block(0x299f31d0_a4093822L, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, out);
        assertArrayEquals(new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}, out);
    }

    @Test void normalNumbersHaveMeanZeroAndVarianceOne() {
        Philox.Stream stream = new Philox.Stream(42, 9);
        int n = 100_000;
        double sum = 0, squares = 0;
        for (int i = 0; i < n; i++) {
            double x = stream.normal();
            sum += x;
            squares += x * x;
        }
        assertEquals(0, sum / n, 5 / Math.sqrt(n));
        assertEquals(1, squares / n, 5 * Math.sqrt(2.0 / n));
    }

    @Test void uniformNumbersNeverReachTheirBounds() {
        Philox.Stream stream = new Philox.Stream(1, 1);
        for (int i = 0; i < 1_000_000; i++) {
            float u = stream.uniform();
            assertTrue(u > 0 && u < 1, "draw " + i + " is " + u);
        }
    }
}
