package org.rondo.jobs;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

import static org.rondo.driver.Setting.*;

/** A job: its name, what it does, and the settings it reads, in the groups of its {@code --help}.
 *  @param defaults where they differ from the table's
 *  @param docs     what a setting is in this job, where that differs from the table's */
record Job(String name, String doc, List<Group> groups, Map<Setting<?>, String> defaults, Map<Setting<?>, String> docs, Work work) {

    record Group(String heading, List<Setting<?>> settings) { }

    /** What a job does: settings to one class of the driver. */
    interface Work {
        void run(Settings settings, SparkConf conf, Console console) throws Exception;
    }

    private static final Group
            EXAMPLES = group("Format", FORMAT, BAD_LINES, COLUMNS_BY, COMMENT, NO_HEADER, TOKENS_COLUMN, TEXT_COLUMN, FEATURES_COLUMN, LABELS_COLUMN, LABEL_COLUMN,
                    VALUES_COLUMN, TAG_SCHEME),
            LABELS = group("Labels", LEARNT_SCHEME, HEAD, DIRECTIONS, CHARACTER_HIDDEN, CHARACTER_EMBEDDING, WORD_FORM, UNKNOWN_RATE, BATCH_TOKENS),
            VOCABULARY = group("Vocabulary", UNIT, MIN_COUNT, MAX_VOCABULARY, VECTORS, FROZEN_VECTORS),
            NETWORK = group("Network", CELL, CANDIDATE_ACTIVATION, FORGET_BIAS, INITIAL_RANGE, LAYERS, HIDDEN, EMBEDDING, TIED, DROPOUT, INPUT_DROPOUT, DROPOUT_MASK),
            DISTRIBUTION = group("Distribution", SHARDS, BATCH, SEQ_LEN, AVERAGING, GRADIENTS_UNTIL, WINDOWS_PER_ROUND, EPOCHS, METRIC, STOP_AFTER, ROUND_DEADLINE),
            OUTER = group("Outer optimiser", OUTER_OPTIMIZER, OUTER_MOMENTUM, OUTER_LEARNING_RATE, INNER_STATE),
            STEPS = group("Steps", OPTIMIZER, MOMENTUM, NESTEROV, WEIGHT_DECAY, LEARNING_RATE, WARM_UP, DECAY, DECAY_FACTOR, DECAY_AFTER, DECAY_EVERY, CLIP_NORM, EMA_DECAY),
            CHECKPOINTS = group("Checkpoints", CHECKPOINT_EVERY, KEEP_CHECKPOINTS),
            SAMPLING = group("Sampling", PROMPT, LENGTH, TEMPERATURE),
            RUN = group("Run", SEED, KERNEL, DEBUG);

    private static final List<Group> TRAINING =
            List.of(group("Data", INPUT, OUTPUT, OVERWRITE, VALIDATION, TASK), EXAMPLES, LABELS, VOCABULARY, NETWORK, DISTRIBUTION, OUTER, STEPS, CHECKPOINTS, RUN);

    static final List<Job> ALL = List.of(
            new Job("train", "Trains a model of a text, or of labelled sequences. Run again after an interruption, it resumes from its last checkpoint.",
                    TRAINING,
                    Map.of(), Train::run),
            new Job("evaluate", "Prints how well a model predicts a text, its perplexity and bits per character, or labels, their precision, recall and F1; as a table, and as JSON.",
                    List.of(group("Data", MODEL, INPUT), EXAMPLES, group("Distribution", SHARDS, BATCH, SEQ_LEN, BATCH_TOKENS), group("Run", KERNEL, DEBUG)),
                    Map.of(), Evaluate::run),
            new Job("score", "Writes a corpus of any size with what a model says of every row: tags and entities, labels with their probabilities, numbers, or the log-probability of every token.",
                    List.of(group("Data", MODEL, INPUT, OUTPUT, OUTPUT_FORMAT, OVERWRITE),
                            group("Rows", FORMAT, COLUMNS_BY, COMMENT, NO_HEADER, TOKENS_COLUMN, TEXT_COLUMN, FEATURES_COLUMN, LABELS_COLUMN), group("Run", BATCH_TOKENS, KERNEL, DEBUG)),
                    Map.of(), ScoreCorpus::run),
            new Job("generate", "Prints a text that a model makes up.",
                    List.of(group("Data", MODEL), SAMPLING, RUN), Map.of(), Generate::run),
            new Job("plan", "Prints what train, with the same options, would do and need, without training: shards, windows, memory, traffic, and whether a cluster would be faster.",
                    TRAINING, table(OUTPUT, ""), ShowPlan::run),
            new Job("quickstart", "Trains a model of WordNet's definitions, letter by letter, in three to six minutes.",
                    List.of(group("Data", OUTPUT, OVERWRITE, VALIDATION), group("Vocabulary", MIN_COUNT, MAX_VOCABULARY), NETWORK, DISTRIBUTION, OUTER, STEPS, CHECKPOINTS,
                            group("Sampling", TEMPERATURE), RUN),
                    Quickstart.DEFAULTS, Quickstart::run),
            new Job("gradient-flow", "Shows where gradients vanish, explode or stay, k steps back in time: of given models (one, or several with commas between), or of "
                    + "vanilla RNNs and LSTMs before and after a short training.",
                    List.of(group("Data", MODEL, INPUT, OUTPUT, OVERWRITE), group("Vocabulary", UNIT, MIN_COUNT, MAX_VOCABULARY), group("Network", LAYERS, HIDDEN, EMBEDDING),
                            group("Training", BATCH, SEQ_LEN, EPOCHS, LEARNING_RATE), RUN),
                    ShowGradientFlow.DEFAULTS, ShowGradientFlow.DOCS, ShowGradientFlow::run));

    /** Settings are what the table says. */
    private Job(String name, String doc, List<Group> groups, Map<Setting<?>, String> defaults, Work work) {
        this(name, doc, groups, defaults, Map.of(), work);
    }

    private static Group group(String heading, Setting<?>... settings) {
        return new Group(heading, List.of(settings));
    }

    /** All that the job reads, in the order of the groups. */
    List<Setting<?>> settings() {
        return groups.stream().<Setting<?>>flatMap(group -> group.settings().stream()).toList();
    }

    /** As a user would write it; null if it must be given. */
    String fallback(Setting<?> setting) {
        return defaults.getOrDefault(setting, setting.fallback());
    }

    /** What a setting is in this job. */
    String doc(Setting<?> setting) {
        return docs.getOrDefault(setting, setting.doc());
    }

    static Stream<String> names() {
        return ALL.stream().map(Job::name);
    }

    /** Alternating settings and their values, or docs. */
    static Map<Setting<?>, String> table(Object... pairs) {
        Map<Setting<?>, String> table = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) table.put((Setting<?>) pairs[i], pairs[i + 1].toString());
        return table;
    }
}
