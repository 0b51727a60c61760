package org.rondo.kernels.bench;

import java.lang.management.ManagementFactory;
import java.util.Arrays;

/** The same step over and over, to be timed. Times are this thread's processor time, so that what others take of the core does not count;
 *  where other threads take part, they are what has passed. */
public interface Steps extends AutoCloseable {
    /** Trains or scores one window.
     *  @return the loss before the update: the mean over the window's targets in nats, or of a layer alone half the sum of the
     *          squares of h; when scoring, 0 */
    double step();

    @Override void close();

    /** Seconds of a step: the mean of {@code count}. */
    default double seconds(int count) {
        long start = clock();
        for (int i = 0; i < count; i++) step();
        return (clock() - start) * 1e-9 / count;
    }

    /** Nanoseconds, from anywhere. */
    default long clock() {
        return nanos();
    }

    /** How many steps fill this time, at least one; found by taking three. */
    default int within(double seconds) {
        seconds(1);
        return (int) Math.max(1, Math.round(seconds / seconds(2)));
    }

    /** Processor time of this thread. */
    static long nanos() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    /** The upper of the two in the middle, where their number is even. */
    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
