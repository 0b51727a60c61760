package org.rondo.driver.retraining;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.scoring.Evaluation;
import org.rondo.driver.scoring.Metric;

/** Decides between champion and challenger, who are measured on the same data.
 *  @param metric that must be better, by {@code margin} at least, in its own unit (of a share: 0.01 is a point)
 *  @param guards by how much others may be worse */
record Judge(Metric metric, double margin, Map<Metric, Double> guards) {

    /** @param promoted whether the challenger is to be the next champion */
    record Verdict(boolean promoted, String reason) { }

    /** @param lexicon of the models
     *  @throws BadInput if a metric is none of theirs */
    static Judge of(Settings settings, Lexicon lexicon) {
        return of(settings, lexicon.task(), lexicon.task() == Task.TAGGING && lexicon.scheme() != TagScheme.NONE);
    }

    /** Where there is no model yet.
     *  @throws BadInput if a metric is none of the task, whatever its labels are */
    static void check(Settings settings, Task task) {
        try {
            of(settings, task, false);
        } catch (BadInput noFigureOfClasses) {
            of(settings, task, task == Task.TAGGING);
        }
    }

    private static Judge of(Settings settings, Task task, boolean entities) {
        String key = settings.get(Setting.METRIC);
        Metric metric = key.equals("auto") || key.equals("none") ? Metric.usual(task, entities) : Metric.of(key);
        if (!metric.isOf(task, entities)) throw notOf(metric, Setting.METRIC, task);
        Map<Metric, Double> guards = new LinkedHashMap<>();
        for (String guard : settings.get(Setting.GUARDS).split(",")) {
            if (guard.isBlank()) continue;
            Map.Entry<Metric, Double> read = guard(guard.strip(), settings);
            if (!read.getKey().isOf(task, entities)) throw notOf(read.getKey(), Setting.GUARDS, task);
            guards.put(read.getKey(), read.getValue());
        }
        return new Judge(metric, settings.get(Setting.MARGIN), guards);
    }

    private static Map.Entry<Metric, Double> guard(String guard, Settings settings) {
        String[] pair = guard.split(":", -1);
        try {
            double most = Double.parseDouble(pair[pair.length - 1]);
            if (pair.length == 2 && most >= 0) return Map.entry(Metric.of(pair[0].strip()), most);
        } catch (IllegalArgumentException e) {
            // said below
        }
        throw new BadInput("guards is '" + settings.get(Setting.GUARDS) + "', expected metric:most with commas between, by how much each may be worse, as accuracy:0.002,loss:0.01; set " + Setting.GUARDS.option());
    }

    private static BadInput notOf(Metric metric, Setting<?> setting, Task task) {
        return new BadInput(setting.key() + " has " + metric.key() + ", which is no figure of these models of " + task.key() + "; set " + setting.option() + " to another");
    }

    /** @param champion null where there is none yet */
    Verdict verdict(Evaluation challenger, Evaluation champion) {
        double value = challenger.figure(metric);
        if (!Double.isFinite(value)) return new Verdict(false, metric.key() + " is " + value);
        if (champion == null) return new Verdict(true, "the first version");
        double before = champion.figure(metric);
        if (!Double.isFinite(before)) return new Verdict(true, metric.key() + " " + number(value) + ", the champion's " + before);
        double gain = metric.isHigherBetter() ? value - before : before - value;
        String compared = metric.key() + " " + number(value) + ", the champion's " + number(before);
        if (!(gain > 0 && gain >= margin)) return new Verdict(false, compared + ": " + (gain > 0 ? "better by less than the margin of " + number(margin) : "not better"));
        for (Map.Entry<Metric, Double> guard : guards.entrySet()) {
            Metric other = guard.getKey();
            double now = challenger.figure(other), then = champion.figure(other), loss = other.isHigherBetter() ? then - now : now - then;
            if (!(loss <= guard.getValue()))
                return new Verdict(false, compared + ", but " + other.key() + " " + number(now) + " is worse than the champion's " + number(then) + " by more than " + number(guard.getValue()));
        }
        return new Verdict(true, compared);
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.6g", value);
    }
}
