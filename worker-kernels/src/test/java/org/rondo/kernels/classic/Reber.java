package org.rondo.kernels.classic;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.UnrolledNetwork;

/** Experiment 1 of Hochreiter and Schmidhuber 1997: 256 strings of the embedded Reber grammar to train on, drawn again and again,
 *  and 256 others to test; learnt once all symbols of all 512 are predicted.
 *
 *  <p>And a longer variant, ours: only strings of at least {@code least} symbols. No short string then helps to find out that the
 *  last symbol but one repeats the second, and that is all that is judged: which ways of the grammar are open also depends on how
 *  soon the string may end. */
final class Reber extends NextSymbols {
    /** Of the shortest string: all strings are allowed. */
    static final int SHORTEST = 9;
    private static final int STRINGS = 256, LONG_STRINGS = 4096;
    private static final EmbeddedReber GRAMMAR = new EmbeddedReber();

    private final SplittableRandom random;
    private final int least;
    private final List<String> training = new ArrayList<>(), test = new ArrayList<>(), all;

    Reber(int least, long seed) {
        super(GRAMMAR, true);
        this.least = least;
        random = new SplittableRandom(seed);
        while (training.size() < (least == SHORTEST ? STRINGS : LONG_STRINGS)) training.add(longEnough());
        Set<String> seen = new HashSet<>(training);
        while (test.size() < STRINGS) {
            String string = longEnough();
            if (!seen.contains(string)) test.add(string);
        }
        all = Stream.concat(training.stream(), test.stream()).toList();
    }

    private String longEnough() {
        for (;;) {
            String string = EmbeddedReber.random(random);
            if (string.length() >= least) return string;
        }
    }

    @Override public int seqLen() {
        return all.stream().mapToInt(String::length).max().orElseThrow() - 1;
    }

    @Override List<String> examination() {
        return all;
    }

    @Override String next() {
        return training.get(random.nextInt(training.size()));
    }

    @Override int judgedFrom(String string) {
        return least == SHORTEST ? 0 : afterWhatIsRepeated(string);
    }

    /** The step after which the repeated symbol must be predicted. */
    private static int afterWhatIsRepeated(String string) {
        return string.length() - 3;
    }

    /** Test strings, of {@value #STRINGS}, in which the repeated symbol is not predicted. */
    @Override public int test(UnrolledNetwork network, Kernel kernel) {
        int batch = kernel.layout().batch, wrong = 0;
        for (int from = 0; from < STRINGS; from += batch) {
            List<String> some = test.subList(from, Math.min(from + batch, STRINGS));
            network.forward(window(some, batch, seqLen()), null);
            for (int b = 0; b < some.size(); b++) {
                int t = afterWhatIsRepeated(some.get(b));
                if (!isRight(network, t * batch + b, GRAMMAR.successors(some.get(b))[t])) wrong++;
            }
        }
        return wrong;
    }
}
