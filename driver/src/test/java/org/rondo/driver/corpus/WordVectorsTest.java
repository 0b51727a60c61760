package org.rondo.driver.corpus;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import java.util.zip.GZIPOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.io.compress.BZip2Codec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.driver.BadInput;

class WordVectorsTest {
    private static final String GLOVE = "the 0.1 -0.2\nof 1e-1 2\n, 3 4.5\n";
    private static final Predicate<String> ALL = word -> true;
    private static final int NO_LIMIT = Integer.MAX_VALUE;
    @TempDir Path dir;

    @Test void glovesFileBeginsWithItsFirstWord() throws IOException {
        WordVectors read = all(GLOVE, 2);
        assertEquals(List.of("the", "of", ","), read.words());
        assertVectors(read, "0.1 -0.2", "0.1 2", "3 4.5");
        assertSays(read, "read 3 of 3 vectors of width 2 from file:", "vectors.txt (GloVe)");
    }

    /** Word2vec and fastText write a blank after every number. */
    @Test void aHeaderIsTwoIntegersAndNothingElse() throws IOException {
        WordVectors read = all("2 3\nthe 1 2 3 \n</s> 4 5 6 \n", 3);
        assertEquals(List.of("the", "</s>"), read.words());
        assertVectors(read, "1 2 3", "4 5 6");
        assertSays(read, "read 2 of 2 vectors of width 3", "(fastText/word2vec with a header)");
        assertEquals(List.of("2", "3"), all("2 3 4\n3 4 5\n", 2).words());
        assertEquals(List.of("2", "a"), all("2 3.0\na 4\n", 1).words());
    }

    @Test void linesMayEndAsTheyLike() throws IOException {
        for (String text : List.of("\uFEFFthe 1 2\r\nof 3 4\r\n", "the\t1\t2\nof\t3\t4", "the  1 2  \n of 3   4 \n\n\n"))
            assertEquals(List.of("the", "of"), all(text, 2).words(), text);
        assertEquals(List.of("a"), all("1 2\r\na 1 2 \r\n", 2).words());
    }

    /** Lines of glove.840B.300d; and what Unicode takes for a blank or a line's end is part of a word. */
    @Test void theVectorIsTheLastColumns() throws IOException {
        assertEquals(List.of("the", ". . .", "at name@domain.com", "a\u00A0b", "c\u0085d", "\u2028", "1", "0.5"),
                all("the 1 2\n. . . 1 2\nat name@domain.com 1 2\na\u00A0b 1 2\nc\u0085d 1 2\n\u2028 1 2\n1 1 2\n0.5 1 2\n", 2).words());
        assertEquals(List.of("a b", "c"), all("a b 1 2\nc 1 2\n", 2).words());
    }

    @Test void onlyWhatIsWantedIsKeptAndNoMoreThanTheMost() throws IOException {
        Path file = write("vectors.txt", GLOVE);
        WordVectors wanted = read(file, 2, Set.of(",", "the", "no")::contains, NO_LIMIT);
        assertEquals(List.of("the", ","), wanted.words());
        assertVectors(wanted, "0.1 -0.2", "3 4.5");
        assertSays(wanted, "read 2 of 3 vectors", "(GloVe)");
        WordVectors first = read(file, 2, ALL, 2);
        assertEquals(List.of("the", "of"), first.words());
        assertSays(first, "read 2 vectors of width 2", "(GloVe), not read beyond line 2");
        assertEquals(List.of("of"), read(file, 2, "of"::equals, 1).words());
        assertEquals(List.of(), read(file, 2, word -> false, 1).words());
        WordVectors ofHeader = read(write("vectors.vec", "3 2\n" + GLOVE), 2, ALL, 2);
        assertSays(ofHeader, "read 2 of 3 vectors", "not read beyond line 3");
        assertEquals(List.of("the"), read(write("vectors.txt", "the 1 2\nof 1\n"), 2, ALL, 1).words());      // what follows is not looked at
    }

    @Test void ofAWordThatComesTwiceTheFirstCounts() throws IOException {
        WordVectors read = all("the 1 2\nof 3 4\nthe 5 6\nthe 7 8\n", 2);
        assertEquals(List.of("the", "of"), read.words());
        assertVectors(read, "1 2", "3 4");
        assertSays(read, "read 2 of 4 vectors", "; dropped 2 of words that came before");
    }

    @ParameterizedTest @ValueSource(strings = {"vectors.txt.gz", "vectors.txt", "vectors.txt.bz2"})
    void compressionGoesByContentOrName(String name) throws IOException {
        byte[] bytes = GLOVE.getBytes(StandardCharsets.UTF_8), compressed;
        if (name.endsWith(".bz2")) {
            BZip2Codec codec = new BZip2Codec();
            codec.setConf(new Configuration(false));
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            try (OutputStream bzip2 = codec.createOutputStream(out)) {
                bzip2.write(bytes);
            }
            compressed = out.toByteArray();
        } else compressed = gzip(bytes);
        assertEquals(List.of("the", "of", ","), read(write(name, compressed), 2, ALL, NO_LIMIT).words());
    }

    /** As parallel gzips write them: java.util.zip would stop after the first of them. */
    @Test void gzipMayHaveSeveralMembers() throws IOException {
        ByteArrayOutputStream members = new ByteArrayOutputStream();
        for (int m = 0; m < 50; m++) members.writeBytes(gzip(("word" + m + " 1 2\n").getBytes(StandardCharsets.UTF_8)));
        assertEquals(50, read(write("vectors.txt.gz", members.toByteArray()), 2, ALL, NO_LIMIT).words().size());
    }

    /** More lines than a buffer holds, cut anywhere. */
    @Test void aLongFileIsReadWhole() throws IOException {
        StringBuilder text = new StringBuilder("30000 20\n");
        SplittableRandom random = new SplittableRandom(1);
        float[][] expected = new float[30_000][20];
        for (int n = 0; n < expected.length; n++) {
            text.append("w\u00E4").append(n);
            for (int i = 0; i < 20; i++) text.append(' ').append(expected[n][i] = (float) random.nextDouble(-1, 1));
            text.append('\n');
        }
        WordVectors read = all(text.toString(), 20);
        assertEquals(expected.length, read.words().size());
        for (int n = 0; n < expected.length; n++) {
            assertEquals("w\u00E4" + n, read.words().get(n));
            assertArrayEquals(expected[n], read.vectors()[n]);
        }
    }

    /** Of all lengths and powers of ten, of floats and what lies just between two of them, beyond and below. */
    @Test void numbersAreJavasToTheBit() throws IOException {
        List<String> numbers = new ArrayList<>(List.of("0", "-0", "-0.0", ".5", "5.", "+1", "1E5", "1e+05", "1e-05", "00012.500", "1e-50", "1.4e-45", "7e-46",
                "1.17549435e-38", "3.4028235e38", "16777217", "16777219", "9007199791611905", "1.00000005960464477539", "1.000000059604644775390625",
                "1.00000005960464477539062500000000000000001", "0.000000000000000000000000000000000000000000001", "123456789012345", "999999999999999e22"));
        SplittableRandom random = new SplittableRandom(2);
        for (int n = 0; n < 20_000; n++) {
            float f = Float.intBitsToFloat(random.nextInt());
            if (!Float.isFinite(f) || Math.abs(f) == Float.MAX_VALUE) continue;
            double between = ((double) f + Math.nextUp(f)) / 2;
            numbers.add(Float.toString(f));
            numbers.add(String.format(Locale.ROOT, "%." + random.nextInt(12) + "f", random.nextDouble(-10, 10)));
            numbers.add(String.format(Locale.ROOT, "%." + random.nextInt(1, 18) + "e", f));
            if (Double.isFinite(between)) numbers.add(new java.math.BigDecimal(between).round(new java.math.MathContext(random.nextInt(8, 30))).toString());
        }
        numbers.removeIf(n -> Float.isInfinite(Float.parseFloat(n)));
        StringBuilder text = new StringBuilder();
        for (int n = 0; n < numbers.size(); n++) text.append('w').append(n).append(' ').append(numbers.get(n)).append('\n');
        WordVectors read = all(text.toString(), 1);
        for (int n = 0; n < numbers.size(); n++) {
            int expected = Float.floatToRawIntBits(Float.parseFloat(numbers.get(n)) + 0f);       // of two zeros one
            assertEquals(expected, Float.floatToRawIntBits(read.vectors()[n][0]), numbers.get(n));
        }
    }

    @Test void anotherWidthIsRefused() throws IOException {
        refused("the 1 2 3\n", 2, ", line 1: a word and 3 numbers, expected 2, the network's embedding; set --embedding (spark.rondo.embedding) to 3");
        refused("the 1\n", 2, ", line 1: a word and 1 number, expected 2");
        refused("a b 1 2 3\n", 2, ", line 1: a word and 3 numbers, expected 2");
        refused("5 300\nthe 1 2\n", 2, ", line 1: the header says vectors of width 300, expected 2", "to 300");
        refused("It was a bright cold day\n", 2, ", line 1: 'It was a bright cold day' has no numbers at its end, expected a word and 2 numbers");
    }

    @Test void aLineOfAnotherNumberOfColumnsIsRefused() throws IOException {
        refused("the 1 2\nof 1\n", 2, ", line 2: a word and 1 number, expected a word and 2; the line is damaged or the file truncated");
        refused("the 1 2\nof\n", 2, ", line 2: a word and 0 numbers");
        refused("the 1 2\n0.1 0.2\n", 2, ", line 2: a word and 1 number");
        refused("the 1 2\nof 1 2 3\n", 2, ", line 2: more than 2 numbers after 'of', expected 2 as in the lines before");
        refused("the 1 2\n\nof 1 2\n", 2, ", line 2: empty, expected a word and 2 numbers; remove the line");
        Path unwanted = write("vectors.txt", "the 1 2\nof 1\nto 1 2\n");
        refused(unwanted, 2, "to"::equals, ", line 2: a word and 1 number");
    }

    @ParameterizedTest @ValueSource(strings = {"x", "0.1.2", "1,5", "1e", "1e+", "-", ".", "0x10", "1f", "1d", "--1", "1e5.5", "\u0661", "1_0"})
    void whatIsNoNumberIsRefused(String number) throws IOException {
        refused("the 1 2\nof 1 " + number + "\n", 2, ", line 2: number 2 of the vector is '" + number + "', expected a decimal number; the line is damaged");
        refused("the " + number + " 2\n", 2, ", line 1: number 1 of the vector is '" + number + "', expected a decimal number");
    }

    @ParameterizedTest @ValueSource(strings = {"nan", "NaN", "-nan", "inf", "-Infinity", "+inf", "1e39", "-1e400", "3.4028236e38", "1e99999999999"})
    void whatIsNotFiniteIsRefused(String number) throws IOException {
        refused("the 1 2\nof " + number + " 2\n", 2, ", line 2: number 1 of the vector is '" + number + "', expected a finite number; the line is damaged");
    }

    @Test void theHeadersCountIsHeldAgainstTheLines() throws IOException {
        refused("3 2\nthe 1 2\nof 1 2\n", 2, " ends after line 3 with 2 vectors, expected the 3 that its header says; it is truncated: copy it again");
        refused("1 2\nthe 1 2\nof 1 2\n", 2, ", line 3: one more vector than the 1 that its header says, expected the end");
    }

    @Test void anEmptyFileIsRefused() throws IOException {
        for (String text : List.of("", "\n", "3 2\n", "0 2\n")) refused(text, 2, " has no vectors, expected a word and 2 numbers a line");
        refused(write("empty.txt.gz", new byte[0]), 2, ALL, " has no vectors");
        refused(write("empty.txt.gz", gzip(new byte[0])), 2, ALL, " has no vectors");
    }

    @Test void aWordThatIsNotUtf8IsRefused() throws IOException {
        refused(write("latin1.txt", "the 1 2\nna\u00EFve 1 2\n".getBytes(StandardCharsets.ISO_8859_1)), 2, ALL,
                ", line 2: the word is not UTF-8: byte 0xEF, number 2 of the line", "iconv");
    }

    @Test void aBinaryFileIsRefused() throws IOException {
        ByteBuffer word2vec = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).put("2 3\n".getBytes(StandardCharsets.UTF_8));
        for (String word : List.of("the ", "of ")) word2vec.put(word.getBytes(StandardCharsets.UTF_8)).putFloat(1).putFloat(0.5f).putFloat(2).put((byte) '\n');
        refused(write("vectors.bin", Arrays.copyOf(word2vec.array(), word2vec.position())), 3, ALL, "binary (byte 0x00 at offset 8), as word2vec's .bin, expected text");
        byte[] fastText = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).putInt(793712314).putInt(12).array();      // FASTTEXT_FILEFORMAT_MAGIC_INT32
        refused(write("model.bin", fastText), 3, ALL, "a fastText model (.bin), expected text", ".vec");
        refused(write("glove.zip", new byte[] {'P', 'K', 3, 4, 20, 0}), 3, ALL, "a zip archive", "unpack it");
        refused("x".repeat(1 << 20), 3, ", line 1: more than 262144 bytes, expected a word and 3 numbers");
    }

    @Test void aDamagedGzipIsRefused() throws IOException {
        StringBuilder text = new StringBuilder();
        SplittableRandom random = new SplittableRandom(3);
        for (int n = 0; n < 50_000; n++) text.append('w').append(n).append(' ').append(random.nextDouble()).append(" 1\n");
        byte[] whole = gzip(text.toString().getBytes(StandardCharsets.UTF_8)), wrongSum = whole.clone(), wrongMiddle = whole.clone();
        wrongSum[whole.length - 6] ^= 1;
        Arrays.fill(wrongMiddle, whole.length / 2, whole.length / 2 + 100, (byte) 0xFF);
        for (byte[] damaged : List.of(Arrays.copyOf(whole, whole.length / 2), Arrays.copyOf(whole, whole.length - 3), wrongSum, wrongMiddle)) {
            String message = refused(write("vectors.txt.gz", damaged), 2, ALL, "cannot decompress file:", "vectors.txt.gz after line ", "copy it again");
            assertTrue(Integer.parseInt(message.replaceAll("(?s).*after line (\\d+).*", "$1")) > 15_000, message);
        }
        refused(write("vectors.txt.gz", Arrays.copyOf(whole, 5)), 2, ALL, "cannot decompress", "after line 0");
        refused(write("vectors.txt.gz", "the 1 2\n"), 2, ALL, "cannot decompress", "not what its name says");
    }

    @Test void whatIsNoFileIsRefused() throws IOException {
        refused(dir.resolve("none.txt"), 2, ALL, "there is no ", "none.txt, expected a file of word vectors");
        refused(dir, 2, ALL, " is a folder, expected one file");
        assertTrue(assertThrows(BadInput.class, () -> WordVectors.read("nowhere://x/y", new Configuration(false), 2, ALL, 1)).getMessage().contains("cannot read 'nowhere://x/y'"));
    }

    private WordVectors all(String text, int width) throws IOException {
        return read(write("vectors.txt", text), width, ALL, NO_LIMIT);
    }

    private static WordVectors read(Path file, int width, Predicate<String> wanted, int most) {
        return WordVectors.read(file.toString(), new Configuration(false), width, wanted, most);
    }

    private void refused(String text, int width, String... says) throws IOException {
        refused(write("vectors.txt", text), width, ALL, says);
    }

    private static String refused(Path file, int width, Predicate<String> wanted, String... says) {
        String message = assertThrows(BadInput.class, () -> read(file, width, wanted, NO_LIMIT)).getMessage();
        for (String part : says) assertTrue(message.contains(part), message + " does not say '" + part + "'");
        assertTrue(message.contains(file.getFileName().toString()), message);
        return message;
    }

    private static void assertVectors(WordVectors read, String... vectors) {
        assertEquals(vectors.length, read.vectors().length);
        for (int n = 0; n < vectors.length; n++) {
            String[] numbers = vectors[n].split(" ");
            assertEquals(numbers.length, read.vectors()[n].length);
            for (int i = 0; i < numbers.length; i++) assertEquals(Float.parseFloat(numbers[i]), read.vectors()[n][i]);
        }
    }

    private static void assertSays(WordVectors read, String begin, String end) {
        assertTrue(read.toString().startsWith(begin) && read.toString().endsWith(end), read.toString());
    }

    private Path write(String name, String text) throws IOException {
        return write(name, text.getBytes(StandardCharsets.UTF_8));
    }

    private Path write(String name, byte[] bytes) throws IOException {
        Files.deleteIfExists(dir.resolve("." + name + ".crc"));
        return Files.write(dir.resolve(name), bytes);
    }

    private static byte[] gzip(byte[] bytes) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(bytes);
        }
        return out.toByteArray();
    }
}
