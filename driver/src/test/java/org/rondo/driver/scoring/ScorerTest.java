package org.rondo.driver.scoring;

import static org.apache.spark.sql.functions.col;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Registrator;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Loss;
import org.rondo.kernels.NativeKernel;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** All of it under Kryo with registration required: what travels is registered. */
class ScorerTest {
    private static final Cell LSTM = Cell.LSTM;
    private static final StructType TOKENS = new StructType().add("id", DataTypes.LongType).add("tokens", DataTypes.createArrayType(DataTypes.StringType));
    private static JavaSparkContext sc;
    private static SparkSession spark;
    private final List<String> notes = new ArrayList<>();
    @TempDir Path dir;

    @BeforeAll static void start() {
        sc = new JavaSparkContext(new SparkConf(false).setMaster("local[2]").setAppName("test").set("spark.ui.enabled", "false")
                .set("spark.sql.codegen.wholeStage", "false").set("spark.sql.shuffle.partitions", "3")
                .set("spark.serializer", "org.apache.spark.serializer.KryoSerializer").set("spark.kryo.registrationRequired", "true")
                .set("spark.kryo.registrator", Registrator.class.getName()));
        spark = SparkSession.builder().getOrCreate();
    }

    @AfterAll static void stop() {
        sc.close();
    }

    // what is predicted

    /** Every weight is zero but the labels' biases and transitions: the best path is that of the biases under what IOBES allows. */
    @Test void tagsAreIob2AndEntitiesAreSpansWithTheirText() {
        Model model = tagger(TagScheme.IOBES, List.of("B-LOC", "E-LOC", "I-LOC", "O", "S-LOC"), Loss.CRF);
        Arrays.fill(model.parameters(), 0);
        put(model, "transitions_start", 0, 5);       // begins with B-LOC
        put(model, "output.bias", 2, 1);             // goes on with I-LOC, as long as it may: it must end with E-LOC
        List<Row> rows = scorer(model).score(tokens("New York City", "Oslo"), "a table", notes::add).orderBy("id").collectAsList();
        assertEquals("[0,[New York City],[B-LOC I-LOC I-LOC],[{0,3,LOC,New York City}],null]", shown(rows.get(0)));
        assertEquals(List.of("id", "tokens", "tags", "entities", "error"), List.of(rows.get(0).schema().fieldNames()));
        assertEquals("struct<id:bigint,tokens:array<string>,tags:array<string>,entities:array<struct<start:int,end:int,type:string,text:string>>,error:string>",
                scorer(model).schema(TOKENS).simpleString());
    }

    @Test void plainClassesHaveNoEntities() {
        Model model = tagger(TagScheme.NONE, List.of("NOUN", "VERB"), Loss.SOFTMAX);
        Arrays.fill(model.parameters(), 0);
        put(model, "output.bias", 1, 1);
        Row row = scorer(model).score(tokens("time flies"), "a table", notes::add).first();
        assertEquals("[0,[time flies],[VERB VERB],null]", shown(row));
    }

    /** p = softmax of the biases: 3/4 and 1/4. */
    @Test void aClassHasTheProbabilitiesOfAll() {
        Model model = classifier();
        Arrays.fill(model.parameters(), 0);
        put(model, "output.bias", 1, (float) Math.log(3));
        Dataset<Row> scored = scorer(model).score(tokens("a b"), "a table", notes::add);
        assertEquals("spam", scored.select("prediction").first().getString(0));
        assertEquals(0.75, scored.select(col("probabilities").getItem("spam")).first().getDouble(0), 1e-6);
        assertEquals(0.25, scored.select(col("probabilities").getItem("ham")).first().getDouble(0), 1e-6);
    }

    @Test void numbersAreOneOrAnArray() {
        Model one = regression(1), two = regression(2);
        for (Model model : List.of(one, two)) Arrays.fill(model.parameters(), 0);
        put(one, "output.bias", 0, 1.5f);
        put(two, "output.bias", 1, -2);
        StructType features = new StructType().add("features", DataTypes.createArrayType(DataTypes.createArrayType(DataTypes.DoubleType)));
        Dataset<Row> table = spark.createDataFrame(List.of(RowFactory.create((Object) new Double[][] {{1.0, 2.0}, {3.0, 4.0}}), RowFactory.create((Object) new Double[][] {{1.0}})), features).coalesce(1);
        List<Row> rows = scorer(one).score(table, "a table", notes::add).collectAsList();
        assertEquals(1.5, rows.get(0).<Double>getAs("prediction"));
        assertEquals("the sequence has vectors of 1 numbers, expected 2, as the model reads", rows.get(1).getAs("error"));
        assertTrue(rows.get(1).isNullAt(1));
        assertEquals(List.of(0.0, -2.0), scorer(two).score(table, "a table", notes::add).first().getList(1));
    }

    /** p = softmax of the biases, whatever came before: by hand. */
    @Test void everyTokenOfALineHasItsLogProbabilityAndTheEndIsOne() throws IOException {
        Model characters = languageModel("character", "<unk>\n\\n\na\n \n");
        Arrays.fill(characters.parameters(), 0);
        put(characters, "output.bias", 2, (float) Math.log(5));      // p(a) = 5/8, p of all others 1/8
        Dataset<Row> table = spark.createDataFrame(Stream.of("a a", "", null, "z").map(RowFactory::create).toList(), new StructType().add("text", DataTypes.StringType)).coalesce(1);
        List<Row> rows = scorer(characters).score(table, "a table", notes::add).collectAsList();
        double a = Math.log(5 / 8.0), other = Math.log(1 / 8.0);
        assertClose(List.of(a, other, a, other), rows.get(0).getList(1));
        assertEquals(Math.exp(-(2 * a + 2 * other) / 4), rows.get(0).<Double>getAs("perplexity"), 1e-5);
        assertClose(List.of(other), rows.get(1).getList(1));
        assertEquals("[null,null,null,column text is missing or null]", shown(rows.get(2)));
        assertClose(List.of(other, other), rows.get(3).getList(1));

        Model words = languageModel("word", "<unk>\n<eos>\nthe\ncat\n");
        Arrays.fill(words.parameters(), 0);
        assertClose(List.of(-Math.log(4), -Math.log(4), -Math.log(4)), scorer(words).score(table.limit(1), "a table", notes::add).first().getList(1));
        assertClose(List.of(-Math.log(4), -Math.log(4), -Math.log(4)), scorer(words).score(tokens("the cat"), "a table", notes::add).first().getList(2));
    }

    /** The truth is the network's own word on each line by itself, from the end of a line on, read from whole rows of probabilities. */
    @Test void aLineStartsFromAZeroStateAndTheEndOfALine() throws IOException {
        Model model = languageModel("word", "<unk>\n<eos>\nthe\ncat\nsat\n");
        List<String> lines = List.of("the cat sat", "cat", "", "the the the the cat sat on the cat");
        Path file = Files.writeString(dir.resolve("lines.txt"), String.join("\n", lines) + "\n");
        List<Row> rows = scorer(model).score(sc, file.toString(), notes::add).collectAsList();
        assertEquals(lines, rows.stream().map(row -> row.getString(0)).toList());
        for (Row row : rows) {
            int[] line = model.lexicon().words().encode(row.getString(0));
            List<Float> log = row.getList(1);
            try (Kernel kernel = Kernel.open("auto", Layout.forScoring(model.network(), 1, line.length))) {
                UnrolledNetwork unrolled = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
                kernel.load(Block.PARAMETERS, model.parameters());
                int[] before = new int[line.length];
                for (int t = 0; t < before.length; t++) before[t] = t == 0 ? model.lexicon().words().id("<eos>") : line[t - 1];
                unrolled.forward(new Window(before, null, line.length), null);
                float[] p = new float[line.length * 5];
                unrolled.probabilities(0, line.length, p);
                for (int t = 0; t < line.length; t++) assertEquals(Math.log(p[t * 5 + line[t]]), log.get(t), 1e-5);
            }
        }
    }

    @Test void predictionsAreThoseOfAnEvaluation() throws IOException {
        Model model = tagger(TagScheme.IOB2, List.of("B-X", "I-X", "O"), Loss.CRF);
        String text = random(80).stream().map(line -> Stream.of(line.split(" ")).map(word -> word + " O\n").collect(Collectors.joining())).collect(Collectors.joining("\n"));
        Path file = Files.writeString(dir.resolve("a.conll"), text);
        List<Row> rows = scorer(model).score(sc, file.toString(), notes::add).collectAsList();
        long tokens = rows.stream().mapToLong(row -> row.getList(2).size()).sum(), outside = rows.stream().flatMap(row -> row.<String>getList(2).stream()).filter("O"::equals).count();
        Evaluation evaluation = Evaluation.of(sc, model, file.toString(), Settings.of(Map.of("tagScheme", "iob2")), notes::add);
        assertTrue(outside > 0 && outside < tokens, outside + " of " + tokens);
        assertEquals(outside / (double) tokens, evaluation.entities().tokenAccuracy(), 1e-12);
    }

    // rows

    @Test void resultsDependNeitherOnBatchesNorOnPartitions() {
        for (Model model : List.of(tagger(TagScheme.IOBES, List.of("B-LOC", "E-LOC", "I-LOC", "O", "S-LOC"), Loss.CRF), classifier(), languageModel("word", "<unk>\n<eos>\na\nb\nc\nd\n"))) {
            Dataset<Row> table = tokens(random(150).toArray(String[]::new));
            List<String> expected = null;
            for (int partitions : new int[] {1, 4})
                for (int budget : new int[] {1, 17, 640}) {
                    List<String> rows = new Scorer(model, Settings.of(Map.of("batchTokens", "" + budget))).score(table.repartition(partitions), "a table", notes::add)
                            .orderBy("id").collectAsList().stream().map(ScorerTest::shown).toList();
                    if (expected == null) expected = rows;
                    assertEquals(expected, rows, model.lexicon().task() + ", " + partitions + " partitions, batchTokens " + budget);
                }
        }
    }

    @Test void orderAndColumnsStayAndEveryRecordHasARow() throws IOException {
        Path file = Files.writeString(dir.resolve("a.json"), """
                {"id": 7, "tokens": ["a", "b"], "deep": {"x": [1.5]}}
                nonsense
                {"id": 8, "tokens": []}
                {"id": 9}
                {"id": 10, "tokens": ["b"]}
                """);
        Model model = tagger(TagScheme.NONE, List.of("N", "V"), Loss.SOFTMAX);
        Arrays.fill(model.parameters(), 0);
        Settings settings = Settings.of(Map.of("input", file.toString(), "output", dir + "/out"));
        ScoredCorpus.Count count = ScoredCorpus.write(sc, new Scorer(model, settings), settings, notes::add, heard -> { });
        assertEquals("5 3 3", count.rows() + " " + count.tokens() + " " + count.errors());
        Dataset<Row> read = spark.read().parquet(dir + "/out");
        assertEquals("struct<deep:struct<x:array<double>>,id:bigint,tokens:array<string>,tags:array<string>,error:string>", read.schema().simpleString());
        List<String> rows = read.collectAsList().stream().map(ScorerTest::shown).toList();
        assertEquals("[{[1.5]},7,[a b],[N N],null]", rows.get(0));
        assertEquals("[null,null,null,null,file:" + file + ", line 2: 'nonsense', expected a JSON object]", rows.get(1));
        assertTrue(rows.get(2).contains("column tokens is empty"), rows.get(2));
        assertTrue(rows.get(3).contains("column tokens is missing or null"), rows.get(3));
        assertEquals("[null,10,[b],[N],null]", rows.get(4));
    }

    @Test void chunksGoOnInTheOrderOfTheRows() {
        Model model = tagger(TagScheme.NONE, List.of("N", "V"), Loss.SOFTMAX);
        int rows = 3 * Scorer.CHUNK / 40;
        Dataset<Row> table = spark.range(0, rows, 1, 1).selectExpr("id", "transform(sequence(1, 40 + cast(id % 7 as int)), x -> cast((id + x) % 11 as string)) as tokens");
        List<Row> scored = scorer(model).score(table, "a table", notes::add).selectExpr("id", "size(tags)").collectAsList();
        assertEquals(rows, scored.size());
        for (int r = 0; r < rows; r++) assertEquals("[" + r + "," + (40 + r % 7) + "]", scored.get(r).toString());
    }

    @Test void whatIsTooLongIsNamedAndALongLineIsNot() {
        Dataset<Row> table = spark.range(1).selectExpr("array_repeat('a', 1100000) as tokens");
        Row row = scorer(tagger(TagScheme.NONE, List.of("N", "V"), Loss.SOFTMAX)).score(table, "a table", notes::add).select("tags", "error").first();
        assertEquals("[null,the sequence has 1100000 tokens, expected at most 262144; cut it]", row.toString());
        Dataset<Row> line = spark.range(1).selectExpr("repeat('a b ', 20000) as text");
        assertEquals("[null,40001]", scorer(languageModel("word", "<unk>\n<eos>\na\nb\n")).score(line, "a table", notes::add).selectExpr("error", "size(logProbabilities)").first().toString());
    }

    // the table

    @Test void aTableWithoutWhatIsNeededIsRefused() {
        Scorer tagger = new Scorer(tagger(TagScheme.NONE, List.of("N"), Loss.SOFTMAX), Settings.of(Map.of()));
        StructType tokens = new StructType().add("tokens", DataTypes.createArrayType(DataTypes.StringType));
        assertEquals("no column tokens, text or features in the table, which has a; set --tokensColumn (spark.rondo.tokensColumn), --textColumn (spark.rondo.textColumn) "
                + "or --featuresColumn (spark.rondo.featuresColumn)", refused(tagger, new StructType().add("a", DataTypes.LongType)));
        assertEquals("column tokens of the table is bigint, expected array<string>; set --tokensColumn (spark.rondo.tokensColumn) to another column",
                refused(tagger, new StructType().add("tokens", DataTypes.LongType)));
        assertEquals("the table has a column 'Tags', which is what scoring adds; rename it, or leave it out", refused(tagger, tokens.add("Tags", DataTypes.StringType)));
        assertEquals("the table has a column 'error', which is what scoring adds; rename it, or leave it out", refused(tagger, tokens.add("error", DataTypes.StringType)));
        assertEquals("the table has tokens, expected vectors of 2 numbers, as the model reads; set --featuresColumn (spark.rondo.featuresColumn)",
                refused(new Scorer(regression(1), Settings.of(Map.of())), tokens));
        assertEquals("no column text or tokens in the table, which has features; a language model reads one of them; set --textColumn (spark.rondo.textColumn) or --tokensColumn (spark.rondo.tokensColumn)",
                refused(new Scorer(languageModel("word", "<unk>\n<eos>\n"), Settings.of(Map.of())), new StructType().add("features", DataTypes.createArrayType(DataTypes.createArrayType(DataTypes.FloatType)))));
    }

    @Test void aStreamIsScoredAsATable() throws Exception {
        Model model = tagger(TagScheme.IOBES, List.of("B-LOC", "E-LOC", "I-LOC", "O", "S-LOC"), Loss.CRF);
        tokens(random(40).toArray(String[]::new)).coalesce(2).write().parquet(dir + "/in");
        Dataset<Row> stream = spark.readStream().schema(TOKENS).option("maxFilesPerTrigger", 1).parquet(dir + "/in");
        StreamingQuery query = scorer(model).score(stream, "a stream", notes::add).writeStream().format("parquet").option("checkpointLocation", dir + "/checkpoint").option("path", dir + "/out").start();
        query.processAllAvailable();
        query.stop();
        assertEquals(scorer(model).score(spark.read().parquet(dir + "/in"), "a table", notes::add).orderBy("id").collectAsList().stream().map(ScorerTest::shown).toList(),
                spark.read().parquet(dir + "/out").orderBy("id").collectAsList().stream().map(ScorerTest::shown).toList());
    }

    @Test void tasksOfOneSlotShareAPredictor() {
        PredictorPool.clear();
        int before = PredictorPool.opened();
        scorer(classifier()).score(tokens(random(60).toArray(String[]::new)).repartition(12), "a table", notes::add).collectAsList();
        assertTrue(PredictorPool.opened() - before <= 2, PredictorPool.opened() - before + " for 12 tasks in 2 slots");
    }

    @Test void aPredictorThatNoTaskUsesIsClosedByItself() throws InterruptedException {
        Model model = classifier();
        List<PredictorPool.Kept> both = IntStream.range(0, 2).mapToObj(n -> PredictorPool.borrow("test " + n, () -> new Predictor(model.network(), model.lexicon(), model.parameters(), "auto", 1))).toList();
        PredictorPool.clear();
        both.get(0).linger.after(50);
        both.forEach(PredictorPool::giveBack);
        for (long from = System.nanoTime(); PredictorPool.idle() > 1; Thread.sleep(10)) assertTrue(System.nanoTime() - from < 60e9, "waited a minute");
        assertSame(both.get(1), PredictorPool.borrow("test 1", () -> null));
        PredictorPool.giveBack(both.get(1));
        PredictorPool.clear();
        assertEquals(0, PredictorPool.idle());
    }

    // memory

    private static final AtomicInteger READ = new AtomicInteger();

    private static Iterator<Row> counted(Iterator<Row> rows) {
        return new Iterator<>() {
            @Override public boolean hasNext() {
                return rows.hasNext();
            }

            @Override public Row next() {
                READ.incrementAndGet();
                return rows.next();
            }
        };
    }

    /** Rows of a megabyte, scored or not: a few are in memory together, and not as many as have 100,000 tokens. */
    @Test void wideRowsAndBrokenOnesCountByTheirBytes() {
        String wide = "repeat(string(id % 10), 1000000)";
        for (String columns : List.of("array('a') as tokens, " + wide + " as note", "cast(null as array<string>) as tokens, binary(" + wide + ") as note",
                "array('a') as tokens, array(named_struct('deep', map(1, " + wide + "))) as note", "cast(null as string) as text, " + wide + " as note")) {
            READ.set(0);
            Dataset<Row> table = spark.sql("select " + columns + " from range(0, 60, 1, 1)");
            Dataset<Row> counted = table.mapPartitions((MapPartitionsFunction<Row, Row>) ScorerTest::counted, Encoders.row(table.schema()));
            List<Integer> atFirst = scorer(tagger(TagScheme.NONE, List.of("N", "V"), Loss.SOFTMAX)).score(counted, "a table", notes::add).mapPartitions((MapPartitionsFunction<Row, Integer>) rows -> {
                rows.next();
                return List.of(READ.get()).iterator();
            }, Encoders.INT()).collectAsList();
            assertTrue(atFirst.get(0) <= 10, columns + ": " + atFirst + " rows");
        }
    }

    /** The scores of 65,536 labels for so many steps are more than a quarter of this machine's memory. */
    @Test void tokensOfARefusedRowAreNotScored() throws IOException {
        int labels = 1 << 16;
        long steps = NativeKernel.MACHINE / (16L * labels) + 1;
        Vocabulary words = vocabulary("token", "<unk>\na\nb\n");
        Model model = model(new Network(words.size(), 3, LSTM, 5, 1, true, new Head(true, Loss.SOFTMAX, labels), false),
                new Lexicon(Task.TAGGING, words, null, false, 0, IntStream.range(0, labels).mapToObj(n -> "l" + n).toList(), TagScheme.NONE, 0));
        Path file = Files.writeString(dir.resolve("a.txt"), "a b\n" + "a ".repeat((int) steps) + "\nb\n");
        Settings settings = Settings.of(Map.of("input", file.toString(), "output", dir + "/out"));
        ScoredCorpus.Count count = ScoredCorpus.write(sc, new Scorer(model, settings), settings, notes::add, heard -> { });
        assertEquals("3 3 1", count.rows() + " " + count.tokens() + " " + count.errors());
        assertTrue(spark.read().parquet(dir + "/out").filter("error is not null").first().<String>getAs("error").contains("more than a quarter of what the machine has"));
    }

    /** Of 9,000 steps, in pieces and at once; and several that are read together. */
    @Test void linesAreTheSameInPiecesAndTogether() {
        Model model = languageModel("character", "<unk>\n\\n\na\nb\n \n");
        Dataset<Row> lines = spark.range(0, 6, 1, 1).selectExpr("id", "substr(repeat(concat('ab ', repeat('a', int(id))), 9000), 1, int(if(id = 2, 9000, 700 + 300 * id))) as text");
        List<List<String>> scored = Stream.of(1, 640, 1 << 14).map(budget -> new Scorer(model, Settings.of(Map.of("batchTokens", "" + budget))).score(lines, "a table", notes::add)
                .collectAsList().stream().map(ScorerTest::shown).toList()).toList();
        assertEquals(scored.get(2), scored.get(0));
        assertEquals(scored.get(2), scored.get(1));
    }

    @Test void linesAreReadTogetherAsFarAsThatTakesLittleMemory() {
        Vocabulary words = vocabulary("word", IntStream.range(0, 50_000).mapToObj(n -> n == 0 ? "<unk>\n" : n == 1 ? "<eos>\n" : "w" + n + "\n").collect(Collectors.joining()));
        Network network = new Network(words.size(), 3, 5, 2);
        Predictor many = new Predictor(network, Lexicon.of(words), null, "auto", 1);
        long beside = Layout.forScoring(network, 1, many.lineSteps(640)).bytes() - Layout.forScoring(network, 1, 1).bytes();
        assertEquals(1 << 28, beside, 0.05 * (1 << 28), beside + " bytes");
        assertEquals(5000, many.lineSteps(5000));
        Model few = languageModel("character", "<unk>\n\\n\na\n");
        assertEquals(8192, new Predictor(few.network(), few.lexicon(), null, "auto", 1).lineSteps(640));
    }

    // files

    @Test void jsonHasEveryColumnInEveryRow() throws IOException {
        Path file = Files.writeString(dir.resolve("a.txt"), "the cat\n");
        Model model = classifier();
        Arrays.fill(model.parameters(), 0);
        Settings settings = Settings.of(Map.of("input", file.toString(), "output", dir + "/out", "outputFormat", "json"));
        ScoredCorpus.write(sc, new Scorer(model, settings), settings, notes::add, heard -> { });
        assertEquals(List.of("{\"text\":\"the cat\",\"prediction\":\"ham\",\"probabilities\":{\"ham\":0.5,\"spam\":0.5},\"error\":null}"), spark.read().textFile(dir + "/out").collectAsList());
    }

    /** Words that all differ, as long as any is read: in one sequence, or each in its own. */
    @Test void whatATaskTakesIsThatOfTheLargestBatchOfItsBudget() {
        Model tagger = tagger(TagScheme.IOBES, List.of("B-A", "E-A", "I-A", "O", "S-A"), Loss.CRF);
        List<String> words = IntStream.range(0, 50).mapToObj(n -> "x".repeat(70) + "ab".charAt(n % 2) + n).toList();
        long together = bytes(tagger, List.of(words)), apart = bytes(tagger, words.stream().<List<?>>map(List::of).toList());
        assertEquals(Math.max(together, apart), Predictor.usualBytes(tagger, 50));
        Model classifier = classifier();
        assertEquals(Math.max(Layout.forScoring(classifier.network(), 1, 640).bytes(), Layout.forScoring(classifier.network(), 640, 1).bytes()), Predictor.usualBytes(classifier, 640));
        Model lines = languageModel("word", "<unk>\n<eos>\na\n");
        assertTrue(Predictor.usualBytes(lines, 640) >= Layout.forScoring(lines.network(), 1, 8192).bytes(), "of 8,192 steps of lines");
    }

    private static long bytes(Model model, List<List<?>> sequences) {
        return model.lexicon().encode(0, model.network(), sequences, null, 0, 50).sizes().stream().mapToLong(size -> Layout.forScoring(model.network(), size).bytes()).max().orElseThrow();
    }

    @Test void whatIsThereIsReplacedOnlyIfAskedAndOnlyIfItIsAScoredCorpus() throws IOException {
        Path file = Files.writeString(dir.resolve("a.txt"), "the cat\n"), own = Files.createDirectories(dir.resolve("own"));
        Files.writeString(own.resolve("thesis.tex"), "x");
        Settings settings = Settings.of(Map.of("input", file.toString(), "output", dir + "/out"));
        Scorer scorer = new Scorer(classifier(), settings);
        ScoredCorpus.write(sc, scorer, settings, notes::add, heard -> { });
        assertEquals("output directory file:" + dir + "/out already holds a scored corpus; set --output to another directory, or --overwrite to replace it",
                assertThrows(BadInput.class, () -> ScoredCorpus.write(sc, scorer, settings, notes::add, heard -> { })).getMessage());
        assertEquals(1, ScoredCorpus.write(sc, scorer, settings.with(org.rondo.driver.Setting.OVERWRITE, true), notes::add, heard -> { }).rows());
        for (String output : List.of(own.toString(), dir.toString())) {
            Settings wrong = settings.with(org.rondo.driver.Setting.OVERWRITE, true).with(org.rondo.driver.Setting.OUTPUT, output);
            BadInput e = assertThrows(BadInput.class, () -> ScoredCorpus.write(sc, scorer, wrong, notes::add, heard -> { }));
            assertTrue(e.getMessage().contains("thesis.tex, which score has not written") || e.getMessage().contains("is or contains input"), e.getMessage());
        }
        assertTrue(Files.exists(own.resolve("thesis.tex")) && Files.exists(file));
    }

    /** The second of two tasks fails, after the first has written its file. */
    @Test void aFailedTaskLeavesNothing() {
        Model model = classifier();
        Dataset<Row> failing = tokens("a", "b").repartition(2).mapPartitions((MapPartitionsFunction<Row, Row>) rows -> {
            List<Row> all = new ArrayList<>();
            rows.forEachRemaining(all::add);
            if (org.apache.spark.TaskContext.getPartitionId() == 1) throw new IllegalStateException("on purpose");
            return all.iterator();
        }, Encoders.row(TOKENS));
        assertThrows(Exception.class, () -> scorer(model).score(failing, "a table", notes::add).write().parquet(dir + "/out"));
        assertEquals(List.of(), files(dir.resolve("out")));
    }

    private static List<Path> files(Path directory) {
        if (!Files.exists(directory)) return List.of();
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(Files::isRegularFile).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String refused(Scorer scorer, StructType table) {
        return assertThrows(BadInput.class, () -> scorer.schema(table)).getMessage();
    }

    private static void assertClose(List<Double> expected, List<Float> came) {
        assertEquals(expected.size(), came.size(), came.toString());
        for (int n = 0; n < expected.size(); n++) assertEquals(expected.get(n), came.get(n), 1e-5);
    }

    /** Lists with blanks between, structs in braces. */
    private static String shown(Object value) {
        if (value instanceof Row row) return (row.schema() != null && row.schema().fieldNames()[0].equals("start") || row.size() == 1 ? "{" : "[")
                + IntStream.range(0, row.size()).mapToObj(n -> shown(row.get(n))).collect(Collectors.joining(","))
                + (row.schema() != null && row.schema().fieldNames()[0].equals("start") || row.size() == 1 ? "}" : "]");
        if (value instanceof scala.collection.Seq<?> list) return "[" + scala.jdk.javaapi.CollectionConverters.asJava(list).stream().map(ScorerTest::shown).collect(Collectors.joining(" ")) + "]";
        if (value instanceof scala.collection.Map<?, ?> map) return new TreeMap<>(scala.jdk.javaapi.CollectionConverters.asJava(map)).toString();
        return String.valueOf(value);
    }

    private Scorer scorer(Model model) {
        return new Scorer(model, Settings.of(Map.of()));
    }

    /** Numbered from 0. */
    private static Dataset<Row> tokens(String... sequences) {
        return spark.createDataFrame(IntStream.range(0, sequences.length).mapToObj(n -> RowFactory.create((long) n, sequences[n].split(" "))).toList(), TOKENS).coalesce(1);
    }

    /** Sequences of 1 to 12 of a few words. */
    private static List<String> random(int count) {
        Random random = new Random(1);
        AtomicInteger longest = new AtomicInteger();
        return IntStream.range(0, count).mapToObj(n -> IntStream.rangeClosed(0, longest.incrementAndGet() % 12).mapToObj(t -> "" + "abcdefg".charAt(random.nextInt(7))).collect(Collectors.joining(" "))).toList();
    }

    private static Model tagger(TagScheme scheme, List<String> labels, Loss loss) {
        Vocabulary words = vocabulary("token", "<unk>\na\nb\nc\n"), letters = vocabulary("character", "<unk>\na\nb\nO\n");
        Network network = new Network(words.size(), 3, new Network.Spelling(letters.size(), 2, 3), LSTM, 5, 1, true, new Head(true, loss, labels.size()), false);
        return model(network, new Lexicon(Task.TAGGING, words, letters, false, 0, labels, scheme, 0));
    }

    private static Model classifier() {
        Vocabulary words = vocabulary("token", "<unk>\na\nb\nc\n");
        return model(new Network(words.size(), 3, LSTM, 5, 1, true, new Head(false, Loss.SOFTMAX, 2), false), new Lexicon(Task.CLASSIFICATION, words, null, false, 0, List.of("ham", "spam"), null, 0));
    }

    private static Model regression(int values) {
        return model(new Network(0, 2, LSTM, 5, 1, true, new Head(false, Loss.SQUARED_ERROR, values), false), new Lexicon(Task.REGRESSION, null, null, false, 2, List.of(), null, values));
    }

    private static Model languageModel(String unit, String tokens) {
        Vocabulary words = vocabulary(unit, tokens);
        return model(new Network(words.size(), 3, 5, 2), Lexicon.of(words));
    }

    private static Model model(Network network, Lexicon lexicon) {
        float[] parameters = Parameters.initial(network, 1);
        for (int i = 0; i < parameters.length; i++) parameters[i] *= 3;       // so that inputs matter
        return new Model(network, parameters, lexicon, new ObjectMapper().createObjectNode());
    }

    private static void put(Model model, String tensor, int at, float value) {
        model.parameters()[model.network().tensor(tensor).offset() + at] = value;
    }

    private static Vocabulary vocabulary(String unit, String tokens) {
        try {
            return Vocabulary.read(new java.io.ByteArrayInputStream(tokens.getBytes(java.nio.charset.StandardCharsets.UTF_8)), unit, "a vocabulary");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
