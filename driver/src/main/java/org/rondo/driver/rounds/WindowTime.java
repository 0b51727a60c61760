package org.rondo.driver.rounds;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.Replica;
import org.rondo.kernels.Replica.Stretch;
import org.rondo.kernels.Sequences;
import org.rondo.kernels.Sequences.Sequence;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Streams;
import org.rondo.kernels.bench.Steps;

/** How long a replica takes for a window, on one core of this machine.
 *
 *  @param seconds median, of the thread's processor time: what others take of the core does not count
 *  @param kernel  that ran: {@code native avx512} */
public record WindowTime(double seconds, String kernel) {
    private static final int MOST_STRETCHES = 1000, MOST_WINDOWS = 50, MOST_TOKENS = 1 << 20;
    /** Seconds. */
    private static final double WARM_UP = 0.2, STRETCH = 0.1, ENOUGH = 0.6;
    /** Of the memory that there is, at most for this. */
    private static final double SHARE = 0.5;

    /** Runs a replica of the plan on random tokens: for most of a second, and for two windows at least. Empty where it would take more
     *  than half of this machine's memory, or of what is left of the heap.
     *  @param choice as {@link Kernel#open} takes it */
    public static Optional<WindowTime> measure(Plan plan, String choice) {
        if (!fits(plan, choice)) return Optional.empty();
        Kernel kernel = Kernel.open(choice, plan.layout());
        try (Replica replica = new Replica(kernel, plan.dropout(), plan.optimizer())) {
            float[][] model = new float[1 + moments(plan)][plan.network().parameterCount()];
            model[0] = Parameters.initial(plan.network(), 0);
            int held = (int) Math.max(1, Math.min(MOST_WINDOWS, MOST_TOKENS / ((long) plan.seqLen() * plan.batch())));
            Shard shard = shard(plan, held);
            double one = 0;
            for (double spent = 0; spent < WARM_UP; spent += one) one = seconds(plan, replica, model, shard, 1);
            int windows = plan.averagesGradients() ? 1 : (int) Math.max(1, Math.min(held, Math.round(STRETCH / one))), done = 0;
            double[] times = new double[MOST_STRETCHES];
            for (double spent = 0; done < MOST_STRETCHES && spent < ENOUGH; spent += times[done++] * windows)
                times[done] = seconds(plan, replica, model, shard, windows) / windows;
            return Optional.of(new WindowTime(Steps.median(Arrays.copyOf(times, done)), kernel.description()));
        }
    }

    /** Of a replica: where only gradients are averaged, they are not its own. */
    private static int moments(Plan plan) {
        return plan.averagesGradients() ? 0 : plan.moments();
    }

    private static boolean fits(Plan plan, String choice) {
        Layout layout = plan.layout();
        boolean inTheHeap = choice.equals("reference");
        long copies = 2L * (1 + moments(plan)) * plan.network().parameterCount() * Float.BYTES;         // what it starts from and what it makes
        Runtime jvm = Runtime.getRuntime();
        long heap = jvm.maxMemory() - jvm.totalMemory() + jvm.freeMemory();
        long machine = ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize();
        return inTheHeap ? copies + 2 * layout.bytes() < SHARE * heap : copies < SHARE * heap && layout.bytes() < SHARE * machine;
    }

    private static Shard shard(Plan plan, int windows) {
        Random random = new Random(0);
        if (!plan.streams()) return new Sequences(0, plan.network(), sequences(plan, windows * plan.batch(), random), spelling(plan, random), Sequences.Rare.NONE,
                plan.batch() * plan.seqLen());
        int length = windows * plan.seqLen() + 1;
        return new Streams(0, Stream.generate(() -> random.ints(length, 0, plan.network().vocab()).toArray()).limit(plan.batch()).toArray(int[][]::new));
    }

    /** All as long as the longest, so that a window is the one that needs most memory. */
    private static Sequence[] sequences(Plan plan, int count, Random random) {
        Network network = plan.network();
        int steps = plan.seqLen(), targets = network.head().atEveryStep() ? steps : 1, words = Math.max(1, plan.window().words());
        return Stream.generate(() -> {
            int[] classes = random.ints(targets, 0, network.head().classes() ? network.head().outputs() : 1).toArray();
            float[] values = network.head().classes() ? null : new float[targets * network.head().outputs()];
            if (network.vocab() == 0) return Sequence.ofFeatures(new float[steps * network.embedding()], classes, values, steps);
            return Sequence.ofTokens(random.ints(steps, 0, network.vocab()).toArray(), network.spelling() == null ? null : random.ints(steps, 0, words).toArray(), classes, values);
        }).limit(count).toArray(Sequence[]::new);
    }

    private static int[][] spelling(Plan plan, Random random) {
        if (plan.network().spelling() == null) return null;
        return Stream.generate(() -> random.ints(plan.window().characters(), 0, plan.network().spelling().characters()).toArray()).limit(plan.window().words()).toArray(int[][]::new);
    }

    private static double seconds(Plan plan, Replica replica, float[][] model, Shard shard, int windows) {
        long from = Steps.nanos();
        run(plan, replica, model, shard, windows);
        return (Steps.nanos() - from) * 1e-9;
    }

    private static Replica.Result run(Plan plan, Replica replica, float[][] model, Shard shard, int windows) {
        Stretch stretch = new Stretch(0, 0, windows, MOST_WINDOWS, 1e-3, 0);
        return plan.averagesGradients() ? replica.gradient(model[0], new float[0], shard, stretch) : replica.train(model, new float[0], shard, stretch);
    }
}
