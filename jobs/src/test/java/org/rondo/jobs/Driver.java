package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A driver in a JVM of its own: bin/rondo as a user starts it, in a folder of its own that keeps what it prints and what
 *  {@link Events} hears. */
final class Driver implements AutoCloseable {
    private static final Path SCRIPT = Path.of("../bin/rondo").toAbsolutePath().normalize();
    /** For any wait; reached only by what hangs. */
    private static final int SECONDS = 240;
    private static final Pattern ROUND = Pattern.compile(".*: round (\\d+)\\b.*");

    private final Process process;
    private final Path folder;
    private final Thread closing;

    /** @param folder  made; what it prints goes to driver.log
     *  @param listens where the class of Events is */
    Driver(Path folder, Path listens, List<String> words) throws IOException {
        this.folder = Files.createDirectories(folder);
        List<String> command = new ArrayList<>(List.of(SCRIPT.toString()));
        command.addAll(words);
        command.addAll(List.of("--driver-class-path", listens.toString(), "--conf", "spark.extraListeners=" + Events.class.getName(),
                "--conf", Events.FILE + "=" + folder.resolve("events")));
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true)
                .redirectOutput(folder.resolve("driver.log").toFile());
        builder.environment().remove("SPARK_HOME");
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("RONDO_BUILD", "no");
        builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
        process = builder.start();
        closing = new Thread(process::destroyForcibly);
        try {
            Runtime.getRuntime().addShutdownHook(closing);
        } catch (IllegalStateException ending) {
            process.destroyForcibly();
            throw ending;
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Bytes of it that are in memory. */
    long resident() throws IOException {
        return Cluster.resident(process.toHandle());
    }

    /** SIGKILL. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Waits for its end, which must be with this exit code. */
    void end(int code) throws Exception {
        Cluster.await("the end of the driver in " + folder, SECONDS, () -> !process.isAlive());
        assertEquals(code, process.exitValue(), () -> "exit code of the driver in " + folder + ", which printed:\n" + log());
    }

    /** Waits for an event, from the one with this number on, while the driver is alive.
     *  @return number of the event after it */
    int await(String what, int from, Predicate<String> event) throws Exception {
        int[] found = {-1};
        Cluster.await(what + " in " + folder, SECONDS, () -> {
            boolean alive = isAlive();
            List<String> events = events();
            for (int e = from; e < events.size() && found[0] < 0; e++) if (event.test(events.get(e))) found[0] = e + 1;
            if (found[0] < 0 && !alive) throw new AssertionError("the driver in " + folder + " ended before " + what + ":\n" + log());
            return found[0] >= 0;
        });
        return found[0];
    }

    /** Waits until a round at least this late has begun. */
    void awaitRound(int round) throws Exception {
        await("round " + round, 0, event -> round(event) >= round);
    }

    /** Waits until nothing happens any more, because a task of a round runs on an executor that has been stopped.
     *  @return the round */
    int awaitHanging(Cluster.Executor stopped) throws Exception {
        int[] round = {-1};
        Cluster.await("a task of a round on executor " + stopped.id() + " in " + folder, SECONDS, () -> {
            if (!isAlive()) throw new AssertionError("the driver in " + folder + " ended before a task of a round ran on executor " + stopped.id() + ":\n" + log());
            List<String> before = events();
            Thread.sleep(300);              // what was under way when the executor stopped is known by then
            round[0] = runningRound(before, stopped.id());
            return round[0] >= 0 && before.equals(events());
        });
        return round[0];
    }

    /** The task of this executor; -1 if it has none. */
    int runningTask(String executor) throws IOException {
        int task = -1;
        for (String event : events())
            if (event.matches("task \\d+ on " + executor + " .*")) task = event.contains(" ends by ") ? -1 : Integer.parseInt(event.split(" ")[1]);
        return task;
    }

    /** The round that the task of this executor is of; -1 if it has none. */
    private static int runningRound(List<String> events, String executor) {
        int round = -1;
        for (String event : events)
            if (event.matches("task \\d+ on " + executor + " .*")) round = event.contains(" ends by ") ? -1 : round(event);
        return round;
    }

    /** Tasks of a round that no executor has been given yet. */
    int waiting(int round) throws IOException {
        int waiting = 0;
        for (String event : events()) {
            if (round(event) != round) continue;
            if (event.startsWith("job ")) waiting += Integer.parseInt(event.replaceAll(".* with (\\d+) tasks: .*", "$1"));
            else if (event.contains(" starts: ")) waiting--;
        }
        return waiting;
    }

    /** -1 for what is of no round. */
    static int round(String event) {
        Matcher matcher = ROUND.matcher(event);
        return matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
    }

    /** So far; the last line may be half written. */
    List<String> events() throws IOException {
        Path file = folder.resolve("events");
        return Files.exists(file) ? Files.readString(file).lines().toList() : List.of();
    }

    /** The application's id, once Spark has one. */
    String application() throws Exception {
        int next = await("the application's start", 0, event -> event.matches("application .* starts"));
        return events().get(next - 1).split(" ")[1];
    }

    String log() {
        try {
            return Files.readString(folder.resolve("driver.log"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    @Override public void close() {
        process.destroyForcibly();
        Runtime.getRuntime().removeShutdownHook(closing);
    }
}
