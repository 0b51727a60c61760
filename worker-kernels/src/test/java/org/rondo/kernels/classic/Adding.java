package org.rondo.kernels.classic;

import java.util.SplittableRandom;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** Experiment 4 of Hochreiter and Schmidhuber 1997: at every step a number and a marker; after T to 1.1 T steps, what is the sum
 *  of the two numbers that were marked? */
final class Adding extends LastStep {
    private final int T;
    private float[] targets;

    Adding(int T, long seed) {
        super(0.04, 0.01, seed);
        this.T = T;
    }

    @Override public int seqLen() {
        return T + T / 10;
    }

    @Override public Network network(Cell cell, int hidden) {
        return new Network(0, 2, cell, hidden, 1, false, new Head(false, Loss.SQUARED_ERROR, 1), false);
    }

    /** A sequence of pairs: a number of [-1, 1) and a marker, which is 1 for two of them, -1 for the first and the last pair, and 0
     *  for all others. One of the first ten pairs is marked, and one of the T/2 - 1 first of those that then are left. Where that is
     *  the first pair, its number counts as zero (its marker stays -1).
     *  @param target 0.5 + (X1 + X2) / 4 */
    record Sequence(float[] numbers, float[] markers, float target) {
        static Sequence random(int T, SplittableRandom random) {
            int length = T + random.nextInt(T / 10 + 1);
            float[] numbers = new float[length], markers = new float[length];
            for (int t = 0; t < length; t++) numbers[t] = (float) random.nextDouble(-1, 1);
            int first = random.nextInt(10), second = random.nextInt(T / 2 - 1);
            if (second >= first) second++;
            markers[first] = markers[second] = 1;
            markers[0] = markers[length - 1] = -1;
            float sum = (first == 0 ? 0 : numbers[first]) + (second == 0 ? 0 : numbers[second]);
            return new Sequence(numbers, markers, 0.5f + sum / 4);
        }
    }

    @Override public Window window(int batch) {
        float[] features = new float[seqLen() * batch * 2];
        int[] lengths = new int[batch];
        targets = new float[batch];
        for (int b = 0; b < batch; b++) {
            Sequence s = Sequence.random(T, random);
            lengths[b] = s.numbers.length;
            targets[b] = s.target;
            for (int t = 0; t < lengths[b]; t++) {
                features[2 * (t * batch + b)] = s.numbers[t];
                features[2 * (t * batch + b) + 1] = s.markers[t];
            }
        }
        return new Window(null, features, new int[batch], targets, lengths, batch);
    }

    @Override float error(UnrolledNetwork network, int b) {
        float[] z = new float[1];
        network.outputs(b, z);
        return Math.abs(z[0] - targets[b]);
    }
}
