package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Shards;
import org.rondo.driver.rounds.Forecast;
import org.rondo.driver.rounds.Origin;
import org.rondo.driver.rounds.OuterOptimizer;
import org.rondo.driver.rounds.Plan;
import org.rondo.driver.rounds.RoundTime;
import org.rondo.driver.rounds.WindowTime;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Network;

/** What training will do and need: its {@link Plan}, for people. The text is read and counted, and a window is timed; nothing is trained. */
final class ShowPlan {
    private static final long MIB = 1 << 20;
    private static final String NOT_MEASURED = "not measured: a replica would take more than half of the memory here, or this is the driver of a cluster; "
            + "so nothing is said of how long training takes";

    private ShowPlan() { }

    static ObjectNode run(Settings given, SparkConf conf, Console console) {
        Origin origin = Origin.of(given, SparkHadoopUtil.get().newConfiguration(conf));
        Settings settings = origin.settings();
        Train.warn(settings, console);
        try (JavaSparkContext sc = Rondo.spark("plan", settings, conf); Corpus corpus = Corpus.read(sc, settings, origin.lexicon(), console.err()::println);
                Shards shards = corpus.training().shards(Plan.network(settings, corpus.lexicon()), corpus.lexicon(), settings)) {
            long held = corpus.validation() == null ? 0 : corpus.validation().count();
            Plan plan = Plan.of(origin, corpus, shards);
            // In cluster mode this is the application master, whose memory and cores say nothing of a machine to train on.
            Optional<WindowTime> window = conf.get("spark.submit.deployMode", "client").equals("cluster") ? Optional.empty()
                    : WindowTime.measure(plan, settings.get(Setting.KERNEL));
            console.out().print(table(plan, Report.unit(settings), held, conf, window, Runtime.getRuntime().availableProcessors()));
            return JsonNodeFactory.instance.objectNode().put("parameters", plan.network().parameterCount()).put("shards", plan.shards()).put("targets", plan.targets())
                    .put("windowsPerEpoch", plan.windowsPerEpoch()).put("bytesPerTask", plan.bytesPerTask()).put("driverHeapBytes", plan.driverHeap())
                    .put("driverOverheadBytes", plan.driverOverhead());
        }
    }

    /** @param window as measured; empty where it could not be
     *  @param cores  of this machine */
    static String table(Plan plan, String unit, long heldOut, SparkConf conf, Optional<WindowTime> window, int cores) {
        int tasks = Math.max(1, conf.getInt("spark.executor.cores", 1) / conf.getInt("spark.task.cpus", 1));
        int executors = conf.getInt("spark.executor.instances", Math.max(1, (plan.shards() + tasks - 1) / tasks));
        Optional<Forecast> forecast = window.map(time -> new Forecast(plan, time.seconds(), cores, executors, tasks, Forecast.USUAL_NETWORK).settled());
        Map<String, String> rows = new LinkedHashMap<>();
        rows.put("data", Units.count(plan.streams() ? plan.targets() + 1 : plan.targets()) + " " + unit + "s to learn from, " + Units.count(heldOut)
                + (plan.streams() ? "" : " sequences") + " to validate on");
        rows.put("network", network(plan.network()));
        rows.put("parameters", exact(plan.network().parameterCount(), 4L * plan.network().parameterCount()));
        rows.put("shards", plan.shards() + ", each of " + (plan.streams() ? plan.batch() + " streams of " + Units.count((double) plan.targets() / plan.shards() / plan.batch()) + " tokens"
                : Units.count((double) plan.targets() / plan.shards()) + " " + unit + "s"));
        rows.put("windows", Units.count(plan.windowsPerEpoch()) + " per shard and epoch, " + (plan.streams() ? "each " : "the one that needs most memory ") + plan.seqLen() + " steps of "
                + plan.batch() + (plan.streams() ? " streams = " : " sequences = ") + Units.count((double) plan.seqLen() * plan.batch()) + " tokens");
        rows.put("rounds", rounds(forecast.map(Forecast::plan).orElse(plan), plan.isSettled()));
        rows.put("memory per task", exact(plan.bytesPerTask()) + " outside the heap");
        rows.put("memory overhead", exact(plan.memoryOverhead(tasks)) + " for " + tasks + (tasks == 1 ? " task" : " tasks") + " at a time in an executor");
        rows.put("driver", exact(plan.driverHeap()) + " of heap, " + exact(plan.driverOverhead()) + " outside");
        rows.put("traffic", exact(plan.bytesPerRound(executors, tasks)) + " per round with " + executors(executors));
        forecast.ifPresentOrElse(f -> forecast(f, window.get(), rows), () -> rows.put("window", NOT_MEASURED));
        StringBuilder table = new StringBuilder();
        rows.forEach((name, value) -> table.append(String.format(Locale.ROOT, "%-16s %s%n", name, value)));
        return table + String.format(Locale.ROOT, "%non a cluster, give driver and executors room for it:%n  --driver-memory %dm%n"
                + "  --conf spark.driver.memoryOverhead=%dm%n  --conf spark.executor.memoryOverhead=%dm%n",
                mebibytes(plan.driverHeap()), mebibytes(plan.driverOverhead()), mebibytes(plan.memoryOverhead(tasks)));
    }

    private static String cell(Cell cell) {
        return cell.peephole() ? "peephole LSTM" : cell.hasMemory() ? "LSTM" : cell.name().equals("relu") ? "ReLU RNN" : "RNN";
    }

    private static String network(Network network) {
        Network.Spelling spelling = network.spelling();
        return Units.vocabulary(network) + (network.vocab() == 0 ? "" : ", embedding " + network.embedding())
                + (spelling == null ? "" : ", words' " + spelling.characters() + " characters read by a layer of 2 x " + spelling.hidden())
                + ", " + network.layers() + " " + cell(network.cell()) + (network.layers() == 1 ? " layer of " : " layers of ") + (network.bidirectional() ? "2 x " : "") + network.hidden()
                + (network.head().crf() ? ", a CRF of " + network.head().outputs() + " labels" : "");
    }

    private static String rounds(Plan plan, boolean settled) {
        if (!plan.isSettled()) return "parameters are averaged as often as is measured when training starts";
        return Units.count(plan.roundsPerEpoch()) + " per epoch, " + (plan.rounds().isPresent() ? Units.count(plan.rounds().getAsLong()) + " in " : "")
                + plan.epochs() + " epochs; "
                + (plan.averagesGradients() ? "gradients are averaged every window" : "parameters are averaged every " + plan.windowsPerRound() + " windows"
                        + (settled ? "" : " (auto: by the figures below; it is measured when training starts)") + firstPhase(plan.gradientsUntil()) + outer(plan.outer()))
                + (plan.emaDecay() > 0 ? "; the weights are averaged over rounds, emaDecay " + plan.emaDecay() : "");
    }

    /** What a window takes, what averaging, and where training is faster. */
    private static void forecast(Forecast forecast, WindowTime window, Map<String, String> rows) {
        RoundTime averaging = forecast.averaging();
        rows.put("window", Units.significant(window.seconds() * 1e3) + " ms of a replica on one core (measured here, " + window.kernel() + ")");
        rows.put("averaging", Units.significant(averaging.seconds()) + " s a round with " + executors(averaging.executors()) + " (" + Units.significant(averaging.floats() * 1e-6)
                + " M floats from each, 10 Gbit/s: see docs/scale.md), " + Units.significant(100 * forecast.pace().share(forecast.plan().windowsPerRound())) + " % of the round");
        rows.put("time", "training takes about " + about(forecast.here()) + " on this machine's " + cores(forecast.cores()) + ", " + about(forecast.onTheCluster()) + " on "
                + executors(forecast.executors()) + (forecast.slots() == 1 ? "" : " of " + forecast.slots() + " tasks at a time") + ": " + advice(forecast));
    }

    private static String advice(Forecast forecast) {
        double here = forecast.here(), there = forecast.onTheCluster();
        if (there < here) return "the cluster is " + Units.decimals(here / there, 1) + " times as fast";
        String local = "train locally (--master local[" + forecast.cores() + "])";
        if (forecast.plan().averagesGradients()) return local + ", or average less often (--averaging parameters)";
        return local + (forecast.fewestWindows().isPresent() ? ", or set --windowsPerRound to " + forecast.fewestWindows().getAsInt() + " or more"
                : "; no windowsPerRound makes the cluster faster");
    }

    private static String about(double seconds) {
        return seconds < 10 ? Units.significant(seconds) + " s" : Units.duration(seconds);
    }

    private static String executors(int executors) {
        return executors + (executors == 1 ? " executor" : " executors");
    }

    private static String cores(int cores) {
        return cores + (cores == 1 ? " core" : " cores");
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
