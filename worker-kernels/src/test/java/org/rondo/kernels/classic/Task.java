package org.rondo.kernels.classic;

import org.rondo.kernels.Cell;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Network;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** A task of the papers that introduced the LSTM: training sequences without end, and a criterion for having learnt it. One
 *  object serves one trial. */
interface Task {
    /** Steps of the longest sequence. */
    int seqLen();

    /** A network for this task, with the inputs and the head that it needs. */
    Network network(Cell cell, int hidden);

    /** The next training sequences. */
    Window window(int batch);

    /** Sees the network after it went forward over the window that {@link #window} made last, and before the update. */
    default void judge(UnrolledNetwork network, Kernel kernel) { }

    /** Whether the criterion is met; asked after every update.
     *  @param updates so far */
    boolean isLearnt(UnrolledNetwork network, Kernel kernel, int updates);

    /** Whether training goes on to the end of the budget although the task is learnt. */
    default boolean trainsOn() {
        return false;
    }

    /** What the network is worth after training; each task says in which unit. */
    int test(UnrolledNetwork network, Kernel kernel);
}
