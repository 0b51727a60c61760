package org.rondo.driver.corpus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.io.NullWritable;
import org.apache.hadoop.io.compress.BZip2Codec;
import org.apache.hadoop.mapreduce.RecordReader;
import org.apache.hadoop.mapreduce.TaskAttemptID;
import org.apache.hadoop.mapreduce.lib.input.FileSplit;
import org.apache.hadoop.mapreduce.task.TaskAttemptContextImpl;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecordsTest {
    private final Configuration conf = new Configuration(false);
    @TempDir Path dir;

    /** Every way in which lines end, in one alphabet: the cut may come between \r and \n, in a byte order mark, in a character. */
    @ParameterizedTest @ValueSource(strings = {
        "a 1\nb 2\n\nc 3\n\nd 4\n",
        "\n\n \t\n\na\n\u3000\nb\n\t\n\n\nc",
        "a\r\nb\r\n\r\n\r\nc\r\n \r\nd\r\n",
        "a\rb\r\rc\r\n\rd\n\r\n\re",
        "\uFEFFa\n\nb\n",
        "\u00fc\u4e2d\ud83d\ude00\n\n\u00a0\n\u00fc\n\u2028\n\u4e2d",
        "only one block\nof two lines",
        "\n", " ", "a", "\n\n\n", "a\n\n\n\n\n\n\n\nb", "\n\n\n\n\n\na"})
    void aFileCutAnywhereHasTheSameRecords(String text) throws Exception {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        Path file = Files.write(dir.resolve("a.txt"), bytes);
        List<String> lines = linesOf(text), blocks = blocksOf(lines);
        for (int first = 0; first <= bytes.length; first++)
            for (int second = first; second <= bytes.length; second++) {
                assertEquals(lines, read(new Records.Lines(), file, first, second), "lines, cut at " + first + " and " + second);
                assertEquals(blocks, read(new Records.Blocks(), file, first, second), "blocks, cut at " + first + " and " + second);
            }
        int[] everywhere = new int[bytes.length];
        for (int n = 0; n < everywhere.length; n++) everywhere[n] = n;
        assertEquals(lines, read(new Records.Lines(), file, everywhere));
        assertEquals(blocks, read(new Records.Blocks(), file, everywhere));
    }

    @Test void randomFilesInRandomPiecesHaveTheSameRecords() throws Exception {
        for (int seed = 0; seed < 300; seed++) {
            Random random = new Random(seed);
            StringBuilder text = new StringBuilder();
            String[] pieces = {"a", "bc", " ", "\t", "\n", "\n", "\n\n", "\r\n", "\r", "\u00fc", "\u2003"};
            for (int n = random.nextInt(60); n > 0; n--) text.append(pieces[random.nextInt(pieces.length)]);
            byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
            if (bytes.length == 0) continue;
            Path file = Files.write(dir.resolve("random.txt"), bytes);
            int[] cuts = random.ints(1 + random.nextInt(6), 0, bytes.length + 1).sorted().toArray();
            List<String> lines = linesOf(text.toString());
            assertEquals(lines, read(new Records.Lines(), file, cuts), "seed " + seed);
            assertEquals(blocksOf(lines), read(new Records.Blocks(), file, cuts), "seed " + seed);
        }
    }

    @Test void aCompressedFileThatCanBeCutHasTheSameRecords() throws Exception {
        StringBuilder text = new StringBuilder();
        Random random = new Random(1);
        for (int n = 0; n < 60_000; n++) text.append(random.nextInt(9) == 0 ? "" : Integer.toString(random.nextInt(1 << 30), 36)).append('\n');
        conf.set("bzip2.compress.blocksize", "1");
        BZip2Codec codec = new BZip2Codec();
        codec.setConf(conf);
        ByteArrayOutputStream compressed = new ByteArrayOutputStream();
        try (OutputStream out = codec.createOutputStream(compressed)) {
            out.write(text.toString().getBytes(StandardCharsets.UTF_8));
        }
        Path file = Files.write(dir.resolve("a.bz2"), compressed.toByteArray());
        List<String> lines = linesOf(text.toString()), blocks = blocksOf(lines);
        int size = compressed.size();
        for (int part : new int[] {size, size / 2, size / 3 + 1, 50_001, 10_007}) {
            TreeSet<Integer> cuts = new TreeSet<>();
            for (int at = part; at < size; at += part) cuts.add(at);
            int[] array = cuts.stream().mapToInt(n -> n).toArray();
            assertEquals(lines, read(new Records.Lines(), file, array), part + " of " + size);
            assertEquals(blocks, read(new Records.Blocks(), file, array), part + " of " + size);
        }
    }

    @Test void aBlockWithoutEndIsToldAndReadingGoesOn() throws Exception {
        Path file = dir.resolve("long.txt");
        try (OutputStream out = Files.newOutputStream(file)) {
            byte[] line = ("x".repeat(1 << 20) + "\n").getBytes(StandardCharsets.UTF_8);
            for (int n = 0; n < 65; n++) out.write(line);
            out.write("\nb\n".getBytes(StandardCharsets.UTF_8));
        }
        List<Records.Record> records = records(new Records.Blocks(), file, 0, Files.size(file));
        assertEquals("more than 64 MiB without a blank line, expected one after every sequence; check the format", records.get(0).defect());
        assertEquals(64, records.get(0).broken());      // 64 lines are 64 MiB, and no more
        assertEquals(new Records.Record(66, 65L * ((1 << 20) + 1) + 1, List.of("b"), -1, null), records.get(1));
        assertEquals(2, records.size());
    }

    @Test void aLineThatIsNoTextIsNumberedWithinItsRecord() throws Exception {
        Path file = Files.write(dir.resolve("a.txt"), new byte[] {'\n', 'a', '\n', 'b', (byte) 0xFF, '\n', 'c', '\n', '\n', 'd'});
        List<Records.Record> records = records(new Records.Blocks(), file, 0, 10);
        assertEquals(new Records.Record(1, 1, List.of(), 1, "not UTF-8: byte 0xFF, number 1 of the line; convert the file, e.g. iconv -f ISO-8859-1 -t UTF-8"), records.get(0));
        assertEquals(List.of("d"), records.get(1).lines());
    }

    /** The records, and by their lines' numbers and offsets that they are where they are said to be. */
    private List<String> read(Records format, Path file, int... cuts) throws Exception {
        List<String> read = new ArrayList<>();
        long size = Files.size(file), from = 0;
        for (int n = 0; n <= cuts.length; n++) {
            long to = n < cuts.length ? cuts[n] : size;
            if (to == from) continue;
            long before = 0;
            try (RecordReader<NullWritable, Records.Record> lines = Records.lines(new org.apache.hadoop.fs.Path(file.toUri()), from, conf)) {
                while (from > 0 && lines.nextKeyValue()) before++;
            }
            for (Records.Record record : records(format, file, from, to - from)) read.add(before + record.line() + ": " + String.join("\n", record.lines()));
            from = to;
        }
        return read;
    }

    private List<Records.Record> records(Records format, Path file, long start, long length) throws Exception {
        List<Records.Record> records = new ArrayList<>();
        FileSplit split = new FileSplit(new org.apache.hadoop.fs.Path(file.toUri()), start, length, new String[0]);
        TaskAttemptContextImpl context = new TaskAttemptContextImpl(conf, new TaskAttemptID());
        try (RecordReader<NullWritable, Records.Record> reader = format.createRecordReader(split, context)) {
            reader.initialize(split, context);
            while (reader.nextKeyValue()) records.add(reader.getCurrentValue());
        }
        for (Records.Record record : records) assertTrue(record.line() >= 0 && record.offset() >= 0);
        return records;
    }

    /** With its number. */
    private static List<String> linesOf(String text) {
        List<String> lines = new ArrayList<>(List.of((text.startsWith("\uFEFF") ? text.substring(1) : text).split("\r\n|\r|\n", -1)));
        if (lines.get(lines.size() - 1).isEmpty()) lines.remove(lines.size() - 1);
        for (int n = 0; n < lines.size(); n++) lines.set(n, n + ": " + lines.get(n));
        return lines;
    }

    private static List<String> blocksOf(List<String> lines) {
        List<String> blocks = new ArrayList<>();
        boolean within = false;
        for (String numbered : lines) {
            String line = numbered.substring(numbered.indexOf(": ") + 2);
            boolean blank = line.replaceAll("[\\s\\u00a0\\u2003\\u2028\\u3000]", "").isEmpty();
            if (!blank && within) blocks.set(blocks.size() - 1, blocks.get(blocks.size() - 1) + "\n" + line);
            else if (!blank) blocks.add(numbered);
            within = !blank;
        }
        return blocks;
    }
}
