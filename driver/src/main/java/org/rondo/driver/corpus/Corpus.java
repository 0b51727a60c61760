package org.rondo.driver.corpus;

import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** What a training reads: the vocabulary, the tokens to learn from, and the tokens held out (null for none). The vocabulary
 *  is counted over the whole input, a held out fraction of it included. */
public record Corpus(Vocabulary vocabulary, Tokens training, Tokens validation) implements AutoCloseable {
    /** Tokens in which there is one to predict, from the one before it. */
    private static final int LEAST = 2;

    /** @throws BadInput if there is no token to predict, in what is to learn from or in what is held out */
    public static Corpus read(JavaSparkContext sc, Settings settings) {
        String validation = settings.get(Setting.VALIDATION);
        double fraction = fraction(validation);
        Text text = Text.open(sc, settings.get(Setting.INPUT));
        Vocabulary vocabulary = Vocabulary.count(text, settings);
        Tokens all = Tokens.encode(text, vocabulary), heldOut = null;
        try {
            long training = all.count() - (Double.isNaN(fraction) ? 0 : Math.round(all.count() * fraction));
            if (training < LEAST) throw new BadInput(text.path() + " has " + all.count() + " tokens, of which validation " + validation + " leaves " + training
                    + " to learn from, expected at least " + LEAST + "; give more text, or a smaller --validation");
            if (fraction > 0 && all.count() - training < LEAST) throw new BadInput("validation " + validation + " of the " + all.count() + " tokens of "
                    + text.path() + " is " + (all.count() - training) + ", expected at least " + LEAST + "; set --validation to a larger fraction, or to 0 for none");
            if (Double.isNaN(fraction)) heldOut = Tokens.encode(Text.open(sc, validation), vocabulary);
            else if (fraction > 0) heldOut = all.slice(training, all.count());
            if (heldOut != null && heldOut.count() < LEAST) throw new BadInput("validation " + validation + " has " + heldOut.count()
                    + " tokens, expected at least " + LEAST + "; give more text, or set --validation to a fraction of the input, or to 0 for none");
            return new Corpus(vocabulary, all.slice(0, training), heldOut);
        } catch (RuntimeException e) {
            all.close();
            if (heldOut != null) heldOut.close();
            throw e;
        }
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
