package org.rondo.driver.rounds;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.spark.SparkException;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.JavaSparkStatusTracker;
import org.rondo.driver.BadInput;
import scala.jdk.javaapi.CollectionConverters;

/** How long each job of a training may take, so that none waits for ever for an executor that stands still.
 *  @param seconds 0: as long as it wants */
record Deadline(JavaSparkContext sc, int seconds) {
    private static final ScheduledExecutorService CLOCK = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "deadline of a round");
        thread.setDaemon(true);
        return thread;
    });

    /** Cancels the jobs of a group, again and again: one that has not begun yet is not cancelled for good. */
    private static final class Alarm implements Runnable {
        private final JavaSparkContext sc;
        private final String group;
        /** Executors that ran a task when time was up, and before any was told to end; null while it is not. */
        private volatile List<String> busy;

        Alarm(JavaSparkContext sc, String group) {
            this.sc = sc;
            this.group = group;
        }

        @Override public void run() {
            try {
                if (busy == null) busy = busy();
            } catch (RuntimeException e) {          // or the clock would not come again
                busy = List.of("executors that Spark could not name (" + e + ")");
            }
            sc.cancelJobGroup(group);
        }

        private List<String> busy() {
            JavaSparkStatusTracker jobs = sc.statusTracker();
            return Arrays.stream(jobs.getJobIdsForGroup(group)).mapToObj(jobs::getJobInfo).filter(Objects::nonNull).flatMapToInt(job -> Arrays.stream(job.stageIds()))
                    .mapToObj(jobs::getStageInfo).filter(Objects::nonNull)
                    .flatMap(stage -> CollectionConverters.asJava(sc.sc().statusStore().taskList(stage.stageId(), stage.currentAttemptId(), Integer.MAX_VALUE)).stream())
                    .filter(task -> task.status().equals("RUNNING")).map(task -> "executor " + task.executorId() + " on " + task.host()).distinct().toList();
        }
    }

    /** Runs what is a job of the thread's group.
     *  @param missing what is not there yet, asked when time is up
     *  @throws BadInput if it takes longer */
    <T> T keep(Exchange.Attempt<T> job, Supplier<String> missing) throws SparkException {
        if (seconds == 0) return job.run();
        Alarm alarm = new Alarm(sc, sc.getLocalProperty("spark.jobGroup.id"));
        ScheduledFuture<?> set = CLOCK.scheduleWithFixedDelay(alarm, seconds, 1, TimeUnit.SECONDS);
        try {
            return job.run();
        } catch (Exception e) {
            if (alarm.busy != null) throw late(alarm, missing.get(), e);
            throw e;
        } finally {
            set.cancel(false);
        }
    }

    private BadInput late(Alarm alarm, String missing, Exception cause) {
        String busy = alarm.busy.isEmpty() ? "no executor runs a task" : "tasks run in " + String.join(", ", alarm.busy);
        return new BadInput(alarm.group + " has not ended within its deadline of " + seconds + " seconds: missing are " + missing + "; " + busy
                + ". Look at these executors' logs; set --roundDeadline higher if rounds take that long, or windowsPerRound lower. The last checkpoint is kept", cause);
    }
}
