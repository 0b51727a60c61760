package org.rondo.driver.corpus;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.api.java.JavaRDD;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.kernels.Network;
import org.rondo.kernels.Sequences;
import org.rondo.kernels.Sequences.Rare;
import org.rondo.kernels.Sequences.Sequence;
import org.rondo.kernels.Window;

/** What a network reads and says, in numbers: kept with its model.
 *
 *  @param words      of what is read; null where that is features
 *  @param characters of its words; null where they are not read
 *  @param exact      whether words are in the vocabulary as they stand, and not in their {@link #normal} form
 *  @param features   numbers at every step; 0 where tokens are read
 *  @param labels     of tokens, with all that their scheme has for each type of entity, or of sequences; empty for other tasks
 *  @param scheme     of the labels of tokens; null for other tasks
 *  @param values     numbers to predict; 0 for other tasks */
public record Lexicon(Task task, Vocabulary words, Vocabulary characters, boolean exact, int features, List<String> labels, TagScheme scheme, int values)
        implements Serializable {
    /** Characters of a word that are read; of a longer one the first half and the last. */
    public static final int LONGEST_WORD = 64;
    private static final int MOST_CHARACTERS = 65_536, MOST_LABELS = 65_536;

    /** Of a language model. */
    public static Lexicon of(Vocabulary words) {
        return new Lexicon(Task.LANGUAGE_MODEL, words, null, true, 0, List.of(), null, 0);
    }

    /** Counts what examples have.
     *  @throws BadInput if no word is kept, or if the labels make no scheme */
    static Lexicon count(Examples examples, Settings settings) {
        Task task = Task.of(settings);
        String where = examples.name();
        boolean exact = settings.get(Setting.WORD_FORM).equals("exact"), tokens = examples.width() == 0;
        int hidden = settings.get(Setting.CHARACTER_HIDDEN);
        boolean spelled = tokens && (hidden == Setting.UNSET ? task == Task.TAGGING : hidden > 0);
        JavaRDD<String> words = !tokens ? null : examples.rows().javaRDD().flatMap(row -> row.<String>getList(Examples.AT_SEQUENCE).iterator()).filter(word -> !word.isEmpty());
        Vocabulary vocabulary = !tokens ? null : Vocabulary.count(words.map(word -> exact ? word : normal(word)), Vocabulary.TOKEN,
                settings.get(Setting.MIN_COUNT), settings.get(Setting.MAX_VOCABULARY), where);
        Vocabulary characters = !spelled ? null : Vocabulary.count(words.flatMap(word -> word.codePoints().mapToObj(Character::toString).iterator()), Vocabulary.CHARACTER,
                1, MOST_CHARACTERS, where);
        TagScheme data = examples.scheme(), scheme = task != Task.TAGGING ? null : learnt(data, settings);
        List<String> labels = switch (task) {
            case TAGGING -> labels(examples.rows().javaRDD().flatMap(row -> data.convert(row.getList(Examples.AT_TARGET), scheme).iterator()), scheme, where);
            case CLASSIFICATION -> labels(examples.rows().javaRDD().map(row -> row.getString(Examples.AT_TARGET)), TagScheme.NONE, where);
            default -> List.of();
        };
        if (scheme != null) scheme.allowed(labels);        // throws where a sequence may have no legal labels
        return new Lexicon(task, vocabulary, characters, exact, examples.width(), labels, scheme, task == Task.REGRESSION ? examples.values() : 0);
    }

    /** The same with another vocabulary. */
    Lexicon with(Vocabulary words) {
        return new Lexicon(task, words, characters, exact, features, labels, scheme, values);
    }

    /** The same as if it knew the first {@code count} labels alone. */
    public Lexicon withLabels(int count) {
        return new Lexicon(task, words, characters, exact, features, labels.subList(0, Math.min(count, labels.size())), scheme, values);
    }

    /** The same with what others have that it has not: words, characters and labels, after its own, so that all keep their ids.
     *  @param seen counted over data as these, by the same settings
     *  @param most words in all */
    Lexicon grow(Lexicon seen, int most) {
        List<String> all = new ArrayList<>(labels);
        seen.labels.stream().filter(label -> !labels.contains(label)).forEach(all::add);
        if (scheme != null) scheme.allowed(all);
        return new Lexicon(task, words == null ? null : words.grow(seen.words, most), characters == null ? null : characters.grow(seen.characters, MOST_CHARACTERS), exact, features,
                List.copyOf(all), scheme, values);
    }

    private static TagScheme learnt(TagScheme data, Settings settings) {
        String learnt = settings.get(Setting.LEARNT_SCHEME);
        return data == TagScheme.NONE || learnt.equals("data") ? data : TagScheme.valueOf(learnt.toUpperCase(Locale.ROOT));
    }

    private static List<String> labels(JavaRDD<String> all, TagScheme scheme, String where) {
        List<String> labels = List.copyOf(scheme.closed(all.distinct().takeOrdered(MOST_LABELS + 1)));
        if (labels.size() > MOST_LABELS) throw new BadInput(where + " has more than " + MOST_LABELS + " different labels, expected fewer; check which column they are in");
        return labels;
    }

    /** Numbers that a network must say. */
    public int outputs() {
        return switch (task) {
            case LANGUAGE_MODEL -> words.size();
            case TAGGING, CLASSIFICATION -> labels.size();
            case REGRESSION -> values;
        };
    }

    /** Of a word in the vocabulary, as it stands or in its normal form. */
    public int id(String word) {
        if (!exact) return words.id(normal(word));
        int id = words.id(word);
        return id == Vocabulary.UNKNOWN && task != Task.LANGUAGE_MODEL ? words.id(normal(word)) : id;
    }

    /** In lower case, every digit a 0. */
    static String normal(String word) {
        StringBuilder normal = new StringBuilder();
        word.toLowerCase(Locale.ROOT).codePoints().forEach(c -> normal.appendCodePoint(Character.isDigit(c) ? '0' : c));
        return normal.toString();
    }

    /** Which labels may be first, last, and follow one another, as {@link org.rondo.kernels.UnrolledNetwork#decode} takes it. */
    public boolean[] allowed() {
        int n = labels.size();
        TagScheme.Allowed allowed = scheme.allowed(labels);
        boolean[] all = Arrays.copyOf(allowed.transitions(), n * (n + 2));
        System.arraycopy(allowed.start(), 0, all, n * n, n);
        System.arraycopy(allowed.end(), 0, all, n * (n + 1), n);
        return all;
    }

    /** Sequences as their network reads them.
     *  @param sequences a list of words each, or of vectors (Scala's sequences of floats)
     *  @param targets   of each: a list of labels, in this lexicon's scheme; a label; a number or a list of them; null for no targets at all. A
     *                   label that is not known does not count
     *  @param unknownRate of words seen once, in training
     *  @param budget    steps of a batch */
    public Sequences encode(int number, Network network, List<List<?>> sequences, List<?> targets, double unknownRate, int budget) {
        Map<String, Integer> labelIds = new HashMap<>();
        if (targets != null) for (String label : labels) labelIds.put(label, labelIds.size());
        Map<String, Word> distinct = new LinkedHashMap<>();
        Sequence[] encoded = new Sequence[sequences.size()];
        for (int s = 0; s < encoded.length; s++) {
            List<?> steps = sequences.get(s);
            Object target = targets == null ? null : targets.get(s);
            int[] classes = classes(target, labelIds);
            encoded[s] = words == null ? Sequence.ofFeatures(floats(steps), classes, values(target), steps.size()) : tokens(steps, distinct, classes, values(target));
        }
        int[][] spelling = characters == null ? null : distinct.values().stream().map(Word::spelling).toArray(int[][]::new);
        Rare rare = words == null || unknownRate == 0 ? Rare.NONE : new Rare(Vocabulary.UNKNOWN, words.once(), unknownRate);
        return new Sequences(number, network, encoded, spelling, rare, budget);
    }

    /** A word of sequences that are encoded together.
     *  @param id       in the vocabulary
     *  @param number   among their distinct words, by which it is spelled
     *  @param spelling null where characters are not read */
    private record Word(int id, int number, int[] spelling) { }

    /** @param distinct the words before; each is looked up and spelled but once */
    private Sequence tokens(List<?> steps, Map<String, Word> distinct, int[] classes, float[] values) {
        int[] ids = new int[steps.size()], numbers = characters == null ? null : new int[ids.length];
        int t = 0;
        for (Object step : steps) {
            String token = (String) step;
            Word word = distinct.get(token);
            if (word == null) distinct.put(token, word = new Word(id(token), distinct.size(), characters == null ? null : spell(token)));
            ids[t] = word.id;
            if (numbers != null) numbers[t] = word.number;
            t++;
        }
        return Sequence.ofTokens(ids, numbers, classes, values);
    }

    /** Lines of text as a language model reads them: each from the end of a line before it, to its own end, every token a target.
     *  @param lines the tokens of each, with its end, as {@link Vocabulary#encode} has them */
    public Sequences lines(Network network, List<int[]> lines, int budget) {
        return new Sequences(0, network, lines.stream().map(line -> Sequence.ofTokens(before(line), null, line)).toArray(Sequence[]::new), null, Rare.NONE, budget);
    }

    /** What is read where the tokens of a line are to be predicted. */
    public int[] before(int[] line) {
        int[] before = new int[line.length];
        before[0] = line[line.length - 1];
        System.arraycopy(line, 0, before, 1, line.length - 1);
        return before;
    }

    /** Null without a target. */
    private int[] classes(Object target, Map<String, Integer> ids) {
        if (target == null) return null;
        return switch (task) {
            case TAGGING -> {
                int[] classes = ((List<?>) target).stream().mapToInt(label -> ids.getOrDefault(label, Window.NONE)).toArray();
                if (Arrays.stream(classes).anyMatch(y -> y == Window.NONE)) Arrays.fill(classes, Window.NONE);       // a CRF knows none without all
                yield classes;
            }
            case CLASSIFICATION -> new int[] {ids.getOrDefault(target, Window.NONE)};
            default -> new int[1];
        };
    }

    /** Zeros without a target; null where numbers are not predicted. */
    private float[] values(Object target) {
        if (task != Task.REGRESSION) return null;
        float[] values = new float[this.values];
        if (target instanceof List<?> list) for (int v = 0; v < values.length; v++) values[v] = ((Number) list.get(v)).floatValue();
        else if (target != null) values[0] = ((Number) target).floatValue();
        return values;
    }

    private float[] floats(List<?> steps) {
        float[] floats = new float[steps.size() * features];
        int at = 0;
        for (Object step : steps) {
            List<?> numbers = step instanceof List<?> list ? list : scala.jdk.javaapi.CollectionConverters.asJava((scala.collection.Seq<?>) step);
            if (numbers.size() != features) throw new BadInput("a sequence has vectors of " + numbers.size() + " numbers, expected " + features + ", as the model reads; check the column");
            for (Object number : numbers) floats[at++] = ((Number) number).floatValue();
        }
        return floats;
    }

    /** Ids of a word's characters: one at least. */
    private int[] spell(String word) {
        int[] all = word.codePoints().map(characters::id).toArray();
        if (all.length == 0) return new int[] {Vocabulary.UNKNOWN};
        if (all.length <= LONGEST_WORD) return all;
        int[] ends = Arrays.copyOf(all, LONGEST_WORD);
        System.arraycopy(all, all.length - LONGEST_WORD / 2, ends, LONGEST_WORD / 2, LONGEST_WORD / 2);
        return ends;
    }

    /** The same for lexica that say the same; of a language model its vocabulary's. */
    public String checksum() {
        if (task == Task.LANGUAGE_MODEL) return words.checksum();
        return (words == null ? features + " features" : words.checksum()) + " " + (characters == null ? "" : characters.checksum()) + " " + exact + " " + scheme + " " + labels + " " + values;
    }

    /** The labels' names. */
    public List<String> names(int[] ids) {
        List<String> names = new ArrayList<>(ids.length);
        for (int id : ids) names.add(labels.get(id));
        return names;
    }
}
