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
            Plan planned = Plan.of(settings, corpus.vocabulary().size(), corpus.training().count());
            ExecutorMemory.of(sc, planned).check(progress::note);
            Provenance provenance = new Provenance(sc, settings, planned, corpus);
            LearningRate rate = LearningRate.start(settings, corpus.validation() != null);
            JavaRDD<Shard> shards = corpus.training().shards(planned.shards(), planned.batch());
            TrainingState state = output.resume(provenance).orElse(TrainingState.initial(planned, settings, rate));
            Plan plan = settled(planned, shards, state, provenance, output);
            TrainingState.Cursor cursor = state.cursor();
            if (!plan.averagesGradients() && plan.shards() > 1) progress.note(plan.outer().says(plan.rounds().orElse(0)));
            progress.begin(plan, cursor.round(), cursor.epoch() * plan.targets() + cursor.tokens());
            if (cursor.endsEpoch()) provenance.tellEpoch(progress, model(plan, state, corpus, provenance));
            try (Rounds rounds = new Rounds(sc, plan, shards, settings, state)) {
                while (rounds.cursor().epoch() < plan.epochs()) {
                    long started = System.nanoTime();
                    int epoch = rounds.cursor().epoch() + 1;
                    Rounds.Outcome outcome = rounds.next();
                    if (provenance.kernels(outcome.kernels())) progress.note("kernel: " + String.join(", ", outcome.kernels()));
                    progress.round(report(epoch, outcome, started));
                    if (rounds.cursor().endsEpoch()) endEpoch(plan, rounds, corpus, provenance);
                    if (output.isDue(rounds.cursor())) output.write(rounds.state().toCheckpoint(plan.moments(), provenance.checkpointFacts()));
                }
                return output.finish(model(plan, rounds.state(), corpus, provenance));
            } finally {
                shards.unpersist();
            }
        }
    }

    /** How many windows a round has, as it is set, or was measured when this training began, or is now. What was measured is in a
     *  checkpoint before anything depends on it: another time it would be other. */
    private Plan settled(Plan plan, JavaRDD<Shard> shards, TrainingState state, Provenance provenance, Output output) {
        int windows = plan.isSettled() ? plan.windowsPerRound() : plan.windowsPerEpoch() == 1 ? 1 : provenance.windowsPerRound();
        boolean measures = windows == Setting.AUTO;
        if (measures) {
            progress.note("windowsPerRound is auto: measuring what a window and averaging take");
            Pace pace = Pace.measure(sc, plan, shards, settings, state);
            windows = pace.windowsPerRound(plan.windowsPerEpoch());
            progress.note(pace.says(windows, plan.windowsPerEpoch()));
        } else if (!plan.isSettled() && plan.windowsPerEpoch() > 1) progress.note("windowsPerRound " + windows + ", as measured when this training began");
        provenance.windowsPerRound(windows);
        if (measures) output.write(state.toCheckpoint(plan.moments(), provenance.checkpointFacts()));
        return plan.withWindowsPerRound(windows);
    }

    /** Validates on Spark, tells of it, decays the learning rate. */
    private void endEpoch(Plan plan, Rounds rounds, Corpus corpus, Provenance provenance) {
        TrainingState.Cursor cursor = rounds.cursor();
        int epoch = cursor.epoch();
        Model model = model(plan, rounds.state(), corpus, provenance);
        double training = cursor.loss() / cursor.tokens();
        double validation = corpus.validation() == null ? Double.NaN : Evaluation.of(sc, model, corpus.validation(), settings).nats();
        if (corpus.validation() != null && !Double.isFinite(validation))
            throw new BadInput("training has diverged: after epoch " + epoch + " the validation loss is " + validation + "; lower learningRate (now "
                    + cursor.learningRate().current() + ") and start again with --overwrite. The last checkpoint, if there is one, is from before and is kept");
        provenance.epoch(epoch, training, validation);
        provenance.tellEpoch(progress, model);
        rounds.nextEpoch(cursor.learningRate().next(settings, epoch, validation));
    }

    private Model model(Plan plan, TrainingState state, Corpus corpus, Provenance provenance) {
        return new Model(plan.network(), state.average(), corpus.vocabulary(), provenance.facts(state.cursor().round()));
    }

    private Progress.Round report(int epoch, Rounds.Outcome outcome, long started) {
        return new Progress.Round(outcome.number(), epoch, outcome.loss() / Math.max(1, outcome.tokens()), outcome.gradientNorm(),
                outcome.learningRate(), outcome.tokens(), (System.nanoTime() - started) * 1e-9);
    }
}
