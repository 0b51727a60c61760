package org.rondo.driver.scoring;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Supplier;
import org.rondo.driver.Linger;

/** Idle predictors of this JVM, kept from task to task, so that a kernel is opened and a model loaded once for every task that runs at a
 *  time, and not for every task. What no task has used for a while is closed, each by itself ({@link Linger}). */
final class PredictorPool {
    private static final long IDLE_MILLIS = 30_000;
    private static final List<Kept> IDLE = new ArrayList<>();
    private static int opened;

    /** A predictor that a task works with, or that is idle. */
    static final class Kept {
        final Predictor predictor;
        final Linger linger = new Linger(IDLE_MILLIS, this::drop);
        private final Object key;

        private Kept(Object key, Predictor predictor) {
            this.key = key;
            this.predictor = predictor;
        }

        private void drop() {
            synchronized (IDLE) {
                if (!IDLE.remove(this)) return;         // a task has just taken it
            }
            predictor.close();
        }
    }

    private PredictorPool() { }

    /** @param key what it is opened for */
    static Kept borrow(Object key, Supplier<Predictor> opening) {
        Kept kept = idle(key);
        if (kept == null) kept = new Kept(key, opening.get());
        kept.linger.begin();
        return kept;
    }

    private static Kept idle(Object key) {
        synchronized (IDLE) {
            for (Iterator<Kept> all = IDLE.iterator(); all.hasNext(); ) {
                Kept kept = all.next();
                if (!kept.key.equals(key)) continue;
                all.remove();
                return kept;
            }
            opened++;
            return null;
        }
    }

    static void giveBack(Kept kept) {
        synchronized (IDLE) {
            IDLE.add(kept);
        }
        kept.linger.end();
    }

    /** Closes what is idle. */
    static void clear() {
        List<Runnable> closing = new ArrayList<>();
        synchronized (IDLE) {
            for (Kept kept : IDLE) closing.add(kept.predictor::close);
            IDLE.clear();
        }
        Linger.each(closing);
    }

    /** Predictors that were opened in this JVM. */
    static int opened() {
        synchronized (IDLE) {
            return opened;
        }
    }

    /** Predictors that no task works with. */
    static int idle() {
        synchronized (IDLE) {
            return IDLE.size();
        }
    }
}
