package org.rondo.driver;

import java.util.List;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;

/** How long a JVM keeps what tasks share, once none of them runs. No message would surely reach every executor when a training has ended, or a
 *  table has been read for the last time: one may be busy, lost, or a newcomer. So each frees what it has by itself, and a task that comes
 *  later makes it anew. */
public final class Linger {
    private static final ScheduledThreadPoolExecutor CLOCK = new ScheduledThreadPoolExecutor(1, freeing -> {
        Thread thread = new Thread(freeing, "frees what tasks leave");
        thread.setDaemon(true);
        return thread;
    });

    static {
        CLOCK.setRemoveOnCancelPolicy(true);
    }

    private final Runnable free;
    private long millis;
    private int running;
    private ScheduledFuture<?> freeing;

    /** @param free called while no task runs, and none can begin; what it throws is logged */
    public Linger(long millis, Runnable free) {
        this.millis = millis;
        this.free = free;
    }

    /** Of what is shared, nothing is freed before this task has ended, however it ends. */
    public void keepFor(TaskContext task) {
        begin();
        task.addTaskCompletionListener((TaskCompletionListener) ended -> end());
    }

    public synchronized void begin() {
        running++;
        if (freeing != null) freeing.cancel(false);
    }

    public synchronized void end() {
        if (--running == 0) freeing = CLOCK.schedule(this::free, millis, TimeUnit.MILLISECONDS);
    }

    /** Another time from the next end on; returns what it was. */
    public synchronized long after(long millis) {
        long before = this.millis;
        this.millis = millis;
        return before;
    }

    private synchronized void free() {
        if (running > 0) return;
        try {
            free.run();
        } catch (Throwable e) {          // of which nobody else would hear: a kernel that is closed says if it has written outside its memory
            System.getLogger(Linger.class.getName()).log(System.Logger.Level.ERROR, "freeing what tasks have left", e);
        }
    }

    /** Does all, also those after one that fails. Throws the first failure, with the others as suppressed. */
    public static void each(List<Runnable> all) {
        Throwable first = null;
        for (Runnable one : all) {
            try {
                one.run();
            } catch (RuntimeException | Error e) {
                if (first == null) first = e;
                else if (first != e) first.addSuppressed(e);
            }
        }
        if (first instanceof Error e) throw e;
        if (first != null) throw (RuntimeException) first;
    }
}
