package org.rondo.driver.corpus;

import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** What a training reads: the vocabulary, the tokens to learn from, and the tokens held out (null for none). The vocabulary
 *  is counted over the whole input, a held out fraction of it included. */
public record Corpus(Vocabulary vocabulary, Tokens training, Tokens validation) implements AutoCloseable {

    public static Corpus read(JavaSparkContext sc, Settings settings) {
        Text text = Text.open(sc, settings.get(Setting.INPUT));
        Vocabulary vocabulary = Vocabulary.count(text, settings);
        Tokens all = Tokens.encode(text, vocabulary);
        String validation = settings.get(Setting.VALIDATION);
        double fraction = fraction(validation);
        if (Double.isNaN(fraction)) return new Corpus(vocabulary, all, Tokens.encode(Text.open(sc, validation), vocabulary));
        long training = all.count() - Math.round(all.count() * fraction);
        return fraction == 0 ? new Corpus(vocabulary, all, null)
                : new Corpus(vocabulary, all.slice(0, training), all.slice(training, all.count()));
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
            throw new BadInput("validation is " + validation + ", expected a fraction from 0 to less than 1, or a path; set --validation or "
                    + Setting.VALIDATION.sparkKey());
        return fraction;
    }

    @Override public void close() {
        training.close();
        if (validation != null) validation.close();
    }
}
