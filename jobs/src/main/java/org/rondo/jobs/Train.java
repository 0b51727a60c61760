package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.rounds.Ineffective;
import org.rondo.driver.rounds.Origin;
import org.rondo.driver.rounds.Trainer;

/** Text, or labelled sequences, to model. */
final class Train {
    private Train() { }

    static ObjectNode run(Settings given, SparkConf conf, Console console) {
        Settings settings = Origin.of(given, SparkHadoopUtil.get().newConfiguration(conf)).settings();
        warn(settings, console);
        Report report = new Report(console, settings);
        Model model = train("train", settings, conf, report);
        console.out().print(report.summary(settings.get(Setting.OUTPUT)));
        console.out().print(next(settings));
        return report.figures(model);
    }

    /** Trains and closes the report, which still knows what it has heard. */
    static Model train(String job, Settings settings, SparkConf conf, Report report) {
        try (report; JavaSparkContext sc = Rondo.spark(job, settings, conf)) {
            return new Trainer(sc, settings, report).train();
        }
    }

    /** Says which of the given settings the others make useless for training. */
    static void warn(Settings settings, Console console) {
        Ineffective.inTraining(settings).forEach(console.err()::println);
    }

    /** As one word of a shell. */
    static String shell(String word) {
        return word.matches("[A-Za-z0-9_./:@%+=,-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }

    /** What to type with the model. */
    static String next(Settings settings) {
        String model = shell(settings.get(Setting.OUTPUT));
        boolean text = Task.of(settings) == Task.LANGUAGE_MODEL;
        return "next:\n" + (text ? "  bin/rondo generate --model " + model + " --length 300\n" : "") + "  bin/rondo evaluate --model " + model + " --input " + (text ? "TEXT\n" : "DATA\n");
    }
}
