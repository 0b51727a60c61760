package org.rondo.driver.corpus;

import java.util.function.Consumer;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** What a training reads: what to learn from, what is held out (null for none), and the lexicon, which is counted over the
 *  data to learn from; that of a text over the whole input, a held out fraction of it included.
 *  @param vectors by id, what a word's vector starts from; null for words that have none there, or for none at all */
public record Corpus(Lexicon lexicon, float[][] vectors, Data training, Data validation) implements AutoCloseable {
    /** Tokens in which there is one to predict, from the one before it. */
    private static final int LEAST_TOKENS = 2;

    /** @param notes hears what was chosen, and what was left out
     *  @throws BadInput if there is nothing to learn from, or nothing in what is to be held out */
    public static Corpus read(JavaSparkContext sc, Settings settings, Consumer<String> notes) {
        return Task.of(settings) == Task.LANGUAGE_MODEL ? ofText(sc, settings, notes) : ofExamples(sc, settings, notes);
    }

    private static Corpus ofText(JavaSparkContext sc, Settings settings, Consumer<String> notes) {
        String validation = settings.get(Setting.VALIDATION);
        double fraction = fraction(validation);
        Text text = Text.open(sc, settings.get(Setting.INPUT));
        Pretrained pretrained = Pretrained.read(Vocabulary.count(text, settings), false, settings, sc.hadoopConfiguration(), notes);
        Vocabulary vocabulary = pretrained.words();
        Tokens all = Tokens.encode(text, vocabulary), heldOut = null;
        try {
            long training = training(all.count(), fraction, LEAST_TOKENS, "tokens", text.path(), validation);
            if (Double.isNaN(fraction)) heldOut = Tokens.encode(Text.open(sc, validation), vocabulary);
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

    private static Corpus ofExamples(JavaSparkContext sc, Settings settings, Consumer<String> notes) {
        String validation = settings.get(Setting.VALIDATION), input = settings.get(Setting.INPUT);
        double fraction = fraction(validation);
        Examples.Target target = Task.of(settings).target(settings);
        Examples all = Examples.read(sc, input, target, settings, notes), heldOut = null;
        try {
            long training = training(all.count(), fraction, 1, "sequences", input, validation);
            if (Double.isNaN(fraction)) heldOut = Examples.read(sc, validation, target, settings, notes);
            else if (fraction > 0) heldOut = all.slice(training, all.count());
            Examples learnt = all.slice(0, training);
            Lexicon counted = Lexicon.count(learnt, settings);
            Pretrained pretrained = Pretrained.read(counted.words(), true, settings, sc.hadoopConfiguration(), notes);
            return new Corpus(counted.with(pretrained.words()), pretrained.rows(), learnt, heldOut);
        } catch (RuntimeException e) {
            all.close();
            if (heldOut != null) heldOut.close();
            throw e;
        }
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
