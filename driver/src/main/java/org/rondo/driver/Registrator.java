package org.rondo.driver;

import com.esotericsoftware.kryo.Kryo;
import java.util.List;
import org.apache.spark.serializer.KryoRegistrator;

/** The classes that travel as data, for {@code spark.serializer} Kryo with {@code spark.kryo.registrationRequired=true}. What
 *  Spark and its Scala register by themselves is left out; closures travel by Java's serialisation whatever is set. */
public final class Registrator implements KryoRegistrator {
    /** By name: most are nobody else's business. */
    private static final List<String> CLASSES = List.of(
            "[Ljava.lang.String;", "[[I", "[[F", "java.util.TreeMap", "java.util.TreeSet",
            "org.rondo.driver.corpus.Vocabulary", "org.rondo.driver.corpus.Tokens$Piece", "org.rondo.driver.corpus.Tokens$Place",
            "org.rondo.driver.corpus.Tokens$Fragment", "org.rondo.driver.corpus.Span", "org.rondo.driver.corpus.TagScheme",
            "org.rondo.driver.corpus.TagScheme$Allowed", "org.rondo.driver.corpus.SeenTags", "org.rondo.driver.rounds.Start",
            "org.rondo.driver.scoring.Score", "org.rondo.driver.scoring.EntityScores", "org.rondo.driver.scoring.ClassScores", "org.rondo.driver.scoring.ValueScores", "org.rondo.driver.scoring.Evaluation$Scored",
            // of Spark's own: rows, what it infers of JSON lines, and what a stream says of its files
            "org.apache.spark.sql.catalyst.expressions.GenericRowWithSchema", "org.apache.spark.sql.types.StructType", "org.apache.spark.sql.types.StructField",
            "[Lorg.apache.spark.sql.types.StructField;", "org.apache.spark.sql.types.ArrayType", "org.apache.spark.sql.types.StringType$",
            "org.apache.spark.sql.types.LongType$", "org.apache.spark.sql.types.DoubleType$", "org.apache.spark.sql.types.BooleanType$",
            "org.apache.spark.sql.types.DecimalType", "org.apache.spark.sql.types.NullType$", "org.apache.spark.sql.types.Metadata",
            "org.apache.spark.sql.execution.streaming.sinks.SinkFileStatus",
            "org.rondo.kernels.Streams", "org.rondo.kernels.Sequences", "org.rondo.kernels.Sequences$Sequence", "[Lorg.rondo.kernels.Sequences$Sequence;",
            "org.rondo.kernels.Replica$Result");

    @Override public void registerClasses(Kryo kryo) {
        for (String name : CLASSES) {
            try {
                kryo.register(Class.forName(name));
            } catch (ClassNotFoundException e) {
                throw new IllegalStateException("Registrator names " + name + ", which this version of Rondo does not have", e);
            }
        }
    }
}
