package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.scoring.ScoredCorpus;

import static org.rondo.driver.Setting.*;

/** A job: its name (of a subcommand, the words of the line), where its {@link Summary} goes, what it does, and the settings it reads, in the groups of its {@code --help}.
 *  @param summaryIn path of the summary, of the output directory; null where there is none
 *  @param defaults where they differ from the table's
 *  @param docs     what a setting is in this job, where that differs from the table's */
record Job(String name, UnaryOperator<String> summaryIn, String doc, List<Group> groups, Map<Setting<?>, String> defaults, Map<Setting<?>, String> docs, Work work) {

    record Group(String heading, List<Setting<?>> settings) { }

    /** What a job does: settings to one class of the driver. */
    interface Work {
        /** @return figures for the summary */
        ObjectNode run(Settings settings, SparkConf conf, Console console) throws Exception;
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
            RUN = group("Run", SEED, KERNEL, SUMMARY, DEBUG);

    private static final List<Group> TRAINING =
            List.of(group("Data", INPUT, OUTPUT, OVERWRITE, VALIDATION, TASK, WARM_START, HISTORY, HISTORY_SHARE), EXAMPLES, LABELS, VOCABULARY, NETWORK, DISTRIBUTION, OUTER, STEPS, CHECKPOINTS, RUN);

    /** Where outputs are on this machine, whatever Hadoop's file system is. */
    private static final UnaryOperator<String> LOCAL = output -> Quickstart.hadoop(Path.of(output).resolve(Summary.NAME));

    static final List<Job> ALL = List.of(
            new Job("train", output -> output + "/" + Summary.NAME, "Trains a model of a text, or of labelled sequences. Run again after an interruption, it resumes from its last checkpoint.",
                    TRAINING,
                    Map.of(), Train::run),
            new Job("evaluate", null, "Prints how well a model predicts a text, its perplexity and bits per character, or labels, their precision, recall and F1; as a table, and as JSON.",
                    List.of(group("Data", MODEL, INPUT), EXAMPLES, group("Distribution", SHARDS, BATCH, SEQ_LEN, BATCH_TOKENS), group("Run", KERNEL, SUMMARY, DEBUG)),
                    Map.of(), Evaluate::run),
            new Job("score", output -> output + "/" + ScoredCorpus.SUMMARY, "Writes a corpus of any size with what a model says of every row: tags and entities, labels with their probabilities, numbers, or the log-probability of every token.",
                    List.of(group("Data", MODEL, INPUT, OUTPUT, OUTPUT_FORMAT, OVERWRITE),
                            group("Rows", FORMAT, COLUMNS_BY, COMMENT, NO_HEADER, TOKENS_COLUMN, TEXT_COLUMN, FEATURES_COLUMN, LABELS_COLUMN), group("Run", BATCH_TOKENS, KERNEL, SUMMARY, DEBUG)),
                    Map.of(), ScoreCorpus::run),
            new Job("generate", null, "Prints a text that a model makes up.",
                    List.of(group("Data", MODEL), SAMPLING, RUN), Map.of(), Generate::run),
            new Job("export", output -> output + "/" + Summary.NAME, "Writes a model for other programs: a state dict of PyTorch's, or a graph of ONNX; beside it tokens, labels and architecture.",
                    List.of(group("Data", MODEL, OUTPUT, FORMAT, OVERWRITE), group("Run", SUMMARY, DEBUG)), Map.of(), Formats.EXPORT_DOCS, Formats::export),
            new Job("import", output -> output + "/" + Summary.NAME, "Makes a model of a state dict of PyTorch's: nn.Embedding, nn.LSTM or nn.RNN, and nn.Linear, whatever their names.",
                    List.of(group("Data", INPUT, OUTPUT, FORMAT, OVERWRITE, TASK), group("What the tensors do not say", Setting.VOCABULARY, UNIT, CHARACTERS, Setting.LABELS, TAG_SCHEME, WORD_FORM, CELL),
                            group("Run", SUMMARY, DEBUG)),
                    Formats.IMPORT_DEFAULTS, Formats.IMPORT_DOCS, Formats::read),
            new Job("plan", null, "Prints what train, with the same options, would do and need, without training: shards, windows, memory, traffic, and whether a cluster would be faster.",
                    TRAINING, table(OUTPUT, ""), ShowPlan::run),
            new Job("quickstart", LOCAL, "Trains a model of WordNet's definitions, letter by letter, in three to six minutes.",
                    List.of(group("Data", OUTPUT, OVERWRITE, VALIDATION), group("Vocabulary", MIN_COUNT, MAX_VOCABULARY), NETWORK, DISTRIBUTION, OUTER, STEPS, CHECKPOINTS,
                            group("Sampling", TEMPERATURE), RUN),
                    Quickstart.DEFAULTS, Quickstart::run),
            new Job("gradient-flow", LOCAL, "Shows where gradients vanish, explode or stay, k steps back in time: of given models (one, or several with commas between), or of "
                    + "vanilla RNNs and LSTMs before and after a short training.",
                    List.of(group("Data", MODEL, INPUT, OUTPUT, OVERWRITE), group("Vocabulary", UNIT, MIN_COUNT, MAX_VOCABULARY), group("Network", LAYERS, HIDDEN, EMBEDDING),
                            group("Training", BATCH, SEQ_LEN, EPOCHS, LEARNING_RATE), RUN),
                    ShowGradientFlow.DEFAULTS, ShowGradientFlow.DOCS, ShowGradientFlow::run),
            new Job("retrain", null, "Trains the next version of a registry's model, from the current one and new data, and makes it current if it is better on data that none has learnt from. "
                    + "Run again for the same night it finds its own result.",
                    List.of(group("Registry", REGISTRY, NAME), group("Data", NEW_DATA, HOLDOUT, HISTORY, HISTORY_SHARE, DATE, DAYS, HISTORY_DAYS, VALIDATION, TASK),
                            group("Decision", METRIC, MARGIN, GUARDS), group("Drift", LEAST_TOKENS, UNKNOWN_LIMITS, LABEL_LIMITS, LENGTH_LIMITS), EXAMPLES, LABELS, VOCABULARY, NETWORK,
                            group("Distribution", DISTRIBUTION.settings.stream().filter(setting -> setting != METRIC).toArray(Setting<?>[]::new)), OUTER, STEPS,
                            CHECKPOINTS, group("Run", LEASE_MINUTES, SEED, KERNEL, SUMMARY, DEBUG)),
                    Retrain.DEFAULTS, Retrain.DOCS, Retrain::run),
            new Job("models", null, "Prints the versions of the models of a registry; as a table, and as JSON.",
                    List.of(group("Registry", REGISTRY, NAME), group("Run", DEBUG)), Map.of(), table(NAME, "name of a model in the registry; all, where it is left out"), Models::list),
            new Job("models promote", null, "Makes a version current, if it is whole.",
                    List.of(group("Registry", REGISTRY, NAME, VERSION), group("Run", DEBUG)), Map.of(), table(VERSION, "number of the version, as models lists them"), Models::promote),
            new Job("models rollback", null, "Makes current again what was current before the current version was promoted, or another version that was current once.",
                    List.of(group("Registry", REGISTRY, NAME, VERSION), group("Run", DEBUG)), Map.of(), table(VERSION, "number of the version to go back to; 0: the one that models calls previous"), Models::rollback),
            new Job("models prune", null, "Deletes old versions: never the current one, nor the previous one, nor unfinished ones of the last day.",
                    List.of(group("Registry", REGISTRY, NAME, KEEP), group("Run", DEBUG)), Map.of(), Models::prune),
            new Job("models add", null, "Copies a model in, as a version that is not current until it is promoted.",
                    List.of(group("Registry", REGISTRY, NAME, MODEL), group("Run", DEBUG)), table(NAME, ""),
                    table(NAME, "name of a model in the registry, which need not be there yet: up to 100 letters, digits and - _ .", MODEL, "directory of the trained model"), Models::add));

    /** Settings are what the table says. */
    private Job(String name, UnaryOperator<String> summaryIn, String doc, List<Group> groups, Map<Setting<?>, String> defaults, Work work) {
        this(name, summaryIn, doc, groups, defaults, Map.of(), work);
    }

    private static Group group(String heading, Setting<?>... settings) {
        return new Group(heading, List.of(settings));
    }

    /** All that the job reads, in the order of the groups. */
    List<Setting<?>> settings() {
        return groups.stream().<Setting<?>>flatMap(group -> group.settings().stream()).toList();
    }

    /** Path of its summary, unless another is set; null for none. */
    String summary(Settings settings) {
        return summaryIn == null ? null : summaryIn.apply(settings.get(OUTPUT));
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
