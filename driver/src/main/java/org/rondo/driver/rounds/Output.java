package org.rondo.driver.rounds;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.Storage;
import org.rondo.driver.checkpoints.Checkpoint;
import org.rondo.driver.checkpoints.Checkpoints;
import org.rondo.driver.checkpoints.EventFile;
import org.rondo.driver.checkpoints.Model;

/** The output directory of a training: checkpoints and events while it runs, the model once it is done; events stay. Nothing of an earlier model is
 *  touched before the new one is there to be written, and only with {@code overwrite}. Directories that were made and stayed
 *  empty, because training was refused or failed before its first checkpoint, go when this is closed. */
class Output implements AutoCloseable {
    /** Where nothing is kept: the model goes to the caller alone. */
    static final Output NONE = new Output() {
        @Override Progress told(Progress progress) {
            return progress;
        }

        @Override Optional<TrainingState> resume(Provenance provenance, Selection selection) {
            return Optional.empty();
        }

        @Override boolean isDue(TrainingState.Cursor cursor) {
            return false;
        }

        @Override void write(Checkpoint checkpoint) { }

        @Override Model finish(Model model) {
            return model;
        }

        @Override public void close() { }
    };

    private final Path directory;
    private final Configuration conf;
    private final FileSystem fs;
    private final Checkpoints checkpoints;
    private final Settings settings;
    private final Progress progress;
    private final Scalars scalars;
    /** From the inmost outwards. */
    private final List<Path> made = new ArrayList<>();

    private Output() {
        directory = null;
        conf = null;
        fs = null;
        checkpoints = null;
        settings = null;
        progress = null;
        scalars = null;
    }

    private Output(Path directory, Configuration conf, Settings settings, Progress progress) throws IOException {
        this.fs = Storage.of(directory, conf);
        this.directory = fs.makeQualified(directory);
        this.conf = conf;
        this.checkpoints = new Checkpoints(new Path(this.directory, Checkpoints.DIRECTORY), conf, settings.get(Setting.KEEP_CHECKPOINTS));
        this.settings = settings;
        this.progress = progress;
        this.scalars = new Scalars(this.directory, conf, progress::note);
    }

    /** Makes the directory, so that one that cannot be written to is found before training.
     *  @throws BadInput if it cannot be made; if it holds a model, or something that no training left there, and overwrite is not set */
    static Output open(JavaSparkContext sc, Settings settings, Progress progress) {
        String given = settings.get(Setting.OUTPUT);
        try {
            Output output = new Output(new Path(given), sc.hadoopConfiguration(), settings, progress);
            output.check();
            output.make();
            return output;
        } catch (IOException | UncheckedIOException | IllegalArgumentException e) {
            throw new BadInput("cannot write to output '" + given + "': " + e.getMessage() + "; check path and permissions, or set --output to another directory", e);
        }
    }

    private void make() throws IOException {
        Path inmost = checkpoints.directory();
        for (Path missing = inmost; missing != null && !fs.exists(missing); missing = missing.getParent()) made.add(missing);
        if (!fs.mkdirs(inmost)) throw new IOException("directory " + inmost + " cannot be made");
    }

    private void check() throws IOException {
        if (!fs.exists(directory)) return;
        if (!fs.getFileStatus(directory).isDirectory())
            throw new BadInput("output " + directory + " is a file, expected a directory to write the model to; set --output to another path");
        if (settings.get(Setting.OVERWRITE)) return;
        if (Model.exists(directory, conf))
            throw new BadInput("output directory " + directory + " already holds a model; set --output to another directory, or --overwrite to replace it");
        if (!checkpoints.exist() && Stream.of(fs.listStatus(directory)).anyMatch(file -> !EventFile.isOne(file.getPath().getName())))
            throw new BadInput("output directory " + directory + " exists and holds neither a model nor checkpoints of Rondo; set --output to another directory, or --overwrite to write into it");
    }

    /** The progress, and after it what is told here. */
    Progress told(Progress progress) {
        return progress.and(scalars);
    }

    /** The state to go on from, if there is one.
     *  @param selection as it is before the first epoch
     *  @throws BadInput if the newest checkpoint is of another training, or all are damaged, and overwrite is not set */
    Optional<TrainingState> resume(Provenance provenance, Selection selection) {
        Optional<Checkpoint> newest = newest();
        if (newest.isEmpty()) return Optional.empty();
        Map<String, String> differences = provenance.differences(newest.get());
        if (differences.isEmpty()) {
            provenance.resume(newest.get());
            progress.note("resuming from the checkpoint after round " + newest.get().round() + " in " + checkpoints.directory());
            return newest.map(checkpoint -> TrainingState.of(checkpoint, selection));
        }
        if (!settings.get(Setting.OVERWRITE))
            throw new BadInput(checkpoints.directory() + " holds an unfinished training that differs from this one: " + differences
                    + "; run it with its own settings to finish it, set --output to another directory, or --overwrite to drop it");
        progress.note("dropping the checkpoints of another training in " + checkpoints.directory() + ": " + differences);
        checkpoints.delete();
        return Optional.empty();
    }

    private Optional<Checkpoint> newest() {
        try {
            return checkpoints.newest(progress::note);
        } catch (BadInput damaged) {
            if (!settings.get(Setting.OVERWRITE)) throw damaged;
            progress.note("dropping the checkpoints in " + checkpoints.directory() + ": " + damaged.getMessage());
            checkpoints.delete();
            return Optional.empty();
        }
    }

    /** After every epoch, the last included: if the model cannot be saved then, only the saving is done again. */
    boolean isDue(TrainingState.Cursor cursor) {
        int every = settings.get(Setting.CHECKPOINT_EVERY);
        return cursor.endsEpoch() || every > 0 && cursor.round() % every == 0;
    }

    void write(Checkpoint checkpoint) {
        scalars.flush();
        checkpoints.write(checkpoint);
    }

    /** Writes the model; then the checkpoints have served. */
    Model finish(Model model) {
        model.save(directory, conf);
        checkpoints.delete();
        scalars.deleteEarlier();
        made.clear();
        return model;
    }

    @Override public void close() {
        scalars.close();
        try {
            for (Path own : made) if (fs.exists(own) && fs.listStatus(own).length == 0) fs.delete(own, false);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot delete the empty directories of " + directory + ": " + e.getMessage(), e);
        }
    }
}
