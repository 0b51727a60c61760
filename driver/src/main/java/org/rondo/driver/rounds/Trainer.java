package org.rondo.driver.rounds;

import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.scoring.Evaluation;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Shard;

/** Trains a language model: the whole algorithm is {@link #train()}. The model is a function of data, plan and seed, whatever
 *  the cluster and however often the driver is killed and started again. */
public final class Trainer {
    private final JavaSparkContext sc;
    private final Settings settings;
    private final Progress progress;

    public Trainer(JavaSparkContext sc, Settings settings, Progress progress) {
        this.sc = sc;
        this.settings = settings;
        this.progress = progress;
    }

    /** Trains to the end of the plan, from the newest good checkpoint if the output directory has one, and writes the model.
     *  @throws org.rondo.driver.BadInput if the data or the output directory cannot be used, or training diverges */
    public Model train() {
        if (sc.isLocal()) Kernel.check(settings.get(Setting.KERNEL));       // before the text is read, and not once a task
        try (Output output = Output.open(sc, settings, progress); Corpus corpus = Corpus.read(sc, settings)) {
            Plan plan = Plan.of(settings, corpus.vocabulary().size(), corpus.training().count());
            Provenance provenance = new Provenance(sc, settings, plan, corpus);
            LearningRate rate = LearningRate.start(settings, corpus.validation() != null);
            JavaRDD<Shard> shards = corpus.training().shards(plan.shards(), plan.batch());
            TrainingState state = output.resume(provenance).orElse(TrainingState.initial(plan, settings, rate));
            progress.begin(plan, state.round(), state.epoch() * plan.targets() + state.tokens());
            if (state.endsEpoch()) provenance.tellEpoch(progress, model(plan, state, corpus, provenance));
            try (Rounds rounds = new Rounds(sc, plan, shards, settings)) {
                while (state.epoch() < plan.epochs()) {
                    long started = System.nanoTime();
                    int epoch = state.epoch() + 1;
                    Rounds.Outcome outcome = rounds.next(state);
                    state = outcome.state();
                    if (provenance.kernels(outcome.kernels())) progress.note("kernel: " + String.join(", ", outcome.kernels()));
                    progress.round(report(epoch, outcome, started));
                    if (state.endsEpoch()) state = endEpoch(plan, state, corpus, provenance);
                    if (output.isDue(state)) output.write(state.toCheckpoint(plan.moments(), provenance.checkpointFacts()));
                }
            }
            return output.finish(model(plan, state, corpus, provenance));
        }
    }

    /** Validates on Spark, tells of it, decays the learning rate. */
    private TrainingState endEpoch(Plan plan, TrainingState state, Corpus corpus, Provenance provenance) {
        int epoch = state.epoch();
        Model model = model(plan, state, corpus, provenance);
        double training = state.loss() / state.tokens();
        double validation = corpus.validation() == null ? Double.NaN : Evaluation.of(sc, model, corpus.validation(), settings).nats();
        if (corpus.validation() != null && !Double.isFinite(validation))
            throw new BadInput("training has diverged: after epoch " + epoch + " the validation loss is " + validation + "; lower learningRate (now "
                    + state.learningRate().current() + ") and start again with --overwrite. The last checkpoint, if there is one, is from before and is kept");
        provenance.epoch(epoch, training, validation);
        provenance.tellEpoch(progress, model);
        return state.nextEpoch(plan, state.learningRate().next(settings, epoch, validation));
    }

    private Model model(Plan plan, TrainingState state, Corpus corpus, Provenance provenance) {
        return new Model(plan.network(), state.average(), corpus.vocabulary(), provenance.facts(state.round()));
    }

    private Progress.Round report(int epoch, Rounds.Outcome outcome, long started) {
        return new Progress.Round(outcome.state().round() - 1, epoch, outcome.loss() / Math.max(1, outcome.tokens()), outcome.gradientNorm(),
                outcome.learningRate(), outcome.tokens(), (System.nanoTime() - started) * 1e-9);
    }
}
