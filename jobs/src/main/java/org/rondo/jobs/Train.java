package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.rounds.Origin;
import org.rondo.driver.rounds.Trainer;

/** Text to model. */
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
        Map<Setting<?>, String> useless = new LinkedHashMap<>();
        if (!settings.get(Setting.AVERAGING).equals("parameters"))
            useless.put(Setting.WINDOWS_PER_ROUND, "without --averaging parameters: gradients are averaged every window");
        String cell = settings.get(Setting.CELL);
        if (cell.equals("rnn") || cell.equals("relu"))
            for (Setting<?> setting : List.of(Setting.CANDIDATE_ACTIVATION, Setting.FORGET_BIAS)) useless.put(setting, "without --cell lstm or peephole");
        if (settings.get(Setting.DROPOUT) == 0 && settings.get(Setting.INPUT_DROPOUT) == 0) useless.put(Setting.DROPOUT_MASK, "without --dropout or --inputDropout above 0");
        String decay = settings.get(Setting.DECAY);
        if (!decay.equals("epoch")) useless.put(Setting.DECAY_EVERY, "without --decay epoch");
        if (!decay.equals("epoch") && !decay.equals("plateau"))
            for (Setting<?> setting : List.of(Setting.DECAY_FACTOR, Setting.DECAY_AFTER)) useless.put(setting, "without --decay epoch or plateau");
        Task task = Task.of(settings);
        boolean text = task == Task.LANGUAGE_MODEL;
        Stream.concat(Job.EXAMPLES.settings().stream(), Job.LABELS.settings().stream()).filter(setting -> text && !setting.equals(Setting.DIRECTIONS))
                .forEach(setting -> useless.put(setting, "without another --task: a language model reads a text"));
        if (!text) ofOtherTasks(settings, task, useless);
        warn(settings, useless, console);
    }

    /** What is of another task than this one, which reads sequences. */
    static void ofOtherTasks(Settings settings, Task task, Map<Setting<?>, String> useless) {
        int characters = settings.get(Setting.CHARACTER_HIDDEN);
        if (characters == 0 || characters == Setting.UNSET && task != Task.TAGGING) useless.put(Setting.CHARACTER_EMBEDDING, "without --characterHidden above 0");
        if (task == Task.TAGGING) useless.put(Setting.LABEL_COLUMN, "with task tagging, which reads labelsColumn");
        else for (Setting<?> setting : List.of(Setting.LABELS_COLUMN, Setting.TAG_SCHEME, Setting.LEARNT_SCHEME, Setting.HEAD)) useless.put(setting, "without task tagging");
        if (task != Task.REGRESSION) useless.put(Setting.VALUES_COLUMN, "without task regression");
        for (Setting<?> setting : List.of(Setting.UNIT, Setting.BATCH, Setting.SEQ_LEN)) useless.put(setting, "with task " + task.key() + ", which reads whole sequences, in batches of batchTokens");
    }

    /** @param useless and why: "without --decay epoch" */
    static void warn(Settings settings, Map<Setting<?>, String> useless, Console console) {
        useless.forEach((setting, why) -> {
            if (settings.has(setting)) console.err().println(setting.key() + " is given, but has no effect " + why);
        });
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
