package org.rondo.driver.corpus;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.rondo.driver.BadInput;

class TagSchemeTest {
    /** New York City, Oslo, a word, Ada Lovelace, Rome. */
    private static final List<Span> SPANS = List.of(new Span(0, 3, "LOC"), new Span(3, 4, "LOC"), new Span(5, 7, "PER"), new Span(7, 8, "LOC"));

    @ParameterizedTest
    @CsvSource({
        "IOB1,  I-LOC I-LOC I-LOC B-LOC O I-PER I-PER I-LOC",
        "IOB2,  B-LOC I-LOC I-LOC B-LOC O B-PER I-PER B-LOC",
        "IOBES, B-LOC I-LOC E-LOC S-LOC O B-PER E-PER S-LOC"})
    void theSameEntitiesInEveryScheme(TagScheme scheme, String tags) {
        assertEquals(SPANS, scheme.spans(split(tags)));
        assertEquals(split(tags), scheme.tags(SPANS, 8));
        assertTrue(scheme.fits(split(tags)));
        assertEquals(split(tags), TagScheme.IOB2.convert(split("B-LOC I-LOC I-LOC B-LOC O B-PER I-PER B-LOC"), scheme));
    }

    @Test void ioJoinsNeighboursOfATypeAndNoOthers() {
        List<String> tags = TagScheme.IO.tags(SPANS, 8);
        assertEquals(split("I-LOC I-LOC I-LOC I-LOC O I-PER I-PER I-LOC"), tags);
        assertEquals(List.of(new Span(0, 4, "LOC"), new Span(5, 7, "PER"), new Span(7, 8, "LOC")), TagScheme.IO.spans(tags));
    }

    @ParameterizedTest
    @CsvSource({
        "B-LOC I-LOC L-LOC U-LOC O B-PER L-PER U-LOC",
        "B-LOC M-LOC E-LOC S-LOC O B-PER E-PER S-LOC"})
    void bilouAndBmesAreReadAsIobes(String tags) {
        assertTrue(TagScheme.IOBES.fits(split(tags)));
        assertEquals(SPANS, TagScheme.IOBES.spans(split(tags)));
        assertEquals(TagScheme.IOBES.tags(SPANS, 8), TagScheme.IOBES.convert(split(tags), TagScheme.IOBES));
    }

    @Test void aLetterAloneIsAnEntityOfTheEmptyType() {
        assertEquals(List.of(new Span(0, 2, ""), new Span(2, 3, "")), TagScheme.IOB2.spans(split("B I B O")));
        assertEquals(split("B E S O"), TagScheme.IOB2.convert(split("B I B O"), TagScheme.IOBES));
        assertEquals(split("O B I O"), TagScheme.IO.convert(split("O I I O"), TagScheme.IOB2));
    }

    @Test void aTypeMayHaveHyphens() {
        assertEquals(List.of(new Span(0, 2, "creative-work")), TagScheme.IOB2.spans(split("B-creative-work I-creative-work")));
    }

    @ParameterizedTest
    @CsvSource({
        "IOB1,  true,  O I-A I-A B-A I-A I-B",
        "IOB1,  false, B-A",                        // B parts from one just before
        "IOB1,  false, O B-A",
        "IOB1,  false, I-A B-B",                    // another type needs no B
        "IOB1,  true,  I-A B-A B-A",
        "IOB1,  false, I-A E-A",
        "IOB2,  true,  B-A I-A B-A O B-B",
        "IOB2,  false, I-A",
        "IOB2,  false, O I-A",
        "IOB2,  false, B-A I-B",
        "IOB2,  false, S-A",
        "IOBES, true,  S-A S-A B-A E-A B-B I-B I-B E-B O",
        "IOBES, false, B-A",                        // has no end
        "IOBES, false, B-A I-A",
        "IOBES, false, B-A O",
        "IOBES, false, B-A S-A",
        "IOBES, false, B-A B-A",
        "IOBES, false, B-A E-B",
        "IOBES, false, I-A",
        "IOBES, false, O E-A",
        "IOBES, false, S-A I-A",
        "IOBES, false, E-A",
        "IOBES, false, B-A E-A E-A",
        "IO,    true,  I-A I-B O I-A",
        "IO,    false, I-A B-A",
        "IO,    false, NN",
        "IOB1,  false, NN",
        "IOB2,  false, NN",
        "IOBES, false, NN",
        "NONE,  true,  NN VB O B-A"})
    void whatIsLegal(TagScheme scheme, boolean legal, String tags) {
        assertEquals(legal, scheme.fits(split(tags)));
    }

    @ParameterizedTest
    @EnumSource
    void aSequenceWithoutTagsIsLegal(TagScheme scheme) {
        assertTrue(scheme.fits(List.of()));
        assertEquals(List.of(), scheme.spans(List.of()));
    }

    @ParameterizedTest
    @CsvSource({
        "IOB2,  I-A I-A O I-B,     B-A I-A O B-B",      // an I with nothing before it starts one
        "IOB2,  B-A I-B I-B,       B-A B-B I-B",        // another type is another entity
        "IOB1,  B-A I-A O B-A,     B-A I-A O B-A",
        "IOB1,  B-A I-B,           B-A B-B",
        "IOBES, B-A I-A O,         B-A I-A O",          // no end, and none the less one
        "IOBES, B-A B-A E-A E-A,   B-A B-A I-A B-A",    // an E ends, a B begins, and what is left begins too
        "IOBES, I-A S-A I-A,       B-A B-A B-A",
        "IOBES, B-A E-B,           B-A B-B",
        "IOBES, E-A I-A I-A S-A,   B-A B-A I-A B-A",
        "IO,    I-A I-A I-B,       B-A I-A B-B"})
    void whatIsIllegalHasEntitiesToo(TagScheme scheme, String tags, String iob2) {
        assertEquals(split(iob2), scheme.convert(split(tags), TagScheme.IOB2));
    }

    @ParameterizedTest
    @EnumSource(names = {"IOB1", "IOB2", "IOBES"})
    void conversionsLoseNothing(TagScheme scheme) {
        Random random = seeded();
        for (int n = 0; n < 1000; n++) {
            int length = random.nextInt(12);
            List<Span> spans = spans(random, length);
            List<String> tags = scheme.tags(spans, length);
            assertTrue(scheme.fits(tags), tags.toString());
            assertEquals(spans, scheme.spans(tags));
            for (TagScheme other : List.of(TagScheme.IOB1, TagScheme.IOB2, TagScheme.IOBES))
                assertEquals(tags, other.convert(scheme.convert(tags, other), scheme));
        }
    }

    @Test void plainClassesHaveNoEntities() {
        assertEquals(List.of(), TagScheme.NONE.spans(split("NN VB")));
        assertEquals(split("NN VB"), TagScheme.NONE.convert(split("NN VB"), TagScheme.NONE));
        assertEquals("tags are none, asked for iob2; plain classes are no entities",
                assertThrows(IllegalArgumentException.class, () -> TagScheme.NONE.convert(split("NN VB"), TagScheme.IOB2)).getMessage());
        assertEquals("tags are iob2, asked for none; plain classes are no entities",
                assertThrows(IllegalArgumentException.class, () -> TagScheme.IOB2.convert(split("O"), TagScheme.NONE)).getMessage());
        assertEquals("plain classes have no entities; choose one of iob1, iob2, iobes, io",
                assertThrows(IllegalArgumentException.class, () -> TagScheme.NONE.tags(List.of(), 1)).getMessage());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "IOB2 | B-A E-A | tag 'E-A' is not of iob2, expected O, or B or I with a hyphen and a type; set --tagScheme (spark.rondo.tagScheme) to the scheme of the tags, or mend them",
        "IO   | B-A     | tag 'B-A' is not of io, expected O, or I with a hyphen and a type; set --tagScheme (spark.rondo.tagScheme) to the scheme of the tags, or mend them",
        "IOBES| O NN    | tag 'NN' is not of iobes, expected O, or B or I or E or S with a hyphen and a type; set --tagScheme (spark.rondo.tagScheme) to the scheme of the tags, or mend them",
        "IOB1 | B-      | tag 'B-' is not of iob1, expected O, or I or B with a hyphen and a type; set --tagScheme (spark.rondo.tagScheme) to the scheme of the tags, or mend them"})
    void aTagOfAnotherSchemeIsRefused(TagScheme scheme, String tags, String message) {
        assertEquals(message, assertThrows(BadInput.class, () -> scheme.spans(split(tags))).getMessage());
        assertEquals(message, assertThrows(BadInput.class, () -> scheme.allowed(split(tags))).getMessage());
    }

    @Test void spansThatDoNotFitAreRefused() {
        for (List<Span> wrong : List.of(List.of(new Span(0, 4, "A")), List.of(new Span(0, 2, "A"), new Span(1, 3, "A")), List.of(new Span(2, 3, "A"), new Span(0, 1, "A"))))
            assertEquals("spans are " + wrong + ", expected them in order, apart and within 3 tokens",
                    assertThrows(IllegalArgumentException.class, () -> TagScheme.IOB2.tags(wrong, 3)).getMessage());
        assertEquals("a span from 2 to before 2 has no tokens, expected 0 <= start < end",
                assertThrows(IllegalArgumentException.class, () -> new Span(2, 2, "A")).getMessage());
    }

    /** By hand, from the table in TagScheme; a row is from, a column to. */
    @Test void transitionsOfIob2() {
        TagScheme.Allowed allowed = TagScheme.IOB2.allowed(split("O B-A I-A B-B I-B"));
        assertEquals("11010", bits(allowed.start()));
        assertEquals("11111", bits(allowed.end()));
        assertEquals("11010 11110 11110 11011 11011", rows(allowed));
    }

    @Test void transitionsOfIobes() {
        TagScheme.Allowed allowed = TagScheme.IOBES.allowed(split("O B-A I-A E-A S-A E-B"));
        assertEquals("110010", bits(allowed.start()));
        assertEquals("100111", bits(allowed.end()));
        assertEquals("110010 001100 001100 110010 110010 110010", rows(allowed));
    }

    @ParameterizedTest
    @CsvSource({
        "IOB1,  O B-A I-A B-B I-B",
        "IOB2,  O B-A I-A B-B I-B",
        "IOBES, O B-A I-A E-A S-A B-B L-B U-B",
        "IO,    O I-A I-B",
        "NONE,  NN VB O"})
    void allowedLabelsAreThoseOfLegalSequences(TagScheme scheme, String set) {
        List<String> labels = split(set);
        TagScheme.Allowed allowed = scheme.allowed(labels);
        int n = labels.size();
        for (int length = 1; length <= 4; length++) {
            for (int code = 0; code < Math.pow(n, length); code++) {
                List<String> tags = new ArrayList<>();
                int[] ids = new int[length];
                for (int t = 0, rest = code; t < length; t++, rest /= n) tags.add(labels.get(ids[t] = rest % n));
                boolean legal = allowed.start()[ids[0]] && allowed.end()[ids[length - 1]];
                for (int t = 1; t < length; t++) legal &= allowed.transitions()[ids[t - 1] * n + ids[t]];
                assertEquals(scheme.fits(tags), legal, tags.toString());
                // what is legal is what its own entities are written as; letters of BILOU aside
                if (scheme != TagScheme.NONE && set.indexOf('U') < 0) assertEquals(scheme.convert(tags, scheme).equals(tags), legal, tags.toString());
            }
        }
    }

    @Test void labelsThatLeaveSomeSequenceWithoutAnyAreRefused() {
        assertEquals("labels are [B-A, I-A, E-A], of which iobes allows none for every token of a sequence, expected O, or a label of entities of one token among them; "
                + "give data that has it, or set --tagScheme (spark.rondo.tagScheme) to none", assertThrows(BadInput.class, () -> TagScheme.IOBES.allowed(split("B-A I-A E-A"))).getMessage());
        assertThrows(BadInput.class, () -> TagScheme.IOB2.allowed(split("I-A")));
        assertThrows(BadInput.class, () -> TagScheme.NONE.allowed(List.of()));
        assertArrayEquals(new boolean[] {true}, TagScheme.IOB2.allowed(split("B-A")).transitions());
        assertFalse(TagScheme.IOBES.allowed(split("S-A B-A")).end()[1]);
    }

    /** Entities of two types, often side by side. */
    static List<Span> spans(Random random, int length) {
        List<Span> spans = new ArrayList<>();
        for (int start = 0; start < length; ) {
            int end = Math.min(length, start + 1 + random.nextInt(3));
            if (random.nextInt(3) > 0) spans.add(new Span(start, end, random.nextBoolean() ? "A" : "B"));
            start = end;
        }
        return spans;
    }

    static Random seeded() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        return new Random(seed);
    }

    static List<String> split(String tags) {
        return Arrays.asList(tags.strip().split(" "));
    }

    private static String rows(TagScheme.Allowed allowed) {
        int n = allowed.start().length;
        return IntStream.range(0, n).mapToObj(from -> bits(Arrays.copyOfRange(allowed.transitions(), from * n, from * n + n))).collect(Collectors.joining(" "));
    }

    private static String bits(boolean[] flags) {
        StringBuilder bits = new StringBuilder();
        for (boolean flag : flags) bits.append(flag ? '1' : '0');
        return bits.toString();
    }
}
