package org.rondo.driver.checkpoints;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
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
    static final String STATE = "state.safetensors", COMMIT = "commit.json";
    private static final int FORMAT = 1;
    private static final String PREFIX = "round-";
    private static final ObjectMapper JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(JsonNodeFeature.WRITE_PROPERTIES_SORTED).build();

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
        Folder target = new Folder(folder, String.format("%s%08d", PREFIX, checkpoint.round()));
        try {
            if (!isThere(target, checkpoint)) {
                target.fs.delete(target.path, true);
                target.fs.mkdirs(target.path);
                Seal seal = target.write(STATE, out -> Safetensors.write(out, Map.of(), entries(checkpoint)));
                byte[] commit = commit(checkpoint, seal);
                target.write(COMMIT, out -> out.write(commit));
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
                    if (!isFinished(round)) {
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
                + String.join("; ", passed) + "; delete the directory to start from the beginning");
        String instead = found.map(c -> "resuming from round " + c.round()).orElse("starting from the beginning");
        passed.forEach(why -> note.accept(why + "; " + instead));
        return found;
    }

    /** Deletes the directory and all checkpoints in it. */
    public void delete() {
        try {
            for (Folder round : rounds()) delete(round);
            folder.fs.delete(folder.path, true);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot delete the checkpoints in " + folder.path + ": " + e.getMessage(), e);
        }
    }

    /** From the newest to the oldest, finished or not. */
    private List<Folder> rounds() throws IOException {
        List<Folder> rounds = new ArrayList<>();
        try {
            for (FileStatus s : folder.fs.listStatus(folder.path))
                if (s.isDirectory() && s.getPath().getName().matches(PREFIX + "\\d{8,18}")) rounds.add(new Folder(folder, s.getPath().getName()));
        } catch (FileNotFoundException none) {
            return rounds;
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
            else if (isFinished(round)) good++;
        }
    }

    private static void delete(Folder round) throws IOException {
        round.fs.delete(new Path(round.path, COMMIT), false);      // first: half of a checkpoint must not look like one
        round.fs.delete(round.path, true);
    }

    /** A commit that was cut off while it was written is no commit. */
    private static boolean isFinished(Folder round) throws IOException {
        return round.has(COMMIT) && new String(round.read(COMMIT), StandardCharsets.UTF_8).endsWith("}\n");
    }

    private static boolean isThere(Folder target, Checkpoint checkpoint) throws IOException {
        if (!target.has(COMMIT) || !isFinished(target)) return false;
        JsonNode there;
        try {
            there = commit(target);
            target.read(STATE, seal(there), (in, length) -> null);
        } catch (BadInput | IOException damaged) {
            return false;
        }
        Seal seal = Folder.seal(out -> Safetensors.write(out, Map.of(), entries(checkpoint)));
        if (seal.equals(seal(there)) && there.get("facts").equals(JSON.readTree(JSON.writeValueAsBytes(checkpoint.facts())))) return true;
        throw new BadInput(target.path + " holds round " + checkpoint.round() + " of another training, expected none or the same; "
                + "set --output to another directory, or delete " + target.path.getParent());
    }

    private static Checkpoint load(Folder round) throws IOException {
        JsonNode commit = commit(round);
        Map<String, float[]> vectors = new LinkedHashMap<>();
        round.read(STATE, seal(commit), (in, length) -> {
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

    private static byte[] commit(Checkpoint checkpoint, Seal state) throws IOException {
        ObjectNode commit = JSON.createObjectNode().put("format", FORMAT).put("round", checkpoint.round());
        commit.set("facts", checkpoint.facts());
        commit.putObject("state").put("length", state.length()).put("sha256", state.sha256());
        commit.put("sha256", checksum(commit));
        return (JSON.writerWithDefaultPrettyPrinter().writeValueAsString(commit) + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** @throws BadInput if the file is not the commit of this directory */
    private static JsonNode commit(Folder round) throws IOException {
        Path file = new Path(round.path, COMMIT);
        try {
            JsonNode read = JSON.readTree(round.read(COMMIT));
            if (!(read instanceof ObjectNode commit)) throw new BadInput(file + " is not a JSON object");
            if (commit.path("format").asInt() > FORMAT) throw new BadInput(file + " has format " + commit.get("format") + ", this version reads up to "
                    + FORMAT + "; use the version of Rondo that wrote it");
            String expected = commit.path("sha256").asText("missing");
            commit.remove("sha256");
            String came = checksum(commit);
            if (!came.equals(expected)) throw new BadInput("sha256 of the content of " + file + " is " + came + ", expected " + expected);
            if (commit.get("round").asLong() != number(round)) throw new BadInput(file + " is of round " + commit.get("round"));
            return commit;
        } catch (JsonProcessingException e) {
            throw new BadInput(file + " is not JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static Seal seal(JsonNode commit) {
        return new Seal(commit.get("state").get("length").asLong(), commit.get("state").get("sha256").asText());
    }

    /** Of the object as it will be read, compact and with its fields in order. */
    private static String checksum(ObjectNode object) throws IOException {
        MessageDigest sha256 = Folder.sha256();
        sha256.update(JSON.writeValueAsBytes(JSON.readTree(JSON.writeValueAsBytes(object))));
        return Folder.hex(sha256);
    }
}
