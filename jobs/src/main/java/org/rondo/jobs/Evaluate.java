package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.rounds.Ineffective;
import org.rondo.driver.scoring.Evaluation;

/** Model and data to figures. */
final class Evaluate {
    private Evaluate() { }

    static ObjectNode run(Settings settings, SparkConf conf, Console console) {
        try (JavaSparkContext sc = Rondo.spark("evaluate", settings, conf)) {
            Model model = Generate.model(settings, sc.hadoopConfiguration(), console);
            Ineffective.inEvaluation(settings, model.lexicon().task()).forEach(console.err()::println);
            Evaluation found = Evaluation.of(sc, model, settings.get(Setting.INPUT), settings, console.err()::println);
            if (found.task() == Task.LANGUAGE_MODEL) {
                console.out().println("tokens              " + Units.count(found.targets()));
                console.out().println("unknown             " + Units.decimals(100 * found.unknown(), 3) + " %");
                console.out().println("nats per token      " + Units.decimals(found.loss(), 5));
                console.out().println("perplexity          " + Units.decimals(found.perplexity(), 4));
                console.out().println("bits per character  " + Units.decimals(found.bitsPerCharacter(), 4));
                warn(found.unknown(), "perplexity and bits per character are", console);
            } else console.out().print("loss " + Units.decimals(found.loss(), 5) + " of each of " + Units.count(found.targets()) + " targets\n" + found.table());
            console.out().println(found.json());
            return found.json();
        }
    }

    /** @param unknown share of the text's tokens */
    static void warn(double unknown, String figures, Console console) {
        if (unknown > 0)
            console.err().println("some tokens are unknown to the model, which need not tell them apart: " + figures + " too small by what they hide");
    }
}
