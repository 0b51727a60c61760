package org.rondo.kernels.classic;

import org.rondo.kernels.Cell;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Network;
import org.rondo.kernels.Optimizer;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.UnrolledNetwork.Dropout;
import org.rondo.kernels.Window;

/** One network on one task from one seed, until the task is learnt or the sequences are used up: one layer, Adam, the gradient
 *  clipped to a global norm of 1, back-propagation through whole sequences.
 *  @param hidden     units
 *  @param forgetBias of an LSTM
 *  @param budget     sequences */
record Trial(Cell cell, int hidden, double forgetBias, double learningRate, int budget) {
    /** @param sequences trained on until the task was learnt; {@link #FAILED} where it was not
     *  @param test      see {@link Task#test} */
    record Outcome(int sequences, int test) { }

    static final int FAILED = -1;
    /** Sequences between two updates. */
    static final int BATCH = 10;
    private static final double CLIP_NORM = 1;

    /** The same for the vanilla RNN, with the fewest units that give it at least as many parameters. */
    Trial vanilla(Task task, double learningRate) {
        int parameters = parameters(task), units = hidden;
        while (task.network(Cell.RNN, units).parameterCount() < parameters) units++;
        return new Trial(Cell.RNN, units, 0, learningRate, budget);
    }

    Trial within(int sequences) {
        return new Trial(cell, hidden, forgetBias, learningRate, sequences);
    }

    int parameters(Task task) {
        return task.network(cell, hidden).parameterCount();
    }

    /** @param task of the same seed */
    Outcome run(Task task, long seed) {
        Network network = task.network(cell, hidden);
        try (Kernel kernel = Kernel.open("native", Layout.forTraining(network, BATCH, task.seqLen(), false, 2))) {
            kernel.load(Block.PARAMETERS, Parameters.initial(network, seed, forgetBias));
            // nothing is carried: every window starts from the zeros that a new kernel's memory holds
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, Dropout.NONE);
            Optimizer adam = new Optimizer("adam", CLIP_NORM);
            int learnt = FAILED;
            for (int step = 1; step * BATCH <= budget && (learnt == FAILED || task.trainsOn()); step++) {
                Window window = task.window(BATCH);
                unrolled.forward(window, null);
                task.judge(unrolled, kernel);
                unrolled.backward(window, null);
                adam.step(kernel, learningRate, step);
                if (learnt == FAILED && task.isLearnt(unrolled, kernel, step)) learnt = step * BATCH;
            }
            return new Outcome(learnt, task.test(unrolled, kernel));
        }
    }
}
