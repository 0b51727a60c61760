package org.rondo.driver.formats;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Safetensors.Entry;

/** The modules that a state dict is of, recognised by the ends of names and by shapes, whatever a program has called them: nn.LSTM or nn.RNN by
 *  {@code weight_ih_l0}, nn.Embedding and nn.Linear as matrices of the shapes that they must have. Every tensor must be taken by one. */
final class Modules {
    private static final Pattern RECURRENT = Pattern.compile("(|.*\\.)((?:weight_ih|weight_hh|weight_hr|bias_ih|bias_hh|peephole)_l(\\d{1,4})(?:_reverse)?)");
    private static final Set<String> TRANSITIONS = Set.of("transitions", "start_transitions", "end_transitions");
    private static final int LSTM = 4, GRU = 3, RNN = 1;

    private final String file;
    /** Of the recurrent module by their names in it; matrices and vectors of others by whole names; of a CRF by their last part. */
    private final Map<String, Entry> recurrent = new TreeMap<>(), others = new LinkedHashMap<>(), crf = new TreeMap<>();
    private String prefix;

    /** @param entries of one stack of layers, with what is around it
     *  @throws BadInput if there is not exactly one nn.LSTM or nn.RNN */
    Modules(Iterable<Entry> entries, String file) {
        this.file = file;
        Set<String> prefixes = new TreeSet<>();
        for (Entry entry : entries) {
            Matcher m = RECURRENT.matcher(entry.name());
            String last = entry.name().substring(entry.name().lastIndexOf('.') + 1);
            if (m.matches()) {
                prefixes.add(prefix = m.group(1));
                recurrent.put(m.group(2), entry);
            } else if (TRANSITIONS.contains(last)) {
                if (crf.put(last, entry) != null) throw new BadInput(file + " has several tensors " + last + ", expected one CRF; leave out the others");
            } else others.put(entry.name(), entry);
        }
        if (prefixes.isEmpty()) throw new BadInput(file + " has no nn.LSTM or nn.RNN, expected a tensor whose name ends in weight_ih_l0 among " + StateDict.say(entries)
                + "; import reads nn.Embedding, nn.LSTM or nn.RNN, and nn.Linear");
        if (prefixes.size() > 1) throw new BadInput(file + " has several recurrent modules, " + String.join(", ", prefixes) + ", expected one; give the layers of one module");
        if (recurrent.keySet().stream().anyMatch(name -> name.startsWith("weight_hr")))
            throw new BadInput(file + " has " + prefix + "weight_hr_l0, an nn.LSTM with proj_size, which Rondo does not have; expected one without");
    }

    int layers() {
        return 1 + recurrent.keySet().stream().mapToInt(name -> Integer.parseInt(name.replaceFirst(".*_l(\\d+).*", "$1"))).max().orElseThrow();
    }

    boolean bidirectional() {
        return recurrent.keySet().stream().anyMatch(name -> name.endsWith("_reverse"));
    }

    boolean peephole() {
        return recurrent.keySet().stream().anyMatch(name -> name.startsWith("peephole"));
    }

    boolean crf() {
        return !crf.isEmpty();
    }

    int hidden() {
        return matrix("weight_hh_l0").shape().get(1);
    }

    /** Numbers that the first layer reads. */
    int inputs() {
        return matrix("weight_ih_l0").shape().get(1);
    }

    /** 4 of an LSTM, 1 of an RNN.
     *  @throws BadInput for a GRU, and for what is none of these */
    int gates() {
        int rows = matrix("weight_hh_l0").shape().get(0), hidden = hidden(), gates = hidden == 0 || rows % hidden != 0 ? 0 : rows / hidden;
        if (gates == GRU) throw new BadInput(file + ": " + prefix + "weight_hh_l0 has shape [" + rows + ", " + hidden + "], three gates, so it is an nn.GRU, which Rondo does not have; "
                + "expected an nn.LSTM (four) or nn.RNN (one)");
        if (gates != LSTM && gates != RNN) throw new BadInput(file + ": " + prefix + "weight_hh_l0 has shape [" + rows + ", " + hidden + "], expected 4 (nn.LSTM) or 1 (nn.RNN) times as many rows as columns");
        return gates;
    }

    private Entry matrix(String name) {
        Entry entry = recurrent.get(name);
        if (entry == null) throw new BadInput(file + " lacks " + prefix + name + ", which every nn.LSTM and nn.RNN has; write the whole state dict");
        if (entry.shape().size() != 2) throw new BadInput(file + ": " + entry.name() + " has shape " + entry.shape() + ", expected a matrix");
        return entry;
    }

    /** A tensor of the recurrent module; it is taken.
     *  @return null where there is none */
    Entry take(String name) {
        return recurrent.remove(name);
    }

    /** A tensor of the CRF; it is taken. */
    Entry takeTransitions(String name) {
        return crf.remove(name);
    }

    String missing(String name) {
        return prefix + name;
    }

    /** The nn.Embedding of this shape, a matrix without a bias; it is taken. Of two that are the same to the bit, tied ones, the first.
     *  @param of   what it has rows for, for messages
     *  @param tied whether it may be there under the name of an nn.Linear alone */
    Entry takeEmbedding(int rows, int columns, String of, boolean tied) {
        List<Entry> shaped = others.values().stream().filter(entry -> entry.shape().equals(List.of(rows, columns))).toList();
        List<Entry> plain = shaped.stream().filter(entry -> bias(entry) == null).toList(), found = plain.isEmpty() && tied ? shaped : plain;
        if (found.isEmpty()) throw new BadInput(file + " has no nn.Embedding of shape [" + rows + ", " + columns + "], " + of + " with the " + columns + " numbers that the first layer reads of each, but "
                + StateDict.say(others.values()) + "; check the file of tokens");
        return taken(only(found, "nn.Embedding"));
    }

    /** The weights of the nn.Linear; they are taken.
     *  @param outputs 0 for any number
     *  @return null where there are none */
    Entry takeLinear(int outputs, int width) {
        List<Entry> found = others.values().stream().filter(entry -> entry.shape().size() == 2 && entry.shape().get(1) == width && (outputs == 0 || entry.shape().get(0) == outputs)).toList();
        return found.isEmpty() ? null : taken(only(found, "nn.Linear"));
    }

    /** The bias beside weights, or else, where those are an embedding's too, the only vector of that size; it is taken.
     *  @return null where there is none */
    Entry takeBias(Entry weights, boolean tied, int size) {
        Entry beside = bias(weights);
        if (beside != null) return taken(beside);
        List<Entry> alone = others.values().stream().filter(entry -> tied && entry.shape().equals(List.of(size))).toList();
        return alone.isEmpty() ? null : taken(only(alone, "bias of nn.Linear"));
    }

    private Entry bias(Entry weights) {
        return weights.name().endsWith("weight") ? others.get(weights.name().replaceFirst("weight$", "bias")) : null;
    }

    private Entry only(List<Entry> found, String module) {
        Entry first = found.get(0);
        boolean same = found.stream().allMatch(entry -> Arrays.equals(entry.vector(), first.vector()));
        if (found.size() > 1 && !same) throw new BadInput(file + " has several tensors that may be the " + module + ", " + StateDict.say(found) + ", expected one; leave the others out");
        return first;
    }

    private Entry taken(Entry entry) {
        others.remove(entry.name());
        return entry;
    }

    /** @throws BadInput if a tensor was not taken */
    void end() {
        List<Entry> left = new ArrayList<>(others.values());
        left.addAll(recurrent.values());
        left.addAll(crf.values());
        if (!left.isEmpty()) throw new BadInput(file + " also has " + StateDict.say(left) + ", for which a model of Rondo has no place beside nn.Embedding, nn.LSTM or nn.RNN, and nn.Linear; "
                + "leave them out if they are not needed, and check vocabulary, labels and task if they are");
    }
}
