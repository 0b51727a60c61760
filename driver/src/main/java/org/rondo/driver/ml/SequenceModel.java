package org.rondo.driver.ml;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.function.BiFunction;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWriter;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.scoring.Scorer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Option;

/** A trained network that adds what it says of every row. Its params are the columns that it reads, and how. Saved, it is a folder of Spark ML's
 *  {@code metadata} and of {@code model}, which is a model as the jobs have it.
 *
 *  @param <M> the model itself */
public abstract class SequenceModel<M extends SequenceModel<M>> extends org.apache.spark.ml.Model<M> implements MLWritable {
    private static final long serialVersionUID = 1;
    private static final Logger LOG = LoggerFactory.getLogger(SequenceModel.class);
    private static final String MODEL = "model";

    private final String uid;
    private final transient Model trained;
    private final SettingParams params;
    private transient Scorer scorer;
    /** What the scorer was made for: every setting, and which were given. */
    private transient List<?> scorerOf;

    /** @throws IllegalArgumentException if the model is of another task */
    SequenceModel(String uid, Task task, Model trained) {
        if (trained.lexicon().task() != task) throw new IllegalArgumentException("the model is for " + trained.lexicon().task().key() + ", expected one for " + task.key()
                + "; load it with the class that it was made by");
        this.uid = uid;
        this.trained = trained;
        this.params = SettingParams.ofScoring(this, task);
        params.setDefaults(this);
    }

    abstract M of(String uid, Model trained);

    /** Adds predictions, and {@code error}: what is wrong with a row, which then has none. Lazily; also to a stream. */
    @Override public Dataset<Row> transform(Dataset<?> dataset) {
        try {
            return scorer().score(dataset.toDF(), table(), note -> LOG.info("{}: {}", uid, note));
        } catch (BadInput e) {
            throw params.refusal(e);
        }
    }

    @Override public StructType transformSchema(StructType schema) {
        try {
            return scorer().schema(schema);
        } catch (BadInput e) {
            throw params.refusal(e);
        }
    }

    /** One until params change, so that the model goes to the executors once and not with every transform. */
    final synchronized Scorer scorer() {
        Settings settings = params.settings(this, trained.lexicon().task());
        List<?> now = List.of(settings.all(), Setting.ALL.stream().filter(settings::has).toList());
        if (!now.equals(scorerOf)) {
            scorer = new Scorer(trained, settings);
            scorerOf = now;
        }
        return scorer;
    }

    private String table() {
        return uid + "'s table";
    }

    /** The network, its parameters, vocabulary and labels. */
    public Model trained() {
        return trained;
    }

    /** Where the model comes from, as JSON: data, settings, versions, and every epoch's losses. */
    public ObjectNode provenance() {
        return trained.provenance();
    }

    /** Sets a param by its name, to a value or to its text. */
    public M option(String name, Object value) {
        params.set(this, name, value);
        return self();
    }

    abstract M self();

    @Override public String uid() {
        return uid;
    }

    @Override public Param<?>[] params() {
        return params.all();
    }

    @Override public Param<Object> getParam(String name) {
        return params.get(this, name);
    }

    /** The copy shares the parameters, which nothing changes. */
    @Override public M copy(ParamMap extra) {
        return copyValues(of(uid, trained), extra).setParent(parent());
    }

    @Override public MLWriter write() {
        return new Writer();
    }

    private final class Writer extends MLWriter {
        @Override public void saveImpl(String path) {
            DefaultParamsWriter.saveMetadata(SequenceModel.this, path, sparkSession());
            trained.save(new Path(path, MODEL), sparkSession().sparkContext().hadoopConfiguration());
        }
    }

    /** Reads what {@link #write} wrote. */
    static final class Reader<M extends SequenceModel<M>> extends MLReader<M> {
        private final Class<M> type;
        private final BiFunction<String, Model, M> make;

        Reader(Class<M> type, BiFunction<String, Model, M> make) {
            this.type = type;
            this.make = make;
        }

        /** @throws IllegalArgumentException if it is of another class, or not whole */
        @Override public M load(String path) {
            DefaultParamsReader.Metadata metadata = DefaultParamsReader.loadMetadata(path, sparkSession(), type.getName());
            try {
                M model = make.apply(metadata.uid(), Model.load(new Path(path, MODEL).toString(), sparkSession().sparkContext().hadoopConfiguration()));
                metadata.getAndSetParams(model, Option.empty());
                return model;
            } catch (BadInput e) {
                throw new IllegalArgumentException(e.getMessage(), e);
            }
        }
    }
}
