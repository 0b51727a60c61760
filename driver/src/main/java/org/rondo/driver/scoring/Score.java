package org.rondo.driver.scoring;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Serializable;
import java.util.Locale;
import java.util.Map;

/** How well what is sought was found, from three counts. Where a figure's denominator is 0, so is the figure, as in conlleval.
 *  Immutable; a class and not a record, so that Spark's Kryo can write it. */
public final class Score implements Serializable {
    private static final long serialVersionUID = 1;
    /** Of tables: more rows are left to the JSON. */
    private static final int ROWS = 40;
    static final Score NOTHING = new Score(0, 0, 0);

    private final long gold, found, correct;

    Score(long gold, long found, long correct) {
        this.gold = gold;
        this.found = found;
        this.correct = correct;
    }

    Score plus(Score other) {
        return new Score(gold + other.gold, found + other.found, correct + other.correct);
    }

    /** What there was to find. */
    public long gold() {
        return gold;
    }

    /** What was found, rightly or not. */
    public long found() {
        return found;
    }

    /** What was found, and there. */
    public long correct() {
        return correct;
    }

    /** correct / found */
    public double precision() {
        return ratio(correct, found);
    }

    /** correct / gold */
    public double recall() {
        return ratio(correct, gold);
    }

    /** 2 precision recall / (precision + recall) = 2 correct / (gold + found) */
    public double f1() {
        return ratio(2 * correct, gold + found);
    }

    static double ratio(long part, long whole) {
        return whole == 0 ? 0 : (double) part / whole;
    }

    @Override public boolean equals(Object other) {
        return other instanceof Score score && gold == score.gold && found == score.found && correct == score.correct;
    }

    @Override public int hashCode() {
        return Long.hashCode(31 * (31 * gold + found) + correct);
    }

    @Override public String toString() {
        return "gold " + gold + ", found " + found + ", correct " + correct;
    }

    void write(ObjectNode json) {
        json.put("precision", precision()).put("recall", recall()).put("f1", f1()).put("gold", gold).put("found", found).put("correct", correct);
    }

    /** A row for each, in percent.
     *  @param what they are of: the head of the first column */
    static String table(String what, Map<String, Score> rows) {
        int width = rows.keySet().stream().mapToInt(String::length).reduce(what.length(), Math::max);
        StringBuilder table = new StringBuilder(String.format(Locale.ROOT, "%-" + width + "s  precision   recall       F1        gold       found     correct%n", what));
        rows.entrySet().stream().limit(ROWS).forEach(row -> {
            Score s = row.getValue();
            table.append(String.format(Locale.ROOT, "%-" + width + "s  %9.2f  %7.2f  %7.2f  %,10d  %,10d  %,10d%n",
                    row.getKey(), 100 * s.precision(), 100 * s.recall(), 100 * s.f1(), s.gold, s.found, s.correct));
        });
        if (rows.size() > ROWS) table.append(String.format(Locale.ROOT, "and %,d more, in the JSON%n", rows.size() - ROWS));
        return table.toString();
    }
}
