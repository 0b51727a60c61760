package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same command, whatever happens to it: drivers in JVMs of their own that are killed with SIGKILL, and executors in JVMs
 *  of their own, give the bits of an undisturbed local run. */
class RecoveryIT {
    private static final Path SCRIPT = Path.of("../bin/rondo").toAbsolutePath().normalize();
    private static final int SECONDS = 150;

    @TempDir Path folder;

    @BeforeEach void writeText() throws IOException {
        SplittableRandom random = new SplittableRandom(8);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 5000; i++) text.append("abcdefgh ".charAt(random.nextInt(9))).append(i % 50 == 49 ? '\n' : 'x');
        Files.writeString(folder.resolve("text"), text);
    }

    @Test void aKilledDriverResumesToTheSameBits() throws Exception {
        assertEquals(0, finish(start("local[2]", "whole")));
        int kills = 0;
        for (int written : new int[] {1, 3, 12}) {       // checkpoints, one after every second round; the last may be half written
            Process driver = start("local[2]", "killed");
            int before = newestRound("killed");
            while (driver.isAlive() && newestRound("killed") < before + 2 * written) Thread.sleep(5);
            if (driver.isAlive()) kills++;
            driver.destroyForcibly().waitFor();
        }
        assertEquals(3, kills, "a driver ended before it was killed; the text is too short for this machine");
        assertEquals(0, finish(start("local[2]", "killed")));
        assertTrue(Files.readString(folder.resolve("killed.log")).contains("resuming from"), "the last run did not resume");
        assertArrayEquals(model("whole"), model("killed"));
    }

    @Test void executorsInOtherJvmsGiveTheSameBits() throws Exception {
        assertEquals(0, finish(start("local[1]", "one")));
        assertEquals(0, finish(start("local-cluster[2,1,1024]", "cluster")));
        assertArrayEquals(model("one"), model("cluster"));
    }

    private Process start(String master, String output) throws IOException {
        List<String> command = new ArrayList<>(List.of(SCRIPT.toString(), "train", "--master", master, "--driver-memory", "512m",
                "--input", "text", "--output", output, "--hidden", "16", "--layers", "2", "--embedding", "8", "--batch", "2", "--seqLen", "10",
                "--dropout", "0.2", "--shards", "3", "--averaging", "parameters", "--windowsPerRound", "2", "--epochs", "2", "--checkpointEvery", "2"));
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true)
                .redirectOutput(folder.resolve(output + ".log").toFile());
        builder.environment().remove("SPARK_HOME");
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("RONDO_BUILD", "no");
        return builder.start();
    }

    private static int finish(Process process) throws InterruptedException {
        assertTrue(process.waitFor(SECONDS, TimeUnit.SECONDS), "still running after " + SECONDS + " s");
        return process.exitValue();
    }

    private int newestRound(String output) throws IOException {
        Path checkpoints = folder.resolve(output).resolve("checkpoints");
        if (!Files.isDirectory(checkpoints)) return 0;
        try (Stream<Path> rounds = Files.list(checkpoints)) {
            return rounds.mapToInt(p -> Integer.parseInt(p.getFileName().toString().replaceFirst("round-", ""))).max().orElse(0);
        }
    }

    private byte[] model(String output) throws IOException {
        return Files.readAllBytes(folder.resolve(output).resolve("model.safetensors"));
    }
}
