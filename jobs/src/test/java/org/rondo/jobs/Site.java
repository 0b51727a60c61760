package org.rondo.jobs;

import static java.util.stream.Collectors.joining;

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
    static final int POSTS = 60_000;
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
        write("text", text);
        tagged();
    }

    private void write(String name, CharSequence text) throws IOException {
        try (OutputStream out = files.create(path(name))) {
            out.write(text.toString().getBytes(StandardCharsets.UTF_8));
        }
    }

    /** Sentences with entities, and {@link #POSTS} rows of words alone, but for every thousandth, which has none. */
    private void tagged() throws IOException {
        SplittableRandom random = new SplittableRandom(9);
        StringBuilder tagged = new StringBuilder(), posts = new StringBuilder();
        for (int s = 0; s < 400; s++, tagged.append('\n'))
            for (int word : random.ints(3 + random.nextInt(6), 0, 7).toArray()) tagged.append("stuvpqr".charAt(word)).append(word > 3 ? " S-" + "AAB".charAt(word - 4) : " O").append('\n');
        for (int n = 0; n < POSTS; n++)
            posts.append("{\"id\": ").append(n).append(", \"tokens\": [").append(n % 1000 == 999 ? "" : random.ints(30, 0, 7).mapToObj(w -> "\"" + "stuvpqr".charAt(w) + '"').collect(joining(", ")))
                    .append("]}\n");
        write("tagged.conll", tagged);
        write("posts.jsonl", posts);
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

    /** A tagger of words and their characters, in rounds of 10 windows. */
    Driver trainTagger(String master, String output) throws IOException {
        return train(master, output, "--task", "tagging", "--input", path("tagged.conll").toString(), "--hidden", "16", "--characterHidden", "4", "--characterEmbedding", "4",
                "--batchTokens", "60", "--shards", "3", "--windowsPerRound", "10", "--epochs", "2");
    }

    /** With the model {@code tagger}, in tasks of some hundred thousand tokens each.
     *  @param output a folder on HDFS, and with a number of that with the logs */
    Driver score(String master, String input, String output, String format) throws IOException {
        return start(output, List.of("score", "--master", master, "--driver-memory", "512m", "--executor-memory", "512m", "--model", path("tagger").toString(),
                "--input", path(input).toString(), "--output", path(output).toString(), "--outputFormat", format,
                "--conf", "spark.driver.extraJavaOptions=" + SHORT, "--conf", "spark.executor.extraJavaOptions=" + SHORT, "--conf", "spark.network.timeout=600s",
                "--conf", "spark.executor.memoryOverhead=1m", "--conf", "spark.hadoop.mapreduce.input.fileinputformat.split.maxsize=2097152", "--conf", "spark.sql.files.openCostInBytes=0",
                "--conf", "spark.sql.files.maxPartitionBytes=128k"));
    }

    /** Whether a task of a scoring has begun a file, and not ended it: its committer moves that away when the task is done. */
    boolean isWriting(String output, int task) throws IOException {
        for (FileStatus attempt : list(path(output + "/_temporary/0/_temporary")))
            if (attempt.getPath().getName().endsWith("_" + task) && list(attempt.getPath()).length > 0) return true;
        return false;
    }

    /** Names of all files that are there, at any depth. */
    List<String> names(String output) throws IOException {
        List<String> names = new ArrayList<>();
        for (var all = files.listFiles(path(output), true); all.hasNext(); ) names.add(path(output).toUri().relativize(all.next().getPath().toUri()).getPath());
        return names;
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
