package org.rondo.kernels.classic;

import java.util.SplittableRandom;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.UnrolledNetwork;

/** One answer a sequence, after its last step. As Hochreiter and Schmidhuber 1997 have it in experiments 4 and 6, the task is
 *  learnt once the last 2,000 training sequences were all answered correctly, each before the update it was part of, and their
 *  mean error is small. */
abstract class LastStep implements Task {
    private static final int IN_A_ROW = 2000;
    static final int TESTED = 2560;

    final SplittableRandom random;
    private final double wrongFrom, meanBelow;
    private final float[] errors = new float[IN_A_ROW];
    private int judged, inARow;

    /** @param wrongFrom error at which an answer is wrong
     *  @param meanBelow the mean error must be */
    LastStep(double wrongFrom, double meanBelow, long seed) {
        this.wrongFrom = wrongFrom;
        this.meanBelow = meanBelow;
        random = new SplittableRandom(seed);
    }

    /** Largest absolute error of the outputs for sequence b of the window that {@link #window} made last. */
    abstract float error(UnrolledNetwork network, int b);

    @Override public void judge(UnrolledNetwork network, Kernel kernel) {
        for (int b = 0; b < kernel.layout().batch; b++) {
            float error = error(network, b);
            errors[judged++ % IN_A_ROW] = error;
            inARow = error < wrongFrom ? inARow + 1 : 0;
        }
    }

    @Override public boolean isLearnt(UnrolledNetwork network, Kernel kernel, int updates) {
        if (inARow < IN_A_ROW) return false;
        double sum = 0;
        for (float error : errors) sum += error;
        return sum / IN_A_ROW < meanBelow;
    }

    /** Wrong answers to {@value #TESTED} new sequences. */
    @Override public int test(UnrolledNetwork network, Kernel kernel) {
        int batch = kernel.layout().batch, wrong = 0;
        for (int n = 0; n < TESTED; ) {
            network.forward(window(batch), null);
            for (int b = 0; b < batch && n < TESTED; b++, n++)
                if (!(error(network, b) < wrongFrom)) wrong++;
        }
        return wrong;
    }
}
