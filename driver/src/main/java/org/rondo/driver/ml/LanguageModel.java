package org.rondo.driver.ml;

import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.types.StructType;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.corpus.Text;

/** Every token of a text from those before it. Reads a column of strings: a row is a line, and the text is the rows one after the other, in the order
 *  of the table's partitions and of the rows in them. Sort a table whose order matters. Its model adds {@code logProbabilities} and
 *  {@code perplexity}, of every row by itself. */
public final class LanguageModel extends SequenceEstimator<LanguageModel, LanguageModelModel> {
    private static final long serialVersionUID = 1;

    public LanguageModel() {
        this(Identifiable$.MODULE$.randomUID("LanguageModel"));
    }

    public LanguageModel(String uid) {
        super(uid, Task.LANGUAGE_MODEL);
    }

    /** Strings: a row is a line. */
    public LanguageModel setTextColumn(String column) {
        return option("textColumn", column);
    }

    /** What a token is: character, or word. */
    public LanguageModel setUnit(String unit) {
        return option("unit", unit);
    }

    @Override LanguageModel self() {
        return this;
    }

    @Override LanguageModelModel model(String uid, Model trained) {
        return new LanguageModelModel(uid, trained);
    }

    @Override void check(StructType schema, Settings settings) {
        Text.check(schema, settings.get(Setting.TEXT_COLUMN), uid() + "'s table");
    }

    public static MLReader<LanguageModel> read() {
        return new DefaultParamsReader<>();
    }

    public static LanguageModel load(String path) {
        return read().load(path);
    }
}
