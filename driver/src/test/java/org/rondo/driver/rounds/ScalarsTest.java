package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.EventFile;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.checkpoints.TensorBoardReader;

/** What TensorBoard shows of trainings on real local Spark, and that it is what a {@link Progress} heard. */
class ScalarsTest {
    /** Figures that are no times. */
    private static final Set<String> EXACT = Set.of("loss/training", "loss/validation", "metric/perplexity", "learning_rate", "gradient_norm", "replica_divergence");
    @TempDir Path dir;
    private Path text;

    @BeforeEach void writeText() throws IOException {
        text = Files.writeString(dir.resolve("text.txt"), "the quick brown fox jumps over the lazy dog, again and again\n".repeat(70));
    }

    @ParameterizedTest @ValueSource(strings = {"local[1]", "local[3]"})
    void tensorBoardShowsWhatWasHeard(String master) throws IOException {
        Heard heard = new Heard();
        train(master, heard, "out", "metric", "perplexity");
        Map<String, TreeMap<Long, Float>> shown = TensorBoardReader.scalars(dir.resolve("out"));
        assertEquals(Set.of("loss/training", "loss/validation", "metric/perplexity", "learning_rate", "tokens_per_second", "gradient_norm", "replica_divergence",
                "seconds/training", "seconds/averaging"), shown.keySet());
        int rounds = heard.rounds.size(), perEpoch = rounds / 3;
        assertEquals(LongStream.rangeClosed(1, rounds).boxed().toList(), List.copyOf(shown.get("loss/training").keySet()));
        assertEquals(List.of((long) perEpoch, 2L * perEpoch, 3L * perEpoch), List.copyOf(shown.get("loss/validation").keySet()));
        assertEquals(LongStream.range(0, rounds).boxed().toList(), heard.averaged.stream().map(Progress.Averaged::number).toList());
        for (Progress.Round round : heard.rounds) {
            assertEquals((float) round.loss(), shown.get("loss/training").get(round.number() + 1));
            assertEquals((float) round.gradientNorm(), shown.get("gradient_norm").get(round.number() + 1));
            assertEquals((float) (round.tokens() / round.seconds()), shown.get("tokens_per_second").get(round.number() + 1));
            assertTrue(round.training() > 0 && round.training() < round.seconds(), round.toString());
            assertEquals(round.seconds(), shown.get("seconds/training").get(round.number() + 1) + shown.get("seconds/averaging").get(round.number() + 1), 1e-5 * round.seconds());
        }
        for (Progress.Averaged averaged : heard.averaged) {
            assertEquals((float) averaged.divergence(), shown.get("replica_divergence").get(averaged.number() + 1));
            assertTrue(averaged.divergence() > 0 && !averaged.gradients(), averaged.toString());
        }
        for (Progress.Epoch epoch : heard.epochs) {
            assertEquals((float) epoch.validation(), shown.get("loss/validation").get((long) epoch.number() * perEpoch));
            assertEquals((float) epoch.value(), shown.get("metric/perplexity").get((long) epoch.number() * perEpoch));
        }
    }

    /** An executor that merges two replicas itself, and one that fetches both. */
    @Test void divergenceHasTheSameBitsOnAnyNumberOfCores() {
        Heard one = new Heard(), two = new Heard(), four = new Heard();
        train("local[1]", one, "one");
        train("local[2]", two, "two");
        train("local[4]", four, "four");
        assertFalse(one.averaged.isEmpty());
        assertEquals(one.averaged, two.averaged);
        assertEquals(one.averaged, four.averaged);
    }

    @Test void distancesOfGradientsAreACurveOfTheirOwn() throws IOException {
        train("local[2]", new Heard(), "out", "gradientsUntil", "1");
        Map<String, TreeMap<Long, Float>> shown = TensorBoardReader.scalars(dir.resolve("out"));
        long windows = shown.get("gradient_divergence").lastKey(), first = shown.get("replica_divergence").firstKey();
        assertEquals(windows, shown.get("loss/validation").firstKey());
        assertEquals(windows + 1, first);
    }

    @Test void oneReplicaIsNotApart() throws IOException {
        train("local[2]", new Heard(), "out", "shards", "1", "validation", "0");
        assertEquals(Set.of("loss/training", "learning_rate", "tokens_per_second", "gradient_norm", "seconds/training", "seconds/averaging"),
                TensorBoardReader.scalars(dir.resolve("out")).keySet());
    }

    /** As after a kill: what was done after the last checkpoint is done again, and shown once. Of the rounds before it nothing is missing. */
    @Test void aTrainingThatIsStoppedShowsTheCurvesOfOneThatIsNot() throws IOException {
        train("local[2]", new Heard(), "whole", "metric", "perplexity");
        int[] starts = {0};
        for (long stop : new long[] {1, 4, 6, 8}) {
            assertThrows(Stop.class, () -> train("local[2]", new Heard() {
                @Override public void begin(Plan plan, long firstRound, long tokens) {
                    if (firstRound > 0) starts[0]++;
                }

                @Override public void round(Round round) {
                    if (round.number() == stop) throw new Stop();
                }
            }, "stopped", "metric", "perplexity"));
            cutOff(eventFiles("stopped").get(eventFiles("stopped").size() - 1));
        }
        train("local[2]", new Heard(), "stopped", "metric", "perplexity");
        assertTrue(starts[0] >= 2, "it never went on from a checkpoint");
        assertTrue(eventFiles("stopped").size() >= 3, eventFiles("stopped").toString());
        assertEquals(exact("whole"), exact("stopped"));
    }

    /** As the driver's death leaves it: the beginning of another record. */
    private static void cutOff(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        byte[] more = java.util.Arrays.copyOf(bytes, bytes.length + 20);
        System.arraycopy(bytes, 0, more, bytes.length, 20);          // of a file version, whose record is longer
        Files.write(file, more);
    }

    @Test void aTrainingThatReplacesAModelReplacesItsEvents() throws IOException {
        train("local[2]", new Heard(), "out");
        List<Path> before = eventFiles("out");
        assertThrows(Stop.class, () -> train("local[2]", new Heard() {
            @Override public void round(Round round) {
                if (round.number() == 6) throw new Stop();
            }
        }, "out", "overwrite", "true", "seed", "2"));
        assertTrue(eventFiles("out").containsAll(before), "the model that is still there has its own");
        train("local[2]", new Heard(), "out", "overwrite", "true", "seed", "2");
        List<Path> after = eventFiles("out");
        assertTrue(after.stream().noneMatch(before::contains) && after.size() == 2, after.toString());
        train("local[2]", new Heard(), "same", "seed", "2");
        assertEquals(exact("same"), exact("out"));
        Model.load(dir.resolve("out").toString(), new Configuration());
    }

    /** Of a training that ended in its first epoch, which left nothing but events. */
    @Test void eventsAloneAreNoReasonToRefuse() throws IOException {
        assertThrows(Stop.class, () -> train("local[2]", new Heard() {
            @Override public void averaged(Averaged averaged) {
                throw new Stop();
            }
        }, "out", "checkpointEvery", "0"));
        assertEquals(1, eventFiles("out").size());
        assertFalse(Files.exists(dir.resolve("out/checkpoints")));
        train("local[2]", new Heard(), "out");
        assertEquals(1, eventFiles("out").size());
    }

    @Test void trainingGoesOnWithoutEventsAndSaysSoOnce() throws IOException {
        List<String> notes = new ArrayList<>();
        Path file = Files.writeString(dir.resolve("file"), "mine");
        try (Scalars scalars = new Scalars(new org.apache.hadoop.fs.Path(file.resolve("below").toUri()), new Configuration(), notes::add)) {
            scalars.begin(null, 0, 0);
            for (int round = 0; round < 3; round++) scalars.round(new Progress.Round(round, 1, 1, 1, 1, 1, 1, 1));
            scalars.flush();
            scalars.deleteEarlier();
        }
        assertEquals(1, notes.size(), notes.toString());
        assertTrue(notes.get(0).startsWith("cannot write events for TensorBoard to file:" + file + "/below: ") && notes.get(0).endsWith("; training goes on without them"), notes.get(0));
    }

    @Test void ofManyRoundsEverySecondOrFourthIsTold() {
        assertEquals(2000, LongStream.range(0, 2000).filter(Scalars::isTold).count());
        assertEquals(1000, LongStream.range(2000, 4000).filter(Scalars::isTold).count());
        assertEquals(1000, LongStream.range(64_000, 128_000).filter(Scalars::isTold).count());
        assertTrue(LongStream.range(0, 1_000_000).filter(Scalars::isTold).count() < 11_000);
    }

    private Map<String, TreeMap<Long, Float>> exact(String output) throws IOException {
        Map<String, TreeMap<Long, Float>> shown = TensorBoardReader.scalars(dir.resolve(output));
        shown.keySet().retainAll(EXACT);
        return shown;
    }

    private List<Path> eventFiles(String output) throws IOException {
        try (Stream<Path> files = Files.list(dir.resolve(output))) {
            return files.filter(file -> EventFile.isOne(file.getFileName().toString())).sorted().toList();
        }
    }

    private void train(String master, Progress progress, String output, String... given) {
        Map<String, String> all = new HashMap<>(Map.of("input", text.toString(), "output", dir.resolve(output).toString(), "hidden", "8", "embedding", "4", "layers", "1",
                "batch", "2", "seqLen", "16", "shards", "3", "epochs", "3"));
        all.putAll(Map.of("averaging", "parameters", "outerOptimizer", "mean", "windowsPerRound", "12", "checkpointEvery", "2", "kernel", "reference", "validation", "0.2"));
        for (int i = 0; i < given.length; i += 2) all.put(given[i], given[i + 1]);
        try (JavaSparkContext sc = new JavaSparkContext(TrainerTest.conf(master))) {
            new Trainer(sc, Settings.of(all), progress).train();
        }
    }

    private static final class Stop extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private static class Heard implements Progress {
        final List<Round> rounds = new ArrayList<>();
        final List<Averaged> averaged = new ArrayList<>();
        final List<Epoch> epochs = new ArrayList<>();

        @Override public void begin(Plan plan, long firstRound, long tokens) { }

        @Override public void round(Round round) {
            rounds.add(round);
        }

        @Override public void averaged(Averaged averaged) {
            this.averaged.add(averaged);
        }

        @Override public void epoch(Epoch epoch, Model model) {
            epochs.add(epoch);
        }

        @Override public void note(String message) { }
    }
}
