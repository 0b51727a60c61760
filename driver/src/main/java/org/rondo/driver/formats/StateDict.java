package org.rondo.driver.formats;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.checkpoints.Safetensors;
import org.rondo.driver.checkpoints.Safetensors.Entry;
import org.rondo.kernels.Activation;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Tensor;

/** A state dict of PyTorch's: named tensors. A model of ours is {@code embedding} (nn.Embedding), {@code lstm} or {@code rnn} (nn.LSTM, nn.RNN) and
 *  {@code output} (nn.Linear); words' characters are read by {@code spelling.embedding} and {@code spelling.lstm} or {@code spelling.rnn}. Our bias is {@code bias_ih}, and {@code bias_hh}
 *  is zero; what is tied is there twice. A CRF is {@code crf}, as the package pytorch-crf has it. Peepholes, which no module of PyTorch's has,
 *  are {@code lstm.peephole_l0} and so on: p_i, p_f, p_o.
 *
 *  @param tensors by name, in the order of the file
 *  @param file    where they are from, for messages */
record StateDict(Map<String, Entry> tensors, String file) {
    static final String EMBEDDING = "embedding.weight", OUTPUT_WEIGHT = "output.weight", OUTPUT_BIAS = "output.bias", SPELLING = "spelling.", CRF = "crf.";

    /** @throws BadInput if PyTorch's modules would compute something else */
    static StateDict of(Model model) {
        Cell cell = model.network().cell();
        if (cell.hasMemory() && cell.activation() == Activation.SIGMOID)
            throw new BadInput("candidateActivation of the model is sigmoid, but nn.LSTM has tanh, and would compute something else without saying so; export it with --format onnx, or train it with tanh");
        Map<String, Entry> tensors = new LinkedHashMap<>();
        String recurrent = cell.hasMemory() ? "lstm." : "rnn.";
        float[] zeros = new float[cell.gates() * Math.max(model.network().hidden(), model.network().spelling() == null ? 0 : model.network().spelling().hidden())];
        for (Tensor t : model.network().tensors()) {
            boolean spelling = t.name().startsWith(SPELLING);
            String prefix = (spelling ? SPELLING : "") + recurrent, own = spelling ? t.name().substring(SPELLING.length()) : t.name();
            if (own.startsWith("bias_l")) {
                put(tensors, prefix + own.replace("bias", "bias_ih"), t, model.parameters(), t.offset());
                put(tensors, prefix + own.replace("bias", "bias_hh"), t, zeros, 0);
            } else put(tensors, name(own, spelling, prefix), t, model.parameters(), t.offset());
            if (t.name().equals(EMBEDDING) && model.network().tied()) put(tensors, OUTPUT_WEIGHT, t, model.parameters(), t.offset());
        }
        return new StateDict(tensors, "model.safetensors");
    }

    private static String name(String own, boolean spelling, String prefix) {
        return switch (own) {
            case EMBEDDING -> (spelling ? SPELLING : "") + own;
            case OUTPUT_WEIGHT, OUTPUT_BIAS -> own;
            case "transitions" -> CRF + own;
            case "transitions_start" -> CRF + "start_transitions";
            case "transitions_end" -> CRF + "end_transitions";
            default -> prefix + own;
        };
    }

    private static void put(Map<String, Entry> tensors, String name, Tensor t, float[] vector, int offset) {
        tensors.put(name, new Entry(name, t.shape(), vector, offset));
    }

    /** @throws BadInput if the file is not of safetensors, or has other numbers than floats */
    static StateDict read(InputStream in, long length, String file) throws IOException {
        Map<String, Entry> tensors = new LinkedHashMap<>();
        Safetensors.readAny(in, length, file, (name, shape) -> {
            Entry entry = new Entry(name, shape, new float[shape.stream().reduce(1, Math::multiplyExact)], 0);
            tensors.put(name, entry);
            return entry;
        });
        for (Entry entry : tensors.values())
            for (float number : entry.vector())
                if (!Float.isFinite(number)) throw new BadInput(file + ": " + entry.name() + " has " + number + " among its numbers, expected finite ones; the training that made it has diverged");
        return new StateDict(tensors, file);
    }

    void write(OutputStream out) throws IOException {
        Safetensors.write(out, Map.of("format", "pt"), List.copyOf(tensors.values()));
    }

    /** For messages: names and shapes. */
    static String say(Iterable<Entry> entries) {
        List<String> said = new ArrayList<>();
        entries.forEach(entry -> said.add(entry.name() + " " + entry.shape()));
        return said.isEmpty() ? "none" : String.join(", ", said);
    }
}
