package org.rondo.driver.rounds;

import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.scoring.Evaluation;
import org.rondo.driver.scoring.Metric;

/** Which model is kept: that of the epoch with the best figure of what is held out, or the last. Immutable.
 *  @param metric     null: the last is kept
 *  @param patience   epochs without a better one after which training ends; 0: it does not
 *  @param value      of the best epoch; NaN before there is one
 *  @param epoch      the best, from 1; 0 before there is one
 *  @param parameters of its model; null before there is one */
record Selection(Metric metric, int patience, double value, int epoch, float[] parameters) {
    static final Selection LAST = new Selection(null, 0, Double.NaN, 0, null);

    static Selection of(Settings settings, Corpus corpus) {
        String key = settings.get(Setting.METRIC);
        int patience = settings.get(Setting.STOP_AFTER);
        Task task = corpus.lexicon().task();
        boolean entities = task == Task.TAGGING && corpus.lexicon().scheme() != TagScheme.NONE, named = !key.equals("auto") && !key.equals("none");
        if (key.equals("none") && patience > 0) throw new BadInput("stopAfter is " + patience + ", but metric is none, so nothing says which epoch is better; set --metric, or leave it out");
        if (corpus.validation() == null && (named || patience > 0)) throw new BadInput((patience > 0 ? "stopAfter is " + patience : "metric is " + key)
                + ", but nothing is held out to measure; set --validation to data or a fraction, or leave --" + (patience > 0 ? "stopAfter" : "metric") + " out");
        Metric metric = null;
        if (named) metric = Metric.of(key);
        else if (key.equals("auto") && corpus.validation() != null && (task != Task.LANGUAGE_MODEL || patience > 0))
            metric = task == Task.LANGUAGE_MODEL || task == Task.REGRESSION ? Metric.LOSS : entities ? Metric.F1 : Metric.ACCURACY;
        if (metric != null && !metric.isOf(task, entities))
            throw new BadInput("metric is " + key + ", which is no figure of " + task.key() + (entities ? " of entities" : task == Task.TAGGING ? " of plain classes" : "") + "; set --metric to another, or leave it out");
        return new Selection(metric, patience, Double.NaN, 0, null);
    }

    /** With what a checkpoint has. */
    Selection of(double value, int epoch, float[] parameters) {
        return new Selection(metric, patience, value, epoch, parameters);
    }

    /** @param measured null where nothing is held out */
    Selection next(int epoch, Evaluation measured, float[] parameters) {
        if (metric == null) return this;
        double value = measured.figure(metric);
        return this.parameters != null && !metric.isBetter(value, this.value) ? this : of(value, epoch, parameters);
    }

    /** @param epoch that has ended, from 1 */
    boolean isOver(int epoch) {
        return patience > 0 && this.epoch > 0 && epoch - this.epoch >= patience;
    }

    /** @param last the newest parameters */
    float[] kept(float[] last) {
        return parameters == null ? last : parameters;
    }
}
