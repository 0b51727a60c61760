package org.rondo.peers;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Adam;
import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Optimizer;
import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.rondo.peers.TorchNetwork.Architecture;
import org.rondo.peers.TorchNetwork.Cell;
import org.rondo.peers.TorchNetwork.Forward;
import org.rondo.peers.TorchNetwork.State;

/** Writes what PyTorch computes for small networks, for tests that run without it.
 *
 *  <p>A fixture has the sizes; {@code inputs} and {@code targets} of ten windows (-1: does not count), and {@code lengths} if streams
 *  differ in length; {@code parameters/NAME} and the state before the first window, {@code initial/h} and {@code initial/c}. Of the
 *  first window: {@code loss}, the mean over its targets; {@code gradients/NAME}; the state after it, {@code final/h} and
 *  {@code final/c}. Of ten steps of SGD and of Adam, each from the same parameters, over the ten windows, gradients clipped:
 *  {@code sgd/losses}, {@code sgd/norms} (before clipping) and {@code sgd/NAME}, the parameters after the last step. One fixture
 *  has as much of SGD with momentum, with Nesterov's, and of AdamW, since these do not depend on the network. The state is
 *  carried from window to window and detached, except where streams differ in length: there every window starts from zero.
 *
 *  <p>PyTorch computes in double precision from floats, and what it computes is rounded to float once: the numbers are true to
 *  the last digit, whatever machine this runs on, and all of a difference is the error of whoever is compared. */
final class PytorchFixtures {
    private static final int WINDOWS = 10, NONE = -1;
    private static final double CLIP_NORM = 0.25, MOMENTUM = 0.9, WEIGHT_DECAY = 0.5;
    private static final List<String> TWO = List.of("sgd", "adam"), ALL = List.of("sgd", "adam", "momentum", "nesterov", "adamw");

    private record Case(String name, Architecture architecture, int batch, int seqLen, boolean lengths, long seed, List<String> optimizers) { }

    private static final List<Case> CASES = List.of(
            // one unit more than the widest register has floats, and than half of it
            new Case("lstm-1-layer", new Architecture(Cell.LSTM, 11, 6, 17, 1, false), 3, 7, false, 1, TWO),
            new Case("lstm-2-layers", new Architecture(Cell.LSTM, 18, 5, 9, 2, false), 4, 6, false, 2, TWO),
            new Case("rnn-tanh-2-layers", new Architecture(Cell.RNN_TANH, 11, 5, 9, 2, false), 4, 6, false, 3, ALL),
            new Case("rnn-relu-2-layers", new Architecture(Cell.RNN_RELU, 11, 5, 9, 2, false), 4, 6, false, 4, TWO),
            new Case("lstm-2-layers-bidirectional-lengths", new Architecture(Cell.LSTM, 9, 4, 5, 2, true), 5, 7, true, 5, TWO));

    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args.length > 0 ? args[0] : "worker-kernels/src/test/resources/pytorch");
        for (Case c : CASES) write(c, folder);
    }

    @SuppressWarnings("try")
    private static void write(Case c, Path folder) throws IOException {
        try (PointerScope scope = new PointerScope()) {
            fixture(c).write(folder.resolve(c.name + ".tsv"));
        }
    }

    private static Fixture fixture(Case c) {
        Architecture a = c.architecture;
        Random random = new Random(c.seed);
        int n = c.seqLen * c.batch, states = a.layers() * a.directions();
        long[] stateShape = {states, c.batch, a.hidden()};
        Fixture fixture = new Fixture("org.bytedeco:pytorch:" + System.getProperty("pytorch.version") + ", double precision rounded to float; written by " + PytorchFixtures.class.getName());
        fixture.put("vocab", a.vocab());
        fixture.put("embedding", a.embedding());
        fixture.put("hidden", a.hidden());
        fixture.put("layers", a.layers());
        fixture.put("batch", c.batch);
        fixture.put("seqLen", c.seqLen);
        fixture.put("clipNorm", new float[] {(float) CLIP_NORM});
        for (String optimizer : c.optimizers) fixture.put(optimizer + "/learningRate", new float[] {(float) learningRate(optimizer)});
        if (c.optimizers == ALL) {
            fixture.put("momentum", new float[] {(float) MOMENTUM});
            fixture.put("weightDecay", new float[] {(float) WEIGHT_DECAY});
        }

        int[] lengths = random.ints(WINDOWS * c.batch, 1, c.seqLen + 1).toArray();
        for (int w = 0; w < WINDOWS; w++) lengths[w * c.batch + w % c.batch] = c.seqLen;   // pad_packed_sequence pads to the longest
        int[] inputs = random.ints(WINDOWS * n, 0, a.vocab()).toArray(), targets = random.ints(WINDOWS * n, 0, a.vocab()).toArray();
        for (int i = 0; i < WINDOWS * n; i++) {
            boolean past = c.lengths && i % n / c.batch >= lengths[i / n * c.batch + i % c.batch];
            if (past) inputs[i] = 0;
            if (past || random.nextInt(5) == 0) targets[i] = NONE;
        }
        fixture.put("inputs", inputs, WINDOWS, c.seqLen, c.batch);
        fixture.put("targets", targets, WINDOWS, c.seqLen, c.batch);
        if (c.lengths) fixture.put("lengths", lengths, WINDOWS, c.batch);

        TorchNetwork shapes = new TorchNetwork(a, ScalarType.Double, NONE);
        List<float[]> parameters = new ArrayList<>();
        shapes.parameters().forEach((name, tensor) -> {
            // so large that the gates leave their linear range, so small that a window's gradient does not explode
            float[] values = Fixture.uniform(random, (int) tensor.numel(), name.equals("embedding.weight") ? 1 : 1.5 / Math.sqrt(a.hidden()));
            fixture.put("parameters/" + name, values, TorchNetwork.shape(tensor));
            parameters.add(values);
        });
        int stateSize = (int) (stateShape[0] * stateShape[1] * stateShape[2]);
        float[] h = Fixture.uniform(random, stateSize, c.lengths ? 0 : 0.9), cells = Fixture.uniform(random, stateSize, c.lengths ? 0 : 1.5);
        fixture.put("initial/h", h, stateShape);
        if (a.cell() == Cell.LSTM) fixture.put("initial/c", cells, stateShape);

        for (String optimizer : c.optimizers) {
            TorchNetwork network = new TorchNetwork(a, ScalarType.Double, NONE);
            List<String> names = List.copyOf(network.parameters().keySet());
            for (int i = 0; i < names.size(); i++) network.set(names.get(i), parameters.get(i));
            State initial = new State(doubles(h, stateShape), a.cell() == Cell.LSTM ? doubles(cells, stateShape) : null), state = initial;
            Optimizer steps = optimizer(optimizer, network.parameterVector());
            float[] losses = new float[WINDOWS], norms = new float[WINDOWS];
            for (int w = 0; w < WINDOWS; w++) {
                Forward forward = network.forward(ids(inputs, w * n, c.seqLen, c.batch), ids(targets, w * n, c.seqLen, c.batch),
                        c.lengths ? ids(lengths, w * c.batch, c.batch) : null, state);
                steps.zero_grad();
                forward.loss().backward();
                if (w == 0 && optimizer.equals("sgd")) {
                    fixture.put("loss", TorchNetwork.floats(forward.loss()));
                    network.parameters().forEach((name, tensor) ->
                            fixture.put("gradients/" + name, TorchNetwork.floats(tensor.grad()), TorchNetwork.shape(tensor)));
                    fixture.put("final/h", TorchNetwork.floats(forward.state().h()), stateShape);
                    if (a.cell() == Cell.LSTM) fixture.put("final/c", TorchNetwork.floats(forward.state().c()), stateShape);
                }
                losses[w] = (float) forward.loss().item_double();
                norms[w] = (float) torch.clip_grad_norm_(network.parameterVector(), CLIP_NORM);
                steps.step();
                state = c.lengths ? initial : forward.state().detached();
            }
            fixture.put(optimizer + "/losses", losses, WINDOWS);
            fixture.put(optimizer + "/norms", norms, WINDOWS);
            network.parameters().forEach((name, tensor) ->
                    fixture.put(optimizer + "/" + name, TorchNetwork.floats(tensor), TorchNetwork.shape(tensor)));
        }
        return fixture;
    }

    private static double learningRate(String optimizer) {
        return switch (optimizer) {
            case "sgd" -> 4;
            case "momentum", "nesterov" -> 1;
            default -> 1e-2;
        };
    }

    private static Optimizer optimizer(String name, TensorVector parameters) {
        double rate = learningRate(name);
        if (name.equals("adam")) return new Adam(parameters, new AdamOptions(rate));
        if (name.equals("adamw")) {
            AdamWOptions options = new AdamWOptions(rate);
            options.weight_decay().put(WEIGHT_DECAY);
            return new AdamW(parameters, options);
        }
        SGDOptions options = new SGDOptions(rate);
        options.momentum().put(name.equals("sgd") ? 0 : MOMENTUM);
        options.nesterov().put(name.equals("nesterov"));
        return new SGD(parameters, options);
    }

    private static Tensor ids(int[] ids, int from, long... shape) {
        int count = 1;
        for (long size : shape) count *= (int) size;
        return Tensor.create(IntStream.range(from, from + count).mapToLong(i -> ids[i]).toArray(), shape);
    }

    private static Tensor doubles(float[] values, long... shape) {
        return Tensor.create(values, shape).toType(ScalarType.Double);
    }
}
