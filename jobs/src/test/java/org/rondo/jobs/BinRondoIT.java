package org.rondo.jobs;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.Setting;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
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

    /** What the job is given, word by word. */
    private List<String> toTheJob(String... arguments) throws Exception {
        Result result = rondo(dryRun("/opt/spark"), arguments);
        assertEquals(0, result.code(), result.err());
        List<String> lines = List.of(result.out().split("\n", -1));
        return lines.subList(lines.indexOf(SCRIPT.resolveSibling("../jobs/target/rondo.jar").normalize().toString()) + 1, lines.size() - 1);
    }

    @Test void theValueOfAJobsOptionIsNeverAnOptionOfSpark() throws Exception {
        for (String value : List.of("", "=x", "-c", "--master", "--conf=a", " ", "--conf -c", "--supervise", "$(exit 1)", "*")) {
            assertEquals(List.of("generate", "--prompt", value, "--length", "3"), toTheJob("generate", "--prompt", value, "--length", "3"));
            assertEquals(List.of("generate", "--prompt=" + value), toTheJob("generate", "--prompt=" + value));
        }
        for (String stray : List.of("", "=x", " ", "--conf -c")) assertEquals(List.of("train", stray), toTheJob("train", stray));
        assertEquals(List.of("train", "--seed", "-3"), toTheJob("train", "--master", "local", "--seed", "-3", "-c", "a=b"));
    }

    @Test void aFlagOfAJobTakesNoWordWithIt() throws Exception {
        List<String> flags = new ArrayList<>(List.of("--help", "-h", "--version", "--scoring"));
        Setting.ALL.stream().filter(Setting::isFlag).forEach(setting -> flags.add("--" + setting.key()));
        for (String flag : flags) assertEquals(List.of("train", flag), toTheJob("train", flag, "--master", "yarn"));
    }

    /** spark-submit drops them for a local master. */
    @Test void planSeesTheExecutorsOfAClusterWithALocalMaster() throws Exception {
        List<String> plan = rondo(dryRun("/s"), "--executor-cores", "4", "plan", "--num-executors=2").lines();
        assertTrue(plan.contains("spark.executor.cores=4") && plan.contains("spark.executor.instances=2"), plan.toString());
        assertFalse(rondo(dryRun("/s"), "train", "--executor-cores", "4").lines().contains("spark.executor.cores=4"));
        writeText(20);
        Result four = rondo(Map.of(), words("plan --input text.txt --shards 4 --batch 2 --seqLen 8 --executor-cores 4"));
        assertTrue(four.out().contains("4 tasks at a time"), four.out() + four.err());
    }

    /** It is the application's, but for the jobs that have a setting of this name. */
    @Test void theNameOfAModelGoesToTheJob() throws Exception {
        for (String job : List.of("retrain", "models")) {
            List<String> lines = rondo(dryRun("/s"), job, "--name", "M").lines();
            assertEquals(List.of(job, "--name", "M"), lines.subList(lines.size() - 3, lines.size()));
        }
        List<String> lines = rondo(dryRun("/s"), "train", "--name", "M").lines();
        assertEquals(List.of("--name", "M"), lines.subList(1, 3));
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
                assertTrue(name.equals("--name") || Setting.ALL.stream().noneMatch(setting -> ("--" + setting.key()).equals(name)), name + " is a setting too");
            }
        }
    }

    @Test void withoutASparkHomeTheEmbeddedSparkRuns() throws Exception {
        Result result = rondo(dryRun(null), "plan");
        assertEquals("org.apache.spark.deploy.SparkSubmit", result.lines().get(1), result.out() + result.err());
    }

    @Test void aBenchSaysThatItHasNoMaster() throws Exception {
        Result bench = rondo(dryRun("/s"), "bench", "kernels", "--master", "yarn");
        assertEquals(0, bench.code(), bench.err());
        assertEquals(List.of("rondo: the master yarn is given, but has no effect with bench, which starts no Spark"), bench.err().lines().toList());
        assertEquals("", rondo(dryRun("/s"), "bench", "kernels").err());
        assertEquals("", rondo(dryRun("/s"), "bench", "rounds", "--master", "spark://m:7077").err());
    }

    @Test void whatIsMissingIsSaid() throws Exception {
        Result java = rondo(Map.of("JAVA_HOME", "/nowhere"), "plan");
        assertEquals(2, java.code());
        assertTrue(java.err().contains("JAVA_HOME is /nowhere"), java.err());
        Result spark = rondo(Map.of("SPARK_HOME", "/nowhere"), "plan");
        assertEquals(2, spark.code());
        assertEquals(1, spark.err().lines().count(), spark.err());
        assertTrue(spark.err().startsWith("rondo: SPARK_HOME is /nowhere"), spark.err());
        Result properties = rondo(Map.of(), "plan", "--properties-file", "absent.conf");
        assertEquals(2, properties.code());
        assertTrue(properties.err().contains("absent.conf"), properties.err());
    }

    private static String[] words(String line) {
        return line.split(" +");
    }

    private void writeText(int lines) throws IOException {
        Files.writeString(folder.resolve("text.txt"), "the quick brown fox jumps over the lazy dog\n".repeat(lines));
    }

    /** Beside what training says before it starts. */
    private static void assertSaysOnly(Result result, String... named) {
        assertEquals(2, result.code(), result.err());
        List<String> lines = result.err().lines().filter(line -> !line.contains(" characters to learn from, ") && !line.startsWith("memory: ") && !line.startsWith("outer optimiser: ")).toList();
        assertEquals(1, lines.size(), result.err());
        assertTrue(lines.get(0).startsWith("rondo: "), result.err());
        for (String name : named) assertTrue(lines.get(0).contains(name), "expected " + name + " in: " + result.err());
    }

    /** Eight floats and more for each of 200 * 1000 * 2000 units are more than an array of Java's holds. */
    @Test void whatATaskRefusesIsOnePlainLine() throws Exception {
        writeText(5000);
        String train = "train --input text.txt --output model --validation 0 --kernel reference --averaging parameters --layers 1 --hidden 2000 "
                + "--embedding 4 --batch 200 --seqLen 1000 --driver-memory 2g";
        assertSaysOnly(rondo(Map.of(), words(train)), "reference kernel");

        Result again = rondo(Map.of(), words(train + " --master local[1,2]"));
        assertEquals(2, again.code(), again.err());
        assertTrue(again.err().contains("WARN TaskSetManager: Lost task"), "what is tried again is said: " + again.err());
        assertFalse(again.err().contains("\tat "), again.err());

        Result debug = rondo(Map.of(), words(train + " --debug"));
        assertTrue(debug.err().contains("ERROR Executor") && debug.err().contains("\tat org.rondo."), debug.err());
    }

    @Test void aNativeLibraryThatIsMissingIsBadInput() throws Exception {
        writeText(20);
        Result result = rondo(Map.of(), words("train --input text.txt --output model --kernel native "
                + "--conf spark.driver.extraJavaOptions=-Drondo.native.library=/nonexistent"));
        assertEquals(2, result.code(), result.err());
        List<String> lines = result.err().lines().toList();
        assertTrue(lines.get(lines.size() - 1).matches("rondo: .*/nonexistent.*"), result.err());
        assertFalse(result.err().contains("\tat "), result.err());
    }

    @Test void divergenceIsOnePlainLineThatNamesRoundAndShard() throws Exception {
        writeText(20);
        assertSaysOnly(rondo(Map.of(), words("train --input text.txt --output model --averaging parameters --shards 2 --layers 1 --hidden 8 --embedding 4 "
                + "--batch 2 --seqLen 8 --optimizer sgd --learningRate 1e30 --clipNorm 0")), "diverged", "round 0", "shard 0", "learningRate");
    }

    /** A tiny network, once over the definitions. */
    @Test void quickstartEndsWithALineForScriptsAndReplacesOnlyItsOwnModel() throws Exception {
        String tiny = " --layers 1 --hidden 8 --embedding 4 --batch 128 --windowsPerRound 20 --epochs 1";
        for (int run = 1; run <= 2; run++) {
            Result result = rondo(Map.of(), words("quickstart" + tiny));
            assertEquals(0, result.code(), result.err());
            assertTrue(result.lines().get(result.lines().size() - 1)
                    .matches("model=models/quickstart/model bits_per_character=[0-9]\\.[0-9]{3} tokens_per_second=[1-9][0-9]*"), result.out());
        }
        Path text = folder.resolve("models/quickstart/definitions.txt");
        assertTrue(Files.readString(text.resolveSibling("definitions-LICENSE.txt")).contains("WordNet 3.1 Copyright 2011 by Princeton University"));

        writeText(20);
        Result other = rondo(Map.of(), words("train --input text.txt --output other/model --layers 1 --hidden 8 --embedding 4 --batch 2 --seqLen 8 --epochs 1"));
        assertEquals(0, other.code(), other.err());
        Result refused = rondo(Map.of(), words("quickstart --output other" + tiny));
        assertEquals(2, refused.code(), refused.err());
        assertTrue(refused.err().contains("already holds a model") && refused.err().contains("--overwrite"), refused.err());

        Files.writeString(text, "mine");
        assertSaysOnly(rondo(Map.of(), words("quickstart" + tiny)), "definitions.txt", "--overwrite");
        assertEquals("mine", Files.readString(text));
    }

    @Test void quickstartSaysWhatItCannotDo() throws Exception {
        assertSaysOnly(rondo(Map.of(), "quickstart", "--output", "hdfs://host/models"), "hdfs://host/models");
        assertSaysOnly(rondo(Map.of(), "quickstart", "--validation", "0.0"), "validation is 0.0");
    }

    @Test void gradientFlowLeavesATableAPictureAndAPage() throws Exception {
        Result result = rondo(Map.of(), words("gradient-flow --hidden 4 --embedding 2 --batch 2 --seqLen 12"));
        assertEquals(0, result.code(), result.err());
        assertEquals("page=gradient-flow/gradient-flow.html curves=20", result.lines().get(result.lines().size() - 1));
        for (String file : List.of("gradient-flow.tsv", "gradient-flow.svg", "gradient-flow.html"))
            assertTrue(Files.size(folder.resolve("gradient-flow").resolve(file)) > 1000, file);
    }

    @Test void theJarHasTheLicencesOfWhatItContains() throws Exception {
        try (ZipFile jar = new ZipFile(SCRIPT.resolveSibling("../jobs/target/rondo.jar").toFile())) {
            assertTrue(read(jar, "META-INF/LICENSE").contains("Apache License"));
            String notice = read(jar, "META-INF/NOTICE");
            Set<String> shaded = jar.stream().map(ZipEntry::getName).filter(name -> name.startsWith("org/rondo/shaded/"))
                    .map(name -> name.split("/")).filter(path -> path.length > 3).map(path -> path[3]).collect(Collectors.toSet());
            assertEquals(Set.of("picocli", "progressbar", "jline", "protobuf", "onnx"), shaded);
            for (String name : shaded) assertTrue(notice.contains("\n" + name), name + " is not in the notice: " + notice);
            assertTrue(read(jar, "META-INF/licenses/progressbar.txt").contains("Permission is hereby granted"));
            for (String bsd : List.of("jline", "protobuf")) assertTrue(read(jar, "META-INF/licenses/" + bsd + ".txt").contains("Redistribution and use"), bsd);
            assertNull(jar.getEntry("com/google/protobuf/Message.class"), "Spark's own may be of another version");
        }
    }

    private static String read(ZipFile jar, String entry) throws IOException {
        assertNotNull(jar.getEntry(entry), entry + " is missing");
        return new String(jar.getInputStream(jar.getEntry(entry)).readAllBytes(), StandardCharsets.UTF_8);
    }

    /** By a link, from a folder of the user's, with paths that count from there, settings from a file, and one overridden. */
    @Test void aModelIsTrainedMeasuredAndUsed() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("rondo"), SCRIPT);
        writeText(20);
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
        Result empty = run(link, Map.of(), "generate", "--model", "model", "--prompt", "", "--length", "20");
        assertEquals(0, empty.code(), empty.err());

        Result again = run(link, Map.of(), "train", "--properties-file", "small.conf", "--input", "text.txt", "--output", "model");
        assertEquals(2, again.code(), again.err());
        assertEquals(1, again.err().lines().count(), again.err());
        assertTrue(again.err().startsWith("rondo: ") && again.err().contains("--overwrite"), again.err());
    }
}
