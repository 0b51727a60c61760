package org.rondo.driver.scoring;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Serializable;
import java.util.Locale;

/** How well numbers are predicted. With y the numbers, p what was predicted for them and m their mean:
 *  <pre>
 *  mean squared error   = mean (p - y)^2
 *  mean absolute error  = mean |p - y|
 *  R^2                  = 1 - sum (p - y)^2 / sum (y - m)^2       1: all right; 0: no better than to say m; NaN where all y are one
 *  </pre>
 *  Scores of parts add up to those of the whole ({@link #merge}). */
public final class ValueScores implements Serializable {
    private static final long serialVersionUID = 1;

    private long count;
    private double squared, absolute, mean, spread;

    public void add(double value, double predicted) {
        count++;
        squared += (predicted - value) * (predicted - value);
        absolute += Math.abs(predicted - value);
        double from = value - mean;                     // Welford 1962: a sum of squares would cancel
        mean += from / count;
        spread += from * (value - mean);
    }

    public void merge(ValueScores other) {
        if (other.count == 0) return;
        double from = other.mean - mean;
        long all = count + other.count;
        spread += other.spread + from * from * count * other.count / all;
        mean += from * other.count / all;
        count = all;
        squared += other.squared;
        absolute += other.absolute;
    }

    public long count() {
        return count;
    }

    public double meanSquaredError() {
        return squared / count;
    }

    public double meanAbsoluteError() {
        return absolute / count;
    }

    public double rSquared() {
        return spread == 0 ? Double.NaN : 1 - squared / spread;
    }

    /** For people. */
    public String table() {
        return String.format(Locale.ROOT, "%,d numbers; mean squared error %.5g, its root %.5g, mean absolute error %.5g, R^2 %.4f%n", count, meanSquaredError(),
                Math.sqrt(meanSquaredError()), meanAbsoluteError(), rSquared());
    }

    /** {@code count meanSquaredError meanAbsoluteError rSquared}, the last null where it is no number. */
    public ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("count", count).put("meanSquaredError", meanSquaredError()).put("meanAbsoluteError", meanAbsoluteError());
        return Double.isNaN(rSquared()) ? json.putNull("rSquared") : json.put("rSquared", rSquared());
    }
}
