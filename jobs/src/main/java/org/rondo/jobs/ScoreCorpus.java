package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;
import java.util.function.Consumer;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.scoring.ScoredCorpus;
import org.rondo.driver.scoring.ScoredCorpus.Count;
import org.rondo.driver.scoring.Scorer;

/** Model and corpus to the corpus with predictions. */
final class ScoreCorpus {
    private ScoreCorpus() { }

    static ObjectNode run(Settings settings, SparkConf conf, Console console) {
        try (JavaSparkContext sc = Rondo.spark("score", settings, conf)) {
            Scorer scorer = new Scorer(Generate.model(settings, sc.hadoopConfiguration(), console), settings);
            Progress progress = new Progress(console);
            Count all = ScoredCorpus.write(sc, scorer, settings, console.err()::println, progress);
            progress.end();
            if (all.errors() > 0) console.err().println(Units.count(all.errors()) + (all.errors() == 1 ? " row has" : " rows have") + " something wrong; it is in the column "
                    + Scorer.ERROR + " of " + settings.get(Setting.OUTPUT));
            console.out().println("rows=" + all.rows() + " tokens=" + all.tokens() + " tokens_per_second=" + Math.round(all.tokensPerSecond()) + " errors=" + all.errors()
                    + " seconds=" + String.format(Locale.ROOT, "%.1f", all.seconds()));
            return JsonNodeFactory.instance.objectNode().put("rows", all.rows()).put("tokens", all.tokens()).put("errors", all.errors())
                    .put("tokensPerSecond", all.tokensPerSecond()).put("scoringSeconds", all.seconds());
        }
    }

    /** How far it is, in place on a terminal, elsewhere at most a line in {@value #SECONDS} seconds. How much there is, nobody knows before it is read. */
    static final class Progress implements Consumer<Count> {
        static final double SECONDS = 5;
        private final Console console;
        private double shown;
        private boolean open;

        Progress(Console console) {
            this.console = console;
        }

        @Override public synchronized void accept(Count count) {
            if (count.seconds() - shown < (console.isTerminal() ? 0.25 : SECONDS)) return;
            shown = count.seconds();
            if (!console.isTerminal()) {
                console.err().println(line(count));
                return;
            }
            String line = line(count);
            console.err().print("\r\033[K" + line.substring(0, Math.min(line.length(), console.columns() - 1)));
            console.err().flush();
            open = true;
        }

        static String line(Count count) {
            return "task " + count.done() + "/" + count.tasks() + "  " + Units.count(count.rows()) + " rows  " + Units.count(count.tokens()) + " tokens  "
                    + Units.count(count.tokensPerSecond()) + " tokens/s  " + (count.errors() == 0 ? "" : Units.count(count.errors()) + " errors  ")
                    + Units.duration(count.seconds());
        }

        synchronized void end() {
            if (open) console.err().print("\r\033[K");
        }
    }
}
