package org.rondo.jobs;

import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.rounds.Trainer;

/** Text to model. */
final class Train {
    private Train() { }

    static void run(Settings settings, SparkConf conf, Console console) {
        Report report = new Report(console, settings.get(Setting.UNIT));
        train("train", settings, conf, report);
        console.out().print(report.summary(settings.get(Setting.OUTPUT)));
        console.out().print(next(settings.get(Setting.OUTPUT)));
    }

    /** Trains and closes the report, which still knows what it has heard. */
    static void train(String job, Settings settings, SparkConf conf, Report report) {
        try (report; JavaSparkContext sc = Rondo.spark(job, settings, conf)) {
            new Trainer(sc, settings, report).train();
        }
    }

    /** What to type with a model. */
    static String next(String directory) {
        return "next:\n  bin/rondo generate --model " + directory + " --length 300\n  bin/rondo evaluate --model " + directory + " --input TEXT\n";
    }
}
