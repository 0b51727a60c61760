package org.rondo.driver.scoring;

import java.util.List;
import org.rondo.driver.corpus.Task;

/** A figure that says how good a model is. */
public enum Metric {
    /** Mean nats per token or sequence; of numbers the mean squared error. */
    LOSS("loss", false),
    PERPLEXITY("perplexity", false),
    /** Share of labels that are right. */
    ACCURACY("accuracy", true),
    /** Of entities. */
    PRECISION("precision", true), RECALL("recall", true),
    /** Of entities; of classes the micro F1, which is their accuracy. */
    F1("f1", true),
    /** Mean of the classes'. */
    MACRO_F1("macroF1", true);

    private final String key;
    private final boolean higherIsBetter;

    Metric(String key, boolean higherIsBetter) {
        this.key = key;
        this.higherIsBetter = higherIsBetter;
    }

    /** As settings have it. */
    public String key() {
        return key;
    }

    public static Metric of(String key) {
        return List.of(values()).stream().filter(metric -> metric.key.equals(key)).findFirst().orElseThrow(() -> new IllegalArgumentException("no metric " + key));
    }

    /** By which models of a task are compared where nothing else is said. */
    public static Metric usual(Task task, boolean entities) {
        return switch (task) {
            case LANGUAGE_MODEL -> PERPLEXITY;
            case REGRESSION -> LOSS;
            case TAGGING, CLASSIFICATION -> entities ? F1 : ACCURACY;
        };
    }

    public boolean isHigherBetter() {
        return higherIsBetter;
    }

    public boolean isBetter(double a, double than) {
        return higherIsBetter ? a > than : a < than;
    }

    /** @param entities whether labels are those of entities */
    public boolean isOf(Task task, boolean entities) {
        return switch (this) {
            case LOSS -> true;
            case PERPLEXITY -> task == Task.LANGUAGE_MODEL;
            case ACCURACY, F1 -> task == Task.TAGGING || task == Task.CLASSIFICATION;
            case PRECISION, RECALL -> entities;
            case MACRO_F1 -> task == Task.CLASSIFICATION || task == Task.TAGGING && !entities;
        };
    }
}
