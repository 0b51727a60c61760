package org.rondo.driver.ml;

import org.apache.spark.ml.util.MLReader;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;

/** Adds {@code tags}, a label for every token, and {@code entities} (start, end, type, text) where labels say where such are, then in IOB2. */
public final class SequenceTaggerModel extends SequenceModel<SequenceTaggerModel> {
    private static final long serialVersionUID = 1;

    /** @param trained by a job, or by a fit */
    public SequenceTaggerModel(String uid, Model trained) {
        super(uid, Task.TAGGING, trained);
    }

    @Override SequenceTaggerModel self() {
        return this;
    }

    @Override SequenceTaggerModel of(String uid, Model trained) {
        return new SequenceTaggerModel(uid, trained);
    }

    public static MLReader<SequenceTaggerModel> read() {
        return new Reader<>(SequenceTaggerModel.class, SequenceTaggerModel::new);
    }

    public static SequenceTaggerModel load(String path) {
        return read().load(path);
    }
}
