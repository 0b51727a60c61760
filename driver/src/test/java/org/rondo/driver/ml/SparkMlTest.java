package org.rondo.driver.ml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.SplittableRandom;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.Property;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.feature.RegexTokenizer;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.tuning.CrossValidator;
import org.apache.spark.ml.tuning.CrossValidatorModel;
import org.apache.spark.ml.tuning.ParamGridBuilder;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.rounds.Silent;
import org.rondo.driver.rounds.Trainer;
import org.rondo.driver.scoring.Evaluation;
import org.rondo.driver.scoring.Scorer;

/** The stages as Spark ML uses them, on real local Spark, and data whose rule a small network learns in seconds. */
class SparkMlTest {
    private static SparkSession spark;
    @TempDir Path dir;

    @BeforeAll static void start() {
        spark = SparkSession.builder().master("local[2]").appName("test").config("spark.ui.enabled", false).config("spark.sql.shuffle.partitions", 2).getOrCreate();
    }

    @AfterAll static void stop() {
        spark.stop();
    }

    @AfterEach void nothingStaysInMemory() {
        assertEquals(Map.of(), new JavaSparkContext(spark.sparkContext()).getPersistentRDDs());
    }

    /** A token's label is whether the one before it is 'a'; a sequence's whether its first is. */
    private static Dataset<Row> rows(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String[] tokens = new String[2 + random.nextInt(7)], labels = new String[tokens.length];
            for (int t = 0; t < tokens.length; t++) {
                tokens[t] = String.valueOf((char) ('a' + random.nextInt(3)));
                labels[t] = t > 0 && tokens[t - 1].equals("a") ? "after" : "other";
            }
            rows.add(RowFactory.create(tokens, String.join(" ", tokens), labels, tokens[0].equals("a") ? "yes" : "no"));
        }
        return spark.createDataFrame(rows, new StructType().add("tokens", DataTypes.createArrayType(DataTypes.StringType)).add("line", DataTypes.StringType)
                .add("labels", DataTypes.createArrayType(DataTypes.StringType)).add("label", DataTypes.StringType));
    }

    private static <E extends SequenceEstimator<E, ?>> E small(E estimator) {
        return estimator.setHidden(8).setLayers(1).setEmbedding(4).setEpochs(12).setLearningRate(0.05).option("batchTokens", 64);
    }

    private static SequenceTagger tagger() {
        return small(new SequenceTagger()).option("characterHidden", "0");
    }

    @Test void theTaggerLearnsARuleAndItsModelTagsRows() {
        SequenceTaggerModel model = tagger().fit(rows(150, 1));
        Dataset<Row> scored = model.transform(rows(50, 2));
        assertEquals(List.of("tokens", "line", "labels", "label", "tags", "error"), List.of(scored.columns()));      // plain classes: no entities
        assertEquals(scored.schema(), model.transformSchema(rows(1, 2).schema()));
        for (Row row : scored.collectAsList()) assertEquals(row.getList(2), row.getList(4));
        assertEquals(1, new SequenceEvaluator().evaluate(scored));
        assertTrue(new SequenceEvaluator().evaluation(scored).table().contains("after"));
        assertEquals("tagging", model.provenance().at("/settings/task").asText());
    }

    @Test void entitiesAreFoundAndMeasured() {
        Dataset<Row> rows = rows(150, 1).withColumn("labels", org.apache.spark.sql.functions.expr("transform(labels, l -> if(l = 'after', 'S-X', 'O'))"));
        SequenceTaggerModel model = tagger().option("tagScheme", "iobes").fit(rows);
        Dataset<Row> scored = model.transform(rows);
        assertEquals(scored.schema().apply("entities"), tagger().transformSchema(rows.schema()).apply("entities"));
        SequenceEvaluator evaluator = new SequenceEvaluator().option("tagScheme", "iobes");
        assertEquals(1, evaluator.evaluate(scored), 0.02);
        assertEquals(evaluator.evaluation(scored).figure(org.rondo.driver.scoring.Metric.RECALL), evaluator.setMetric("recall").evaluate(scored));
    }

    @Test void everySettingOfAStageIsAParamWithItsDefaultAndDoc() {
        SequenceTagger tagger = new SequenceTagger();
        String explained = tagger.explainParams();
        for (String key : List.of("hidden", "characterHidden", "tagScheme", "seed", "outerMomentum")) {
            Setting<?> setting = Setting.ALL.stream().filter(s -> s.key().equals(key)).findFirst().orElseThrow();
            assertTrue(explained.contains(key + ": " + setting.doc() + "; " + setting.expected() + " (default: " + setting.fallback()), explained);
        }
        assertFalse(tagger.hasParam("input"));
        assertFalse(tagger.hasParam("seqLen"));
        assertFalse(new LanguageModel().hasParam("labelsColumn"));
        assertEquals(256, tagger.getOrDefault(tagger.hidden()));
        assertEquals(0.002, tagger.getOrDefault(tagger.learningRate()));
        assertEquals("auto", tagger.getOrDefault(tagger.getParam("characterHidden")));
    }

    @Test void whatCannotBeSetSaysWhatCan() {
        SequenceTagger tagger = new SequenceTagger("tagger");
        assertEquals("tagger has no param hiden; the nearest is hidden", assertThrows(NoSuchElementException.class, () -> tagger.option("hiden", 5)).getMessage());
        assertEquals("tagger has no param colour; explainParams() lists those it has", assertThrows(NoSuchElementException.class, () -> tagger.option("colour", 5)).getMessage());
        String range = "tagger: hidden is '0', expected an integer from 1 to 65536";
        assertEquals(range, assertThrows(IllegalArgumentException.class, () -> tagger.setHidden(0)).getMessage());
        assertEquals(range, assertThrows(IllegalArgumentException.class, () -> tagger.set(tagger.hidden(), 0)).getMessage());
        assertEquals(range, assertThrows(IllegalArgumentException.class, () -> new ParamMap().put(tagger.hidden(), 0)).getMessage());
        assertEquals("tagger: cell is 'gru', expected one of lstm, peephole, rnn, relu", assertThrows(IllegalArgumentException.class, () -> tagger.option("cell", "gru")).getMessage());
        assertEquals("tagger: outerMomentum is 'much', expected auto, or a number from 0.0 to 0.9999",
                assertThrows(IllegalArgumentException.class, () -> tagger.option("outerMomentum", "much")).getMessage());
        assertEquals("25", tagger.option("characterHidden", 25).get(tagger.getParam("characterHidden")).get());
        assertEquals(1.0, tagger.option("learningRate", 1).get(tagger.learningRate()).get());
    }

    @Test void aTableThatDoesNotFitIsRefusedBeforeAnythingRuns() {
        StructType there = rows(1, 1).schema();
        String missing = refused(new SequenceTagger("tagger").setTokensColumn("token"), there);
        assertEquals("no column 'token' in tagger's table, which has tokens, line, labels, label; the nearest is 'tokens'; set param tokensColumn", missing);
        assertTrue(refused(new SequenceTagger("tagger").setLabelsColumn("label"), there).contains("array<string>"));
        assertTrue(refused(new SequenceClassifier("classifier").setLabelColumn("labels"), there).contains("string, or an integer"));
        assertTrue(refused(new SequenceTagger("tagger"), there.add("Tags", DataTypes.StringType)).contains("has a column 'Tags'"));
        assertEquals("column 'tokens' of lm's table is array<string>, expected string, a line of text; set param textColumn",
                refused(new LanguageModel("lm").setTextColumn("tokens"), there));
        assertEquals(List.of("tokens", "line", "labels", "label", "prediction", "probabilities", "error"), List.of(new SequenceClassifier().transformSchema(there).fieldNames()));
    }

    private static String refused(SequenceEstimator<?, ?> estimator, StructType schema) {
        return assertThrows(IllegalArgumentException.class, () -> estimator.transformSchema(schema)).getMessage();
    }

    @Test void paramsSurviveCopyAndSaving() throws IOException {
        SequenceTagger tagger = tagger().setTokensColumn("words").option("nesterov", true).option("outerMomentum", 0.5);
        tagger.save(path("tagger"));
        for (SequenceTagger same : List.of(tagger.copy(new ParamMap()), SequenceTagger.load(path("tagger")))) {
            assertEquals(tagger.uid(), same.uid());
            assertEquals(tagger.extractParamMap().toString(), same.extractParamMap().toString());
            assertTrue(same.isSet(same.getParam("tokensColumn")));
            assertFalse(same.isSet(same.getParam("textColumn")));
        }
        assertEquals(5, tagger.copy(new ParamMap().put(tagger.hidden(), 5)).getOrDefault(tagger.hidden()));
        assertEquals(8, tagger.getOrDefault(tagger.hidden()));
    }

    @Test void aSavedModelIsOneOfRondosToo() throws IOException {
        Dataset<Row> rows = rows(60, 1).withColumnRenamed("tokens", "words");
        SequenceTaggerModel model = tagger().setEpochs(1).setTokensColumn("words").fit(rows);
        model.option("batchTokens", 100).save(path("saved"));
        SequenceTaggerModel loaded = SequenceTaggerModel.load(path("saved"));
        assertEquals(model.extractParamMap().toString(), loaded.extractParamMap().toString());
        assertEquals(model.transform(rows).collectAsList(), loaded.transform(rows).collectAsList());
        assertEquals(loaded.transform(rows).collectAsList(), loaded.copy(new ParamMap()).transform(rows).collectAsList());
        Model job = Model.load(path("saved") + "/model", spark.sparkContext().hadoopConfiguration());
        assertArrayEquals(model.trained().parameters(), job.parameters());
        rows.write().json(path("data"));
        Evaluation evaluation = Evaluation.of(new JavaSparkContext(spark.sparkContext()), job, path("data"),
                Settings.of(Map.of("task", "tagging", "tokensColumn", "words", "format", "json")), note -> { });
        assertEquals(evaluation.classes().accuracy(), new SequenceEvaluator().evaluate(loaded.transform(rows)), 1e-12);

        assertTrue(assertThrows(IOException.class, () -> model.save(path("saved"))).getMessage().contains("overwrite()"));
        model.write().overwrite().save(path("saved"));
        String other = assertThrows(IllegalArgumentException.class, () -> SequenceClassifierModel.load(path("saved"))).getMessage();
        assertTrue(other.contains("SequenceClassifierModel") && other.contains("SequenceTaggerModel"), other);
        Files.delete(Path.of(path("saved"), "model", "model.safetensors"));
        String damaged = assertThrows(IllegalArgumentException.class, () -> SequenceTaggerModel.load(path("saved"))).getMessage();
        assertTrue(damaged.contains("model.safetensors"), damaged);
    }

    @Test void aPipelineFromTextToTags() throws IOException {
        Dataset<Row> rows = rows(150, 1).drop("tokens").withColumnRenamed("line", "text");
        RegexTokenizer words = new RegexTokenizer().setInputCol("text").setOutputCol("words").setPattern("\\s+");
        Pipeline pipeline = new Pipeline().setStages(new PipelineStage[] {words, tagger().setTokensColumn("words")});
        pipeline.save(path("pipeline"));
        PipelineModel model = Pipeline.load(path("pipeline")).fit(rows);
        Dataset<Row> scored = model.transform(rows);
        assertEquals(1, new SequenceEvaluator().evaluate(scored), 0.01);
        model.save(path("model"));
        assertEquals(scored.collectAsList(), PipelineModel.load(path("model")).transform(rows).collectAsList());
    }

    @Test void crossValidationFindsTheBetterOfAGrid() throws IOException {
        SequenceClassifier classifier = small(new SequenceClassifier()).setEpochs(10);
        ParamMap[] grid = new ParamGridBuilder().addGrid(classifier.hidden(), new int[] {1, 8}).addGrid(classifier.learningRate(), new double[] {1e-6, 0.05}).build();
        CrossValidatorModel best = new CrossValidator().setEstimator(classifier).setEstimatorParamMaps(grid).setEvaluator(new SequenceEvaluator().setMetric("accuracy"))
                .setNumFolds(2).setSeed(7).fit(rows(120, 1));
        assertEquals(4, best.avgMetrics().length);
        int at = 0;
        for (int i = 1; i < 4; i++) if (best.avgMetrics()[i] > best.avgMetrics()[at]) at = i;
        assertEquals(0.05, grid[at].get(classifier.learningRate()).get(), Arrays.toString(best.avgMetrics()));
        assertEquals(grid[at].get(classifier.hidden()).get(), ((SequenceClassifierModel) best.bestModel()).trained().network().hidden());
        best.save(path("best"));
        Dataset<Row> scored = CrossValidatorModel.load(path("best")).transform(rows(50, 2));
        assertEquals(1, new SequenceEvaluator().evaluate(scored), 0.1);
        assertEquals(0, new SequenceEvaluator().setMetric("loss").evaluate(scored), 0.5);
        assertFalse(new SequenceEvaluator().setMetric("loss").isLargerBetter());
    }

    /** The rows of a table are the text that a file of these lines is. */
    @Test void aLanguageModelOfRowsIsThatOfAFileWithTheseLines() throws IOException {
        Path file = Files.writeString(dir.resolve("text.txt"), "the cell keeps what the gate lets in\nand what it lets out\n\n".repeat(60));
        Map<String, String> set = Map.of("hidden", "8", "layers", "1", "embedding", "4", "epochs", "2", "batch", "4", "seqLen", "20", "learningRate", "0.05");
        LanguageModel estimator = new LanguageModel().setTextColumn("value");
        set.forEach(estimator::option);
        LanguageModelModel model = estimator.fit(spark.read().text(file.toString()));
        Model job = new Trainer(new JavaSparkContext(spark.sparkContext()), Settings.of(set).with(Setting.INPUT, file).with(Setting.OUTPUT, path("job")), new Silent()).train();
        assertArrayEquals(job.parameters(), model.trained().parameters());

        Dataset<Row> scored = model.transform(spark.read().text(file.toString()));
        assertEquals(1, new SequenceEvaluator().setMetric("perplexity").evaluate(scored), 9);       // a guess among the 19 characters: 19
        assertEquals(Math.exp(new SequenceEvaluator().setMetric("loss").evaluate(scored)), new SequenceEvaluator().setMetric("perplexity").evaluate(scored), 1e-9);
        assertThrows(IllegalArgumentException.class, () -> new SequenceEvaluator().evaluate(scored));
        model.save(path("lm"));
        assertEquals(scored.collectAsList(), LanguageModelModel.load(path("lm")).transform(spark.read().text(file.toString())).collectAsList());
        Exception hole = assertThrows(IllegalArgumentException.class, () -> estimator.fit(spark.sql("select if(id = 3, null, 'some text') value from range(5)")));
        assertTrue(hole.getMessage().contains("is null, expected a line of text"), hole.getMessage());
    }

    @Test void withoutOutputNothingIsWrittenAndWithItTheModelIs() throws IOException {
        tagger().setEpochs(1).fit(rows(40, 1));
        try (var files = Files.list(dir)) {
            assertEquals(0, files.count());
        }
        SequenceTagger writes = tagger().setEpochs(1).option("output", path("out"));
        SequenceTaggerModel model = writes.fit(rows(40, 1));
        assertArrayEquals(model.trained().parameters(), Model.load(path("out"), spark.sparkContext().hadoopConfiguration()).parameters());
        String there = assertThrows(IllegalArgumentException.class, () -> writes.fit(rows(40, 1))).getMessage();
        assertTrue(there.contains("already holds a model") && there.contains("param output") && !there.contains("--"), there);
    }

    @Test void paramsThatOthersMakeUselessAreSaidInTheLog() {
        List<String> said = new ArrayList<>();
        Configurator.setLevel(SequenceEstimator.class, Level.WARN);
        Logger log = (Logger) LogManager.getLogger(SequenceEstimator.class);
        AbstractAppender listener = new AbstractAppender("listener", null, null, false, Property.EMPTY_ARRAY) {
            @Override public void append(LogEvent event) {
                said.add(event.getLevel() + " " + event.getMessage().getFormattedMessage());
            }
        };
        listener.start();
        log.addAppender(listener);
        try {
            tagger().setEpochs(1).option("decayEvery", 2).option("characterEmbedding", 3).fit(rows(40, 1));
        } finally {
            log.removeAppender(listener);
            Configurator.setLevel(SequenceEstimator.class, Level.ERROR);
        }
        said.removeIf(line -> !line.contains("no effect"));
        assertEquals(2, said.size(), said.toString());
        assertTrue(said.get(0).matches("WARN SequenceTagger_\\w+: decayEvery is given, but has no effect without param decay epoch"), said.get(0));
        assertTrue(said.get(1).endsWith(": characterEmbedding is given, but has no effect without param characterHidden above 0"), said.get(1));
    }

    @Test void aStreamIsScored() throws Exception {
        SequenceTaggerModel model = tagger().setEpochs(1).fit(rows(60, 1));
        Files.createDirectory(dir.resolve("in"));
        Files.writeString(dir.resolve("in/one.txt"), "a b c\nb a a\n");
        model.set(model.getParam("textColumn"), "value");
        var query = model.transform(spark.readStream().text(path("in"))).writeStream().format("memory").queryName("tagged").start();
        query.processAllAvailable();
        query.stop();
        assertEquals(2, spark.table("tagged").filter("size(tags) = 3 and error is null").count());
    }

    @Test void aModelIsSentOnceUntilItsParamsChange() {
        SequenceTaggerModel model = tagger().setEpochs(1).fit(rows(40, 1));
        Scorer scorer = model.scorer();
        model.transform(rows(5, 2)).collectAsList();
        model.transformSchema(rows(1, 2).schema());
        assertSame(scorer, model.scorer());
        Scorer ofLine = model.option("textColumn", "line").scorer();
        assertNotSame(scorer, ofLine);
        assertSame(ofLine, model.scorer());
        model.clear(model.getParam("textColumn"));
        Scorer byDefault = model.scorer();
        assertNotSame(ofLine, byDefault);
        assertNotSame(byDefault, model.option("textColumn", "text").scorer());        // given, it goes before a column of tokens
    }

    // the evaluator by itself

    private static Dataset<Row> tagged(String... labelsAndTags) {
        return spark.createDataFrame(Arrays.stream(labelsAndTags).map(row -> row.split("\\|")).map(row -> RowFactory.create(row[0].isEmpty() ? null : row[0].split(" "), row[1].split(" "))).toList(),
                new StructType().add("labels", DataTypes.createArrayType(DataTypes.StringType)).add("tags", DataTypes.createArrayType(DataTypes.StringType)));
    }

    @Test void aFoldWithoutEntitiesIsMeasured() {
        Dataset<Row> fold = tagged("O O O|O B-X O", "O|O");
        assertEquals(0, new SequenceEvaluator().evaluate(fold));
        assertEquals(1, new SequenceEvaluator().evaluation(fold).entities().overall().found());
        assertEquals(0.75, new SequenceEvaluator().setMetric("accuracy").evaluate(fold));
    }

    @Test void aTableWithoutALabelIsRefused() {
        String tags = "evaluator's table has no row with a label in column 'labels', expected one at least, to measure by";
        for (Dataset<Row> table : List.of(tagged("|O O"), tagged("O|O").limit(0), tagged("O|O").filter("false"))) assertEquals(tags, refused(table));
        Dataset<Row> classes = spark.sql("select string(null) label, 'a' prediction, map('a', 1.0D) probabilities");
        assertEquals("evaluator's table has no row with a label in column 'label', expected one at least, to measure by", refused(classes));
        assertEquals("evaluator's table has no row with logProbabilities, expected one at least, to measure by", refused(spark.sql("select cast(null as array<float>) logProbabilities")));
        String mixed = refused(tagged("B-X noun|O O"));
        assertTrue(mixed.contains("set param tagScheme to one of") && !mixed.contains("--"), mixed);
    }

    private static String refused(Dataset<Row> table) {
        return assertThrows(IllegalArgumentException.class, () -> new SequenceEvaluator("evaluator").evaluation(table)).getMessage();
    }

    /** 1e17 - 1e17 + 3 = 3, but -1e17 + 3 + 1e17 = 0, as 1e17's neighbours are 16 away: and the first partition's task ends last. */
    @Test void theLossIsThatOfTheRowsInTheirOrderWhicheverTaskEndsFirst() {
        Dataset<Row> rows = spark.range(0, 3, 1, 3).selectExpr("array(float(case id when 0 then 1e17 when 1 then -1e17 else 3 end)) as logProbabilities");
        Dataset<Row> late = rows.mapPartitions((MapPartitionsFunction<Row, Row>) some -> {
            if (org.apache.spark.TaskContext.getPartitionId() == 0) Thread.sleep(1500);
            return some;
        }, Encoders.row(rows.schema()));
        assertEquals(-1, new SequenceEvaluator().setMetric("loss").evaluate(late));
    }

    private String path(String name) {
        return dir.resolve(name).toString();
    }
}
