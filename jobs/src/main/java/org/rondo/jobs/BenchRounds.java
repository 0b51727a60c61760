package org.rondo.jobs;

import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.rounds.EmptyRounds;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What averaging costs: rounds without compute, on executors in JVMs of their own on this machine, or on the cluster that
 *  --master names. */
@Command(name = "rounds", sortOptions = false, customSynopsis = "rondo bench rounds [--key value ...] [spark-submit's options]",
        description = "Prints what a round costs without compute, and what an empty job of Spark costs beside it: medians in milliseconds.")
final class BenchRounds implements Bench.Work {
    @Option(names = "--parameters", paramLabel = "N", description = "floats of the model (default: 5000000)")
    private int parameters = 5_000_000;
    @Option(names = "--executors", paramLabel = "N", description = "JVMs of their own (default: 2)")
    private int executors = 2;
    @Option(names = "--slots", paramLabel = "N", description = "of an executor, each a core (default: 1)")
    private int slots = 1;
    @Option(names = "--replicas", paramLabel = "N", description = "over all executors (default: one a slot)")
    private int replicas;
    @Option(names = "--rounds", paramLabel = "N", description = "measured, after some to warm up (default: 31)")
    private int rounds = 31;
    @Option(names = "--collect", arity = "0..1", fallbackValue = "true", paramLabel = "true|false", description = "the driver broadcasts the model and collects the replicas', to compare with")
    private boolean collects;
    @Option(names = "--debug", arity = "0..1", fallbackValue = "true", paramLabel = "true|false", description = "print the stack trace of bad input too")
    private boolean debug;

    @Override public boolean debug() {
        return debug;
    }

    @Override public void run(Console console) {
        SparkConf conf = new SparkConf();
        atLeastOne("parameters", parameters);
        atLeastOne("executors", executors);
        atLeastOne("slots", slots);
        atLeastOne("rounds", rounds);
        int all = replicas == 0 ? executors * slots : replicas;
        atLeastOne("replicas", all);
        if (conf.get("spark.master", "local").matches("local(\\[.*)?"))         // as bin/rondo's default says; it has no executors
            conf.set("spark.master", "local-cluster[" + executors + "," + slots + "," + conf.getSizeAsMb("spark.executor.memory", "3g") + "]");
        conf.setIfMissing("spark.executor.memory", "3g");
        conf.setIfMissing("spark.executor.extraJavaOptions", "-XX:+UseParallelGC");
        try (JavaSparkContext sc = Rondo.spark("bench rounds", Settings.of(Map.of()), conf);
             EmptyRounds empty = new EmptyRounds(sc, parameters, all, executors * slots, collects)) {
            empty.await(executors);
            console.out().println(EmptyRounds.HEADER);
            console.out().println(empty.measure(executors, rounds));
        }
    }

    private static void atLeastOne(String option, int value) {
        if (value < 1) throw new BadInput(option + " is " + value + ", expected an integer from 1; set --" + option);
    }
}
