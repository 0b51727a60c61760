package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.storage.StorageLevel;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Network;
import org.rondo.kernels.Replica;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Replica.Stretch;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Streams;
import org.rondo.kernels.Tensor;

/** Shards without a token, and one ten times as long as another. A corpus is never cut so, but for one token a stream; rounds do not
 *  rely on it. The truth is computed here without Spark, and for what a shard has no text for it has no replica at all: where
 *  the text ends so does its stretch, and in a round that it has no part in its vectors are NaN, of weight 0. */
class UnequalShardsTest {
    private static final int BATCH = 2, SEQ_LEN = 4, VOCAB = 11;
    /** Windows between two averagings of parameters. */
    private static final int K = 4;
    /** Targets of a stream: 6 are a window and a half, so that the text ends within a window and within a round; -1: no token at all. */
    private static final List<int[]> LENGTHS = List.of(new int[] {-1, 6, 60}, new int[] {60, 6, -1}, new int[] {-1, -1, 6, 60}, new int[] {6, 60, 0, -1, 6}, new int[] {60, 61});

    @ParameterizedTest @CsvSource({"gradients, sgd, 0, mean, average", "gradients, sgd, 0.9, mean, average", "gradients, adam, 0, mean, average",
            "parameters, sgd, 0.9, mean, average", "parameters, sgd, 0.9, bmuf, reset", "parameters, adam, 0, mean, average", "parameters, adam, 0, bmuf, average",
            "parameters, adamw, 0, diloco, reset"})
    void whatHasNoTextLeavesNoTrace(String averaging, String optimizer, String momentum, String outer, String innerState) {
        try (JavaSparkContext sc = new JavaSparkContext(TrainerTest.conf("local[2]"))) {
            for (int[] lengths : LENGTHS) {
                Settings settings = settings(lengths.length, averaging).with(Setting.OPTIMIZER, optimizer).with(Setting.MOMENTUM, momentum)
                        .with(Setting.OUTER_OPTIMIZER, outer).with(Setting.INNER_STATE, innerState);
                Streams[] shards = shards(0, lengths);
                agrees(sc, settings, shards, TrainingState.initial(plan(settings, shards), new Origin(Optional.empty(), settings).parameters(plan(settings, shards).network(), null), LearningRate.start(settings, false), Selection.LAST), Arrays.toString(lengths));
            }
        }
    }

    /** A model whose state the text keeps at zero, and token 0, which the text has not, doubles: 2^200 is no float. */
    @ParameterizedTest @ValueSource(strings = {"gradients", "parameters"})
    void noTokenIsReadAfterTheText(String averaging) {
        Streams[] shards = shards(1, -1, 2 * SEQ_LEN, SEQ_LEN * 52);
        Settings settings = settings(shards.length, averaging).with(Setting.CELL, "relu").with(Setting.LAYERS, 1).with(Setting.DROPOUT, "0").with(Setting.OPTIMIZER, "sgd")
                .with(Setting.LEARNING_RATE, "1e-9").with(Setting.EPOCHS, 1);
        Plan plan = plan(settings, shards);
        TrainingState state = TrainingState.initial(plan, new Origin(Optional.empty(), settings).parameters(plan.network(), null), LearningRate.start(settings, false), Selection.LAST);
        Network network = plan.network();
        set(state, network.tensor("embedding.weight"), i -> i < network.embedding() ? 1 : -1);
        set(state, network.tensor("weight_ih_l0"), i -> 1);
        set(state, network.tensor("weight_hh_l0"), i -> i / network.hidden() == i % network.hidden() ? 2 : 0);
        set(state, network.tensor("bias_l0"), i -> 0);
        try (JavaSparkContext sc = new JavaSparkContext(TrainerTest.conf("local[2]"))) {
            agrees(sc, settings, shards, state, averaging);
        }
    }

    private static void set(TrainingState state, Tensor tensor, IntFunction<Integer> value) {
        for (int i = 0; i < tensor.size(); i++) state.model()[0][tensor.offset() + i] = value.apply(i);
    }

    /** Bit for bit after every round. In a second epoch all shards start again, with the moments of the first. */
    private static void agrees(JavaSparkContext sc, Settings settings, Streams[] shards, TrainingState state, String where) {
        Plan plan = plan(settings, shards);
        ByHand truth = new ByHand(plan, settings, shards, state);
        long[] tokens = new long[plan.epochs()];
        try (Rounds rounds = new Rounds(sc, plan, rdd(sc, shards), settings, state, "", averaged -> { })) {
            while (rounds.cursor().epoch() < plan.epochs()) {
                int epoch = rounds.cursor().epoch();
                Rounds.Outcome outcome = rounds.next();
                String round = where + ", round " + outcome.number();
                truth.next(epoch, plan.averagesGradients() ? 1 : Math.min(K, plan.windowsPerEpoch() - truth.window));
                assertEquals(truth.loss, outcome.loss(), round);
                assertEquals(truth.tokens, outcome.tokens(), round);
                tokens[epoch] += outcome.tokens();
                TrainingState after = rounds.state();
                for (int v = 0; v < truth.model.length; v++) assertArrayEquals(truth.model[v], after.model()[v], round + ", vector " + v);
                for (int s = 0; s < shards.length; s++)
                    if (truth.readsOn(s)) assertArrayEquals(truth.carried[s], after.carried()[s], round + ", state of shard " + s);
                if (rounds.cursor().endsEpoch()) {
                    rounds.nextEpoch(state.cursor().learningRate(), Selection.LAST);
                    truth.window = 0;
                }
            }
        }
        long all = Arrays.stream(shards).mapToLong(Streams::targets).sum();
        assertArrayEquals(LongStream.range(0, plan.epochs()).map(epoch -> all).toArray(), tokens, where + ": every target once an epoch");
    }

    private static final class ByHand {
        final Plan plan;
        final Settings settings;
        final Streams[] shards;
        float[][] model, carried;
        int window;
        double loss;
        long tokens;

        ByHand(Plan plan, Settings settings, Streams[] shards, TrainingState start) {
            this.plan = plan;
            this.settings = settings;
            this.shards = shards;
            this.model = start.model();
            this.carried = start.carried().clone();
        }

        /** Whether a shard has text after what was read. */
        boolean readsOn(int s) {
            return shards[s].window(window, SEQ_LEN).tokens() > 0;
        }

        void next(int epoch, int windows) {
            boolean gradients = plan.averagesGradients();
            int replicas = gradients ? 1 : 1 + plan.moments(), steps = plan.outer().resetsMoments() ? 0 : epoch * plan.windowsPerEpoch() + window;
            Averaging averaging = new Averaging(shards.length);
            loss = tokens = 0;
            for (int s = 0; s < shards.length; s++) {
                Streams shard = shards[s];
                int some = (int) IntStream.range(window, window + windows).filter(w -> shard.window(w, SEQ_LEN).tokens() > 0).count();
                if (some == 0) {
                    float[][] none = new float[replicas][model[0].length];
                    for (float[] vector : none) Arrays.fill(vector, Float.NaN);
                    averaging.add(new Result(s, none, null, 0, 0, 0, -1, ""));
                    continue;
                }
                Stretch stretch = stretch(epoch, some, steps);
                try (Replica replica = new Replica(Kernel.open("auto", plan.layout()), plan.dropout(), plan.optimizer())) {
                    Result result = gradients ? replica.gradient(model[0], carried[s], shard, stretch) : replica.train(Arrays.copyOf(model, replicas), carried[s], shard, stretch);
                    averaging.add(result);
                    carried[s] = result.state;
                    loss += result.loss;
                    tokens += result.tokens;
                }
            }
            model = gradients ? step(averaging.mean()[0], stretch(epoch, windows, steps)) : plan.outer().next(model, Arrays.copyOf(averaging.mean(), plan.outer().averagesMoments() ? 1 + plan.moments() : 1));
            window += windows;
        }

        private Stretch stretch(int epoch, int windows, int steps) {
            return new Stretch(epoch, window, windows, plan.windowsPerEpoch(), steps, settings.get(Setting.LEARNING_RATE), settings.get(Setting.SEED));
        }

        private float[][] step(float[] gradient, Stretch stretch) {
            float[][] next = new float[model.length][gradient.length];
            try (Kernel kernel = Kernel.open("auto", plan.stepLayout())) {
                kernel.load(Block.GRADIENTS, gradient);
                for (int v = 0; v < model.length; v++) kernel.load(Replica.BLOCKS.get(v), model[v]);
                plan.optimizer().step(kernel, stretch.learningRate(), stretch.steps() + 1);
                for (int v = 0; v < model.length; v++) kernel.store(Replica.BLOCKS.get(v), next[v]);
            }
            return next;
        }
    }

    /** That of a corpus in which all shards are as long as the longest here. */
    private static Plan plan(Settings settings, Streams[] shards) {
        long longest = Arrays.stream(shards).mapToLong(Streams::targets).max().orElseThrow();
        Plan plan = PlanTest.plan(settings, VOCAB, shards.length * longest + 1);
        assertTrue(Arrays.stream(shards).anyMatch(shard -> shard.window(plan.windowsPerEpoch() - 1, SEQ_LEN).tokens() > 0));
        assertTrue(Arrays.stream(shards).allMatch(shard -> shard.window(plan.windowsPerEpoch(), SEQ_LEN).tokens() == 0));
        return plan;
    }

    private static Settings settings(int shards, String averaging) {
        return Settings.of(Map.of("shards", "" + shards, "batch", "" + BATCH, "seqLen", "" + SEQ_LEN, "hidden", "7", "layers", "2", "embedding", "5",
                "dropout", "0.3", "epochs", "2", "averaging", averaging, "windowsPerRound", "" + K)).with(Setting.LEARNING_RATE, "0.05");
    }

    /** @param first token id that there is */
    private static Streams[] shards(int first, int... lengths) {
        return IntStream.range(0, lengths.length).mapToObj(s -> {
            SplittableRandom random = new SplittableRandom(s);
            int[][] streams = new int[BATCH][lengths[s] + 1];
            for (int[] stream : streams) Arrays.setAll(stream, i -> random.nextInt(first, VOCAB));
            return new Streams(s, streams);
        }).toArray(Streams[]::new);
    }

    private static JavaRDD<Shard> rdd(JavaSparkContext sc, Streams[] shards) {
        return sc.parallelize(List.<Shard>of(shards), shards.length).persist(StorageLevel.MEMORY_AND_DISK());
    }
}
