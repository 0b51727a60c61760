package org.rondo.peers;

import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.InferenceMode;
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
import org.rondo.kernels.Network;
import org.rondo.kernels.Window;
import org.rondo.kernels.bench.Shape;
import org.rondo.kernels.bench.Steps;
import org.rondo.peers.TorchNetwork.Architecture;
import org.rondo.peers.TorchNetwork.Cell;
import org.rondo.peers.TorchNetwork.Forward;
import org.rondo.peers.TorchNetwork.State;

/** What PyTorch does at a shape, in float. Pointers of a step are freed at its end; what outlives it is the state, copied into
 *  tensors of its own. */
abstract class TorchSteps implements Steps {
    private final PointerScope scope = new PointerScope();

    static Steps training(Shape shape) {
        return shape.isLayerAlone() ? new Layer(shape) : new Training(shape);
    }

    static Scorer scoring(Shape shape) {
        return new Scoring(shape);
    }

    @SuppressWarnings("try")
    @Override public final double step() {
        try (PointerScope step = new PointerScope()) {
            return take();
        }
    }

    abstract double take();

    @Override public final void close() {
        scope.close();
    }

    private static TorchNetwork network(Shape shape) {
        Network n = shape.network();
        float[] initial = shape.parameters();
        Architecture architecture = new Architecture(Cell.LSTM, n.vocab(), n.embedding(), n.hidden(), n.layers(), n.bidirectional(), n.head().outputs());
        TorchNetwork network = new TorchNetwork(architecture, ScalarType.Float, Window.NONE);
        n.tensors().forEach(t -> network.set(t.name(), Arrays.copyOfRange(initial, t.offset(), t.end())));
        return network;
    }

    private static Tensor ids(int[] ids, Shape shape) {
        return Tensor.create(Arrays.stream(ids).asLongStream().toArray(), shape.seqLen(), shape.batch());
    }

    private static State zeroState(Shape shape) {
        Network n = shape.network();
        int states = n.layers() * (n.bidirectional() ? 2 : 1);
        float[] zero = new float[states * shape.batch() * n.hidden()];
        return new State(Tensor.create(zero, states, shape.batch(), n.hidden()), Tensor.create(zero, states, shape.batch(), n.hidden()));
    }

    private static void update(Tensor loss, TensorVector parameters, SGD optimizer) {
        optimizer.zero_grad();
        loss.backward();
        torch.clip_grad_norm_(parameters, Shape.CLIP_NORM);
        optimizer.step();
    }

    private static final class Training extends TorchSteps {
        private final boolean carries;
        private final TorchNetwork network;
        private final TensorVector parameters;
        private final SGD optimizer;
        private final Tensor inputs, targets;
        private final State state;

        Training(Shape shape) {
            carries = shape.network().stateSize() > 0;
            network = network(shape);
            parameters = network.parameterVector();
            optimizer = new SGD(parameters, new SGDOptions(Shape.LEARNING_RATE));
            Window window = shape.window();
            inputs = ids(window.ids(), shape);
            targets = ids(window.targets(), shape);
            state = zeroState(shape);
        }

        @Override double take() {
            Forward forward = network.forward(inputs, targets, null, state);
            update(forward.loss(), parameters, optimizer);
            if (carries) state.set(forward.state());
            return forward.loss().item_double();
        }
    }

    private static final class Layer extends TorchSteps {
        private final LSTMImpl lstm;
        private final TensorVector parameters;
        private final SGD optimizer;
        private final Tensor x;
        private final State state;

        @SuppressWarnings("try")
        Layer(Shape shape) {
            Network n = shape.network();
            float[] initial = shape.parameters();
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
            optimizer = new SGD(parameters, new SGDOptions(Shape.LEARNING_RATE));
            x = Tensor.create(shape.window().features(), shape.seqLen(), shape.batch(), n.embedding());
            state = zeroState(shape);
        }

        @Override double take() {
            T_TensorT_TensorTensor_T_T y = lstm.forward(x, new T_TensorTensor_T(state.h(), state.c()));
            Tensor loss = y.get0().mul(y.get0()).sum().mul(new Scalar(0.5));
            update(loss, parameters, optimizer);
            state.set(new State(y.get1().get0(), y.get1().get1()));
            return loss.item_double();
        }
    }

    /** Without what gradients would need. */
    private static final class Scoring extends TorchSteps implements Scorer {
        private final TorchNetwork network;
        private final Tensor inputs;

        Scoring(Shape shape) {
            network = network(shape);
            inputs = ids(shape.window().ids(), shape);
        }

        @SuppressWarnings("try")
        @Override double take() {
            try (InferenceMode mode = new InferenceMode()) {
                network.probabilities(inputs);
                return 0;
            }
        }

        @SuppressWarnings("try")
        @Override public float[] probabilities() {
            try (PointerScope step = new PointerScope(); InferenceMode mode = new InferenceMode()) {
                return TorchNetwork.floats(network.probabilities(inputs));
            }
        }
    }
}
