package org.rondo.driver.ml;

import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.Estimator;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.StructType;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.rounds.Ineffective;
import org.rondo.driver.rounds.Plan;
import org.rondo.driver.rounds.Progress;
import org.rondo.driver.rounds.Trainer;
import org.rondo.driver.scoring.Scorer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Trains a network on the rows of a table, on all executors. Its params are settings ({@code conf/reference.conf} has all of them) under the
 *  same names, with the same defaults: {@link #option} sets any by name, and Spark's own {@code set}, ParamMap and ParamGridBuilder do too.
 *  The model is a function of rows, params and seed, whatever the cluster.
 *
 *  @param <E> the estimator itself
 *  @param <M> its model */
public abstract class SequenceEstimator<E extends SequenceEstimator<E, M>, M extends SequenceModel<M>> extends Estimator<M> implements DefaultParamsWritable {
    private static final long serialVersionUID = 1;
    private static final Logger LOG = LoggerFactory.getLogger(SequenceEstimator.class);

    private final String uid;
    private final Task task;
    private final SettingParams params;

    SequenceEstimator(String uid, Task task) {
        this.uid = uid;
        this.task = task;
        this.params = SettingParams.ofTraining(this, task);
        params.setDefaults(this);
    }

    abstract E self();

    abstract M model(String uid, Model trained);

    /** What is wrong with a table of these columns, before anything runs. */
    abstract void check(StructType schema, Settings settings);

    /** Trains; with {@code output} set, from the newest checkpoint there.
     *  @throws IllegalArgumentException if a column is missing or has another type, the rows cannot be learnt from, or training diverges */
    @Override public M fit(Dataset<?> dataset) {
        transformSchema(dataset.schema());
        Progress progress = new Logged();
        Settings settings = params.settings(this, task);
        Ineffective.inTraining(settings).forEach(line -> LOG.warn("{}: {}", uid, params.inParams(line)));
        try {
            Model trained = new Trainer(new JavaSparkContext(dataset.sparkSession().sparkContext()), settings, progress)
                    .train(known -> Corpus.of(dataset.toDF(), uid + "'s table", settings, known, progress::note));
            return copyValues(model(uid, trained), ParamMap.empty()).setParent(this);
        } catch (BadInput e) {
            throw params.refusal(e);
        }
    }

    @Override public StructType transformSchema(StructType schema) {
        Settings settings = params.settings(this, task);
        try {
            check(schema, settings);
            // only the rows say whether their tags are entities, unless it is set
            return Scorer.schema(schema, task, !settings.get(Setting.TAG_SCHEME).equals("none"), 1, uid + "'s table");
        } catch (BadInput e) {
            throw params.refusal(e);
        }
    }

    /** Sets any param by its name, to a value or to its text: {@code option("hidden", 100)}.
     *  @throws java.util.NoSuchElementException for an unknown name, naming the nearest
     *  @throws IllegalArgumentException for a value out of range */
    public E option(String name, Object value) {
        params.set(this, name, value);
        return self();
    }

    /** Units of every layer. */
    public E setHidden(int units) {
        return option("hidden", units);
    }

    public E setLayers(int layers) {
        return option("layers", layers);
    }

    /** Width of a token's vector. */
    public E setEmbedding(int width) {
        return option("embedding", width);
    }

    public E setDropout(double rate) {
        return option("dropout", rate);
    }

    public E setEpochs(int epochs) {
        return option("epochs", epochs);
    }

    public E setLearningRate(double rate) {
        return option("learningRate", rate);
    }

    /** Parts of the data, each trained by a replica of its own. */
    public E setShards(int shards) {
        return option("shards", shards);
    }

    public E setSeed(long seed) {
        return option("seed", seed);
    }

    /** A fraction of the rows to hold out; 0 for none. */
    public E setValidation(double fraction) {
        return option("validation", fraction);
    }

    public IntParam hidden() {
        return (IntParam) (Param<?>) getParam("hidden");
    }

    public IntParam layers() {
        return (IntParam) (Param<?>) getParam("layers");
    }

    public IntParam embedding() {
        return (IntParam) (Param<?>) getParam("embedding");
    }

    public DoubleParam dropout() {
        return (DoubleParam) (Param<?>) getParam("dropout");
    }

    public IntParam epochs() {
        return (IntParam) (Param<?>) getParam("epochs");
    }

    public DoubleParam learningRate() {
        return (DoubleParam) (Param<?>) getParam("learningRate");
    }

    @Override public String uid() {
        return uid;
    }

    @Override public Param<?>[] params() {
        return params.all();
    }

    @Override public Param<Object> getParam(String name) {
        return params.get(this, name);
    }

    @Override public E copy(ParamMap extra) {
        return defaultCopy(extra);
    }

    /** What people read of a fit is Spark's log. */
    private final class Logged implements Progress {
        @Override public void begin(Plan plan, long firstRound, long tokens) {
            LOG.info("{}: {}, {} shards, {} epochs, from round {}", uid, plan.network(), plan.shards(), plan.epochs(), firstRound);
        }

        @Override public void round(Round round) { }

        @Override public void epoch(Epoch epoch, Model model) {
            LOG.info("{}: epoch {}: training loss {}, validation loss {}{}", uid, epoch.number(), epoch.training(), epoch.validation(),
                    epoch.metric() == null ? "" : ", " + epoch.metric().key() + " " + epoch.value());
        }

        @Override public void note(String message) {
            LOG.info("{}: {}", uid, message);
        }
    }
}
