package org.rondo.driver.scoring;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Serializable;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.rondo.driver.corpus.TagScheme;

/** Precision, recall and F1 of entities: one is correct if its first token, its last and its type are. The counts are those of
 *  conlleval, the script that scored the CoNLL shared tasks (version of 2004-01-26, Tjong Kim Sang;
 *  http://www.cnts.ua.ac.be/conll2000/chunking/output.html), whatever the tags, legal or not. Its rules look at two neighbouring tags,
 *  both ends of a sequence standing for an O; a tag is cut at its first hyphen, into a letter and a type that may be empty:
 *  <pre>
 *  a chunk ends    B I | B O      E | E I O      [ |      ] |      and where the type changes, but after O and .
 *  a chunk starts  B I O | B      O E | I E      | [      | ]      and where the type changes, but before O and .
 *  </pre>
 *  So an I with nothing before it starts an entity. Of IOBES that script knows half (E-x B-x is one chunk to it, and S no letter):
 *  such tags are turned into IOB2 by {@link TagScheme#convert} and counted then, as is usual.
 *
 *  <p>Scores of parts add up to those of the whole ({@link #merge}). */
public final class EntityScores implements Serializable {
    private static final long serialVersionUID = 1;

    private final TagScheme scheme;
    private final TreeMap<String, Score> types = new TreeMap<>();
    private long tokens, correctTags;

    /** @param scheme of gold and predicted tags */
    public EntityScores(TagScheme scheme) {
        if (scheme == TagScheme.NONE) throw new IllegalArgumentException("plain classes have no entities to score; use ClassScores");
        this.scheme = scheme;
    }

    /** One sequence. */
    public void add(List<String> gold, List<String> predicted) {
        if (gold.size() != predicted.size())
            throw new IllegalArgumentException("a sequence has " + gold.size() + " gold tags and " + predicted.size() + " predicted, expected one of each for every token");
        tokens += gold.size();
        for (int t = 0; t < gold.size(); t++) if (gold.get(t).equals(predicted.get(t))) correctTags++;
        if (scheme == TagScheme.IOBES) count(scheme.convert(gold, TagScheme.IOB2), scheme.convert(predicted, TagScheme.IOB2));
        else count(gold, predicted);
    }

    public void merge(EntityScores other) {
        if (scheme != other.scheme) throw new IllegalArgumentException("scores of " + scheme + " and of " + other.scheme + " cannot be merged, expected one scheme");
        other.types.forEach((type, score) -> types.merge(type, score, Score::plus));
        tokens += other.tokens;
        correctTags += other.correctTags;
    }

    private void count(List<String> gold, List<String> predicted) {
        Chunks is = new Chunks(), guess = new Chunks();
        boolean correct = false;        // so far, the entity that gold and prediction are in
        String type = "";
        for (int t = 0; t <= gold.size(); t++) {
            type = is.type;
            is.next(t < gold.size() ? gold.get(t) : "O");
            guess.next(t < gold.size() ? predicted.get(t) : "O");
            if (correct && is.ends && guess.ends) note(type, 0, 0, 1);
            if (is.ends || guess.ends || !is.type.equals(guess.type)) correct = false;
            if (is.starts) note(is.type, 1, 0, 0);
            if (guess.starts) note(guess.type, 0, 1, 0);
            if (is.starts && guess.starts && is.type.equals(guess.type)) correct = true;
        }
        if (correct) note(type, 0, 0, 1);       // letters that the rules do not end, such as S of no type: as where the script's file ends
    }

    private void note(String type, long gold, long found, long correct) {
        types.merge(type, new Score(gold, found, correct), Score::plus);
    }

    /** Where chunks start and end, between the last tag and the one before. */
    private static final class Chunks {
        private String letter = "O", type = "";
        private boolean starts, ends;

        void next(String tag) {
            int hyphen = tag.indexOf('-');
            String from = letter, before = type;
            letter = hyphen < 0 ? tag : tag.substring(0, hyphen);
            type = hyphen < 0 ? "" : tag.substring(hyphen + 1);
            boolean change = !type.equals(before);
            ends = in("[]", from) || change && !in("O.", from) || in("BI", from) && in("BO", letter) || in("E", from) && in("EIO", letter);
            starts = in("[]", letter) || change && !in("O.", letter) || in("BIO", from) && in("B", letter) || in("OE", from) && in("IE", letter);
        }

        private static boolean in(String letters, String letter) {
            return letter.length() == 1 && letters.contains(letter);
        }
    }

    public long tokens() {
        return tokens;
    }

    /** Share of tags that are the gold ones, O included. */
    public double tokenAccuracy() {
        return Score.ratio(correctTags, tokens);
    }

    /** Of entities of any type. */
    public Score overall() {
        return types.values().stream().reduce(Score.NOTHING, Score::plus);
    }

    /** Of every type that gold or prediction has. */
    public SortedMap<String, Score> types() {
        return Collections.unmodifiableSortedMap(types);
    }

    /** For people; figures in percent. */
    public String table() {
        Score all = overall();
        Map<String, Score> rows = new LinkedHashMap<>();
        rows.put("all", all);
        types.forEach((type, score) -> rows.put(type.isEmpty() ? "(no type)" : type, score));
        return String.format(Locale.ROOT, "%,d tokens with %,d entities; found %,d, of which %,d are correct; token accuracy %.2f %%%n",
                tokens, all.gold(), all.found(), all.correct(), 100 * tokenAccuracy()) + Score.table("entities", rows);
    }

    /** {@code tokens tokenAccuracy precision recall f1 gold found correct}, and under {@code types} the same for each; figures from 0 to 1. */
    public ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("tokens", tokens).put("tokenAccuracy", tokenAccuracy());
        overall().write(json);
        ObjectNode byType = json.putObject("types");
        types.forEach((type, score) -> score.write(byType.putObject(type)));
        return json;
    }
}
