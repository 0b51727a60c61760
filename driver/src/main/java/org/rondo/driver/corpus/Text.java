package org.rondo.driver.corpus;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.util.Comparator;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.LongWritable;
import org.apache.hadoop.io.compress.CompressionCodecFactory;
import org.apache.hadoop.mapreduce.InputSplit;
import org.apache.hadoop.mapreduce.RecordReader;
import org.apache.hadoop.mapreduce.TaskAttemptContext;
import org.apache.hadoop.mapreduce.lib.input.FileSplit;
import org.apache.hadoop.mapreduce.lib.input.LineRecordReader;
import org.apache.hadoop.mapreduce.lib.input.TextInputFormat;
import org.apache.hadoop.security.AccessControlException;
import org.apache.spark.api.java.JavaNewHadoopRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.CollectionAccumulator;
import org.rondo.driver.BadInput;
import scala.Tuple2;

/** Text on any Hadoop file system: by definition its lines, each ended by '\n', in the order (path, offset). Lines are read
 *  as Hadoop reads them: they end with \n, \r or \r\n, a byte order mark is dropped, compression goes by the file's name. */
public final class Text {
    private final JavaSparkContext sc;
    private final Input input;
    private final JavaNewHadoopRDD<LongWritable, org.apache.hadoop.io.Text> splits;
    private final CollectionAccumulator<Defect> defects;

    /** What a pass makes of one split. A split starts at byte {@code start} of {@code file}; the lines are those that start in it. */
    @FunctionalInterface
    interface Reader<T> extends Serializable {
        Iterator<T> read(String file, long start, Iterator<String> lines);
    }

    private Text(Input input, JavaNewHadoopRDD<LongWritable, org.apache.hadoop.io.Text> splits, JavaSparkContext sc) {
        this.sc = sc;
        this.input = input;
        this.splits = splits;
        this.defects = sc.sc().collectionAccumulator("defects of " + path());
    }

    /** @param path as {@link Input} says
     *  @throws BadInput if there is no such path, or no file with text in it */
    public static Text open(JavaSparkContext sc, String path) {
        Input input = Input.of(sc, path);
        return new Text(input, input.splits(Format.class, LongWritable.class, org.apache.hadoop.io.Text.class), sc);
    }

    /** Absolute, with its file system, as given to {@link #open}. */
    public String path() {
        return input.path().toString();
    }

    JavaSparkContext context() {
        return sc;
    }

    /** What the jobs that follow are for, to people who look at Spark's pages. */
    void says(String what) {
        sc.setJobGroup("reading", what + " " + path(), true);
    }

    /** One record stream over all splits, in no order. A pass that has run calls {@link #check} before it uses a result. */
    <T> JavaRDD<T> read(Reader<T> reader) {
        CollectionAccumulator<Defect> found = defects;
        JavaRDD<T> read = splits.mapPartitionsWithInputSplit((split, records) -> {
            FileSplit part = (FileSplit) split;
            return reader.read(part.getPath().toString(), part.getStart(), new Lines(part.getPath().toString(), records, found));
        }, false);
        return input.inFewTasks(read);
    }

    /** Defects travel as data: an exception in a task would be tried four times, and reach the driver as a string.
     *  @throws BadInput for the first line, in the order of the text, that a pass could not read */
    void check() {
        defects.value().stream().min(Comparator.comparing((Defect d) -> d.file).thenComparing(d -> d.offset))
                .ifPresent(first -> { throw new BadInput(first.message); });
    }

    /** Hadoop's, but a file that may not be opened, or is gone, says so when its first line is read and not before: Spark opens a
     *  split where nobody can catch what it throws. */
    public static final class Format extends TextInputFormat {
        @Override public RecordReader<LongWritable, org.apache.hadoop.io.Text> createRecordReader(InputSplit split, TaskAttemptContext context) {
            return new LineRecordReader() {
                private IOException unreadable;

                @Override public void initialize(InputSplit split, TaskAttemptContext context) throws IOException {
                    try {
                        super.initialize(split, context);
                    } catch (FileNotFoundException | AccessControlException | AccessDeniedException e) {     // trying again is no use
                        unreadable = new Unreadable(e);
                    }
                }

                @Override public boolean nextKeyValue() throws IOException {
                    if (unreadable != null) throw unreadable;
                    return super.nextKeyValue();
                }
            };
        }
    }

    private static final class Unreadable extends IOException {
        private static final long serialVersionUID = 1;

        Unreadable(IOException cause) {
            super(String.valueOf(cause.getMessage()).lines().findFirst().orElse(""), cause);      // HDFS adds the stack of its server
        }
    }

    /** What is wrong with a file that cannot be read on, and that trying again does not mend; null where it may.
     *  @param offset in its text of the last line read */
    static String defect(String file, long offset, Exception failure) {
        if (failure instanceof Unreadable) return "cannot read " + file + ": " + failure.getMessage() + "; check that it is there, and its permissions";
        if (!(failure instanceof IOException) || !isCompressed(file)) return null;
        return "cannot decompress " + file + " after byte " + offset + " of its text: " + failure.getMessage()
                + "; the file is damaged, truncated or not what its name says: copy it again";
    }

    static boolean isCompressed(String file) {
        return new CompressionCodecFactory(new Configuration(false)).getCodec(new Path(file)) != null;
    }

    /** Something in a file that is not text. */
    private static final class Defect implements Serializable {
        private static final long serialVersionUID = 1;
        final String file;
        final long offset;
        final String message;

        Defect(String file, long offset, String message) {
            this.file = file;
            this.offset = offset;
            this.message = message;
        }
    }

    /** Decodes the lines of a split, and ends at its first defect. */
    private static final class Lines implements Iterator<String> {
        private final String file;
        private final boolean compressed;
        private final Iterator<Tuple2<LongWritable, org.apache.hadoop.io.Text>> records;
        private final CollectionAccumulator<Defect> defects;
        private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder();
        private long offset;
        private boolean ended;

        Lines(String file, Iterator<Tuple2<LongWritable, org.apache.hadoop.io.Text>> records, CollectionAccumulator<Defect> defects) {
            this.file = file;
            this.compressed = isCompressed(file);
            this.records = records;
            this.defects = defects;
        }

        @Override public boolean hasNext() {
            if (ended) return false;
            try {
                return records.hasNext();
            } catch (Exception e) {     // Spark's Scala throws IOException undeclared
                String defect = defect(file, offset, e);
                if (defect == null) throw e;
                end(defect);
                return false;
            }
        }

        @Override public String next() {
            Tuple2<LongWritable, org.apache.hadoop.io.Text> record = records.next();
            offset = record._1.get();
            ByteBuffer bytes = ByteBuffer.wrap(record._2.getBytes(), 0, record._2.getLength());
            try {
                return utf8.decode(bytes).toString();
            } catch (CharacterCodingException e) {
                end(file + " is not UTF-8: byte " + String.format("0x%02X", bytes.get(bytes.position())) + ", number " + bytes.position()
                        + " of the line at offset " + offset + (compressed ? " of the decompressed text" : "")
                        + "; convert the file, e.g. iconv -f ISO-8859-1 -t UTF-8, or remove the line");
                return "";
            }
        }

        private void end(String message) {
            ended = true;
            defects.add(new Defect(file, offset, message));
        }
    }
}
