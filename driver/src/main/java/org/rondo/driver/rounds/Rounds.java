package org.rondo.driver.rounds;

import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.kernels.Replica;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Replica.Stretch;
import org.rondo.kernels.Shard;

/** The rounds of a training: what every replica does, and what follows from their mean. A round is a pure function of the state
 *  before it, so whatever Spark does to its tasks (retries, copies, other executors) leaves no trace. The vectors stay with the
 *  executors ({@link Exchange}) until they are asked for. */
final class Rounds implements AutoCloseable {
    private final Plan plan;
    private final Exchange exchange;
    private final ReplicaPool.Key key;
    private final long seed;
    private final int warmUp;
    private final String names;
    private final Consumer<Progress.Averaged> averaged;
    /** Of the last round. */
    private boolean ofGradients;
    private TrainingState.Cursor cursor;
    private Selection selection;

    /** What there is to say of a round.
     *  @param number   of the round, from 0
     *  @param training seconds of the slowest executor's replicas
     *  @param kernels  that ran; more than one where machines differ, and then another cluster may give other bits */
    record Outcome(long number, double loss, long tokens, double gradientNorm, double learningRate, double training, Set<String> kernels) { }

    /** @param names    what the names of their jobs begin with
     *  @param averaged as {@link Progress#averaged} */
    Rounds(JavaSparkContext sc, Plan plan, JavaRDD<Shard> shards, Settings settings, TrainingState state, String names, Consumer<Progress.Averaged> averaged) {
        this.names = names;
        this.averaged = averaged;
        this.plan = plan;
        this.cursor = state.cursor();
        this.selection = state.selection();
        this.exchange = new Exchange(sc, shards, state.start(plan), settings.get(Setting.ROUND_DEADLINE), this::averaged);
        this.key = new ReplicaPool.Key(plan, settings.get(Setting.KERNEL));
        this.seed = settings.get(Setting.SEED);
        this.warmUp = settings.get(Setting.WARM_UP);
    }

    TrainingState.Cursor cursor() {
        return cursor;
    }

    /** Whether there is another round to do. */
    boolean goOn() {
        return cursor.epoch() < plan.epochs() && !(cursor.endsEpoch() && selection.isOver(cursor.epoch()));
    }

    Outcome next() {
        boolean gradients = plan.averagesGradients(cursor.epoch(), cursor.learningRate());
        int steps = plan.outer().resetsMoments() && !gradients ? 0 : cursor.epoch() * plan.windowsPerEpoch() + cursor.window();
        Stretch stretch = new Stretch(cursor.epoch(), cursor.window(), plan.windows(cursor), plan.windowsPerEpoch(), steps, cursor.learningRate().at(cursor.round(), warmUp), seed);
        String name = names + "round " + cursor.round();
        Exchange.Done done = exchange.round(name, name + ": train " + plan.shards() + " replicas", work(key, stretch, gradients), step(key, stretch, gradients, cursor.round()));
        ofGradients = gradients;
        return outcome(done.results(), done.training(), stretch);
    }

    /** Of the last round, before or after the cursor has moved on: the next one is {@code cursor.round()} then, too. */
    private void averaged(double divergence) {
        if (plan.shards() > 1) averaged.accept(new Progress.Averaged(cursor.round() - 1, divergence, ofGradients));
    }

    private Outcome outcome(Result[] results, double training, Stretch stretch) {
        double loss = 0, norm = 0;
        long tokens = 0;
        for (Result r : results) {                   // in shard order: sums of doubles depend on it
            if (r.diverged >= 0) throw diverged("shard " + r.shard + ", window " + r.diverged + " of the epoch", r.loss, r.gradientNorm);
            loss += r.loss;
            tokens += r.tokens;
            norm = Math.max(norm, r.gradientNorm);
        }
        Set<String> kernels = Arrays.stream(results).map(r -> r.kernel).collect(Collectors.toCollection(TreeSet::new));
        Outcome outcome = new Outcome(cursor.round(), loss, tokens, norm, stretch.learningRate(), training, kernels);
        cursor = cursor.after(stretch.windows(), plan.windowsPerEpoch(), loss, tokens);
        return outcome;
    }

    /** All that training is now, fetched from the executors. */
    TrainingState state() {
        TrainingState state = TrainingState.of(cursor, exchange.start(), plan, selection);
        if (!Replica.isFinite(state.average())) throw diverged("the step on the mean of all shards", cursor.loss(), Double.NaN);
        return state;
    }

    /** Starts the next epoch. */
    void nextEpoch(LearningRate learningRate, Selection selection) {
        TrainingState next = state().nextEpoch(plan, learningRate, selection);
        exchange.restart(next.start(plan));
        cursor = next.cursor();
        this.selection = selection;
    }

    private static Exchange.Work work(ReplicaPool.Key key, Stretch stretch, boolean gradients) {
        return (model, carried, shard) -> {
            Replica replica = ReplicaPool.borrow(key);
            boolean done = false;
            try {
                Result result = gradients ? replica.gradient(model[0], carried, shard, stretch) : train(key.plan(), replica, model, carried, shard, stretch);
                done = true;
                return result;
            } finally {
                if (done) ReplicaPool.giveBack(key, replica);
                else replica.close();
            }
        };
    }

    /** A replica's moments come with the model, or, once it has some of its own, with its shard's state; they go with the mean, with the
     *  state, or nowhere. */
    private static Result train(Plan plan, Replica replica, float[][] model, float[] carried, Shard shard, Stretch stretch) {
        int moments = plan.moments(), length = model[0].length, state = plan.stateFloats();
        float[][] start = Arrays.copyOf(model, 1 + moments);
        boolean own = carried.length > state;
        for (int m = 0; own && m < moments; m++) start[1 + m] = Arrays.copyOfRange(carried, state + m * length, state + (m + 1) * length);
        Result result = replica.train(start, own ? Arrays.copyOf(carried, state) : carried, shard, stretch);
        if (plan.outer().averagesMoments()) return result;
        float[] next = plan.keepsMoments() ? Arrays.copyOf(result.state, state + moments * length) : result.state;
        for (int m = 0; plan.keepsMoments() && m < moments; m++) System.arraycopy(result.vectors[1 + m], 0, next, state + m * length, length);
        return result.with(Arrays.copyOf(result.vectors, 1), next);
    }

    /** One exact step of the optimiser on the mean gradient, or the outer optimiser's on the mean of the parameters; then the average
     *  over rounds, if there is one. */
    private static Exchange.Step step(ReplicaPool.Key key, Stretch stretch, boolean gradients, long round) {
        Plan plan = key.plan();
        if (!gradients && plan.outer().isMean() && plan.emaDecay() == 0) return Exchange.MEAN;
        return (before, mean) -> {
            float[][] model = Arrays.copyOf(before.get(), plan.vectors());
            float[][] next = gradients ? ReplicaPool.step(key, model, mean[0], stretch) : plan.outer().next(model, mean);
            if (plan.emaDecay() == 0) return next;
            float[][] withAverage = Arrays.copyOf(next, next.length + 1);
            withAverage[next.length] = Averaging.overRounds(before.get()[next.length], next[0], plan.emaDecay(), round + 1);
            return withAverage;
        };
    }

    private BadInput diverged(String where, double loss, double norm) {
        double clip = plan.optimizer().clipNorm();
        return new BadInput("training has diverged: in round " + cursor.round() + ", epoch " + (cursor.epoch() + 1) + ", " + where
                + ", the loss, its gradient or the model is no longer a finite number (loss " + loss + ", gradient norm " + norm
                + "); lower learningRate (now " + cursor.learningRate().current() + "), " + (clip == 0 ? "set a clipNorm (now 0, no limit)" : "or lower clipNorm (now " + clip + ")")
                + " and start again with --overwrite. The last checkpoint, if there is one, is from before and is kept");
    }

    @Override public void close() {
        exchange.close();
        ReplicaPool.clear();
    }
}
