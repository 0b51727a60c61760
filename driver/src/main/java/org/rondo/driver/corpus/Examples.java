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
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
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

/** Labelled sequences, from files of any {@link Setting#FORMAT} or from a table; read, checked and numbered, to learn from or to
 *  measure with. To score there is {@link #score}, which reads nothing before Spark writes.
 *
 *  <p>A column {@code number}, from 0, is the order of the data: of files (path, offset), of a table without files that of its
 *  contents. It depends on neither splits nor executors, so what is drawn by number and seed does not either. */
public final class Examples implements AutoCloseable {
    public static final String NUMBER = "number";
    /** Of {@link #score}: array of strings, or of arrays of floats; null where there is an {@link #ERROR}. */
    public static final String SEQUENCE = Source.SEQUENCE;
    /** Of {@link #score}: what is wrong with the record, null for nothing. */
    public static final String ERROR = Source.ERROR;
    /** Broken records that are named. */
    static final int NAMED = 5;

    /** What a sequence is labelled with, and the column that has it. */
    public enum Target {
        NONE(null, NullType, null),
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

        /** Null for {@link #NONE}. */
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
                case NONE -> true;
                case LABELS -> given instanceof ArrayType list && list.elementType() instanceof StringType;
                case LABEL -> EXACT.contains(given) || given instanceof StringType;
                case VALUE -> given instanceof NumericType;
                case VALUES -> given instanceof ArrayType list && list.elementType() instanceof NumericType;
            };
        }
    }

    private final Dataset<Row> rows;
    private final long count, broken;

    private Examples(Dataset<Row> rows, long count, long broken) {
        this.rows = rows;
        this.count = count;
        this.broken = broken;
    }

    /** @param path  as {@link Input} says, or with format=table a table's name
     *  @param notes hears what was chosen, and what was left out
     *  @throws BadInput if there is nothing to read, if its columns or types are others than the settings say, or, with badLines=fail,
     *                   for the first record, in the order of the data, with something wrong */
    public static Examples read(JavaSparkContext sc, String path, Target target, Settings settings, Consumer<String> notes) {
        return read(sc, Source.open(sc, path, target, false, settings, notes), target, settings, notes);
    }

    /** The same of a table that is already a Dataset, as {@code name} in messages. */
    public static Examples read(Dataset<Row> table, String name, Target target, Settings settings, Consumer<String> notes) {
        return read(new JavaSparkContext(table.sparkSession().sparkContext()), Table.source(table, false, name, target, settings, notes), target, settings, notes);
    }

    /** Every record there is, with its original columns, then {@link #SEQUENCE} and {@link #ERROR}. The original columns of text are
     *  {@code text}, of conll and conllu {@code tokens} and {@code labels} (null where a line has none); of csv and tsv they are strings. */
    public static Dataset<Row> score(JavaSparkContext sc, String path, Settings settings, Consumer<String> notes) {
        return score(Source.open(sc, path, Target.NONE, true, settings, notes));
    }

    /** The same of a table that is already a Dataset, also of a stream. */
    public static Dataset<Row> score(Dataset<Row> table, String name, Settings settings, Consumer<String> notes) {
        return score(Table.source(table, false, name, Target.NONE, settings, notes));
    }

    private static Dataset<Row> score(Source source) {
        for (String added : List.of(SEQUENCE, ERROR)) if (source.original().contains(added))
            throw new BadInput(source.name() + " has a column '" + added + "', which is what scoring adds; rename it");
        return source.rows().drop(Source.FILE, Source.START, Source.LINE, Source.OFFSET, Source.TARGET, Source.ENDS_FILE);
    }

    private static Examples read(JavaSparkContext sc, Source source, Target target, Settings settings, Consumer<String> notes) {
        sc.setJobGroup("reading", "read the sequences of " + source.name(), true);
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
                    .map(row -> target == Target.NONE ? RowFactory.create(row._2, row._1.get(0)) : RowFactory.create(row._2, row._1.get(0), row._1.get(1)));
            DataType sequence = source.rows().schema().apply(Source.SEQUENCE).dataType();
            StructType schema = new StructType().add(NUMBER, LongType,
                    false).add(sequence.equals(sequenceType(Example.Form.FEATURES)) ? "features" : "tokens", sequence, false);
            if (target != Target.NONE) schema = schema.add(target.column(), target.type(), false);
            Dataset<Row> rows = source.rows().sparkSession().createDataFrame(numbered, schema).persist(StorageLevel.MEMORY_AND_DISK());
            try {
                long count = rows.count();
                if (count == 0) throw new BadInput("no sequence in " + source.name() + (broken == 0 ? "" : " but broken ones, " + broken)
                        + ", expected at least one; check it and " + Setting.FORMAT.option());
                return new Examples(rows, count, broken);
            } catch (RuntimeException e) {
                rows.unpersist();
                throw e;
            }
        } finally {
            all.unpersist();
        }
    }

    static DataType sequenceType(Example.Form form) {
        return createArrayType(form == Example.Form.FEATURES ? createArrayType(FloatType, false) : StringType, false);
    }

    /** number; tokens (array of strings) or features (array of arrays of floats); and the target's column. In no order. */
    public Dataset<Row> rows() {
        return rows;
    }

    public long count() {
        return count;
    }

    /** Records that were left out. */
    public long broken() {
        return broken;
    }

    @Override public void close() {
        rows.unpersist();
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
