package org.rondo.driver.corpus;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.types.DataTypes.BooleanType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;
import static org.apache.spark.sql.types.DataTypes.createArrayType;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.NullWritable;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.io.compress.CompressionCodecFactory;
import org.apache.hadoop.mapreduce.RecordReader;
import org.apache.hadoop.mapreduce.lib.input.FileSplit;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.Storage;
import scala.Tuple2;

/** Where examples come from, as a table that is not read yet: the original columns, where each record is, its example, and what is
 *  wrong with it. Whatever the cluster, the order (file, start, line) of the same files is the same.
 *  @param name     for messages
 *  @param places   what start and line are
 *  @param original names of the columns that came */
record Source(Dataset<Row> rows, String name, Places places, List<String> original) {
    static final String FILE = "_file", START = "_start", LINE = "_line", OFFSET = "_offset", SEQUENCE = "_sequence", TARGET = "_target", ERROR = "error",
            ENDS_FILE = "_endsFile";
    /** What the names of files of a format end with, before what a compression adds. */
    private static final Map<String, List<String>> ENDINGS = new TreeMap<>(Map.of("text", List.of("txt", "text"), "conll", List.of("conll", "iob", "iob2", "bio"),
            "conllu", List.of("conllu"), "json", List.of("json", "jsonl", "ndjson"), "csv", List.of("csv"), "tsv", List.of("tsv"),
            "parquet", List.of("parquet"), "orc", List.of("orc"), "avro", List.of("avro")));
    /** Lines of JSON whose keys are those there are to choose from. */
    private static final int HEAD = 1000;

    enum Places {
        /** start: of the split, in bytes; line: in the split, from 0. */
        LINES,
        /** start: number of the row in the file, from 0. */
        ROWS,
        /** start: of a part of the file, in bytes; line: grows within it. */
        PARTS,
        /** Of no file; the order is that of the contents. */
        NONE
    }

    /** @param forScoring whether the original columns are wanted; a file that cannot be read on then ends the job, as there is nobody to check */
    static Source open(JavaSparkContext sc, String path, Examples.Target target, boolean forScoring, Settings settings, Consumer<String> notes) {
        String set = settings.get(Setting.FORMAT).strip();
        if (set.equals("table")) return Table.source(Table.open("'" + path + "'", () -> session().table(path)), false, path, target, settings, notes);
        String format = set.equals("auto") ? formatOf(sc, path, null, notes) : set;
        return switch (format) {
            case "text" -> lines(sc, Input.of(sc, path), Records.Lines.class, Format.text(target, settings),
                    new StructType().add("text", StringType), target, target == Examples.Target.ITSELF ? Example.Form.LINE : Example.Form.TEXT, forScoring);
            case "conll" -> conll(sc, Input.of(sc, path), Conll.columns(target, settings), target, forScoring);
            case "conllu" -> conll(sc, Input.of(sc, path), Conll.universal(target, settings), target, forScoring);
            case "csv", "tsv" -> delimited(sc, Input.of(sc, path), format.equals("csv"), target, forScoring, settings, notes);
            case "json" -> json(sc, Input.of(sc, path), target, forScoring, settings, notes);
            default -> {
                for (String silent : List.of("spark.sql.files.ignoreCorruptFiles", "spark.sql.files.ignoreMissingFiles"))
                    if (Boolean.parseBoolean(session().conf().get(silent, "false"))) throw Input.ignores(silent);
                Dataset<Row> table = Table.open("'" + path + "' as " + format, () -> session().read().format(format).load(path));
                yield Table.source(table, true, path, target, settings, notes);
            }
        };
    }

    private static Source conll(JavaSparkContext sc, Input input, Conll conll, Examples.Target target, boolean forScoring) {
        DataType texts = createArrayType(StringType, false);
        return lines(sc, input, Records.Blocks.class, conll, new StructType().add("tokens", texts).add("labels", texts), target,
                target == Examples.Target.ITSELF ? Example.Form.LINE : Example.Form.TOKENS, forScoring);
    }

    private static SparkSession session() {
        return SparkSession.builder().getOrCreate();      // on this context: a JVM has one
    }

    /** By the files' names.
     *  @param other what files are whose names do not say, and needs no note; null: that is refused */
    static String formatOf(JavaSparkContext sc, String path, String other, Consumer<String> notes) {
        Input input = Input.of(sc, path);
        CompressionCodecFactory codecs = new CompressionCodecFactory(input.conf());
        Map<String, Path> found = new TreeMap<>();
        Path unnamed = null;
        for (Path file : Stream.of(input.path()).filter(p -> byName(p, codecs) != null).findFirst().map(List::of).orElseGet(input::files)) {
            String format = byName(file, codecs);
            if (format == null && other == null) throw new BadInput("the name of " + file + " does not say what its format is, expected one that ends with ."
                    + String.join(", .", ENDINGS.values().stream().flatMap(List::stream).sorted().toList()) + "; set " + Setting.FORMAT.option());
            if (format == null) unnamed = unnamed == null ? file : unnamed;
            else found.putIfAbsent(format, file);
        }
        if (found.isEmpty()) return other;
        if (unnamed != null) found.putIfAbsent(other, unnamed);
        List<String> formats = List.copyOf(found.keySet());
        if (formats.size() > 1) throw new BadInput("by their names, " + found.get(formats.get(0)) + " is " + formats.get(0) + " and "
                + found.get(formats.get(1)) + " is " + formats.get(1) + ", expected one format; give files of one, or set " + Setting.FORMAT.option());
        if (!formats.get(0).equals(other)) notes.accept("format is " + formats.get(0) + ", by the name of " + found.get(formats.get(0)));
        return formats.get(0);
    }

    private static String byName(Path file, CompressionCodecFactory codecs) {
        CompressionCodec codec = codecs.getCodec(file);
        String name = codec == null ? file.getName() : CompressionCodecFactory.removeSuffix(file.getName(), codec.getDefaultExtension());
        if (name.indexOf('.') < 0) return null;
        String ending = name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
        return ENDINGS.keySet().stream().filter(format -> ENDINGS.get(format).contains(ending)).findFirst().orElse(null);
    }

    private static Source delimited(JavaSparkContext sc, Input input, boolean quoted, Examples.Target target, boolean forScoring, Settings settings,
            Consumer<String> notes) {
        Head head = head(input, quoted ? "csv" : "tsv", 1);
        boolean header = !settings.get(Setting.NO_HEADER);
        List<String> names = Delimited.names(head.lines.get(0), quoted, header, head.file);
        Columns columns = Columns.of(names, target, header ? settings : Columns.numbered(settings, names.size()), head.file, notes).requireTarget(names, head.file);
        StructType original = new StructType();
        for (String name : names) original = original.add(name, StringType);
        return lines(sc, input, Records.Lines.class, new Delimited(quoted, header, names, head.file, columns), original, target, columns.form(), forScoring);
    }

    /** The types of the original columns are those that Spark finds in all of the lines. */
    private static Source json(JavaSparkContext sc, Input input, Examples.Target target, boolean forScoring, Settings settings, Consumer<String> notes) {
        Head head = head(input, "json", HEAD);
        Set<String> keys = new LinkedHashSet<>();
        for (String line : head.lines) {
            try {
                keys.addAll(JsonLines.parse(line).keySet());
            } catch (Broken e) {
                // told with its place when it is read
            }
        }
        if (keys.isEmpty()) throw new BadInput("no JSON object in the first " + Example.counted(head.lines.size(), "line") + " of " + head.file
                + ", expected one on every line; check " + Setting.FORMAT.option());
        Columns columns = Columns.of(List.copyOf(keys), target, settings, head.file, notes);
        String line = "_json";
        Source source = lines(sc, input, Records.Lines.class, new JsonLines(columns), new StructType().add(line, StringType), target, columns.form(), forScoring);
        if (!forScoring) return source;
        StructType inferred = session().read().option("columnNameOfCorruptRecord", "_broken").json(source.rows.select(line).as(Encoders.STRING())).schema();
        StructType kept = new StructType(Stream.of(inferred.fields()).filter(field -> !field.name().equals("_broken")).toArray(StructField[]::new));
        String parsed = "_parsed";
        List<Column> selected = new ArrayList<>();
        for (String name : kept.fieldNames()) selected.add(col(parsed).getField(name).as(name));
        for (String name : source.rows.columns()) if (!name.equals(line)) selected.add(col(name));
        return new Source(source.rows.withColumn(parsed, from_json(col(line), kept)).select(selected.toArray(Column[]::new)), source.name, source.places,
                List.of(kept.fieldNames()));
    }

    private record Head(String file, List<String> lines) { }

    /** The first lines of the first file that has any. */
    private static Head head(Input input, String format, int most) {
        for (Path file : input.files()) {
            List<String> lines = new ArrayList<>();
            try (RecordReader<NullWritable, Records.Record> reader = Records.lines(file, Storage.of(file, input.conf()).getFileStatus(file).getLen(),
                    input.conf())) {
                while (lines.size() < most && reader.nextKeyValue()) {
                    Records.Record record = reader.getCurrentValue();
                    if (record.endsFile()) throw new BadInput(record.defect());
                    if (record.defect() == null) lines.add(record.lines().get(0));
                    else if (most == 1) throw new BadInput(file + ", line 1: " + record.defect());
                }
            } catch (IOException | InterruptedException e) {
                throw Input.cannotRead(file.toString(), e);
            }
            if (!lines.isEmpty()) return new Head(file.toString(), lines);
        }
        throw new BadInput(input.path() + " is empty, expected at least one line of " + format);
    }

    private static Source lines(JavaSparkContext sc, Input input, Class<? extends Records> records, Format format, StructType original, Examples.Target target,
                                Example.Form form, boolean forScoring) {
        JavaRDD<Row> rows = input.inFewTasks(input.splits(records, NullWritable.class, Records.Record.class)
                .mapPartitionsWithInputSplit((split, read) -> (Iterator<Row>) new Rows((FileSplit) split, read, format, original.size(), forScoring), false));
        StructType schema = original;
        for (StructField field : added(form, target).fields()) schema = schema.add(field);
        return new Source(session().createDataFrame(rows, schema), input.path().toString(), Places.LINES, List.of(original.fieldNames()));
    }

    private static StructType added(Example.Form form, Examples.Target target) {
        return new StructType().add(FILE, StringType).add(START, LongType).add(LINE, LongType).add(OFFSET, LongType)
                .add(SEQUENCE, Examples.sequenceType(form)).add(TARGET, target.type()).add(ERROR, StringType).add(ENDS_FILE, BooleanType);
    }

    /** The rows of a split. */
    private static final class Rows implements Iterator<Row> {
        private final FileSplit split;
        private final String file;
        private final Iterator<Tuple2<NullWritable, Records.Record>> records;
        private final Format format;
        private final int originals;
        private final boolean forScoring;
        private final Queue<Row> ready = new ArrayDeque<>();
        private boolean ended;

        Rows(FileSplit split, Iterator<Tuple2<NullWritable, Records.Record>> records, Format format, int originals, boolean forScoring) {
            this.split = split;
            this.file = split.getPath().toString();
            this.records = records;
            this.format = format;
            this.originals = originals;
            this.forScoring = forScoring;
        }

        @Override public boolean hasNext() {
            while (ready.isEmpty() && !ended && records.hasNext()) read(records.next()._2);
            return !ready.isEmpty();
        }

        private void read(Records.Record record) {
            try {
                if (record.endsFile()) throw new Broken(record.defect());
                if (record.defect() != null) add(record, Example.broken(record.defect(), record.broken(), new Object[originals]), false);
                else for (Example example : format.read(record, split.getStart() == 0 && record.line() == 0)) add(record, example, false);
            } catch (Broken e) {
                if (forScoring) throw new BadInput(record.endsFile() ? e.getMessage() : file + ": " + e.getMessage());
                ended = true;
                add(record, Example.broken(record.endsFile() ? e.getMessage() : file + ": " + e.getMessage(), 0, new Object[originals]), true);
            }
        }

        private void add(Records.Record record, Example example, boolean endsFile) {
            Object[] row = Arrays.copyOf(example.original(), originals + 8);
            long line = record.line() + example.line();
            int at = originals;
            for (Object value : new Object[] {file, split.getStart(), line, record.offset(), example.sequence(), example.target(),
                    forScoring && example.error() != null ? where(line, record.offset()) + ": " + example.error() : example.error(), endsFile}) row[at++] = value;
            ready.add(RowFactory.create(row));
        }

        /** Lines are numbered within a split; what is before it is not read here. */
        private String where(long line, long offset) {
            return file + (split.getStart() == 0 ? ", line " + (line + 1) : ", from offset " + offset);
        }

        @Override public Row next() {
            return ready.remove();
        }
    }
}
