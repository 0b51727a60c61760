package org.rondo.driver.corpus;

import java.util.List;
import java.util.function.Consumer;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** What a training reads: what to learn from, what is held out (null for none), and the lexicon, which is counted over the
 *  data to learn from; that of a text over the whole input, a held out fraction of it included.
 *  @param vectors by id, what a word's vector starts from; null for words that have none there, or for none at all */
public record Corpus(Lexicon lexicon, float[][] vectors, Data training, Data validation) implements AutoCloseable {
    /** Tokens in which there is one to predict, from the one before it. */
    private static final int LEAST_TOKENS = 2;
    private static final List<Setting<?>> OF_WORDS = List.of(Setting.EMBEDDING, Setting.CHARACTER_HIDDEN, Setting.CHARACTER_EMBEDDING, Setting.WORD_FORM, Setting.UNKNOWN_RATE,
            Setting.MIN_COUNT, Setting.MAX_VOCABULARY);

    /** @param notes hears what was chosen, and what was left out
     *  @throws BadInput if there is nothing to learn from, or nothing in what is to be held out */
    public static Corpus read(JavaSparkContext sc, Settings settings, Consumer<String> notes) {
        return read(sc, settings, null, notes);
    }

    /** The same, to go on from a model.
     *  @param known its lexicon, which grows by what is new in the data; null for none */
    public static Corpus read(JavaSparkContext sc, Settings settings, Lexicon known, Consumer<String> notes) {
        fraction(settings.get(Setting.VALIDATION));      // is wrong before anything is read
        String input = settings.get(Setting.INPUT), history = settings.get(Setting.HISTORY);
        double share = settings.get(Setting.HISTORY_SHARE);
        long seed = settings.get(Setting.SEED);
        if (Task.of(settings) == Task.LANGUAGE_MODEL) {
            try (Text text = Text.open(sc, input, settings, notes); Text older = history.isEmpty() ? null : Text.open(sc, history, settings, notes)) {
                return of(sc, older == null ? text : text.with(older, share, seed), settings, known, notes);
            }
        }
        Examples.Target target = target(settings, known);
        Examples examples = Examples.read(sc, input, target, known == null ? null : known.scheme(), settings, notes), older = null;
        if (!history.isEmpty()) try {
            older = Examples.read(sc, history, target, examples.scheme(), settings, notes);
            examples = examples.with(older, share, seed);
        } catch (RuntimeException e) {
            examples.close();
            if (older != null) older.close();
            throw e;
        }
        return of(sc, examples, settings, known, notes);
    }

    /** Of all that is read, to learn from or to measure with. */
    private static Examples.Target target(Settings settings, Lexicon known) {
        return known != null && known.values() > 1 ? Examples.Target.VALUES : Task.of(settings).target(settings);
    }

    /** The same of a table that is already a Dataset, as {@code name} in messages: of labelled sequences, or of the lines of a text ({@link Text#of}). */
    public static Corpus of(Dataset<Row> table, String name, Settings settings, Lexicon known, Consumer<String> notes) {
        fraction(settings.get(Setting.VALIDATION));
        JavaSparkContext sc = new JavaSparkContext(table.sparkSession().sparkContext());
        return Task.of(settings) == Task.LANGUAGE_MODEL ? of(sc, Text.of(table, settings.get(Setting.TEXT_COLUMN), name), settings, known, notes)
                : of(sc, Examples.read(table, name, target(settings, known), settings, notes), settings, known, notes);
    }

    private static Corpus of(JavaSparkContext sc, Text text, Settings settings, Lexicon known, Consumer<String> notes) {
        String validation = settings.get(Setting.VALIDATION);
        double fraction = fraction(validation);
        Lexicon counted = Lexicon.of(Vocabulary.count(text, settings));
        Pretrained pretrained = known == null ? Pretrained.read(counted.words(), false, settings, sc.hadoopConfiguration(), notes) : new Pretrained(grown(known, counted, settings, notes).words(), null);
        Vocabulary vocabulary = pretrained.words();
        Tokens all = Tokens.encode(text, vocabulary), heldOut = null;
        try {
            long training = training(all.count(), fraction, LEAST_TOKENS, "tokens", text.path(), validation);
            if (Double.isNaN(fraction)) heldOut = Tokens.read(sc, validation, vocabulary, settings, notes);
            else if (fraction > 0) heldOut = all.slice(training, all.count());
            if (heldOut != null && heldOut.count() < LEAST_TOKENS) throw new BadInput("validation " + validation + " has " + heldOut.count()
                    + " tokens, expected at least " + LEAST_TOKENS + "; give more text, or set --validation to a fraction of the input, or to 0 for none");
            return new Corpus(Lexicon.of(vocabulary), pretrained.rows(), all.slice(0, training), heldOut);
        } catch (RuntimeException e) {
            all.close();
            if (heldOut != null) heldOut.close();
            throw e;
        }
    }

    private static Corpus of(JavaSparkContext sc, Examples all, Settings settings, Lexicon known, Consumer<String> notes) {
        String validation = settings.get(Setting.VALIDATION);
        double fraction = fraction(validation);
        Examples heldOut = null;
        try {
            long training = training(all.count(), fraction, 1, "sequences", all.name(), validation);
            if (Double.isNaN(fraction)) heldOut = Examples.read(sc, validation, target(settings, known), all.scheme(), settings, notes);
            else if (fraction > 0) heldOut = all.slice(training, all.count());
            Examples learnt = all.slice(0, training);
            useless(learnt, settings, notes);
            if (known != null) learnt.check(known);
            Lexicon counted = Lexicon.count(learnt, settings);
            if (known != null) return new Corpus(grown(known, counted, settings, notes), null, learnt, heldOut);
            Pretrained pretrained = Pretrained.read(counted.words(), true, settings, sc.hadoopConfiguration(), notes);
            return new Corpus(counted.with(pretrained.words()), pretrained.rows(), learnt, heldOut);
        } catch (RuntimeException e) {
            all.close();
            if (heldOut != null) heldOut.close();
            throw e;
        }
    }

    private static Lexicon grown(Lexicon known, Lexicon counted, Settings settings, Consumer<String> notes) {
        // of vectors that stay as they are a new word would have none
        Lexicon grown = known.grow(counted, settings.get(Setting.FROZEN_VECTORS) ? 0 : settings.get(Setting.MAX_VOCABULARY));
        notes.accept("new to the model: " + (known.words() == null ? "" : Example.counted(grown.words().size() - known.words().size(), "token"))
                + (grown.labels().equals(known.labels()) ? "" : " and labels " + grown.labels().subList(known.labels().size(), grown.labels().size())));
        return grown;
    }

    /** Says which of the given settings such data make useless. */
    private static void useless(Examples examples, Settings settings, Consumer<String> notes) {
        if (examples.width() > 0) for (Setting<?> setting : OF_WORDS)
            if (settings.has(setting)) notes.accept(setting.key() + " is given, but has no effect: features are read, and no words");
        if (examples.scheme() == TagScheme.NONE && settings.has(Setting.LEARNT_SCHEME))
            notes.accept(Setting.LEARNT_SCHEME.key() + " is given, but has no effect: the tags are plain classes");
    }

    /** How many of so many tokens or sequences are to learn from.
     *  @param fraction of them to hold out; NaN: none of these */
    private static long training(long count, double fraction, int least, String what, String where, String validation) {
        long training = count - (Double.isNaN(fraction) ? 0 : Math.round(count * fraction));
        if (training < least) throw new BadInput(where + " has " + count + " " + what + ", of which validation " + validation + " leaves " + training
                + " to learn from, expected at least " + least + "; give more text, or a smaller --validation");
        if (fraction > 0 && count - training < least) throw new BadInput("validation " + validation + " of the " + count + " " + what + " of "
                + where + " is " + (count - training) + ", expected at least " + least + "; set --validation to a larger fraction, or to 0 for none");
        return training;
    }

    /** NaN where the text is not a number, and so is a path. */
    private static double fraction(String validation) {
        double fraction;
        try {
            fraction = Double.parseDouble(validation);
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
        if (!(fraction >= 0 && fraction < 1))
            throw new BadInput("validation is " + validation + ", expected a fraction from 0 to less than 1, or a path; set " + Setting.VALIDATION.option());
        return fraction;
    }

    @Override public void close() {
        training.close();
        if (validation != null) validation.close();
    }
}
