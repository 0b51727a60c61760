package org.rondo.driver.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ValueScoresTest {
    /** Numbers 1 2 6, predicted as 2 2 3: squares 1 0 9, of the spread about 3 they are 10 of 4 + 1 + 9. */
    @Test void figuresAreThoseWorkedByHand() {
        ValueScores scores = new ValueScores();
        scores.add(1, 2);
        scores.add(2, 2);
        scores.add(6, 3);
        assertEquals(3, scores.count());
        assertEquals(10 / 3.0, scores.meanSquaredError(), 1e-15);
        assertEquals(4 / 3.0, scores.meanAbsoluteError(), 1e-15);
        assertEquals(1 - 10 / 14.0, scores.rSquared(), 1e-15);
        assertEquals("3 numbers; mean squared error 3.3333, its root 1.8257, mean absolute error 1.3333, R^2 0.2857" + System.lineSeparator(), scores.table());
    }

    /** About a mean of a million, where a sum of squares less the square of a sum has no digit left in single precision and six in double. */
    @Test void partsMayBeMergedInAnyOrder() {
        long seed = 5;
        Random random = new Random(seed);
        int n = 1000;
        double[] y = new double[n], p = new double[n];
        double mean = 0, squared = 0, absolute = 0, spread = 0;
        for (int i = 0; i < n; i++) {
            y[i] = 1e6 + random.nextGaussian();
            p[i] = y[i] + 0.5 * random.nextGaussian();
            mean += y[i] / n;
        }
        for (int i = 0; i < n; i++) {
            squared += (p[i] - y[i]) * (p[i] - y[i]);
            absolute += Math.abs(p[i] - y[i]);
            spread += (y[i] - mean) * (y[i] - mean);
        }
        for (int order = 0; order < 5; order++) {
            List<ValueScores> parts = new ArrayList<>(List.of(new ValueScores()));      // one of nothing
            for (int i = 0, size = 0; i < n; i++, size--) {
                if (size == 0) {
                    parts.add(new ValueScores());
                    size = 1 + random.nextInt(200);
                }
                parts.get(parts.size() - 1).add(y[i], p[i]);
            }
            Collections.shuffle(parts, random);
            ValueScores all = new ValueScores();
            parts.forEach(all::merge);
            // the plain formulas round the mean by 1e6 n eps, 2e-7 at worst, and the spread by its square
            assertEquals(n, all.count());
            assertEquals(squared / n, all.meanSquaredError(), 1e-12, "seed " + seed);
            assertEquals(absolute / n, all.meanAbsoluteError(), 1e-12, "seed " + seed);
            assertEquals(1 - squared / spread, all.rSquared(), 1e-9, "seed " + seed);
        }
    }

    @Test void whereAllNumbersAreOneThereIsNoSpreadToExplain() {
        ValueScores scores = new ValueScores();
        for (int i = 0; i < 3; i++) scores.add(0.5, 1);
        assertTrue(Double.isNaN(scores.rSquared()));
        assertEquals("{\"count\":3,\"meanSquaredError\":0.25,\"meanAbsoluteError\":0.5,\"rSquared\":null}", scores.json().toString());
    }
}
