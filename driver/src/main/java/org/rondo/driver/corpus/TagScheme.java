package org.rondo.driver.corpus;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;
import org.rondo.driver.BadInput;

/** How the tags of a sequence say where its entities are. A tag is O, outside of any, or a letter, a hyphen and the entity's type;
 *  a letter alone is one of the empty type. The entity {@code New York City} of type LOC, then Oslo, then a word:
 *  <pre>
 *  IOB1    I-LOC I-LOC I-LOC B-LOC O     B only parts an entity from one of its type just before; Ramshaw and Marcus 1995, CoNLL-2003
 *  IOB2    B-LOC I-LOC I-LOC B-LOC O     B begins every entity; Tjong Kim Sang and Veenstra 1999, CoNLL-2002
 *  IOBES   B-LOC I-LOC E-LOC S-LOC O     E ends an entity of several tokens, S is one of a single token
 *  IO      I-LOC I-LOC I-LOC I-LOC O     neighbours of a type are one entity: the only scheme that loses something
 *  NONE    PROPN PROPN PROPN PROPN VERB  plain classes, such as parts of speech: no entities
 *  </pre>
 *  BILOU's L and U, and BMES's M, are other letters for IOBES's E, S and I; they are read, and never written.
 *
 *  <p>Whether a sequence is legal depends on its neighbouring pairs alone, both ends standing for an O: {@link #follows} is the
 *  definition of a scheme, from which recognising ({@link SeenTags}) and decoding ({@link #allowed}) follow. Where a sequence
 *  is not legal, its entities are what conlleval, the script of the CoNLL shared tasks, takes them for ({@link #goesOn}). */
public enum TagScheme {
    IOB1("OIB"), IOB2("OBI"), IOBES("OBIES"), IO("OI"), NONE("");

    static final String OUTSIDE = "O";
    /** What {@link #letter} says of a tag that is not of the form above. */
    static final char PLAIN = '*';

    private final String letters;

    TagScheme(String letters) {
        this.letters = letters;
    }

    /** As settings and messages have it. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether the tags are legal, letters and order. */
    public boolean fits(List<String> tags) {
        String before = OUTSIDE;
        for (int t = 0; t <= tags.size(); t++) {
            String tag = t < tags.size() ? tags.get(t) : OUTSIDE;
            if (!follows(letter(before), letter(tag), sameType(before, tag))) return false;
            before = tag;
        }
        return true;
    }

    /** The entities in order; in illegal sequences as conlleval has them, except that in IOBES E and S end an entity whatever
     *  follows, and S begins one: to that script E-x B-x is one chunk, and S no letter. Empty for NONE.
     *  @throws BadInput if a tag has a letter that the scheme does not have, or none */
    public List<Span> spans(List<String> tags) {
        List<Span> spans = new ArrayList<>();
        if (this == NONE) return spans;
        for (int start = 0, t = 1; t <= tags.size(); t++) {
            String tag = tags.get(t - 1);
            check(tag);
            if (t < tags.size() && goesOn(tag, tags.get(t))) continue;
            if (letter(tag) != 'O') spans.add(new Span(start, t, type(tag)));
            start = t;
        }
        return spans;
    }

    /** The legal tags of some entities.
     *  @param spans in order, and apart
     *  @throws IllegalArgumentException if they are not, or if this is NONE */
    public List<String> tags(List<Span> spans, int length) {
        if (this == NONE) throw new IllegalArgumentException("plain classes have no entities; choose one of iob1, iob2, iobes, io");
        String[] tags = new String[length];
        Arrays.fill(tags, OUTSIDE);
        Span before = null;
        for (Span span : spans) {
            if (span.end() > length || before != null && span.start() < before.end())
                throw new IllegalArgumentException("spans are " + spans + ", expected them in order, apart and within " + length + " tokens");
            boolean touches = before != null && before.end() == span.start() && before.type().equals(span.type());
            for (int t = span.start(); t < span.end(); t++)
                tags[t] = letter(t == span.start(), t == span.end() - 1, touches) + (span.type().isEmpty() ? "" : "-" + span.type());
            before = span;
        }
        return Arrays.asList(tags);
    }

    /** The same entities in another scheme; legal whether these tags are or not. The same tags where both are NONE. */
    public List<String> convert(List<String> tags, TagScheme to) {
        if ((this == NONE) != (to == NONE)) throw new IllegalArgumentException("tags are " + key() + ", asked for " + to.key() + "; plain classes are no entities");
        return this == NONE ? tags : to.tags(spans(tags), tags.size());
    }

    /** The labels, and of every type that one of them has all the others of this scheme: a type that was seen in entities of several tokens alone may have one of a
     *  single token elsewhere. The same where they are NONE. */
    SortedSet<String> closed(Collection<String> labels) {
        SortedSet<String> closed = new TreeSet<>(labels);
        if (this != NONE) for (String label : labels) if (letter(label) != 'O')
            for (char letter : letters.substring(1).toCharArray()) closed.add(letter + label.substring(1));
        return closed;
    }

    /** What decoding may choose from, so that it never says what the scheme forbids.
     *  @throws BadInput if a label is not of the scheme, or if a sequence of some length would have no legal labels */
    public Allowed allowed(List<String> labels) {
        int n = labels.size();
        Allowed allowed = new Allowed(n);
        boolean always = false;
        for (int from = 0; from < n; from++) {
            String label = labels.get(from);
            check(label);
            allowed.start[from] = follows('O', letter(label), false);
            allowed.end[from] = follows(letter(label), 'O', false);
            for (int to = 0; to < n; to++)
                allowed.transitions[from * n + to] = follows(letter(label), letter(labels.get(to)), sameType(label, labels.get(to)));
            always |= allowed.start[from] && allowed.end[from] && allowed.transitions[from * n + from];
        }
        if (!always) throw new BadInput("labels are " + labels + ", of which " + key() + " allows none for every token of a sequence, expected "
                + (this == NONE ? "at least one" : "O, or a label of entities of one token") + " among them; give data that has it, or set " + SeenTags.SETTING + " to none");
        return allowed;
    }

    /** Which of some labels may be first, be last, and follow one another. */
    public static final class Allowed implements Serializable {
        private static final long serialVersionUID = 1;

        private final boolean[] start, end, transitions;

        private Allowed(int labels) {
            start = new boolean[labels];
            end = new boolean[labels];
            transitions = new boolean[labels * labels];
        }

        /** By label. */
        public boolean[] start() {
            return start;
        }

        /** By label. */
        public boolean[] end() {
            return end;
        }

        /** Row-major, from x to. */
        public boolean[] transitions() {
            return transitions;
        }
    }

    /** Whether the letter {@code to} may come after {@code from}; O also stands for what is before the first tag and after the last. */
    boolean follows(char from, char to, boolean sameType) {
        return switch (this) {
            case IOB1 -> to == 'O' || to == 'I' || to == 'B' && from != 'O' && sameType;
            case IOB2 -> to == 'O' || to == 'B' || to == 'I' && from != 'O' && sameType;
            case IOBES -> from == 'B' || from == 'I' ? (to == 'I' || to == 'E') && sameType : to == 'O' || to == 'B' || to == 'S';
            case IO -> to == 'O' || to == 'I';
            case NONE -> true;
        };
    }

    /** Whether a tag is of the entity of the one before it, or both of none: in any scheme, legal or not. */
    private static boolean goesOn(String before, String tag) {
        char from = letter(before), to = letter(tag);
        if (from == 'O' || to == 'O') return from == to;
        return sameType(before, tag) && from != 'E' && from != 'S' && to != 'B' && to != 'S';
    }

    private char letter(boolean first, boolean last, boolean touches) {
        return switch (this) {
            case IOB1 -> first && touches ? 'B' : 'I';
            case IOB2 -> first ? 'B' : 'I';
            case IOBES -> first ? last ? 'S' : 'B' : last ? 'E' : 'I';
            case IO -> 'I';
            case NONE -> throw new IllegalStateException("plain classes have no letters");
        };
    }

    /** Whether tags of that letter are of this scheme, whatever the order. */
    boolean has(char letter) {
        return this == NONE || letters.indexOf(letter) >= 0;
    }

    private void check(String tag) {
        if (!has(letter(tag))) throw new BadInput("tag '" + tag + "' is not of " + key() + ", expected " + form() + "; set " + SeenTags.SETTING + " to the scheme of the tags, or mend them");
    }

    /** What a tag must be, for messages. */
    String form() {
        return this == NONE ? "any" : "O, or " + String.join(" or ", letters.substring(1).split("")) + " with a hyphen and a type";
    }

    /** O B I E S, or {@link #PLAIN}. */
    static char letter(String tag) {
        if (tag.isEmpty() || tag.length() > 1 && (tag.length() < 3 || tag.charAt(1) != '-')) return PLAIN;
        return switch (tag.charAt(0)) {
            case 'O' -> tag.length() == 1 ? 'O' : PLAIN;
            case 'B' -> 'B';
            case 'I', 'M' -> 'I';
            case 'E', 'L' -> 'E';
            case 'S', 'U' -> 'S';
            default -> PLAIN;
        };
    }

    private static String type(String tag) {
        return tag.length() == 1 ? "" : tag.substring(2);
    }

    static boolean sameType(String a, String b) {
        return a.length() == b.length() && a.regionMatches(1, b, 1, a.length() - 1);
    }
}
