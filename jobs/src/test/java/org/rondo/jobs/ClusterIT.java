package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.apache.hadoop.hdfs.MiniDFSCluster.DataNodeProperties;
import org.apache.hadoop.hdfs.client.HdfsAdmin;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.rounds.Plan;
import org.rondo.driver.rounds.Progress;
import org.rondo.driver.rounds.Trainer;
import org.rondo.kernels.Layout;

/** The model is a function of data, plan and seed, on a cluster as people have them: master, workers, executors and driver in
 *  JVMs of their own, the text and the checkpoints on a HDFS, and any of them dying. The truth is a run on one core. */
@Tag("cluster")
class ClusterIT {
    private static final String[] TWO = {"127.0.0.1", "127.0.0.2"};
    /** For a heap of 512 MB that is all there from the start. */
    private static final String FLAT = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xms512m -XX:+AlwaysPreTouch";
    private static Site site;
    private static Cluster cluster;
    private static String undisturbed;

    @BeforeAll static void start() throws Exception {
        site = new Site();
        cluster = new Cluster(Site.FOLDER.resolve("spark"), Map.of(), 1, TWO);
        site.train("local[1]", "one").end(0);
        undisturbed = site.model("one");
    }

    @AfterEach void endDrivers() {
        site.endDrivers();
    }

    @AfterAll static void stop() {
        if (cluster != null) cluster.close();
        if (site != null) site.close();
    }

    @Test void twoCores() throws Exception {
        trained(site.train("local[2]", "two"), "two");
    }

    @Test void twoExecutors() throws Exception {
        Driver driver = site.train(cluster.url(), "cluster");
        trained(driver, "cluster");
        for (String host : TWO) assertTrue(driver.events().stream().anyMatch(event -> event.matches("executor \\d+ is added on " + host)), host);
    }

    @Test void aTaggerOfTwoExecutors() throws Exception {
        site.trainTagger(cluster.url(), "tagger-cluster").end(0);
        assertEquals(site.model(tagger()), site.model("tagger-cluster"));
    }

    /** While one of its tasks is writing a file. Another executor does it again; what was written is of no output. */
    @ParameterizedTest @CsvSource({"posts.jsonl, parquet", "posts.parquet, json"})
    void anExecutorKilledWhileItWritesScoredRows(String input, String format) throws Exception {
        tagger();
        if (input.endsWith(".parquet")) locally(spark -> {
            spark.read().json(site.path("posts.jsonl").toString()).repartition(6).write().parquet(site.path(input).toString());
            return null;
        });
        site.score("local[1]", input, "scored-" + format, format).end(0);
        String output = "scored-" + format + "-killed";
        Driver driver = site.score(cluster.url(), input, output, format);
        Cluster.Executor victim = executor(cluster, driver, 1);
        int[] task = {-1};
        Cluster.await("executor " + victim.id() + " to write a file", 240, () -> {
            assertTrue(driver.isAlive(), driver::log);
            task[0] = driver.runningTask(victim.id());
            if (task[0] < 0 || !site.isWriting(output, task[0])) return false;
            victim.stop();
            Thread.sleep(300);              // what was under way when it stopped is known by then
            if (driver.runningTask(victim.id()) == task[0] && site.isWriting(output, task[0])) return true;
            victim.go();
            return false;
        });
        victim.kill();
        driver.end(0);
        assertTrue(driver.events().stream().anyMatch(event -> event.startsWith("task " + task[0] + " on " + victim.id() + " ends by ExecutorLostFailure: ")), driver::log);
        assertTrue(driver.log().contains("MiB with what the JVM takes, but spark.executor.memoryOverhead is 1 MiB; set --conf spark.executor.memoryOverhead="), driver::log);
        List<String> names = site.names(output);
        assertTrue(names.contains("_SUCCESS") && names.stream().allMatch(name -> name.matches("_SUCCESS|_summary.json|part-[^/]*\\." + format)), names.toString());
        List<String> expected = rows("scored-" + format, format);
        assertEquals(Site.POSTS, expected.size());
        assertEquals(expected, rows(output, format));
    }

    /** Its name, once it is trained, on one core. */
    private static synchronized String tagger() throws Exception {
        if (!site.files.exists(site.path("tagger"))) site.trainTagger("local[1]", "tagger").end(0);
        return "tagger";
    }

    /** Of a scored corpus, by their number. */
    private static List<String> rows(String output, String format) {
        return locally(spark -> spark.read().format(format).load(site.path(output).toString()).orderBy("id")
                .selectExpr("concat(id, ' ', md5(to_json(struct(*))))").as(Encoders.STRING()).collectAsList());
    }

    private static <T> T locally(Function<SparkSession, T> work) {
        SparkSession spark = SparkSession.builder().master("local[1]").config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1")
                .config("spark.sql.shuffle.partitions", "1").getOrCreate();
        try {
            return work.apply(spark);
        } finally {
            spark.stop();
        }
    }

    /** Checkpoints are written at the end of an epoch, of three rounds, alone, and those since are done again. */
    @Test void anExecutorKilledInTheMiddleOfARound() throws Exception {
        Driver driver = site.train(cluster.url(), "killed", "--checkpointEvery", "0");
        driver.awaitRound(4);
        Cluster.Executor executor = executor(cluster, driver, 1);
        executor.stop();
        int round = driver.awaitHanging(executor);
        executor.kill();
        trained(driver, "killed");
        assertEquals(List.of(round), roundsOfLostTasks(driver));
        long again = driver.events().stream().filter(event -> event.matches("job .*: round \\d+: train 5 replicas, again")).count();
        assertEquals(round % 3, again, () -> "rounds done again after a loss in round " + round + ", by " + driver.log());
    }

    /** Of six, the two executors in turn. The other one stands still until there is a new one: it might end the training alone. */
    @Test void anExecutorKilledInEveryRound() throws Exception {
        site.train("local[1]", "six-rounds", "--epochs", "2").end(0);
        Driver driver = site.train(cluster.url(), "killed-often", "--epochs", "2");
        List<Integer> rounds = List.of(0, 1, 2, 3, 4, 5);
        for (int round : rounds) {
            driver.awaitRound(round);
            Cluster.Executor victim = executor(cluster, driver, round % 2), survivor = executor(cluster, driver, 1 - round % 2);
            for (Cluster.Executor each : List.of(victim, survivor)) driver.await("a task of it", 0, event -> event.matches("task \\d+ on " + each.id() + " starts.*"));
            victim.stop();
            driver.awaitHanging(victim);
            survivor.stop();
            int before = driver.events().size();
            victim.kill();
            driver.await("another executor", before, event -> event.matches("executor \\d+ has blocks"));
            Thread.sleep(1000);             // until it says that it can be given tasks, which no event tells; stopped before that, it never would be
            survivor.go();
        }
        driver.end(0);
        assertEquals(site.model("six-rounds"), site.model("killed-often"));
        assertEquals(rounds, roundsOfLostTasks(driver));
    }

    @Test void aWorkerAddedLater() throws Exception {
        try (Cluster growing = new Cluster(Site.FOLDER.resolve("growing"), Map.of(), 1, TWO[0])) {
            Driver driver = site.train(growing.url(), "growing");
            driver.awaitRound(3);
            Cluster.Executor first = executor(growing, driver, 0);
            first.stop();
            growing.addWorker(TWO[1]);
            Cluster.Executor second = executor(growing, driver, 1);
            driver.await("the second executor", 0, event -> event.equals("executor " + second.id() + " is added on " + TWO[1]));
            first.go();
            driver.await("a round's task on it", 0, event -> event.matches("task \\d+ on " + second.id() + " starts: round .*"));
            trained(driver, "growing");
        }
    }

    /** To about a tenth, until the other has begun to do its work three times. It must answer now and then: tasks elsewhere, and
     *  copies of its own too, may read their shard from it. */
    @Test void speculationWithOneExecutorSlowed() throws Exception {
        Driver driver = site.train(cluster.url(), "speculation", "--conf", "spark.speculation=true", "--conf", "spark.speculation.interval=100ms",
                "--conf", "spark.speculation.quantile=0.5", "--conf", "spark.speculation.multiplier=1.5");
        driver.awaitRound(1);
        Cluster.Executor slow = executor(cluster, driver, 1);
        Cluster.await("three speculative tasks in rounds", 240, () -> {
            slow.stop();
            Thread.sleep(200);
            slow.go();
            Thread.sleep(20);
            assertTrue(driver.isAlive(), driver::log);
            return driver.events().stream().filter(event -> event.matches("task \\d+ on \\d+ starts again: round .*")).count() >= 3;
        });
        trained(driver, "speculation");
    }

    /** Spark adds an executor once tasks have waited for a second: as they do when the only one stands still. */
    @Test void dynamicAllocation() throws Exception {
        List<String> conf = new ArrayList<>();
        for (String entry : List.of("enabled=true", "shuffleTracking.enabled=true", "minExecutors=1", "initialExecutors=1", "executorIdleTimeout=1s",
                "cachedExecutorIdleTimeout=1s"))
            conf.addAll(List.of("--conf", "spark.dynamicAllocation." + entry));
        Driver driver = site.train(cluster.url(), "dynamic", conf.toArray(String[]::new));
        driver.awaitRound(0);
        Cluster.Executor only = executor(cluster, driver, driver.events().contains("executor 0 is added on " + TWO[0]) ? 0 : 1);
        for (int round = 1; ; round++) {
            driver.awaitRound(round);
            only.stop();
            if (driver.waiting(driver.awaitHanging(only)) > 0) break;
            only.go();              // it was at the round's last task
        }
        int next = driver.await("a second executor", 0, event -> event.matches("executor 1 is added .*"));
        only.go();
        driver.await("a round's task on it", next, event -> event.matches("task \\d+ on 1 starts: round .*"));
        trained(driver, "dynamic");
    }

    /** On two slots. All others here have fewer slots than shards. */
    @Test void moreSlotsThanShards() throws Exception {
        site.train("local[1]", "shard", "--shards", "1", "--epochs", "1").end(0);
        site.train(cluster.url(), "shard-cluster", "--shards", "1", "--epochs", "1").end(0);
        assertEquals(site.model("shard"), site.model("shard-cluster"));
    }

    /** Of five groups the first executor has three, of which two are siblings, and the other two that are none. */
    @Test void executorsOfSeveralSlots() throws Exception {
        try (Cluster wide = new Cluster(Site.FOLDER.resolve("wide"), Map.of(), 4, TWO)) {
            trained(site.train(wide.url(), "wide"), "wide");
        }
    }

    /** 500 rounds of one window, whose vectors of 3.4 MB are four: parameters, Adam's moments and the outer optimiser's velocity. One left behind
     *  in every round would be 1.7 GB: outside the heap far more than is allowed here, which is for what a JVM still compiles and the network's
     *  buffers; within it more than there is. The heap is touched as the JVM starts, so that it does not grow. */
    @Test void memoryIsFlatOver500Rounds() throws Exception {
        Driver driver = site.train(cluster.url(), "flat", "--shards", "2", "--hidden", "256", "--embedding", "64", "--seqLen", "5", "--windowsPerRound", "1", "--checkpointEvery", "0",
                "--conf", "spark.driver.extraJavaOptions=" + FLAT, "--conf", "spark.executor.extraJavaOptions=" + FLAT);
        List<Cluster.Executor> executors = List.of(executor(cluster, driver, 0), executor(cluster, driver, 1));
        long allowed = 64L << 20;
        driver.awaitRound(150);
        long[] before = {driver.resident(), executors.get(0).resident(), executors.get(1).resident()};
        for (int round = 200; round <= 650; round += 50) driver.awaitRound(round);
        long[] after = {driver.resident(), executors.get(0).resident(), executors.get(1).resident()};
        String said = "resident bytes of the driver and the executors after 150 rounds " + Arrays.toString(before) + ", after 650 " + Arrays.toString(after);
        System.out.println(said);
        for (int jvm = 0; jvm < 3; jvm++) assertTrue(after[jvm] - before[jvm] < allowed, said);
        assertTrue(driver.isAlive(), driver::log);
        assertEquals(List.of(), roundsOfLostTasks(driver));
    }

    /** A program that goes on after it has trained, as a pipeline does. It is this JVM; the heaps of the executors do not grow, so that what falls is what
     *  kernels took outside them. */
    @Test void executorsThatLiveOnGiveBackWhatATrainingTook() throws Exception {
        Settings settings = Settings.of(Map.of("input", site.path("text").toString(), "output", site.path("lives-on").toString(), "hidden", "256", "embedding", "16",
                "batch", "128", "seqLen", "100", "shards", "2", "epochs", "1", "validation", "0"));
        SparkConf conf = new SparkConf().setMaster(cluster.url()).setAppName("lives on").set("spark.jars", Path.of("target/rondo.jar").toAbsolutePath().toString())
                .set("spark.driver.host", "127.0.0.1").set("spark.ui.enabled", "false").set("spark.executor.memory", "512m").set("spark.executor.extraJavaOptions", FLAT);
        try (JavaSparkContext sc = new JavaSparkContext(conf)) {
            Kept kept = new Kept();
            new Trainer(sc, settings, kept).train();
            List<Cluster.Executor> executors = new ArrayList<>();
            for (int worker = 0; worker < 2; worker++) executors.add(cluster.executor(worker, sc.sc().applicationId()).orElseThrow());
            long[] trained = {executors.get(0).resident(), executors.get(1).resident()};
            for (int e = 0; e < 2; e++) {
                Cluster.Executor executor = executors.get(e);
                long most = trained[e] - kept.bytes * 9 / 10;
                Cluster.await("executor " + executor.id() + " of " + trained[e] + " resident bytes to give back " + kept.bytes, 120, () -> executor.resident() < most);
            }
            System.out.println("resident bytes of the executors after a training " + Arrays.toString(trained) + ", later " + executors.get(0).resident() + " and "
                    + executors.get(1).resident() + "; of a kernel " + kept.bytes);
            assertEquals(4, sc.parallelize(List.of(1, 2, 3, 4), 4).count(), "what they still do");
        }
    }

    /** What a replica that is kept takes outside the heap, as planned. */
    private static final class Kept implements Progress {
        private long bytes;

        @Override public void begin(Plan plan, long firstRound, long tokens) {
            bytes = Layout.forTraining(plan.network(), plan.batch(), plan.seqLen(), plan.dropout().rate() > 0, plan.averagesGradients() ? 0 : plan.moments()).bytes();
        }

        @Override public void round(Round round) { }

        @Override public void epoch(Epoch epoch, Model model) { }

        @Override public void note(String message) { }
    }

    /** Of the same model: 32 replicas' vectors are 16 times those of 2, and where the driver collects them it receives all. */
    @Test void whatIsSentDoesNotGrowWithTheReplicas() throws Exception {
        double two = bytesPerRound("1000000", "2"), many = bytesPerRound("1000000", "32"), collected = bytesPerRound("1000000", "32", "--collect");
        String said = "bytes a round: 2 replicas " + two + ", 32 replicas " + many + ", collected " + collected;
        System.out.println(said);
        assertTrue(many < 1.5 * two && collected > 32 * 4e6 && collected > 8 * many, said);
    }

    /** 64 x 10 MB, under a heap of 512 MB. */
    @Test void theDriverHoldsNoReplicas() throws Exception {
        bytesPerRound("2500000", "64");
    }

    private static double bytesPerRound(String parameters, String replicas, String... more) throws Exception {
        Driver bench = site.start("bench", List.of(join(new String[] {"bench", "rounds", "--master", cluster.url(), "--driver-memory", "512m", "--executor-memory", "1g",
                "--parameters", parameters, "--replicas", replicas, "--rounds", "5"}, more)));
        bench.end(0);
        String line = bench.log().lines().filter(row -> row.startsWith(parameters + "\t2\t")).findFirst().orElseThrow(() -> new AssertionError(bench.log()));
        return Double.parseDouble(line.split("\t")[5]);
    }

    /** Shards are of equal length, but for one token a stream, whatever the files are; so none is empty where others are not. */
    @Test void textTooShortForAllShards() throws Exception {
        Driver driver = site.train(cluster.url(), "short", "--shards", "5000");
        driver.end(2);
        assertTrue(driver.log().contains("the corpus has 180000 tokens, expected at least 250001 for one window of shards 5000"), driver.log());
    }

    @Test void kryoWithAllClassesRegistered() throws Exception {
        String[] kryo = {"--conf", "spark.serializer=org.apache.spark.serializer.KryoSerializer", "--conf", "spark.kryo.registrationRequired=true"};
        trained(site.train(cluster.url(), "kryo", kryo), "kryo");
        site.train(cluster.url(), "kryo-words", join(kryo, "--unit", "word", "--maxVocabulary", "50", "--averaging", "gradients",
                "--batch", "8", "--seqLen", "100", "--epochs", "1")).end(0);
    }

    /** Who has no secret, or another, is told so, and leaves nothing. Spark tries for a minute, in which the one that has it trains. */
    @Test void authenticationAndEncryption() throws Exception {
        Map<String, String> conf = Map.of("spark.authenticate", "true", "spark.authenticate.secret", "not one", "spark.network.crypto.enabled", "true");
        try (Cluster closed = new Cluster(Site.FOLDER.resolve("closed"), conf, 1, TWO)) {
            List<String> words = new ArrayList<>(List.of("--conf", "spark.io.encryption.enabled=true"));
            conf.forEach((key, value) -> words.addAll(List.of("--conf", key + "=" + value)));
            String[] open = words.toArray(String[]::new);
            Map<String, Driver> refused = Map.of("no-secret", site.train(closed.url(), "no-secret"),
                    "wrong-secret", site.train(closed.url(), "wrong-secret", join(open, "--conf", "spark.authenticate.secret=another")));
            trained(site.train(closed.url(), "encrypted", open), "encrypted");
            for (var entry : refused.entrySet()) {
                Driver driver = entry.getValue();
                driver.end(2);
                String message = "rondo: master " + closed.url() + " has not let this application in";
                assertTrue(driver.log().lines().anyMatch(line -> line.startsWith(message) && line.contains("spark.authenticate.secret")), driver::log);
                assertFalse(site.files.exists(site.path(entry.getKey())), entry.getKey());
            }
        }
    }

    /** Ten times at any moment from its start on, and in between while a checkpoint is written; on the cluster, or on this machine alone.
     *  {@code -Drondo.kills.seed} tries other moments. */
    @Test void aDriverKilledAndStartedAgain() throws Exception {
        site.train("local[1]", "ten-epochs", "--epochs", "10").end(0);
        long seed = Long.getLong("rondo.kills.seed", 10);
        SplittableRandom random = new SplittableRandom(seed);
        Set<String> inCommit = new LinkedHashSet<>();
        int kills = 0, anyMoment = 0;
        for (; anyMoment < 10 || inCommit.size() < 3; kills++) {
            assertTrue(kills < 25, "25 kills, and of them in a commit only " + inCommit);
            Driver driver = site.train(kills % 4 == 2 ? "local[2]" : cluster.url(), "restarted", "--epochs", "10");
            if (kills % 3 == 0) {
                Cluster.await("an unfinished checkpoint", 120, () -> site.unfinished("restarted").filter(there -> !inCommit.contains(there)).isPresent() || !driver.isAlive());
            } else {
                boolean inRounds = random.nextBoolean();
                if (inRounds) driver.awaitRound(0);
                Thread.sleep(random.nextInt(inRounds ? 1500 : 6000));
                anyMoment++;
            }
            assertTrue(driver.isAlive(), () -> "the driver ended before it was killed; the text is too short for this machine:\n" + driver.log());
            driver.kill();
            site.unfinished("restarted").ifPresent(inCommit::add);
        }
        System.out.println(kills + " kills, at random moments of seed " + seed + " " + anyMoment + ", in a commit: " + inCommit);
        site.train(cluster.url(), "restarted", "--epochs", "10").end(0);
        assertEquals(site.model("ten-epochs"), site.model("restarted"));
    }

    @Test void hdfsLosesItsDatanodeInACheckpoint() throws Exception {
        Driver driver = inACheckpoint("datanode");
        DataNodeProperties node = site.hdfs.stopDataNode(0);
        try {
            driver.end(1);
        } finally {
            site.hdfs.restartDataNode(node, true);
            site.hdfs.waitActive();
        }
        failedAndResumes(driver, "datanode");
    }

    @Test void theDiskIsFullInACheckpoint() throws Exception {
        Driver driver = inACheckpoint("full");
        HdfsAdmin admin = new HdfsAdmin(site.files.getUri(), site.files.getConf());
        admin.setSpaceQuota(site.path("full"), 1);
        driver.end(1);
        assertTrue(driver.log().contains("quota"), driver.log());
        admin.clearSpaceQuota(site.path("full"));
        failedAndResumes(driver, "full");
    }

    @Test void aRoundPastItsDeadlineNamesWhatIsMissing() throws Exception {
        Driver driver = site.train(cluster.url(), "deadline", "--roundDeadline", "10");
        driver.awaitRound(3);
        Cluster.Executor executor = executor(cluster, driver, 1);
        executor.stop();
        int round = driver.awaitHanging(executor);
        driver.end(2);
        String message = driver.log().lines().filter(line -> line.startsWith("rondo: ")).findFirst().orElseThrow(() -> new AssertionError(driver.log()));
        assertTrue(message.matches("rondo: round " + round + " has not ended within its deadline of 10 seconds: missing are shards \\d.*; tasks run in executor " + executor.id() + " on " + TWO[1] + "[.,].*"), message);
        executor.kill();
    }

    private static void trained(Driver driver, String output) throws Exception {
        driver.end(0);
        assertEquals(undisturbed, site.model(output), () -> "sha256 of " + output + "; logs are in " + Site.FOLDER);
    }

    /** A training that has two checkpoints and is writing the next. */
    private static Driver inACheckpoint(String output) throws Exception {
        Driver driver = site.train(cluster.url(), output);
        Cluster.await("two checkpoints of " + output, 120, () -> site.finishedRound(output) >= 2 || !driver.isAlive());
        Cluster.await("a checkpoint under way in " + output, 60, () -> site.unfinished(output).isPresent() || !driver.isAlive());
        assertTrue(driver.isAlive(), driver::log);
        return driver;
    }

    private static void failedAndResumes(Driver driver, String output) throws Exception {
        assertTrue(driver.log().contains("cannot write the checkpoint " + site.path(output + "/checkpoints/round-")), driver.log());
        int last = site.finishedRound(output);
        assertTrue(last >= 2, "the last checkpoint is of round " + last);
        Driver again = site.train(cluster.url(), output);
        trained(again, output);
        assertTrue(again.log().contains("resuming from the checkpoint after round " + last), again.log());
    }

    /** Of a worker, once it has one for this driver. */
    private static Cluster.Executor executor(Cluster cluster, Driver driver, int worker) throws Exception {
        String application = driver.application();
        List<Cluster.Executor> found = new ArrayList<>();
        Cluster.await("worker " + worker + " to have an executor for " + application, 120, () -> {
            Optional<Cluster.Executor> executor = cluster.executor(worker, application);
            executor.ifPresent(found::add);
            return executor.isPresent();
        });
        return found.get(0);
    }

    /** Each once, in their order. */
    private static List<Integer> roundsOfLostTasks(Driver driver) throws Exception {
        return driver.events().stream().filter(event -> event.contains(" ends by ExecutorLostFailure")).map(Driver::round).distinct().toList();
    }

    private static String[] join(String[] words, String... more) {
        List<String> all = new ArrayList<>(List.of(words));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }
}
