package org.rondo.driver.corpus;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;

class PretrainedTest {
    private static final String FILE = "the 1 2\nparis 3 4\nof 5 6\n00 7 8\nrare 9 10\n";
    @TempDir Path dir;
    private final List<String> notes = new ArrayList<>();

    /** A word has its own vector, or that of its lower case, or of its normal form. */
    @Test void wordsStartFromTheirVectors() throws IOException {
        Pretrained read = read("<unk>\nthe\nParis\n42\nnone\n", true);
        assertArrayEquals(new float[] {1, 2}, read.rows()[read.words().id("the")]);
        assertArrayEquals(new float[] {3, 4}, read.rows()[read.words().id("Paris")]);
        assertArrayEquals(new float[] {7, 8}, read.rows()[read.words().id("42")]);
        assertNull(read.rows()[read.words().id("none")]);
        assertTrue(notes.get(1).contains("3 of 4 words have a vector"), notes.toString());
    }

    /** Words that are not in the data come after those that are, so that no id of these changes. */
    @Test void wordsOfTheFileJoin() throws IOException {
        Pretrained read = read("<unk>\nthe\nParis\n", true);
        assertEquals(1, read.words().id("the"));
        assertEquals(2, read.words().id("Paris"));
        assertArrayEquals(new float[] {9, 10}, read.rows()[read.words().id("rare")]);
        assertEquals(3 + 4, read.words().size());
        assertEquals(4, read("<unk>\nthe\nParis\n", true, "maxVocabulary", "4").words().size(), "the most frequent one");
        assertEquals(3, read("<unk>\nthe\nParis\n", false).words().size());
    }

    /** In the normal form, which is how words are looked up, nobody would find a word with a capital or a digit. */
    @Test void wordsThatNobodyWouldFindDoNotJoin() throws IOException {
        String file = "The 1 2\nparis 3 4\n1999 5 6\n00 7 8\n";
        assertEquals(List.of(1, 0, 2, 0), ids(read(file, "<unk>\nparis\n"), "paris", "The", "00", "1999"));
        assertEquals(List.of(1, 2, 4, 3), ids(read(file, "<unk>\nparis\n", "wordForm", "exact"), "paris", "The", "00", "1999"));
    }

    private static List<Integer> ids(Pretrained read, String... words) {
        return Stream.of(words).map(read.words()::id).toList();
    }

    /** (1+3+5+7+9)/5 and (2+4+6+8+10)/5. */
    @Test void unknownWordsStartFromTheMean() throws IOException {
        assertArrayEquals(new float[] {5, 6}, read("<unk>\nthe\n", true).rows()[Vocabulary.UNKNOWN]);
    }

    @Test void frozenVectorsLeaveNoWordWithoutOne() throws IOException {
        Pretrained read = read("<unk>\nnone\nthe\n", true, "frozenVectors", "true");
        assertEquals(Vocabulary.UNKNOWN, read.words().id("none"));
        for (float[] row : read.rows()) assertFalse(row == null);
    }

    @Test void withoutAFileNothingChanges() throws IOException {
        Vocabulary words = vocabulary("<unk>\nthe\n");
        Pretrained read = Pretrained.read(words, true, Settings.of(Map.of()), new Configuration(), notes::add);
        assertEquals(words, read.words());
        assertNull(read.rows());
    }

    @Test void whatCannotBeIsSaid() {
        assertTrue(refusal("<unk>\nxyz\n").contains("has a vector of none of the 1 words"));
        assertTrue(assertThrows(BadInput.class, () -> Pretrained.read(null, true, settings(), new Configuration(), notes::add)).getMessage().contains("features are read, expected words"));
        assertTrue(assertThrows(BadInput.class, () -> Pretrained.read(vocabulary("<unk>\nthe\n"), true, Settings.of(Map.of("frozenVectors", "true")), new Configuration(), notes::add))
                .getMessage().contains("no vectors; set --vectors"));
    }

    private String refusal(String vocabulary) {
        return assertThrows(BadInput.class, () -> read(vocabulary, true)).getMessage();
    }

    private Pretrained read(String file, String vocabulary, String... more) throws IOException {
        Settings settings = settings(more);
        Files.writeString(dir.resolve("vectors.txt"), file);
        return Pretrained.read(vocabulary(vocabulary), true, settings, new Configuration(), notes::add);
    }

    private Pretrained read(String vocabulary, boolean joins, String... more) throws IOException {
        return Pretrained.read(vocabulary(vocabulary), joins, settings(more), new Configuration(), notes::add);
    }

    private Settings settings(String... more) throws IOException {
        Map<String, String> given = new TreeMap<>(Map.of("embedding", "2", "vectors", Files.writeString(dir.resolve("vectors.txt"), FILE).toString()));
        for (int i = 0; i < more.length; i += 2) given.put(more[i], more[i + 1]);
        return Settings.of(given);
    }

    private static Vocabulary vocabulary(String text) throws IOException {
        return Vocabulary.read(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), Vocabulary.TOKEN, "test");
    }
}
