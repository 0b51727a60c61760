package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands of pages and examples, run in a folder of their own, one after the other, as they stand there: but for a network that is tiny, and one epoch where they
 *  do not say how many. */
class DocsIT {
    private static final int SECONDS = 1800;
    private static final String SENTENCES = "the quick brown fox jumps over the lazy dog\nOnce upon a time there was a fox\n";
    @TempDir Path folder;

    @BeforeEach void tinyRondo() throws IOException {
        Path rondo = Files.createDirectories(folder.resolve("bin")).resolve("rondo");
        String tiny = Stream.of("rondo.layers=1", "rondo.hidden=8", "rondo.embedding=4", "rondo.batch=4", "rondo.seqLen=8", "rondo.epochs=1", "driver.memory=1g",
                "driver.extraJavaOptions=-XX:TieredStopAtLevel=1").map(entry -> " --conf spark." + entry).collect(Collectors.joining());
        Files.writeString(rondo, "#!/bin/sh\nexec " + Page.ROOT.resolve("bin/rondo") + tiny + " \"$@\"\n");
        assertTrue(rondo.toFile().setExecutable(true));
    }

    @Test void theQuickstartsCommandsRun() throws Exception {
        Files.writeString(folder.resolve("my.txt"), SENTENCES.repeat(40));
        shell(String.join("\n", commands("docs/quickstart.md")));
    }

    private static List<String> commands(String page) {
        List<String> commands = Page.read(Path.of(page)).blocks().stream().filter(Page.Block::isShell).flatMap(block -> block.commands().stream()).toList();
        assertTrue(commands.stream().anyMatch(line -> line.contains("bin/rondo")), page + " has no command");
        return commands;
    }

    /** Two nights, and what is done to a registry: without what is optional, a model copied in as the third version, and the JSON not looked through. */
    @Test void aModelIsRetrainedAsThePageSays() throws Exception {
        List<String> commands = commands("docs/retraining.md").stream().filter(line -> line.startsWith("bin/rondo ")).map(line -> line.replaceAll(" \\[[^]]*]", "").replaceFirst(" +#.*", "")
                .replaceFirst(" \\| jq .*", "").replaceFirst("\\bNAME\\b", "news").replaceFirst("\\bDIR\\b", "R/news/versions/1").replaceFirst("\\bN\\b", "3")).toList();
        String retrain = commands.get(0);
        assertTrue(retrain.startsWith("bin/rondo retrain "), retrain);
        for (String job : List.of("add", "promote", "rollback", "prune")) assertTrue(commands.stream().anyMatch(line -> line.startsWith("bin/rondo models " + job + " ")), commands.toString());
        Path news = Files.createDirectories(folder.resolve("corpora/news"));
        LocalDate today = LocalDate.now(ZoneOffset.UTC);
        for (int ago = 0; ago < 4; ago++) Files.writeString(news.resolve(today.minusDays(ago).toString()), SENTENCES.repeat(40));
        Files.writeString(folder.resolve("corpora/news-holdout"), SENTENCES.repeat(5));
        Files.writeString(folder.resolve("news.conf"), "spark.rondo.learningRate 0.01\nspark.rondo.warmUp 0\n");
        String log = shell(retrain + "\nfor day in corpora/news/*; do echo 'over the dog' >> $day; done\n" + String.join("\n", commands));
        assertTrue(log.contains("\npromoted version 1: the first version\n") && log.contains("\npromoted version 2: perplexity "), log);
        for (String said : List.of(": added version 3, ", ": current is now version 3 (promote of ", ": current is now version 2 (rollback of ", ": deleted 0 versions, "))
            assertTrue(log.contains(said), said + " is not in " + log);
    }

    /** Of a text of a hundred words, each of which mostly has the next after it. */
    @Test @Tag("cluster") void theNightsOfTheExampleEndAsTheyShould() throws Exception {
        Files.copy(Page.ROOT.resolve("examples/nightly.sh"), Files.createDirectories(folder.resolve("examples")).resolve("nightly.sh"));
        text("train.txt", 1, 3 * 1500);
        text("holdout.txt", 2, 300);
        String log = shell("bash examples/nightly.sh train.txt holdout.txt nights");
        assertEquals(List.of("0", "0", "2", "2", "3", "0"), log.lines().filter(line -> line.startsWith("exit code ")).map(line -> line.substring(10)).toList(), log);
        assertTrue(log.contains(": current is now version 1 (rollback of "), log);
    }

    private void text(String name, int seed, int lines) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder text = new StringBuilder();
        for (int line = 0, at = 0; line < lines; line++, text.append('\n'))
            for (int word = 0; word < 10; word++) text.append('w').append(at = random.nextInt(10) == 0 ? random.nextInt(100) : (at + 1) % 100).append(' ');
        Files.writeString(folder.resolve(name), text);
    }

    /** @return what was printed */
    private String shell(String commands) throws Exception {
        Path log = folder.resolve("log");
        ProcessBuilder shell = new ProcessBuilder("bash", "-exuo", "pipefail", "-c", commands).directory(folder.toFile()).redirectErrorStream(true).redirectOutput(log.toFile());
        shell.environment().remove("SPARK_HOME");
        shell.environment().put("JAVA_HOME", System.getProperty("java.home"));
        shell.environment().put("RONDO_BUILD", "no");
        Process process = shell.start();
        try {
            assertTrue(process.waitFor(SECONDS, TimeUnit.SECONDS), () -> "still running: " + read(log));
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
        assertEquals(0, process.exitValue(), () -> read(log));
        return read(log);
    }

    private static String read(Path log) {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
