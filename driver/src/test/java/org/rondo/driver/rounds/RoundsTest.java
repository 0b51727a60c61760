package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Replica;
import org.rondo.kernels.Replica.Result;
import org.rondo.kernels.Replica.Stretch;
import org.rondo.kernels.Shard;

/** Shards as no corpus cuts them: one is empty, one ten times as long as another. What comes out is what replicas make one after the
 *  other, and their weighted mean, taken here without Spark. */
class RoundsTest {
    private static final int BATCH = 2, SEQ_LEN = 10, VOCAB = 9, WINDOWS = 30, EPOCHS = 2;
    private static final int[] TOKENS = {0, 30, 300};

    @ParameterizedTest @CsvSource({"parameters, sgd, mean", "parameters, adam, mean", "parameters, adam, bmuf", "gradients, adam, mean"})
    void shardsOfAnyLengthCountByTheirTokens(String averaging, String optimizer, String outer) throws TimeoutException {
        Settings settings = PlanTest.SETTINGS.with(Setting.SHARDS, TOKENS.length).with(Setting.BATCH, BATCH).with(Setting.SEQ_LEN, SEQ_LEN).with(Setting.EPOCHS, EPOCHS)
                .with(Setting.AVERAGING, averaging).with(Setting.OPTIMIZER, optimizer).with(Setting.OUTER_OPTIMIZER, outer).with(Setting.LEARNING_RATE, 0.05);
        Plan plan = Plan.of(settings, VOCAB, (long) TOKENS.length * BATCH * WINDOWS * SEQ_LEN);
        assertEquals(WINDOWS, plan.windowsPerEpoch());
        LearningRate rate = LearningRate.start(settings, false);
        TrainingState state = TrainingState.initial(plan, settings, rate), expected = state;
        try (JavaSparkContext sc = new JavaSparkContext(TrainerTest.conf("local[2]"))) {
            Set<String> jobs = ConcurrentHashMap.newKeySet();
            sc.sc().addSparkListener(new SparkListener() {
                @Override public void onJobStart(SparkListenerJobStart start) {
                    jobs.add(start.properties().getProperty("spark.job.description"));
                }
            });
            JavaRDD<Shard> shards = sc.parallelize(IntStream.range(0, TOKENS.length).mapToObj(RoundsTest::shard).toList(), TOKENS.length);
            try (Rounds rounds = new Rounds(sc, plan, shards, settings, state)) {
                while (rounds.cursor().epoch() < EPOCHS) {
                    int before = rounds.cursor().epoch() * WINDOWS + rounds.cursor().window();
                    Rounds.Outcome outcome = rounds.next();
                    int after = rounds.cursor().epoch() * WINDOWS + rounds.cursor().window();
                    expected = byHand(plan, settings, expected, new Stretch(before / WINDOWS, before % WINDOWS, after - before, WINDOWS, 0.05, settings.get(Setting.SEED)), outcome);
                    if (rounds.cursor().endsEpoch()) rounds.nextEpoch(rate);
                }
                assertArrayEquals(expected.model(), rounds.state().model());
                assertArrayEquals(expected.carried(), rounds.state().carried());
                assertTrue(Replica.isFinite(expected.model()[0]));
                sc.sc().listenerBus().waitUntilEmpty();
                for (long round = 0; round < rounds.cursor().round(); round++) assertTrue(jobs.contains("round " + round + ": train 3 replicas"), jobs.toString());
            }
        }
    }

    private static TrainingState byHand(Plan plan, Settings settings, TrainingState state, Stretch stretch, Rounds.Outcome outcome) {
        boolean gradients = plan.averagesGradients();
        Averaging averaging = new Averaging(TOKENS.length);
        float[][] carried = new float[TOKENS.length][];
        long tokens = 0;
        for (int s = 0; s < TOKENS.length; s++)
            try (Replica replica = new Replica(Kernel.open(settings.get(Setting.KERNEL), plan.layout()), plan.dropout(), plan.optimizer())) {
                Result result = gradients ? replica.gradient(state.model()[0], state.carried()[s], shard(s), stretch)
                        : replica.train(Arrays.copyOf(state.model(), 1 + plan.moments()), state.carried()[s], shard(s), stretch);
                long inside = IntStream.range(stretch.first() * SEQ_LEN, (stretch.first() + stretch.windows()) * SEQ_LEN).filter(at -> at + 1 < TOKENS[result.shard]).count();
                assertEquals(BATCH * inside, result.tokens);
                if (s == 0 && !gradients) assertArrayEquals(state.model()[0], result.vectors[0], "an empty shard takes no step");
                averaging.add(result);
                carried[s] = result.state;
                tokens += result.tokens;
            }
        assertEquals(tokens, outcome.tokens());
        float[][] next = gradients ? step(plan, settings, state.model(), averaging.mean()[0], stretch) : plan.outer().next(state.model(), averaging.mean());
        return new TrainingState(state.cursor(), next, next[0], carried);
    }

    private static float[][] step(Plan plan, Settings settings, float[][] model, float[] gradient, Stretch stretch) {
        try (Kernel kernel = Kernel.open(settings.get(Setting.KERNEL), Layout.forTraining(plan.network(), 1, 1, false, plan.moments()))) {
            kernel.load(Block.GRADIENTS, gradient);
            float[][] next = new float[model.length][gradient.length];
            List<Block> blocks = Replica.BLOCKS.subList(0, model.length);
            for (int v = 0; v < model.length; v++) kernel.load(blocks.get(v), model[v]);
            plan.optimizer().step(kernel, stretch.learningRate(), stretch.steps() + 1);
            for (int v = 0; v < model.length; v++) kernel.store(blocks.get(v), next[v]);
            return next;
        }
    }

    private static Shard shard(int number) {
        SplittableRandom random = new SplittableRandom(number);
        int[][] streams = new int[BATCH][TOKENS[number]];
        for (int[] stream : streams) for (int t = 0; t < stream.length; t++) stream[t] = random.nextInt(VOCAB);
        return new Shard(number, streams);
    }
}
