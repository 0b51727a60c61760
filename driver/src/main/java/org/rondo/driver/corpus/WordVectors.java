package org.rondo.driver.corpus;

import java.io.BufferedInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.io.compress.CompressionCodecFactory;
import org.apache.hadoop.io.compress.GzipCodec;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Storage;

/** Words and their vectors, trained elsewhere, from one text file: a line is a word and its numbers with blanks or tabs between. GloVe's
 *  files begin with the first word; word2vec's and fastText's (.vec) with a header, the count of the words and the width. The most
 *  frequent words come first in all of them.
 *
 *  <p>The file is read once, as bytes, and only what is wanted of it is held: of the others' lines nothing but the columns are counted.
 *  A word of GloVe's may contain blanks, so that the vector is a line's last columns. Lines end with \n alone, because words may
 *  contain what Unicode calls a line's end. */
public final class WordVectors {
    private final List<String> words;
    private final float[][] vectors;
    private final String description;

    private WordVectors(List<String> words, float[][] vectors, String description) {
        this.words = Collections.unmodifiableList(words);
        this.vectors = vectors;
        this.description = description;
    }

    /** Reads until {@code most} words are found, or to the end; what comes after that is not looked at.
     *  @param path   of a file on any Hadoop file system, gzip by its content, or compressed otherwise by its name
     *  @param width  of the vectors: the network's embedding
     *  @param wanted which words to keep; asked once for every line
     *  @throws BadInput if there is no such file, it is damaged, or not of this format and width */
    public static WordVectors read(String path, Configuration conf, int width, Predicate<String> wanted, int most) {
        if (width < 1 || most < 1) throw new IllegalArgumentException("width is " + width + " and most " + most + ", expected both at least 1");
        try {
            Path file = new Path(path);
            FileStatus status = Storage.of(file, conf).getFileStatus(file);
            if (status.isDirectory()) throw new BadInput(status.getPath() + " is a folder, expected one file of word vectors; name the file in it");
            try (InputStream raw = new BufferedInputStream(Storage.of(file, conf).open(file)); Reader reader = new Reader(status.getPath(), raw, conf, width)) {
                return reader.read(wanted, most);
            }
        } catch (FileNotFoundException e) {
            throw new BadInput("there is no " + path + ", expected a file of word vectors; check the path", e);
        } catch (IOException | IllegalArgumentException e) {
            throw Input.cannotRead(path, e);
        }
    }

    /** In the file's order, each once. */
    public List<String> words() {
        return words;
    }

    /** Of each of {@link #words()} its vector; not a copy. */
    public float[][] vectors() {
        return vectors;
    }

    /** What was read of how much, from where and in which format, for people. */
    @Override public String toString() {
        return description;
    }

    private static final class Reader implements AutoCloseable {
        /** A line may be as long as a word of this many bytes and as many bytes for every number. */
        private static final int MOST_WORD = 1 << 16, MOST_NUMBER = 64;
        private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};
        private static final byte[] FASTTEXT = {(byte) 0xBA, 0x16, 0x4F, 0x2F};

        private final Path file;
        private final InputStream in;
        private final boolean compressed;
        private final int width;
        private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder();
        private byte[] buffer;
        private int next, filled;       // bytes of the buffer that are not yet a line's: [next, filled)
        private int from, to;           // the line: [from, to), without blanks around it
        private long line;              // its number, from 1
        private IOException damage;     // that comes after what is filled

        Reader(Path file, InputStream raw, Configuration conf, int width) throws IOException {
            this.file = file;
            this.width = width;
            raw.mark(2);
            int first = raw.read();
            boolean gzip = first == 0x1F && raw.read() == 0x8B;
            raw.reset();
            if (first < 0) throw empty();
            CompressionCodec codec = gzip ? new GzipCodec() : new CompressionCodecFactory(conf).getCodec(file);
            if (codec instanceof GzipCodec zip) zip.setConf(conf);
            compressed = codec != null;
            try {
                in = compressed ? codec.createInputStream(raw) : raw;
            } catch (IOException e) {
                throw unreadable(e);
            }
            buffer = new byte[Math.max(1 << 18, MOST_WORD + MOST_NUMBER * width)];
        }

        WordVectors read(Predicate<String> wanted, int most) throws IOException {
            fill();
            checkText();
            if (filled >= 3 && Arrays.equals(buffer, 0, 3, BYTE_ORDER_MARK, 0, 3)) next = 3;
            if (!advance()) throw empty();
            long count = header();      // -1 where no header says it
            boolean header = count >= 0;
            if (!header) checkWidth();

            List<String> words = new ArrayList<>();
            List<float[]> vectors = new ArrayList<>();
            Set<String> known = new HashSet<>();
            long read = 0, repeated = 0;
            boolean more = !header || advance();
            for (; more && words.size() < most; more = words.size() < most && advance()) {
                if (header && read == count) throw new BadInput(where() + "one more vector than the " + count + " that its header says, expected the end; correct the count"
                        + " in its first line");
                read++;
                int numbers = vectorStart();
                String word = word(numbers);
                if (!wanted.test(word)) continue;
                float[] vector = vector(numbers);       // also of a word that is there already: what is wanted is checked
                if (known.add(word)) {
                    words.add(word);
                    vectors.add(vector);
                } else repeated++;
            }
            boolean whole = words.size() < most || read == count;
            if (read == 0) throw empty();
            if (whole && header && read < count) throw new BadInput(file + " ends after line " + line + " with " + read + " vectors, expected the " + count
                    + " that its header says; it is truncated: copy it again");
            String of = header ? " of " + count : whole ? " of " + read : "", end = whole ? "" : ", not read beyond line " + line;
            return new WordVectors(words, vectors.toArray(float[][]::new), "read " + words.size() + of + " vectors of width " + width + " from " + file + " ("
                    + (header ? "fastText/word2vec with a header" : "GloVe") + ")" + end
                    + (repeated == 0 ? "" : "; dropped " + repeated + " of words that came before"));
        }

        @Override public void close() throws IOException {
            in.close();
        }

        /** To the next line that is not empty; one at the end of the file may be. */
        private boolean advance() throws IOException {
            long empty = 0;
            while (true) {
                if (!nextLine()) return false;
                if (to > from) break;
                if (empty == 0) empty = line;
            }
            if (empty > 0) throw new BadInput(file + ", line " + empty + ": empty, expected a word and " + width + " numbers; remove the line");
            return true;
        }

        private boolean nextLine() throws IOException {
            int end = next;
            while (true) {
                while (end < filled && buffer[end] != '\n') end++;
                if (end < filled) break;
                int held = filled - next;
                if (held == buffer.length) throw new BadInput(file + ", line " + (line + 1) + ": more than " + held + " bytes, expected a word and " + width
                        + " numbers; is it a text file of word vectors?");
                boolean more = fill();
                end = next + held;      // fill moves what is held to the buffer's start
                if (!more) {
                    if (held == 0) return false;
                    break;
                }
            }
            line++;
            from = next;
            to = end;
            next = Math.min(end + 1, filled);
            while (to > from && isBlank(buffer[to - 1])) to--;
            while (from < to && isBlank(buffer[from])) from++;
            return true;
        }

        /** Moves what is held to the start of the buffer and reads until that is full.
         *  @return whether anything came */
        private boolean fill() throws IOException {
            System.arraycopy(buffer, next, buffer, 0, filled - next);
            filled -= next;
            next = 0;
            int before = filled;
            if (damage != null) throw unreadable(damage);
            try {
                for (int n; filled < buffer.length && (n = in.read(buffer, filled, buffer.length - filled)) >= 0; ) filled += n;
            } catch (IOException e) {
                if (filled == before) throw unreadable(e);
                damage = e;
            }
            return filled > before;
        }

        private IOException unreadable(IOException e) {
            if (!compressed) return e;
            throw new BadInput("cannot decompress " + file + " after line " + line + ": " + e.getMessage()
                    + "; the file is damaged, truncated or not what its name says: copy it again", e);
        }

        private BadInput empty() {
            return new BadInput(file + " has no vectors, expected a word and " + width + " numbers a line; it is empty or truncated: copy it again");
        }

        /** A program's file of vectors shows itself at once by bytes that no text has. */
        private void checkText() {
            String binary = null;
            if (filled >= 4 && Arrays.equals(buffer, 0, 4, FASTTEXT, 0, 4)) binary = "a fastText model (.bin)";
            else if (filled >= 4 && buffer[0] == 'P' && buffer[1] == 'K' && buffer[2] == 3 && buffer[3] == 4) binary = "a zip archive";
            for (int n = 0; binary == null && n < Math.min(filled, 1 << 16); n++)
                if (buffer[n] >= 0 && buffer[n] < ' ' && buffer[n] != '\t' && buffer[n] != '\n' && buffer[n] != '\r')
                    binary = "binary (byte " + String.format("0x%02X", buffer[n]) + " at offset " + n + "), as word2vec's .bin";
            if (binary != null) throw new BadInput(file + ", line 1: " + binary + ", expected text, a word and its numbers a line, plain or gzip; "
                    + (binary.endsWith("archive") ? "unpack it and name the file in it" : "give the text form (.txt, .vec), or convert it"));
        }

        /** @return the count of words, or -1 if the line is no header */
        private long header() {
            int blank = from;
            while (blank < to && !isBlank(buffer[blank])) blank++;
            int second = blank;
            while (second < to && isBlank(buffer[second])) second++;
            long count = integer(from, blank), columns = integer(second, to);
            if (count < 0 || columns < 0) return -1;
            if (columns != width) throw otherWidth("the header says vectors of width " + columns, columns);
            return count;
        }

        private BadInput otherWidth(String came, long columns) {
            return new BadInput(where() + came + ", expected " + width + ", the network's embedding; set " + Setting.EMBEDDING.option() + " to " + columns
                    + ", or give vectors of width " + width);
        }

        /** Of digits alone; -1 for anything else. */
        private long integer(int from, int to) {
            if (to <= from || to - from > 18) return -1;
            long value = 0;
            for (int n = from; n < to; n++) {
                if (buffer[n] < '0' || buffer[n] > '9') return -1;
                value = 10 * value + buffer[n] - '0';
            }
            return value;
        }

        /** Of a file without a header the first line shows the width: by the numbers at its end, where the word may have blanks. */
        private void checkWidth() {
            int columns = 0, numbers = 0;
            boolean only = true;        // numbers from here to the line's end
            for (int end = to; end > from; columns++) {
                int start = columnStart(end);
                only &= start > from && Double.isFinite(number(start, end));
                if (only) numbers++;
                for (end = start; end > from && isBlank(buffer[end - 1]); ) end--;
            }
            if (columns - 1 == width || numbers == width) return;
            if (numbers == 0) throw new BadInput(where() + "'" + text(from, to) + "' has no numbers at its end, expected a word and " + width
                    + " numbers with blanks between; is it a text file of word vectors?");
            throw otherWidth("a word and " + Example.counted(numbers, "number"), numbers);
        }

        private int columnStart(int end) {
            while (end > from && !isBlank(buffer[end - 1])) end--;
            return end;
        }

        /** Where the last {@code width} columns begin. */
        private int vectorStart() {
            int start = to;
            for (int column = width; ; column--) {
                int end = start;
                while (end > from && isBlank(buffer[end - 1])) end--;
                if (end == from) throw columns(width - column - 1);
                if (column == 0) return start;
                start = columnStart(end);
            }
        }

        private BadInput columns(int numbers) {
            return new BadInput(where() + "a word and " + Example.counted(numbers, "number") + ", expected a word and " + width + "; the line is damaged or the file truncated: copy it again, or remove the line");
        }

        /** What stands before the vector.
         *  @throws BadInput also if it ends with a blank and a number: a column too many rather than a word */
        private String word(int numbers) {
            int end = numbers;
            while (isBlank(buffer[end - 1])) end--;
            int last = columnStart(end);
            if (last > from && !Double.isNaN(number(last, end))) throw new BadInput(where() + "more than " + width + " numbers after '"
                    + text(from, last).strip() + "', expected " + width + " as in the lines before; the line is damaged: copy the file again, or remove the line");
            ByteBuffer bytes = ByteBuffer.wrap(buffer, from, end - from);
            try {
                return utf8.decode(bytes).toString();
            } catch (CharacterCodingException e) {
                throw new BadInput(where() + "the word is not UTF-8: byte " + String.format("0x%02X", bytes.get(bytes.position())) + ", number "
                        + (bytes.position() - from) + " of the line, expected text in UTF-8; convert the file, e.g. iconv -f ISO-8859-1 -t UTF-8, or remove the line", e);
            }
        }

        private float[] vector(int numbers) {
            float[] vector = new float[width];
            for (int n = 0, start = numbers, end; n < width; n++, start = end) {
                while (isBlank(buffer[start])) start++;
                for (end = start; end < to && !isBlank(buffer[end]); ) end++;
                float value = number(start, end);
                if (value - value != 0) throw notANumber(n + 1, start, end, value);     // NaN or infinite
                vector[n] = value + 0f;     // -0 becomes 0, of which sums and means keep the bits
            }
            return vector;
        }

        private BadInput notANumber(int n, int start, int end, float value) {
            String written = text(start, end), lower = written.toLowerCase(Locale.ROOT).replaceFirst("^[-+]", "");
            boolean finite = !Float.isInfinite(value) && !Set.of("nan", "inf", "infinity").contains(lower);
            return new BadInput(where() + "number " + n + " of the vector is '" + written + "', expected a " + (finite ? "decimal number" : "finite number")
                    + "; the line is damaged: copy the file again, or remove the line");
        }

        /** The float nearest to a decimal number, as {@link Float#parseFloat}; NaN if it is none.
         *
         *  <p>Up to 15 digits and a power of ten up to 22 are exact in a double, so that their quotient or product is the double
         *  nearest to the number (Clinger 1990); and the float nearest to that is the one nearest to the number, unless the double
         *  lies just between two floats. */
        private float number(int start, int end) {
            int at = start, digits = 0, scale = 0;
            boolean negative = at < end && buffer[at] == '-';
            if (negative || at < end && buffer[at] == '+') at++;
            long mantissa = 0;
            boolean any = false, point = false, exact = true;
            for (; at < end; at++) {
                int digit = buffer[at] - '0';
                if (digit >= 0 && digit <= 9) {
                    any = true;
                    if (digits < 15) mantissa = 10 * mantissa + digit;
                    else exact = false;
                    if (mantissa != 0) digits++;
                    if (point) scale--;
                } else if (buffer[at] == '.' && !point) point = true;
                else break;
            }
            if (!any) return Float.NaN;
            if (at < end) {
                if (buffer[at] != 'e' && buffer[at] != 'E' || ++at == end) return Float.NaN;
                boolean below = buffer[at] == '-';
                if (below || buffer[at] == '+') at++;
                if (at == end) return Float.NaN;
                int exponent = 0;
                for (; at < end; at++) {
                    int digit = buffer[at] - '0';
                    if (digit < 0 || digit > 9) return Float.NaN;
                    exponent = Math.min(10 * exponent + digit, 100_000);
                }
                scale += below ? -exponent : exponent;
            }
            if (exact && scale >= -22 && scale <= 22) {
                double value = scale < 0 ? mantissa / POWERS[-scale] : mantissa * POWERS[scale];
                boolean between = (Double.doubleToRawLongBits(value) & 0x1FFF_FFFF) == 0x1000_0000;
                if (!between && (value == 0 || value >= Float.MIN_NORMAL)) return (float) (negative ? -value : value);
            }
            return Float.parseFloat(new String(buffer, start, end - start, StandardCharsets.ISO_8859_1));
        }

        private static final double[] POWERS = new double[23];

        static {
            for (int n = 0; n < POWERS.length; n++) POWERS[n] = Double.parseDouble("1e" + n);
        }

        private static boolean isBlank(byte b) {
            return b == ' ' || b == '\t' || b == '\r';
        }

        private String where() {
            return file + ", line " + line + ": ";
        }

        /** For messages. */
        private String text(int start, int end) {
            return Example.brief(new String(buffer, start, end - start, StandardCharsets.UTF_8));
        }
    }
}
