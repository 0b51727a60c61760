package org.rondo.driver.corpus;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Streams;
import org.rondo.kernels.Window;

class TokensTest {
    private static final Map<String, String> SMALL_SPLITS = Map.of("spark.hadoop.mapreduce.input.fileinputformat.split.maxsize", "301");
    private static final Map<String, String> KRYO = Map.of("spark.serializer", "org.apache.spark.serializer.KryoSerializer",
            "spark.hadoop.mapreduce.input.fileinputformat.split.maxsize", "1009", "spark.rdd.compress", "true");
    @TempDir static Path dir;

    /** What must not show in a shard: how the text lies on the disk, how Spark cuts it, with how many cores it is read. */
    @ParameterizedTest
    @MethodSource("units")
    void shardsAreTheSameBitForBitHoweverTheTextIsCut(String unit) throws IOException {
        List<String> lines = lines(7, 400);
        String longest = String.join(" ", lines.subList(100, 200));     // small splits have parts without a line
        assertTrue(longest.length() > 3 * 301);
        lines.set(150, longest);
        Path one = write(unit + "/one/text.txt", lines), zipped = write(unit + "/gzip/text.gz", lines);
        for (int f = 0, n = 0; n < lines.size(); f++) {         // files of 0 to 6 lines
            int size = f * 31 % 7;
            write(String.format("%s/many/%c/%03d.%s", unit, 'a' + f / 50, f, f % 5 == 0 ? "gz" : "txt"), lines.subList(n, Math.min(n + size, lines.size())));
            n += size;
        }
        int[] sizes = {0, 12, 120, 0, 12, 0, 256, 0};
        for (int f = 0, n = 0; f < sizes.length; n += sizes[f++])
            write(String.format("%s/unequal/%d.%s", unit, f, f < 4 ? "txt" : "gz"), lines.subList(n, n + sizes[f]));
        List<List<int[][]>> all = List.of(
                shards("local[1]", Map.of(), one, unit), shards("local[4]", Map.of(), one, unit),
                shards("local[4]", SMALL_SPLITS, one, unit), shards("local[1]", KRYO, one, unit),
                shards("local[3]", Map.of("spark.default.parallelism", "7"), zipped, unit),
                shards("local[2]", Map.of(), one.getParent().getParent().resolve("many"), unit),
                shards("local[4]", KRYO, one.getParent().getParent().resolve("many"), unit),
                shards("local[3]", SMALL_SPLITS, one.getParent().getParent().resolve("unequal"), unit));
        for (int v = 1; v < all.size(); v++)
            for (int s = 0; s < all.get(0).size(); s++)
                assertArrayEquals(all.get(0).get(s), all.get(v).get(s), unit + ", variant " + v + ", shard " + s);
    }

    /** The checksum too: of the whole, of its parts, and of a text that is the part alone. */
    @Test void theChecksumSaysWhatTheTokensAreAndNotHowTheyAreCut() throws IOException {
        List<String> lines = lines(11, 300);
        Path text = write("checksum/text.txt", lines), part = write("checksum/part.gz", lines.subList(100, 200));
        Set<List<String>> found = new HashSet<>();
        for (Map<String, String> spark : List.of(Map.<String, String>of(), SMALL_SPLITS, KRYO))
            found.add(LocalSpark.with(spark.isEmpty() ? "local[1]" : "local[3]", spark, sc -> {
                Vocabulary vocabulary = Vocabulary.count(Text.open(sc, text.toString()), Settings.of(Map.of("minCount", "30")));
                Tokens all = Tokens.encode(Text.open(sc, text.toString()), vocabulary);
                int before = lines.subList(0, 100).stream().mapToInt(line -> vocabulary.encode(line).length).sum();
                int within = lines.subList(100, 200).stream().mapToInt(line -> vocabulary.encode(line).length).sum();
                String slice = all.slice(before, before + within).checksum();
                assertEquals(Tokens.encode(Text.open(sc, part.toString()), vocabulary).checksum(), slice);
                assertTrue(slice.matches("[0-9a-f]{32}"), slice);
                return List.of(all.checksum(), slice, all.slice(1, all.count()).checksum(), all.slice(0, 0).checksum());
            }));
        assertEquals(1, found.size(), found.toString());
        assertEquals(4, Set.copyOf(found.iterator().next()).size(), found.toString());
    }

    @Test void everyTokenAndItsPlaceCountForTheChecksum() throws IOException {
        LocalSpark.with("local[1]", Map.of(), sc -> {
            Vocabulary vocabulary = Vocabulary.count(Text.open(sc, write("abc.txt", List.of("abc")).toString()), Settings.of(Map.of()));
            Set<String> found = new HashSet<>();
            List<String> texts = List.of("abcabc", "abcacb", "bacabc", "cbaabc", "abcab", "abcabca", "abxabc", "xbcabc", "bbbbbb", "cccccc", "");
            for (String text : texts)
                try (Tokens tokens = Tokens.encode(Text.open(sc, write("changed.txt", List.of(text)).toString()), vocabulary)) {
                    found.add(tokens.checksum());
                }
            assertEquals(texts.size(), found.size());
            return null;
        });
    }

    static Stream<String> units() {
        return Stream.of("character", "word");
    }

    private static List<int[][]> shards(String master, Map<String, String> spark, Path path, String unit) {
        return LocalSpark.with(master, spark, sc -> {
            Text text = Text.open(sc, path.toString());
            Vocabulary vocabulary = Vocabulary.count(text, Settings.of(Map.of("unit", unit, "maxVocabulary", "30")));
            try (Tokens tokens = Tokens.encode(text, vocabulary)) {
                JavaRDD<Shard> shards = tokens.slice(5, tokens.count() - 11).shards(3, 4);
                shards.count();             // persisted: read once from memory
                return shards.collect().stream().map(shard -> streams((Streams) shard)).toList();
            }
        });
    }

    /** The truth is computed without Spark, from the lines. */
    @Test void streamsGiveTheCorpusBackAndEveryTargetExactlyOnce() throws IOException {
        LocalSpark.with("local[2]", SMALL_SPLITS, sc -> {
            for (int seed = 1; seed <= 12; seed++) {
                Random random = new Random(seed);
                String unit = random.nextBoolean() ? "character" : "word";
                List<String> lines = lines(seed, 1 + random.nextInt(60));
                Text text = Text.open(sc, write("seed-" + seed + ".txt", lines).toString());
                Vocabulary vocabulary = Vocabulary.count(text, Settings.of(Map.of("unit", unit, "minCount", "2")));
                int[] corpus = lines.stream().flatMapToInt(line -> IntStream.of(vocabulary.encode(line))).toArray();
                try (Tokens tokens = Tokens.encode(text, vocabulary)) {
                    assertEquals(corpus.length, tokens.count());
                    for (int trial = 0; trial < 4; trial++) {
                        int from = trial == 0 ? 0 : random.nextInt(corpus.length + 1);
                        int to = trial == 0 ? corpus.length : from + random.nextInt(corpus.length - from + 1);
                        int shards = 1 + random.nextInt(5), batch = 1 + random.nextInt(7);
                        String where = "seed " + seed + " [" + from + ", " + to + ") shards " + shards + " batch " + batch;
                        check(Arrays.copyOfRange(corpus, from, to), tokens.slice(from, to).shards(shards, batch), shards, batch, where);
                    }
                }
            }
            return null;
        });
    }

    private static void check(int[] corpus, JavaRDD<Shard> rdd, int shards, int batch, String where) {
        assertEquals(shards, rdd.getNumPartitions(), where);
        assertEquals("shards", rdd.name());
        List<List<Shard>> partitions = rdd.glom().collect();
        BigInteger targets = BigInteger.valueOf(Math.max(0, corpus.length - 1)), streams = BigInteger.valueOf((long) shards * batch);
        for (int s = 0; s < shards; s++) {
            assertEquals(1, partitions.get(s).size(), where);
            Streams shard = (Streams) partitions.get(s).get(0);
            assertEquals(s, shard.number, where);
            assertEquals(batch, shard.batch(), where);
            int[][] came = streams(shard);
            for (int b = 0; b < batch; b++) {
                int k = s * batch + b;
                int first = targets.multiply(BigInteger.valueOf(k)).divide(streams).intValue();
                int last = targets.multiply(BigInteger.valueOf(k + 1)).divide(streams).intValue();
                assertArrayEquals(first == last ? new int[0] : Arrays.copyOfRange(corpus, first, last + 1), came[b], where + " stream " + k);
            }
        }
        rdd.unpersist();
    }

    @Test void aSplitOfManyPiecesIsInOrder() throws IOException {
        LocalSpark.with("local[2]", Map.of(), sc -> {
            List<String> lines = IntStream.range(0, 700_000).mapToObj(Integer::toString).toList();      // 4.8 million characters
            Text text = Text.open(sc, write("pieces.gz", lines).toString());
            Vocabulary digits = Vocabulary.count(text, Settings.of(Map.of()));
            int[] corpus = lines.stream().flatMapToInt(line -> IntStream.of(digits.encode(line))).toArray();
            try (Tokens tokens = Tokens.encode(text, digits)) {
                check(corpus, tokens.shards(2, 3), 2, 3, "pieces");
                check(Arrays.copyOfRange(corpus, 1_500_000, 1_500_100), tokens.slice(1_500_000, 1_500_100).shards(1, 2), 1, 2, "slice");
            }
            return null;
        });
    }

    @Test void charactersAndUnknownTokensAreCountedOfEverySlice() throws IOException {
        LocalSpark.with("local[2]", SMALL_SPLITS, sc -> {
            Text text = Text.open(sc, write("words.txt", List.of(" a  bb", "", "\uD83D\uDE00 a ")).toString());
            Vocabulary words = Vocabulary.count(text, Settings.of(Map.of("unit", "word", "minCount", "2")));    // <unk> <eos> a
            Tokens tokens = Tokens.encode(text, words);
            // tokens:      " a  " "bb" eos  eos  "* " "a " eos
            int[] lengths = {4,    2,   1,   1,   2,   2,   1};
            int[] unknown = {0,    1,   0,   0,   1,   0,   0};
            assertEquals(7, tokens.count());
            for (int from = 0; from <= 7; from++)
                for (int to = from; to <= 7; to++) {
                    Tokens slice = tokens.slice(from, to);
                    assertEquals(to - from, slice.count());
                    assertEquals(Arrays.stream(lengths, from, to).sum(), slice.characters(), from + " to " + to);
                    assertEquals(from == to ? 0 : Arrays.stream(unknown, from, to).sum() / (double) (to - from), slice.unknown(), from + " to " + to);
                }
            assertEquals(" a  bb\n\n* a \n".length(), tokens.characters());
            Tokens characters = Tokens.encode(text, Vocabulary.count(text, Settings.of(Map.of())));
            assertEquals(13, characters.count());
            assertEquals(13, characters.characters());
            assertEquals(5, characters.slice(3, 8).characters());
            assertEquals(0, characters.unknown());
            return null;
        });
    }

    @Test void slicesOutsideAreRefused() throws IOException {
        LocalSpark.with("local[1]", Map.of(), sc -> {
            Text text = Text.open(sc, write("abc.txt", List.of("abc")).toString());
            Tokens tokens = Tokens.encode(text, Vocabulary.count(text, Settings.of(Map.of()))).slice(0, 3);
            assertEquals("slice [2, 4) of 3 tokens", assertThrows(IllegalArgumentException.class, () -> tokens.slice(2, 4)).getMessage());
            assertThrows(IllegalArgumentException.class, () -> tokens.slice(-1, 2));
            assertThrows(IllegalArgumentException.class, () -> tokens.slice(2, 1));
            assertEquals("shards 65536 x batch 65536 are 4294967296 streams, expected at most 2147483647; lower one of them",
                    assertThrows(BadInput.class, () -> tokens.shards(65_536, 65_536)).getMessage());
            return null;
        });
    }

    @Test void closingReleasesThePiecesAndShardsOutliveThem() throws IOException {
        LocalSpark.with("local[2]", Map.of(), sc -> {
            Text text = Text.open(sc, write("close.txt", lines(3, 50)).toString());
            Tokens tokens = Tokens.encode(text, Vocabulary.count(text, Settings.of(Map.of())));
            JavaRDD<Shard> shards = tokens.slice(0, 100).shards(2, 2);
            List<int[][]> before = shards.collect().stream().map(shard -> streams((Streams) shard)).toList();
            assertEquals(List.of("shards", "tokens"), persisted(sc));
            tokens.slice(0, 10).close();
            assertEquals(List.of("shards"), persisted(sc));
            shards.unpersist(true);
            List<int[][]> again = tokens.slice(0, 100).shards(2, 2).collect().stream().map(shard -> streams((Streams) shard)).toList();
            for (int s = 0; s < 2; s++) assertArrayEquals(before.get(s), again.get(s));
            return null;
        });
    }

    @Test void aTextThatChangesWhileItIsUsedIsAnError() throws IOException {
        LocalSpark.with("local[1]", Map.of(), sc -> {
            Path file = write("changing.txt", List.of("abcdef", "ghijkl"));
            Text text = Text.open(sc, file.toString());
            Tokens tokens = Tokens.encode(text, Vocabulary.count(text, Settings.of(Map.of())));
            tokens.close();
            write("changing.txt", List.of("abc"));
            String message = assertThrows(Exception.class, () -> tokens.shards(1, 1).count()).getMessage();
            assertTrue(message.contains("shard 0 lacks "), message);
            assertFalse(tokens.count() < 14);
            return null;
        });
    }

    private static List<String> persisted(JavaSparkContext sc) {
        return sc.getPersistentRDDs().values().stream().map(JavaRDD::name).sorted().toList();
    }

    /** Lines of few different letters, some empty, some with blanks at their ends, with letters of 1 to 4 bytes. */
    private static List<String> lines(int seed, int count) {
        Random random = new Random(seed);
        String[] letters = {"a", "b", "c", "d", "e", " ", " ", "\u00e4", "\u20ac", "\uD83D\uDE00"};
        List<String> lines = new ArrayList<>();
        for (int n = 0; n < count; n++) {
            StringBuilder line = new StringBuilder();
            for (int c = random.nextInt(40) - 4; c > 0; c--) line.append(letters[random.nextInt(letters.length)]);
            lines.add(line.toString());
        }
        return lines;
    }

    /** The streams of a shard as its windows show them; one without targets is empty. */
    private static int[][] streams(Streams shard) {
        int longest = (int) shard.targets() + 1, batch = shard.batch();
        if (longest > 10_000) longest = longest / batch + 2;
        Window window = shard.window(0, longest);
        int[][] streams = new int[batch][];
        for (int b = 0; b < batch; b++) {
            int n = 0;
            while (n < longest && window.targets()[n * batch + b] != Window.NONE) n++;
            streams[b] = new int[n == 0 ? 0 : n + 1];
            for (int t = 0; t < n; t++) {
                streams[b][t] = window.ids()[t * batch + b];
                streams[b][t + 1] = window.targets()[t * batch + b];
            }
        }
        return streams;
    }

    private static Path write(String name, List<String> lines) {
        try {
            Path file = dir.resolve(name);
            Files.createDirectories(file.getParent());
            try (OutputStream out = name.endsWith(".gz") ? new GZIPOutputStream(Files.newOutputStream(file)) : Files.newOutputStream(file)) {
                for (String line : lines) out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
            }
            return file;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
