package org.rondo.peers;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.CrossEntropyLossOptions;
import org.bytedeco.pytorch.EmbeddingImpl;
import org.bytedeco.pytorch.LSTMImpl;
import org.bytedeco.pytorch.LSTMOptions;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.PackedSequence;
import org.bytedeco.pytorch.RNNImpl;
import org.bytedeco.pytorch.RNNOptions;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.T_PackedSequenceT_TensorTensor_T_T;
import org.bytedeco.pytorch.T_TensorT_TensorTensor_T_T;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.kReLU;
import org.bytedeco.pytorch.kTanh;

/** PyTorch's modules for one of our networks: nn.Embedding, nn.LSTM or nn.RNN, nn.Linear, mean cross-entropy over the targets that
 *  count. Of the two biases that PyTorch adds, {@code bias_hh} is zero and not trained, so that {@code bias_ih} is our one. */
final class TorchNetwork {
    enum Cell { LSTM, RNN_TANH, RNN_RELU }

    /** @param hidden  units of a layer in each of its directions
     *  @param outputs classes */
    record Architecture(Cell cell, int vocab, int embedding, int hidden, int layers, boolean bidirectional, int outputs) {
        /** A language model: the classes are the vocabulary. */
        Architecture(Cell cell, int vocab, int embedding, int hidden, int layers, boolean bidirectional) {
            this(cell, vocab, embedding, hidden, layers, bidirectional, vocab);
        }

        int directions() {
            return bidirectional ? 2 : 1;
        }
    }

    /** State carried into a window or out of it: (layers * directions) x batch x hidden each; c is null if there is no cell. */
    record State(Tensor h, Tensor c) {
        State detached() {
            return new State(h.detach(), c == null ? null : c.detach());
        }

        /** Copies another state's numbers, detached. */
        void set(State other) {
            h.copy_(other.h.detach());
            c.copy_(other.c.detach());
        }
    }

    record Forward(Tensor loss, State state) { }

    private final Architecture architecture;
    private final EmbeddingImpl embedding;
    private final LSTMImpl lstm;
    private final RNNImpl rnn;
    private final LinearImpl output;
    private final CrossEntropyLossOptions counted = new CrossEntropyLossOptions();
    private final Map<String, Tensor> parameters = new LinkedHashMap<>();

    /** @param ignored the target of a token that does not count */
    @SuppressWarnings("try")
    TorchNetwork(Architecture a, ScalarType type, int ignored) {
        architecture = a;
        embedding = new EmbeddingImpl(a.vocab, a.embedding);
        lstm = a.cell == Cell.LSTM ? new LSTMImpl(lstmOptions(a)) : null;
        rnn = a.cell == Cell.LSTM ? null : new RNNImpl(rnnOptions(a));
        output = new LinearImpl((long) a.directions() * a.hidden, a.outputs);
        counted.ignore_index().put(ignored);
        embedding.to(type, false);
        if (lstm != null) lstm.to(type, false);
        else rnn.to(type, false);
        output.to(type, false);

        parameters.put("embedding.weight", embedding.weight());
        StringTensorDict recurrent = lstm != null ? lstm.named_parameters() : rnn.named_parameters();
        try (NoGradGuard guard = new NoGradGuard()) {
            for (int l = 0; l < a.layers; l++)
                for (String suffix : a.bidirectional ? new String[] {"_l" + l, "_l" + l + "_reverse"} : new String[] {"_l" + l}) {
                    parameters.put("weight_ih" + suffix, recurrent.get("weight_ih" + suffix));
                    parameters.put("weight_hh" + suffix, recurrent.get("weight_hh" + suffix));
                    parameters.put("bias" + suffix, recurrent.get("bias_ih" + suffix));
                    recurrent.get("bias_hh" + suffix).zero_().set_requires_grad(false);
                }
        }
        parameters.put("output.weight", output.weight());
        parameters.put("output.bias", output.bias());
    }

    private static LSTMOptions lstmOptions(Architecture a) {
        LSTMOptions options = new LSTMOptions(a.embedding, a.hidden);
        options.num_layers().put(a.layers);
        options.bidirectional().put(a.bidirectional);
        return options;
    }

    private static RNNOptions rnnOptions(Architecture a) {
        RNNOptions options = new RNNOptions(a.embedding, a.hidden);
        options.num_layers().put(a.layers);
        options.bidirectional().put(a.bidirectional);
        if (a.cell == Cell.RNN_RELU) options.nonlinearity().put(new kReLU());
        else options.nonlinearity().put(new kTanh());
        return options;
    }

    /** All that is trained, under our names and in our order; the other direction's have PyTorch's suffix {@code _reverse}. */
    Map<String, Tensor> parameters() {
        return parameters;
    }

    TensorVector parameterVector() {
        return new TensorVector(parameters.values().toArray(Tensor[]::new));
    }

    @SuppressWarnings("try")
    void set(String name, float[] values) {
        Tensor parameter = parameters.get(name);
        if (parameter.numel() != values.length)
            throw new IllegalArgumentException(name + " has " + parameter.numel() + " numbers, got " + values.length);
        try (NoGradGuard guard = new NoGradGuard()) {
            parameter.copy_(Tensor.create(values, shape(parameter)));
        }
    }

    /** @param inputs  token ids, seqLen x batch
     *  @param targets seqLen x batch
     *  @param lengths steps of every stream, batch; null: all are whole. Past a stream's end its state stands still */
    Forward forward(Tensor inputs, Tensor targets, Tensor lengths, State state) {
        Tensor x = embedding.forward(inputs), out;
        State next;
        if (lengths != null) {
            if (lstm == null) throw new IllegalArgumentException("lengths are for nn.LSTM only");
            PackedSequence packed = torch.pack_padded_sequence(x, lengths, false, false);
            T_PackedSequenceT_TensorTensor_T_T y = lstm.forward_with_packed_input(packed, new T_TensorTensor_T(state.h, state.c));
            out = torch.pad_packed_sequence(y.get0()).get0();
            next = new State(y.get1().get0(), y.get1().get1());
        } else if (lstm != null) {
            T_TensorT_TensorTensor_T_T y = lstm.forward(x, new T_TensorTensor_T(state.h, state.c));
            out = y.get0();
            next = new State(y.get1().get0(), y.get1().get1());
        } else {
            T_TensorTensor_T y = rnn.forward(x, state.h);
            out = y.get0();
            next = new State(y.get1(), null);
        }
        Tensor logits = output.forward(out).reshape(-1, architecture.outputs);
        return new Forward(torch.cross_entropy(logits, targets.reshape(-1), counted), next);
    }

    /** Of every token, from a zero state: seqLen x batch x outputs. For nn.LSTM.
     *  @param inputs token ids, seqLen x batch */
    Tensor probabilities(Tensor inputs) {
        return torch.softmax(output.forward(lstm.forward(embedding.forward(inputs)).get0()), -1);
    }

    static long[] shape(Tensor t) {
        long[] shape = new long[(int) t.dim()];
        for (int d = 0; d < shape.length; d++) shape[d] = t.size(d);
        return shape;
    }

    /** Values rounded to float, row-major. */
    static float[] floats(Tensor t) {
        Tensor rounded = t.detach().toType(ScalarType.Float).contiguous();
        float[] values = new float[(int) rounded.numel()];
        rounded.data_ptr_float().get(values);
        return values;
    }
}
