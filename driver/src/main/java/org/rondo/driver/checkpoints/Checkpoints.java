package org.rondo.driver.checkpoints;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Folder.Seal;

/** The checkpoints of one training: directories {@code round-<number>}, each with {@code state.safetensors}, and
 *  {@code commit.json} which is written last, seals the state and itself, and without which the directory is nothing. So a
 *  process may be killed at any moment, on file systems with or without an atomic rename. One driver writes at a time. */
public final class Checkpoints {
    /** Within the output directory of a training. */
    public static final String DIRECTORY = "checkpoints";
    static final String STATE = "state.safetensors", COMMIT = "commit.json";
    private static final String PREFIX = "round-";

    private final Folder folder;
    private final int keep;

    /** @param keep good checkpoints that are left after a write, at least 1 */
    public Checkpoints(Path directory, Configuration conf, int keep) {
        try {
            this.folder = new Folder(directory, conf);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot use " + directory + " for checkpoints: " + e.getMessage(), e);
        }
        this.keep = keep;
    }

    public Path directory() {
        return folder.path;
    }

    /** Writes a checkpoint, then deletes those older than the last {@code keep} good ones. If the same one is there already it
     *  stays as it is; an incomplete or damaged one of this round is replaced.
     *  @throws BadInput if a good one of this round is there, but not the same */
    public void write(Checkpoint checkpoint) {
        Folder target = new Folder(folder, String.format(Locale.ROOT, "%s%08d", PREFIX, checkpoint.round()));
        try {
            if (!isThere(target, checkpoint)) {
                delete(target);
                target.fs.mkdirs(target.path);
                ObjectNode commit = JsonNodeFactory.instance.objectNode().put("round", checkpoint.round());
                commit.set("facts", checkpoint.facts());
                SealedJson.put(commit, STATE, target.write(STATE, out -> Safetensors.write(out, Map.of(), entries(checkpoint))));
                SealedJson.write(target, COMMIT, commit);
            }
            prune(checkpoint.round());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the checkpoint " + target.path + ": " + e.getMessage(), e);
        }
    }

    /** The newest checkpoint that is whole, if training has left any. One that was not finished is passed over.
     *  @param note hears of every checkpoint that is passed over, and why
     *  @throws BadInput if there are finished checkpoints, and all are damaged */
    public Optional<Checkpoint> newest(Consumer<String> note) {
        List<String> passed = new ArrayList<>();
        boolean damaged = false;
        Optional<Checkpoint> found = Optional.empty();
        try {
            for (Folder round : rounds()) {
                try {
                    if (!SealedJson.isFinished(round, COMMIT)) {
                        passed.add("checkpoint " + round.path + " was not finished");
                        continue;
                    }
                    found = Optional.of(load(round));
                    break;
                } catch (BadInput | IOException e) {
                    damaged = true;
                    passed.add("checkpoint " + round.path + " is damaged (" + e.getMessage() + ")");
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the checkpoints in " + folder.path + ": " + e.getMessage(), e);
        }
        if (found.isEmpty() && damaged) throw new BadInput("no checkpoint in " + folder.path + " can be used, expected one that is whole: "
                + String.join("; ", passed) + "; set --overwrite or delete the directory to start from the beginning");
        String instead = found.map(c -> "resuming from round " + c.round()).orElse("starting from the beginning");
        passed.forEach(why -> note.accept(why + "; " + instead));
        return found;
    }

    /** Whether the directory is there and one of ours: it holds a checkpoint, finished or not, or nothing at all. */
    public boolean exist() {
        try {
            return !rounds().isEmpty() || folder.isEmpty();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot look for checkpoints in " + folder.path + ": " + e.getMessage(), e);
        }
    }

    /** Deletes all checkpoints, and the directory if nothing else is in it. */
    public void delete() {
        try {
            for (Folder round : rounds()) delete(round);
            if (folder.isEmpty()) folder.fs.delete(folder.path, false);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot delete the checkpoints in " + folder.path + ": " + e.getMessage(), e);
        }
    }

    /** From the newest to the oldest, finished or not. What has such a name but other content is somebody else's. */
    private List<Folder> rounds() throws IOException {
        List<Folder> rounds = new ArrayList<>();
        for (FileStatus s : folder.list()) {
            Folder round = new Folder(folder, s.getPath().getName());
            if (s.isDirectory() && s.getPath().getName().matches(PREFIX + "\\d{8,18}") && (round.has(COMMIT) || round.has(STATE) || round.isEmpty()))
                rounds.add(round);
        }
        rounds.sort(Comparator.comparingLong(Checkpoints::number).reversed());
        return rounds;
    }

    private static long number(Folder round) {
        return Long.parseLong(round.path.getName().substring(PREFIX.length()));
    }

    /** Once a newer one is written; all that is older than the last good ones goes, finished or not. */
    private void prune(long written) throws IOException {
        int good = 0;
        for (Folder round : rounds()) {
            if (number(round) > written) continue;
            if (good >= keep) delete(round);
            else if (SealedJson.isFinished(round, COMMIT)) good++;
        }
    }

    private static void delete(Folder round) throws IOException {
        round.fs.delete(new Path(round.path, COMMIT), false);      // first: half of a checkpoint must not look like one
        round.fs.delete(new Path(round.path, STATE), false);
        if (round.isEmpty()) round.fs.delete(round.path, false);
    }

    private static boolean isThere(Folder target, Checkpoint checkpoint) throws IOException {
        if (!SealedJson.isFinished(target, COMMIT)) return false;
        ObjectNode there;
        Seal state;
        try {
            there = commit(target);
            state = state(target, there);
            target.read(STATE, state, (in, length) -> null);
        } catch (BadInput | IOException damaged) {
            return false;
        }
        Seal seal = Folder.seal(out -> Safetensors.write(out, Map.of(), entries(checkpoint)));
        if (seal.equals(state) && there.get("facts").equals(SealedJson.asRead(checkpoint.facts()))) return true;
        throw new BadInput(target.path + " holds round " + checkpoint.round() + " of another training, expected none or the same; "
                + "set --output to another directory, or delete " + target.path.getParent());
    }

    private static Checkpoint load(Folder round) throws IOException {
        ObjectNode commit = commit(round);
        Map<String, float[]> vectors = new LinkedHashMap<>();
        round.read(STATE, state(round, commit), (in, length) -> {
            Safetensors.read(in, length, new Path(round.path, STATE).toString(), (name, shape) -> {
                Safetensors.Entry entry = new Safetensors.Entry(name, new float[shape.stream().reduce(1, Math::multiplyExact)]);
                vectors.put(name, entry.vector());
                return entry;
            });
            return null;
        });
        return new Checkpoint(commit.get("round").asLong(), (ObjectNode) commit.get("facts"), vectors);
    }

    private static List<Safetensors.Entry> entries(Checkpoint checkpoint) {
        return checkpoint.vectors().entrySet().stream().map(v -> new Safetensors.Entry(v.getKey(), v.getValue())).toList();
    }

    /** @throws BadInput if the file is not the commit of this directory */
    private static ObjectNode commit(Folder round) throws IOException {
        ObjectNode commit = SealedJson.read(round, COMMIT);
        if (commit.path("round").asLong() != number(round)) throw new BadInput(new Path(round.path, COMMIT) + " is of round " + commit.get("round"));
        return commit;
    }

    private static Seal state(Folder round, ObjectNode commit) {
        return SealedJson.seal(commit, STATE, new Path(round.path, COMMIT));
    }
}
