package org.rondo.driver.rounds;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Task;

import static org.rondo.driver.Setting.*;

/** Which of the settings that were given others make useless. What only the data tell, {@link org.rondo.driver.corpus.Corpus} says when it has read them. */
public final class Ineffective {
    /** What data with labels have. */
    private static final List<Setting<?>> LABELLED = List.of(FEATURES_COLUMN, LABELS_COLUMN, LABEL_COLUMN, VALUES_COLUMN, TAG_SCHEME);
    /** What is learnt of it. */
    private static final List<Setting<?>> LABELS = List.of(LEARNT_SCHEME, HEAD, CHARACTER_HIDDEN, CHARACTER_EMBEDDING, WORD_FORM, UNKNOWN_RATE, BATCH_TOKENS);

    private Ineffective() { }

    /** A line for each: "decayEvery is given, but has no effect without --decay epoch". */
    public static List<String> inTraining(Settings settings) {
        Map<Setting<?>, String> useless = new LinkedHashMap<>();
        if (!settings.get(AVERAGING).equals("parameters")) useless.put(WINDOWS_PER_ROUND, "without --averaging parameters: gradients are averaged every window");
        String cell = settings.get(CELL), decay = settings.get(DECAY);
        if (cell.equals("rnn") || cell.equals("relu")) all(List.of(CANDIDATE_ACTIVATION, FORGET_BIAS), "without --cell lstm or peephole", useless);
        if (settings.get(DROPOUT) == 0 && settings.get(INPUT_DROPOUT) == 0) useless.put(DROPOUT_MASK, "without --dropout or --inputDropout above 0");
        if (!decay.equals("epoch")) useless.put(DECAY_EVERY, "without --decay epoch");
        if (!decay.equals("epoch") && !decay.equals("plateau")) all(List.of(DECAY_FACTOR, DECAY_AFTER), "without --decay epoch or plateau", useless);
        Task task = Task.of(settings);
        if (task == Task.LANGUAGE_MODEL) all(Stream.concat(LABELLED.stream(), LABELS.stream()).toList(), "without another --task: a language model reads lines of text, or tokens", useless);
        else ofOtherTasks(settings, task, useless);
        return said(useless, settings);
    }

    /** The same where a model of this task is measured. */
    public static List<String> inEvaluation(Settings settings, Task task) {
        Map<Setting<?>, String> useless = new LinkedHashMap<>();
        if (task == Task.LANGUAGE_MODEL) {
            all(LABELLED, "with a language model, which reads lines of text, or tokens", useless);
            useless.put(BATCH_TOKENS, "with a language model, which reads batch streams");
        } else ofOtherTasks(settings, task, useless);
        return said(useless, settings);
    }

    /** @param useless and why: "without --decay epoch" */
    public static List<String> said(Map<Setting<?>, String> useless, Settings settings) {
        return useless.keySet().stream().filter(settings::has).map(setting -> setting.key() + " is given, but has no effect " + useless.get(setting)).toList();
    }

    /** What is of another task than this one, which reads sequences. */
    private static void ofOtherTasks(Settings settings, Task task, Map<Setting<?>, String> useless) {
        int characters = settings.get(CHARACTER_HIDDEN);
        if (characters == 0 || characters == UNSET && task != Task.TAGGING) useless.put(CHARACTER_EMBEDDING, "without --characterHidden above 0");
        if (task == Task.TAGGING) useless.put(LABEL_COLUMN, "with task tagging, which reads labelsColumn");
        else all(List.of(LABELS_COLUMN, TAG_SCHEME, LEARNT_SCHEME, HEAD), "without task tagging", useless);
        if (task != Task.REGRESSION) useless.put(VALUES_COLUMN, "without task regression");
        all(List.of(UNIT, BATCH, SEQ_LEN), "with task " + task.key() + ", which reads whole sequences, in batches of batchTokens", useless);
    }

    private static void all(List<Setting<?>> settings, String why, Map<Setting<?>, String> useless) {
        for (Setting<?> setting : settings) useless.put(setting, why);
    }
}
