package org.rondo.driver.corpus;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import scala.Tuple2;

/** Tokens and their ids. Id 0 is {@code <unk>}; then by count, the most frequent first, and where counts are equal by code
 *  points. The unit says what a token is: {@code character}, a Unicode code point, where a line ends with '\n';
 *  {@code word}, what stands between blanks ({@link Character#isWhitespace}), where a line ends with {@code <eos>}; or
 *  {@code token}, what data of sequences have as one. */
public final class Vocabulary implements Serializable {
    private static final long serialVersionUID = 1;
    public static final int UNKNOWN = 0;
    public static final String UNK = "<unk>", EOS = "<eos>";
    public static final String CHARACTER = "character", WORD = "word", TOKEN = "token";

    private final String unit;
    private final String[] tokens;
    private final int once;
    private transient volatile Map<String, Integer> ids;

    private Vocabulary(String unit, String[] tokens, int once) {
        this.unit = unit;
        this.tokens = tokens;
        this.once = once;
    }

    /** Counts the tokens of a text and keeps the most frequent. {@code <eos>} is always kept.
     *  @throws BadInput if the text is empty, not UTF-8, or no token of it is kept */
    public static Vocabulary count(Text text, Settings settings) {
        String unit = settings.get(Setting.UNIT);
        text.says("count every " + unit + " of");
        JavaPairRDD<String, Long> counts = text.read((file, start, lines) -> new Counts(unit, lines))
                .mapToPair(count -> count).reduceByKey(Long::sum).setName("token counts");
        long all = counts.values().fold(0L, Long::sum);
        text.check();
        if (all == 0) throw new BadInput(text.path() + " is empty, expected at least one line of text");
        return keep(counts, all, unit, settings.get(Setting.MIN_COUNT), settings.get(Setting.MAX_VOCABULARY), text.path());
    }

    /** Counts and keeps the most frequent.
     *  @param where they are from, for messages
     *  @throws BadInput if none is kept */
    static Vocabulary count(JavaRDD<String> tokens, String unit, int minCount, int most, String where) {
        JavaPairRDD<String, Long> counts = tokens.mapToPair(token -> new Tuple2<>(token, 1L)).reduceByKey(Long::sum);
        return keep(counts, counts.values().fold(0L, Long::sum), unit, minCount, most, where);
    }

    private static Vocabulary keep(JavaPairRDD<String, Long> counts, long all, String unit, int minCount, int most, String where) {
        boolean words = unit.equals(WORD);
        List<Tuple2<String, Long>> top = new ArrayList<>(counts
                .filter(c -> c._2 >= minCount && !(words && c._1.equals(EOS)) && !(!unit.equals(CHARACTER) && c._1.equals(UNK)))
                .takeOrdered(most - (words ? 2 : 1), new ByCount()));
        if (top.isEmpty()) throw new BadInput("no " + unit + " of " + where + " is left of " + all + " with minCount " + minCount + " and maxVocabulary "
                + most + ", expected at least one beside " + (words ? UNK + " and " + EOS : UNK) + "; lower minCount" + (most > 2 ? "" : " or raise maxVocabulary"));
        if (words) top.addAll(counts.filter(c -> c._1.equals(EOS)).collect());
        top.sort(new ByCount());
        List<String> tokens = new ArrayList<>(List.of(UNK));
        top.forEach(c -> tokens.add(c._1));
        return new Vocabulary(unit, tokens.toArray(String[]::new), 1 + (int) top.stream().filter(c -> c._2 > 1).count());
    }

    /** The same without the tokens that are not wanted. {@code <unk>} and {@code <eos>} always are. */
    Vocabulary only(Predicate<String> wanted) {
        List<String> kept = new ArrayList<>();
        int often = 0;
        for (int id = 0; id < tokens.length; id++)
            if (id == UNKNOWN || unit.equals(WORD) && tokens[id].equals(EOS) || wanted.test(tokens[id])) {
                kept.add(tokens[id]);
                if (id < once) often++;
            }
        return new Vocabulary(unit, kept.toArray(String[]::new), often);
    }

    /** The same with more tokens, after those that it has. */
    Vocabulary with(List<String> more) {
        return new Vocabulary(unit, Stream.concat(Stream.of(tokens), more.stream()).toArray(String[]::new), once);
    }

    /** The same with the tokens of another that it has not, after its own and in their order, up to {@code most} in all. */
    Vocabulary grow(Vocabulary seen, int most) {
        List<String> more = new ArrayList<>();
        int often = size();
        for (int id = 1; id < seen.size() && size() + more.size() < most; id++) {
            String token = seen.tokens[id];
            if (id(token) != UNKNOWN || token.equals(UNK)) continue;
            more.add(token);
            if (id < seen.once) often++;
        }
        Vocabulary grown = with(more);
        return new Vocabulary(unit, grown.tokens, often);
    }

    String token(int id) {
        return tokens[id];
    }

    /** {@code character}, {@code word} or {@code token}. */
    public String unit() {
        return unit;
    }

    public int size() {
        return tokens.length;
    }

    /** The first id of tokens that were seen once, {@link #size} where there is none, or it is not known: files do not say. */
    int once() {
        return once;
    }

    /** {@link #UNKNOWN} for what is not in the vocabulary. */
    public int id(String token) {
        return ids().getOrDefault(token, UNKNOWN);
    }

    /** Of a line's end. */
    int end() {
        return id(unit.equals(CHARACTER) ? "\n" : EOS);
    }

    /** The same of a token that is one code point. */
    int id(int codePoint) {
        return id(string(codePoint));
    }

    /** A line of a text, and its end. */
    public int[] encode(String line) {
        return collect(sink -> encode(line, sink));
    }

    /** A text to go on from: its end is not the end of a line. Lines within end with \n, \r or \r\n. */
    public int[] encodeText(String text) {
        String[] lines = text.split("\r\n|\r|\n", -1);
        return collect(sink -> {
            for (int n = 0; n < lines.length - 1; n++) encode(lines[n], sink);
            split(unit, lines[lines.length - 1], false, (token, characters) -> sink.token(id(token), characters));
        });
    }

    /** Words are joined by one blank, {@code <eos>} is a line's end; an unknown character is U+FFFD. */
    public String decode(int[] sequence) {
        StringBuilder text = new StringBuilder();
        for (int id : sequence) {
            if (unit.equals(CHARACTER)) text.append(id == UNKNOWN ? "\uFFFD" : tokens[id]);
            else if (tokens[id].equals(EOS)) text.append('\n');
            else text.append(text.isEmpty() || text.charAt(text.length() - 1) == '\n' ? "" : " ").append(tokens[id]);
        }
        return text.toString();
    }

    /** One token a line, UTF-8, the line's number from 0 is the id. Escapes: \n \r \t \\ and \\uXXXX. */
    public void write(OutputStream out) throws IOException {
        out.write(bytes());
    }

    /** The inverse of {@link #write}.
     *  @param unit which the file does not say
     *  @param name of the file, for messages
     *  @throws BadInput if the file is not what {@link #write} writes */
    public static Vocabulary read(InputStream in, String unit, String name) throws IOException {
        if (!List.of(CHARACTER, WORD, TOKEN).contains(unit)) throw new BadInput("unit of " + name + " is '" + unit + "', expected character, word or token");
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(in.readAllBytes())).toString();
        } catch (CharacterCodingException e) {
            throw new BadInput(name + " is not UTF-8; it is damaged, copy the model again", e);
        }
        if (!text.endsWith("\n")) throw new BadInput(name + " does not end with a line's end, expected one token a line; it is truncated, copy the model again");
        String[] tokens = text.substring(0, text.length() - 1).split("\n", -1);
        Map<String, Integer> lines = new HashMap<>();
        for (int n = 0; n < tokens.length; n++) {
            String where = name + ", line " + (n + 1) + ": ", written = tokens[n];
            tokens[n] = unescape(written, where);
            if (n == 0 && !tokens[0].equals(UNK)) throw new BadInput(where + "'" + written + "', expected " + UNK);
            boolean fits = unit.equals(CHARACTER) ? tokens[n].codePointCount(0, tokens[n].length()) == 1
                    : !tokens[n].isEmpty() && (unit.equals(TOKEN) || tokens[n].codePoints().noneMatch(Character::isWhitespace));
            if (n > 0 && !fits) throw new BadInput(where + "'" + written + "', expected one " + unit);
            Integer before = lines.putIfAbsent(tokens[n], n + 1);
            if (before != null) throw new BadInput(where + "'" + written + "' is already on line " + before + ", expected every token once");
        }
        if (unit.equals(WORD) && !lines.containsKey(EOS)) throw new BadInput(name + " has no " + EOS + ", which every vocabulary of words has; it is damaged, copy the model again");
        return new Vocabulary(unit, tokens, tokens.length);
    }

    /** SHA-256 of the bytes that {@link #write} writes, in hexadecimal. */
    public String checksum() {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes()));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java has no SHA-256, which every Java must have", e);
        }
    }

    /** Where the tokens of a line go. Over a whole text the characters add up to its code points, lines' ends included: a
     *  word's are its own and the blanks after it. */
    interface Sink {
        void token(int id, int characters);
    }

    void encode(String line, Sink sink) {
        split(unit, line, true, (token, characters) -> sink.token(id(token), characters));
    }

    private interface Strings {
        void token(String token, int characters);
    }

    private static void split(String unit, String line, boolean end, Strings sink) {
        if (unit.equals(CHARACTER)) {
            line.codePoints().forEach(c -> sink.token(string(c), 1));
            if (end) sink.token("\n", 1);
            return;
        }
        int counted = 0;
        for (int word = skip(line, 0, true); word < line.length(); word = counted) {
            int after = skip(line, word, false);
            int next = skip(line, after, true);
            sink.token(line.substring(word, after), line.codePointCount(counted, next));
            counted = next;
        }
        if (end) sink.token(EOS, line.codePointCount(counted, line.length()) + 1);
    }

    /** What stands between blanks, as the unit {@code word} has it. */
    static String[] words(String text) {
        List<String> words = new ArrayList<>();
        for (int word = skip(text, 0, true), after; word < text.length(); word = skip(text, after, true)) {
            after = skip(text, word, false);
            words.add(text.substring(word, after));
        }
        return words.toArray(String[]::new);
    }

    private static final String[] ASCII = IntStream.range(0, 128).mapToObj(Character::toString).toArray(String[]::new);

    private static String string(int codePoint) {
        return codePoint < ASCII.length ? ASCII[codePoint] : Character.toString(codePoint);
    }

    private static int skip(String line, int at, boolean blanks) {
        while (at < line.length() && Character.isWhitespace(line.codePointAt(at)) == blanks) at += Character.charCount(line.codePointAt(at));
        return at;
    }

    private static int[] collect(java.util.function.Consumer<Sink> encoder) {
        IntStream.Builder ids = IntStream.builder();
        encoder.accept((id, characters) -> ids.add(id));
        return ids.build().toArray();
    }

    private Map<String, Integer> ids() {
        Map<String, Integer> known = ids;
        if (known == null) {    // also after deserialisation
            known = new HashMap<>(tokens.length * 2);
            for (int id = 0; id < tokens.length; id++) known.put(tokens[id], id);
            ids = known;
        }
        return known;
    }

    private byte[] bytes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (String token : tokens) out.writeBytes((escape(token) + "\n").getBytes(StandardCharsets.UTF_8));
        return out.toByteArray();
    }

    /** A token as its line in a file; see {@link #write}. */
    public static String escape(String token) {
        StringBuilder escaped = new StringBuilder();
        token.codePoints().forEach(c -> {
            switch (c) {
                case '\n' -> escaped.append("\\n");
                case '\r' -> escaped.append("\\r");
                case '\t' -> escaped.append("\\t");
                case '\\' -> escaped.append("\\\\");
                default -> {
                    switch (Character.getType(c)) {     // what an editor may take for a line's end, or UTF-8 cannot say
                        case Character.CONTROL, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE ->
                            escaped.append(String.format("\\u%04X", c));
                        default -> escaped.appendCodePoint(c);
                    }
                }
            }
        });
        return escaped.toString();
    }

    /** The inverse of {@link #escape}.
     *  @param where the line is, for messages
     *  @throws BadInput for an unknown escape */
    public static String unescape(String written, String where) {
        StringBuilder token = new StringBuilder();
        for (int at = 0; at < written.length(); at++) {
            char c = written.charAt(at);
            if (c != '\\') {
                token.append(c);
                continue;
            }
            char kind = ++at < written.length() ? written.charAt(at) : ' ';
            boolean hex = kind == 'u' && at + 4 < written.length() && written.substring(at + 1, at + 5).matches("[0-9A-Fa-f]{4}");
            if (hex) token.append((char) Integer.parseInt(written.substring(at + 1, at += 4) + written.charAt(at), 16));
            else if ("nrt\\".indexOf(kind) >= 0) token.append("\n\r\t\\".charAt("nrt\\".indexOf(kind)));
            else throw new BadInput(where + "'" + written + "' has an unknown escape, expected \\n, \\r, \\t, \\\\ or \\u and four hexadecimal digits");
        }
        return token.toString();
    }

    /** The most frequent first, then by code points (and not by chars: U+10000 and above come last). */
    private static final class ByCount implements Comparator<Tuple2<String, Long>>, Serializable {
        private static final long serialVersionUID = 1;

        @Override public int compare(Tuple2<String, Long> a, Tuple2<String, Long> b) {
            int byCount = Long.compare(b._2, a._2);
            return byCount != 0 ? byCount
                    : java.util.Arrays.compare(a._1.codePoints().toArray(), b._1.codePoints().toArray());
        }
    }

    /** Counts per split, in memory for so many different tokens at a time. */
    private static final class Counts implements Iterator<Tuple2<String, Long>> {
        private static final int MOST = 1 << 16;
        private final String unit;
        private final Iterator<String> lines;
        private Iterator<Map.Entry<String, long[]>> counted = new HashMap<String, long[]>().entrySet().iterator();

        Counts(String unit, Iterator<String> lines) {
            this.unit = unit;
            this.lines = lines;
        }

        @Override public boolean hasNext() {
            if (!counted.hasNext() && lines.hasNext()) {
                Map<String, long[]> counts = new HashMap<>();
                while (counts.size() < MOST && lines.hasNext())
                    split(unit, lines.next(), true, (token, characters) -> counts.computeIfAbsent(token, t -> new long[1])[0]++);
                counted = counts.entrySet().iterator();
            }
            return counted.hasNext();
        }

        @Override public Tuple2<String, Long> next() {
            Map.Entry<String, long[]> next = counted.next();
            return new Tuple2<>(next.getKey(), next.getValue()[0]);
        }
    }
}
