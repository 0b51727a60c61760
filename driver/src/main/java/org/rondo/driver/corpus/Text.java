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
import java.util.List;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
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
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.CollectionAccumulator;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import scala.Tuple2;
import scala.util.hashing.MurmurHash3$;

/** A text: by definition its lines, each ended by '\n'. Of files on any Hadoop file system they are in the order (path, offset), and read
 *  as Hadoop reads them: they end with \n, \r or \r\n, a byte order mark is dropped, compression goes by the file's name. Of records of another format they are
 *  in the order of those; of a table that is already a Dataset they are its rows, in the order of its partitions and of the rows in them. */
public final class Text implements AutoCloseable {
    /** Settings of other formats than text. */
    private static final List<Setting<?>> OF_COLUMNS = List.of(Setting.BAD_LINES, Setting.COLUMNS_BY, Setting.COMMENT, Setting.NO_HEADER, Setting.TOKENS_COLUMN, Setting.TEXT_COLUMN);

    private final JavaSparkContext sc;
    private final String path;
    private final JavaRDD<Split> splits;
    private final CollectionAccumulator<Defect> defects;
    /** What is in memory or on disk of it; null for nothing. */
    private final Examples kept;
    /** What is mixed into it; null for nothing. */
    private final Text other;

    /** Lives within a task. It starts at byte {@code start} of {@code file}, and the lines are those that start in it; of a table it is partition
     *  {@code start}, and {@code file} the table's name. */
    private record Split(String file, long start, Iterator<String> lines) { }

    /** What a pass makes of one split. */
    @FunctionalInterface
    interface Reader<T> extends Serializable {
        Iterator<T> read(String file, long start, Iterator<String> lines);
    }

    private Text(JavaSparkContext sc, String path, Examples kept, Function<CollectionAccumulator<Defect>, JavaRDD<Split>> splits) {
        this.sc = sc;
        this.path = path;
        this.kept = kept;
        this.defects = sc.sc().collectionAccumulator("defects of " + path);
        this.splits = splits.apply(defects);
        this.other = null;
    }

    private Text(Text own, Text other, JavaRDD<Split> splits) {
        this.sc = own.sc;
        this.path = own.path + " and " + other.path;
        this.defects = own.defects;
        this.splits = splits;
        this.other = other;
        this.kept = null;           // both are closed by who has opened them
    }

    /** Of files or a table of any {@link Setting#FORMAT}, a record of which is a line: its text, or its tokens with blanks between. Their order is that of {@link Examples};
     *  until it is closed they are in memory or on disk, but where they are plain text. That is what {@code auto} takes files for whose names do not say.
     *  @param path  as {@link Input} says, or with format=table a table's name
     *  @param notes hears what was chosen, and what was left out
     *  @throws BadInput as {@link #open(JavaSparkContext, String)} or {@link Examples#read} */
    public static Text open(JavaSparkContext sc, String path, Settings settings, Consumer<String> notes) {
        String set = settings.get(Setting.FORMAT).strip(), format = set.equals("auto") ? Source.formatOf(sc, path, "text", notes) : set;
        if (format.equals("text")) {
            Text text = open(sc, path);
            for (Setting<?> setting : OF_COLUMNS) if (settings.has(setting)) notes.accept(setting.key() + " is given, but has no effect: " + text.path + " is read as text");
            return text;
        }
        Examples lines = Examples.read(sc, path, Examples.Target.ITSELF, settings.with(Setting.FORMAT, format), notes);
        return of(lines.rows(), Examples.LINE, lines.name(), lines);
    }

    /** A plain text.
     *  @param path as {@link Input} says
     *  @throws BadInput if there is no such path, or no file with text in it */
    public static Text open(JavaSparkContext sc, String path) {
        Input input = Input.of(sc, path);
        JavaNewHadoopRDD<LongWritable, org.apache.hadoop.io.Text> splits = input.splits(Format.class, LongWritable.class, org.apache.hadoop.io.Text.class);
        return new Text(sc, input.path().toString(), null, defects -> input.inFewTasks(splits.mapPartitionsWithInputSplit((split, records) -> {
            FileSplit part = (FileSplit) split;
            String file = part.getPath().toString();
            return List.of(new Split(file, part.getStart(), new Lines(file, records, defects))).iterator();
        }, false)));
    }

    /** A row is a line, or several where it has line feeds in it. Computed anew in every pass: rows that change their order between two
     *  passes, as after a shuffle without a sort, make another text of it.
     *  @param column of strings, not null
     *  @param name   for messages */
    static Text of(Dataset<Row> table, String column, String name) {
        return of(table, column, name, null);
    }

    private static Text of(Dataset<Row> table, String column, String name, Examples kept) {
        JavaRDD<Row> rows = table.select(Table.named(column)).javaRDD();
        return new Text(new JavaSparkContext(table.sparkSession().sparkContext()), name, kept, defects -> rows.mapPartitionsWithIndex((partition, some) -> {
            Stream<Row> lines = StreamSupport.stream(Spliterators.spliteratorUnknownSize(some, Spliterator.ORDERED), false);
            return List.of(new Split(name, partition, lines.flatMap(row -> {
                if (row.isNullAt(0)) defects.add(new Defect(name, partition, name + " has a row whose column '" + column
                        + "' is null, expected a line of text; leave such rows out, e.g. with na().drop(), or fill them"));
                return row.isNullAt(0) ? Stream.empty() : row.getString(0).isEmpty() ? Stream.of("") : row.getString(0).lines();
            }).iterator())).iterator();
        }, false));
    }

    /** This text, and of another so many lines that they have about {@code share} of the characters of both, or all. They are drawn by the seed, by what
     *  they say, so equal lines go together, and by how long this text is: a function of the data, and yet other lines with every night's text. The order is that of their paths. */
    Text with(Text other, double share, long seed) {
        long own = characters();
        double drawn = own * share / (1 - share) / Math.max(1, other.characters());
        int salt = MurmurHash3$.MODULE$.mix(Long.hashCode(seed), Long.hashCode(own));
        JavaRDD<Split> some = other.splits.map(split -> {
            Stream<String> lines = StreamSupport.stream(Spliterators.spliteratorUnknownSize(split.lines, Spliterator.ORDERED), false);
            return new Split(split.file, split.start, lines.filter(line -> Integer.toUnsignedLong(MurmurHash3$.MODULE$.stringHash(line, salt)) < drawn * (1L << 32)).iterator());
        });
        return new Text(this, other, splits.union(some));
    }

    private long characters() {
        says("count the characters of");
        long all = read((file, start, lines) -> {
            long sum = 0;
            while (lines.hasNext()) sum += lines.next().length() + 1;
            return List.of(sum).iterator();
        }).fold(0L, Long::sum);
        check();
        return all;
    }

    /** @throws BadInput if a table with these columns has none of that name, or it is not one of strings */
    public static void check(StructType table, String column, String name) {
        Columns.require(column, List.of(table.fieldNames()), name, Setting.TEXT_COLUMN);
        DataType type = table.apply(column).dataType();
        if (!(type instanceof StringType)) throw new BadInput("column '" + column + "' of " + name + " is " + type.simpleString() + ", expected string, a line of text; set "
                + Setting.TEXT_COLUMN.option());
    }

    /** Absolute, with its file system, as given to {@link #open}; or a table's name. */
    public String path() {
        return path;
    }

    /** What is read of it afterwards is read from where it comes from. */
    @Override public void close() {
        if (kept != null) kept.close();
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
        return splits.flatMap(split -> reader.read(split.file, split.start, split.lines));
    }

    /** Defects travel as data: an exception in a task would be tried four times, and reach the driver as a string.
     *  @throws BadInput for the first line, in the order of the text, that a pass could not read */
    void check() {
        if (other != null) other.check();
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
