package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.UnrolledNetwork.Dropout;

/** A kernel's threads leave no trace: neither in its bits, nor when it is closed. */
class ThreadsTest extends Agreement {
    private static final int WINDOWS = 4;

    /** {@link #cases()}, and hidden sizes with batches of fewer rows than there are threads, or not a multiple of them. */
    static List<Case> threadedCases() {
        List<Case> cases = new ArrayList<>(cases());
        for (int hidden : new int[] {1, 7, 17, 33})
            for (int batch : new int[] {1, 2, 5, 9}) {
                int turn = cases.size();
                Head head = new Head(turn % 2 == 0, turn % 3 > 0 ? Loss.SOFTMAX : Loss.SQUARED_ERROR, 1 + 67 * (turn % 5));
                cases.add(new Case(new Network(turn % 4 == 0 ? 0 : 40, 1 + turn % 20, turn % 3 == 0 ? SIGMOID_PEEPHOLE : Cell.LSTM, hidden, 2, turn % 4 > 1, head, false),
                        batch, 1 + turn % 6, turn % 2 == 0));
            }
        for (int labels : new int[] {1, 17, 65, 130})
            cases.add(new Case(new Network(0, 5, Cell.LSTM, 17, 1, true, new Head(true, Loss.CRF, labels), false), 9, 6, labels != 17));
        cases.add(new Case(new Network(300, 33, Cell.RNN, 33, 1, false, new Head(true, Loss.SOFTMAX, 300), true), 9, 3, false));   // 5 panels that are tied
        return cases;
    }

    static Stream<Arguments> instructionSetsAndThreadedCases() {
        return instructionSets().stream().flatMap(isa -> threadedCases().stream().map(c -> Arguments.of(isa, c)));
    }

    @ParameterizedTest @MethodSource("instructionSetsAndThreadedCases")
    void sameBitsWhateverTheNumberOfThreads(String isa, Case c) {
        List<float[]> one = trained(isa, c, 1);
        for (int threads : new int[] {2, 3, 4, 13}) {
            List<float[]> many = trained(isa, c, threads);
            assertEquals(one.size(), many.size());
            for (int i = 0; i < one.size(); i++) assertArrayEquals(bits(one.get(i)), bits(many.get(i)), i + " of " + threads + " threads");
        }
    }

    /** Windows with all optimisers; after each of them its loss, outputs, state, gradients and what the optimiser made of them. */
    private static List<float[]> trained(String isa, Case c, int threads) {
        List<float[]> seen = new ArrayList<>();
        List<Optimizer> optimizers = List.of(new Optimizer("sgd", 0.25), new Optimizer("sgd", 0.9, true, 0, 0), new Optimizer("adam", 1), new Optimizer("adamw", 0, false, 0.1, 1));
        float[] parameters = uniform(c.network().parameterCount(), 1, 11);
        scaleRelu(c.network(), parameters);
        try (Kernel kernel = Kernel.open(isa, c.layout(DROPOUT), threads)) {
            kernel.load(Block.PARAMETERS, parameters);
            UnrolledNetwork network = new UnrolledNetwork(kernel, new Dropout(DROPOUT, c.batch() % 2 == 0));
            network.setState(uniform(c.batch() * c.network().stateSize(), 0.5, 12));
            for (int w = 0; w < WINDOWS; w++) {
                Window window = randomWindow(c, 21 + w);
                Draw draw = w == 0 ? null : new Draw(7, 3, w);
                float[] outputs = new float[c.network().head().outputs()];
                double loss = network.forward(window, draw);
                network.outputs(kernel.layout().head.rows() - 1, outputs);
                if (kernel.layout().decodes()) seen.add(labels(network, window, kernel.layout()));
                network.backward(window, draw);
                double norm = optimizers.get(w).step(kernel, 0.01, w + 1);
                network.carry();
                seen.add(new float[] {(float) loss, (float) norm});
                seen.add(outputs);
                seen.add(network.state());
                for (Block block : Block.values()) seen.add(all(kernel, block));
            }
            return seen;
        }
    }

    private static float[] labels(UnrolledNetwork network, Window window, Layout layout) {
        int[] labels = new int[layout.head.rows()];
        float[] floats = new float[labels.length];
        network.decode(window.lengths(), null, labels);
        for (int i = 0; i < labels.length; i++) floats[i] = labels[i];
        return floats;
    }

    private static int[] bits(float[] floats) {
        int[] bits = new int[floats.length];
        for (int i = 0; i < bits.length; i++) bits[i] = Float.floatToRawIntBits(floats[i]);
        return bits;
    }

    @ParameterizedTest @ValueSource(ints = {0, -1, 1025, Integer.MAX_VALUE})
    void aNumberOfThreadsThatCannotBeIsRefused(int threads) {
        String message = assertThrows(IllegalArgumentException.class, () -> Kernel.open("native", layout(), threads)).getMessage();
        assertTrue(message.contains(" " + threads + ",") && message.contains("expected 1 to") && message.contains("spark.task.cpus"), message);
    }

    @Test void threadsAreThereUntilTheKernelCloses() {
        for (int times = 0; times < 100; times++) {
            Kernel kernel = Kernel.open("native", layout(), 4);
            assertEquals(3, threads().size());
            assertTrue(threads().stream().allMatch(Thread::isDaemon));
            kernel.close();
            kernel.close();
            assertEquals(List.of(), threads());
        }
        Kernel.open("native", layout()).close();
        Kernel.open("reference", layout(), 4).close();
    }

    @Test void aKernelThatCannotBeOpenedLeavesNoThreads() {
        Layout layout = Layout.forScoring(new Network(32_000, 1, 8_000, 2), 1 << 11, 1 << 11);
        assertThrows(IllegalStateException.class, () -> Kernel.open("native", layout, 4));
    }

    /** The task's thread is interrupted when Spark kills the task. */
    @Test void anInterruptedCallerFinishesTheOperationAndStaysInterrupted() {
        Case c = new Case(new Network(70, 20, 33, 2), 7, 5, true);
        List<float[]> expected = trained("native", c, 1);
        Thread.currentThread().interrupt();
        List<float[]> actual = trained("native", c, 3);
        assertTrue(Thread.interrupted());
        for (int i = 0; i < expected.size(); i++) assertArrayEquals(bits(expected.get(i)), bits(actual.get(i)));
    }

    @Test void everyPartIsTakenOnceInEveryPhaseAndNoneBeforeAllAreThroughWithTheLast() {
        try (Team team = new Team(5)) {
            AtomicInteger taken = new AtomicInteger();
            for (int times = 0; times < 200; times++) {
                taken.set(0);
                team.run((phase, part, parts) -> {
                    assertTrue(taken.get() >= 5 * phase && taken.get() < 5 * (phase + 1), () -> taken + " were taken before one of phase " + phase);
                    assertEquals(5, parts);
                    taken.incrementAndGet();
                    return phase < 3;
                });
                assertEquals(20, taken.get());
            }
        }
    }

    @ParameterizedTest @ValueSource(ints = {0, 1, 2})
    void aThreadThatFailsIsAnErrorAndNotAHang(int failing) {
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            Team team = new Team(3);
            Error failure = new NoClassDefFoundError("on purpose");
            Throwable thrown = assertThrows(Throwable.class, () -> team.run((phase, part, parts) -> {
                if (phase == 1 && part == failing) throw failure;
                return phase < 2;
            }));
            assertSame(failure, failing == 0 ? thrown : thrown.getCause());
            String again = assertThrows(IllegalStateException.class, () -> team.run((phase, part, parts) -> false)).getMessage();
            assertTrue(again.contains("on purpose") && again.contains("open a new one"), again);
            team.close();
            assertFalse(threads().stream().anyMatch(Thread::isAlive));
        });
    }

    private static Layout layout() {
        return Layout.forTraining(new Network(5, 3, 4, 1), 2, 2, false, 0);
    }

    private static List<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream().filter(t -> t.getName().startsWith("rondo-kernel-")).toList();
    }

    @AfterEach void noneAreLeft() {
        assertEquals(List.of(), threads());
    }
}
