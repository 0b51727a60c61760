package org.rondo.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What jobs say at their end, against what they print. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class SummaryTest {
    private static final String SMALL = " --hidden 8 --layers 1 --embedding 4 --batch 2 --seqLen 8 --epochs 2";
    @TempDir static Path folder;
    private static final ByteArrayOutputStream OUT = new ByteArrayOutputStream(), ERR = new ByteArrayOutputStream();

    /** The model that the jobs are about. */
    @BeforeAll static void train() throws IOException {
        Files.writeString(folder.resolve("text"), "the quick brown fox jumps over the lazy dog\n".repeat(20));
        Files.writeString(folder.resolve("file"), "mine");
        Files.writeString(folder.resolve("other.json"), "{\"mine\": 1}");
        assertEquals(Rondo.DONE, run("train --input DIR/text --output DIR/model --validation 0.2 --metric perplexity" + SMALL), ERR.toString(StandardCharsets.UTF_8));
    }

    private static int run(String line) {
        OUT.reset();
        ERR.reset();
        SparkConf conf = new SparkConf(false).setMaster("local[2]").set("spark.ui.enabled", "false").set("spark.driver.host", "localhost");
        return Rondo.run(Stream.of(line.split(" +")).map(word -> word.replace("DIR", folder.toString())).toArray(String[]::new), conf, new Console(print(OUT), print(ERR), 0));
    }

    private static PrintStream print(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }

    private static String err() {
        return ERR.toString(StandardCharsets.UTF_8);
    }

    private static List<String> out() {
        return OUT.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private static JsonNode read(String file) throws IOException {
        String text = Files.readString(folder.resolve(file));
        assertTrue(text.endsWith("}\n"), text);
        return new ObjectMapper().readTree(text);
    }

    /** Fields that all have.
     *  @return the figures */
    private static JsonNode checked(String job, JsonNode summary) {
        assertEquals(job, summary.get("job").asText());
        assertEquals(0, summary.get("exit").asInt(-1));
        Instant started = Instant.parse(summary.get("started").asText()), ended = Instant.parse(summary.get("ended").asText());
        assertTrue(!ended.isAfter(Instant.now()) && !started.isAfter(ended), summary.toString());
        assertEquals((ended.toEpochMilli() - started.toEpochMilli()) * 1e-3, summary.get("seconds").asDouble(), 0.002);
        for (String version : List.of("rondo", "commit", "spark", "java")) assertTrue(summary.get("versions").path(version).isTextual(), version);
        return summary.get("figures");
    }

    @Test @Order(1) void trainingSaysWhatTheModelSays() throws IOException {
        JsonNode summary = read("model/summary.json"), figures = checked("train", summary), said = read("model/model.json").get("provenance");
        assertEquals("8", summary.get("settings").get("hidden").asText());
        assertFalse(summary.get("settings").has("momentum"), "it was not given");
        assertEquals(said.get("parameters"), figures.get("parameters"));
        assertEquals(said.get("rounds"), figures.get("rounds"));
        assertEquals(2, figures.get("epochsTrained").asInt());
        assertEquals(said.get("epochs").get(said.get("keptEpoch").asInt() - 1), figures.get("keptEpoch"));
        assertTrue(figures.get("keptEpoch").get("perplexity").isNumber() && figures.get("keptEpoch").get("validationLoss").isNumber(), figures.toString());
        assertTrue(figures.get("tokens").asLong() > 0 && figures.get("tokensPerSecond").asDouble() > 0, figures.toString());
    }

    /** With summary and events in its directory a model is read and refused as before. */
    @Test @Order(2) void aModelWithItsSummaryAndEventsIsAModel() throws IOException {
        assertTrue(ls("model").anyMatch(name -> name.startsWith("events.out.tfevents.")), "no events");
        assertEquals(Rondo.BAD_INPUT, run("train --input DIR/text --output DIR/model" + SMALL));
        assertTrue(err().contains(" already holds a model; "), err());
        byte[] before = Files.readAllBytes(folder.resolve("model/summary.json"));
        assertEquals(Rondo.DONE, run("train --input DIR/text --output DIR/model --overwrite --validation 0.2 --metric perplexity" + SMALL), err());
        assertFalse(java.util.Arrays.equals(before, Files.readAllBytes(folder.resolve("model/summary.json"))));
        assertEquals(1, ls("model").filter(name -> name.startsWith("events.out.tfevents.")).count());
    }

    private static Stream<String> ls(String directory) throws IOException {
        try (Stream<Path> files = Files.list(folder.resolve(directory))) {
            return files.map(file -> file.getFileName().toString()).toList().stream();
        }
    }

    @Test @Order(3) void evaluationSaysItsLastLine() throws IOException {
        assertEquals(Rondo.DONE, run("evaluate --input DIR/text --model DIR/model --summary DIR/new/evaluation.json"), err());
        assertEquals(new ObjectMapper().readTree(out().get(out().size() - 1)), checked("evaluate", read("new/evaluation.json")));
        assertEquals(List.of("evaluation.json"), ls("new").toList(), "and nothing beside it");
    }

    /** Of a directory of tables, whose readers take every file that does not begin with _ or a dot for rows. */
    @ParameterizedTest @Order(4) @CsvSource({"json", "parquet"})
    void scoringKeepsItsSummaryFromSparksReaders(String format) throws IOException {
        String line = "score --input DIR/text --model DIR/model --output DIR/scored-" + format + " --outputFormat " + format;
        assertEquals(Rondo.DONE, run(line), err());
        JsonNode figures = checked("score", read("scored-" + format + "/_summary.json"));
        String said = out().get(out().size() - 1);
        for (String name : List.of("rows", "tokens", "errors")) assertTrue(said.contains(name + "=" + figures.get(name).asLong() + " "), said + figures);
        assertEquals(20, figures.get("rows").asInt());
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf(false).setMaster("local[1]").setAppName("test").set("spark.ui.enabled", "false").set("spark.driver.host", "localhost"))) {
            assertEquals(20, SparkSession.builder().sparkContext(sc.sc()).getOrCreate().read().format(format).load(folder.resolve("scored-" + format).toString()).count());
        }
        assertEquals(Rondo.BAD_INPUT, run(line), "what is there is replaced only with overwrite");
        assertEquals(Rondo.DONE, run(line + " --overwrite"), err());
    }

    @Test @Order(5) void otherJobsSayTheirFigures() throws IOException {
        assertEquals(Rondo.DONE, run("generate --model DIR/model --prompt the --length 40 --summary DIR/generated.json"), err());
        assertEquals(43, checked("generate", read("generated.json")).get("characters").asInt());
        assertEquals(Rondo.DONE, run("plan --input DIR/text --summary DIR/plan.json" + SMALL), err());
        JsonNode plan = checked("plan", read("plan.json"));
        assertEquals(read("model/summary.json").get("figures").get("parameters"), plan.get("parameters"));
        assertTrue(plan.get("bytesPerTask").asLong() > 0 && plan.get("driverHeapBytes").asLong() > 0, plan.toString());
        String next = " --input DIR/more --warmStart DIR/model --batch 2 --seqLen 10 --epochs 1";
        Files.writeString(folder.resolve("more"), Files.readString(folder.resolve("text")).replace('e', '\u00e9'));
        assertEquals(Rondo.DONE, run("plan" + next + " --summary DIR/next.json"), err());
        assertEquals(Rondo.DONE, run("train --output DIR/next" + next), err());
        JsonNode grown = read("next.json").get("figures").get("parameters");
        assertEquals(read("next/summary.json").get("figures").get("parameters"), grown, "of the model's network, and a character more");
        assertTrue(grown.asInt() > plan.get("parameters").asInt(), grown.toString());
        assertEquals(Rondo.DONE, run("gradient-flow --output DIR/flow --input DIR/text --model DIR/model --batch 2 --seqLen 12"), err());
        assertEquals("page=" + folder.resolve("flow/gradient-flow.html") + " curves=" + checked("gradient-flow", read("flow/summary.json")).get("curves").asInt(), out().get(out().size() - 1));
    }

    @Test @Order(6) void aSummaryIsReplacedAndNothingElse() throws IOException {
        String line = "generate --model DIR/model --length 3 --summary ";
        assertEquals(Rondo.DONE, run(line + "DIR/twice.json"), err());
        assertEquals(Rondo.DONE, run(line + "DIR/twice.json"), err());
        for (String other : List.of("file", "other.json")) {
            assertEquals(Rondo.BAD_INPUT, run(line + "DIR/" + other));
            assertEquals("rondo: summary file:" + folder + "/" + other + " is there already, and is no summary of a job; set --summary (spark.rondo.summary) to another file", err().strip());
        }
        assertEquals("mine", Files.readString(folder.resolve("file")));
        for (String where : List.of("DIR", "DIR/file/below", "nowhere://x/y")) {
            assertEquals(Rondo.BAD_INPUT, run(line + where));
            assertTrue(err().startsWith("rondo: cannot write a summary to '" + where.replace("DIR", folder.toString()) + "': ") && err().lines().count() == 1, err());
            assertEquals("", String.join("", out()));
        }
    }

    /** Or yesterday's would be taken for its own. */
    @Test @Order(7) void aJobThatFailsLeavesNoSummary() {
        assertEquals(Rondo.DONE, run("generate --model DIR/model --length 3 --summary DIR/failed.json"), err());
        assertEquals(Rondo.BAD_INPUT, run("generate --model DIR/nowhere --length 3 --summary DIR/failed.json"));
        assertFalse(Files.exists(folder.resolve("failed.json")));
    }
}
