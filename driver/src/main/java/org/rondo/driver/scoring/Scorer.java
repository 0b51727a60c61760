package org.rondo.driver.scoring;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.FloatType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.StringType;
import static org.apache.spark.sql.types.DataTypes.createArrayType;
import static org.apache.spark.sql.types.DataTypes.createMapType;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.rondo.driver.BadInput;
import org.rondo.driver.ExecutorMemory;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Examples;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Span;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Network;
import org.rondo.kernels.Sequences;
import scala.Tuple2;
import scala.collection.immutable.ArraySeq;
import scala.jdk.javaapi.CollectionConverters;

/** What a model says of every row of a table, beside the columns that the row has: computed where Spark has the rows, row by row as far as
 *  anyone can see, and nothing before somebody asks for them. A row is the same whatever else is in its partition.
 *
 *  <p>A task reads rows until it has {@value #CHUNK} tokens, or what takes as much memory, scores them in batches of similar length ({@link Sequences}) and gives them on in their
 *  order, so its memory is that of a chunk, whatever the size of its partition. The model goes to every JVM once; each task that runs
 *  there at a time has a kernel, kept for later tasks ({@link PredictorPool}). */
public final class Scorer {
    /** Of tagging: a tag for every token, in IOB2 where tags say where entities are; and those entities. */
    public static final String TAGS = "tags", ENTITIES = "entities";
    /** Of classification: the likeliest label, and all labels' probabilities. Of regression: a number, or an array of them. */
    public static final String PREDICTION = "prediction", PROBABILITIES = "probabilities";
    /** Of a language model: log p of every token, in nats, that of the line's end last; and exp of their negated mean. */
    public static final String LOG_PROBABILITIES = "logProbabilities", PERPLEXITY = "perplexity";
    /** What is wrong with the row, which then has no predictions; null for nothing. */
    public static final String ERROR = Examples.ERROR;
    /** Tokens, and rows, that a task reads at a time. */
    static final int CHUNK = 100_000, MOST_ROWS = 50_000;
    /** Bytes that count as a token; and those of a string beside its characters, so that a short one is a token. */
    private static final int TOKEN_BYTES = 64, STRING_BYTES = 48;
    /** Tokens, end exclusive, and the tokens with blanks between; null where there are none but features. */
    private static final StructType ENTITY = new StructType().add("start", IntegerType, false).add("end", IntegerType, false).add("type", StringType, false)
            .add("text", StringType);

    private final Model model;
    private final Settings settings;
    private final String kernel;
    /** Made when first needed. */
    private Sent sent;

    /** @param settings which columns there are, how files are read, batchTokens and kernel */
    public Scorer(Model model, Settings settings) {
        this.model = model;
        this.settings = settings;
        this.kernel = settings.get(Setting.KERNEL);
    }

    /** What {@link #score} makes of a table with these columns: them, the predictions and {@link #ERROR}.
     *  @throws BadInput if there is no column of what the model reads, if it has another type, or if one has the name of a column that is added */
    public StructType schema(StructType original) {
        return schema(original, "the table", note -> { });
    }

    private StructType schema(StructType original, String name, Consumer<String> notes) {
        return schema(original, Examples.sequenceType(original, name, model.lexicon().task(), settings, notes), name);
    }

    private StructType schema(StructType original, DataType sequence, String name) {
        boolean vectors = sequence.equals(createArrayType(createArrayType(FloatType, false), false));
        if (vectors != model.lexicon().features() > 0) throw new BadInput(name + " has " + (vectors ? "vectors" : "tokens") + ", expected "
                + (vectors ? "tokens" : "vectors of " + model.lexicon().features() + " numbers") + ", as the model reads; set "
                + (vectors ? Setting.TOKENS_COLUMN.option() + " or " + Setting.TEXT_COLUMN.option() : Setting.FEATURES_COLUMN.option()));
        Lexicon lexicon = model.lexicon();
        return schema(original, lexicon.task(), lexicon.scheme() != TagScheme.NONE, lexicon.values(), name);
    }

    /** What the models of a task make of a table, also before there is one.
     *  @param entities whether labels of tokens say where such are
     *  @param values   numbers to predict, of regression
     *  @param name     of the table, for messages
     *  @throws BadInput if a column has the name of one that is added */
    public static StructType schema(StructType original, Task task, boolean entities, int values, String name) {
        StructType predictions = new StructType();
        predictions = switch (task) {
            case LANGUAGE_MODEL -> predictions.add(LOG_PROBABILITIES, createArrayType(FloatType, false)).add(PERPLEXITY, DoubleType);
            case TAGGING -> {
                StructType tags = predictions.add(TAGS, createArrayType(StringType, false));
                yield entities ? tags.add(ENTITIES, createArrayType(ENTITY, false)) : tags;
            }
            case CLASSIFICATION -> predictions.add(PREDICTION, StringType).add(PROBABILITIES, createMapType(StringType, DoubleType, false));
            case REGRESSION -> predictions.add(PREDICTION, values == 1 ? DoubleType : createArrayType(DoubleType, false));
        };
        StructType all = original;
        for (StructField added : predictions.add(ERROR, StringType).fields()) {
            for (String there : original.fieldNames()) if (there.equalsIgnoreCase(added.name()))
                throw new BadInput(name + " has a column '" + there + "', which is what scoring adds; rename it, or leave it out");
            all = all.add(added);
        }
        return all;
    }

    /** Lazily; also of a stream.
     *  @param name  of the table, for messages
     *  @param notes hears what was chosen
     *  @throws BadInput as {@link #schema(StructType)} */
    public Dataset<Row> score(Dataset<Row> table, String name, Consumer<String> notes) {
        return score(table, name, null, notes);
    }

    Dataset<Row> score(Dataset<Row> table, String name, Tally.Sums sums, Consumer<String> notes) {
        schema(table.schema(), name, note -> { });          // before Spark says it in its own way
        return score(Examples.score(table, name, model.lexicon().task(), settings, notes), name, sums);
    }

    /** @param path  as {@link Setting#INPUT} has it
     *  @param notes hears what was chosen */
    public Dataset<Row> score(JavaSparkContext sc, String path, Consumer<String> notes) {
        return score(sc, path, null, notes);
    }

    Dataset<Row> score(JavaSparkContext sc, String path, Tally.Sums sums, Consumer<String> notes) {
        return score(Examples.score(sc, path, model.lexicon().task(), settings, notes), path, sums);
    }

    private Dataset<Row> score(Dataset<Row> examples, String name, Tally.Sums sums) {
        StructType original = new StructType(Stream.of(examples.schema().fields()).filter(field -> !field.name().equals(Examples.SEQUENCE) && !field.name().equals(ERROR))
                .toArray(StructField[]::new));
        StructType schema = schema(original, examples.schema().apply(Examples.SEQUENCE).dataType(), name);
        JavaSparkContext sc = new JavaSparkContext(examples.sparkSession().sparkContext());
        if (sc.isLocal()) Kernel.check(kernel);
        List<String> names = List.of(examples.columns());
        return examples.mapPartitions(new Work(sent(sc), names.indexOf(Examples.SEQUENCE), names.indexOf(ERROR), schema.size(), settings.get(Setting.BATCH_TOKENS), sums),
                Encoders.row(schema));
    }

    /** Says what a task takes, and what to set, where executors have been given less. */
    void warnOfMemory(JavaSparkContext sc, Consumer<String> notes) {
        ExecutorMemory.of(sc, Predictor.usualBytes(model, settings.get(Setting.BATCH_TOKENS)), 0).warn(Setting.BATCH_TOKENS.key(), notes);
    }

    private synchronized Sent sent(JavaSparkContext sc) {
        if (sent == null || !sent.application.equals(sc.sc().applicationId())) sent = new Sent(sc, model, kernel);
        return sent;
    }

    /** The model as executors get it: once each. In parts, as Kryo 4 cannot write records.
     *  @param application of Spark, whose executors have it
     *  @param key         to tell models apart by, within a JVM */
    private record Sent(String application, String key, String kernel, Broadcast<float[]> parameters, Broadcast<byte[]> rest) implements Serializable {

        Sent(JavaSparkContext sc, Model model, String kernel) {
            this(sc.sc().applicationId(), UUID.randomUUID().toString(), kernel, sc.broadcast(model.parameters()), sc.broadcast(bytes(List.of(model.network(), model.lexicon()))));
        }

        private static byte[] bytes(Object object) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
                out.writeObject(object);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return bytes.toByteArray();
        }

        Predictor open(int threads) {
            ClassLoader loader = Scorer.class.getClassLoader();         // of the user's jars, which is not that of Java's own classes
            try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(rest.value())) {
                @Override protected Class<?> resolveClass(ObjectStreamClass read) throws ClassNotFoundException {
                    return Class.forName(read.getName(), false, loader);
                }
            }) {
                List<?> both = (List<?>) in.readObject();
                return new Predictor((Network) both.get(0), (Lexicon) both.get(1), parameters.value(), kernel, threads);
            } catch (IOException | ClassNotFoundException e) {
                throw new IllegalStateException("the model did not arrive whole: " + e.getMessage(), e);
            }
        }
    }

    /** What an executor does with a partition.
     *  @param columns of a scored row
     *  @param sums    null where nobody counts */
    private record Work(Sent sent, int sequence, int error, int columns, int budget, Tally.Sums sums) implements MapPartitionsFunction<Row, Row> {

        @Override public Iterator<Row> call(Iterator<Row> rows) {
            TaskContext task = TaskContext.get();
            List<Object> key = List.of(sent.key, task.cpus());
            PredictorPool.Kept kept = PredictorPool.borrow(key, () -> sent.open(task.cpus()));
            task.addTaskCompletionListener(ended -> {
                if (ended.isFailed() || ended.isInterrupted()) kept.predictor.close();
                else PredictorPool.giveBack(kept);
            });
            return new Rows(this, rows, kept.predictor);
        }
    }

    /** The rows of a partition, scored a chunk at a time. */
    private static final class Rows implements Iterator<Row> {
        private final Work work;
        private final Iterator<Row> rows;
        private final Predictor predictor;
        private List<Row> scored = List.of();
        private int at;

        Rows(Work work, Iterator<Row> rows, Predictor predictor) {
            this.work = work;
            this.rows = rows;
            this.predictor = predictor;
        }

        @Override public boolean hasNext() {
            if (at == scored.size() && rows.hasNext()) {
                scored = List.of();      // before there is another
                scored = new Chunk(work, predictor, rows).scored();
                at = 0;
            }
            return at < scored.size();
        }

        @Override public Row next() {
            if (!hasNext()) throw new NoSuchElementException();
            return scored.get(at++);
        }
    }

    /** Rows that are in memory together. */
    private static final class Chunk {
        private final Work work;
        private final Predictor predictor;
        private final Lexicon lexicon;
        private final List<Row> rows = new ArrayList<>();
        /** Of every row: its predictions, or null and what is wrong. */
        private final List<Object[]> predicted = new ArrayList<>();
        private final List<String> wrong = new ArrayList<>();
        /** Sequences to score together, and the rows that they are of. */
        private final List<Object> sequences = new ArrayList<>();
        private final List<Integer> rowOf = new ArrayList<>();
        /** Steps that are scored together, and of a line the most that are at once. */
        private final int budget;
        /** Of all rows, in tokens. */
        private long size;
        /** Scored, and rows that are not. */
        private long tokens, errors;

        Chunk(Work work, Predictor predictor, Iterator<Row> from) {
            this.work = work;
            this.predictor = predictor;
            this.lexicon = predictor.lexicon();
            this.budget = lexicon.task() == Task.LANGUAGE_MODEL ? predictor.lineSteps(work.budget) : work.budget;
            while (from.hasNext() && size < CHUNK && rows.size() < MOST_ROWS) add(from.next());
        }

        private void add(Row row) {
            int r = rows.size();
            rows.add(row);
            predicted.add(null);
            wrong.add(null);
            String error = row.getString(work.error);
            long bytes = 0;
            for (int c = 0; c < row.size(); c++) if (c != work.sequence || error != null) bytes += bytes(row.get(c));
            if (error != null) {
                size += 1 + bytes / TOKEN_BYTES;
                fail(r, error);
                return;
            }
            Object sequence = lexicon.task() == Task.LANGUAGE_MODEL ? lexicon.words().encode(row.getString(work.sequence)) : row.getList(work.sequence);
            int steps = steps(sequence);
            size += 1 + Math.max(steps, bytes / TOKEN_BYTES);
            if (steps > predictor.longest()) fail(r, "the sequence has " + steps + " tokens, expected at most " + predictor.longest() + "; cut it");
            else if (lexicon.features() > 0 && width(sequence) != lexicon.features())
                fail(r, "the sequence has vectors of " + width(sequence) + " numbers, expected " + lexicon.features() + ", as the model reads");
            else {
                if (sequence instanceof int[] line && steps > budget && !predictor.network().bidirectional()) take(r, sequence, new int[0], predictor.losses(line, budget));
                else {
                    sequences.add(sequence);
                    rowOf.add(r);
                }
            }
        }

        private static int steps(Object sequence) {
            return sequence instanceof int[] line ? line.length : ((List<?>) sequence).size();
        }

        /** What strings and binaries take, wherever in a value they are. */
        private static long bytes(Object value) {
            if (value instanceof String text) return STRING_BYTES + text.length();
            if (value instanceof byte[] binary) return binary.length;
            if (value instanceof Tuple2<?, ?> entry) return bytes(entry._1()) + bytes(entry._2());       // of a map
            long sum = 0;
            if (value instanceof Row row) for (int c = 0; c < row.size(); c++) sum += bytes(row.get(c));
            else if (value instanceof scala.collection.Iterable<?> all) for (scala.collection.Iterator<?> each = all.iterator(); each.hasNext(); ) {
                Object one = each.next();
                if (one instanceof Number) break;       // as are the others
                sum += bytes(one);
            }
            return sum;
        }

        private static int width(Object sequence) {
            return ((scala.collection.Seq<?>) ((List<?>) sequence).get(0)).size();
        }

        private void fail(int row, String error) {
            errors++;
            wrong.set(row, error);
        }

        /** In the order in which they came. */
        List<Row> scored() {
            if (!sequences.isEmpty()) predictor.predict(encoded(), new Predictor.Sink() {
                @Override public void take(int s, int[] labels, float[] outputs) {
                    Chunk.this.take(rowOf.get(s), sequences.get(s), labels, outputs);
                }

                @Override public void refuse(int s, long bytes) {
                    fail(rowOf.get(s), "the sequence would take " + bytes + " bytes of memory, more than a quarter of what the machine has; cut it");
                }
            });
            if (work.sums != null) work.sums.add(rows.size(), tokens, errors);
            List<Row> scored = new ArrayList<>(rows.size());
            for (int r = 0; r < rows.size(); r++) scored.add(row(rows.get(r), predicted.get(r), wrong.get(r)));
            return scored;
        }

        @SuppressWarnings("unchecked")
        private Sequences encoded() {
            List<?> all = sequences;
            return lexicon.task() == Task.LANGUAGE_MODEL ? lexicon.lines(predictor.network(), (List<int[]>) all, budget)
                    : lexicon.encode(0, predictor.network(), (List<List<?>>) all, null, 0, budget);
        }

        private Row row(Row original, Object[] predictions, String error) {
            Object[] all = new Object[work.columns];
            int to = 0;
            for (int c = 0; c < original.size(); c++) if (c != work.sequence && c != work.error) all[to++] = original.get(c);
            if (predictions != null) System.arraycopy(predictions, 0, all, to, predictions.length);
            all[all.length - 1] = error;
            return RowFactory.create(all);
        }

        private void take(int row, Object sequence, int[] labels, float[] outputs) {
            tokens += steps(sequence);
            predicted.set(row, switch (lexicon.task()) {
                case LANGUAGE_MODEL -> line(outputs);
                case TAGGING -> tags(labels, (List<?>) sequence);
                case CLASSIFICATION -> new Object[] {lexicon.labels().get(labels[0]), probabilities(outputs)};
                case REGRESSION -> new Object[] {outputs.length == 1 ? (Object) (double) outputs[0] : array(doubles(outputs))};
            });
        }

        private static Object[] line(float[] losses) {
            double sum = 0;
            float[] logs = new float[losses.length];
            for (int t = 0; t < losses.length; t++) {
                sum += losses[t];
                logs[t] = -losses[t];
            }
            return new Object[] {array(logs), Math.exp(sum / losses.length)};
        }

        private Object[] tags(int[] labels, List<?> tokens) {
            List<String> tags = lexicon.names(labels);
            if (lexicon.scheme() == TagScheme.NONE) return new Object[] {array(tags.toArray(String[]::new))};
            List<Span> spans = lexicon.scheme().spans(tags);
            Row[] entities = new Row[spans.size()];
            for (int n = 0; n < entities.length; n++) {
                Span span = spans.get(n);
                entities[n] = RowFactory.create(span.start(), span.end(), span.type(),
                        lexicon.features() > 0 ? null : String.join(" ", tokens.subList(span.start(), span.end()).stream().map(String.class::cast).toList()));
            }
            return new Object[] {array(TagScheme.IOB2.tags(spans, labels.length).toArray(String[]::new)), array(entities)};
        }

        private Object probabilities(float[] outputs) {
            Map<String, Double> probabilities = new LinkedHashMap<>();
            for (int y = 0; y < outputs.length; y++) probabilities.put(lexicon.labels().get(y), (double) outputs[y]);
            return CollectionConverters.asScala(probabilities);
        }

        private static double[] doubles(float[] floats) {
            double[] doubles = new double[floats.length];
            for (int i = 0; i < doubles.length; i++) doubles[i] = floats[i];
            return doubles;
        }

        /** As Spark has it in a row. */
        private static Object array(Object array) {
            return ArraySeq.unsafeWrapArray(array);
        }
    }
}
