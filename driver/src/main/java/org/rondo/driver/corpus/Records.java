package org.rondo.driver.corpus;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.LongWritable;
import org.apache.hadoop.io.NullWritable;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.io.compress.CompressionCodecFactory;
import org.apache.hadoop.io.compress.SplittableCompressionCodec;
import org.apache.hadoop.mapreduce.InputSplit;
import org.apache.hadoop.mapreduce.JobContext;
import org.apache.hadoop.mapreduce.RecordReader;
import org.apache.hadoop.mapreduce.TaskAttemptContext;
import org.apache.hadoop.mapreduce.TaskAttemptID;
import org.apache.hadoop.mapreduce.lib.input.FileInputFormat;
import org.apache.hadoop.mapreduce.lib.input.FileSplit;
import org.apache.hadoop.mapreduce.task.TaskAttemptContextImpl;
import org.rondo.driver.Storage;

/** The records of text files, each once and whole, wherever Hadoop cuts the files: {@link Lines}, or {@link Blocks} of lines
 *  between blank ones (white space only) or a file's ends.
 *
 *  <p>Which lines are a split's is Hadoop's rule, that of its LineRecordReader. A block is read in the split that has the blank
 *  line before it, and a file's first block in the first split; so a split that is not the first begins after its first blank
 *  line, and the reader goes on into later splits to the end of the last block that is its own. */
abstract class Records extends FileInputFormat<NullWritable, Records.Record> {
    /** A file without blank lines is one block, and more likely none at all. */
    static final int MOST_BYTES = 64 << 20;

    /** One record.
     *  @param line   number of its first line, from 0, among those of the split
     *  @param offset of its first line in the file; in what is decompressed, and for a codec that can be split as Hadoop counts
     *  @param broken index of the first line that is not text, -1 if all are
     *  @param defect what is wrong with that line; or, with {@code broken} -1, with the file, which cannot be read on; or null */
    record Record(long line, long offset, List<String> lines, int broken, String defect) {
        boolean endsFile() {
            return defect != null && broken < 0;
        }
    }

    public static final class Lines extends Records {
        @Override boolean blocks() {
            return false;
        }
    }

    public static final class Blocks extends Records {
        @Override boolean blocks() {
            return true;
        }
    }

    abstract boolean blocks();

    @Override protected boolean isSplitable(JobContext context, Path file) {
        CompressionCodec codec = new CompressionCodecFactory(context.getConfiguration()).getCodec(file);
        return codec == null || codec instanceof SplittableCompressionCodec;
    }

    @Override public RecordReader<NullWritable, Record> createRecordReader(InputSplit split, TaskAttemptContext context) {
        return new Reader(blocks());
    }

    /** The lines of a file from its start to a byte, for the driver to look at. */
    static RecordReader<NullWritable, Record> lines(Path file, long end, Configuration conf) throws IOException {
        Reader reader = new Reader(false);
        reader.initialize(new FileSplit(file, 0, end, new String[0]), new TaskAttemptContextImpl(conf, new TaskAttemptID()));
        return reader;
    }

    private static final class Reader extends RecordReader<NullWritable, Record> {
        private final boolean blocks;
        private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder();
        private FileSplit split;
        private TaskAttemptContext context;
        private RecordReader<LongWritable, Text> lines;
        private boolean beyond;     // the split, in what follows of the file
        private boolean ours;       // whether the next block is
        private boolean ended;
        private long number = -1;   // of the line read last
        private Record record;

        Reader(boolean blocks) {
            this.blocks = blocks;
        }

        @Override public void initialize(InputSplit split, TaskAttemptContext context) throws IOException {
            this.split = (FileSplit) split;
            this.context = context;
            ours = this.split.getStart() == 0;
            lines = open(this.split);
        }

        private RecordReader<LongWritable, Text> open(FileSplit part) throws IOException {
            RecordReader<LongWritable, Text> reader = new org.rondo.driver.corpus.Text.Format().createRecordReader(part, context);
            try {
                reader.initialize(part, context);
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
            return reader;
        }

        @Override public boolean nextKeyValue() throws IOException, InterruptedException {
            if (ended) return false;
            long at = 0;
            try {
                ended = !(blocks ? nextBlock() : nextLine());
                return !ended;
            } catch (IOException e) {
                if (number >= 0) at = lines.getCurrentKey().get();
                String defect = org.rondo.driver.corpus.Text.defect(split.getPath().toString(), at, e);
                if (defect == null) throw e;
                record = new Record(number + 1, at, List.of(), -1, defect);
                return ended = true;
            }
        }

        private boolean nextLine() throws IOException, InterruptedException {
            if (!advance()) return false;
            Building building = new Building(number, lines.getCurrentKey().get());
            building.add(lines.getCurrentValue());
            record = building.record();
            return true;
        }

        private boolean nextBlock() throws IOException, InterruptedException {
            do {
                if (!advance() || beyond && !ours) return false;
                if (isBlank(lines.getCurrentValue())) ours = !beyond;
                else if (ours) break;
            } while (true);
            Building building = new Building(number, lines.getCurrentKey().get());
            do building.add(lines.getCurrentValue());
            while (advance() && !isBlank(lines.getCurrentValue()));
            ours = !beyond;
            record = building.record();
            return true;
        }

        /** To the next line, for blocks also beyond the split. */
        private boolean advance() throws IOException, InterruptedException {
            while (!lines.nextKeyValue()) {
                if (!blocks || beyond) return false;
                beyond = true;
                long end = split.getStart() + split.getLength();
                long length = Storage.of(split.getPath(), context.getConfiguration()).getFileStatus(split.getPath()).getLen();
                if (length <= end) return false;
                lines.close();
                lines = open(new FileSplit(split.getPath(), end, length - end, new String[0]));
            }
            number++;
            return true;
        }

        @Override public NullWritable getCurrentKey() {
            return NullWritable.get();
        }

        @Override public Record getCurrentValue() {
            return record;
        }

        @Override public float getProgress() throws IOException, InterruptedException {
            return beyond ? 1 : lines.getProgress();
        }

        @Override public void close() throws IOException {
            if (lines != null) lines.close();
        }

        /** A record, line by line. */
        private final class Building {
            private final long line, offset;
            private final List<String> decoded = new ArrayList<>();
            private long bytes;
            private int broken = -1;
            private String defect;

            Building(long line, long offset) {
                this.line = line;
                this.offset = offset;
            }

            void add(Text line) {
                if (broken >= 0) return;
                bytes += line.getLength();
                ByteBuffer encoded = ByteBuffer.wrap(line.getBytes(), 0, line.getLength());
                try {
                    if (blocks && bytes > MOST_BYTES) defect = "more than " + (MOST_BYTES >> 20)
                            + " MiB without a blank line, expected one after every sequence; check the format";
                    else decoded.add(utf8.decode(encoded).toString());
                } catch (CharacterCodingException e) {
                    defect = "not UTF-8: byte " + String.format("0x%02X", line.getBytes()[encoded.position()]) + ", number " + encoded.position()
                            + " of the line; convert the file, e.g. iconv -f ISO-8859-1 -t UTF-8";
                }
                if (defect != null) broken = decoded.size();
            }

            Record record() {
                return new Record(line, offset, defect == null ? decoded : List.of(), broken, defect);
            }
        }

        private static boolean isBlank(Text line) {
            for (int n = 0; n < line.getLength(); n++) {
                byte b = line.getBytes()[n];
                if (b < 0) return line.toString().codePoints().allMatch(c -> Character.isWhitespace(c) || Character.isSpaceChar(c));
                if (!Character.isWhitespace(b)) return false;
            }
            return true;
        }
    }
}
