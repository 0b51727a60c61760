package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.registry.Entry;
import org.rondo.driver.registry.Registry;
import org.rondo.driver.registry.Version;
import org.rondo.driver.retraining.Retraining;
import org.rondo.driver.rounds.Plan;
import org.rondo.driver.rounds.Progress;

/** retrain in a JVM of its own, killed with SIGKILL at points spread over everything that it changes on disk, from the lease to the pointer. */
@Tag("cluster") class KilledRetrainIT {
    private static final int POINTS = 24, LEAST = 30, SECONDS = 900, KILLED = 128 + 9;
    private static final Configuration CONF = new Configuration(false);
    @TempDir Path dir;

    @Test void theCurrentVersionIsTheOldOrTheNewOneWheneverItIsKilled() throws Exception {
        text("one", 1);
        text("two", 2);
        text("holdout", 3);
        assertEquals(0, retrain("clean", "one", 0));
        String old = checksum(entry("clean"));
        copy("clean", "whole");
        Files.deleteIfExists(dir.resolve("changes"));
        assertEquals(0, retrain("whole", "two", 0));
        String next = checksum(entry("whole"));
        int changes = (int) Files.size(dir.resolve("changes"));
        assertTrue(changes > POINTS && !old.equals(next), changes + " changes");
        Map<String, Callable<Integer>> kills = new LinkedHashMap<>();
        // the last ones are those of verdict, pointer and release: every one of them, and of all 24 that are spread evenly
        Stream.concat(IntStream.range(0, POINTS).mapToObj(p -> 1 + p * (changes - 1) / POINTS), IntStream.rangeClosed(Math.max(1, changes - 11), changes).boxed()).sorted().distinct()
                .forEach(at -> kills.put("before change " + at, () -> retrain("killed", "two", at)));
        for (int later : new int[] {0, 100, 300}) kills.put(later + " ms into the measuring", () -> killedMeasuring(later));        // which changes nothing on disk
        int killed = 0;
        TreeSet<Integer> found = new TreeSet<>();
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf(false).setMaster("local[1]").setAppName("KilledRetrainIT").set("spark.ui.enabled", "false").set("spark.driver.host", "127.0.0.1"))) {
            for (Map.Entry<String, Callable<Integer>> kill : kills.entrySet()) {
                copy("clean", "killed");
                int code = kill.getValue().call();
                Entry entry = entry("killed");
                int version = entry.current().orElseThrow().version();
                assertEquals(version == 1 ? old : next, checksum(entry), "version " + version + " after a kill " + kill.getKey());
                if (code == KILLED) {           // events are written by the clock, so that the last changes are not always there
                    killed++;
                    found.add(version);
                }
                assertTrue(again(sc, "killed").promoted(), "again, after a kill " + kill.getKey());
                // a kill between the claim of a number and its directory costs that number
                assertTrue(entry.current().orElseThrow().version() > 1, "the new one is current, after a kill " + kill.getKey());
                assertEquals(List.of(Version.State.CURRENT, Version.State.PREVIOUS), entry.versions().stream().map(Version::state).toList(), "and nothing else is left, after a kill " + kill.getKey());
                assertEquals(next, checksum(entry), "the same bits as without a kill " + kill.getKey());
                delete(dir.resolve("killed"));
            }
        }
        assertEquals(new TreeSet<>(List.of(1, 2)), found, "kills before and after the pointer moved");
        System.out.println("killed " + killed + " times, among " + changes + " changes");
        assertTrue(killed >= LEAST, killed + " kills");
    }

    private void text(String name, int seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder text = new StringBuilder();
        for (int line = 0, at = 0; line < 60; line++) {
            for (int word = 0; word < 10; word++) text.append("abcdef".charAt(at = random.nextInt(10) == 0 ? random.nextInt(6) : (at + 1) % 6)).append(' ');
            text.append('\n');
        }
        Files.writeString(dir.resolve(name), text);
    }

    private Map<String, String> settings(String registry, String data) {
        Map<String, String> all = new HashMap<>(Map.of("registry", registry, "name", "lm", "newData", dir.resolve(data).toString(), "holdout", dir.resolve("holdout").toString(),
                "unit", "word", "hidden", "8", "embedding", "6", "layers", "1", "batch", "2"));
        all.putAll(Map.of("seqLen", "20", "epochs", "3", "validation", "0", "learningRate", "0.01", "leastTokens", "100", "warmUp", "20", "leaseMinutes", "1"));
        return all;
    }

    /** @return the exit code; 137 when killed */
    private int retrain(String registry, String data, int at) throws Exception {
        return ended(start(registry, data, at));
    }

    /** The same, some time after it has begun to measure. */
    private int killedMeasuring(int milliseconds) throws Exception {
        Process process = start("killed", "two", 0);
        while (process.isAlive() && !Files.readString(dir.resolve("log")).contains("measuring version 2")) Thread.sleep(5);
        process.waitFor(milliseconds, TimeUnit.MILLISECONDS);
        process.destroyForcibly();
        return ended(process);
    }

    private Process start(String registry, String data, int at) throws IOException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx512m", "-XX:TieredStopAtLevel=1"));
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments().stream().filter(option -> option.startsWith("--add-") || option.equals("-XX:+IgnoreUnrecognizedVMOptions")).toList());
        command.addAll(List.of("-Dspark.master=local[1]", "-Dspark.ui.enabled=false", "-Dspark.driver.host=127.0.0.1", "-Dspark.hadoop.fs.killing.impl=" + KillingFileSystem.class.getName(),
                "-Dspark.hadoop.killing.log=" + dir.resolve("changes"), "-Dspark.hadoop.killing.at=" + at, "-cp", System.getProperty("java.class.path"), Rondo.class.getName(), "retrain"));
        settings("killing://" + dir.resolve(registry), data).forEach((key, value) -> command.addAll(List.of("--" + key, value)));
        return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(dir.resolve("log").toFile()).start();
    }

    private int ended(Process process) throws Exception {
        assertTrue(process.waitFor(SECONDS, TimeUnit.SECONDS), "still running after " + SECONDS + " s");
        int code = process.exitValue();
        if (code != 0 && code != KILLED) throw new AssertionError("exit code " + code + ": " + Files.readString(dir.resolve("log")));
        return code;
    }

    private Retraining.Outcome again(JavaSparkContext sc, String registry) {
        return new Retraining(sc, Settings.of(settings(dir.resolve(registry).toString(), "two")), new Progress() {
            @Override public void begin(Plan plan, long firstRound, long tokens) { }

            @Override public void round(Round round) { }

            @Override public void epoch(Epoch epoch, Model model) { }

            @Override public void note(String message) { }
        }).run();
    }

    private Entry entry(String registry) {
        return Registry.open(dir.resolve(registry).toString(), CONF).entry("lm");
    }

    private static String checksum(Entry entry) {
        return Model.load(entry.directory(entry.current().orElseThrow().version()).toString(), CONF).checksum();
    }

    private void copy(String from, String to) throws IOException {
        try (Stream<Path> all = Files.walk(dir.resolve(from))) {
            for (Path path : all.toList()) Files.copy(path, dir.resolve(to).resolve(dir.resolve(from).relativize(path)));
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) Files.delete(path);
        }
    }
}
