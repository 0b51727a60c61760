package org.rondo.jobs;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.rounds.OuterOptimizer;
import org.rondo.driver.rounds.Plan;

/** What training will do and need: its {@link Plan}, for people. The text is read and counted; nothing is trained. */
final class ShowPlan {
    private static final long MIB = 1 << 20;

    private ShowPlan() { }

    static void run(Settings settings, SparkConf conf, Console console) {
        Train.warn(settings, console);
        try (JavaSparkContext sc = Rondo.spark("plan", settings, conf); Corpus corpus = Corpus.read(sc, settings)) {
            long held = corpus.validation() == null ? 0 : corpus.validation().count();
            Plan plan = Plan.of(settings, corpus.vocabulary().size(), corpus.training().count());
            console.out().print(table(plan, settings.get(Setting.UNIT), held, conf));
        }
    }

    static String table(Plan plan, String unit, long heldOut, SparkConf conf) {
        int tasks = Math.max(1, conf.getInt("spark.executor.cores", 1) / conf.getInt("spark.task.cpus", 1));
        int executors = conf.getInt("spark.executor.instances", Math.max(1, (plan.shards() + tasks - 1) / tasks));
        Map<String, String> rows = new LinkedHashMap<>();
        rows.put("text", Units.count(plan.targets() + 1) + " " + unit + "s to learn from, " + Units.count(heldOut) + " to validate on");
        rows.put("network", "vocabulary " + Units.count(plan.network().vocab()) + ", embedding " + plan.network().embedding() + ", "
                + plan.network().layers() + " LSTM layers of " + plan.network().hidden());
        rows.put("parameters", exact(plan.network().parameterCount(), 4L * plan.network().parameterCount()));
        rows.put("shards", plan.shards() + ", each of " + plan.batch() + " streams of " + Units.count((double) plan.targets() / plan.shards() / plan.batch()) + " tokens");
        rows.put("windows", Units.count(plan.windowsPerEpoch()) + " per shard and epoch, each " + plan.seqLen() + " steps of " + plan.batch() + " streams = "
                + Units.count((double) plan.seqLen() * plan.batch()) + " tokens");
        rows.put("rounds", Units.count(plan.roundsPerEpoch()) + " per epoch, " + (plan.rounds().isPresent() ? Units.count(plan.rounds().getAsLong()) + " in " : "")
                + plan.epochs() + " epochs; "
                + (plan.averagesGradients() ? "gradients are averaged every window" : "parameters are averaged every " + plan.windowsPerRound() + " windows"
                        + firstPhase(plan.gradientsUntil()) + outer(plan.outer()))
                + (plan.emaDecay() > 0 ? "; the weights are averaged over rounds, emaDecay " + plan.emaDecay() : ""));
        rows.put("memory per task", exact(plan.bytesPerTask()) + " outside the heap");
        rows.put("memory overhead", exact(plan.memoryOverhead(tasks)) + " for " + tasks + (tasks == 1 ? " task" : " tasks") + " at a time in an executor");
        rows.put("driver", exact(plan.driverHeap()) + " of heap, " + exact(plan.driverOverhead()) + " outside");
        rows.put("traffic", exact(plan.bytesPerRound(executors, tasks)) + " per round with " + executors + (executors == 1 ? " executor" : " executors"));
        StringBuilder table = new StringBuilder();
        rows.forEach((name, value) -> table.append(String.format(Locale.ROOT, "%-16s %s%n", name, value)));
        return table + String.format(Locale.ROOT, "%non a cluster, give driver and executors room for it:%n  --driver-memory %dm%n"
                + "  --conf spark.driver.memoryOverhead=%dm%n  --conf spark.executor.memoryOverhead=%dm%n",
                mebibytes(plan.driverHeap()), mebibytes(plan.driverOverhead()), mebibytes(plan.memoryOverhead(tasks)));
    }

    private static String firstPhase(int until) {
        if (until == 0) return "";
        return ", after gradients every window " + (until == Setting.UNTIL_DECAY ? "until the learning rate decays" : "for " + until + (until == 1 ? " epoch" : " epochs"));
    }

    private static String outer(OuterOptimizer outer) {
        return outer.momentum() == 0 && outer.learningRate() == 1 ? "" : "; outer optimiser with momentum " + Units.significant(outer.momentum()) + ", learning rate "
                + Units.significant(outer.learningRate());
    }

    /** Rounded up. */
    private static long mebibytes(long bytes) {
        return (bytes + MIB - 1) / MIB;
    }

    private static String exact(long bytes) {
        return Units.bytes(bytes) + " (" + Units.count(bytes) + " bytes)";
    }

    private static String exact(long floats, long bytes) {
        return Units.count(floats) + ", " + exact(bytes);
    }
}
