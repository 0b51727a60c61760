package org.rondo.jobs;

import java.io.File;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A standalone Spark cluster on this machine, of the Spark that the build lays out: a master and workers in JVMs of their own.
 *  Workers have addresses of their own too, for Spark treats executors of one host alike: it never starts a speculative copy
 *  on the host of the original. */
final class Cluster implements AutoCloseable {
    private static final Path SPARK = Path.of("target/spark").toAbsolutePath();
    private static final String EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend";

    private final Path folder;
    private final Map<String, String> conf;
    private final Process master;
    private final List<Process> workers = new ArrayList<>();
    private final int port, cores;
    private final Thread closing = new Thread(this::end);

    /** An executor's JVM.
     *  @param id as Spark calls it, within its application */
    record Executor(String id, ProcessHandle process) {
        /** Until nothing of it runs. */
        void stop() throws Exception {
            signal("STOP", process);
            await("executor " + id + " to stop", 10, () -> state() == 'T');
        }

        void go() throws Exception {
            signal("CONT", process);
        }

        void kill() throws Exception {
            signal("KILL", process);
        }

        /** Bytes of it that are in memory. */
        long resident() throws IOException {
            return Cluster.resident(process);
        }

        private char state() throws IOException {
            String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2);
        }

        private static void signal(String name, ProcessHandle process) throws IOException, InterruptedException {
            new ProcessBuilder("kill", "-" + name, "" + process.pid()).start().waitFor();
        }
    }

    /** @param folder for logs and what the workers leave
     *  @param conf   keys of Spark's that the daemons need to know, as those of authentication
     *  @param cores  of a worker
     *  @param hosts  of the workers; more may come */
    Cluster(Path folder, Map<String, String> conf, int cores, String... hosts) throws Exception {
        this.folder = Files.createDirectories(folder);
        this.conf = conf;
        this.cores = cores;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Runtime.getRuntime().addShutdownHook(closing);
        master = daemon("master", "127.0.0.1", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", "" + port, "--webui-port", "0");
        try {
            await("the master to listen", 60, this::listens);
            for (String host : hosts) addWorker(host);
        } catch (Exception | AssertionError e) {
            close();
            throw e;
        }
    }

    /** Room for one executor. */
    void addWorker(String host) throws IOException {
        String name = "worker-" + workers.size();
        workers.add(daemon(name, host, "org.apache.spark.deploy.worker.Worker", "--host", host, "--webui-port", "0", "--cores", "" + cores, "--memory", "1g",
                "--work-dir", folder.resolve(name).toString(), url()));
    }

    String url() {
        return "spark://127.0.0.1:" + port;
    }

    /** The executor that a worker has for an application, if it has one now. */
    Optional<Executor> executor(int worker, String application) {
        return workers.get(worker).children().filter(ProcessHandle::isAlive).map(child -> {
            List<String> words = command(child);
            return words.contains(EXECUTOR) && words.contains(application) ? new Executor(words.get(words.indexOf("--executor-id") + 1), child) : null;
        }).filter(executor -> executor != null).findFirst();
    }

    static long resident(ProcessHandle process) throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc/" + process.pid() + "/status"))) {
            return 1024 * lines.filter(line -> line.startsWith("VmRSS:")).mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).findFirst().orElseThrow();
        }
    }

    /** Waits for a fact. Time in which this JVM stood still does not count.
     *  @throws AssertionError that says what was waited for */
    static void await(String what, int seconds, Callable<Boolean> fact) throws Exception {
        long waited = 0, last = System.nanoTime();
        while (!fact.call()) {
            waited += Math.min(System.nanoTime() - last, TimeUnit.SECONDS.toNanos(1));
            last = System.nanoTime();
            if (waited > TimeUnit.SECONDS.toNanos(seconds)) throw new AssertionError("waited " + seconds + " s for " + what + "; logs are in " + Site.FOLDER);
            Thread.sleep(2);
        }
    }

    @Override public void close() {
        Runtime.getRuntime().removeShutdownHook(closing);
        end();
    }

    /** Ends all that was started, executors first: one that is stopped would never notice that its worker has gone. */
    private void end() {
        List<ProcessHandle> all = new ArrayList<>();
        for (Process worker : workers) {
            worker.descendants().forEach(all::add);
            all.add(worker.toHandle());
        }
        if (master != null) all.add(master.toHandle());
        all.forEach(ProcessHandle::destroyForcibly);
        all.forEach(process -> process.onExit().orTimeout(10, TimeUnit.SECONDS).join());
    }

    private Process daemon(String name, String host, String main, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin/java").toString(), "-Xmx256m", "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1"));
        command.add("-Dspark.worker.timeout=600");                      // seconds; a machine that stands still loses no worker
        command.add("-Dspark.master.rest.enabled=false");               // it knows no authentication
        conf.forEach((key, value) -> command.add("-D" + key + "=" + value));
        command.addAll(List.of("-cp", SPARK.resolve("conf") + File.pathSeparator + SPARK.resolve("jars") + "/*", main));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(folder.resolve(name + ".log").toFile());
        builder.environment().put("SPARK_HOME", SPARK.toString());
        builder.environment().put("SPARK_SCALA_VERSION", "2.13");
        builder.environment().put("SPARK_LOCAL_IP", host);
        builder.environment().put("SPARK_LOCAL_DIRS", Files.createDirectories(folder.resolve(name + "-local")).toString());
        return builder.start();
    }

    private boolean listens() {
        if (!master.isAlive()) throw new AssertionError("the master has ended; its log is " + folder.resolve("master.log"));
        try {
            new Socket("127.0.0.1", port).close();
            return true;
        } catch (IOException notYet) {
            return false;
        }
    }

    /** Nothing where the process has ended meanwhile. */
    private static List<String> command(ProcessHandle process) {
        try {
            return List.of(Files.readString(Path.of("/proc/" + process.pid() + "/cmdline")).split("\0"));
        } catch (IOException ended) {
            return List.of();
        }
    }
}
