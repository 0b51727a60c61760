package org.rondo.driver.corpus;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.monotonically_increasing_id;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.udf;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import scala.jdk.javaapi.CollectionConverters;

/** A table with columns of the right types, as a source of examples: its schema is checked before anything runs. */
final class Table {
    private Table() { }

    /** @param name for messages
     *  @throws BadInput for whatever Spark, or a data source that it calls, has against it */
    static Dataset<Row> open(String name, Supplier<Dataset<Row>> opening) {
        try {
            return opening.get();
        } catch (Exception e) {      // AnalysisException, undeclared; or what a source of the user's throws
            throw new BadInput("cannot read " + name + ": " + String.valueOf(e.getMessage()).lines().findFirst().orElse("") + "; check the path and "
                    + Setting.FORMAT.option(), e);
        }
    }

    /** @param asRead nothing has been done to the table since it was read, so the order of a file's rows is the file's */
    static Source source(Dataset<Row> table, boolean asRead, String name, Examples.Target target, Settings settings, Consumer<String> notes) {
        return new Source(examples(table, columns(table.schema(), name, target, settings, notes), asRead), name, places(table, asRead), List.of(table.columns()));
    }

    /** @throws BadInput if one is not there, or has another type */
    static Columns columns(StructType schema, String name, Examples.Target target, Settings settings, Consumer<String> notes) {
        List<String> names = List.of(schema.fieldNames());
        Columns columns = Columns.of(names, target, settings, name, notes).requireTarget(names, name);
        if (!isSequence(columns.form(), typeOf(columns.sequence(), schema)))
            throw wrongType(columns.sequence(), schema, columns.form().type, Columns.setting(columns.form()), name);
        if (columns.labelled() != null && !target.takes(typeOf(columns.labelled(), schema)))
            throw wrongType(columns.labelled(), schema, target.expected(), Columns.setting(target), name);
        return columns;
    }

    private static Dataset<Row> examples(Dataset<Row> table, Columns columns, boolean asRead) {
        List<String> needed = columns.needed();
        UDF1<Row, Row> example = row -> {
            Example made = columns.example(column -> plain(row.get(needed.indexOf(column))));
            return RowFactory.create(made.sequence(), made.target(), made.error());
        };
        StructType made = new StructType().add(Source.SEQUENCE, Examples.sequenceType(columns.form()))
                .add(Source.TARGET, columns.target().type()).add(Source.ERROR, DataTypes.StringType);
        // not deterministic, for Spark: it must not be made a part of every column, and run for each
        Column call = udf(example, made).asNondeterministic().apply(struct(needed.stream().map(Table::named).toArray(Column[]::new)));
        Source.Places places = places(table, asRead);
        String all = "_example";
        List<Column> first = new ArrayList<>(List.of(table.columns()).stream().map(Table::named).toList()), second = new ArrayList<>(first);
        first.addAll(List.of((places == Source.Places.NONE ? lit(null).cast(DataTypes.StringType) : col("_metadata.file_path")).as(Source.FILE),
                start(places).as(Source.START), (places == Source.Places.PARTS ? monotonically_increasing_id() : lit(0L)).as(Source.LINE), call.as(all)));
        second.addAll(List.of(col(Source.FILE), col(Source.START), col(Source.LINE), lit(0L).as(Source.OFFSET), lit(false).as(Source.ENDS_FILE)));
        for (String field : made.fieldNames()) second.add(col(all).getField(field).as(field));
        return table.select(first.toArray(Column[]::new)).select(second.toArray(Column[]::new));
    }

    private static DataType typeOf(String column, StructType schema) {
        return schema.apply(column).dataType();
    }

    private static BadInput wrongType(String column, StructType schema, String expected, Setting<?> setting, String name) {
        DataType type = typeOf(column, schema);
        return new BadInput("column " + column + " of " + name + " is " + type.simpleString() + ", expected " + expected + "; set " + setting.option()
                + " to another column" + (setting == Setting.TOKENS_COLUMN && type instanceof StringType
                ? ", or " + Setting.TEXT_COLUMN.option() + " to this one, to split it at blanks" : ""));
    }

    private static boolean isSequence(Example.Form form, DataType type) {
        return switch (form) {
            case TOKENS -> type instanceof ArrayType list && list.elementType() instanceof StringType;
            case TEXT -> type instanceof StringType;
            case LINE -> isSequence(Example.Form.TEXT, type) || isSequence(Example.Form.TOKENS, type);
            case FEATURES -> type instanceof ArrayType steps && steps.elementType() instanceof ArrayType list && list.elementType() instanceof NumericType;
        };
    }

    static Column named(String column) {
        return col("`" + column.replace("`", "``") + "`");
    }

    private static Column start(Source.Places places) {
        return switch (places) {
            case ROWS -> col("_metadata.row_index");
            case PARTS -> col("_metadata.file_block_start");
            case LINES, NONE -> lit(0L);
        };
    }

    private static Source.Places places(Dataset<Row> table, boolean asRead) {
        if (table.isStreaming()) return Source.Places.NONE;
        for (Source.Places places : asRead ? List.of(Source.Places.ROWS, Source.Places.PARTS) : List.of(Source.Places.ROWS)) {
            try {
                table.select(col("_metadata.file_path"), start(places));
                return places;
            } catch (Exception e) {      // AnalysisException, undeclared: it has none
                continue;
            }
        }
        return Source.Places.NONE;
    }

    /** What Spark has for an array is a Seq. */
    private static Object plain(Object value) {
        return value instanceof scala.collection.Seq<?> list ? CollectionConverters.asJava(list).stream().map(Table::plain).toList() : value;
    }
}
