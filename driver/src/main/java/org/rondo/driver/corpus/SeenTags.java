package org.rondo.driver.corpus;

import java.io.Serializable;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;

/** What tells the scheme of a corpus: which pairs of letters stand beside each other in it, each with an example. It has the
 *  same size for any corpus, and is the same however the corpus is cut into parts that are merged, in any order.
 *
 *  <p>No more than one of IOB1, IOB2 and IOBES fits where there are entities: the first of them has an I in IOB1, a B in IOB2;
 *  and what ends with B or I is not IOBES. IO is IOB1 without a B, and then its entities are the same. */
public final class SeenTags implements Serializable {
    private static final long serialVersionUID = 1;
    /** What overrules recognition, for messages. */
    static final String SETTING = Setting.TAG_SCHEME.option();

    private static final String LETTERS = "OBIES" + TagScheme.PLAIN;
    /** Places of examples: of tags with a type, of letters alone, and of others; from {@link #PAIRS} on by pair of letters. */
    private static final int TYPED = 0, BARE = 1, PLAIN = 2, PAIRS = 3;
    /** Tags of an example before and after the one that it is of. */
    private static final int BEFORE = 3, AFTER = 1;

    /** By place, null for what was not seen: a tag, or a tag and its neighbour, as messages say it; and a sequence around it. */
    private final String[] seen = new String[PAIRS + LETTERS.length() * LETTERS.length() * 2], examples = new String[seen.length];
    private long sequences, count, outside;

    public void add(List<String> sequence) {
        sequences++;
        count += sequence.size();
        String before = TagScheme.OUTSIDE;
        for (int t = 0; t <= sequence.size(); t++) {
            String tag = t < sequence.size() ? sequence.get(t) : TagScheme.OUTSIDE;
            char from = TagScheme.letter(before), to = TagScheme.letter(tag);
            if (to == 'O' && t < sequence.size()) outside++;
            if (to != 'O') note(to == TagScheme.PLAIN ? PLAIN : tag.length() == 1 ? BARE : TYPED, sequence, t);
            if (from != 'O' || to != 'O') note(pair(from, to, TagScheme.sameType(before, tag)), sequence, t);    // O O fits all
            before = tag;
        }
    }

    public void merge(SeenTags other) {
        sequences += other.sequences;
        count += other.count;
        outside += other.outside;
        for (int place = 0; place < seen.length; place++)
            if (other.seen[place] != null) keep(place, other.seen[place], other.examples[place]);
    }

    /** The schemes in which every sequence is legal. Always with NONE, to which anything is a class. */
    public Set<TagScheme> fitting() {
        Set<TagScheme> fitting = EnumSet.noneOf(TagScheme.class);
        for (TagScheme scheme : TagScheme.values()) if (breaks(scheme) < 0) fitting.add(scheme);
        return fitting;
    }

    /** Whether every tag is O, which is the same in any scheme. */
    public boolean isOutside() {
        return outside == count;
    }

    /** The scheme, where only one can be meant; to be said to the user ({@link #says}).
     *  @param where the tags are from, for messages
     *  @throws BadInput if tags are entities for one reason and classes for another, or fit no scheme */
    public TagScheme recognise(String where) {
        String set = "; set " + SETTING + " to one of iob1, iob2, iobes, io, or to none for plain classes";
        if (count == 0) throw new BadInput(where + " has no tags, expected some to recognise their scheme by" + set);
        if (seen[PLAIN] != null && seen[TYPED] == null && outside == 0) return TagScheme.NONE;
        if (seen[PLAIN] != null) throw new BadInput(where + " has the tag " + example(PLAIN) + " beside "
                + (seen[TYPED] != null ? example(TYPED) : "O") + ", expected either entities, each tag O or one of B I E S, a hyphen and a type, or plain classes" + set + ", or mend the tags");
        if (seen[BARE] != null) throw new BadInput(where + " has the letter alone " + example(BARE)
                + ", which may be an entity without a type or a class, expected a hyphen and a type after it" + set);
        if (seen[TYPED] == null) throw new BadInput(where + " has " + count(count) + " tags, all of them O, expected some entities to recognise the scheme by" + set);
        for (TagScheme scheme : List.of(TagScheme.IO, TagScheme.IOB1, TagScheme.IOB2, TagScheme.IOBES)) if (breaks(scheme) < 0) return scheme;
        throw new BadInput("the tags of " + where + " fit no scheme: " + List.of(TagScheme.IOB1, TagScheme.IOB2, TagScheme.IOBES, TagScheme.IO).stream()
                .map(this::why).collect(Collectors.joining("; ")) + "; set " + SETTING + " to the one that is meant, and what breaks it is read as conlleval does, or mend the tags");
    }

    /** That the tags can be read in a scheme that was set: they may break its order, but have its letters.
     *  @throws BadInput if they have not */
    public void check(TagScheme scheme, String where) {
        int breaks = breaksLetters(scheme);
        if (breaks >= 0) throw new BadInput(where + " has the tag " + example(breaks) + ", expected " + scheme.form() + " in " + scheme.key() + "; set "
                + SETTING + " to the scheme of the tags, or mend them");
    }

    /** A line for people: the scheme, whether recognised or set, and what breaks it. */
    public String says(TagScheme scheme, String where) {
        int breaks = breaks(scheme);
        return where + ": tags are " + (scheme == TagScheme.NONE ? "plain classes" : scheme.name()) + ", " + count(count) + " in " + count(sequences) + " sequences"
                + (breaks < 0 ? "" : "; not all are legal, such as " + example(breaks) + ", and are read as conlleval does");
    }

    private String why(TagScheme scheme) {
        int breaks = breaks(scheme);
        return scheme.name() + " does not allow " + example(breaks);
    }

    /** The place of the first pair that a scheme does not allow, or -1. */
    private int breaks(TagScheme scheme) {
        int breaks = breaksLetters(scheme);
        if (breaks >= 0) return breaks;
        return places().filter(p -> !scheme.follows(from(p), to(p), sameType(p))).findFirst().orElse(-1);
    }

    private int breaksLetters(TagScheme scheme) {
        return places().filter(p -> !scheme.has(to(p))).findFirst().orElse(-1);
    }

    /** Of the pairs that were seen. */
    private IntStream places() {
        return IntStream.range(PAIRS, seen.length).filter(p -> seen[p] != null);
    }

    private static int pair(char from, char to, boolean sameType) {
        return PAIRS + (LETTERS.indexOf(from) * LETTERS.length() + LETTERS.indexOf(to)) * 2 + (sameType ? 1 : 0);
    }

    private static char from(int place) {
        return LETTERS.charAt((place - PAIRS) / 2 / LETTERS.length());
    }

    private static char to(int place) {
        return LETTERS.charAt((place - PAIRS) / 2 % LETTERS.length());
    }

    private static boolean sameType(int place) {
        return (place - PAIRS) % 2 == 1;
    }

    private void note(int place, List<String> sequence, int at) {
        int first = Math.max(0, at - BEFORE), last = Math.min(sequence.size(), at + AFTER + 1);
        String cutBefore = first > 0 ? "... " : "", cutAfter = last < sequence.size() ? " ..." : "";
        if (seen[place] != null) {          // most of a corpus's tags end here: nothing is built for them
            int length = cutBefore.length() + last - first - 1 + cutAfter.length();
            for (int t = first; t < last; t++) length += sequence.get(t).length();
            if (length > examples[place].length()) return;
        }
        keep(place, place < PAIRS ? "'" + sequence.get(at) + "'" : neighbours(sequence, at), cutBefore + String.join(" ", sequence.subList(first, last)) + cutAfter);
    }

    private static String neighbours(List<String> sequence, int at) {
        if (at == sequence.size()) return "'" + sequence.get(at - 1) + "' last";
        return "'" + sequence.get(at) + "' " + (at == 0 ? "first" : "after '" + sequence.get(at - 1) + "'");
    }

    /** Unless there is a shorter example, or one that is first by code unit: so the order in which they come does not matter. */
    private void keep(int place, String what, String example) {
        if (seen[place] != null) {
            int order = example.length() - examples[place].length();
            if (order == 0) order = example.compareTo(examples[place]);
            if (order > 0 || order == 0 && what.compareTo(seen[place]) >= 0) return;
        }
        seen[place] = what;
        examples[place] = example;
    }

    private String example(int place) {
        return seen[place] + " (" + examples[place] + ")";
    }

    private static String count(long n) {
        return String.format(Locale.ROOT, "%,d", n);
    }
}
