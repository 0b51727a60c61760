package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Shards;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;

class PlanTest {
    static final Settings SETTINGS = Settings.of(Map.of("shards", "4", "batch", "8", "seqLen", "25", "epochs", "3",
            "averaging", "parameters", "windowsPerRound", "7", "hidden", "10", "layers", "1", "embedding", "6"));

    /** Of a language model. */
    static Plan plan(Settings settings, int vocab, long tokens) {
        Network network = new Network(vocab, settings.get(Setting.EMBEDDING), Cell.of(settings.get(Setting.CELL), settings.get(Setting.CANDIDATE_ACTIVATION)),
                settings.get(Setting.HIDDEN), settings.get(Setting.LAYERS), false, new Head(true, Loss.SOFTMAX, vocab), settings.get(Setting.TIED));
        return Plan.of(settings, network, Shards.ofStreams(null, settings, tokens));
    }

    @Test void countsAreAsWorkedByHand() {
        Plan plan = plan(SETTINGS, 20, 32_001);
        // 32 streams of 1000 targets, 40 windows of 25, rounds of 7 7 7 7 7 5
        assertEquals(40, plan.windowsPerEpoch());
        assertEquals(6, plan.roundsPerEpoch());
        assertEquals(OptionalLong.of(18), plan.rounds());
        // embedding 20*6, LSTM 40*(6+10+1), output 20*11
        assertEquals(120 + 680 + 220, plan.network().parameterCount());
        // Adam: parameters and two moments to each replica; h and c of 8 streams of 10 units carried by each shard
        assertEquals(3 * 1020, plan.averagedFloats());
        assertEquals(4 * 8 * 20, plan.carriedFloats());
        assertEquals(4 * (2 * 3060 + 640), plan.bytesPerRound(2, 1));
        assertEquals(0, plan.bytesPerRound(1, 4));
        // 4 groups: two of the first executor are siblings, and so one mean; of three executors the last has two groups, siblings too
        assertEquals(4 * (2 * 3060 + 640), plan.bytesPerRound(2, 2));
        assertEquals(4 * 2 * (3 * 3060 + 640), plan.bytesPerRound(3, 2));
        // six groups: 0-1 and 2, 3 and 4-5
        assertEquals(4 * (4 * 3060 + 6 * 160), plan(SETTINGS.with(Setting.SHARDS, 6), 20, 48_001).bytesPerRound(2, 3));
        assertEquals(List.of(7, 7, 7, 7, 7, 5), List.of(0, 7, 14, 21, 28, 35).stream().map(window -> plan.windows(state(1, window, false))).toList());
    }

    /** Adam's two moments: averaged, a part of every shard's state, or nowhere. */
    @Test void momentsTravelAsTheInnerStateSays() {
        Plan keep = plan(SETTINGS.with(Setting.INNER_STATE, "keep"), 20, 32_001), reset = plan(SETTINGS.with(Setting.INNER_STATE, "reset"), 20, 32_001);
        assertEquals(1020, keep.averagedFloats());
        assertEquals(4 * (8 * 20 + 2 * 1020), keep.carriedFloats());
        assertEquals(1020, reset.averagedFloats());
        assertEquals(4 * 8 * 20, reset.carriedFloats());
    }

    /** One target more than 32 streams of 1000: one stream has 1001, and a window with a single target in it. */
    @Test void windowsAreThoseOfTheLongestShard() {
        Plan plan = plan(SETTINGS, 20, 32_002);
        assertEquals(41, plan.windowsPerEpoch());
        assertEquals(6, plan.windows(state(0, 35, false)));
    }

    @Test void gradientsAreAveragedEveryWindow() {
        Plan plan = plan(SETTINGS.with(Setting.AVERAGING, "gradients"), 20, 32_001);
        assertEquals(40, plan.roundsPerEpoch());
        assertEquals(OptionalLong.of(120), plan.rounds());
        assertEquals(1, plan.windows(state(1_000_000, 35, true)));
        assertEquals(1020, plan.averagedFloats());
    }

    @Test void aFirstPhaseAveragesGradients() {
        Plan plan = plan(SETTINGS.with(Setting.GRADIENTS_UNTIL, "2"), 20, 32_001);
        assertEquals(OptionalLong.of(2 * 40 + 6), plan.rounds());
        assertEquals(1, plan.windows(state(1, 7, true)));
        assertEquals(7, plan.windows(state(2, 7, false)));
        assertEquals(3 * 1020, plan.averagedFloats());
        assertTrue(plan.memoryOverhead(1) > plan(SETTINGS, 20, 32_001).memoryOverhead(1), "the executors step");
        // an epoch fewer than the first phase has
        assertEquals(OptionalLong.of(40), plan(SETTINGS.with(Setting.GRADIENTS_UNTIL, "2").with(Setting.EPOCHS, 1), 20, 32_001).rounds());
    }

    @Test void theFirstPhaseMayLastUntilTheLearningRateDecays() {
        Plan plan = plan(SETTINGS.with(Setting.GRADIENTS_UNTIL, "decay").with(Setting.DECAY, "plateau"), 20, 32_001);
        assertEquals(OptionalLong.empty(), plan.rounds());
        assertEquals(1, plan.windows(state(2, 7, false)));
        assertEquals(7, plan.windows(state(1, 7, true)));
    }

    @Test void aFirstPhaseOfWhatThereIsNotIsRefused() {
        for (Settings settings : List.of(SETTINGS.with(Setting.GRADIENTS_UNTIL, "decay"), SETTINGS.with(Setting.GRADIENTS_UNTIL, "2").with(Setting.AVERAGING, "gradients"))) {
            String message = assertThrows(BadInput.class, () -> plan(settings, 20, 32_001)).getMessage();
            assertTrue(message.startsWith("gradientsUntil is "), message);
        }
    }

    private static TrainingState.Cursor state(int epoch, int window, boolean decayed) {
        return new TrainingState.Cursor(0, epoch, window, new LearningRate(1, 1, 0, decayed), 0, 0);
    }

    /** The velocity, kept, fetched and arriving, as Nesterov's momentum has one; the plain mean has none. */
    @Test void anOuterOptimiserTakesRoomInTheDriverAndNoneBesideTheHeap() {
        Plan mean = plan(SETTINGS.with(Setting.OUTER_OPTIMIZER, "mean"), 20, 32_001), momentum = plan(SETTINGS, 20, 32_001);
        assertEquals(mean.driverHeap() + 3 * 4 * 1020, momentum.driverHeap());
        assertEquals(mean.bytesPerRound(2, 1), momentum.bytesPerRound(2, 1));
        assertEquals(mean.bytesPerTask(), momentum.bytesPerTask());
    }

    /** The average, kept, fetched and arriving; replicas see nothing of it. */
    @Test void anAverageOverRoundsTakesRoomInTheDriverAndNoneBesideTheHeap() {
        Plan plan = plan(SETTINGS, 20, 32_001), averaged = plan(SETTINGS.with(Setting.EMA_DECAY, "0.9"), 20, 32_001);
        assertEquals(plan.driverHeap() + 3 * 4 * 1020, averaged.driverHeap());
        assertEquals(plan.bytesPerRound(2, 1), averaged.bytesPerRound(2, 1));
        assertEquals(plan.bytesPerTask(), averaged.bytesPerTask());
    }

    /** Of the words {@code <unk> <eos> a b}: vectors 4*2, LSTM 12*(2+3+1), softmax 4*(3+1). The state of 2 streams is h and c of 3 units. The file has a vector
     *  of a, and a mean for what is unknown. All thrice; what is kept once. */
    @Test void theDriverKeepsTheBestEpochPretrainedVectorsAndTheModelToGoOnFrom(@TempDir Path dir) throws IOException {
        Path text = Files.writeString(dir.resolve("text"), "a b a b a b a b\n".repeat(20)), vectors = Files.writeString(dir.resolve("vectors.txt"), "a 1 2\nc 3 4\n");
        Settings plain = Settings.of(Map.of("input", text.toString(), "unit", "word", "embedding", "2", "hidden", "3", "layers", "1", "batch", "2", "seqLen", "5", "optimizer", "sgd"));
        long state = 3 * (8 + 72 + 16 + 2 * 6);
        try (JavaSparkContext sc = new JavaSparkContext(TrainerTest.conf("local[1]"))) {
            assertEquals(4 * state, ofData(sc, plain));
            assertEquals(4 * (state + 96), ofData(sc, plain.with(Setting.STOP_AFTER, 2)));
            assertEquals(4 * (state + 96), ofData(sc, plain.with(Setting.METRIC, "perplexity")));
            assertEquals(4 * (state + 4), ofData(sc, plain.with(Setting.VECTORS, vectors)));
            new Trainer(sc, plain.with(Setting.OUTPUT, dir.resolve("model")).with(Setting.EPOCHS, 1), new Silent()).train();
            Path more = Files.writeString(dir.resolve("more"), "a b c a b c a b c\n".repeat(20));         // and c: 2 and 3 + 1 more, in a network that the model says
            Settings next = Settings.of(Map.of("input", more.toString(), "batch", "2", "seqLen", "5", "optimizer", "sgd", "warmStart", dir.resolve("model").toString()));
            assertEquals(4 * (3 * (96 + 6 + 2 * 6) + 96), ofData(sc, next));
            Path tagged = Files.writeString(dir.resolve("tagged.conll"), "a X\nb Y\n\n".repeat(20));      // <unk> a b; 2 labels, and a CRF's 2*2 and twice 2
            Settings tagging = plain.with(Setting.TASK, "tagging").with(Setting.INPUT, tagged).with(Setting.CHARACTER_HIDDEN, 0).with(Setting.DIRECTIONS, "forward");
            long parameters = 3 * 2 + 72 + 2 * (3 + 1) + 8;
            assertEquals(4 * (3 * parameters + parameters), ofData(sc, tagging));
            assertEquals(4 * 3 * parameters, ofData(sc, tagging.with(Setting.VALIDATION, "0")), "nothing tells which is best");
        }
    }

    /** Bytes of the driver's heap beside what Spark itself takes. */
    private static long ofData(JavaSparkContext sc, Settings settings) {
        Origin origin = Origin.of(settings, sc.hadoopConfiguration());
        try (Corpus corpus = Corpus.read(sc, origin.settings(), origin.lexicon(), note -> { });
                Shards shards = corpus.training().shards(Plan.network(origin.settings(), corpus.lexicon()), corpus.lexicon(), origin.settings())) {
            return Plan.of(origin, corpus, shards).driverHeap() - (512 << 20);
        }
    }

    @Test void moreWindowsThanCanBeCountedAreRefused() {
        Settings settings = SETTINGS.with(Setting.EPOCHS, 1_000_000);
        String message = assertThrows(BadInput.class, () -> plan(settings, 20, 2_000_000_001L)).getMessage();
        assertTrue(message.contains("lower epochs"), message);
    }

    @Test void oneTokenTooFewIsSaidSo() {
        assertEquals(1, plan(SETTINGS, 20, 801).windowsPerEpoch());
        String message = assertThrows(BadInput.class, () -> plan(SETTINGS, 20, 800)).getMessage();
        assertTrue(message.contains("800 tokens, expected at least 801"), message);
    }
}
