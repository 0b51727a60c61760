package org.rondo.kernels;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.rondo.kernels.Layout.Block;

/** Training steps a second at the shapes of docs/benchmarks.md: embedding, layers, softmax, clipping, SGD; S5 and S6 are one
 *  layer over features, and the loss is half the sum of the squares of h. Prints a line for
 *  every shape and instruction set. The ceiling is measured right before and after, because other work on the machine moves
 *  both; time is this thread's processor time, so that what others take of the core does not count. Run on one core:
 *  {@code taskset -c 1 java -cp target/classes:target/test-classes org.rondo.kernels.KernelBench [S1 ... avx512 ...]}. */
final class KernelBench {
    private static final int REPETITIONS = 15;
    /** A repetition takes as many steps as do this much work, so that the clock's resolution does not matter. */
    private static final double FLOPS = 2e9;

    /** @param head whether the loss is the network's, or half the sum of the squares of h */
    private record Shape(Network network, int batch, int seqLen, boolean head) {
        Shape(Network network, int batch, int seqLen) {
            this(network, batch, seqLen, true);
        }

        static Shape ofLayer(int inputs, int hidden, int batch, int seqLen) {
            return new Shape(new Network(0, inputs, Cell.LSTM, hidden, 1, false, new Head(false, false, 1), false), batch, seqLen, false);
        }

        /** Of a token, in matrix products. */
        double flops() {
            double ofHead = 6.0 * network.width() * network.head().outputs();
            return head ? network.trainingFlops() : network.trainingFlops() - ofHead;
        }
    }

    private static final Map<String, Shape> SHAPES = new LinkedHashMap<>();
    static {
        SHAPES.put("S1", new Shape(new Network(10_000, 200, 200, 2), 20, 20));
        SHAPES.put("S2", new Shape(new Network(10_000, 650, 650, 2), 20, 35));
        SHAPES.put("S3", new Shape(new Network(96, 64, 512, 2), 32, 100));
        SHAPES.put("S4", new Shape(new Network(10_000, 100, Cell.LSTM, 128, 1, true, new Head(true, true, 9), false), 32, 30));
        SHAPES.put("S5", Shape.ofLayer(1024, 1024, 64, 50));
        SHAPES.put("S6", Shape.ofLayer(64, 64, 16, 50));
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
        double gflops = rate * shape.flops() / 1e9;
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
            int steps = (int) Math.ceil(FLOPS / (shape.flops() * shape.batch * shape.seqLen));
            for (int i = -2; i < REPETITIONS; i++) {
                long start = nanos();
                for (int step = 0; step < steps; step++) {
                    if (shape.head) {
                        lastLoss = network.forward(window, null);
                        network.backward(window, null);
                    } else lastLoss = layer(kernel, window.features());
                    optimizer.step(kernel, 1, 1);
                    network.carry();
                    if (i == -2 && step == 0) firstLoss = lastLoss;
                }
                if (i >= 0) seconds[i] = (nanos() - start) * 1e-9 / steps;
            }
            if (!(lastLoss < firstLoss))
                throw new AssertionError(isa + " does not learn: loss " + firstLoss + ", after " + (REPETITIONS + 2) * steps + " steps on one window " + lastLoss);
            Arrays.sort(seconds);
            return seconds;
        }
    }

    /** Forward and backward of one layer without a head.
     *  @return half the sum of the squares of h */
    private static double layer(Kernel kernel, float[] features) {
        Layout.Recurrent r = kernel.layout().layers.get(0).directions().get(0);
        kernel.write(features, 0, r.x());
        kernel.recurrentForward(r, null);
        double loss = kernel.sumOfSquares(r.out()) / 2;
        kernel.copy(r.out(), r.dh());
        kernel.recurrentBackward(r, null);
        return loss;
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
        int n = shape.batch * shape.seqLen, vocab = shape.network.vocab(), outputs = shape.network.head().outputs();
        if (vocab > 0) return new Window(random.ints(n, 0, vocab).toArray(), random.ints(n, 0, outputs).toArray(), n);
        float[] features = new float[n * shape.network.embedding()];
        for (int i = 0; i < features.length; i++) features[i] = 2 * random.nextFloat() - 1;
        return new Window(null, features, null, null, null, n);
    }
}
