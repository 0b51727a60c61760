package org.rondo.driver.rounds;

import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;

/** How long a JVM keeps what tasks share, once none of them runs. No message would surely reach every executor when a training has ended:
 *  one may be busy, lost, or a newcomer. So each frees what it has by itself, and a task that comes later makes it anew. */
final class Linger {
    /** Of the tasks of a training. To read a model and open replicas takes little beside the time that has passed then, which tasks
     *  of other executors, a checkpoint or validation may take. */
    static final Linger OF_TRAINING = new Linger(30_000, () -> {
        ModelRdd.forget();
        ReplicaPool.clear();
    });

    private final ScheduledThreadPoolExecutor clock = new ScheduledThreadPoolExecutor(1, task -> {
        Thread thread = new Thread(task, "frees what a training leaves");
        thread.setDaemon(true);
        return thread;
    });
    private final Runnable free;
    volatile long millis;
    private int running;
    private ScheduledFuture<?> freeing;

    /** @param free called while no task runs, and none can begin */
    Linger(long millis, Runnable free) {
        this.millis = millis;
        this.free = free;
        clock.setRemoveOnCancelPolicy(true);
    }

    /** Of what is shared, nothing is freed before this task has ended, however it ends. */
    void keepFor(TaskContext task) {
        begin();
        task.addTaskCompletionListener((TaskCompletionListener) ended -> end());
    }

    synchronized void begin() {
        running++;
        if (freeing != null) freeing.cancel(false);
    }

    synchronized void end() {
        if (--running == 0) freeing = clock.schedule(this::free, millis, TimeUnit.MILLISECONDS);
    }

    private synchronized void free() {
        if (running > 0) return;
        try {
            free.run();
        } catch (RuntimeException e) {          // of which nobody else would hear: a kernel that is closed says if it has written outside its memory
            System.getLogger(Linger.class.getName()).log(System.Logger.Level.ERROR, "freeing what a training has left", e);
        }
    }
}
