package org.rondo.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Phaser;

/** The threads of a kernel: the caller's, and others that wait for work and end when the team is closed.
 *
 *  <p>All take a part of the same work at the same time, phase by phase: nobody starts a phase before everybody is through with the one
 *  before. Waiting for the others cannot be interrupted, because what they do goes on in the kernel's memory. If one fails, all
 *  leave at the end of what they are at, and so does the team for good. */
final class Team implements AutoCloseable {
    private static final int MOST_THREADS = 1024;

    /** One thread's part of some work. */
    interface Work {
        /** @param phase from 0 on
         *  @param part  in [0, parts)
         *  @return whether there is another phase: the same for all parts */
        boolean take(int phase, int part, int parts);
    }

    /** Who waits here spins for some microseconds before it sleeps: phases are short. */
    private final Phaser barrier;
    private final List<Thread> others = new ArrayList<>();
    private final int parts;
    /** Handed over at the barrier. */
    private Work work;
    private volatile Throwable failure;

    /** @throws IllegalArgumentException for a number of threads that is none, or too many
     *  @throws IllegalStateException if the system refuses one; then none is left */
    Team(int threads) {
        if (threads < 1 || threads > MOST_THREADS)
            throw new IllegalArgumentException("threads of a kernel are " + threads + ", expected 1 to " + MOST_THREADS + "; set spark.task.cpus");
        parts = threads;
        barrier = new Phaser(threads);
        try {
            for (int part = 1; part < threads; part++) {
                int number = part;
                Thread other = new Thread(null, () -> serve(number), "rondo-kernel-" + number, 0, false);   // nothing of the task's is inherited
                other.setDaemon(true);
                other.start();
                others.add(other);
            }
        } catch (OutOfMemoryError e) {
            close();
            throw new IllegalStateException("thread " + (others.size() + 1) + " of a kernel cannot be started: " + e.getMessage() + "; expected " + (threads - 1)
                    + " beside the task's own; lower spark.task.cpus, or raise the system's limit of threads (ulimit -u)", e);
        }
    }

    /** Returns when the work is done.
     *  @throws IllegalStateException if another thread failed, now or earlier */
    void run(Work given) {
        work = given;
        try {
            if (barrier.arriveAndAwaitAdvance() >= 0) take(0);
        } catch (RuntimeException | Error e) {
            fail(e);
            throw e;
        }
        if (barrier.isTerminated())
            throw new IllegalStateException("a thread of this kernel failed, so that its memory is half written: " + failure + "; close it, and open a new one", failure);
    }

    private void serve(int part) {
        try {
            while (barrier.arriveAndAwaitAdvance() >= 0) take(part);
        } catch (Throwable e) {       // all there is: a thread that ends without a word is waited for without end
            fail(e);
        }
    }

    private void take(int part) {
        boolean more = true;
        for (int phase = 0; more; phase++) {
            more = work.take(phase, part, parts);
            if (barrier.arriveAndAwaitAdvance() < 0) return;
        }
    }

    private void fail(Throwable e) {
        failure = e;
        barrier.forceTermination();
    }

    /** Returns when the other threads have ended; until then they may be at work. */
    @Override public void close() {
        barrier.forceTermination();
        boolean interrupted = false;
        for (Thread other : others)
            while (other.isAlive())
                try {
                    other.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
        if (interrupted) Thread.currentThread().interrupt();
    }
}
