package org.rondo.driver.checkpoints;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;

class CheckpointsTest {
    @TempDir Path temp;
    private Path dir;
    private Checkpoints checkpoints;
    private final List<String> notes = new ArrayList<>();

    @BeforeEach void open() {
        dir = temp.resolve("out put/checkpoints");
        checkpoints = new Checkpoints(new org.apache.hadoop.fs.Path(dir.toString()), new Configuration(), 3);
    }

    @Test void whatIsWrittenIsReadToTheBit() {
        Checkpoint written = checkpoint(120);
        written.facts().put("pi", Math.PI).put("float", 0.1f).put("large", Long.MAX_VALUE).put("text", "ü\n\"").putObject("deep").put("b", 1).put("a", true);
        checkpoints.write(written);
        Checkpoint read = newest().orElseThrow();
        assertEquals(120, read.round());
        assertEquals(Math.PI, read.facts().get("pi").asDouble());
        assertEquals(Long.MAX_VALUE, read.facts().get("large").asLong());
        assertEquals("ü\n\"", read.facts().get("text").asText());
        assertEquals(written.facts().get("deep"), read.facts().get("deep"));
        assertEquals(List.of("carried_0", "empty", "parameters"), read.vectors().keySet().stream().sorted().toList());
        written.vectors().forEach((name, vector) -> assertArrayEquals(vector, read.vectors().get(name)));
        assertEquals(List.of(), notes);
    }

    @Test void thereIsNoneBeforeTheFirst() {
        assertEquals(Optional.empty(), newest());
        assertEquals(List.of(), notes);
    }

    @Test void theSameCheckpointIsTheSameBytes() throws IOException {
        checkpoints.write(checkpoint(7));
        byte[] state = Files.readAllBytes(file(7, "state.safetensors")), commit = Files.readAllBytes(file(7, "commit.json"));
        checkpoints.delete();
        checkpoints.write(checkpoint(7));
        assertArrayEquals(state, Files.readAllBytes(file(7, "state.safetensors")));
        assertArrayEquals(commit, Files.readAllBytes(file(7, "commit.json")));
    }

    @Test void theLastGoodOnesAreKept() throws IOException {
        for (int round = 10; round <= 60; round += 10) checkpoints.write(checkpoint(round));
        assertEquals(List.of("round-00000040", "round-00000050", "round-00000060"), directories());
        Files.delete(file(50, "commit.json"));          // does not count, and goes once three newer ones are there
        checkpoints.write(checkpoint(70));
        assertEquals(List.of("round-00000040", "round-00000050", "round-00000060", "round-00000070"), directories());
        checkpoints.write(checkpoint(80));
        assertEquals(List.of("round-00000060", "round-00000070", "round-00000080"), directories());
        assertEquals(80, newest().orElseThrow().round());
    }

    @Test void aDamagedNewerOneDoesNotCountForThoseThatAreKept() throws IOException {
        Checkpoints one = new Checkpoints(checkpoints.directory(), new Configuration(), 1);
        checkpoints.write(checkpoint(100));
        checkpoints.write(checkpoint(120));
        byte[] state = Files.readAllBytes(file(120, "state.safetensors"));
        state[state.length - 1] ^= 1;
        Files.write(file(120, "state.safetensors"), state);
        one.write(checkpoint(110));         // training went on from 100
        assertEquals(List.of("round-00000110", "round-00000120"), directories());
        assertEquals(110, newest().orElseThrow().round());
        one.write(checkpoint(120));
        assertEquals(List.of("round-00000120"), directories());
        assertEquals(120, newest().orElseThrow().round());
    }

    @Test void numbersBeyondEightDigitsAreTheNewest() {
        checkpoints.write(checkpoint(99_999_999));
        checkpoints.write(checkpoint(100_000_000));
        assertEquals(100_000_000, newest().orElseThrow().round());
    }

    @Test void foreignFilesAreLeftAlone() throws IOException {
        checkpoints.write(checkpoint(1));
        Files.createDirectory(dir.resolve("round-mine"));
        Files.writeString(dir.resolve("round-00000009"), "a file");
        for (int round = 2; round < 9; round++) checkpoints.write(checkpoint(round));
        assertEquals(List.of("round-00000006", "round-00000007", "round-00000008", "round-00000009", "round-mine"), directories());
        assertEquals(8, newest().orElseThrow().round());
    }

    @Test void aFlippedBitAnywhereIsFoundAndTheOneBeforeIsUsed() throws IOException {
        checkpoints.write(checkpoint(100));
        checkpoints.write(checkpoint(120));
        for (String name : List.of("state.safetensors", "commit.json")) {
            byte[] good = Files.readAllBytes(file(120, name));
            for (int at = 0; at < good.length; at++) {
                byte[] flipped = good.clone();
                flipped[at] ^= 1 << at % 8;
                Files.write(file(120, name), flipped);
                notes.clear();
                long came = newest().orElseThrow().round();
                boolean harmless = name.equals("commit.json") && notes.isEmpty();       // a blank of the JSON that became another
                assertEquals(harmless ? 120 : 100, came, name + " byte " + at);
                if (harmless) assertTrue(good[at] == ' ' || good[at] == '\n', name + " byte " + at);
                else assertTrue(notes.get(0).startsWith("checkpoint file:" + dir + "/round-00000120 ") && notes.get(0).endsWith("; resuming from round 100"), notes.get(0));
            }
            Files.write(file(120, name), good);
        }
        notes.clear();
        byte[] state = Files.readAllBytes(file(120, "state.safetensors"));
        state[state.length - 1] ^= 1;
        Files.write(file(120, "state.safetensors"), state);
        newest();
        assertTrue(notes.get(0).matches("checkpoint file:\\S+ \\S+/round-00000120 is damaged \\(sha256 of file:\\S+ \\S+/state.safetensors is \\p{XDigit}{64}, "
                + "expected \\p{XDigit}{64}; the file is damaged or was changed, copy or write it again\\); resuming from round 100"), notes.get(0));
    }

    @Test void aFileCutOffAnywhereIsFound() throws IOException {
        checkpoints.write(checkpoint(100));
        checkpoints.write(checkpoint(120));
        for (String name : List.of("state.safetensors", "commit.json")) {
            byte[] good = Files.readAllBytes(file(120, name));
            for (int length = 0; length < good.length; length++) {
                Files.write(file(120, name), Arrays.copyOf(good, length));
                assertEquals(100, newest().orElseThrow().round(), name + " cut to " + length);
            }
            Files.write(file(120, name), good);
        }
        assertEquals(120, newest().orElseThrow().round());
    }

    @Test void aFileThatIsMissingIsFound() throws IOException {
        checkpoints.write(checkpoint(100));
        checkpoints.write(checkpoint(120));
        Files.delete(file(120, "state.safetensors"));
        assertEquals(100, newest().orElseThrow().round());
        assertEquals("checkpoint file:" + dir + "/round-00000120 is damaged (file:" + dir + "/round-00000120/state.safetensors is missing; copy the whole directory again)"
                + "; resuming from round 100", notes.get(0));
    }

    @Test void oneThatWasNotFinishedIsPassedOver() throws IOException {
        checkpoints.write(checkpoint(1));
        Files.delete(file(1, "commit.json"));
        assertEquals(Optional.empty(), newest());
        assertEquals(List.of("checkpoint file:" + dir + "/round-00000001 was not finished; starting from the beginning"), notes);
    }

    @Test void ifAllAreDamagedNothingStartsFromTheBeginning() throws IOException {
        checkpoints.write(checkpoint(1));
        checkpoints.write(checkpoint(2));
        for (int round = 1; round <= 2; round++) Files.write(file(round, "state.safetensors"), new byte[1]);
        String message = assertThrows(BadInput.class, this::newest).getMessage();
        assertTrue(message.startsWith("no checkpoint in file:" + dir + " can be used, expected one that is whole: checkpoint file:" + dir + "/round-00000002 is damaged ("), message);
        assertTrue(message.contains("state.safetensors has 1 bytes, expected ") && message.contains("round-00000001 is damaged"), message);
        assertTrue(message.endsWith("; set --overwrite or delete the directory to start from the beginning"), message);
        assertEquals(List.of(), notes);
    }

    @Test void aNewerFormatIsNamed() throws IOException {
        checkpoints.write(checkpoint(1));
        Files.writeString(file(1, "commit.json"), Files.readString(file(1, "commit.json")).replace("\"format\" : 1", "\"format\" : 2"));
        assertTrue(assertThrows(BadInput.class, this::newest).getMessage().contains("commit.json has format 2, this version reads up to 1; use the version of Rondo that wrote it"));
    }

    @Test void aCheckpointMovedToAnotherRoundIsDamaged() throws IOException {
        checkpoints.write(checkpoint(1));
        Files.move(dir.resolve("round-00000001"), dir.resolve("round-00000002"));
        assertTrue(assertThrows(BadInput.class, this::newest).getMessage().contains("commit.json is of round 1"));
    }

    @Test void anUnfinishedOrDamagedOneIsReplacedByTheSameRound() throws IOException {
        checkpoints.write(checkpoint(1));
        Files.delete(file(1, "commit.json"));
        checkpoints.write(checkpoint(1));
        assertEquals(1, newest().orElseThrow().round());
        Files.write(file(1, "state.safetensors"), new byte[3]);
        checkpoints.write(checkpoint(1));
        assertEquals(1, newest().orElseThrow().round());
        assertEquals(List.of(), notes);
    }

    @Test void aGoodOneOfTheSameRoundIsNotTouched() throws IOException {
        checkpoints.write(checkpoint(1));
        var before = Files.getLastModifiedTime(file(1, "state.safetensors"));
        Object inode = Files.getAttribute(file(1, "state.safetensors"), "unix:ino");
        checkpoints.write(checkpoint(1));
        assertEquals(before, Files.getLastModifiedTime(file(1, "state.safetensors")));
        assertEquals(inode, Files.getAttribute(file(1, "state.safetensors"), "unix:ino"));

        Checkpoint otherVector = checkpoint(1), otherFact = checkpoint(1);
        otherVector.vectors().get("parameters")[0]++;
        otherFact.facts().put("learningRate", 0.5);
        for (Checkpoint other : List.of(otherVector, otherFact))
            assertEquals("file:" + dir + "/round-00000001 holds round 1 of another training, expected none or the same; set --output to another directory, or delete file:" + dir,
                    assertThrows(BadInput.class, () -> checkpoints.write(other)).getMessage());
        assertArrayEquals(checkpoint(1).vectors().get("parameters"), newest().orElseThrow().vectors().get("parameters"));
    }

    /** A process may die after any byte: whatever is on the disk then, the checkpoint before is found, or this one whole. */
    @Test void aWriteThatDiesAfterAnyByteLosesNothing() throws IOException {
        checkpoints.write(checkpoint(1));
        boolean whole = false;
        int died = 0;
        for (long allowed = 0; !whole; allowed += Dying.STEP) {
            Checkpoints onDying = new Checkpoints(Dying.path(dir), Dying.after(allowed), 3);
            try {
                onDying.write(checkpoint(2));
                whole = true;
            } catch (UncheckedIOException e) {
                died++;
                assertTrue(e.getMessage().startsWith("cannot write the checkpoint dying:"), e.getMessage());
                assertTrue(e.getMessage().endsWith("round-00000002: no more bytes"), e.getMessage());
                Checkpoint found = newest().orElseThrow();
                assertEquals(1, found.round(), "died after " + allowed + " bytes");
            }
        }
        assertTrue(died > 20);
        notes.clear();
        assertEquals(2, newest().orElseThrow().round());
        assertEquals(List.of(), notes);
    }

    @Test void localFilesCanBeSyncedToTheDisk() throws IOException {
        Folder folder = new Folder(new org.apache.hadoop.fs.Path(dir.toString()), new Configuration());
        try (FSDataOutputStream out = folder.fs.create(new org.apache.hadoop.fs.Path(folder.path, "x"))) {
            assertTrue(out.hasCapability("hsync"));
        }
    }

    @Test void deletingLeavesWhatIsNotOurs() throws IOException {
        checkpoints.write(checkpoint(1));
        Path file = Files.writeString(dir.resolve("weights.bin"), "mine");
        Files.createDirectories(dir.resolve("round-00000002"));
        Path deep = Files.writeString(dir.resolve("round-00000002/thesis.txt"), "mine");
        Path beside = Files.writeString(file(1, "notes.txt"), "mine");
        checkpoints.delete();
        for (Path mine : List.of(file, deep, beside)) assertEquals("mine", Files.readString(mine));
        assertEquals(List.of("round-00000001", "round-00000002", "weights.bin"), directories());
        assertFalse(Files.exists(file(1, "state.safetensors")));
    }

    @Test void onlyADirectoryWithACheckpointOrNothingIsOurs() throws IOException {
        assertFalse(checkpoints.exist());
        Files.createDirectories(dir);
        assertTrue(checkpoints.exist());
        Files.writeString(dir.resolve("weights.bin"), "mine");
        assertFalse(checkpoints.exist());
        Files.createDirectories(dir.resolve("round-00000001"));
        Files.writeString(file(1, "thesis.txt"), "mine");
        assertFalse(checkpoints.exist());
        checkpoints.write(checkpoint(2));
        assertTrue(checkpoints.exist());
        Files.delete(file(2, "commit.json"));           // killed while it was written
        assertTrue(checkpoints.exist());
        checkpoints.delete();
        assertFalse(checkpoints.exist());
    }

    @Test void digitsAreTheSameInEveryLanguage() throws IOException {
        Locale before = Locale.getDefault();
        Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
        try {
            for (int round = 1; round <= 4; round++) checkpoints.write(checkpoint(round));
            assertEquals(4, newest().orElseThrow().round());
        } finally {
            Locale.setDefault(before);
        }
        assertEquals(List.of("round-00000002", "round-00000003", "round-00000004"), directories());
    }

    @Test void deletingLeavesNothing() {
        checkpoints.write(checkpoint(1));
        checkpoints.delete();
        assertFalse(Files.exists(dir));
        checkpoints.delete();
        assertEquals(Optional.empty(), newest());
    }

    @Test void noChecksumFilesAreLeftBesideThem() throws IOException {
        checkpoints.write(checkpoint(1));
        try (Stream<Path> all = Files.walk(dir)) {
            assertEquals(List.of("commit.json", "state.safetensors"), all.filter(Files::isRegularFile).map(p -> p.getFileName().toString()).sorted().toList());
        }
    }

    private Optional<Checkpoint> newest() {
        return checkpoints.newest(notes::add);
    }

    private static Checkpoint checkpoint(long round) {
        ObjectNode facts = new ObjectMapper().createObjectNode().put("learningRate", 0.1).put("best", "0x1.8p1");
        Map<String, float[]> vectors = new LinkedHashMap<>();
        vectors.put("parameters", new float[] {round, -1.5f, 3e-9f});
        vectors.put("carried_0", new float[] {0.25f});
        vectors.put("empty", new float[0]);
        return new Checkpoint(round, facts, vectors);
    }

    private Path file(int round, String name) {
        return dir.resolve(String.format("round-%08d", round)).resolve(name);
    }

    private List<String> directories() throws IOException {
        try (Stream<Path> list = Files.list(dir)) {
            return list.map(p -> p.getFileName().toString()).sorted().toList();
        }
    }
}
