package org.rondo.driver.rounds;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.checkpoints.EventFile;
import org.rondo.driver.checkpoints.Model;

/** How a training goes, as scalars for TensorBoard in {@link EventFile}s of its output directory. A step is a round, counted from 1, so
 *  that it is the number of rounds that are done. A file that cannot be written to is said once, and training goes on without. */
final class Scalars implements Progress, AutoCloseable {
    /** Rounds that are all told. Of more than twice as many every second is, of four times as many every fourth, and so on: a file stays
     *  small, and which rounds are in it depends on nothing else. */
    private static final long ALL = 1000;

    private final Path directory;
    private final Configuration conf;
    private final Consumer<String> note;
    private long firstRound;
    private EventFile file;
    /** Whether a round was told since the training began, or went on: else an epoch is one of a checkpoint, told again. */
    private boolean trained;
    private boolean failed;

    /** Something on the file that may fail. */
    private interface Writing {
        void to(EventFile file) throws IOException;
    }

    Scalars(Path directory, Configuration conf, Consumer<String> note) {
        this.directory = directory;
        this.conf = conf;
        this.note = note;
    }

    @Override public void begin(Plan plan, long firstRound, long tokens) {
        this.firstRound = firstRound;
    }

    @Override public void round(Round round) {
        trained = true;
        if (!isTold(round.number())) return;
        Map<String, Double> scalars = new LinkedHashMap<>();
        scalars.put("loss/training", round.loss());
        scalars.put("learning_rate", round.learningRate());
        scalars.put("tokens_per_second", round.tokens() / round.seconds());
        scalars.put("gradient_norm", round.gradientNorm());
        scalars.put("seconds/training", round.training());
        scalars.put("seconds/averaging", round.averaging());
        write(file -> file.add(EventFile.step(round.number()), scalars));
    }

    /** Distances of gradients are curves of their own: they are no distances between models. */
    @Override public void averaged(Averaged averaged) {
        if (isTold(averaged.number()))
            write(file -> file.add(EventFile.step(averaged.number()), Map.of(averaged.gradients() ? "gradient_divergence" : "replica_divergence", averaged.divergence())));
    }

    @Override public void epoch(Epoch epoch, Model model) {
        if (!trained) return;
        Map<String, Double> scalars = new LinkedHashMap<>();
        scalars.put("loss/validation", epoch.validation());
        if (epoch.metric() != null) scalars.put("metric/" + epoch.metric().key(), epoch.value());
        long rounds = model.provenance().path("rounds").asLong();
        write(file -> {
            file.add(rounds, scalars);
            file.flush();
        });
    }

    @Override public void note(String message) { }

    /** Before a checkpoint, so that what it goes on from is told. */
    void flush() {
        if (file != null) write(EventFile::flush);
    }

    /** Of the trainings before, in the same directory. */
    void deleteEarlier() {
        attempt(() -> EventFile.deleteEarlier(directory, conf));
    }

    static boolean isTold(long round) {
        return round % Long.highestOneBit(Math.max(1, round / ALL)) == 0;
    }

    private void write(Writing writing) {
        attempt(() -> {
            if (file == null) file = new EventFile(directory, conf, firstRound);
            writing.to(file);
        });
    }

    private interface Attempt {
        void run() throws IOException;
    }

    private void attempt(Attempt attempt) {
        if (failed) return;
        try {
            attempt.run();
        } catch (IOException | RuntimeException e) {
            fail(e);
        }
    }

    private void fail(Exception e) {
        if (!failed) note.accept("cannot write events for TensorBoard to " + directory + ": " + e.getMessage() + "; training goes on without them");
        failed = true;
    }

    @Override public void close() {
        try {
            if (file != null) file.close();
        } catch (IOException | RuntimeException e) {
            fail(e);
        }
    }
}
