package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.driver.Settings;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.Replica;
import org.rondo.kernels.Replica.Stretch;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Streams;
import org.rondo.kernels.UnrolledNetwork;

/** What the operating system counts against an executor, by its own words, is what the plan says that it needs. */
class ResidentMemoryTest {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final long MIB = 1 << 20;
    /** A kernel's memory begins and ends within a huge page, of 2 MiB, each. */
    private static final long PAGES = 2 * 2 * MIB;
    /** What the JVM may still load and compile after a small training. */
    private static final long JVM = 4 * MIB;

    @ParameterizedTest @ValueSource(strings = {"parameters", "gradients"})
    void aTaskTakesWhatThePlanSays(String averaging) throws IOException, InterruptedException {
        assumeTrue(Files.exists(STATUS), "only Linux says what is resident");
        Plan plan = Tasks.plan(averaging, 512);
        long planned = plan.memoryOverhead(1) - plan.driverOverhead();
        assertTrue(planned > 256 * MIB, planned + " bytes are planned");
        // a JVM of its own, whose heap is all there from the start; so what comes is outside it
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin/java").toString(), "-Xms512m", "-Xmx512m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), Tasks.class.getName(), averaging).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
        String[] words = said.lines().filter(line -> line.startsWith("resident ")).findFirst().orElseThrow(() -> new AssertionError(said)).split(" ");
        long resident = Long.parseLong(words[1]), peak = Long.parseLong(words[3]);
        String message = averaging + ": planned " + planned + " bytes, resident " + resident + ", at most " + peak;
        System.out.println(message);
        assertTrue(resident > planned * 95 / 100 && peak < planned + 3 * PAGES + JVM, message);
    }

    /** All that the kernels of an executor with one task at a time do: trains a window, takes the step on a gradient, validates. */
    private static final class Tasks {
        static Plan plan(String averaging, int hidden) {
            return PlanTest.plan(Settings.of(Map.of("shards", "1", "batch", "32", "seqLen", "64", "averaging", averaging, "windowsPerRound", "1", "hidden", "" + hidden,
                    "layers", "2", "embedding", "" + hidden, "dropout", "0.2", "optimizer", "adam")), 4 * hidden, 32 * 64 + 1);
        }

        public static void main(String[] args) throws IOException {
            run(plan(args[0], 16));             // loads and compiles
            ReplicaPool.clear();
            long before = status("VmRSS:");
            long after = run(plan(args[0], 512));
            System.out.println("resident " + (after - before) + " peak " + (status("VmHWM:") - before));
        }

        /** @return resident bytes, while all that is open at a time is */
        private static long run(Plan plan) throws IOException {
            ReplicaPool.Key key = new ReplicaPool.Key(plan, "native");
            SplittableRandom random = new SplittableRandom(1);
            int[][] streams = new int[plan.batch()][];
            for (int b = 0; b < streams.length; b++) streams[b] = random.ints(plan.seqLen() + 1, 0, plan.network().vocab()).toArray();
            Shard shard = new Streams(0, streams);
            Stretch stretch = new Stretch(0, 0, 1, 1, 0.001, 1);
            float[][] model = new float[1 + plan.moments()][plan.network().parameterCount()];
            model[0] = Parameters.initial(plan.network(), 1);
            Replica replica = ReplicaPool.borrow(key);
            if (plan.averagesGradients()) ReplicaPool.step(key, model, replica.gradient(model[0], new float[0], shard, stretch).vectors[0], stretch);
            else replica.train(model, new float[0], shard, stretch);
            ReplicaPool.giveBack(key, replica);
            try (Kernel scoring = Kernel.open("native", Layout.forScoring(plan.network(), plan.batch(), plan.seqLen()))) {
                scoring.load(Block.PARAMETERS, model[0]);
                new UnrolledNetwork(scoring, UnrolledNetwork.Dropout.NONE).forward(shard.window(scoring.layout().size, 0, 0, null), null);
                return status("VmRSS:");
            }
        }

        private static long status(String key) throws IOException {
            for (String line : Files.readAllLines(STATUS))
                if (line.startsWith(key)) return 1024 * Long.parseLong(line.replaceAll("\\D", ""));
            throw new IOException(STATUS + " has no line " + key);
        }
    }
}
