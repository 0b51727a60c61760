package org.rondo.driver.corpus;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.serializer.SerializerInstance;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import scala.reflect.ClassTag$;

class VocabularyTest {
    private static JavaSparkContext sc;
    @TempDir static Path dir;

    @BeforeAll static void start() {
        sc = new JavaSparkContext(new SparkConf(false).setMaster("local[2]").setAppName("test").set("spark.ui.enabled", "false"));
    }

    @AfterAll static void stop() {
        sc.close();
    }

    @Test void charactersComeByCountAndThenByCodePoint() throws IOException {
        // b 3, \n 3; then once each: space, a, U+FFFD, U+1F600 (whose first char, D83D, is less than FFFD)
        Vocabulary v = count("bb\na \n\uFFFD\uD83D\uDE00b\n", Map.of());
        assertEquals(List.of("<unk>", "\n", "b", " ", "a", "\uFFFD", "\uD83D\uDE00"), tokens(v));
    }

    @Test void wordsStandBetweenBlanksAndEveryLineEndsWithEos() throws IOException {
        // <eos> 4 (also of the empty line), the 3, cat 1, sat 1
        Vocabulary v = count("the cat\n\n \tthe\u2003sat \nthe\n", Map.of("unit", "word"));
        assertEquals(List.of("<unk>", "<eos>", "the", "cat", "sat"), tokens(v));
        assertArrayEquals(new int[] {2, 3, 1}, v.encode("  the \t cat "));
        assertArrayEquals(new int[] {1}, v.encode(""));
        assertArrayEquals(new int[] {0, 2, 1}, v.encode("dog the"));
    }

    @Test void aLineWithoutAnEndHasOne() throws IOException {
        assertEquals(tokens(count("ab\nab\n", Map.of())), tokens(count("ab\nab", Map.of())));
    }

    @Test void aWrittenUnkIsTheUnknownWord() throws IOException {
        Vocabulary v = count("<unk> a <unk> <eos>\n", Map.of("unit", "word"));
        assertEquals(List.of("<unk>", "<eos>", "a"), tokens(v));
        assertArrayEquals(new int[] {0, 2, 0, 1, 1}, v.encode("<unk> a <unk> <eos>"));
    }

    @ParameterizedTest
    @CsvSource({
        "character, 1, 3, '<unk>,a,b'",         // a 4, b 3, newline 2, c 1
        "character, 2, 100, '<unk>,a,b,\n'",
        "character, 4, 100, '<unk>,a'",
        "word, 1, 3, '<unk>,<eos>,aaa'",        // aaa 2, <eos> 2, bb 1: <eos> is kept whatever its count
        "word, 2, 100, '<unk>,<eos>,aaa'",
        "word, 1, 100, '<unk>,<eos>,aaa,bb'"})
    void rareTokensAreDropped(String unit, int minCount, int maxVocabulary, String expected) throws IOException {
        String text = unit.equals("word") ? "aaa bb\naaa\n" : "aaabbc\nab\n";
        Vocabulary v = count(text, Map.of("unit", unit, "minCount", "" + minCount, "maxVocabulary", "" + maxVocabulary));
        assertEquals(List.of(expected.split(",")), tokens(v));
        assertEquals(0, v.id("zzz"));
    }

    @Test void aTextOfWhichNothingIsLeftIsRefused() {
        assertTrue(nothingLeft("unit", "character", "minCount", "9").matches(
                "no character of file:\\S+ is left of 5 with minCount 9 and maxVocabulary 50000, expected at least one beside <unk>; lower minCount"));
        assertTrue(nothingLeft("unit", "word", "minCount", "2", "maxVocabulary", "2").matches(
                "no word of file:\\S+ is left of 3 with minCount 2 and maxVocabulary 2, expected at least one beside <unk> and <eos>; lower minCount or raise maxVocabulary"));
    }

    private static String nothingLeft(String... settings) {
        Map<String, String> all = new HashMap<>();
        for (int i = 0; i < settings.length; i += 2) all.put(settings[i], settings[i + 1]);
        return assertThrows(BadInput.class, () -> count("ab c\n", all)).getMessage();
    }

    @Test void moreDifferentWordsThanAreCountedAtATimeAreCountedRight() throws IOException {
        StringBuilder text = new StringBuilder();
        for (int n = 0; n < 150_000; n++) text.append("w").append(n % 100_000).append(n % 10 == 9 ? '\n' : ' ');
        Vocabulary v = count(text.toString(), Map.of("unit", "word", "minCount", "2", "maxVocabulary", "1000000"));
        assertEquals(50_002, v.size());         // w0 to w49999 twice
        assertEquals(List.of("<unk>", "<eos>", "w0", "w1", "w10"), tokens(v).subList(0, 5));
    }

    @Test void promptsHaveNoEndButTheirOwn() throws IOException {
        Vocabulary characters = count("ab\nab\nab\n", Map.of());         // newline a b, ties by code point
        assertArrayEquals(new int[] {2, 3}, characters.encodeText("ab"));
        assertArrayEquals(new int[] {2, 1, 1, 3, 1}, characters.encodeText("a\r\n\nb\r"));
        assertArrayEquals(new int[] {}, characters.encodeText(""));
        assertArrayEquals(new int[] {0, 0}, characters.encodeText("\uD800x"));      // half of a pair is unknown
        Vocabulary words = count("a b\nb\nb\n", Map.of("unit", "word"));          // <eos> 3, b 3, a 1
        assertArrayEquals(new int[] {3, 1, 2}, words.encodeText("a\nb"));
        assertArrayEquals(new int[] {3, 1}, words.encodeText("a\n"));
    }

    @Test void decodingIsTheTextAgain() throws IOException {
        Vocabulary characters = count("gr\u00fcn \uD83D\uDE00\n", Map.of());
        assertEquals("gr\u00fcn \uD83D\uDE00\n", characters.decode(characters.encode("gr\u00fcn \uD83D\uDE00")));
        assertEquals("\uFFFDn", characters.decode(characters.encodeText("zn")));
        Vocabulary words = count("the cat sat\n", Map.of("unit", "word"));
        assertEquals("the <unk> sat\n\ncat", words.decode(words.encodeText("the dog  sat\n\ncat")));
    }

    @Test void theFileHasOneTokenALine() throws IOException {
        Vocabulary v = count("\\\t\u0000\u0085\u2028\u00fc\n", Map.of());
        assertEquals("<unk>\n\\u0000\n\\t\n\\n\n\\\\\n\\u0085\n\u00fc\n\\u2028\n", new String(bytes(v), StandardCharsets.UTF_8));
        assertEquals(tokens(v), tokens(Vocabulary.read(new ByteArrayInputStream(bytes(v)), "character", "v")));
    }

    @Test void theChecksumIsSha256OfTheFile() throws IOException {
        // printf '<unk>\n\\n\na\n' | sha256sum
        assertEquals("c5bf66d08d0eafb701cdf39083e82b96526a49ac1b7640a45077004694ef6e3b", count("a\n", Map.of()).checksum());
    }

    @ParameterizedTest
    @CsvSource(quoteCharacter = '"', delimiter = '|', ignoreLeadingAndTrailingWhitespace = true, value = {
        "character | \"\" | v does not end with a line's end, expected one token a line; it is truncated, copy the model again",
        "character | \"<unk>$a\" | v does not end with a line's end, expected one token a line; it is truncated, copy the model again",
        "character | \"a$\" | v, line 1: 'a', expected <unk>",
        "character | \"<unk>$ab$\" | v, line 2: 'ab', expected one character",
        "character | \"<unk>$$\" | v, line 2: '', expected one character",
        "character | \"<unk>$a$b$a$\" | v, line 4: 'a' is already on line 2, expected every token once",
        "character | \"<unk>$\\x$\" | v, line 2: '\\x' has an unknown escape, expected \\n, \\r, \\t, \\\\ or \\u and four hexadecimal digits",
        "character | \"<unk>$\\u12$\" | v, line 2: '\\u12' has an unknown escape, expected \\n, \\r, \\t, \\\\ or \\u and four hexadecimal digits",
        "character | \"<unk>$\\$\" | v, line 2: '\\' has an unknown escape, expected \\n, \\r, \\t, \\\\ or \\u and four hexadecimal digits",
        "word | \"<unk>$a b$\" | v, line 2: 'a b', expected one word",
        "word | \"<unk>$$\" | v, line 2: '', expected one word",
        "word | \"<unk>$a$<unk>$\" | v, line 3: '<unk>' is already on line 1, expected every token once",
        "word | \"<unk>$\u00a7$\" | v is not UTF-8; it is damaged, copy the model again",
        "letter | \"<unk>$\"| unit of v is 'letter', expected character, word or token"})
    void aFileThatIsNoVocabularyIsRefusedByLine(String unit, String text, String expected) {
        // $ stands for a line's end, the section sign for a byte that is not UTF-8
        byte[] bytes = text.replace('$', '\n').getBytes(StandardCharsets.ISO_8859_1);
        String message = assertThrows(BadInput.class, () -> Vocabulary.read(new ByteArrayInputStream(bytes), unit, "v")).getMessage();
        assertEquals(expected, message);
    }

    @Test void aWordVocabularyMustHaveEos() {
        assertEquals("v has no <eos>, which every vocabulary of words has; it is damaged, copy the model again",
                assertThrows(BadInput.class, () -> Vocabulary.read(new ByteArrayInputStream("<unk>\na\n".getBytes(StandardCharsets.UTF_8)), "word", "v")).getMessage());
    }

    @Test void itTravelsWithBothOfSparksSerialisers() throws Exception {
        Vocabulary v = count("the cat\n", Map.of("unit", "word"));
        v.id("the");        // what is looked up with does not travel
        SerializerInstance kryo = new KryoSerializer(new SparkConf(false)).newInstance();
        Vocabulary viaKryo = kryo.deserialize(kryo.serialize(v, ClassTag$.MODULE$.apply(Vocabulary.class)), ClassTag$.MODULE$.apply(Vocabulary.class));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ObjectOutputStream java = new ObjectOutputStream(out)) {
            java.writeObject(v);
        }
        Vocabulary viaJava = (Vocabulary) new ObjectInputStream(new ByteArrayInputStream(out.toByteArray())).readObject();
        for (Vocabulary other : List.of(viaKryo, viaJava)) {
            assertEquals(tokens(v), tokens(other));
            assertArrayEquals(v.encode("the cat dog"), other.encode("the cat dog"));
            assertEquals(v.checksum(), other.checksum());
        }
    }

    private static Vocabulary count(String text, Map<String, String> settings) throws IOException {
        Path file = Files.writeString(dir.resolve("text.txt"), text);
        return Vocabulary.count(Text.open(sc, file.toString()), Settings.of(settings));
    }

    /** As {@link Vocabulary#write} writes them. */
    private static List<String> tokens(Vocabulary v) throws IOException {
        return new String(bytes(v), StandardCharsets.UTF_8).lines().map(token -> token.replace("\\n", "\n")).toList();
    }

    private static byte[] bytes(Vocabulary v) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        v.write(out);
        return out.toByteArray();
    }
}
