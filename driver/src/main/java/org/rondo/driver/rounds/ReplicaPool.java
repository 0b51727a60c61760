package org.rondo.driver.rounds;

import java.io.Serializable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.apache.spark.TaskContext;
import org.rondo.driver.Linger;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Replica;
import org.rondo.kernels.Replica.Stretch;

/** Open replicas of this JVM, kept from round to round so that their memory is allocated once: as many as tasks ever ran at
 *  a time; until there are none for a while ({@link Linger}). They are workspaces, nothing more: any of them may serve any shard. */
final class ReplicaPool {
    private static final Deque<Replica> IDLE = new ArrayDeque<>();
    private static Open open;
    /** Takes the step on a mean gradient; opened for the optimiser's sweep alone, at the first step. */
    private static Kernel sweep;

    /** What a replica was opened for. */
    record Key(Plan plan, String kernel) implements Serializable { }

    /** What the idle replicas are open for.
     *  @param threads of a kernel: the cores that Spark gives the task, {@code spark.task.cpus}; one where there is no task */
    private record Open(Key key, int threads) {
        Open(Key key) {
            this(key, TaskContext.get() == null ? 1 : TaskContext.get().cpus());
        }
    }

    private ReplicaPool() { }

    /** An idle replica, or a new one. Replicas of an earlier training are closed. */
    static Replica borrow(Key key) {
        Open wanted = new Open(key);
        synchronized (IDLE) {
            if (!wanted.equals(open)) clear();
            open = wanted;
            Replica idle = IDLE.poll();
            if (idle != null) return idle;
        }
        return new Replica(Kernel.open(key.kernel, key.plan.layout(), wanted.threads), key.plan.dropout(), key.plan.optimizer());
    }

    static void giveBack(Key key, Replica replica) {
        synchronized (IDLE) {
            if (new Open(key).equals(open)) IDLE.push(replica);
            else replica.close();
        }
    }

    /** One exact step of the optimiser on a gradient.
     *  @param model parameters, the optimiser's moments, and what stays as it is */
    static float[][] step(Key key, float[][] model, float[] gradient, Stretch stretch) {
        Open wanted = new Open(key);
        synchronized (IDLE) {
            if (!wanted.equals(open)) clear();
            open = wanted;
            if (sweep == null) sweep = Kernel.open(key.kernel, key.plan.stepLayout(), wanted.threads);
            List<Block> blocks = Replica.BLOCKS.subList(0, 1 + key.plan.moments());
            sweep.load(Block.GRADIENTS, gradient);
            for (int v = 0; v < blocks.size(); v++) sweep.load(blocks.get(v), model[v]);
            key.plan.optimizer().step(sweep, stretch.learningRate(), stretch.steps() + 1);
            float[][] next = model.clone();
            for (int v = 0; v < blocks.size(); v++) sweep.store(blocks.get(v), next[v] = new float[gradient.length]);
            return next;
        }
    }

    /** Frees what is idle. */
    static void clear() {
        List<Runnable> closing = new ArrayList<>();
        synchronized (IDLE) {
            for (Replica replica : IDLE) closing.add(replica::close);
            if (sweep != null) closing.add(sweep::close);
            IDLE.clear();
            open = null;
            sweep = null;
        }
        Linger.each(closing);
    }
}
