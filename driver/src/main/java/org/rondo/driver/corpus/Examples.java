package org.rondo.driver.corpus;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.types.DataTypes.BooleanType;
import static org.apache.spark.sql.types.DataTypes.ByteType;
import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.FloatType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.NullType;
import static org.apache.spark.sql.types.DataTypes.ShortType;
import static org.apache.spark.sql.types.DataTypes.StringType;
import static org.apache.spark.sql.types.DataTypes.createArrayType;

import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.NullWritable;
import org.apache.hadoop.mapreduce.RecordReader;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Network;
import org.rondo.kernels.Sequences;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Window;
import scala.Tuple2;
import scala.Tuple3;

/** Labelled sequences, from files of any {@link Setting#FORMAT} or from a table; read, checked and numbered, to learn from or to
 *  measure with. To score there is {@link #score}, which reads nothing before Spark writes.
 *
 *  <p>A column {@code number}, from 0, is the order of the data: of files (path, offset), of a table without files that of its
 *  contents. It depends on neither splits nor executors, so what is drawn by number and seed does not either. */
public final class Examples implements Data {
    public static final String NUMBER = "number";
    /** Of {@link #rows}: a text, whole. */
    static final String LINE = "text";
    /** Of {@link #score}: array of strings, or of arrays of floats, or for a language model a string; null where there is an {@link #ERROR}. */
    public static final String SEQUENCE = Source.SEQUENCE;
    /** Of {@link #score}: what is wrong with the record, null for nothing. */
    public static final String ERROR = Source.ERROR;
    /** Columns of {@link #rows}. */
    static final int AT_NUMBER = 0, AT_SEQUENCE = 1, AT_TARGET = 2;
    /** Broken records that are named. */
    static final int NAMED = 5;

    /** What a sequence is labelled with, and the column that has it. */
    public enum Target {
        NONE(null, NullType, null),
        /** The sequence is a line of text, whole; what is learnt of it is in it. */
        ITSELF(null, NullType, null),
        /** One for every token, or step. */
        LABELS("labels", createArrayType(StringType, false), "array<string>"),
        LABEL("label", StringType, "string, or an integer"),
        VALUE("label", DoubleType, "a number"),
        VALUES("values", createArrayType(DoubleType, false), "an array of numbers");

        private static final Set<DataType> EXACT = Set.of(BooleanType, LongType, IntegerType, ShortType, ByteType);
        private final String column;
        private final DataType type;
        private final String expected;

        Target(String column, DataType type, String expected) {
            this.column = column;
            this.type = type;
            this.expected = expected;
        }

        /** Null where there is none. */
        public String column() {
            return column;
        }

        DataType type() {
            return type;
        }

        String expected() {
            return expected;
        }

        boolean takes(DataType given) {
            return switch (this) {
                case NONE, ITSELF -> true;
                case LABELS -> given instanceof ArrayType list && list.elementType() instanceof StringType;
                case LABEL -> EXACT.contains(given) || given instanceof StringType;
                case VALUE -> given instanceof NumericType;
                case VALUES -> given instanceof ArrayType list && list.elementType() instanceof NumericType;
            };
        }
    }

    private final String name;
    private final Dataset<Row> rows;
    /** What is in memory or on disk: all rows, of which these may be a slice. */
    private final Dataset<Row> kept;
    private final long count, broken;
    private final int width, values;
    private final TagScheme scheme;

    private Examples(String name, Dataset<Row> rows, Dataset<Row> kept, long count, long broken, int width, int values, TagScheme scheme) {
        this.name = name;
        this.rows = rows;
        this.kept = kept;
        this.count = count;
        this.broken = broken;
        this.width = width;
        this.values = values;
        this.scheme = scheme;
    }

    /** @param path  as {@link Input} says, or with format=table a table's name
     *  @param notes hears what was chosen, and what was left out
     *  @throws BadInput if there is nothing to read, if its columns or types are others than the settings say, or, with badLines=fail,
     *                   for the first record, in the order of the data, with something wrong */
    public static Examples read(JavaSparkContext sc, String path, Target target, Settings settings, Consumer<String> notes) {
        return read(sc, path, target, null, settings, notes);
    }

    /** The same of data to measure with.
     *  @param known scheme of what was learnt, which is theirs too where no tag of theirs is of an entity; null: that is refused, unless a scheme is set */
    public static Examples read(JavaSparkContext sc, String path, Target target, TagScheme known, Settings settings, Consumer<String> notes) {
        return read(sc, Source.open(sc, path, target, false, settings, notes), target, known, settings, notes);
    }

    /** The same of a table that is already a Dataset, as {@code name} in messages. */
    public static Examples read(Dataset<Row> table, String name, Target target, Settings settings, Consumer<String> notes) {
        return read(new JavaSparkContext(table.sparkSession().sparkContext()), Table.source(table, false, name, target, settings, notes), target, null, settings, notes);
    }

    /** Whether a table with these columns has what is read of it, before anything runs.
     *  @throws BadInput if there is no column of sequences or targets, or one of another type */
    public static void check(StructType table, String name, Target target, Settings settings) {
        Table.columns(table, name, target, settings, note -> { });
    }

    /** Every record there is, with its original columns, then {@link #SEQUENCE} and {@link #ERROR}. The original columns of text are
     *  {@code text}, of conll and conllu {@code tokens} and {@code labels} (null where a line has none); of csv and tsv they are strings. */
    public static Dataset<Row> score(JavaSparkContext sc, String path, Task task, Settings settings, Consumer<String> notes) {
        return score(Source.open(sc, path, scored(task), true, settings, notes));
    }

    /** The same of a table that is already a Dataset, also of a stream. */
    public static Dataset<Row> score(Dataset<Row> table, String name, Task task, Settings settings, Consumer<String> notes) {
        return score(Table.source(table, false, name, scored(task), settings, notes));
    }

    /** What {@link #SEQUENCE} would be of a table with these columns.
     *  @throws BadInput if there is none of a sequence, or one of a type that is none */
    public static DataType sequenceType(StructType table, String name, Task task, Settings settings, Consumer<String> notes) {
        return sequenceType(Table.columns(table, name, scored(task), settings, notes).form());
    }

    private static Target scored(Task task) {
        return task == Task.LANGUAGE_MODEL ? Target.ITSELF : Target.NONE;
    }

    private static Dataset<Row> score(Source source) {
        for (String added : List.of(SEQUENCE, ERROR)) if (source.original().contains(added))
            throw new BadInput(source.name() + " has a column '" + added + "', which is what scoring adds; rename it");
        return source.rows().drop(Source.FILE, Source.START, Source.LINE, Source.OFFSET, Source.TARGET, Source.ENDS_FILE);
    }

    private static Examples read(JavaSparkContext sc, Source source, Target target, TagScheme known, Settings settings, Consumer<String> notes) {
        sc.setJobGroup("reading", "read the sequences of " + source.name(), true);
        boolean labelled = target.column() != null;
        List<Column> order = new ArrayList<>(List.of(col(Source.FILE), col(Source.START), col(Source.LINE)));
        Dataset<Row> all = source.rows().select(Source.FILE, Source.START, Source.LINE, Source.SEQUENCE, Source.TARGET, Source.ERROR, Source.ENDS_FILE)
                .persist(StorageLevel.MEMORY_AND_DISK());
        try {
            long broken = new Check(sc, source, all.filter(col(Source.ERROR).isNotNull())).run(order, settings, notes);
            Dataset<Row> good = all.filter(col(Source.ERROR).isNull());
            if (source.places() != Source.Places.LINES) {      // what was done to a table may have made several rows of one
                order.add(functions.xxhash64(col(Source.SEQUENCE), col(Source.TARGET)));      // shorter to compare than contents
                order.add(col(Source.SEQUENCE));
                order.add(col(Source.TARGET));
            }
            JavaRDD<Row> numbered = good.orderBy(order.toArray(Column[]::new)).select(Source.SEQUENCE, Source.TARGET).javaRDD().zipWithIndex()
                    .map(row -> !labelled ? RowFactory.create(row._2, row._1.get(0)) : RowFactory.create(row._2, row._1.get(0), row._1.get(1)));
            DataType sequence = source.rows().schema().apply(Source.SEQUENCE).dataType();
            boolean features = sequence.equals(sequenceType(Example.Form.FEATURES));
            StructType schema = new StructType().add(NUMBER, LongType, false).add(target == Target.ITSELF ? LINE : features ? "features" : "tokens", sequence, false);
            if (labelled) schema = schema.add(target.column(), target.type(), false);
            Dataset<Row> rows = source.rows().sparkSession().createDataFrame(numbered, schema).persist(StorageLevel.MEMORY_AND_DISK());
            try {
                long count = rows.count();
                if (count == 0) throw new BadInput("no sequence in " + source.name() + (broken == 0 ? "" : " but broken ones, " + broken)
                        + ", expected at least one; check it and " + Setting.FORMAT.option());
                return new Examples(source.name(), rows, rows, count, broken, features ? same(rows, "vectors", AT_SEQUENCE, true) : 0,
                        target == Target.VALUES ? same(rows, "targets", AT_TARGET, false) : 1, target == Target.LABELS ? scheme(rows, source.name(), known, settings, notes) : null);
            } catch (RuntimeException e) {
                rows.unpersist();
                throw e;
            }
        } finally {
            all.unpersist();
        }
    }

    /** Of others so many that they are about {@code share} of both, or all, and these after them. They are drawn by the seed, their number, and how many these are; their tags become of this scheme. Both are closed.
     *  @throws BadInput if they are of another kind */
    Examples with(Examples others, double share, long seed) {
        if (width != others.width || values != others.values || (scheme == TagScheme.NONE) != (others.scheme == TagScheme.NONE)) throw new BadInput(others.name + " has " + others.kind() + ", expected " + kind() + ", as " + name
                + "; mix in data of one kind, or set " + Setting.TAG_SCHEME.option());
        double drawn = count * share / (1 - share) / Math.max(1, others.count);
        Column number = functions.pmod(functions.xxhash64(functions.lit(seed), functions.lit(count), col(NUMBER)), functions.lit(1L << 32));
        Dataset<Row> both = others.in(scheme).filter(number.lt(drawn * (1L << 32))).withColumn("origin", functions.lit(0)).unionByName(rows.withColumn("origin", functions.lit(1)));
        JavaRDD<Row> numbered = both.orderBy("origin", NUMBER).drop("origin").javaRDD().zipWithIndex().map(row -> {
            Object[] cells = IntStream.range(0, row._1.size()).mapToObj(row._1::get).toArray();
            cells[AT_NUMBER] = row._2;
            return RowFactory.create(cells);
        });
        Dataset<Row> mixed = rows.sparkSession().createDataFrame(numbered, rows.schema()).persist(StorageLevel.MEMORY_AND_DISK());
        try {
            Examples all = new Examples(name + " and " + others.name, mixed, mixed, mixed.count(), broken + others.broken, width, values, scheme);
            close();
            others.close();
            return all;
        } catch (RuntimeException e) {
            mixed.unpersist();
            throw e;
        }
    }

    /** The rows, with the same entities in the tags of another scheme. */
    private Dataset<Row> in(TagScheme wanted) {
        if (wanted == scheme) return rows;
        TagScheme from = scheme;
        return rows.sparkSession().createDataFrame(rows.javaRDD().map(row -> RowFactory.create(row.get(AT_NUMBER), row.get(AT_SEQUENCE),
                from.convert(row.getList(AT_TARGET), wanted).toArray(String[]::new))), rows.schema());
    }

    private String kind() {
        return (width == 0 ? "tokens" : "vectors of " + width + " numbers") + (scheme == null ? "" : " with tags of " + scheme.key()) + (values > 1 ? " and " + values + " numbers to predict" : "");
    }

    /** How long the lists in a column all are, or the vectors that they are of.
     *  @throws BadInput if they differ */
    private static int same(Dataset<Row> rows, String what, int column, boolean vectors) {
        long[] ends = rows.javaRDD().flatMap(row -> (vectors ? row.<scala.collection.Seq<?>>getList(column).stream().map(scala.collection.Seq::size) : Stream.of(row.getList(column).size()))
                        .map(size -> new long[] {size, row.getLong(AT_NUMBER), size, row.getLong(AT_NUMBER)}).iterator())
                .reduce((a, b) -> {
                    long[] least = a[0] < b[0] || a[0] == b[0] && a[1] <= b[1] ? a : b, most = a[2] > b[2] || a[2] == b[2] && a[3] <= b[3] ? a : b;
                    return new long[] {least[0], least[1], most[2], most[3]};
                });
        if (ends[0] != ends[2]) throw new BadInput("sequence " + ends[1] + " has " + what + " of " + ends[0] + " numbers, sequence " + ends[3]
                + " of " + ends[2] + " (counted from 0), expected as many in all; mend the data");
        return (int) ends[0];
    }

    /** As it is set, or recognised, or known. */
    private static TagScheme scheme(Dataset<Row> rows, String name, TagScheme known, Settings settings, Consumer<String> notes) {
        SeenTags seen = rows.javaRDD().mapPartitions(some -> {
            SeenTags tags = new SeenTags();
            some.forEachRemaining(row -> tags.add(row.getList(AT_TARGET)));
            return List.of(tags).iterator();
        }).reduce((a, b) -> {
            a.merge(b);
            return a;
        });
        String set = settings.get(Setting.TAG_SCHEME);
        TagScheme scheme = set.equals("auto") ? known != null && seen.isOutside() ? known : seen.recognise(name) : TagScheme.valueOf(set.toUpperCase(Locale.ROOT));
        seen.check(scheme, name);
        notes.accept(seen.says(scheme, name));
        return scheme;
    }

    static DataType sequenceType(Example.Form form) {
        return form == Example.Form.LINE ? StringType : createArrayType(form == Example.Form.FEATURES ? createArrayType(FloatType, false) : StringType, false);
    }

    /** number; tokens (array of strings), features (array of arrays of floats) or, where a sequence is its own target, {@value #LINE} (string); and the target's
     *  column. In the order of their numbers, partition after partition. */
    public Dataset<Row> rows() {
        return rows;
    }

    @Override public long count() {
        return count;
    }

    /** What the data are called in messages. */
    String name() {
        return name;
    }

    /** Numbers of a vector; 0 where there are tokens. */
    int width() {
        return width;
    }

    /** Numbers to predict. */
    int values() {
        return values;
    }

    /** Of the labels of tokens; null for other targets. */
    public TagScheme scheme() {
        return scheme;
    }

    /** Sequences {@code first} to {@code end}, without {@code end}. Nothing is copied; to close it is to close the whole. */
    public Examples slice(long first, long end) {
        return new Examples(name, rows.filter(col(NUMBER).geq(first).and(col(NUMBER).lt(end))), kept, end - first, broken, width, values, scheme);
    }

    @Override public String checksum() {
        Column[] all = Stream.of(rows.columns()).map(functions::col).toArray(Column[]::new), salted = Stream.concat(Stream.of(functions.lit(1)), Stream.of(all)).toArray(Column[]::new);
        Row sums = rows.agg(functions.bit_xor(functions.xxhash64(all)), functions.bit_xor(functions.xxhash64(salted))).first();
        return HexFormat.of().toHexDigits(sums.getLong(0)) + HexFormat.of().toHexDigits(sums.getLong(1));
    }

    /** Shard s has the sequences whose number is s, modulo the number of shards, in order. */
    @Override public Shards shards(Network network, Lexicon lexicon, Settings settings) {
        check(lexicon);
        int shards = settings.get(Setting.SHARDS), budget = settings.get(Setting.BATCH_TOKENS);
        double unknown = settings.get(Setting.UNKNOWN_RATE);
        boolean dropout = settings.get(Setting.DROPOUT) > 0;
        JavaRDD<Shard> made = parts(shards).map(part -> (Shard) part.encode(lexicon, network, unknown, budget)).setName("shards").persist(StorageLevel.MEMORY_AND_DISK());
        JavaSparkContext.fromSparkContext(made.context()).setJobGroup("reading", "encode the sequences of " + name, true);
        try {
            Extent extent = extent(made.map(shard -> (Sequences) shard), network, size -> Layout.forTraining(network, size, dropout, 0));
            return new Shards(made, shards, extent.largest, false, extent.windows, extent.targets);
        } catch (RuntimeException e) {
            made.unpersist();
            throw e;
        }
    }

    @Override public Window.Size largest(Network network, Lexicon lexicon, Settings settings) {
        check(lexicon);
        int budget = settings.get(Setting.BATCH_TOKENS);
        JavaSparkContext.fromSparkContext(rows.sparkSession().sparkContext()).setJobGroup("reading", "look for the largest batch of " + name, true);
        Extent extent = extent(parts(settings.get(Setting.SHARDS)).map(part -> part.encode(lexicon, network, 0, budget)), network, size -> Layout.forScoring(network, size));
        if (extent.targets == 0) throw unknownLabels(lexicon);          // now, and not after an epoch
        return extent.largest;
    }

    /** That these cannot be measured with: a loss is of labels that the model knows. */
    public BadInput unknownLabels(Lexicon lexicon) {
        return new BadInput(name + " has " + Example.counted(count, "sequence") + " to measure with, but none whose labels are all among those learnt, " + lexicon.labels()
                + "; give data labelled as those to learn from, or more of both");
    }

    /** @param largest the size of the window with the largest layout
     *  @param windows of the longest part
     *  @param targets of all parts */
    private record Extent(Window.Size largest, long windows, long targets) { }

    /** (Sizes travel as numbers: Kryo 4 cannot write records.) */
    private static Extent extent(JavaRDD<Sequences> parts, Network network, LayoutOf layout) {
        int word = network.spelling() == null ? 0 : 1;
        List<long[]> all = parts.map(part -> {
            Window.Size size = part.sizes().stream().max(Comparator.comparingLong(s -> layout.of(s).bytes())).orElse(new Window.Size(1, 1, word, word));
            return new long[] {part.windows(), part.targets(), size.batch(), size.seqLen(), size.words(), size.characters()};
        }).collect();
        Window.Size largest = all.stream().map(n -> new Window.Size((int) n[2], (int) n[3], (int) n[4], (int) n[5])).max(Comparator.comparingLong(s -> layout.of(s).bytes())).orElseThrow();
        return new Extent(largest, all.stream().mapToLong(n -> n[0]).max().orElseThrow(), all.stream().mapToLong(n -> n[1]).sum());
    }

    private interface LayoutOf extends Serializable {
        Layout of(Window.Size size);
    }

    /** @throws BadInput if these are not what the lexicon is of */
    public void check(Lexicon lexicon) {
        if (width != lexicon.features()) throw new BadInput(name + " has " + (width == 0 ? "tokens" : "vectors of " + width + " numbers") + ", expected "
                + (lexicon.features() == 0 ? "tokens" : "vectors of " + lexicon.features()) + ", as the model reads; check the columns");
        if (scheme != null && (scheme == TagScheme.NONE) != (lexicon.scheme() == TagScheme.NONE))
            throw new BadInput("the tags of " + name + " are " + scheme.key() + ", those that are learnt " + lexicon.scheme().key()
                    + ": classes are no entities; set " + Setting.TAG_SCHEME.option() + ", or use other data");
        if (lexicon.task() == Task.REGRESSION && values != lexicon.values())
            throw new BadInput(name + " has " + values + " numbers to predict, expected " + lexicon.values() + "; check " + Setting.VALUES_COLUMN.option());
    }

    /** Some of the sequences, in order.
     *  @param sequences as {@link Lexicon#encode} takes them
     *  @param targets   as the data have them, or null for none
     *  @param scheme    of the labels of tokens, else null */
    public record Part(int number, List<List<?>> sequences, List<?> targets, TagScheme scheme) {
        /** @param unknownRate of words seen once, in training */
        public Sequences encode(Lexicon lexicon, Network network, double unknownRate, int budget) {
            List<?> learnt = scheme == null || targets == null ? targets : targets.stream().map(tags -> convert((List<?>) tags, lexicon.scheme())).toList();
            return lexicon.encode(number, network, sequences, learnt, unknownRate, budget);
        }

        private List<String> convert(List<?> tags, TagScheme wanted) {
            return scheme.convert(tags.stream().map(String.class::cast).toList(), wanted);
        }
    }

    /** The sequences by number, modulo {@code count}: part s is partition s. */
    public JavaRDD<Part> parts(int count) {
        TagScheme scheme = this.scheme;
        boolean labelled = rows.columns().length > AT_TARGET;
        return rows.javaRDD().mapToPair(row -> new Tuple2<>((int) (row.getLong(AT_NUMBER) % count),
                        new Tuple3<>(row.getLong(AT_NUMBER), plain(row.get(AT_SEQUENCE)), labelled ? plain(row.get(AT_TARGET)) : "")))
                .partitionBy(new Shards.ByShard(count)).values().mapPartitionsWithIndex((s, part) -> {
                    List<Tuple3<Long, Object, Object>> sorted = new ArrayList<>();
                    part.forEachRemaining(sorted::add);
                    sorted.sort(Comparator.comparing(Tuple3::_1));
                    List<List<?>> sequences = sorted.stream().<List<?>>map(row -> (List<?>) row._2()).toList();
                    return List.of(new Part(s, sequences, labelled ? sorted.stream().map(Tuple3::_3).toList() : null, scheme)).iterator();
                }, true);
    }

    /** Lists as Java has them: a row would take its schema along, and be of classes that Kryo does not know. */
    private static Object plain(Object cell) {
        if (!(cell instanceof scala.collection.Seq<?> list)) return cell;
        List<Object> plain = new ArrayList<>(list.size());
        scala.jdk.javaapi.CollectionConverters.asJava(list).forEach(item -> plain.add(plain(item)));
        return plain;
    }

    /** Records that were left out. */
    public long broken() {
        return broken;
    }

    @Override public void close() {
        kept.unpersist();
    }

    /** What is done about broken records. */
    private record Check(JavaSparkContext sc, Source source, Dataset<Row> broken) {

        long run(List<Column> order, Settings settings, Consumer<String> notes) {
            List<Row> first = broken.orderBy(order.toArray(Column[]::new)).limit(NAMED).collectAsList();
            if (first.isEmpty()) return 0;
            List<Row> endsFile = broken.filter(col(Source.ENDS_FILE)).orderBy(order.toArray(Column[]::new)).limit(1).collectAsList();
            if (!endsFile.isEmpty()) throw new BadInput(endsFile.get(0).<String>getAs(Source.ERROR));
            long count = broken.count();
            if (settings.get(Setting.BAD_LINES).equals("fail")) throw new BadInput(told(first.get(0))
                    + (count == 1 ? "" : " (the first of " + count + " sequences with something wrong)") + "; mend it, or set " + Setting.BAD_LINES.option() + " skip to leave such sequences out");
            notes.accept("left out " + Example.counted(count, "sequence") + " of " + source.name() + " with something wrong"
                    + (count > NAMED ? "; the first " + NAMED : "") + ":");
            first.forEach(row -> notes.accept("  " + told(row)));
            return count;
        }

        private String told(Row row) {
            String file = row.getAs(Source.FILE);
            long start = row.<Long>getAs(Source.START), line = row.<Long>getAs(Source.LINE);
            String where = switch (source.places()) {
                case LINES -> file + ", line " + (lines(new Path(file), start) + line + 1);
                case ROWS -> file + ", row " + (start + 1);
                case PARTS -> file + ", a row";
                case NONE -> source.name() + ", a row";
            };
            return where + ": " + row.getAs(Source.ERROR);
        }

        /** Of a file's splits before this byte. */
        private long lines(Path file, long end) {
            if (end == 0) return 0;
            try (RecordReader<NullWritable, Records.Record> reader = Records.lines(file, end, Input.conf(sc))) {
                long lines = 0;
                while (reader.nextKeyValue()) lines++;
                return lines;
            } catch (IOException | InterruptedException e) {
                throw Input.cannotRead(file.toString(), e);
            }
        }
    }
}
