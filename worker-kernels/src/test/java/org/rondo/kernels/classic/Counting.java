package org.rondo.kernels.classic;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.UnrolledNetwork.Dropout;

/** The task of Gers and Schmidhuber 2001: a^n b^n c^n for n up to {@code most}, as likely each; learnt once all of them are
 *  predicted. How far it generalises is measured after the whole budget: that goes on improving for long. */
final class Counting extends NextSymbols {
    /** Largest n that is tested. */
    static final int TESTED = 1000;

    private final SplittableRandom random;
    private final int most;
    private final List<String> training;

    Counting(int most, long seed) {
        super(new CountingLanguage(), false);
        this.most = most;
        random = new SplittableRandom(seed);
        training = strings(1, most);
    }

    @Override public int seqLen() {
        return 3 * most + 1;
    }

    @Override List<String> examination() {
        return training;
    }

    @Override String next() {
        return training.get(random.nextInt(most));
    }

    @Override public boolean trainsOn() {
        return true;
    }

    /** The largest n, up to {@value #TESTED}, to which all strings are predicted without a fault. */
    @Override public int test(UnrolledNetwork network, Kernel kernel) {
        float[] parameters = new float[kernel.layout().network.parameterCount()];
        kernel.store(Block.PARAMETERS, parameters);
        try (Kernel longer = Kernel.open("native", Layout.forScoring(kernel.layout().network, kernel.layout().batch, 3 * TESTED + 1))) {
            longer.load(Block.PARAMETERS, parameters);
            return accepted(new UnrolledNetwork(longer, Dropout.NONE), longer, strings(1, TESTED));
        }
    }

    private static List<String> strings(int from, int to) {
        return IntStream.rangeClosed(from, to).mapToObj(CountingLanguage::string).toList();
    }
}
