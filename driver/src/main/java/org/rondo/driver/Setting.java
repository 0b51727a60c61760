package org.rondo.driver;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;

/** One setting: the Spark key {@code spark.rondo.<key>} and the option {@code --<key>}, with its type, its default and what
 *  it means. This class is the only place where a setting is defined; {@link #ALL} is the table.
 *
 *  @param fallback the default, as a user would write it; null where the setting must be given
 *  @param expected what a value must be, for messages: "an integer from 1 to 65536" */
public record Setting<T>(String key, String fallback, String expected, String doc, Function<String, T> parse) {
    private static final String TRUE_OR_FALSE = "true or false";
    /** What a whole number is for {@code auto}, where 0 means something. */
    public static final int UNSET = -1;
    private static final List<Setting<?>> TABLE = new ArrayList<>();
    /** Every setting, in the order in which people meet them. */
    public static final List<Setting<?>> ALL = Collections.unmodifiableList(TABLE);

    public static final Setting<String> INPUT = text("input", null, "text, or with another task labelled sequences, to read in any format: a file, a folder or a glob on any Hadoop file system, gzip or not; with format=table a table's name");
    public static final Setting<String> OUTPUT = text("output", null, "directory to write to: the model, the scored rows, or the table, picture and page of gradient-flow");
    public static final Setting<String> VALIDATION = text("validation", "0.1", "what to validate on after every epoch, read as the input is, or a fraction: this last part of the input is held out; 0 for none");
    public static final Setting<String> MODEL = text("model", null, "directory of a trained model, or of a registry's entry, whose current version is taken");
    public static final Setting<String> REGISTRY = text("registry", null, "directory of models that live on, on any Hadoop file system: an entry for each, with its versions");
    public static final Setting<String> NAME = text("name", "", "name of a model in the registry: up to 100 letters, digits and - _ . ; may be left out where there is only one");
    public static final Setting<Integer> VERSION = integer("version", 0, 0, 999_999_999, "number of a version, as models lists them; 0: none is named");
    public static final Setting<Integer> KEEP = integer("keep", 10, 1, 1_000_000, "the newest finished versions, which prune leaves, as it does all that is newer than these");
    public static final Setting<String> TASK = choice("task", "language-model", "what is learnt; language-model: every token from those before it; tagging: a label for every token; classification: one for a sequence; regression: one number for a sequence, or several", "language-model", "tagging", "classification", "regression");

    public static final Setting<String> WARM_START = text("warmStart", "", "directory of a trained model to go on from: its network and vocabulary, with what is new in the data; without it, random numbers");
    public static final Setting<String> HISTORY = text("history", "", "older data that are mixed into what is learnt from, read as the input is; none without it");
    public static final Setting<String> NEW_DATA = text("newData", null, "what is new since the last time, read as the input of a training is; a date in it, as {yyyy-MM-dd} or {yyyy/MM/dd}, is filled in");
    public static final Setting<String> HOLDOUT = text("holdout", null, "data that no version learns from, on which all are compared; a date in it is filled in");
    public static final Setting<String> DATE = text("date", "yesterday", "of the night, for paths with a date: today, yesterday or as 2026-11-28, in UTC");
    public static final Setting<Integer> DAYS = integer("days", 1, 1, 10_000, "newest days that paths with a date stand for, the last of them date");
    public static final Setting<Integer> HISTORY_DAYS = integer("historyDays", 30, 1, 10_000, "days before those that a history with a date stands for");
    public static final Setting<Double> MARGIN = decimal("margin", "0", 0, 1e9, "by how much metric must be better, in its own unit (of a share 0.01 is a point), for a version to be promoted; never as good or worse");
    public static final Setting<String> GUARDS = text("guards", "", "by how much other figures may at most be worse for a version to be promoted: metric:most with commas between, as accuracy:0.002,loss:0.01");
    public static final Setting<Integer> LEAST_TOKENS = integer("leastTokens", 1000, 1, Integer.MAX_VALUE, "tokens or steps of the new data below which nothing is retrained");
    public static final Setting<String> UNKNOWN_LIMITS = text("unknownLimits", "0.2,0.5", "share of the new data's tokens that the champion does not know: past the first there is a warning, past the second nothing is retrained");
    public static final Setting<String> LABEL_LIMITS = text("labelLimits", "0.1,0.5", "half the sum of the differences between the labels' shares in the new data and in the champion's: a warning, and a stop");
    public static final Setting<String> LENGTH_LIMITS = text("lengthLimits", "1.5,5", "how many times longer or shorter the new data's sequences or lines are than the champion's: a warning, and a stop");
    public static final Setting<Integer> LEASE_MINUTES = integer("leaseMinutes", 10, 1, 10_000, "after which others may go on where a retraining was killed; one that lives renews its right all the time");
    public static final Setting<Double> HISTORY_SHARE = decimal("historyShare", "0.5", 0.001, 0.999, "what history is to be of all that is learnt from: lines of a text by their characters, or sequences, drawn by the seed; all of it where it is less");

    public static final Setting<String> FORMAT = text("format", "auto", "text, conll, conllu, json (an object a line), csv, tsv, parquet, table (of the catalog, by name), or another name that Spark's DataFrameReader.format takes; auto: by the files' names, and for a language model text where they do not say");
    public static final Setting<String> BAD_LINES = choice("badLines", "fail", "what is done about a sequence, or a line, with something wrong in it; fail: nothing is learnt, the first is named; skip: it is left out, they are counted and the first are named", "fail", "skip");
    public static final Setting<String> COLUMNS_BY = choice("columnsBy", "blanks", "what is between the columns of conll: blanks and tabs, as many as there are, or one tab", "blanks", "tab");
    public static final Setting<String> COMMENT = text("comment", "", "conll: lines that start with this are left out");
    public static final Setting<Boolean> NO_HEADER = flag("noHeader", "csv and tsv: the first line is a record like the others, and columns are named by number, from 1, negative from the end");
    public static final Setting<String> TOKENS_COLUMN = text("tokensColumn", "auto", "column of the tokens; conll: by number, auto is 1; conllu: by name, auto is form; elsewhere an array, or for csv and tsv with blanks between, auto is tokens");
    public static final Setting<String> TEXT_COLUMN = text("textColumn", "text", "column of a text, to split into tokens at blanks; read where tokensColumn is neither set nor there, and by a language model, as lines, where tokensColumn is not set");
    public static final Setting<String> FEATURES_COLUMN = text("featuresColumn", "features", "column of the vectors of a numeric sequence, as many floats at every step; read where tokens and text are neither set nor there");
    public static final Setting<String> LABELS_COLUMN = text("labelsColumn", "auto", "column of the labels of the tokens; conll: by number, auto is -1, the last; conllu: by name, auto is upos; elsewhere an array, or for csv and tsv with blanks between, auto is labels");
    public static final Setting<String> LABEL_COLUMN = text("labelColumn", "label", "column of a sequence's label, a class or a number; text: number of the token that is it, from 1, negative from the end");
    public static final Setting<String> VALUES_COLUMN = text("valuesColumn", "values", "column of the numbers of a sequence, where there are several: regression reads it instead of labelColumn where it is set");
    public static final Setting<String> TAG_SCHEME = choice("tagScheme", "auto", "how the tags of the data say where entities are; auto: recognised, and said; none: they are plain classes", "auto", "iob1", "iob2", "iobes", "io", "none");
    public static final Setting<String> LEARNT_SCHEME = choice("learntScheme", "iobes", "scheme that tags of entities are converted to, to be learnt and predicted; data: as the data has them", "iobes", "iob1", "iob2", "io", "data");

    public static final Setting<String> UNIT = choice("unit", "character", "what a token is: a character, or a word between blanks (a line ends with <eos>)", "character", "word");
    public static final Setting<Integer> MIN_COUNT = integer("minCount", 1, 1, Integer.MAX_VALUE, "tokens seen less often become <unk>");
    public static final Setting<Integer> MAX_VOCABULARY = integer("maxVocabulary", 50_000, 2, 10_000_000, "at most this many tokens, the most frequent; the rest become <unk>");
    public static final Setting<String> WORD_FORM = choice("wordForm", "normal", "what a labelled sequence's tokens are in the vocabulary; normal: in lower case, and every digit a 0; exact: as they stand, and unknown ones in their normal form", "normal", "exact");
    public static final Setting<Double> UNKNOWN_RATE = decimal("unknownRate", "0.5", 0, 1, "share of the words seen once that training reads as <unk>, so that it is learnt (labelled sequences)");

    public static final Setting<String> CELL = choice("cell", "lstm", "what a layer is made of: an LSTM, an LSTM with peepholes, or the vanilla RNN with tanh or relu", "lstm", "peephole", "rnn", "relu");
    public static final Setting<String> CANDIDATE_ACTIVATION = choice("candidateActivation", "tanh", "nonlinearity of an LSTM's candidate gate", "tanh", "sigmoid");
    public static final Setting<Double> FORGET_BIAS = decimal("forgetBias", "0", -100, 100, "added to the initial bias of an LSTM's forget gates; 1 lets it remember from the start");
    public static final Setting<Double> INITIAL_RANGE = decimal("initialRange", "0", 0, 10, "embedding and softmax weights start uniform within this of zero, the softmax's bias at zero; 0: as nn.Embedding's and nn.Linear's in PyTorch, standard normal and within 1/sqrt of the width");
    public static final Setting<Integer> HIDDEN = integer("hidden", 256, 1, 65_536, "units of every layer");
    public static final Setting<Integer> LAYERS = integer("layers", 2, 1, 64, "recurrent layers, each reading the one below");
    public static final Setting<Integer> EMBEDDING = integer("embedding", 64, 1, 65_536, "width of a token's vector");
    public static final Setting<String> VECTORS = text("vectors", "", "pretrained vectors that words start from, of embedding numbers each: a text file of GloVe, word2vec or fastText, gzip or not; its most frequent words join the vocabulary of labelled sequences, up to maxVocabulary");
    public static final Setting<Boolean> FROZEN_VECTORS = flag("frozenVectors", "vectors are not trained on; words that the file does not have are <unk>");
    public static final Setting<Integer> CHARACTER_HIDDEN = new Setting<>("characterHidden", "auto", "auto, or an integer from 0 to 65536",
            "units of each direction of a layer that reads every word's characters; 0: none; auto: 25 for tagging, else 0", s -> s.strip().equals("auto") ? UNSET : integer(s, 0, 65_536)).listed();
    public static final Setting<Integer> CHARACTER_EMBEDDING = integer("characterEmbedding", 25, 1, 65_536, "width of a character's vector, where words' characters are read");
    public static final Setting<String> DIRECTIONS = choice("directions", "auto", "in which the layers read; both: each layer forward and backward, side by side; auto: both, but forward for a language model", "auto", "forward", "both");
    public static final Setting<String> HEAD = choice("head", "auto", "what tags are made by (task=tagging); crf: a linear-chain CRF over all of a sentence's; softmax: each by itself; auto: crf", "auto", "crf", "softmax");
    public static final Setting<Boolean> TIED = flag("tied", "the softmax's weights are the embedding's; embedding must equal hidden");
    public static final Setting<Double> DROPOUT = decimal("dropout", "0", 0, 0.99, "share of activations dropped between layers (before every layer but the first, and before the softmax)");
    public static final Setting<Double> INPUT_DROPOUT = decimal("inputDropout", "0", 0, 0.99, "share of activations dropped before the first layer");
    public static final Setting<String> DROPOUT_MASK = choice("dropoutMask", "step", "how often dropout draws: a new mask at every step, or one for all steps of a window (variational)", "step", "window");

    public static final Setting<Integer> BATCH = integer("batch", 32, 1, 65_536, "streams that a replica reads in parallel (task=language-model)");
    public static final Setting<Integer> BATCH_TOKENS = integer("batchTokens", 640, 1, 1 << 24, "steps of a batch of sequences of similar length, padding among them (labelled sequences)");
    public static final Setting<Integer> SEQ_LEN = integer("seqLen", 100, 1, 65_536, "steps of a window: where back-propagation through time is cut off (task=language-model; other sequences are read whole)");
    public static final Setting<Integer> SHARDS = integer("shards", 1, 1, 65_536, "parts of the data, each trained by a replica of its own; the model depends on it, and not on executors");
    public static final Setting<String> AVERAGING = choice("averaging", "gradients", "gradients: one exact step on the mean gradient every window; parameters: windowsPerRound local windows, then the mean of the replicas", "gradients", "parameters");
    /** What {@link #GRADIENTS_UNTIL} is for {@code decay}. */
    public static final int UNTIL_DECAY = -1;
    public static final Setting<Integer> GRADIENTS_UNTIL = new Setting<>("gradientsUntil", "0", "decay, or an integer from 0 to 1000000",
            "a first phase of averaging=parameters in which gradients are averaged: so many epochs, or decay: until the learning rate first decays; 0 for none",
            s -> s.strip().equals("decay") ? UNTIL_DECAY : integer(s, 0, 1_000_000)).listed();
    /** What {@link #WINDOWS_PER_ROUND} is for {@code auto}. */
    public static final int AUTO = 0;
    public static final Setting<Integer> WINDOWS_PER_ROUND = new Setting<>("windowsPerRound", "10", "auto, or an integer from 1 to 1000000",
            "windows between two averagings (averaging=parameters; otherwise 1); auto: as few as keep averaging below a twentieth of the time, measured when a training starts and kept when it is resumed",
            s -> s.strip().equals("auto") ? AUTO : integer(s, 1, 1_000_000)).listed();
    public static final Setting<String> OUTER_OPTIMIZER = choice("outerOptimizer", "auto", "from the mean of the replicas to the next model (averaging=parameters); mean: it is the mean; bmuf: block momentum 1 - 1/shards; diloco: momentum 0.9, learning rate 0.7, both Nesterov's; auto: bmuf for more than one shard", "auto", "mean", "bmuf", "diloco");
    public static final Setting<Double> OUTER_MOMENTUM = autoOrDecimal("outerMomentum", 0, 0.9999, "of the outer optimiser; auto: its own");
    public static final Setting<Double> OUTER_LEARNING_RATE = autoOrDecimal("outerLearningRate", 1e-6, 100, "what the outer optimiser multiplies the mean step by; auto: its own");
    public static final Setting<String> INNER_STATE = choice("innerState", "average", "the replicas' momentum or Adam's moments, between two rounds (averaging=parameters); average: their mean; keep: each replica's own; reset: zero at the start of every round", "average", "keep", "reset");
    public static final Setting<String> METRIC = choice("metric", "auto", "figure of what is held out by which the best epoch's model is kept; auto: f1 of entities, accuracy of other labels, loss of numbers, and for a language model none (the last is kept), unless stopAfter is set: then its loss", "auto", "none", "loss", "perplexity", "accuracy", "precision", "recall", "f1", "macroF1");
    public static final Setting<Integer> STOP_AFTER = integer("stopAfter", 0, 0, 1_000_000, "epochs without a better metric after which training ends; 0: never");
    public static final Setting<Integer> EPOCHS = integer("epochs", 10, 1, 1_000_000, "passes over the data");

    public static final Setting<String> OPTIMIZER = choice("optimizer", "adam", "sgd; adam (0.9, 0.999, 1e-8); adamw: adam with decoupled weightDecay", "sgd", "adam", "adamw");
    public static final Setting<Double> MOMENTUM = decimal("momentum", "0", 0, 0.9999, "of sgd; 0 for none");
    public static final Setting<Boolean> NESTEROV = flag("nesterov", "momentum is Nesterov's");
    public static final Setting<Double> WEIGHT_DECAY = decimal("weightDecay", "0", 0, 1, "of adamw: the share of a weight, times the learning rate, taken off at every step");
    public static final Setting<Double> LEARNING_RATE = decimal("learningRate", "0.002", 1e-12, 1e30, "step size at the start");
    public static final Setting<String> DECAY = choice("decay", "none", "how the learning rate falls; epoch: by decayFactor every decayEvery epochs, first after decayAfter; plateau: by decayFactor when validation has not improved for more than decayAfter epochs; cosine: to 0 with the epochs, along a cosine", "none", "epoch", "plateau", "cosine");
    public static final Setting<Integer> WARM_UP = integer("warmUp", 0, 0, 1_000_000_000, "rounds in which the learning rate rises linearly to what decay makes of it");
    public static final Setting<Double> DECAY_FACTOR = decimal("decayFactor", "0.5", 1e-6, 1, "what the learning rate is multiplied by");
    public static final Setting<Integer> DECAY_AFTER = integer("decayAfter", 0, 0, 1_000_000, "epochs before the first decay (decay=epoch), or without improvement that are let pass (decay=plateau)");
    public static final Setting<Integer> DECAY_EVERY = integer("decayEvery", 1, 1, 1_000_000, "epochs between decays (decay=epoch)");
    public static final Setting<Double> CLIP_NORM = decimal("clipNorm", "1", 0, 1e9, "largest global norm of the gradient, 0 for no limit");
    public static final Setting<Double> EMA_DECAY = decimal("emaDecay", "0", 0, 0.9999, "of an exponential moving average of the weights, taken after every round: what is validated and saved, while training goes on from the weights themselves; 0 for none");
    public static final Setting<Long> SEED = new Setting<>("seed", "1", "an integer", "of everything random", s -> Long.valueOf(s.strip())).listed();
    public static final Setting<String> KERNEL = choice("kernel", "auto", "native, or an error; auto: native, or reference with a warning; an instruction set by name", "auto", "native", "avx512", "avx2", "portable", "reference");

    public static final Setting<Integer> ROUND_DEADLINE = integer("roundDeadline", 3600, 0, 1_000_000_000, "seconds after which a round that has not ended is an error, which names the shards and executors that are missing; 0: none");
    public static final Setting<Integer> CHECKPOINT_EVERY = integer("checkpointEvery", 0, 0, Integer.MAX_VALUE, "rounds between checkpoints, besides one after every epoch; 0: only those");
    public static final Setting<Integer> KEEP_CHECKPOINTS = integer("keepCheckpoints", 3, 1, 1000, "checkpoints kept in output/checkpoints while training");
    public static final Setting<String> OUTPUT_FORMAT = choice("outputFormat", "parquet", "of what score writes: parquet, or json, an object a line", "parquet", "json");
    public static final Setting<Boolean> OVERWRITE = flag("overwrite", "replace what is in the output directory");

    public static final Setting<String> VOCABULARY = text("vocabulary", "", "import: file with a token a line, the line's number from 0 is its id; <unk> must be among them, with unit=word <eos> too; none: the model reads features");
    public static final Setting<String> CHARACTERS = text("characters", "", "import: file with a character a line, of a model that reads words' characters");
    public static final Setting<String> LABELS = text("labels", "", "import: file with a label a line, in the order of the model's outputs (task=tagging or classification)");

    public static final Setting<String> PROMPT = text("prompt", "", "text to go on from");
    public static final Setting<Integer> LENGTH = integer("length", 500, 1, 10_000_000, "tokens to generate");
    public static final Setting<Double> TEMPERATURE = decimal("temperature", "0.8", 0, 100, "below 1 more certain, above 1 more varied; 0 always takes the likeliest token");

    public static final Setting<String> SUMMARY = text("summary", "", "file to write, at the end, what the job did, as JSON; where it has an output directory that is by default summary.json in it (score: _summary.json), else none");
    public static final Setting<Boolean> DEBUG = flag("debug", "print the stack trace of bad input too");

    private static Setting<String> text(String key, String fallback, String doc) {
        return new Setting<>(key, fallback, "a text", doc, s -> s).listed();
    }

    private static Setting<String> choice(String key, String fallback, String doc, String... choices) {
        return new Setting<>(key, fallback, "one of " + String.join(", ", choices), doc, s -> {
            if (!List.of(choices).contains(s.strip())) throw new IllegalArgumentException(s);
            return s.strip();
        }).listed();
    }

    private static Setting<Integer> integer(String key, int fallback, int least, int most, String doc) {
        return new Setting<>(key, "" + fallback, "an integer from " + least + " to " + most, doc, s -> integer(s, least, most)).listed();
    }

    private static int integer(String text, int least, int most) {
        int value = Integer.parseInt(text.strip());
        if (value < least || value > most) throw new IllegalArgumentException(text);
        return value;
    }

    private static Setting<Double> decimal(String key, String fallback, double least, double most, String doc) {
        return new Setting<>(key, fallback, "a number from " + least + " to " + most, doc, s -> decimal(s, least, most)).listed();
    }

    /** NaN stands for auto, the default. */
    private static Setting<Double> autoOrDecimal(String key, double least, double most, String doc) {
        return new Setting<>(key, "auto", "auto, or a number from " + least + " to " + most, doc,
                s -> s.strip().equals("auto") ? Double.NaN : decimal(s, least, most)).listed();
    }

    private static double decimal(String text, double least, double most) {
        double value = Double.parseDouble(text.strip());
        if (!(value >= least && value <= most)) throw new IllegalArgumentException(text);
        return value;
    }

    private static Setting<Boolean> flag(String key, String doc) {
        return new Setting<>(key, "false", TRUE_OR_FALSE, doc, s -> {
            if (!s.strip().equals("true") && !s.strip().equals("false")) throw new IllegalArgumentException(s);
            return s.strip().equals("true");
        }).listed();
    }

    private Setting<T> listed() {
        TABLE.add(this);
        return this;
    }

    /** The key in Spark's configuration. */
    public String sparkKey() {
        return "spark.rondo." + key;
    }

    /** What to set, for messages. */
    public String option() {
        return "--" + key + " (" + sparkKey() + ")";
    }

    /** Whether it may be a word, as auto, where otherwise it is a number. */
    public boolean isNumberOrWord() {
        return expected.contains(", or a");
    }

    /** Whether {@code --key} alone means true. */
    public boolean isFlag() {
        return expected.equals(TRUE_OR_FALSE);
    }

    /** @throws BadInput if the text is not what is {@link #expected} */
    public T read(String text) {
        try {
            return parse.apply(text);
        } catch (IllegalArgumentException e) {
            throw new BadInput(key + " is '" + text + "', expected " + expected + "; set " + option(), e);
        }
    }
}
