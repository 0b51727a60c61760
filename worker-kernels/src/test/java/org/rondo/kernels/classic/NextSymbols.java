package org.rondo.kernels.classic;

import java.util.Arrays;
import java.util.List;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** After every symbol of a string, which may come next? With a softmax the network is trained on the symbol that did come, and is
 *  right where those that may are its most likely ones. With the squared error it is trained on 1 for every symbol that may come
 *  and 0 for the others, and is right where exactly the former are above 1/2. */
abstract class NextSymbols implements Task {
    /** Updates between two examinations. */
    private static final int EXAMINED_EVERY = 10;

    private final Language language;
    private final boolean softmax;

    NextSymbols(Language language, boolean softmax) {
        this.language = language;
        this.softmax = softmax;
    }

    /** Strings that must all be predicted without a fault. */
    abstract List<String> examination();

    abstract String next();

    /** The first step of a string at which a prediction is judged; all later ones are, too. */
    int judgedFrom(String string) {
        return 0;
    }

    @Override public Network network(Cell cell, int hidden) {
        int vocab = language.symbols().length();
        return new Network(vocab, vocab, cell, hidden, 1, false, new Head(true, softmax ? Loss.SOFTMAX : Loss.SQUARED_ERROR, vocab), false);
    }

    @Override public Window window(int batch) {
        String[] strings = new String[batch];
        Arrays.setAll(strings, b -> next());
        return window(List.of(strings), batch, seqLen());
    }

    @Override public boolean isLearnt(UnrolledNetwork network, Kernel kernel, int updates) {
        return updates % EXAMINED_EVERY == 0 && accepted(network, kernel, examination()) == examination().size();
    }

    /** How many of the strings, from the first on, are predicted without a fault where they are judged. */
    final int accepted(UnrolledNetwork network, Kernel kernel, List<String> strings) {
        int batch = kernel.layout().batch;
        for (int from = 0; from < strings.size(); from += batch) {
            List<String> some = strings.subList(from, Math.min(from + batch, strings.size()));
            network.forward(window(some, batch, kernel.layout().seqLen), null);
            for (int b = 0; b < some.size(); b++) {
                String[] successors = language.successors(some.get(b));
                for (int t = judgedFrom(some.get(b)); t < successors.length; t++)
                    if (!isRight(network, t * batch + b, successors[t])) return from + b;
            }
        }
        return strings.size();
    }

    /** Whether the network's last forward was right about what may follow in row t*batch + b. */
    final boolean isRight(UnrolledNetwork network, int row, String successors) {
        String symbols = language.symbols();
        float[] z = new float[symbols.length()];
        network.outputs(row, z);
        float leastOfThese = Float.POSITIVE_INFINITY, mostOfOthers = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < z.length; i++)
            if (successors.indexOf(symbols.charAt(i)) >= 0) leastOfThese = Math.min(leastOfThese, z[i]);
            else mostOfOthers = Math.max(mostOfOthers, z[i]);
        return softmax ? leastOfThese > mostOfOthers : leastOfThese > 0.5f && mostOfOthers < 0.5f;
    }

    /** A window of as many strings as there are, and empty sequences to fill the batch. */
    final Window window(List<String> strings, int batch, int seqLen) {
        String symbols = language.symbols();
        int n = seqLen * batch, outputs = symbols.length(), tokens = 0;
        int[] ids = new int[n], targets = new int[n], lengths = new int[batch];
        float[] values = softmax ? null : new float[n * outputs];
        Arrays.fill(targets, Window.NONE);
        for (int b = 0; b < strings.size(); b++) {
            String string = strings.get(b);
            String[] successors = language.successors(string);
            lengths[b] = successors.length;
            tokens += successors.length;
            for (int t = 0; t < successors.length; t++) {
                int row = t * batch + b;
                ids[row] = symbols.indexOf(string.charAt(t));
                targets[row] = softmax ? symbols.indexOf(string.charAt(t + 1)) : 0;
                if (!softmax) for (char c : successors[t].toCharArray()) values[row * outputs + symbols.indexOf(c)] = 1;
            }
        }
        return new Window(ids, null, targets, values, lengths, tokens);
    }
}
