package org.rondo.driver.rounds;

import java.io.Serializable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Replica;

/** Open replicas of this JVM, kept from round to round so that their memory is allocated once: as many as tasks ever ran at
 *  a time. They are workspaces, nothing more: any of them may serve any shard. */
final class ReplicaPool {
    private static final Deque<Replica> IDLE = new ArrayDeque<>();
    private static Key open;

    /** What a replica was opened for. */
    record Key(Plan plan, String kernel) implements Serializable { }

    private ReplicaPool() { }

    /** An idle replica, or a new one. Replicas of an earlier training are closed. */
    static Replica borrow(Key key) {
        synchronized (IDLE) {
            if (!key.equals(open)) clear();
            open = key;
            Replica idle = IDLE.poll();
            if (idle != null) return idle;
        }
        return new Replica(Kernel.open(key.kernel, key.plan.layout()), key.plan.dropout(), key.plan.optimizer());
    }

    static void giveBack(Key key, Replica replica) {
        synchronized (IDLE) {
            if (key.equals(open)) IDLE.push(replica);
            else replica.close();
        }
    }

    /** Frees what is idle. */
    static void clear() {
        List<Replica> idle;
        synchronized (IDLE) {
            idle = new ArrayList<>(IDLE);
            IDLE.clear();
            open = null;
        }
        idle.forEach(Replica::close);
    }
}
