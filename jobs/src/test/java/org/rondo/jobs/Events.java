package org.rondo.jobs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerApplicationStart;
import org.apache.spark.scheduler.SparkListenerBlockManagerAdded;
import org.apache.spark.scheduler.SparkListenerExecutorAdded;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import scala.jdk.javaapi.CollectionConverters;

/** What happens in a driver of another JVM, a line an event, in the file of {@link #FILE}. Loaded there by spark.extraListeners:
 *  uses nothing but Spark. */
public final class Events extends SparkListener {
    static final String FILE = "spark.events.file";

    private final Path file;
    private final Map<Integer, String> jobOfStage = new HashMap<>();

    public Events(SparkConf conf) {
        file = Path.of(conf.get(FILE));
    }

    @Override public void onApplicationStart(SparkListenerApplicationStart start) {
        write("application " + start.appId().get() + " starts");
    }

    @Override public void onExecutorAdded(SparkListenerExecutorAdded added) {
        write("executor " + added.executorId() + " is added on " + added.executorInfo().executorHost());
    }

    @Override public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
        write("executor " + removed.executorId() + " is removed: " + removed.reason());
    }

    /** An executor that has just been added does this next, and is given tasks right after. */
    @Override public void onBlockManagerAdded(SparkListenerBlockManagerAdded added) {
        write("executor " + added.blockManagerId().executorId() + " has blocks");
    }

    @Override public void onJobStart(SparkListenerJobStart start) {
        String description = start.properties().getProperty("spark.job.description", "");
        CollectionConverters.asJava(start.stageIds()).forEach(stage -> jobOfStage.put((Integer) stage, description));
        write("job " + start.jobId() + " starts with " + start.stageInfos().last().numTasks() + " tasks: " + description);
    }

    @Override public void onTaskStart(SparkListenerTaskStart start) {
        write("task " + start.taskInfo().taskId() + " on " + start.taskInfo().executorId() + " starts" + (start.taskInfo().speculative() ? " again" : "")
                + ": " + jobOfStage.get(start.stageId()));
    }

    @Override public void onTaskEnd(SparkListenerTaskEnd end) {
        write("task " + end.taskInfo().taskId() + " on " + end.taskInfo().executorId() + " ends by " + end.reason().getClass().getSimpleName()
                + ": " + jobOfStage.get(end.stageId()));
    }

    private void write(String event) {
        try {
            Files.writeString(file, event.replace('\n', ' ') + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
