package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.retraining.Retraining;

/** New data to the next version of a model, if it is better. The last line on standard output is JSON. */
final class Retrain {
    static final Map<Setting<?>, String> DEFAULTS = Job.table(Setting.NAME, "", Setting.EPOCHS, "3", Setting.WARM_UP, "20", Setting.VALIDATION, "0");
    static final Map<Setting<?>, String> DOCS = Job.table(Setting.NAME, "name of the model in the registry, which need not be there yet: then the first version is trained from random numbers",
            Setting.METRIC, "figure of the holdout that must be better, and of the validation data by which the best epoch's model is kept; auto: perplexity of a language model (and its last epoch), f1 of entities, accuracy of other labels, loss of numbers");

    private Retrain() { }

    static ObjectNode run(Settings settings, SparkConf conf, Console console) {
        try (JavaSparkContext sc = Rondo.spark("retrain", settings, conf)) {
            Settings own = Retraining.settings(sc, settings);
            Train.warn(own, console);
            Retraining.Outcome outcome;
            try (Report report = new Report(console, own)) {
                outcome = new Retraining(sc, settings, report).run();
            }
            ObjectNode facts = outcome.facts();
            console.err().println((outcome.promoted() ? "promoted version " : "kept the champion, and not version ") + facts.path("number").asInt() + ": " + facts.path("reason").asText());
            ObjectNode figures = facts.objectNode().put("exit", outcome.promoted() ? Rondo.DONE : Rondo.KEPT).put("name", settings.get(Setting.NAME)).put("version", facts.path("number").asInt());
            for (String field : new String[] {"verdict", "reason", "metric", "value", "champion", "parent", "night", "data", "drift"}) if (facts.has(field)) figures.set(field, facts.get(field));
            console.out().println(figures);
            return figures;
        }
    }
}
