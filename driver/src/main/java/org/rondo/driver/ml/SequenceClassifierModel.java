package org.rondo.driver.ml;

import org.apache.spark.ml.util.MLReader;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;

/** Adds {@code prediction}, the likeliest label, and {@code probabilities}, a map of all labels' own. */
public final class SequenceClassifierModel extends SequenceModel<SequenceClassifierModel> {
    private static final long serialVersionUID = 1;

    /** @param trained by a job, or by a fit */
    public SequenceClassifierModel(String uid, Model trained) {
        super(uid, Task.CLASSIFICATION, trained);
    }

    @Override SequenceClassifierModel self() {
        return this;
    }

    @Override SequenceClassifierModel of(String uid, Model trained) {
        return new SequenceClassifierModel(uid, trained);
    }

    public static MLReader<SequenceClassifierModel> read() {
        return new Reader<>(SequenceClassifierModel.class, SequenceClassifierModel::new);
    }

    public static SequenceClassifierModel load(String path) {
        return read().load(path);
    }
}
