package org.rondo.driver.corpus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.StreamSupport;
import java.util.zip.GZIPOutputStream;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.security.AccessControlException;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;

class TextTest {
    private static JavaSparkContext sc;
    private static final AtomicInteger tasks = new AtomicInteger(), failures = new AtomicInteger();
    @TempDir Path dir;

    @BeforeAll static void start() {
        sc = new JavaSparkContext(new SparkConf(false).setMaster("local[2,4]").setAppName("test").set("spark.ui.enabled", "false")
                .set("spark.hadoop.textinputformat.record.delimiter", "|")                  // what a cluster may have set
                .set("spark.hadoop.mapreduce.input.linerecordreader.line.maxlength", "5"));
        sc.sc().addSparkListener(new SparkListener() {
            @Override public void onTaskEnd(SparkListenerTaskEnd end) {
                tasks.incrementAndGet();
                if (!end.taskInfo().successful()) failures.incrementAndGet();
            }
        });
    }

    @AfterAll static void stop() {
        sc.close();
        assertTrue(tasks.get() > 0);
        assertEquals(0, failures.get(), "tasks that failed, and so were tried again: defects are data");
    }

    @Test void linesEndWithLfCrLfOrCrAndAByteOrderMarkIsNone() throws IOException {
        assertEquals(List.of("eins", "", "zwei|drei", "vier", "fünf"),
                lines(write("a.txt", "\uFEFFeins\n\r\nzwei|drei\rvier\nfünf".getBytes(StandardCharsets.UTF_8))));
    }

    @Test void aFolderIsReadWithAllBelowItByPathAndWithoutHiddenNames() throws IOException {
        write("t/b.txt", "2\n");
        write("t/a/z.txt", "1\n");
        write("t/c.txt.gz", gzip("3\n"));
        write("t/_SUCCESS", "hidden\n");
        write("t/.a/x.txt", "hidden\n");
        assertEquals(List.of("1", "2", "3"), lines(dir.resolve("t")));
        assertEquals(List.of("2", "3"), lines(dir.resolve("t/*.txt*")));
        assertEquals(List.of("2", "3"), lines(dir.resolve("t/{b,c}.*")));
    }

    @Test void namesMayHaveCommasBlanksAndTheLettersOfGlobs() throws IOException {
        assertEquals(List.of("1"), lines(write("a, b.txt", "1\n")));
        write("1.txt", "glob\n");
        assertEquals(List.of("2"), lines(write("[1].txt", "2\n")));
        assertEquals(List.of("3"), lines(write("{x,y}?*\\.txt", "3\n")));
        write("d [2], {3}/a,1.txt", "4\n");
        assertEquals(List.of("4"), lines(dir.resolve("d [2], {3}")));
    }

    @Test void thePathIsReportedAsItIsNamed() throws IOException {
        assertEquals("file:" + dir + "/{1}.txt", Text.open(sc, write("{1}.txt", "1\n").toString()).path());
    }

    @Test void sparkMayNotLeaveOutFilesWithoutAWord() throws IOException {
        Path file = write("a.txt", "1\n");
        for (String key : List.of("spark.files.ignoreCorruptFiles", "spark.files.ignoreMissingFiles")) {
            sc.sc().conf().set(key, "true");
            try {
                assertTrue(refused(file).startsWith(key + " is true: "), refused(file));
            } finally {
                sc.sc().conf().remove(key);
            }
        }
    }

    @Test void aHundredSmallFilesAreFewTasksInTheOrderOfTheirNames() throws IOException {
        List<String> expected = new ArrayList<>();
        for (int n = 0; n < 100; n++) {
            write("many/" + String.format("%03d", n), "line " + n + "\n");
            expected.add("line " + n);
        }
        assertEquals(expected, lines(dir.resolve("many")));
        assertEquals(64, Text.open(sc, dir.resolve("many").toString()).read((file, start, lines) -> lines).getNumPartitions());
    }

    @Test void aPathThatIsNotThereIsNamedInFull() {
        assertEquals("there is no file:" + dir + "/none.txt (given as '" + dir + "/none.txt'), expected a file, a folder or a glob; check the path",
                refused(dir.resolve("none.txt")));
        assertTrue(assertThrows(BadInput.class, () -> Text.open(sc, "none")).getMessage()
                .startsWith("there is no file:" + Path.of("none").toAbsolutePath() + " (given as 'none')"));
    }

    @Test void aGlobWithoutMatchesIsNamed() {
        assertEquals("nothing matches file:" + dir + "/*.txt (given as '" + dir + "/*.txt'), expected at least one file; check the glob",
                refused(dir.resolve("*.txt")));
    }

    @Test void aFolderWithoutFilesIsNamed() throws IOException {
        Files.createDirectories(dir.resolve("empty/below"));
        assertEquals("no text in file:" + dir + "/empty, expected at least one file that is not empty and whose name does not start with _ or .", refused(dir.resolve("empty")));
        assertEquals("no text in file:" + dir + "/_hidden, expected at least one file that is not empty and whose name does not start with _ or .",
                refused(write("_hidden", "text\n")));
    }

    @Test void aFileSystemThatIsNotThereIsNamed() {
        assertTrue(assertThrows(BadInput.class, () -> Text.open(sc, "nowhere://x/y")).getMessage()
                .contains("cannot read 'nowhere://x/y': No FileSystem for scheme \"nowhere\""));
        assertTrue(assertThrows(BadInput.class, () -> Text.open(sc, "")).getMessage().startsWith("cannot read '': "));
        assertTrue(assertThrows(BadInput.class, () -> Text.open(sc, "a:b.txt")).getMessage().startsWith("cannot read 'a:b.txt': "));
    }

    @Test void bytesThatAreNotUtf8AreNamedByFileOffsetAndByte() throws IOException {
        write("bad/b.txt", new byte[] {'o', 'k', '\n', 'x', (byte) 0xFF, '\n'});
        Path first = write("bad/a.txt", "erste\nGr\u00fc\u00dfe\n".getBytes(StandardCharsets.ISO_8859_1));
        String expected = "file:" + first + " is not UTF-8: byte 0xFC, number 2 of the line at offset 6; "
                + "convert the file, e.g. iconv -f ISO-8859-1 -t UTF-8, or remove the line";
        assertEquals(expected, counted(dir.resolve("bad")));
        Vocabulary letters = vocabulary("Grüße");
        assertEquals(expected, assertThrows(BadInput.class, () -> Tokens.encode(Text.open(sc, dir.resolve("bad").toString()), letters)).getMessage());
    }

    @Test void everyKindOfWrongUtf8IsRefused() throws IOException {
        byte[][] wrong = {
            {(byte) 0x80},                                          // continuation alone
            {(byte) 0xC3},                                          // cut off
            {(byte) 0xC0, (byte) 0x80},                             // overlong NUL
            {(byte) 0xED, (byte) 0xA0, (byte) 0x80},                // surrogate D800
            {(byte) 0xF4, (byte) 0x90, (byte) 0x80, (byte) 0x80}};  // beyond 10FFFF
        for (byte[] bytes : wrong)
            assertTrue(counted(write("wrong.txt", bytes)).contains("is not UTF-8: byte " + String.format("0x%02X", bytes[0]) + ", number 0 of the line at offset 0"),
                    Arrays.toString(bytes));
    }

    @Test void offsetsInAGzipAreThoseOfItsText() throws IOException {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        text.writeBytes("0123456789\n".getBytes(StandardCharsets.UTF_8));
        text.write(0xFF);
        assertTrue(counted(write("x.gz", gzip(text.toByteArray()))).contains(
                "x.gz is not UTF-8: byte 0xFF, number 0 of the line at offset 11 of the decompressed text; "));
    }

    @Test void aDamagedGzipIsNamed() throws IOException {
        StringBuilder text = new StringBuilder();
        for (int n = 0; n < 20_000; n++) text.append(n * 7919L % 10_007).append('\n');
        byte[] whole = gzip(text.toString());
        Path truncated = write("truncated.gz", Arrays.copyOf(whole, whole.length / 2));
        assertTrue(counted(truncated).startsWith("cannot decompress file:" + truncated + " after byte "), counted(truncated));
        byte[] flipped = whole.clone();
        flipped[whole.length - 6] ^= 1;     // in the trailer's CRC
        assertTrue(counted(write("flipped.gz", flipped)).startsWith("cannot decompress file:"));
        Path plain = write("plain.gz", "this is no gzip\n");
        assertTrue(counted(plain).startsWith("cannot decompress file:" + plain + " after byte 0 of its text: "), counted(plain));
        assertTrue(counted(plain).endsWith("; the file is damaged, truncated or not what its name says: copy it again"));
    }

    @Test void aFileThatIsGoneIsNamedAndNotTriedAgain() throws IOException {
        write("gone/a.txt", "1\n");
        Path gone = write("gone/b.txt", "2\n");
        Text text = Text.open(sc, gone.getParent().toString());
        Files.delete(gone);
        String message = assertThrows(BadInput.class, () -> Vocabulary.count(text, Settings.of(Map.of()))).getMessage();
        assertTrue(message.startsWith("cannot read file:" + gone + ": ") && message.endsWith("; check that it is there, and its permissions"), message);
    }

    @Test void aFileThatMayNotBeReadIsNamedAndNotTriedAgain() throws IOException {
        Path file = write("secret.txt", "1\n");
        sc.hadoopConfiguration().set("fs.locked.impl", Locked.class.getName());
        assertEquals("cannot read locked:" + file + ": Permission denied: user=nobody, access=READ; check that it is there, and its permissions",
                assertThrows(BadInput.class, () -> Vocabulary.count(Text.open(sc, "locked:" + file), Settings.of(Map.of()))).getMessage());
    }

    /** The local disk, whose files are seen but may not be opened. Whoever runs the test: permissions do not hold for root. */
    public static final class Locked extends RawLocalFileSystem {
        @Override public String getScheme() {
            return "locked";
        }

        @Override public URI getUri() {
            return URI.create("locked:///");
        }

        @Override public FSDataInputStream open(org.apache.hadoop.fs.Path file, int bufferSize) throws IOException {
            throw new AccessControlException("Permission denied: user=nobody, access=READ");
        }
    }

    @Test void anEmptyTextIsRefused() throws IOException {
        Path zero = write("zero.txt", "");
        assertEquals("no text in file:" + zero + ", expected at least one file that is not empty and whose name does not start with _ or .", refused(zero));
        Path empty = write("empty.gz", gzip(""));
        assertEquals("file:" + empty + " is empty, expected at least one line of text", counted(empty));
        Vocabulary letters = vocabulary("a");
        assertEquals("file:" + empty + " is empty, expected at least one line of text",
                assertThrows(BadInput.class, () -> Tokens.encode(Text.open(sc, empty.toString()), letters)).getMessage());
    }

    private record Line(String file, long start, int number, String text) { }

    private List<String> lines(Path path) {
        Text text = Text.open(sc, path.toString());
        List<String> numbered = text.read((file, start, lines) -> {
            int[] n = {0};
            Iterable<String> once = () -> lines;
            return StreamSupport.stream(once.spliterator(), false).map(line -> file + "\t" + start + "\t" + n[0]++ + "\t" + line).iterator();
        }).collect();
        text.check();
        return numbered.stream().map(s -> s.split("\t", -1))
                .map(f -> new Line(f[0], Long.parseLong(f[1]), Integer.parseInt(f[2]), f[3]))
                .sorted(Comparator.comparing(Line::file).thenComparing(Line::start).thenComparing(Line::number)).map(Line::text).toList();
    }

    private static Vocabulary vocabulary(String letters) {
        StringBuilder file = new StringBuilder("<unk>\n");
        letters.codePoints().distinct().forEach(c -> file.appendCodePoint(c).append('\n'));
        try {
            return Vocabulary.read(new java.io.ByteArrayInputStream(file.toString().getBytes(StandardCharsets.UTF_8)), "character", "test");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private String refused(Path path) {
        return assertThrows(BadInput.class, () -> Text.open(sc, path.toString())).getMessage();
    }

    private String counted(Path path) {
        return assertThrows(BadInput.class, () -> Vocabulary.count(Text.open(sc, path.toString()), Settings.of(Map.of()))).getMessage();
    }

    private Path write(String name, String text) throws IOException {
        return write(name, text.getBytes(StandardCharsets.UTF_8));
    }

    private Path write(String name, byte[] bytes) throws IOException {
        Path file = dir.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.write(file, bytes);
    }

    private static byte[] gzip(String text) throws IOException {
        return gzip(text.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] gzip(byte[] bytes) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(bytes);
        }
        return out.toByteArray();
    }
}
