package org.rondo.kernels;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.rondo.kernels.Layout.Block;

/** Training steps a second at the shapes of docs/benchmarks.md: embedding, layers, softmax, clipping, SGD. Prints a line for
 *  every shape and instruction set. The ceiling is measured right before and after, because other work on the machine moves
 *  both; time is this thread's processor time, so that what others take of the core does not count. Run on one core:
 *  {@code taskset -c 1 java -cp target/classes:target/test-classes org.rondo.kernels.KernelBench [S1 ... avx512 ...]}. */
final class KernelBench {
    private static final int REPETITIONS = 15;

    private record Shape(Network network, int batch, int seqLen) { }

    private static final Map<String, Shape> SHAPES = new LinkedHashMap<>();
    static {
        SHAPES.put("S1", new Shape(new Network(10_000, 200, 200, 2), 20, 20));
        SHAPES.put("S2", new Shape(new Network(10_000, 650, 650, 2), 20, 35));
        SHAPES.put("S3", new Shape(new Network(96, 64, 512, 2), 32, 100));
    }

    public static void main(String[] args) {
        System.out.println("shape\tisa\ttokens_per_s\tgflops\tfma_peak_gflops\tshare_of_peak\tslowest_fastest_tokens_per_s");
        List<String> asked = List.of(args), shapes = List.copyOf(SHAPES.keySet());
        for (String name : asked.stream().anyMatch(shapes::contains) ? asked : shapes)
            for (String isa : NativeLibrary.instructionSets())
                if (SHAPES.containsKey(name) && (asked.contains(isa) || NativeLibrary.instructionSets().stream().noneMatch(asked::contains)))
                    print(name, isa, SHAPES.get(name));
    }

    private static void print(String name, String isa, Shape shape) {
        double peak = peak(isa);
        double[] seconds = seconds(isa, shape);
        peak = Math.max(peak, peak(isa));
        double tokens = shape.batch * shape.seqLen, rate = tokens / seconds[seconds.length / 2];
        double gflops = rate * shape.network.trainingFlops() / 1e9;
        System.out.printf("%s\t%s\t%.0f\t%.1f\t%.1f\t%.3f\t%.0f %.0f%n", name, isa, rate, gflops, peak, gflops / peak,
                tokens / seconds[seconds.length - 1], tokens / seconds[0]);
    }

    /** Seconds of a training step, ascending. */
    private static double[] seconds(String isa, Shape shape) {
        Layout layout = Layout.forTraining(shape.network, shape.batch, shape.seqLen, false, 0);
        Window window = randomWindow(shape);
        try (Kernel kernel = Kernel.open(isa, layout)) {
            kernel.load(Block.PARAMETERS, Parameters.initial(shape.network, 1));
            UnrolledNetwork network = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
            Optimizer optimizer = new Optimizer("sgd", 0.25);
            network.setState(new float[0]);
            double[] seconds = new double[REPETITIONS];
            double firstLoss = 0, lastLoss = 0;
            for (int i = -2; i < REPETITIONS; i++) {
                long start = nanos();
                lastLoss = network.forward(window, null);
                network.backward(window, null);
                optimizer.step(kernel, 1, 1);
                network.carry();
                if (i == -2) firstLoss = lastLoss;
                if (i >= 0) seconds[i] = (nanos() - start) * 1e-9;
            }
            if (!(lastLoss < firstLoss))
                throw new AssertionError(isa + " does not learn: loss " + firstLoss + ", after " + (REPETITIONS + 2) + " steps on one window " + lastLoss);
            Arrays.sort(seconds);
            return seconds;
        }
    }

    /** GFLOP/s of multiply-adds on registers alone. */
    private static double peak(String isa) {
        long kernels = NativeLibrary.find(isa);
        double best = 0;
        for (int i = 0; i < 10; i++) {
            long start = nanos();
            double flops = NativeLibrary.fmaPeak(kernels, 1_000_000);
            best = Math.max(best, flops / (nanos() - start));
        }
        return best;
    }

    private static long nanos() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private static Window randomWindow(Shape shape) {
        Random random = new Random(1);
        int n = shape.batch * shape.seqLen, vocab = shape.network.vocab();
        return new Window(random.ints(n, 0, vocab).toArray(), random.ints(n, 0, vocab).toArray(), n);
    }
}
