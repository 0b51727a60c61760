package org.rondo.driver.scoring;

import java.io.Serializable;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple4;
import scala.jdk.javaapi.CollectionConverters;

/** What has been scored so far: by tasks that have ended, and, as executors say with every heartbeat (10 s, unless Spark is told otherwise), by those
 *  that run. A task that fails or runs twice counts once. */
final class Tally extends SparkListener implements AutoCloseable {
    private final SparkContext sc;
    private final Sums sums;
    private final Consumer<ScoredCorpus.Count> heard;
    private final long started = System.nanoTime();
    /** Rows, tokens and errors of running tasks. */
    private final Map<Long, long[]> running = new HashMap<>();
    private int tasks, ended;

    /** Where tasks add theirs. */
    record Sums(LongAccumulator rows, LongAccumulator tokens, LongAccumulator errors) implements Serializable {
        void add(long rows, long tokens, long errors) {
            this.rows.add(rows);
            this.tokens.add(tokens);
            this.errors.add(errors);
        }

        private int indexOf(long id) {
            return id == rows.id() ? 0 : id == tokens.id() ? 1 : id == errors.id() ? 2 : -1;
        }
    }

    /** @param heard on a thread of Spark's, of every change */
    Tally(JavaSparkContext sc, Consumer<ScoredCorpus.Count> heard) {
        this.sc = sc.sc();
        this.sums = new Sums(this.sc.longAccumulator("rows"), this.sc.longAccumulator("tokens"), this.sc.longAccumulator("errors"));
        this.heard = heard;
    }

    Sums sums() {
        return sums;
    }

    /** From now on. */
    void listen() {
        sc.addSparkListener(this);
    }

    @Override public synchronized void onStageSubmitted(SparkListenerStageSubmitted stage) {
        tasks += stage.stageInfo().numTasks();
    }

    @Override public synchronized void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate update) {
        for (Tuple4<Object, Object, Object, scala.collection.immutable.Seq<AccumulableInfo>> task : CollectionConverters.asJava(update.accumUpdates())) {
            long[] own = new long[3];
            for (AccumulableInfo sum : CollectionConverters.asJava(task._4())) {
                int n = sums.indexOf(sum.id());
                if (n >= 0 && sum.update().isDefined()) own[n] = ((Number) sum.update().get()).longValue();
            }
            running.put((Long) task._1(), own);
        }
        heard.accept(count());
    }

    @Override public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        running.remove(end.taskInfo().taskId());
        if (end.taskInfo().successful()) ended++;
        heard.accept(count());
    }

    synchronized ScoredCorpus.Count count() {
        long[] all = {sums.rows.sum(), sums.tokens.sum(), sums.errors.sum()};
        for (long[] own : running.values()) for (int n = 0; n < all.length; n++) all[n] += own[n];
        return new ScoredCorpus.Count(all[0], all[1], all[2], ended, tasks, (System.nanoTime() - started) * 1e-9);
    }

    /** Of tasks that have ended, now that all have. */
    ScoredCorpus.Count all() {
        return new ScoredCorpus.Count(sums.rows.sum(), sums.tokens.sum(), sums.errors.sum(), ended, tasks, (System.nanoTime() - started) * 1e-9);
    }

    @Override public void close() {
        sc.removeSparkListener(this);
    }
}
