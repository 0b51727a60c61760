package org.rondo.driver.scoring;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Serializable;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** How well classes are predicted, of tokens or of sequences: all figures follow from the confusion table, how often which class was
 *  taken for which. With n examples, gold_c of class c, found_c predicted as c, and correct_c of both:
 *  <pre>
 *  accuracy = micro F1 = sum_c correct_c / n                   one class an example: all false positives are false negatives too
 *  F1_c                = 2 correct_c / (gold_c + found_c)
 *  macro F1            = mean of F1_c over the classes that gold or prediction has, as in scikit-learn's f1_score(average='macro')
 *  </pre>
 *  Scores of parts add up to those of the whole ({@link #merge}). */
public final class ClassScores implements Serializable {
    private static final long serialVersionUID = 1;
    /** Of the classes in a confusion table in text; of more, the most frequent mistakes are listed, so many. */
    private static final int TABLE = 12, LISTED = 10;

    /** By gold and by predicted class; sparse, for there may be thousands of them. */
    private final TreeMap<String, TreeMap<String, Long>> confusion = new TreeMap<>();

    /** One example. */
    public void add(String gold, String predicted) {
        add(gold, predicted, 1);
    }

    /** One sequence of examples. */
    public void add(List<String> gold, List<String> predicted) {
        if (gold.size() != predicted.size())
            throw new IllegalArgumentException("a sequence has " + gold.size() + " gold labels and " + predicted.size() + " predicted, expected one of each for every token");
        for (int t = 0; t < gold.size(); t++) add(gold.get(t), predicted.get(t), 1);
    }

    public void merge(ClassScores other) {
        other.confusion.forEach((gold, row) -> row.forEach((predicted, n) -> add(gold, predicted, n)));
    }

    private void add(String gold, String predicted, long n) {
        confusion.computeIfAbsent(gold, g -> new TreeMap<>()).merge(predicted, n, Long::sum);
    }

    /** How often class {@code gold} was taken for {@code predicted}. */
    public long count(String gold, String predicted) {
        TreeMap<String, Long> row = confusion.get(gold);
        return row == null ? 0 : row.getOrDefault(predicted, 0L);
    }

    /** Of all examples. */
    public long count() {
        return overall().gold();
    }

    public double accuracy() {
        return overall().f1();
    }

    public double microF1() {
        return accuracy();
    }

    public double macroF1() {
        return classes().values().stream().mapToDouble(Score::f1).average().orElse(0);
    }

    /** Of every class that gold or prediction has. */
    public SortedMap<String, Score> classes() {
        TreeMap<String, Score> classes = new TreeMap<>();
        confusion.forEach((gold, row) -> row.forEach((predicted, n) -> {
            classes.merge(gold, new Score(n, 0, gold.equals(predicted) ? n : 0), Score::plus);
            classes.merge(predicted, new Score(0, n, 0), Score::plus);
        }));
        return classes;
    }

    private Score overall() {
        return classes().values().stream().reduce(Score.NOTHING, Score::plus);
    }

    /** For people; figures in percent. */
    public String table() {
        SortedMap<String, Score> classes = classes();
        return String.format(Locale.ROOT, "%,d examples of %,d classes; accuracy (micro F1) %.2f %%, macro F1 %.2f %%%n", count(), classes.size(), 100 * accuracy(), 100 * macroF1())
                + Score.table("class", classes) + (classes.size() <= TABLE ? confusionTable(new TreeSet<>(classes.keySet())) : mistakes());
    }

    private String confusionTable(TreeSet<String> classes) {
        int width = Stream.concat(Stream.of("gold \\ predicted"), classes.stream()).mapToInt(String::length).max().getAsInt();
        StringBuilder table = new StringBuilder(row("gold \\ predicted", width, classes, c -> c));
        for (String gold : classes) table.append(row(gold, width, classes, predicted -> String.format(Locale.ROOT, "%,d", count(gold, predicted))));
        return table.toString();
    }

    private static String row(String head, int width, TreeSet<String> classes, UnaryOperator<String> cell) {
        return String.format(Locale.ROOT, "%-" + width + "s", head)
                + classes.stream().map(c -> String.format(Locale.ROOT, "  %" + Math.max(9, c.length()) + "s", cell.apply(c))).collect(Collectors.joining()) + System.lineSeparator();
    }

    private record Mistake(String gold, String predicted, long count) { }

    private String mistakes() {
        List<Mistake> mistakes = confusion.entrySet().stream()
                .flatMap(row -> row.getValue().entrySet().stream().map(cell -> new Mistake(row.getKey(), cell.getKey(), cell.getValue())))
                .filter(m -> !m.gold.equals(m.predicted))
                .sorted(Comparator.comparingLong(Mistake::count).reversed().thenComparing(Mistake::gold).thenComparing(Mistake::predicted)).limit(LISTED).toList();
        int width = mistakes.stream().mapToInt(m -> m.gold.length()).reduce("gold".length(), Math::max);
        StringBuilder list = new StringBuilder(mistakes.isEmpty() ? "" : String.format(Locale.ROOT, "most frequent mistakes%n     times  %-" + width + "s  predicted%n", "gold"));
        for (Mistake m : mistakes) list.append(String.format(Locale.ROOT, "%,10d  %-" + width + "s  %s%n", m.count, m.gold, m.predicted));
        return list.toString();
    }

    /** {@code count accuracy microF1 macroF1}, under {@code classes} the score of each, and under {@code confusion} the whole table, by gold and
     *  by predicted class, without zeros; figures from 0 to 1. */
    public ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("count", count()).put("accuracy", accuracy()).put("microF1", microF1()).put("macroF1", macroF1());
        ObjectNode byClass = json.putObject("classes");
        classes().forEach((name, score) -> score.write(byClass.putObject(name)));
        ObjectNode table = json.putObject("confusion");
        confusion.forEach((gold, row) -> {
            ObjectNode cells = table.putObject(gold);
            row.forEach(cells::put);
        });
        return json;
    }
}
