package org.rondo.jobs;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.Setting;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** bin/rondo as a user has it: the script, the embedded Spark, the shaded jar, a JVM of its own. */
class BinRondoIT {
    private static final Path SCRIPT = Path.of("../bin/rondo").toAbsolutePath().normalize();
    /** Options of spark-submit that would start something else than a job of ours. */
    private static final Set<String> NOT_OURS = Set.of("--class", "--kill", "--status", "--py-files", "--usage-error", "--help", "--version", "--remote");

    @TempDir Path folder;

    private record Result(int code, String out, String err) {
        List<String> lines() {
            return out.lines().toList();
        }
    }

    private Result rondo(Map<String, String> environment, String... arguments) throws IOException, InterruptedException {
        return run(SCRIPT, environment, arguments);
    }

    private Result run(Path script, Map<String, String> environment, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(script.toString()));
        command.addAll(List.of(arguments));
        File out = folder.resolve("stdout").toFile(), err = folder.resolve("stderr").toFile();
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile()).redirectOutput(out).redirectError(err);
        builder.environment().remove("SPARK_HOME");
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("RONDO_BUILD", "no");
        builder.environment().putAll(environment);
        Process process = builder.start();
        assertTrue(process.waitFor(100, TimeUnit.SECONDS), "still running: " + command);
        return new Result(process.exitValue(), Files.readString(out.toPath()), Files.readString(err.toPath()));
    }

    private static Map<String, String> dryRun(String sparkHome) {
        return sparkHome == null ? Map.of("RONDO_DRY_RUN", "yes") : Map.of("RONDO_DRY_RUN", "yes", "SPARK_HOME", sparkHome);
    }

    @Test void optionsOfSparkSubmitGoBeforeTheJar() throws Exception {
        Result result = rondo(dryRun("/opt/spark"), "train", "--hidden", "3", "--master", "yarn", "--conf=a=b c", "--prompt", "two  words", "--supervise");
        String jar = SCRIPT.resolveSibling("../jobs/target/rondo.jar").normalize().toString();
        assertEquals(List.of("/opt/spark/bin/spark-submit", "--master", "yarn", "--conf", "a=b c", "--supervise", jar,
                "train", "--hidden", "3", "--prompt", "two  words"), result.lines(), result.err());
    }

    @Test void everyOptionOfSparkSubmitIsKnown() throws Exception {
        Class<?> parser = Class.forName("org.apache.spark.launcher.SparkSubmitOptionParser");
        var constructor = parser.getDeclaredConstructor();
        constructor.setAccessible(true);
        Object spark = constructor.newInstance();
        for (boolean value : new boolean[] {true, false}) {
            Field field = parser.getDeclaredField(value ? "opts" : "switches");
            field.setAccessible(true);
            Set<String> names = new TreeSet<>();
            for (String[] names0 : (String[][]) field.get(spark)) names.addAll(Arrays.asList(names0));
            names.removeAll(NOT_OURS);
            names.removeIf(name -> !name.startsWith("--"));
            Files.writeString(folder.resolve("value"), "");     // --properties-file must exist
            for (String name : names) {
                Result result = value ? rondo(dryRun("/s"), "train", name, "value") : rondo(dryRun("/s"), "train", name);
                assertEquals(name, result.lines().size() > 1 ? result.lines().get(1) : result.err(), "bin/rondo does not know " + name);
                assertTrue(Setting.ALL.stream().noneMatch(setting -> ("--" + setting.key()).equals(name)), name + " is a setting too");
            }
        }
    }

    @Test void withoutASparkHomeTheEmbeddedSparkRuns() throws Exception {
        Result result = rondo(dryRun(null), "plan");
        assertEquals("org.apache.spark.deploy.SparkSubmit", result.lines().get(1), result.out() + result.err());
    }

    @Test void whatIsMissingIsSaid() throws Exception {
        Result java = rondo(Map.of("JAVA_HOME", "/nowhere"), "plan");
        assertEquals(2, java.code());
        assertTrue(java.err().contains("JAVA_HOME is /nowhere"), java.err());
        Result properties = rondo(Map.of(), "plan", "--properties-file", "absent.conf");
        assertEquals(2, properties.code());
        assertTrue(properties.err().contains("absent.conf"), properties.err());
    }

    /** By a link, from a folder of the user's, with paths that count from there, settings from a file, and one overridden. */
    @Test void aModelIsTrainedMeasuredAndUsed() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("rondo"), SCRIPT);
        Files.writeString(folder.resolve("text.txt"), "the quick brown fox jumps over the lazy dog\n".repeat(20));
        Files.writeString(folder.resolve("small.conf"), """
                spark.rondo.hidden     8
                spark.rondo.layers     1
                spark.rondo.batch      2
                spark.rondo.seqLen     8
                spark.rondo.epochs     500
                """);
        Result train = run(link, Map.of(), "train", "--master", "local[2]", "--properties-file", "small.conf", "--input", "text.txt",
                "--output", "model", "--epochs", "1", "--validation", "0.2");
        assertEquals(0, train.code(), train.err());
        assertTrue(train.err().contains("epoch 1/1"), "the option wins over the file: " + train.err());
        assertTrue(Files.exists(folder.resolve("model/model.safetensors")));
        assertFalse(train.err().contains("WARN") || train.err().contains("INFO") || train.err().contains("ERROR"), "Spark is loud: " + train.err());

        Result evaluate = run(link, Map.of(), "evaluate", "--input", "text.txt", "--model", "model");
        assertEquals(0, evaluate.code(), evaluate.err());
        assertTrue(evaluate.lines().stream().anyMatch(line -> line.matches("perplexity +[0-9.]+")), evaluate.out());

        Result generate = run(link, Map.of(), "generate", "--model", "model", "--prompt", "the fox", "--length", "20");
        assertEquals(0, generate.code(), generate.err());
        assertTrue(generate.out().startsWith("the fox"), generate.out());

        Result again = run(link, Map.of(), "train", "--properties-file", "small.conf", "--input", "text.txt", "--output", "model");
        assertEquals(2, again.code(), again.err());
        assertEquals(1, again.err().lines().count(), again.err());
        assertTrue(again.err().startsWith("rondo: ") && again.err().contains("--overwrite"), again.err());
    }
}
