package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands of a page, run in a folder of their own, one block after the other, as they stand there: but for a network that is tiny, and one epoch where the
 *  page does not say how many. */
class DocsIT {
    @TempDir Path folder;

    @ParameterizedTest @ValueSource(strings = "docs/quickstart.md")
    void aPagesCommandsRun(String file) throws Exception {
        Files.createDirectories(folder.resolve("bin"));
        Path rondo = folder.resolve("bin/rondo");
        String tiny = Stream.of("rondo.layers=1", "rondo.hidden=8", "rondo.embedding=4", "rondo.batch=4", "rondo.seqLen=8", "rondo.epochs=1", "driver.memory=1g",
                "driver.extraJavaOptions=-XX:TieredStopAtLevel=1").map(entry -> " --conf spark." + entry).collect(Collectors.joining());
        Files.writeString(rondo, "#!/bin/sh\nexec " + Page.ROOT.resolve("bin/rondo") + tiny + " \"$@\"\n");
        assertTrue(rondo.toFile().setExecutable(true));
        Files.writeString(folder.resolve("my.txt"), "the quick brown fox jumps over the lazy dog\nOnce upon a time there was a fox\n".repeat(40));
        List<String> commands = Page.read(Path.of(file)).blocks().stream().filter(Page.Block::isShell).flatMap(block -> block.commands().stream()).toList();
        assertTrue(commands.stream().anyMatch(line -> line.contains("bin/rondo")), file + " has no command");
        Path log = folder.resolve("log");
        ProcessBuilder shell = new ProcessBuilder("bash", "-exuo", "pipefail", "-c", String.join("\n", commands)).directory(folder.toFile()).redirectErrorStream(true).redirectOutput(log.toFile());
        shell.environment().remove("SPARK_HOME");
        shell.environment().put("JAVA_HOME", System.getProperty("java.home"));
        shell.environment().put("RONDO_BUILD", "no");
        Process process = shell.start();
        try {
            assertTrue(process.waitFor(600, TimeUnit.SECONDS), () -> "still running: " + file);
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
        assertEquals(0, process.exitValue(), () -> read(log));
    }

    private static String read(Path log) {
        try {
            return Files.readString(log);
        } catch (java.io.IOException e) {
            return e.toString();
        }
    }
}
