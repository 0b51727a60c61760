package org.rondo.driver.ml;

import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.types.StructType;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Examples;
import org.rondo.driver.corpus.Task;

/** A label for a whole sequence: of what mood a text is, in which language. Reads a column of tokens, text or features and one of a label; its
 *  model adds {@code prediction} and {@code probabilities}. */
public final class SequenceClassifier extends SequenceEstimator<SequenceClassifier, SequenceClassifierModel> {
    private static final long serialVersionUID = 1;

    public SequenceClassifier() {
        this(Identifiable$.MODULE$.randomUID("SequenceClassifier"));
    }

    public SequenceClassifier(String uid) {
        super(uid, Task.CLASSIFICATION);
    }

    /** An array of strings. */
    public SequenceClassifier setTokensColumn(String column) {
        return option("tokensColumn", column);
    }

    /** Strings, split into tokens at blanks; read where tokensColumn is neither set nor there. */
    public SequenceClassifier setTextColumn(String column) {
        return option("textColumn", column);
    }

    /** An array of arrays of numbers; read where tokens and text are neither set nor there. */
    public SequenceClassifier setFeaturesColumn(String column) {
        return option("featuresColumn", column);
    }

    /** Strings, or whole numbers. */
    public SequenceClassifier setLabelColumn(String column) {
        return option("labelColumn", column);
    }

    @Override SequenceClassifier self() {
        return this;
    }

    @Override SequenceClassifierModel model(String uid, Model trained) {
        return new SequenceClassifierModel(uid, trained);
    }

    @Override void check(StructType schema, Settings settings) {
        Examples.check(schema, uid() + "'s table", Examples.Target.LABEL, settings);
    }

    public static MLReader<SequenceClassifier> read() {
        return new DefaultParamsReader<>();
    }

    public static SequenceClassifier load(String path) {
        return read().load(path);
    }
}
