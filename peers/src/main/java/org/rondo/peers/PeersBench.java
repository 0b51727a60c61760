package org.rondo.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch;
import org.rondo.kernels.NativeLibrary;
import org.rondo.kernels.bench.RondoSteps;
import org.rondo.kernels.bench.Shape;
import org.rondo.kernels.bench.Steps;

/** Tokens a second of our kernel, of PyTorch and, when scoring, of ONNX Runtime, in turns in one process on one core: the shapes of
 *  {@code bin/rondo bench kernels}. Before they are timed, all must compute the same. Prints a line for every shape; the ratio is
 *  that to the faster of the peers, the median over the turns, because what else the machine does slows neighbouring turns alike. Time
 *  is this thread's processor time: with one thread the peers compute on the caller's.
 *
 *  <p>PyTorch is given what makes it fastest (pom.xml): LSTM layers in float go through oneDNN, forward and backward; the softmax's
 *  matrix products through OpenBLAS, free to choose the processor's best instruction set; glibc's malloc keeps what is freed, else
 *  every step would fault in its temporaries' pages anew (10 to 20 % on Zen 5), and has large pages, as our kernel has. Sparse
 *  gradients of the embedding would gain it 1 %. */
final class PeersBench {
    private static final int CHECKED_STEPS = 5, TURNS = 15;
    private static final double TURN_SECONDS = 0.5;
    /** Of the losses, relative: sums of floats in different orders, over a few steps. A learning rate off by 1 % is seen.
     *  Where the loss falls fast the steps show: PyTorch sums the 4 million squares of S5's largest gradient in float, which makes
     *  its norm 1.4e-4 smaller than the same squares' sum in double. */
    private static final double TOLERANCE = 1e-6, LAYER_TOLERANCE = 1e-4;
    /** Of a probability, relative to the largest: rounding of the sums behind a logit, and approximations of tanh and exp. */
    private static final double PROBABILITY_TOLERANCE = 1e-5;
    private static final String[] NAMES = {"rondo", "pytorch", "onnxruntime"};

    /** @param args shapes: S1, S2-scoring; all of them if there is none */
    public static void main(String[] args) {
        torch.set_num_threads(1);
        String oneDnn = torch.show_config().getString().lines().filter(line -> line.contains("MKL-DNN")).findFirst().orElse("- no oneDNN").substring(4);
        System.out.println("# org.bytedeco:pytorch:" + System.getProperty("pytorch.version") + ", " + oneDnn + ", " + torch.get_cpu_capability().getString()
                + ", threads: " + torch.get_num_threads() + "; com.microsoft.onnxruntime:onnxruntime:" + System.getProperty("onnxruntime.version"));
        List<Shape> shapes = Stream.concat(Shape.TRAINING.stream(), Shape.SCORING.stream()).toList();
        List<String> labels = shapes.stream().map(Shape::label).toList(), asked = args.length > 0 ? List.of(args) : labels;
        if (!labels.containsAll(asked)) throw new IllegalArgumentException("shapes are " + asked + ", expected some of " + labels);
        System.out.println("shape\tisa\trondo_tokens_per_s\tpytorch_tokens_per_s\tonnxruntime_tokens_per_s\tratio\tratio_slowest_turn\tratio_fastest_turn"
                + "\trondo_gflops\tpytorch_gflops\tonnxruntime_gflops");
        for (String label : asked) compare(shapes.get(labels.indexOf(label)));
    }

    private static void compare(Shape shape) {
        try (RondoSteps ours = new RondoSteps(shape, "native"); Steps pytorch = shape.scoring() ? TorchSteps.scoring(shape) : TorchSteps.training(shape)) {
            if (!shape.scoring()) {
                checkLosses(shape, ours, pytorch);
                time(shape, List.of(ours, pytorch));
                return;
            }
            try (OnnxScoring onnx = new OnnxScoring(shape)) {
                ours.step();
                checkProbabilities(shape, NAMES[1], ours.probabilities(), ((Scorer) pytorch).probabilities());
                checkProbabilities(shape, NAMES[2], ours.probabilities(), onnx.probabilities());
                time(shape, List.of(ours, pytorch, onnx));
            }
        }
    }

    private static void checkLosses(Shape shape, Steps ours, Steps pytorch) {
        for (int step = 0; step < CHECKED_STEPS; step++) {
            double a = ours.step(), b = pytorch.step();
            if (!(Math.abs(a - b) <= (shape.isLayerAlone() ? LAYER_TOLERANCE : TOLERANCE) * b))
                throw new AssertionError(shape.label() + ", step " + step + ": our loss is " + a + ", PyTorch's " + b);
        }
    }

    private static void checkProbabilities(Shape shape, String peer, float[] ours, float[] theirs) {
        if (ours.length != theirs.length)
            throw new AssertionError(shape.label() + ": we have " + ours.length + " probabilities, " + peer + " " + theirs.length);
        double largest = 0, difference = 0;
        for (int i = 0; i < ours.length; i++) {
            largest = Math.max(largest, ours[i]);
            difference = Math.max(difference, Math.abs(ours[i] - theirs[i]));
        }
        if (!(difference <= PROBABILITY_TOLERANCE * largest))
            throw new AssertionError(shape.label() + ": a probability differs from that of " + peer + " by " + difference + ", the largest is " + largest);
    }

    /** @param all ours first */
    private static void time(Shape shape, List<Steps> all) {
        int[] steps = all.stream().mapToInt(one -> one.within(TURN_SECONDS)).toArray();
        double[][] seconds = new double[all.size()][TURNS];
        for (int turn = 0; turn < TURNS; turn++)
            for (int i = 0; i < all.size(); i++) seconds[i][turn] = all.get(i).seconds(steps[i]);
        double[] rates = Stream.of(seconds).mapToDouble(of -> shape.tokens() / Steps.median(of)).toArray();
        int faster = rates.length > 2 && rates[2] > rates[1] ? 2 : 1;
        double[] ratios = IntStream.range(0, TURNS).mapToDouble(turn -> seconds[faster][turn] / seconds[0][turn]).toArray();

        List<String> line = new ArrayList<>(List.of(shape.label(), NativeLibrary.instructionSets().get(0)));
        for (int i = 0; i < NAMES.length; i++) line.add(i < rates.length ? decimal(rates[i], 0) : "-");
        line.add(decimal(Steps.median(ratios), 2));
        line.add(decimal(DoubleStream.of(ratios).min().orElseThrow(), 2));
        line.add(decimal(DoubleStream.of(ratios).max().orElseThrow(), 2));
        for (int i = 0; i < NAMES.length; i++) line.add(i < rates.length ? decimal(rates[i] * shape.flops() * 1e-9, 1) : "-");
        System.out.println(String.join("\t", line));
    }

    private static String decimal(double number, int places) {
        return String.format(Locale.ROOT, "%." + places + "f", number);
    }
}
