package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
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
        String tiny = List.of("layers=1", "hidden=8", "embedding=4", "batch=4", "seqLen=8", "epochs=1").stream().map(entry -> " --conf spark.rondo." + entry).collect(Collectors.joining());
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
            assertTrue(process.waitFor(300, TimeUnit.SECONDS), () -> "still running: " + file);
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
