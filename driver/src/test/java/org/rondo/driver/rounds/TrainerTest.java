package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Registrator;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.scoring.Evaluation;

/** The invariants of training, on real local Spark: the model is a function of data, plan and seed. */
class TrainerTest {
    private static final CountDownLatch TAKEN = new CountDownLatch(2);
    @TempDir Path dir;
    private Path text;

    /** A text with some order in it: words drawn from a small set, 60 characters a line. */
    @BeforeEach void writeText() throws IOException {
        SplittableRandom random = new SplittableRandom(3);
        String[] words = {"round", "shard", "gate", "cell", "the", "of", "window", "and"};
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < 700; i++) out.append(words[random.nextInt(words.length)]).append(i % 10 == 9 ? '\n' : ' ');
        text = Files.writeString(dir.resolve("text.txt"), out);
    }

    @ParameterizedTest @ValueSource(strings = {"gradients", "parameters"})
    void sameBitsOnOneTwoAndFourCores(String averaging) throws IOException {
        byte[] one = train("local[1]", "one", "averaging", averaging);
        assertArrayEquals(one, train("local[2]", "two", "averaging", averaging));
        assertArrayEquals(one, train("local[4]", "four", "averaging", averaging));
        assertFalse(Arrays.equals(one, train("local[2]", "other seed", "averaging", averaging, "seed", "2")));
    }

    /** Files without a byte, one ten times as long as another, and a line that leaves two splits without any. Windows of 17 leave one that
     *  has text for one shard only. */
    @ParameterizedTest @ValueSource(strings = {"gradients", "parameters"})
    void theFilesOfTheTextLeaveNoTrace(String averaging) throws IOException {
        List<String> lines = new ArrayList<>(Files.readAllLines(text));
        lines.set(30, String.join(" ", lines.subList(0, 16)));
        Files.write(text, lines);
        String[] all = {"averaging", averaging, "epochs", "2", "seqLen", "17"};
        byte[] one = train("local[2]", "one", all);
        Path folder = Files.createDirectory(dir.resolve("folder"));
        int[] sizes = {0, 4, 40, 0, 4, lines.size() - 48, 0};
        for (int f = 0, n = 0; f < sizes.length; n += sizes[f++]) Files.write(folder.resolve("" + f), lines.subList(n, n + sizes[f]));
        text = folder;
        assertArrayEquals(one, train("local[2]", "many", all));
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[3]").set("spark.hadoop.mapreduce.input.fileinputformat.split.maxsize", "301"))) {
            new Trainer(sc, settings("small splits", all), new Silent()).train();
        }
        assertArrayEquals(one, bytes("small splits"));
    }

    /** A task of two cores has kernels of two threads, until training ends. */
    @ParameterizedTest @ValueSource(strings = {"gradients", "parameters"})
    void sameBitsWithTwoCoresForATask(String averaging) throws IOException {
        String[] all = {"averaging", averaging, "optimizer", "adam", "learningRate", "0.5", "dropout", "0.2", "epochs", "2"};
        byte[] one = train("local[1]", "one", all);
        List<Long> threads = new ArrayList<>();
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]").set("spark.task.cpus", "2"))) {
            new Trainer(sc, settings("two", all), new Silent() {
                @Override public void round(Round round) {
                    threads.add(kernelThreads());
                }
            }).train();
        }
        assertArrayEquals(one, bytes("two"));
        assertEquals(epochs("one"), epochs("two"));
        assertTrue(threads.stream().allMatch(count -> count > 0), threads.toString());
        assertEquals(0, kernelThreads());
    }

    static long kernelThreads() {
        return Thread.getAllStackTraces().keySet().stream().filter(t -> t.getName().startsWith("rondo-kernel-")).count();
    }

    @ParameterizedTest @ValueSource(strings = {"org.apache.spark.serializer.KryoSerializer", "org.apache.spark.serializer.JavaSerializer"})
    void theSerializerLeavesNoTrace(String serializer) throws IOException {
        byte[] expected = train("local[2]", "plain", "epochs", "1");
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]").set("spark.serializer", serializer)
                .set("spark.kryo.registrationRequired", "true").set("spark.kryo.registrator", Registrator.class.getName()))) {
            new Trainer(sc, settings("other", "epochs", "1"), new Silent()).train();
        }
        assertArrayEquals(expected, bytes("other"));
    }

    /** All that a checkpoint has to hold is in use: both moments, the outer optimiser's velocity, the average over rounds, dropout's
     *  window numbers, and a learning rate that has decayed. */
    @ParameterizedTest @CsvSource({"gradients, auto, average", "parameters, mean, average", "parameters, bmuf, reset", "parameters, diloco, average", "parameters, bmuf, keep"})
    void aTrainingThatIsStoppedGoesOnToTheSameBits(String averaging, String outer, String innerState) throws IOException {
        String[] all = {"averaging", averaging, "outerOptimizer", outer, "innerState", innerState, "optimizer", "adam", "learningRate", "0.5", "dropout", "0.2", "decay", "epoch",
                "decayFactor", "0.3", "epochs", "4", "emaDecay", "0.9"};
        byte[] undisturbed = train("local[2]", "whole", all);
        List<String> heard = new ArrayList<>();
        Set<Double> rates = new TreeSet<>();
        for (long stop : new long[] {0, 3, 4, 9, averaging.equals("gradients") ? 120 : 33}) {
            try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
                Settings settings = settings("stopped", all);
                assertThrows(Stop.class, () -> new Trainer(sc, settings, new Silent() {
                    @Override public void round(Round round) {
                        rates.add(round.learningRate());
                        if (round.number() >= stop) throw new Stop();
                    }

                    @Override public void note(String message) {
                        heard.add(message);
                    }
                }).train());
            }
        }
        assertArrayEquals(undisturbed, train("local[2]", "stopped", all));
        assertTrue(heard.stream().anyMatch(note -> note.startsWith("resuming")), heard.toString());
        assertEquals(epochs("whole"), epochs("stopped"));
        assertTrue(rates.size() > 1, "the learning rate never decayed before a stop: " + rates);
    }

    /** Steps too small to change a weight: validation stays as it is after the first epoch, and the rate halves after every second
     *  that brings nothing. Stopped in the epochs 3, when one was waited for, and 5. */
    @Test void aPlateauIsWaitedForOverAResume() {
        List<Double> rates = new ArrayList<>();
        for (int stop : new int[] {3, 5, 1000}) {
            try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
                Trainer trainer = new Trainer(sc, settings("plateau", "averaging", "parameters", "windowsPerRound", "1000", "learningRate", "1", "clipNorm", "1e-12",
                        "decay", "plateau", "decayAfter", "1", "epochs", "7"), new Silent() {
                    @Override public void round(Round round) {
                        if (round.epoch() == stop) throw new Stop();
                        rates.add(round.learningRate());
                    }
                });
                if (stop == 1000) trainer.train();
                else assertThrows(Stop.class, trainer::train);
            }
        }
        assertEquals(List.of(1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25), rates);
    }

    @ParameterizedTest @CsvSource({"rnn, sgd, 0", "relu, sgd, 0.9", "peephole, adam, 0", "lstm, adamw, 0"})
    void everyCellAndOptimiserTrainsAndResumes(String cell, String optimizer, String momentum) throws IOException {
        String[] all = {"cell", cell, "optimizer", optimizer, "momentum", momentum, "nesterov", momentum.equals("0") ? "false" : "true", "learningRate", "0.01",
                "weightDecay", optimizer.equals("adamw") ? "0.01" : "0", "embedding", "12", "tied", "true", "dropout", "0.1", "dropoutMask", "window",
                "averaging", "parameters", "decay", "cosine", "warmUp", "5", "forgetBias", "1"};
        byte[] undisturbed = train("local[2]", "whole", all);
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
            assertThrows(Stop.class, () -> new Trainer(sc, settings("stopped", all), new Silent() {
                @Override public void round(Round round) {
                    if (round.number() == 9) throw new Stop();
                }
            }).train());
        }
        assertArrayEquals(undisturbed, train("local[1]", "stopped", all));
        assertTrue(epochs("whole").contains("trainingLoss"));
    }

    /** What was measured leaves no trace but the number, which goes with the training: whoever sets it has the same model. */
    @Test void windowsPerRoundAreMeasuredOnceAndKept() throws IOException {
        String[] auto = {"averaging", "parameters", "windowsPerRound", "auto", "epochs", "3"};
        List<String> heard = new ArrayList<>();
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
            assertThrows(Stop.class, () -> new Trainer(sc, settings("auto", auto), new Silent() {
                @Override public void round(Round round) {
                    throw new Stop();
                }

                @Override public void note(String message) {
                    heard.add(message);
                }
            }).train());
        }
        assertEquals(1, heard.stream().filter(note -> note.matches("windowsPerRound \\d+: a window of all shards takes .*")).count(), heard.toString());
        heard.clear();
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[1]"))) {
            new Trainer(sc, settings("auto", auto), new Silent() {
                @Override public void note(String message) {
                    heard.add(message);
                }
            }).train();
            String windows = Model.load(dir.resolve("auto").toString(), sc.hadoopConfiguration()).provenance().get("windowsPerRound").asText();
            assertTrue(heard.contains("windowsPerRound " + windows + ", as measured when this training began"), heard.toString());
            new Trainer(sc, settings("set", "averaging", "parameters", "windowsPerRound", windows, "epochs", "3"), new Silent()).train();
        }
        assertArrayEquals(bytes("set"), bytes("auto"));
    }

    /** With this learning rate round 0 ends in NaN; what is measured before it must not. */
    @Test void measuringDoesNotDiverge() {
        List<String> heard = new ArrayList<>();
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[1]"))) {
            Settings settings = settings("wild", "averaging", "parameters", "windowsPerRound", "auto", "learningRate", "1e30", "clipNorm", "0");
            String message = assertThrows(BadInput.class, () -> new Trainer(sc, settings, new Silent() {
                @Override public void note(String message) {
                    heard.add(message);
                }
            }).train()).getMessage();
            assertTrue(message.startsWith("training has diverged: in round 0"), message);
        }
        assertTrue(heard.stream().anyMatch(note -> note.contains("a window of all shards takes")), heard.toString());
    }

    @Test void theOuterOptimiserIsBlockMomentumUnlessToldOtherwise() throws IOException {
        byte[] auto = train("local[2]", "auto", "averaging", "parameters");
        assertArrayEquals(auto, train("local[2]", "bmuf", "averaging", "parameters", "outerOptimizer", "bmuf"));
        assertFalse(Arrays.equals(auto, train("local[2]", "mean", "averaging", "parameters", "outerOptimizer", "mean")));
    }

    /** All 3197 targets are: there is nothing to measure, and a round is an epoch. */
    @Test void anEpochOfOneWindowIsARound() throws IOException {
        List<String> heard = new ArrayList<>();
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[1]"))) {
            new Trainer(sc, settings("auto", "averaging", "parameters", "shards", "1", "seqLen", "3197", "batch", "1", "windowsPerRound", "auto"), new Silent() {
                @Override public void note(String message) {
                    heard.add(message);
                }
            }).train();
        }
        assertTrue(heard.stream().noneMatch(note -> note.contains("measur")), heard.toString());
        assertArrayEquals(train("local[1]", "set", "averaging", "parameters", "shards", "1", "seqLen", "3197", "batch", "1", "windowsPerRound", "1"), bytes("auto"));
    }

    @Test void everyInnerStateIsAnother() throws IOException {
        List<byte[]> models = new ArrayList<>();
        for (String state : List.of("average", "keep", "reset"))
            models.add(train("local[2]", state, "averaging", "parameters", "optimizer", "adam", "learningRate", "0.01", "innerState", state));
        for (int i = 0; i < 3; i++) assertFalse(Arrays.equals(models.get(i), models.get((i + 1) % 3)));
        // one replica averages nothing
        String[] one = {"averaging", "parameters", "optimizer", "adam", "learningRate", "0.01", "shards", "1"};
        assertArrayEquals(train("local[1]", "one", one), train("local[1]", "one-kept", Stream.concat(Arrays.stream(one), Stream.of("innerState", "keep")).toArray(String[]::new)));
    }

    /** The first step of momentum is that of none. */
    @Test void momentumThatIsResetInEveryRoundOfOneWindowIsNone() throws IOException {
        byte[] none = train("local[2]", "none", "averaging", "parameters", "windowsPerRound", "1");
        assertArrayEquals(none, train("local[2]", "reset", "averaging", "parameters", "windowsPerRound", "1", "momentum", "0.9", "innerState", "reset"));
        assertFalse(Arrays.equals(none, train("local[2]", "averaged", "averaging", "parameters", "windowsPerRound", "1", "momentum", "0.9")));
    }

    /** Adam's first step is as long as the learning rate in every weight that has a gradient well above 1e-8; a later one after moments of zero
     *  is not. Here an epoch is one window, and so one step. */
    @Test void adamsStepsAreCountedFromTheReset() {
        float[][] w = new float[3][];
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
            new Trainer(sc, settings("reset", "shards", "1", "batch", "1", "seqLen", "3197", "averaging", "parameters", "innerState", "reset", "optimizer", "adam", "learningRate", "0.25",
                    "clipNorm", "0", "epochs", "2"), new Silent() {
                @Override public void epoch(Epoch epoch, Model model) {
                    w[epoch.number()] = model.parameters();
                }
            }).train();
        }
        double longest = 0;
        for (int i = 0; i < w[1].length; i++) longest = Math.max(longest, Math.abs((double) w[2][i] - w[1][i]));
        // gradients here reach 1e-2, of which the 1e-8 are 1e-6; weights below 4 are rounded twice
        assertEquals(0.25, longest, 0.25e-6 + 2 * 4 * 0x1p-24);
    }

    /** While gradients are averaged it is that training; then it goes on by itself, from there. */
    @Test void aFirstPhaseIsATrainingThatAveragesGradients() throws IOException {
        byte[] gradients = train("local[2]", "gradients", "epochs", "2");
        assertArrayEquals(gradients, train("local[2]", "first phase", "epochs", "2", "averaging", "parameters", "gradientsUntil", "2"));
        byte[] both = train("local[2]", "both", "averaging", "parameters", "gradientsUntil", "2");
        assertFalse(Arrays.equals(both, train("local[2]", "all", "averaging", "parameters", "gradientsUntil", "3")));
        // the rate decays after the second epoch
        assertArrayEquals(train("local[2]", "counted", "averaging", "parameters", "gradientsUntil", "2", "decay", "epoch", "decayAfter", "2"),
                train("local[4]", "decay", "averaging", "parameters", "gradientsUntil", "decay", "decay", "epoch", "decayAfter", "2"));
    }

    /** Stopped in both phases, in the last round of one, and in the first of the other; 33 rounds an epoch, then 9. */
    @ParameterizedTest @CsvSource({"1, average", "1, reset", "1, keep", "decay, average", "decay, reset"})
    void aTrainingOfTwoPhasesGoesOnToTheSameBits(String until, String innerState) throws IOException {
        String[] all = {"averaging", "parameters", "gradientsUntil", until, "innerState", innerState, "optimizer", "adam", "learningRate", "0.1", "dropout", "0.2",
                "decay", "epoch", "decayAfter", "1", "checkpointEvery", "3", "warmUp", "50"};
        byte[] undisturbed = train("local[2]", "whole", all);
        List<Long> seen = new ArrayList<>();
        List<Integer> epochs = new ArrayList<>();
        for (long stop : new long[] {5, 32, 33, 35, 45, 47}) {
            try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
                assertThrows(Stop.class, () -> new Trainer(sc, settings("stopped", all), new Silent() {
                    @Override public void round(Round round) {
                        seen.add(round.number());
                        epochs.add(round.epoch());
                        if (round.number() >= stop) throw new Stop();
                    }
                }).train());
            }
        }
        assertArrayEquals(undisturbed, train("local[4]", "stopped", all));
        assertEquals(epochs("whole"), epochs("stopped"));
        assertTrue(epochs.contains(1) && epochs.contains(2), seen + " in epochs " + epochs);
    }

    /** With one round an epoch, models of 1, 2 and 3 epochs are those after rounds 1, 2 and 3; with decay 0.5 they count 1 : 2 : 4. */
    @Test void theModelIsTheAverageOverRoundsAndTrainingGoesOnWithout() throws IOException {
        String validation = Files.writeString(dir.resolve("validation.txt"), Files.readString(text).substring(0, 1000)).toString();
        String[] all = {"averaging", "parameters", "windowsPerRound", "1000", "validation", validation, "epochs", "3", "emaDecay", "0.5"};
        float[][] w = new float[4][];
        for (int epochs = 1; epochs <= 3; epochs++)
            w[epochs] = model("local[2]", "raw" + epochs, "averaging", "parameters", "windowsPerRound", "1000", "validation", validation, "epochs", "" + epochs).parameters();
        List<Double> losses = new ArrayList<>();
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
            Model model = new Trainer(sc, settings("averaged", all), new Silent() {
                @Override public void epoch(Epoch epoch, Model model) {
                    losses.add(epoch.validation());
                    if (epoch.number() == 2) assertMean(new float[][] {w[1], w[2]}, new double[] {1 / 3.0, 2 / 3.0}, model.parameters());
                }
            }).train();
            assertMean(new float[][] {w[1], w[2], w[3]}, new double[] {1 / 7.0, 2 / 7.0, 4 / 7.0}, model.parameters());
            Model saved = Model.load(dir.resolve("averaged").toString(), sc.hadoopConfiguration());
            assertArrayEquals(model.parameters(), saved.parameters());
            assertEquals(Evaluation.of(sc, saved, validation, settings("averaged", all), note -> { }).loss(), losses.get(2));
        }
    }

    /** Two rounds, each of three roundings of numbers below 4 and of a share. */
    private static void assertMean(float[][] vectors, double[] weights, float[] mean) {
        float furthest = 0;
        for (int i = 0; i < mean.length; i++) {
            double expected = 0;
            for (int v = 0; v < vectors.length; v++) expected += weights[v] * vectors[v][i];
            assertEquals(expected, mean[i], 2 * 4 * 4 * 0x1p-24);
            furthest = Math.max(furthest, Math.abs(mean[i] - vectors[vectors.length - 1][i]));
        }
        assertTrue(furthest > 0.01, "the mean is the last model");
    }

    @Test void aMeanGradientIsThatOfOneReplicaWithAllStreams() throws IOException {
        Model one = model("local[2]", "one", "shards", "1", "batch", "6", "epochs", "1");
        Model three = model("local[2]", "three", "shards", "3", "batch", "2", "epochs", "1");
        // the same streams, so the same sums of some 100 terms in another order: a gradient, at most 1 by clipping, differs by
        // 100 * 2^-24 = 6e-6 at worst, and 40 steps of 0.5 times that are 1.2e-4
        double largest = 0;
        for (int i = 0; i < one.parameters().length; i++) largest = Math.max(largest, Math.abs(one.parameters()[i] - three.parameters()[i]));
        assertTrue(largest < 1.2e-4, "largest difference " + largest);
        assertTrue(largest > 0, "three replicas were not used at all");
    }

    @Test void theLossFallsAndValidationIsReported() {
        List<Double> validation = new ArrayList<>();
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
            new Trainer(sc, settings("falls", "epochs", "6", "learningRate", "0.01", "optimizer", "adam"), new Silent() {
                @Override public void epoch(Epoch epoch, Model model) {
                    validation.add(epoch.validation());
                }
            }).train();
        }
        assertEquals(6, validation.size());
        assertTrue(validation.get(0) < Math.log(22), "a uniform guess has log 22; " + validation);
        assertTrue(validation.get(5) < validation.get(0) - 0.5, validation.toString());
    }

    @Test void divergenceStopsTrainingAndKeepsTheCheckpoint() throws IOException {
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
            Settings settings = settings("diverges", "learningRate", "1e30", "clipNorm", "0", "checkpointEvery", "1");
            BadInput e = assertThrows(BadInput.class, () -> new Trainer(sc, settings, new Silent()).train());
            assertTrue(e.getMessage().matches("(?s).*in round \\d+, epoch \\d+, .*lower learningRate.*"), e.getMessage());
        }
        try (var rounds = Files.list(dir.resolve("diverges/checkpoints"))) {
            assertTrue(rounds.findAny().isPresent());           // round 1 is good: its step was taken after its loss
        }
        assertFalse(Files.exists(dir.resolve("diverges/model.json")));
    }

    /** By whoever knows its name, which Spark's user interface shows; while it waits for slots, that it cannot end before. */
    @Test void aRoundIsAJobThatTellsItsNameAndThatCanBeCancelled() throws Exception {
        List<String> jobs = new CopyOnWriteArrayList<>(), groups = new CopyOnWriteArrayList<>();
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
            sc.sc().addSparkListener(new SparkListener() {
                @Override public void onJobStart(SparkListenerJobStart start) {
                    jobs.add(String.valueOf(start.properties().getProperty("spark.job.description")));
                    groups.add(String.valueOf(start.properties().getProperty("spark.jobGroup.id")));
                    if ("round 12".equals(start.properties().getProperty("spark.jobGroup.id"))) sc.cancelJobGroup("round 12");
                }
            });
            Thread other = new Thread(() -> {
                sc.setJobGroup("other", "takes both slots", true);
                assertThrows(Exception.class, () -> sc.parallelize(List.of(0, 1), 2).foreachPartition(task -> {
                    TAKEN.countDown();
                    LockSupport.parkNanos(Long.MAX_VALUE);
                }));
            });
            Settings settings = settings("cancelled", "shards", "8", "averaging", "parameters", "windowsPerRound", "1", "checkpointEvery", "5", "validation", "0.1");
            IllegalStateException e = assertThrows(IllegalStateException.class, () -> new Trainer(sc, settings, new Silent() {
                @Override public void round(Round round) {
                    if (round.number() != 11) return;
                    other.start();
                    assertDoesNotThrow(() -> TAKEN.await());
                }
            }).train());
            sc.cancelJobGroup("other");
            other.join();
            assertEquals("round 12 was cancelled from outside, by the name of its group of Spark jobs; the same command resumes from the last checkpoint, if there is one", e.getMessage());
            assertTrue(e.getCause().getMessage().contains("cancelled job group round 12"), e.getCause().getMessage());
        }
        assertEquals(IntStream.rangeClosed(0, 12).mapToObj(round -> "round " + round + ": train 8 replicas").toList(), jobs.stream().filter(job -> job.contains("train ")).toList());
        assertTrue(jobs.containsAll(List.of("round 4: average, and fetch the model", "round 9: average, and fetch the model")), jobs.toString());
        assertFalse(jobs.contains("null"), jobs.toString());
        assertTrue(groups.stream().allMatch(group -> group.matches("round \\d+|reading|evaluation|other")), groups.toString());
        try (var rounds = Files.list(dir.resolve("cancelled/checkpoints"))) {
            assertEquals(List.of("round-00000005", "round-00000010"), rounds.map(path -> path.getFileName().toString()).sorted().toList());
        }
    }

    @Test void nothingIsOverwrittenUnasked() throws IOException {
        byte[] first = train("local[2]", "taken", "epochs", "1");
        assertEquals(true, refusal("taken", "epochs", "1").contains("already holds a model"));
        Files.createDirectories(dir.resolve("foreign"));
        Files.writeString(dir.resolve("foreign/thesis.txt"), "mine");
        assertTrue(refusal("foreign").contains("neither a model nor checkpoints"));
        assertArrayEquals(first, bytes("taken"));
        byte[] second = train("local[2]", "taken", "epochs", "2", "overwrite", "true");
        assertFalse(Arrays.equals(first, second));
        train("local[2]", "foreign", "epochs", "1", "overwrite", "true");
        assertEquals("mine", Files.readString(dir.resolve("foreign/thesis.txt")));
    }

    @Test void anUnfinishedTrainingIsNotContinuedWithOtherSettingsOrData() throws IOException {
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
            assertThrows(Stop.class, () -> new Trainer(sc, settings("half", "checkpointEvery", "1"), new Silent() {
                @Override public void round(Round round) {
                    if (round.number() == 2) throw new Stop();
                }
            }).train());
        }
        String message = refusal("half", "hidden", "9");
        assertTrue(message.contains("hidden=12 there, 9 here"), message);
        String words = Files.readString(text);
        Files.writeString(text, new StringBuilder(words.strip()).reverse() + "\n");      // as many tokens, the same vocabulary
        String other = refusal("half");
        assertTrue(other.contains("{data="), other);
    }

    @Test void aCorpusShorterThanAWindowIsRefused() throws IOException {
        Files.writeString(text, "short\n");
        assertTrue(refusal("short", "validation", "0").contains("lower one of them"));
    }

    private String refusal(String output, String... settings) {
        try (JavaSparkContext sc = new JavaSparkContext(conf("local[2]"))) {
            return assertThrows(BadInput.class, () -> new Trainer(sc, settings(output, settings), new Silent()).train()).getMessage();
        }
    }

    private byte[] train(String master, String output, String... settings) throws IOException {
        model(master, output, settings);
        return bytes(output);
    }

    private Model model(String master, String output, String... settings) {
        try (JavaSparkContext sc = new JavaSparkContext(conf(master))) {
            return new Trainer(sc, settings(output, settings), new Silent()).train();
        }
    }

    private byte[] bytes(String output) throws IOException {
        return Files.readAllBytes(dir.resolve(output).resolve("model.safetensors"));
    }

    private String epochs(String output) throws IOException {
        String json = Files.readString(dir.resolve(output).resolve("model.json"));
        return json.substring(json.indexOf("\"epochs\" : [ {"));
    }

    private Settings settings(String output, String... given) {
        Map<String, String> all = new HashMap<>(Map.of("input", text.toString(), "output", dir.resolve(output).toString(), "hidden", "12",
                "embedding", "5", "layers", "2", "batch", "2", "seqLen", "16", "shards", "3", "epochs", "3", "windowsPerRound", "4"));
        all.putAll(Map.of("optimizer", "sgd", "learningRate", "0.5", "checkpointEvery", "2", "dropout", "0"));
        for (int i = 0; i < given.length; i += 2) all.put(given[i], given[i + 1]);
        return Settings.of(all);
    }

    static SparkConf conf(String master) {
        return new SparkConf().setMaster(master).setAppName("test").set("spark.ui.enabled", "false").set("spark.driver.host", "127.0.0.1")
                .set("spark.driver.bindAddress", "127.0.0.1");
    }

    private static final class Stop extends RuntimeException {
        private static final long serialVersionUID = 1;
    }
}
