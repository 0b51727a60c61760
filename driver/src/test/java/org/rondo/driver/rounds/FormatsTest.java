package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.scoring.Evaluation;

/** A language model is the same to the bit whatever format its text is in, and on however many cores. The truth is a file of its lines, on one core. */
class FormatsTest {
    @TempDir static Path folder;
    private static JavaSparkContext sc;
    private static byte[] truth;
    private static double loss;

    @BeforeAll static void write() throws IOException {
        SplittableRandom random = new SplittableRandom(5);
        List<String> lines = new ArrayList<>();
        for (int n = 0; n < 120; n++) lines.add(random.ints(1 + random.nextInt(8), 0, 6).mapToObj(w -> "round shard gate cell the \u00fcber".split(" ")[w]).collect(Collectors.joining(" ")));
        Files.write(folder.resolve("lines"), lines);
        Files.write(folder.resolve("lines.v2"), lines);
        try (GZIPOutputStream gzip = new GZIPOutputStream(Files.newOutputStream(folder.resolve("lines.gz")))) {
            gzip.write((String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8));
        }
        write("lines.conll", lines, line -> Arrays.stream(line.split(" ")).map(token -> token + " X\n").collect(Collectors.joining()) + "\n");
        write("lines.conllu", lines, line -> "# text = " + line + "\n" + IntStream.range(0, line.split(" ").length)
                .mapToObj(t -> (t + 1) + "\t" + line.split(" ")[t] + "\t_".repeat(8) + "\n").collect(Collectors.joining()) + "\n");
        write("lines.jsonl", lines, line -> "{\"text\": \"" + line + "\", \"tokens\": [\"others\"]}\n");
        write("tokens.json", lines, line -> "{\"words\": [\"" + line.replace(" ", "\", \"") + "\"]}\n");
        write("lines.csv", lines, line -> lines.indexOf(line) == 0 ? "n,text\n0,\"" + line + "\"\n" : "0," + line + "\n");
        write("lines.tsv", lines, line -> "0\t" + line + "\n");
        start("local[1]");
        JavaSparkContext one = sc;
        truth = train("lines", "truth");
        SparkSession spark = SparkSession.builder().getOrCreate();
        Dataset<Row> rows = spark.createDataset(one.parallelize(lines, 3).rdd(), Encoders.STRING()).toDF("text");      // a file of each part
        rows.write().parquet(folder.resolve("lines.parquet").toString());
        rows.selectExpr("split(text, ' ') as tokens", "1 as label").write().parquet(folder.resolve("tokens").toString());
        rows.write().orc(folder.resolve("lines-orc").toString());
        sc.close();
        start("local[2]");
        loss = Evaluation.of(sc, Model.load(folder.resolve("truth").toString(), sc.hadoopConfiguration()), folder.resolve("lines").toString(), settings("lines", "none"), note -> { }).loss();
        SparkSession.builder().getOrCreate().sql("create table posts using parquet location '" + folder.resolve("lines.parquet") + "'");
    }

    private static void write(String name, List<String> lines, Function<String, String> record) throws IOException {
        Files.writeString(folder.resolve(name), lines.stream().map(record).collect(Collectors.joining()));
    }

    private static void start(String master) {
        sc = new JavaSparkContext(TrainerTest.conf(master).set("spark.hadoop.mapreduce.input.fileinputformat.split.maxsize", "301").set("spark.sql.shuffle.partitions", "3")
                .set("spark.sql.codegen.wholeStage", "false").set("spark.sql.warehouse.dir", folder.resolve("warehouse").toString()));
    }

    @AfterAll static void stop() {
        sc.close();
    }

    @ParameterizedTest @CsvSource(delimiter = '|', value = {
            "lines         |                                         |",
            "lines.v2      |                                         |",
            "lines.gz      |                                         |",
            "lines.conll   |                                         | format is conll, by the name of file:DIR/lines.conll",
            "lines.conllu  |                                         | format is conllu, by the name of file:DIR/lines.conllu",
            "lines.jsonl   |                                         | format is json, by the name of file:DIR/lines.jsonl",
            "tokens.json   | tokensColumn words                      | format is json, by the name of file:DIR/tokens.json",
            "lines.csv     |                                         | format is csv, by the name of file:DIR/lines.csv",
            "lines.tsv     | noHeader true textColumn -1             | format is tsv, by the name of file:DIR/lines.tsv",
            "lines.parquet |                                         | format is parquet, by the name of file:DIR/lines.parquet",
            "tokens        |                                         | format is parquet, by the name of file:DIR/tokens/part-",
            "lines-orc     | format orc                              |",
            "posts         | format table                            |"})
    void aModelIsTheSameOfEveryFormat(String name, String more, String said) throws IOException {
        String[] options = more == null ? new String[0] : more.split(" ");
        Settings settings = settings(name, "of-" + name, options);
        List<String> notes = new ArrayList<>();
        Model model = new Trainer(sc, settings, new Silent() {
            @Override public void note(String message) {
                notes.add(message);
            }
        }).train();
        assertArrayEquals(truth, Files.readAllBytes(folder.resolve("of-" + name).resolve("model.safetensors")));
        if (said != null) assertTrue(notes.get(0).startsWith(said.replace("DIR", folder.toString())), notes.toString());
        else assertTrue(notes.stream().noneMatch(note -> note.contains("format")), notes.toString());
        assertEquals(loss, Evaluation.of(sc, model, settings.get(org.rondo.driver.Setting.INPUT), settings, note -> { }).loss());
        assertEquals(0, sc.getPersistentRDDs().size());
    }

    /** It is read as --format says, too, and by its own name. */
    @Test void whatIsHeldOutMayBeInAnotherFormat() throws IOException {
        assertArrayEquals(truth, train("lines", "held", "validation", folder.resolve("lines.jsonl").toString()));
        double held = Model.load(folder.resolve("held").toString(), sc.hadoopConfiguration()).provenance().get("epochs").get(0).get("validationLoss").asDouble();
        assertEquals(loss, held);
    }

    private static byte[] train(String name, String output, String... more) throws IOException {
        new Trainer(sc, settings(name, output, more), new Silent()).train();
        return Files.readAllBytes(folder.resolve(output).resolve("model.safetensors"));
    }

    private static Settings settings(String name, String output, String... more) {
        Map<String, String> all = new HashMap<>(Map.of("output", folder.resolve(output).toString(), "hidden", "8", "embedding", "4", "layers", "1", "batch", "2", "seqLen", "16",
                "shards", "2", "epochs", "1", "validation", "0", "averaging", "parameters"));
        for (int i = 0; i < more.length; i += 2) all.put(more[i], more[i + 1]);
        all.put("input", "table".equals(all.get("format")) ? name : folder.resolve(name).toString());
        return Settings.of(all);
    }
}
