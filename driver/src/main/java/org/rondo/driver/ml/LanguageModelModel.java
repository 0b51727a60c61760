package org.rondo.driver.ml;

import org.apache.spark.ml.util.MLReader;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;

/** Adds {@code logProbabilities}, those of a line's tokens and of its end, in nats, and {@code perplexity}. Every row is read by itself. */
public final class LanguageModelModel extends SequenceModel<LanguageModelModel> {
    private static final long serialVersionUID = 1;

    /** @param trained by a job, or by a fit */
    public LanguageModelModel(String uid, Model trained) {
        super(uid, Task.LANGUAGE_MODEL, trained);
    }

    @Override LanguageModelModel self() {
        return this;
    }

    @Override LanguageModelModel of(String uid, Model trained) {
        return new LanguageModelModel(uid, trained);
    }

    public static MLReader<LanguageModelModel> read() {
        return new Reader<>(LanguageModelModel.class, LanguageModelModel::new);
    }

    public static LanguageModelModel load(String path) {
        return read().load(path);
    }
}
