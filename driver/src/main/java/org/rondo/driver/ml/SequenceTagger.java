package org.rondo.driver.ml;

import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.types.StructType;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Examples;
import org.rondo.driver.corpus.Task;

/** A label for every token of a sequence: parts of speech, entities. Reads a column of tokens, text or features and one of labels; its model adds
 *  {@code tags}, and {@code entities} where labels say where such are. */
public final class SequenceTagger extends SequenceEstimator<SequenceTagger, SequenceTaggerModel> {
    private static final long serialVersionUID = 1;

    public SequenceTagger() {
        this(Identifiable$.MODULE$.randomUID("SequenceTagger"));
    }

    public SequenceTagger(String uid) {
        super(uid, Task.TAGGING);
    }

    /** An array of strings. */
    public SequenceTagger setTokensColumn(String column) {
        return option("tokensColumn", column);
    }

    /** Strings, split into tokens at blanks; read where tokensColumn is neither set nor there. */
    public SequenceTagger setTextColumn(String column) {
        return option("textColumn", column);
    }

    /** An array of arrays of numbers; read where tokens and text are neither set nor there. */
    public SequenceTagger setFeaturesColumn(String column) {
        return option("featuresColumn", column);
    }

    /** An array of strings, one for every token. */
    public SequenceTagger setLabelsColumn(String column) {
        return option("labelsColumn", column);
    }

    @Override SequenceTagger self() {
        return this;
    }

    @Override SequenceTaggerModel model(String uid, Model trained) {
        return new SequenceTaggerModel(uid, trained);
    }

    @Override void check(StructType schema, Settings settings) {
        Examples.check(schema, uid() + "'s table", Examples.Target.LABELS, settings);
    }

    public static MLReader<SequenceTagger> read() {
        return new DefaultParamsReader<>();
    }

    public static SequenceTagger load(String path) {
        return read().load(path);
    }
}
