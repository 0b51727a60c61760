package org.rondo.driver.rounds;

import java.util.Locale;
import java.util.function.Function;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.ExecutorMemory;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Shards;
import org.rondo.driver.scoring.Evaluation;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Shard;

/** Trains a model: the whole algorithm is {@link #train(boolean, Function)}. The model is a function of data, plan and seed, whatever
 *  the cluster and however often the driver is killed and started again. */
public final class Trainer {
    private final JavaSparkContext sc;
    private final Origin origin;
    private final Settings settings;
    private final Progress progress;

    /** @throws BadInput if there is no model to go on from where {@link Setting#WARM_START} says one, or the settings contradict it */
    public Trainer(JavaSparkContext sc, Settings settings, Progress progress) {
        this.sc = sc;
        this.origin = Origin.of(settings, sc.hadoopConfiguration());
        this.settings = origin.settings();
        this.progress = progress;
    }

    /** Trains to the end of the plan, from the newest good checkpoint if the output directory has one, and writes the model.
     *  @throws org.rondo.driver.BadInput if the data or the output directory cannot be used, or training diverges */
    public Model train() {
        return train(true, known -> Corpus.read(sc, settings, known, progress::note));
    }

    /** The same of a corpus that is made then, and closed; {@code reading} is given the lexicon of the model to go on from, null for none. Unless {@link Setting#OUTPUT} is set nothing is written, neither checkpoints nor the model. */
    public Model train(Function<Lexicon, Corpus> reading) {
        return train(settings.has(Setting.OUTPUT), reading);
    }

    private Model train(boolean writes, Function<Lexicon, Corpus> reading) {
        if (sc.isLocal()) Kernel.check(settings.get(Setting.KERNEL));       // before the text is read, and not once a task
        try (Output output = writes ? Output.open(sc, settings, progress) : Output.NONE; Corpus corpus = reading.apply(origin.lexicon());
                Shards shards = corpus.training().shards(Plan.network(settings, corpus.lexicon()), corpus.lexicon(), settings)) {
            Plan planned = Plan.of(origin, corpus, shards);
            ExecutorMemory.of(sc, planned.bytesPerTask(), planned.bytesPerStep()).check("batch, seqLen, hidden", progress::note);
            Selection selection = Selection.of(settings, corpus);
            Provenance provenance = new Provenance(origin, planned, corpus, selection.metric());
            LearningRate rate = LearningRate.start(settings, corpus.validation() != null);
            TrainingState state = output.resume(provenance, selection).orElseGet(() -> TrainingState.initial(planned, origin.parameters(planned.network(), corpus.vectors()), rate, selection));
            Plan plan = settled(planned, shards.rdd(), state, provenance, output);
            TrainingState.Cursor cursor = state.cursor();
            if (!plan.averagesGradients() && plan.shards() > 1) progress.note(plan.outer().says(plan.rounds().orElse(0)));
            Progress told = output.told(progress);
            told.begin(plan, cursor.round(), cursor.epoch() * plan.targets() + cursor.tokens());
            if (cursor.endsEpoch()) provenance.tellEpoch(told, model(plan, state, state.average(), corpus, provenance));
            try (Rounds rounds = new Rounds(sc, plan, shards.rdd(), settings, state, "", told::averaged)) {
                while (rounds.goOn()) {
                    long started = System.nanoTime();
                    int epoch = rounds.cursor().epoch() + 1;
                    Rounds.Outcome outcome = rounds.next();
                    if (provenance.kernels(outcome.kernels())) progress.note("kernel: " + String.join(", ", outcome.kernels()));
                    told.round(report(epoch, outcome, started));
                    if (rounds.cursor().endsEpoch()) endEpoch(plan, rounds, corpus, provenance, told);
                    if (output.isDue(rounds.cursor())) output.write(rounds.state().toCheckpoint(plan.moments(), provenance.checkpointFacts()));
                }
                return output.finish(kept(plan, rounds.state(), corpus, provenance));
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
    private void endEpoch(Plan plan, Rounds rounds, Corpus corpus, Provenance provenance, Progress told) {
        TrainingState state = rounds.state();
        TrainingState.Cursor cursor = state.cursor();
        int epoch = cursor.epoch();
        Model model = model(plan, state, state.average(), corpus, provenance);
        Evaluation validation = corpus.validation() == null ? null : Evaluation.of(sc, model, corpus.validation(), settings);
        if (validation != null && !Double.isFinite(validation.loss()))
            throw new BadInput("training has diverged: after epoch " + epoch + " the validation loss is " + validation.loss() + "; lower learningRate (now "
                    + cursor.learningRate().current() + ") and start again with --overwrite. The last checkpoint, if there is one, is from before and is kept");
        provenance.epoch(epoch, cursor.loss() / cursor.tokens(), validation);
        provenance.tellEpoch(told, model);
        Selection selection = state.selection().next(epoch, validation, state.average());
        if (selection.isOver(epoch) && epoch < plan.epochs()) progress.note("stopping after epoch " + epoch + ": " + selection.metric().key() + " has not been better for "
                + selection.patience() + (selection.patience() == 1 ? " epoch" : " epochs"));
        rounds.nextEpoch(cursor.learningRate().next(settings, epoch, validation == null ? Double.NaN : validation.loss()), selection);
    }

    /** The best model, or the last. */
    private Model kept(Plan plan, TrainingState state, Corpus corpus, Provenance provenance) {
        Selection selection = state.selection();
        if (selection.parameters() != null) {
            provenance.kept(selection.epoch());
            progress.note("keeping the model of epoch " + selection.epoch() + ", with the best " + selection.metric().key() + ", " + String.format(Locale.ROOT, "%.4f", selection.value()));
        }
        return model(plan, state, selection.kept(state.average()), corpus, provenance);
    }

    private Model model(Plan plan, TrainingState state, float[] parameters, Corpus corpus, Provenance provenance) {
        return new Model(plan.network(), parameters, corpus.lexicon(), provenance.facts(state.cursor().round()));
    }

    private Progress.Round report(int epoch, Rounds.Outcome outcome, long started) {
        return new Progress.Round(outcome.number(), epoch, outcome.loss() / Math.max(1, outcome.tokens()), outcome.gradientNorm(),
                outcome.learningRate(), outcome.tokens(), (System.nanoTime() - started) * 1e-9, outcome.training());
    }
}
