package org.rondo.driver.ml;

import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Task;
import scala.Function1;

import static org.rondo.driver.Setting.*;

/** Settings as the params of a stage: a {@link Setting}'s key, doc, default and range are the param's. Which stage has which stands here.
 *  What is a number in the table is one here, but where it may be a word instead it is a text: {@code "auto"}, or {@code "25"}. */
final class SettingParams implements Serializable {
    private static final long serialVersionUID = 1;
    private static final List<Setting<?>>
            TRAINING = List.of(VALIDATION, MIN_COUNT, MAX_VOCABULARY, VECTORS, FROZEN_VECTORS, CELL, CANDIDATE_ACTIVATION, FORGET_BIAS, INITIAL_RANGE, LAYERS, HIDDEN, EMBEDDING, TIED, DROPOUT,
                    INPUT_DROPOUT, DROPOUT_MASK, SHARDS, AVERAGING, GRADIENTS_UNTIL, WINDOWS_PER_ROUND, EPOCHS, METRIC, STOP_AFTER, ROUND_DEADLINE, OUTER_OPTIMIZER,
                    OUTER_MOMENTUM, OUTER_LEARNING_RATE, INNER_STATE, OPTIMIZER, MOMENTUM, NESTEROV, WEIGHT_DECAY, LEARNING_RATE, WARM_UP, DECAY, DECAY_FACTOR, DECAY_AFTER,
                    DECAY_EVERY, CLIP_NORM, EMA_DECAY, OUTPUT, OVERWRITE, CHECKPOINT_EVERY, KEEP_CHECKPOINTS, SEED),
            SEQUENCES = List.of(BAD_LINES, DIRECTIONS, CHARACTER_HIDDEN, CHARACTER_EMBEDDING, WORD_FORM, UNKNOWN_RATE),
            COLUMNS = List.of(TOKENS_COLUMN, TEXT_COLUMN, FEATURES_COLUMN), SCORING = List.of(BATCH_TOKENS, KERNEL);
    private static final Map<Setting<?>, String> DOCS = Map.of(
            OUTPUT, "directory for checkpoints, from which an interrupted fit goes on, and for the model; not set: nothing is written",
            TOKENS_COLUMN, "column of the tokens, an array of strings; auto is tokens",
            LABELS_COLUMN, "column of the labels of the tokens, an array of strings; auto is labels",
            LABEL_COLUMN, "column of a sequence's label, a string or an integer",
            VALIDATION, "what to validate on after every epoch: a fraction of the rows is held out; or data to read, as the option --validation has them; 0 for none");

    /** As messages have it: alone, or as {@link Setting#option()} writes it. */
    private static final Pattern OPTION = Pattern.compile("--(\\w+)(?: \\(" + Pattern.quote(Settings.PREFIX) + "\\1\\))?");

    private final Param<?>[] all;

    private SettingParams(Params owner, Stream<Setting<?>> settings) {
        all = settings.map(setting -> param(owner.uid(), setting)).toArray(Param<?>[]::new);
    }

    /** Of an estimator. */
    static SettingParams ofTraining(Params owner, Task task) {
        List<Setting<?>> own = switch (task) {
            case TAGGING -> List.of(LABELS_COLUMN, TAG_SCHEME, LEARNT_SCHEME, HEAD);
            case CLASSIFICATION -> List.of(LABEL_COLUMN);
            case LANGUAGE_MODEL -> List.of(UNIT, BATCH, SEQ_LEN);
            case REGRESSION -> throw new IllegalArgumentException("no estimator of " + task);
        };
        return new SettingParams(owner, Stream.of(columns(task), own, task == Task.LANGUAGE_MODEL ? List.<Setting<?>>of() : SEQUENCES, TRAINING, SCORING).flatMap(List::stream));
    }

    /** Of a model. */
    static SettingParams ofScoring(Params owner, Task task) {
        return new SettingParams(owner, Stream.of(columns(task), SCORING).flatMap(List::stream));
    }

    static SettingParams ofEvaluation(Params owner) {
        return new SettingParams(owner, Stream.of(METRIC, LABELS_COLUMN, LABEL_COLUMN, TAG_SCHEME));
    }

    private static List<Setting<?>> columns(Task task) {
        return task == Task.LANGUAGE_MODEL ? List.of(TEXT_COLUMN) : COLUMNS;
    }

    private static Param<?> param(String uid, Setting<?> setting) {
        String name = setting.key(), doc = DOCS.getOrDefault(setting, setting.doc()) + "; " + setting.expected();
        Valid valid = new Valid(uid, name);
        Object value = setting.isNumberOrWord() || setting.fallback() == null ? "" : setting.read(setting.fallback());
        if (value instanceof Integer) return new IntParam(uid, name, doc, valid);
        if (value instanceof Long) return new LongParam(uid, name, doc, valid);
        if (value instanceof Double) return new DoubleParam(uid, name, doc, valid);
        if (value instanceof Boolean) return new BooleanParam(uid, name, doc);
        return new Param<String>(uid, name, doc, valid::apply, String.class);
    }

    /** The range of a setting, as Spark asks for it. */
    private record Valid(String uid, String name) implements Function1<Object, Object>, Serializable {
        @Override public Object apply(Object value) {
            read(uid, name, value);
            return true;
        }
    }

    /** @throws IllegalArgumentException if the value is not what the setting takes */
    private static Object read(String uid, String name, Object value) {
        Setting<?> setting = setting(name);
        try {
            Object read = setting.read(String.valueOf(value));
            return setting.isNumberOrWord() ? value.toString() : read;
        } catch (BadInput e) {
            throw new IllegalArgumentException(uid + ": " + name + " is '" + value + "', expected " + setting.expected(), e);
        }
    }

    private static Setting<?> setting(String name) {
        return ALL.stream().filter(s -> s.key().equals(name)).findFirst().orElseThrow();
    }

    /** As Spark ML has it, and in its words: where the jobs' message names an option, a param. What is no param of the stage stays. */
    IllegalArgumentException refusal(BadInput e) {
        return new IllegalArgumentException(inParams(e.getMessage()), e);
    }

    /** A message of the jobs', which names options. */
    String inParams(String message) {
        return OPTION.matcher(message).replaceAll(option -> Matcher.quoteReplacement(
                Stream.of(all).anyMatch(param -> param.name().equals(option.group(1))) ? "param " + option.group(1) : option.group()));
    }

    Param<?>[] all() {
        return all.clone();
    }

    /** @throws NoSuchElementException for a name that is none of these, naming the nearest */
    @SuppressWarnings("unchecked")
    Param<Object> get(Params owner, String name) {
        return (Param<Object>) Stream.of(all).filter(param -> param.name().equals(name)).findFirst().orElseThrow(() -> new NoSuchElementException(owner.uid() + " has no param "
                + name + "; " + Settings.nearest(name, Stream.of(all).map(Param::name).toList()).map(near -> "the nearest is " + near)
                .orElse("explainParams() lists those it has")));
    }

    /** Sets a param to what {@code value} says: a number, a word, or either as text. */
    void set(Params owner, String name, Object value) {
        Param<Object> param = get(owner, name);
        owner.set(param, read(owner.uid(), name, value));
    }

    /** The table's. */
    void setDefaults(Params owner) {
        for (Param<?> param : all) {
            String fallback = setting(param.name()).fallback();
            if (fallback != null) owner.setDefault(get(owner, param.name()), read(owner.uid(), param.name(), fallback));
        }
    }

    /** What is set, over the owner's defaults, for the task. */
    Settings settings(Params owner, Task task) {
        Map<String, String> given = new LinkedHashMap<>(Map.of(TASK.key(), task.key()));
        Map<Setting<?>, String> defaults = new LinkedHashMap<>();
        for (Param<?> param : all) {
            if (owner.isSet(param)) given.put(param.name(), owner.get(param).get().toString());
            else if (owner.isDefined(param)) defaults.put(setting(param.name()), owner.getOrDefault(param).toString());
        }
        return Settings.of(given).over(defaults);
    }
}
