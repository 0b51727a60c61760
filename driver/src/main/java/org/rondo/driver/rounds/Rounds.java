package org.rondo.driver.rounds;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Replica;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Replica.Stretch;
import org.rondo.kernels.Shard;
import scala.Function2;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;
import scala.runtime.BoxedUnit;

/** A round on Spark: one job, a task for every shard, their results merged as they arrive. It is a pure function from a
 *  {@link TrainingState} to the next, so whatever Spark does to its tasks (retries, copies, other executors) leaves no trace. */
final class Rounds implements AutoCloseable {
    private final JavaSparkContext sc;
    private final Plan plan;
    private final JavaRDD<Shard> shards;
    private final ReplicaPool.Key key;
    private final long seed;
    private final int warmUp;
    /** Takes the step on the mean gradient; opened for the optimiser's sweep alone. Null where replicas step by themselves. */
    private final Kernel step;

    /** What every replica starts a round from; {@code carried} of all shards travels with the model. */
    private static final class Start implements Serializable {
        private static final long serialVersionUID = 1;
        final float[][] model;
        final float[][] carried;

        Start(float[][] model, float[][] carried) {
            this.model = model;
            this.carried = carried;
        }
    }

    /** What a round made, and what there is to say of it.
     *  @param kernels that ran; more than one where machines differ, and then another cluster may give other bits */
    record Outcome(TrainingState state, double loss, long tokens, double gradientNorm, double learningRate, Set<String> kernels) { }

    Rounds(JavaSparkContext sc, Plan plan, JavaRDD<Shard> shards, Settings settings) {
        this.sc = sc;
        this.plan = plan;
        this.shards = shards;
        this.key = new ReplicaPool.Key(plan, settings.get(Setting.KERNEL));
        this.seed = settings.get(Setting.SEED);
        this.warmUp = settings.get(Setting.WARM_UP);
        this.step = plan.gradientsUntil() != 0 ? Kernel.open(key.kernel(), plan.stepLayout()) : null;
    }

    Outcome next(TrainingState state) {
        boolean gradients = plan.averagesGradients(state.epoch(), state.learningRate());
        Stretch stretch = new Stretch(state.epoch(), state.window(), plan.windows(state), plan.windowsPerEpoch(),
                plan.outer().resetsMoments() && !gradients ? 0 : state.epoch() * plan.windowsPerEpoch() + state.window(), state.learningRate().at(state.round(), warmUp), seed);
        sc.setJobDescription("round " + state.round() + ": train " + plan.shards() + " replicas");
        Averaging averaging = new Averaging(plan.shards());
        Result[] results = new Result[plan.shards()];
        Broadcast<Start> start = sc.broadcast(new Start(Arrays.copyOf(state.model(), gradients ? 1 : 1 + plan.moments()), state.carried()));
        try {
            run(train(start, stretch, gradients), result -> {
                averaging.add(result);
                results[result.shard] = result.withoutVectors();
            });
        } finally {
            start.destroy();
        }
        return outcome(state, stretch, gradients, averaging.mean(), results);
    }

    private Outcome outcome(TrainingState state, Stretch stretch, boolean gradients, float[][] mean, Result[] results) {
        double loss = 0, norm = 0;
        long tokens = 0;
        float[][] carried = new float[results.length][];
        for (Result r : results) {                   // in shard order: sums of doubles depend on it
            if (r.diverged >= 0) throw diverged(state, "shard " + r.shard + ", window " + r.diverged + " of the epoch", r.loss, r.gradientNorm);
            loss += r.loss;
            tokens += r.tokens;
            norm = Math.max(norm, r.gradientNorm);
            carried[r.shard] = r.state;
        }
        float[][] model = gradients ? step(state.model(), mean[0], stretch) : plan.outer().next(state.model(), mean);
        float[] average = Averaging.overRounds(state.average(), model[0], plan.emaDecay(), state.round() + 1);
        if (!Replica.isFinite(average)) throw diverged(state, "the step on the mean of all shards", loss, norm);
        int read = state.window() + stretch.windows();
        boolean last = read == plan.windowsPerEpoch();
        TrainingState next = new TrainingState(state.round() + 1, last ? state.epoch() + 1 : state.epoch(), last ? 0 : read, model, average, carried, state.learningRate(), state.loss() + loss,
                state.tokens() + tokens);
        Set<String> kernels = Arrays.stream(results).map(r -> r.kernel).collect(Collectors.toCollection(TreeSet::new));
        if (step != null) kernels.add(step.description());
        return new Outcome(next, loss, tokens, norm, stretch.learningRate(), kernels);
    }

    /** One exact step of the optimiser on the mean gradient; the outer optimiser's velocity stays. */
    private float[][] step(float[][] model, float[] gradient, Stretch stretch) {
        Block[] blocks = {Block.PARAMETERS, Block.FIRST_MOMENT, Block.SECOND_MOMENT};
        float[][] next = model.clone();
        step.load(Block.GRADIENTS, gradient);
        for (int v = 0; v <= plan.moments(); v++) step.load(blocks[v], model[v]);
        plan.optimizer().step(step, stretch.learningRate(), stretch.steps() + 1);
        for (int v = 0; v <= plan.moments(); v++) step.store(blocks[v], next[v] = new float[gradient.length]);
        return next;
    }

    private Function2<TaskContext, Iterator<Shard>, Result> train(Broadcast<Start> start, Stretch stretch, boolean gradients) {
        ReplicaPool.Key key = this.key;
        return (Function2<TaskContext, Iterator<Shard>, Result> & Serializable) (context, shardOfTask) -> {
            Shard shard = shardOfTask.next();
            if (shardOfTask.hasNext())
                throw new IllegalStateException("partition " + context.partitionId() + " has more than one shard; the plan gives each a partition of its own");
            float[][] model = start.value().model;
            float[] carried = start.value().carried[shard.number];
            Replica replica = ReplicaPool.borrow(key);
            boolean done = false;
            try {
                Result result = gradients ? replica.gradient(model[0], carried, shard, stretch)
                        : replica.train(model, carried, shard, stretch);
                done = true;
                return result;
            } finally {
                if (done) ReplicaPool.giveBack(key, replica);
                else replica.close();
            }
        };
    }

    private void run(Function2<TaskContext, Iterator<Shard>, Result> task, java.util.function.Consumer<Result> each) {
        var partitions = CollectionConverters.asScala(IntStream.range(0, plan.shards()).<Object>mapToObj(i -> i).toList()).toSeq();
        Function2<Object, Result, BoxedUnit> handler = (partition, result) -> {
            each.accept(result);
            return BoxedUnit.UNIT;
        };
        sc.sc().runJob(shards.rdd(), task, partitions, handler, ClassTag.apply(Result.class));
    }

    private BadInput diverged(TrainingState state, String where, double loss, double norm) {
        double clip = plan.optimizer().clipNorm();
        return new BadInput("training has diverged: in round " + state.round() + ", epoch " + (state.epoch() + 1) + ", " + where
                + ", the loss, its gradient or the model is no longer a finite number (loss " + loss + ", gradient norm " + norm
                + "); lower learningRate (now " + state.learningRate().current() + "), " + (clip == 0 ? "set a clipNorm (now 0, no limit)" : "or lower clipNorm (now " + clip + ")")
                + " and start again with --overwrite. The last checkpoint, if there is one, is from before and is kept");
    }

    @Override public void close() {
        if (step != null) step.close();
        ReplicaPool.clear();
        shards.unpersist();
    }
}
