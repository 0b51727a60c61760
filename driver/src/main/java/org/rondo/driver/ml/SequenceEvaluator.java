package org.rondo.driver.ml;

import static org.apache.spark.sql.functions.col;

import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.ml.evaluation.Evaluator;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.SeenTags;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.scoring.ClassScores;
import org.rondo.driver.scoring.EntityScores;
import org.rondo.driver.scoring.Evaluation;
import org.rondo.driver.scoring.Metric;
import org.rondo.driver.scoring.Scorer;

/** How well the models of this package have predicted, from the columns that they add and the labels beside them. Its param {@code metric} is one of
 *  f1 (the default: of entities, or of other labels over all, which is their accuracy), accuracy, precision and recall (of entities), macroF1, loss
 *  (of classes and of text) and perplexity (of text). A row that a model refused counts as wrong in everything but the loss, a row without a label not at all. */
public final class SequenceEvaluator extends Evaluator implements DefaultParamsWritable {
    private static final long serialVersionUID = 1;
    /** What no label is. */
    private static final String REFUSED = "";

    private final String uid;
    private final SettingParams params;

    public SequenceEvaluator() {
        this(Identifiable$.MODULE$.randomUID("SequenceEvaluator"));
    }

    public SequenceEvaluator(String uid) {
        this.uid = uid;
        this.params = SettingParams.ofEvaluation(this);
        params.setDefaults(this);
        setDefault(getParam(Setting.METRIC.key()), Metric.F1.key());
    }

    public SequenceEvaluator setMetric(String metric) {
        return option("metric", metric);
    }

    public SequenceEvaluator setLabelsColumn(String column) {
        return option("labelsColumn", column);
    }

    public SequenceEvaluator setLabelColumn(String column) {
        return option("labelColumn", column);
    }

    /** Sets a param by its name. */
    public SequenceEvaluator option(String name, Object value) {
        params.set(this, name, value);
        return this;
    }

    private Metric metric() {
        String key = getOrDefault(getParam(Setting.METRIC.key())).toString();
        if (key.equals("auto") || key.equals("none")) throw new IllegalArgumentException(uid + ": metric is " + key
                + ", expected a figure, which says before there are rows whether more of it is better; set metric to f1, accuracy, loss or another");
        return Metric.of(key);
    }

    @Override public boolean isLargerBetter() {
        return metric().isHigherBetter();
    }

    /** @throws IllegalArgumentException if there are no predictions or no row has a label, or the metric is no figure of such */
    @Override public double evaluate(Dataset<?> scored) {
        Metric metric = metric();
        Evaluation evaluation = evaluation(scored);
        if (metric == Metric.LOSS && evaluation.task() == Task.TAGGING) throw new IllegalArgumentException(uid
                + ": metric is loss, of which tags say nothing; set metric to f1 or accuracy");
        return evaluation.figure(metric);
    }

    /** All figures at once: {@code table()} for people, {@code json()} for programs.
     *  @throws IllegalArgumentException as {@link #evaluate} */
    public Evaluation evaluation(Dataset<?> scored) {
        Set<String> columns = Set.of(scored.columns());
        Evaluation evaluation;
        try {
            evaluation = columns.contains(Scorer.TAGS) ? ofTags(scored) : columns.contains(Scorer.PREDICTION) ? ofClasses(scored)
                    : columns.contains(Scorer.LOG_PROBABILITIES) ? ofText(scored) : null;
        } catch (BadInput e) {
            throw params.refusal(e);
        }
        if (evaluation != null && evaluation.targets() > 0) return evaluation;
        if (evaluation != null) throw new IllegalArgumentException(uid + "'s table has no row with " + (evaluation.task() == Task.LANGUAGE_MODEL ? Scorer.LOG_PROBABILITIES
                : "a label in column '" + label(evaluation.task()) + "'") + ", expected one at least, to measure by");
        throw new IllegalArgumentException(uid + "'s table has none of the columns " + Scorer.TAGS + ", " + Scorer.PREDICTION + " and " + Scorer.LOG_PROBABILITIES
                + " but " + String.join(", ", scored.columns()) + "; give it what a model's transform returned");
    }

    private Evaluation ofTags(Dataset<?> scored) {
        JavaRDD<Row> rows = labelled(scored, Task.TAGGING, Scorer.TAGS);
        String set = settings(Task.TAGGING).get(Setting.TAG_SCHEME);
        TagScheme scheme = set.equals("auto") ? recognised(rows) : TagScheme.valueOf(set.toUpperCase(Locale.ROOT));
        if (scheme == TagScheme.NONE) return evaluation(Task.TAGGING, classes(rows.mapPartitions(some -> {
            ClassScores scores = new ClassScores();
            some.forEachRemaining(row -> scores.add(row.getList(0), row.isNullAt(1) ? Collections.nCopies(row.getList(0).size(), REFUSED) : row.getList(1)));
            return List.of(scores).iterator();
        })), null);
        EntityScores all = new EntityScores(scheme);
        rows.mapPartitions(some -> {
            EntityScores scores = new EntityScores(scheme);
            some.forEachRemaining(row -> scores.add(row.getList(0), row.isNullAt(1) ? Collections.nCopies(row.getList(0).size(), "O")
                    : TagScheme.IOB2.convert(row.getList(1), scheme)));      // as a model says entities
            return List.of(scores).iterator();
        }).collect().forEach(all::merge);
        return evaluation(Task.TAGGING, null, all);
    }

    private TagScheme recognised(JavaRDD<Row> rows) {
        SeenTags all = new SeenTags();
        rows.mapPartitions(some -> {
            SeenTags seen = new SeenTags();
            some.forEachRemaining(row -> seen.add(row.getList(0)));
            return List.of(seen).iterator();
        }).collect().forEach(all::merge);
        return all.isOutside() ? TagScheme.IOB2 :      // as in a fold of data with few entities
                all.recognise(uid + "'s table");
    }

    private static Evaluation evaluation(Task task, ClassScores classes, EntityScores entities) {
        return new Evaluation(task, classes == null ? entities.tokens() : classes.count(), Double.NaN, 0, 0, entities, classes, null, Set.of());
    }

    private static ClassScores classes(JavaRDD<ClassScores> parts) {
        ClassScores all = new ClassScores();
        parts.collect().forEach(all::merge);
        return all;
    }

    private Evaluation ofClasses(Dataset<?> scored) {
        ClassScores all = classes(labelled(scored, Task.CLASSIFICATION, Scorer.PREDICTION).mapPartitions(some -> {
            ClassScores scores = new ClassScores();
            some.forEachRemaining(row -> scores.add(row.getString(0), row.isNullAt(1) ? REFUSED : row.getString(1)));
            return List.of(scores).iterator();
        }));
        double[] loss = sum(labelled(scored, Task.CLASSIFICATION, Scorer.PROBABILITIES).filter(row -> !row.isNullAt(1)).map(row -> {
            Map<String, Double> probabilities = row.getJavaMap(1);
            Double p = probabilities.get(row.getString(0));         // a label that training has not seen does not count, as there
            return p == null ? new double[2] : new double[] {-Math.log(p), 1};
        }));
        return new Evaluation(Task.CLASSIFICATION, all.count(), loss[0] / loss[1], 0, 0, null, all, null, Set.of());
    }

    private Evaluation ofText(Dataset<?> scored) {
        double[] loss = sum(scored.select(col(Scorer.LOG_PROBABILITIES)).javaRDD().filter(row -> !row.isNullAt(0)).map(row -> {
            List<Float> logs = row.getList(0);
            return new double[] {-logs.stream().mapToDouble(Float::doubleValue).sum(), logs.size()};
        }));
        return new Evaluation(Task.LANGUAGE_MODEL, (long) loss[1], loss[0] / loss[1], 0, 0, null, null, null, Set.of());
    }

    /** Of pairs. Addition is not associative: those of a partition are added in their order, then the partitions in theirs, whichever task ends first. */
    private static double[] sum(JavaRDD<double[]> pairs) {
        return sum(pairs.mapPartitions(some -> List.of(sum(some)).iterator()).collect().iterator());
    }

    private static double[] sum(Iterator<double[]> pairs) {
        double[] sum = new double[2];
        pairs.forEachRemaining(pair -> {
            sum[0] += pair[0];
            sum[1] += pair[1];
        });
        return sum;
    }

    private Settings settings(Task task) {
        return params.settings(this, task);
    }

    private static Setting<String> setting(Task task) {
        return task == Task.TAGGING ? Setting.LABELS_COLUMN : Setting.LABEL_COLUMN;
    }

    private String label(Task task) {
        String set = settings(task).get(setting(task));
        return set.equals("auto") ? "labels" : set;
    }

    /** Label and prediction of every row that has a label. */
    private JavaRDD<Row> labelled(Dataset<?> scored, Task task, String predicted) {
        String label = label(task);
        if (Stream.of(scored.columns()).noneMatch(label::equals)) throw new IllegalArgumentException(uid + "'s table has no column '" + label + "' of what is right but "
                + String.join(", ", scored.columns()) + "; set param " + setting(task).key());
        Column gold = col("`" + label.replace("`", "``") + "`");
        return scored.toDF().filter(gold.isNotNull()).select(task == Task.TAGGING ? gold : gold.cast("string"), col(predicted)).javaRDD();
    }

    @Override public String uid() {
        return uid;
    }

    @Override public Param<?>[] params() {
        return params.all();
    }

    @Override public Param<Object> getParam(String name) {
        return params.get(this, name);
    }

    @Override public SequenceEvaluator copy(ParamMap extra) {
        return defaultCopy(extra);
    }

    public static MLReader<SequenceEvaluator> read() {
        return new DefaultParamsReader<>();
    }

    public static SequenceEvaluator load(String path) {
        return read().load(path);
    }
}
