package org.rondo.peers;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.LSTMImpl;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorT_TensorTensor_T_T;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.NativeLibrary;
import org.rondo.kernels.Network;
import org.rondo.kernels.Optimizer;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;
import org.rondo.peers.TorchNetwork.Architecture;
import org.rondo.peers.TorchNetwork.Cell;
import org.rondo.peers.TorchNetwork.Forward;
import org.rondo.peers.TorchNetwork.State;

/** Training steps a second of our kernel and of PyTorch, in turns in one process on one core: forward, backward, clipping by the
 *  global norm, SGD, state carried and detached. Prints a line for every shape; the ratio is the median over the turns, because what
 *  else the machine does slows two neighbouring turns alike. Time is this thread's processor time: PyTorch with one thread computes
 *  on the caller's.
 *
 *  <p>PyTorch is given what makes it fastest (pom.xml): LSTM layers in float go through oneDNN, forward and backward; the softmax's
 *  matrix products through OpenBLAS, free to choose the processor's best instruction set; glibc's malloc keeps what is freed, else
 *  every step would fault in its temporaries' pages anew (10 to 20 % on Zen 5), and has large pages, as our kernel has. Sparse
 *  gradients of the embedding change nothing. */
final class PytorchBench {
    private static final int CHECKED_STEPS = 5, TURNS = 15;
    private static final double TURN_SECONDS = 0.5, LEARNING_RATE = 1, CLIP_NORM = 0.25;
    /** Of the losses, relative: sums of floats in different orders, over a few steps. A learning rate off by 1 % is seen.
     *  Where the loss falls fast the steps show: PyTorch sums the 4 million squares of S5's largest gradient in float, which makes
     *  its norm 1.4e-4 smaller than the same squares' sum in double. */
    private static final double TOLERANCE = 1e-6, LONE_LAYER_TOLERANCE = 1e-4;

    /** @param network   embedding, layers and softmax; or, of a lone layer, its input (embedding) and hidden sizes
     *  @param loneLayer numbers go in, the loss is half the sum of squared outputs; no gradient of the input is asked for */
    private record Shape(Network network, int batch, int seqLen, boolean loneLayer) {
        static Shape languageModel(int vocab, int embedding, int hidden, int batch, int seqLen) {
            return new Shape(new Network(vocab, embedding, hidden, 2), batch, seqLen, false);
        }

        static Shape layer(int input, int hidden, int batch, int seqLen) {
            return new Shape(new Network(1, input, hidden, 1), batch, seqLen, true);
        }

        int tokens() {
            return batch * seqLen;
        }

        double trainingFlops() {
            double I = network.embedding(), H = network.hidden();
            return loneLayer ? 3 * 8 * H * (I + H) - 8 * H * I : network.trainingFlops();
        }
    }

    private static final Map<String, Shape> SHAPES = new LinkedHashMap<>();
    static {
        SHAPES.put("S1", Shape.languageModel(10_000, 200, 200, 20, 20));
        SHAPES.put("S2", Shape.languageModel(10_000, 650, 650, 20, 35));
        SHAPES.put("S3", Shape.languageModel(96, 64, 512, 32, 100));
        SHAPES.put("S5", Shape.layer(1024, 1024, 64, 50));
        SHAPES.put("S6", Shape.layer(64, 64, 16, 50));
    }

    /** What trains a network; a step returns the loss of its window, of a language model the mean. */
    private interface Trainer extends AutoCloseable {
        double step();

        @Override void close();
    }

    /** @param args shapes; all of them if there is none */
    public static void main(String[] args) {
        torch.set_num_threads(1);
        String oneDnn = torch.show_config().getString().lines().filter(line -> line.contains("MKL-DNN")).findFirst().orElse("- no oneDNN").substring(4);
        System.out.println("# org.bytedeco:pytorch:" + System.getProperty("pytorch.version") + ", " + oneDnn + ", " + torch.get_cpu_capability().getString()
                + ", threads: " + torch.get_num_threads());
        System.out.println("shape\trondo_tokens_per_s\tpytorch_tokens_per_s\tratio\tratio_slowest_fastest_turn\trondo_gflops\tpytorch_gflops\tisa");
        for (String name : args.length > 0 ? List.of(args) : SHAPES.keySet()) {
            if (!SHAPES.containsKey(name)) throw new IllegalArgumentException("shape is '" + name + "', expected some of " + SHAPES.keySet());
            compare(name, SHAPES.get(name));
        }
    }

    private static void compare(String name, Shape shape) {
        float[] parameters = Parameters.initial(shape.network, 1);
        try (Trainer ours = shape.loneLayer ? new OurLayer(shape, parameters) : new Ours(shape, parameters);
                Trainer torch = shape.loneLayer ? new TorchLayer(shape, parameters) : new Torch(shape, parameters)) {
            for (int step = 0; step < CHECKED_STEPS; step++) {
                double a = ours.step(), b = torch.step();
                if (!(Math.abs(a - b) <= (shape.loneLayer ? LONE_LAYER_TOLERANCE : TOLERANCE) * b))
                    throw new AssertionError(name + ", step " + step + ": our loss is " + a + ", PyTorch's " + b);
            }
            double[] oursSeconds = new double[TURNS], torchSeconds = new double[TURNS], ratios = new double[TURNS];
            int oursSteps = steps(ours), torchSteps = steps(torch);
            for (int turn = 0; turn < TURNS; turn++) {
                oursSeconds[turn] = seconds(ours, oursSteps);
                torchSeconds[turn] = seconds(torch, torchSteps);
                ratios[turn] = torchSeconds[turn] / oursSeconds[turn];
            }
            double oursRate = shape.tokens() / median(oursSeconds), torchRate = shape.tokens() / median(torchSeconds);
            double gflop = shape.trainingFlops() * 1e-9;
            System.out.printf("%s\t%.0f\t%.0f\t%.2f\t%.2f %.2f\t%.1f\t%.1f\t%s%n", name, oursRate, torchRate, median(ratios),
                    Arrays.stream(ratios).min().orElseThrow(), Arrays.stream(ratios).max().orElseThrow(), gflop * oursRate, gflop * torchRate,
                    NativeLibrary.instructionSets().get(0));
        }
    }

    /** How many fill a turn. */
    private static int steps(Trainer trainer) {
        seconds(trainer, 1);
        return (int) Math.ceil(TURN_SECONDS / seconds(trainer, 2));
    }

    /** Of one step. */
    private static double seconds(Trainer trainer, int steps) {
        long start = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        for (int i = 0; i < steps; i++) trainer.step();
        return (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - start) * 1e-9 / steps;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    /** Inputs of a lone layer, seqLen x batch x I. */
    private static float[] features(Shape shape) {
        Random random = new Random(2);
        float[] x = new float[shape.tokens() * shape.network.embedding()];
        for (int i = 0; i < x.length; i++) x[i] = (float) random.nextGaussian();
        return x;
    }

    private static Window window(Shape shape) {
        Random random = new Random(1);
        int n = shape.tokens(), vocab = shape.network.vocab();
        return new Window(random.ints(n, 0, vocab).toArray(), random.ints(n, 0, vocab).toArray(), n);
    }

    private static final class Ours implements Trainer {
        private final Kernel kernel;
        private final UnrolledNetwork network;
        private final Optimizer optimizer = new Optimizer("sgd", CLIP_NORM);
        private final Window window;

        Ours(Shape shape, float[] parameters) {
            kernel = Kernel.open("native", Layout.forTraining(shape.network, shape.batch, shape.seqLen, false, 0));
            kernel.load(Block.PARAMETERS, parameters);
            network = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
            network.setState(new float[0]);
            window = window(shape);
        }

        @Override public double step() {
            double loss = network.forward(window, null);
            network.backward(window, null);
            optimizer.step(kernel, LEARNING_RATE, 1);
            network.carry();
            return loss / window.tokens();
        }

        @Override public void close() {
            kernel.close();
        }
    }

    private static final class Torch implements Trainer {
        private final PointerScope scope = new PointerScope();
        private final TorchNetwork network;
        private final TensorVector parameters;
        private final SGD optimizer;
        private final Tensor inputs, targets;
        private final State state;

        Torch(Shape shape, float[] initial) {
            Network n = shape.network;
            Architecture architecture = new Architecture(Cell.LSTM, n.vocab(), n.embedding(), n.hidden(), n.layers(), false);
            network = new TorchNetwork(architecture, ScalarType.Float, Window.NONE);
            n.tensors().forEach(t -> network.set(t.name(), Arrays.copyOfRange(initial, t.offset(), t.end())));
            parameters = network.parameterVector();
            optimizer = new SGD(parameters, new SGDOptions(LEARNING_RATE));
            Window window = window(shape);
            inputs = ids(window.inputs(), shape);
            targets = ids(window.targets(), shape);
            long[] stateShape = {n.layers(), shape.batch, n.hidden()};
            float[] zero = new float[n.layers() * shape.batch * n.hidden()];
            state = new State(Tensor.create(zero, stateShape), Tensor.create(zero, stateShape));
        }

        /** Pointers of a step are freed at its end; what outlives it is the state, copied into tensors of its own. */
        @SuppressWarnings("try")
        @Override public double step() {
            try (PointerScope step = new PointerScope()) {
                Forward forward = network.forward(inputs, targets, null, state);
                optimizer.zero_grad();
                forward.loss().backward();
                torch.clip_grad_norm_(parameters, CLIP_NORM);
                optimizer.step();
                state.h().copy_(forward.state().h().detach());
                state.c().copy_(forward.state().c().detach());
                return forward.loss().item_double();
            }
        }

        @Override public void close() {
            scope.close();
        }

        private static Tensor ids(int[] ids, Shape shape) {
            return Tensor.create(Arrays.stream(ids).asLongStream().toArray(), shape.seqLen, shape.batch);
        }
    }

    private static final class OurLayer implements Trainer {
        private final Kernel kernel;
        private final Layout.Recurrent layer;
        private final UnrolledNetwork network;
        private final Optimizer optimizer = new Optimizer("sgd", CLIP_NORM);

        OurLayer(Shape shape, float[] parameters) {
            Layout layout = Layout.forTraining(shape.network, shape.batch, shape.seqLen, false, 0);
            layer = layout.layers.get(0).directions().get(0);
            kernel = Kernel.open("native", layout);
            kernel.load(Block.PARAMETERS, parameters);
            kernel.write(features(shape), 0, layer.x());
            network = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
            network.setState(new float[0]);
        }

        @Override public double step() {
            kernel.recurrentForward(layer, null);
            double loss = kernel.sumOfSquares(layer.out()) / 2;
            kernel.copy(layer.out(), layer.dh());
            kernel.recurrentBackward(layer, null);
            optimizer.step(kernel, LEARNING_RATE, 1);
            network.carry();
            return loss;
        }

        @Override public void close() {
            kernel.close();
        }
    }

    private static final class TorchLayer implements Trainer {
        private final PointerScope scope = new PointerScope();
        private final LSTMImpl lstm;
        private final TensorVector parameters;
        private final SGD optimizer;
        private final Tensor x, h, c;

        @SuppressWarnings("try")
        TorchLayer(Shape shape, float[] initial) {
            Network n = shape.network;
            lstm = new LSTMImpl(n.embedding(), n.hidden());
            Tensor[] trained = new Tensor[3];
            try (NoGradGuard guard = new NoGradGuard()) {
                String[] ours = {"weight_ih_l0", "weight_hh_l0", "bias_l0"}, torchs = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0"};
                for (int i = 0; i < trained.length; i++) {
                    trained[i] = lstm.named_parameters().get(torchs[i]);
                    float[] values = Arrays.copyOfRange(initial, n.tensor(ours[i]).offset(), n.tensor(ours[i]).end());
                    trained[i].copy_(Tensor.create(values, TorchNetwork.shape(trained[i])));
                }
                lstm.named_parameters().get("bias_hh_l0").zero_().set_requires_grad(false);
            }
            parameters = new TensorVector(trained);
            optimizer = new SGD(parameters, new SGDOptions(LEARNING_RATE));
            x = Tensor.create(features(shape), shape.seqLen, shape.batch, n.embedding());
            h = Tensor.create(new float[shape.batch * n.hidden()], 1, shape.batch, n.hidden());
            c = Tensor.create(new float[shape.batch * n.hidden()], 1, shape.batch, n.hidden());
        }

        @SuppressWarnings("try")
        @Override public double step() {
            try (PointerScope step = new PointerScope()) {
                T_TensorT_TensorTensor_T_T y = lstm.forward(x, new T_TensorTensor_T(h, c));
                Tensor loss = y.get0().mul(y.get0()).sum().mul(new Scalar(0.5));
                optimizer.zero_grad();
                loss.backward();
                torch.clip_grad_norm_(parameters, CLIP_NORM);
                optimizer.step();
                h.copy_(y.get1().get0().detach());
                c.copy_(y.get1().get1().detach());
                return loss.item_double();
            }
        }

        @Override public void close() {
            scope.close();
        }
    }
}
