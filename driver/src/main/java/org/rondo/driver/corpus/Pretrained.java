package org.rondo.driver.corpus;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** A vocabulary that has met a file of word vectors.
 *  @param rows by id, the vector that a token starts from: its own, or that of the word in lower case, or in its normal form; null where the
 *              file has none. Unknown words start from the mean */
record Pretrained(Vocabulary words, float[][] rows) {

    /** As it is, with no rows, where no file is set.
     *  @param joins whether words of the file that are not in the vocabulary join it
     *  @throws BadInput if the file cannot be read, or has none of the words */
    static Pretrained read(Vocabulary words, boolean joins, Settings settings, Configuration conf, Consumer<String> notes) {
        String file = settings.get(Setting.VECTORS);
        boolean frozen = settings.get(Setting.FROZEN_VECTORS);
        if (file.isEmpty() && frozen) throw new BadInput("frozenVectors is given, but no vectors; set --vectors to a file of them");
        if (file.isEmpty()) return new Pretrained(words, null);
        if (words == null || words.unit().equals(Vocabulary.CHARACTER))
            throw new BadInput("vectors is " + file + ", but " + (words == null ? "features are" : "characters are") + " read, expected words; leave --vectors out" + (words == null ? "" : ", or set --unit word"));
        Set<String> forms = new HashSet<>();
        for (int id = 1; id < words.size(); id++) forms(words.token(id)).forEach(forms::add);
        boolean exact = settings.get(Setting.WORD_FORM).equals("exact");
        Predicate<String> reachable = word -> exact || Lexicon.normal(word).equals(word);       // others no word would find
        int room = joins ? Math.max(0, settings.get(Setting.MAX_VOCABULARY) - words.size()) : 0;
        int[] others = new int[1];
        WordVectors read = WordVectors.read(file, conf, settings.get(Setting.EMBEDDING), word -> forms.contains(word) || joins && reachable.test(word) && others[0]++ < room, forms.size() + room + 1);
        notes.accept(read.toString());
        Map<String, float[]> vectors = new HashMap<>();
        for (int n = 0; n < read.words().size(); n++) vectors.put(read.words().get(n), read.vectors()[n]);
        long known = Stream.iterate(1, id -> id + 1).limit(words.size() - 1).filter(id -> vector(words.token(id), vectors) != null).count();
        if (known == 0) throw new BadInput(file + " has a vector of none of the " + (words.size() - 1) + " words of the data; check that it is of their language, and its upper and lower case");
        notes.accept(String.format(Locale.ROOT, "%,d of %,d words have a vector there%s", known, words.size() - 1, frozen ? "; the others are <unk>" : ""));
        Vocabulary all = frozen ? words.only(word -> vector(word, vectors) != null) : words;
        if (joins) {
            List<String> more = new ArrayList<>();
            for (String word : read.words()) if (reachable.test(word) && all.id(word) == Vocabulary.UNKNOWN && !word.equals(Vocabulary.UNK)) more.add(word);
            all = all.with(more.subList(0, Math.min(more.size(), Math.max(0, settings.get(Setting.MAX_VOCABULARY) - all.size()))));
        }
        float[][] rows = new float[all.size()][];
        for (int id = 1; id < rows.length; id++) rows[id] = vector(all.token(id), vectors);
        rows[Vocabulary.UNKNOWN] = mean(read.vectors());
        return new Pretrained(all, rows);
    }

    private static Stream<String> forms(String word) {
        return Stream.of(word, word.toLowerCase(Locale.ROOT), Lexicon.normal(word));
    }

    private static float[] vector(String word, Map<String, float[]> vectors) {
        return forms(word).map(vectors::get).filter(vector -> vector != null).findFirst().orElse(null);
    }

    private static float[] mean(float[][] vectors) {
        double[] sum = new double[vectors[0].length];
        for (float[] vector : vectors) for (int j = 0; j < sum.length; j++) sum[j] += vector[j];
        float[] mean = new float[sum.length];
        for (int j = 0; j < sum.length; j++) mean[j] = (float) (sum[j] / vectors.length);
        return mean;
    }
}
