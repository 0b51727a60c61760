package org.rondo.kernels.classic;

import java.util.SplittableRandom;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** Experiment 6a of Hochreiter and Schmidhuber 1997: among a hundred symbols that say nothing stand two that are X or Y; which
 *  were they, and in which order? Four classes: XX, XY, YX, YY. */
final class TemporalOrder extends LastStep {
    static final String SYMBOLS = "EBabcdXY";
    private int[] targets;

    TemporalOrder(long seed) {
        super(0.3, 0.1, seed);
    }

    @Override public int seqLen() {
        return 110;
    }

    @Override public Network network(Cell cell, int hidden) {
        return new Network(SYMBOLS.length(), SYMBOLS.length(), cell, hidden, 1, false, new Head(false, Loss.SOFTMAX, 4), false);
    }

    /** E, then 98 to 108 symbols, then B: at positions 10 to 20 and 50 to 60 (from 0) X or Y, elsewhere a, b, c or d. */
    static String random(SplittableRandom random) {
        char[] s = new char[random.nextInt(100, 111)];
        for (int t = 0; t < s.length; t++) s[t] = "abcd".charAt(random.nextInt(4));
        s[random.nextInt(10, 21)] = "XY".charAt(random.nextInt(2));
        s[random.nextInt(50, 61)] = "XY".charAt(random.nextInt(2));
        s[0] = 'E';
        s[s.length - 1] = 'B';
        return new String(s);
    }

    /** 0 for XX, 1 for XY, 2 for YX, 3 for YY. */
    static int target(String sequence) {
        String order = sequence.replaceAll("[^XY]", "");
        return 2 * "XY".indexOf(order.charAt(0)) + "XY".indexOf(order.charAt(1));
    }

    @Override public Window window(int batch) {
        int[] ids = new int[seqLen() * batch], lengths = new int[batch];
        targets = new int[batch];
        for (int b = 0; b < batch; b++) {
            String s = random(random);
            lengths[b] = s.length();
            targets[b] = target(s);
            for (int t = 0; t < s.length(); t++) ids[t * batch + b] = SYMBOLS.indexOf(s.charAt(t));
        }
        return new Window(ids, null, targets, null, lengths, batch);
    }

    @Override float error(UnrolledNetwork network, int b) {
        float[] p = new float[4];
        network.probabilities(b, 1, p);
        float largest = 0;
        for (int i = 0; i < 4; i++) largest = Math.max(largest, Math.abs(p[i] - (i == targets[b] ? 1 : 0)));
        return largest;
    }
}
