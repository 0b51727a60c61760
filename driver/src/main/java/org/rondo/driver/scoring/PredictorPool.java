package org.rondo.driver.scoring;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Idle predictors of this JVM, kept from task to task, so that a kernel is opened and a model loaded once for every task that runs at a
 *  time, and not for every task. Nobody says when a table has been read for the last time, so what nobody has asked for in half a
 *  minute is closed, and its memory is free again. */
final class PredictorPool {
    static final long IDLE_MILLIS = 30_000;
    private static final List<Idle> IDLE = new ArrayList<>();
    private static final ScheduledThreadPoolExecutor CLOSING = new ScheduledThreadPoolExecutor(1, work -> {
        Thread thread = new Thread(work, "rondo-idle-predictors");
        thread.setDaemon(true);
        return thread;
    });
    private static int opened;

    /** @param key what it was opened for */
    private record Idle(Object key, Predictor predictor, long since) { }

    private PredictorPool() { }

    static Predictor borrow(Object key, Supplier<Predictor> opening) {
        synchronized (IDLE) {
            for (Iterator<Idle> all = IDLE.iterator(); all.hasNext(); ) {
                Idle idle = all.next();
                if (!idle.key.equals(key)) continue;
                all.remove();
                return idle.predictor;
            }
            opened++;
        }
        return opening.get();
    }

    static void giveBack(Object key, Predictor predictor) {
        synchronized (IDLE) {
            IDLE.add(new Idle(key, predictor, System.nanoTime()));
        }
        CLOSING.schedule(() -> close(IDLE_MILLIS), IDLE_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Closes what has been idle for so long. */
    static void close(long millis) {
        List<Predictor> old = new ArrayList<>();
        synchronized (IDLE) {
            IDLE.removeIf(idle -> System.nanoTime() - idle.since >= millis * 1_000_000 && old.add(idle.predictor));
        }
        old.forEach(Predictor::close);
    }

    /** Predictors that were opened in this JVM. */
    static int opened() {
        synchronized (IDLE) {
            return opened;
        }
    }
}
