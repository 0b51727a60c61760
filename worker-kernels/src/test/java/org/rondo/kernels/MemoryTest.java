package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.UnrolledNetwork.Dropout;

/** Memory is what the layout said: allocated once, given back, and nothing beside it from window to window. */
class MemoryTest {
    private static final int WINDOWS = 1000, LARGEST_PAGE = 64 << 10;
    /** The least that glibc's malloc takes. */
    private static final int SMALLEST_ALLOCATION = 32;
    /** What the JVM may keep of two threads that have been waited for, until it finds that it keeps too many. */
    private static final int MONITORS = 1024;
    private static final Path SMAPS = Path.of("/proc/self/smaps"), SUMS = Path.of("/proc/self/smaps_rollup");

    @Test void openingTakesWhatTheLayoutSaysAndClosingGivesItBack() throws IOException {
        Layout layout = large(0.3);
        List<Kernel> open = new ArrayList<>();
        long before = hugePageBytes();
        for (int times = 0; times < 3; times++) {
            for (int kernels = 1; kernels <= 3; kernels++) {
                open.add(Kernel.open("native", layout));
                assertTaken(kernels * layout.bytes(), before);
            }
            for (; !open.isEmpty(); open.remove(0)) {
                open.get(0).close();
                open.get(0).close();
                assertTaken((open.size() - 1) * layout.bytes(), before);
            }
        }
    }

    @Test void aReplicaThatCannotBeKeepsNoMemory() throws IOException {
        Layout layout = large(0);
        long before = hugePageBytes();
        Kernel kernel = Kernel.open("native", layout);
        assertTaken(layout.bytes(), before);
        assertThrows(IllegalArgumentException.class, () -> new Replica(kernel, new Dropout(0.5, false), new Optimizer("sgd", 1)));
        assertTaken(0, before);
    }

    /** Of so many bytes that malloc gets them from the system and gives them back to it. */
    private static Layout large(double dropout) {
        Layout layout = Layout.forTraining(new Network(1000, 300, 300, 2), 20, 35, dropout > 0, 2);
        assertTrue(layout.bytes() > 32 << 20);
        return layout;
    }

    private static void assertTaken(long bytes, long before) throws IOException {
        long taken = hugePageBytes() - before;
        assertTrue(taken >= bytes && taken < bytes + 4 * LARGEST_PAGE, taken + " bytes are taken, expected " + bytes + " in whole pages");
    }

    /** The kernel asks for huge pages, and the system's list of this process's mappings says for how many bytes. */
    private static long hugePageBytes() throws IOException {
        assumeTrue(Files.exists(SMAPS) && Files.exists(Path.of("/sys/kernel/mm/transparent_hugepage")), "only Linux with huge pages says what is mapped");
        long bytes = 0, size = 0;
        for (String line : Files.readAllLines(SMAPS)) {
            if (line.startsWith("Size:")) size = kilobytes(line);
            if (line.startsWith("VmFlags:") && List.of(line.split(" ")).contains("hg")) bytes += size;
        }
        return bytes;
    }

    @Test void memoryThatCannotBeHadIsAnError() {
        Layout layout = Layout.forScoring(new Network(32_000, 1, 8_000, 2), 1 << 11, 1 << 11);
        assertTrue(layout.bytes() > 2e12, "terabytes, which no machine that runs tests has");
        String message = assertThrows(IllegalStateException.class, () -> Kernel.open("native", layout)).getMessage();
        assertTrue(message.contains(layout.bytes() + " bytes") && message.contains("spark.executor.memoryOverhead"), message);
    }

    @ParameterizedTest @MethodSource("org.rondo.kernels.NativeLibrary#instructionSets")
    void anOverwrittenGuardIsNamedWhenTheKernelCloses(String isa) {
        Layout layout = layout(new Network(5, 3, 4, 1), 2, 2);
        NativeKernel kernel = new NativeKernel(layout, isa, 1);
        kernel.breakGuardAfter(layout.layers.get(0).directions().get(0).tanhC());
        String message = assertThrows(IllegalStateException.class, kernel::close).getMessage();
        assertTrue(message.contains("native " + isa) && message.contains("tanhC0"), message);
        kernel.close();   // once is enough
    }

    static List<Network> networks() {
        Head words = new Head(true, Loss.SOFTMAX, 90);
        return List.of(new Network(90, 33, 33, 2), new Network(90, 66, Cell.PEEPHOLE, 33, 2, true, words, true),
                new Network(0, 5, Cell.RNN, 33, 1, false, new Head(false, Loss.SQUARED_ERROR, 3), false),
                new Network(0, 5, Cell.RNN, 33, 1, true, new Head(true, Loss.CRF, 9), false));
    }

    /** Windows of 2,048 tokens: an array with a number for each of them would be 8 KB. */
    @ParameterizedTest @MethodSource("networks")
    void aWindowAllocatesNothingOnTheHeapButAFewSmallObjects(Network network) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        for (String choice : List.of("reference", "native"))
            try (Kernel kernel = Kernel.open(choice, layout(network, 32, 64))) {
                Training training = new Training(kernel);
                for (int w = 0; w < 3; w++) training.window(w);
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int w = 3; w < 6; w++) training.window(w);
                long bytes = (threads.getCurrentThreadAllocatedBytes() - before) / 3;
                assertTrue(bytes < 2048, choice + " allocates " + bytes + " bytes of heap a window of " + network);
            }
    }

    private static Layout layout(Network network, int batch, int seqLen) {
        return Layout.forTraining(network, batch, seqLen, true, 2);
    }

    /** Windows one after the other, with every operation that the network takes and every optimiser. */
    private static final class Training {
        private final Kernel kernel;
        private final UnrolledNetwork unrolled;
        private final Window window;
        private final Draw draw = new Draw(1, 2, 3);
        private final Optimizer[] optimizers = {new Optimizer("sgd", 1), new Optimizer("sgd", 0.9, true, 0, 0), new Optimizer("adam", 1)};
        private final float[] outputs;
        private final int[] labels;

        Training(Kernel kernel) {
            Layout layout = kernel.layout();
            Network network = layout.network;
            int n = layout.batch * layout.seqLen, rows = layout.head.rows(), outputs = network.head().outputs();
            SplittableRandom random = new SplittableRandom(1);
            this.kernel = kernel;
            this.unrolled = new UnrolledNetwork(kernel, new Dropout(0.3, false));
            this.outputs = new float[outputs];
            this.labels = new int[rows];
            boolean tokens = network.vocab() > 0, classes = network.head().classes();
            int[] targets = random.ints(rows, -1, classes ? outputs : 1).toArray(), lengths = random.ints(layout.batch, 0, layout.seqLen + 1).toArray();
            for (int r = layout.batch; r < rows && network.head().crf(); r++) targets[r] = Math.min(targets[r % layout.batch], Math.max(0, targets[r]));
            for (int r = 0; r < rows; r++) if (network.head().atEveryStep() && r / layout.batch >= lengths[r % layout.batch]) targets[r] = Window.NONE;
            this.window = new Window(tokens ? random.ints(n, 0, network.vocab()).toArray() : null, tokens ? null : new float[n * network.embedding()],
                    targets, classes ? null : new float[rows * outputs], lengths, rows);
            kernel.load(Block.PARAMETERS, Parameters.initial(network, 1));
            unrolled.setState(new float[0]);
        }

        void window(int w) {
            unrolled.forward(window, draw);
            if (window.values() == null) unrolled.probabilities(w % kernel.layout().batch, 1, outputs);
            if (kernel.layout().decodes()) unrolled.decode(window.lengths(), null, labels);
            unrolled.backward(window, draw);
            optimizers[w % 3].step(kernel, 1e-3, w + 1);
            unrolled.carry();
        }
    }

    /** The process {@link #main}, whose heap is all touched from the start and that compiles nothing, so that what grows is native. */
    @ParameterizedTest @MethodSource("modes")
    void residentMemoryIsFlat(String mode) throws IOException, InterruptedException {
        assumeTrue(Files.exists(SUMS), "only Linux says what is resident");
        List<String> command = List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xint", "-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"), MemoryTest.class.getName(), mode);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("MALLOC_MMAP_THRESHOLD_", String.valueOf(128 << 10));    // free gives what is larger back at once, and does not learn not to
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        long grown = Long.parseLong(output.strip());
        System.out.println(grown + " bytes grown over " + WINDOWS + " " + mode);
        int most = mode.equals("kernels of 3 threads") ? MONITORS : SMALLEST_ALLOCATION / 2;
        assertTrue(grown < WINDOWS * most, grown + " bytes grown over " + WINDOWS + " " + mode);
    }

    static List<String> modes() {
        return List.of("windows", "kernels", "windows of 3 threads", "kernels of 3 threads");
    }

    /** Prints by how many bytes resident memory grows over {@value #WINDOWS} windows, or kernels opened and closed. */
    public static void main(String[] mode) throws IOException {
        Layout layout = layout(new Network(90, 17, 17, 2), 8, 8);
        int threads = mode[0].contains("threads") ? 3 : 1;
        try (Kernel kernel = Kernel.open("native", layout, threads)) {
            Training training = new Training(kernel);
            long start = 0;
            for (int i = 0; i < 2 * WINDOWS; i++) {
                if (i == WINDOWS) start = resident();
                if (mode[0].startsWith("windows")) training.window(i);
                else Kernel.open("native", layout, threads).close();
            }
            System.out.println(resident() - start);
        }
    }

    private static long resident() throws IOException {
        return kilobytes(Files.readAllLines(SUMS).stream().filter(line -> line.startsWith("Rss:")).findFirst().orElseThrow());
    }

    private static long kilobytes(String line) {
        return Long.parseLong(line.replaceAll("\\D", "")) << 10;
    }
}
