package org.rondo.jobs;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.hadoop.hdfs.MiniDFSCluster;

/** Where the tests train: a HDFS with a text that gets checkpoints and models, and the drivers that were started. All that
 *  any JVM logs is under {@link #FOLDER}, and stays there. */
final class Site implements AutoCloseable {
    static final Path FOLDER = Path.of("target/cluster").toAbsolutePath();
    /** For JVMs that live for seconds. */
    private static final String SHORT = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

    final MiniDFSCluster hdfs;
    final DistributedFileSystem files;
    private final Path classes = FOLDER.resolve("classes");
    private final List<Driver> drivers = new ArrayList<>();

    Site() throws IOException {
        if (Files.exists(FOLDER)) try (Stream<Path> old = Files.walk(FOLDER)) {
            for (Path path : old.sorted(Comparator.reverseOrder()).toList()) Files.delete(path);
        }
        Path events = classes.resolve(Events.class.getName().replace('.', '/') + ".class");     // alone: tests have a log4j2.properties too
        Files.createDirectories(events.getParent());
        try (InputStream in = Events.class.getResourceAsStream("Events.class")) {
            Files.copy(in, events);
        }
        Configuration conf = new Configuration();
        conf.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, FOLDER.resolve("hdfs").toString());
        hdfs = new MiniDFSCluster.Builder(conf).numDataNodes(1).build();
        files = hdfs.getFileSystem();
        SplittableRandom random = new SplittableRandom(8);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 100_000; i++) text.append("abcdefgh ".charAt(random.nextInt(9))).append(i % 50 == 49 ? '\n' : 'x');
        try (OutputStream out = files.create(path("text"))) {
            out.write(text.toString().getBytes(StandardCharsets.UTF_8));
        }
    }

    /** 15 rounds of half a second of one core each, a checkpoint after every one.
     *  @param output name of the model on HDFS, and with a number of the folder with the logs
     *  @param more   settings in place of the usual ones, and Spark's configuration */
    Driver train(String master, String output, String... more) throws IOException {
        List<String> usual = List.of("--master", master, "--driver-memory", "512m", "--executor-memory", "512m",
                "--input", path("text").toString(), "--output", path(output).toString(), "--hidden", "64", "--layers", "2", "--embedding", "16",
                "--batch", "2", "--seqLen", "25", "--dropout", "0.2", "--shards", "5", "--averaging", "parameters", "--windowsPerRound", "240",
                "--epochs", "5", "--checkpointEvery", "1",
                "--conf", "spark.driver.extraJavaOptions=" + SHORT, "--conf", "spark.executor.extraJavaOptions=" + SHORT,
                "--conf", "spark.network.timeout=600s",             // a machine that stands still loses no executor
                "--conf", "spark.hadoop.dfs.blocksize=1m");         // HDFS counts a block that is written against a quota as a whole one
        List<String> words = new ArrayList<>(List.of("train"));
        for (int w = 0; w < usual.size(); w += 2)
            if (usual.get(w).equals("--conf") || !List.of(more).contains(usual.get(w))) words.addAll(usual.subList(w, w + 2));
        words.addAll(List.of(more));
        return start(output, words);
    }

    Driver start(String name, List<String> words) throws IOException {
        Path folder = FOLDER.resolve(name);
        for (int n = 2; Files.exists(folder); n++) folder = FOLDER.resolve(name + "-" + n);
        drivers.add(new Driver(folder, classes, words));
        return drivers.get(drivers.size() - 1);
    }

    /** SHA-256 of the weights that a training leaves. */
    String model(String output) throws Exception {
        try (InputStream in = files.open(path(output + "/model.safetensors"))) {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(in.readAllBytes()));
        }
    }

    /** Round of the newest checkpoint that is whole; 0 for none. */
    int finishedRound(String output) throws IOException {
        int newest = 0;
        for (FileStatus checkpoint : list(path(output + "/checkpoints")))
            if (isFinished(checkpoint)) newest = Math.max(newest, round(checkpoint));
        return newest;
    }

    /** The checkpoint that is being written, or was when its driver died: what is there of it. */
    Optional<String> unfinished(String output) throws IOException {
        FileStatus newest = null;
        for (FileStatus checkpoint : list(path(output + "/checkpoints")))
            if (newest == null || round(checkpoint) > round(newest)) newest = checkpoint;
        if (newest == null || isFinished(newest)) return Optional.empty();
        StringBuilder there = new StringBuilder("round " + round(newest) + ":");
        for (FileStatus file : list(newest.getPath())) there.append(" ").append(file.getPath().getName()).append(" ").append(file.getLen()).append(" bytes");
        return Optional.of(there.toString());
    }

    private boolean isFinished(FileStatus checkpoint) throws IOException {
        for (FileStatus file : list(checkpoint.getPath()))
            if (file.getPath().getName().equals("commit.json") && file.getLen() > 0) return true;
        return false;
    }

    private static int round(FileStatus checkpoint) {
        return Integer.parseInt(checkpoint.getPath().getName().replaceFirst("round-", ""));
    }

    private FileStatus[] list(org.apache.hadoop.fs.Path folder) throws IOException {
        try {
            return files.listStatus(folder);
        } catch (java.io.FileNotFoundException none) {
            return new FileStatus[0];
        }
    }

    org.apache.hadoop.fs.Path path(String name) {
        return files.makeQualified(new org.apache.hadoop.fs.Path("/" + name));
    }

    /** Ends what drivers a test has left. */
    void endDrivers() {
        drivers.forEach(Driver::close);
        drivers.clear();
    }

    @Override public void close() {
        endDrivers();
        hdfs.shutdown();
    }
}
