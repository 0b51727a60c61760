package org.rondo.jobs;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.hadoop.util.VersionInfo;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkException;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Shards;
import org.rondo.driver.rounds.Plan;
import org.rondo.driver.rounds.WindowTime;
import org.rondo.kernels.Network;
import org.rondo.kernels.NativeLibrary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

/** Jobs in this JVM, on a text of a few lines: results, errors and exit codes. */
class RondoTest extends Terminal {
    private static final String SMALL = " --hidden 8 --layers 1 --embedding 4 --batch 2 --seqLen 8 --epochs 2 --seed 3";

    @BeforeAll static void texts() throws IOException {
        Files.writeString(folder.resolve("text"), "the quick brown fox jumps over the lazy dog\n".repeat(20));
        Files.writeString(folder.resolve("empty"), "");
        Files.writeString(folder.resolve("short"), "short\n");
        Files.write(folder.resolve("latin1"), "caf\u00e9\n".repeat(100).getBytes(StandardCharsets.ISO_8859_1));
        Files.createDirectories(folder.resolve("full"));
        Files.writeString(folder.resolve("full/letter"), "mine");
        Files.writeString(folder.resolve("file"), "mine");
    }

    static Stream<Arguments> badInput() {
        String train = "train --output DIR/model-of-bad-input" + SMALL + " --input ";
        return Stream.of(
                arguments(train + "DIR/nowhere", "nowhere"),
                arguments(train + "DIR/none*", "none*"),
                arguments(train + "DIR/empty", "empty"),
                arguments(train + "DIR/short --validation 0", "shards"),
                arguments(train + "DIR/latin1", "UTF-8"),
                arguments(train + "DIR/text --validation DIR/nowhere", "nowhere"),
                arguments(train + "DIR/text --validation 1.5", "1.5"),
                arguments(train + "DIR/text --hiden 3", "--hidden"),
                arguments(train + "DIR/text --dropout 1", "; set --dropout (spark.rondo.dropout)"),
                arguments(train + "DIR/text --momentum 0.9", "; set --momentum 0 (spark.rondo.momentum), or --optimizer sgd (spark.rondo.optimizer)"),
                arguments(train + "DIR/text --tied", "tied needs embedding equal to hidden, but embedding is 4 and hidden 8; set --embedding 8 (spark.rondo.embedding)"),
                arguments("train --input DIR/text --output DIR/full", "--overwrite"),
                arguments("train --input DIR/text --output DIR/file", "file"),
                arguments("train --input DIR/text", "; set --output (spark.rondo.output)"),
                arguments("evaluate --input DIR/text --model DIR/nowhere", "nowhere"),
                arguments("generate --model DIR/full", "full"),
                arguments("generate --model DIR/file", "which is a file"),
                arguments("plan --input DIR/short --validation 0", "shards"),
                arguments("plan --input s3a://bucket/text", "--packages org.apache.hadoop:hadoop-aws:" + VersionInfo.getVersion()),
                arguments("train --input DIR/text --output abfss://box@account/model", "--packages org.apache.hadoop:hadoop-azure:"),
                arguments("generate --model s3a://bucket/model", "hadoop-aws"),
                arguments("plan --input nowhere://x/text", "No FileSystem for scheme \"nowhere\""),
                arguments("export --output DIR/exported --format onnx", "model is missing, expected directory of a trained model"),
                arguments("export --model DIR/nowhere --output DIR/exported --format onnx", "there is no directory file:DIR/nowhere, expected a model"),
                arguments("export --model DIR/full --output DIR/exported --format onnx", "model.json is missing, so file:DIR/full is not a whole model"),
                arguments("export --model DIR/file --output DIR/exported --format onnx", "which is a file"),
                arguments("import --input DIR/nowhere --output DIR/imported", "input DIR/nowhere is not there, expected the state dict in safetensors' format; set --input (spark.rondo.input)"),
                arguments("import --input DIR/text --output DIR/imported --vocabulary DIR/text", "DIR/text is not a whole safetensors file"),
                arguments("import --input DIR/full --output DIR/imported", "input DIR/full is a directory, expected a file, the state dict in safetensors' format"),
                arguments("import --input DIR/text --output DIR/imported --format onnx", "format is 'onnx', expected pytorch, which import reads; set --format (spark.rondo.format)"),
                arguments("import --input DIR/text --output DIR/full", "DIR/full exists and holds no model of Rondo; set --output to another directory, or --overwrite to write into it"),
                arguments("import --input DIR/text --output DIR/file --overwrite", "DIR/file is a file, expected a directory"),
                arguments("bench kernels --shapes S1,S7", "shapes has 'S7', expected some of S1, S2, S3, S4, S5, S6; set --shapes"),
                arguments("bench kernels --shapes S1 --scoring", "shapes has 'S1', expected some of S2, S3, S4; set --shapes"),
                arguments("bench kernels --isa mmx", "portable, all; set --isa"),
                arguments("bench kernels --seconds 0", "seconds is '0', expected a number from 0.001 to 3600; set --seconds"),
                arguments("bench kernels --seconds NaN", "seconds is 'NaN', expected"),
                arguments("bench kernels --seconds abc", "seconds is 'abc', expected a number from 0.001 to 3600; set --seconds"),
                arguments("bench scale --network 10,fast", "network is 'fast', expected a number above 0; set --network"),
                arguments("bench scale --window 0", "window is '0', expected a number above 0; set --window"),
                arguments("bench scale --windowsPerRound 0", "windowsPerRound is 0, expected an integer from 1; set --windowsPerRound"),
                arguments("bench scale --format csv", "format is 'csv', expected tsv or svg; set --format"),
                arguments("gradient-flow --output hdfs://host/flow", "hdfs://host/flow"),
                arguments("gradient-flow --output DIR/file", "DIR/file"),
                arguments("gradient-flow --output DIR/file --input DIR/nowhere", "nowhere"),
                arguments("gradient-flow --output DIR/file --model DIR/nowhere --input DIR/text", "nowhere"),
                arguments("gradient-flow --output DIR/flow-of-bad-input --seqLen 11", "seqLen is 11"),
                arguments("gradient-flow --output DIR/flow-of-bad-input --batch 65536 --seqLen 65536", "batch 65536 x 1504 windows x seqLen 65536 are"),
                arguments("gradient-flow --output DIR/flow-of-bad-input --model DIR/nowhere", "input is missing"),
                arguments("gradient-flow --output DIR/flow-of-bad-input --input DIR/text --model DIR/nowhere", "nowhere"),
                arguments("gradient-flow --output DIR/flow-of-bad-input --input DIR/short", "expected at least 3201"));
    }

    @ParameterizedTest @MethodSource("badInput")
    void badInputIsOnePlainLineAndCode2(String line, String named) throws IOException {
        assertEquals(Rondo.BAD_INPUT, run(line), err());
        assertTrue(last().startsWith("rondo: ") && last().contains(named.replace("DIR", folder.toString())), err());
        assertFalse(err().contains("\tat "), "a stack trace: " + err());
        assertEquals("", out());
        assertEquals("mine", Files.readString(folder.resolve("full/letter")));
        assertEquals("mine", Files.readString(folder.resolve("file")));
        for (String output : List.of("model-of-bad-input", "flow-of-bad-input"))
            assertFalse(Files.exists(folder.resolve(output)), "an empty directory is left: " + output);
    }

    @Test void aModelGoesToPyTorchAndBackAndToOnnx() throws IOException {
        assertEquals(Rondo.DONE, run("train --input DIR/text --output DIR/travels" + SMALL), err());
        assertEquals(Rondo.DONE, run("export --model DIR/travels --output DIR/pytorch --format pytorch"), err());
        assertEquals("file=" + folder.resolve("pytorch/model.safetensors") + System.lineSeparator(), out());
        assertEquals(Rondo.DONE, run("import --input DIR/pytorch/model.safetensors --vocabulary DIR/pytorch/vocabulary.txt --output DIR/back"), err());
        assertEquals("model=" + folder.resolve("back") + System.lineSeparator(), out());
        assertTrue(err().contains("pytorch/model.safetensors is a model for language-model: 29 tokens of 4 numbers, 1 layer of 8 units (lstm), 29 outputs"), err());
        for (String file : List.of("model.safetensors", "vocabulary.txt")) assertEquals(-1, Files.mismatch(folder.resolve("travels").resolve(file), folder.resolve("back").resolve(file)), file);
        assertRefused("import --input DIR/pytorch/model.safetensors --vocabulary DIR/pytorch/vocabulary.txt --output DIR/back", "already holds a model; set --output to another directory, or --overwrite");
        assertEquals(Rondo.DONE, run("import --input DIR/pytorch/model.safetensors --vocabulary DIR/pytorch/vocabulary.txt --output DIR/back --overwrite"), err());

        for (String format : List.of("", " --format torch")) assertRefused("export --model DIR/travels --output DIR/none" + format,
                "format is '" + (format.isEmpty() ? "missing" : "torch") + "', expected pytorch or onnx; set --format (spark.rondo.format)");
        assertFalse(Files.exists(folder.resolve("none")));
        assertRefused("export --model DIR/travels --output DIR/pytorch --format onnx", "already holds an exported model; set --output to another directory, or --overwrite to replace it");
        assertRefused("export --model DIR/travels --output DIR/travels --format onnx --overwrite", "which export has not written; set --output to another directory");
        assertRefused("export --model DIR/travels --output DIR/file --format onnx --overwrite", "is a file, expected a directory to write to");
        assertEquals(Rondo.DONE, run("export --model DIR/travels --output DIR/pytorch --format onnx --overwrite"), err());
        try (Stream<Path> files = Files.list(folder.resolve("pytorch"))) {
            assertEquals(List.of("architecture.json", "model.onnx", "summary.json", "vocabulary.txt"), files.map(file -> file.getFileName().toString()).sorted().toList(), "nothing of the export before is left");
        }
        Files.delete(folder.resolve("pytorch/architecture.json"));      // as one that was killed leaves it, or a program of others
        byte[] graph = Files.readAllBytes(folder.resolve("pytorch/model.onnx"));
        for (String overwrite : List.of("", " --overwrite")) assertRefused("export --model DIR/travels --output DIR/pytorch --format pytorch" + overwrite,
                "holds model.onnx and no architecture.json, so it is another program's, or an export that was killed; set --output to another directory, or delete this one");
        assertArrayEquals(graph, Files.readAllBytes(folder.resolve("pytorch/model.onnx")), "and nothing of it is deleted");
    }

    private void assertRefused(String line, String why) {
        assertEquals(Rondo.BAD_INPUT, run(line), err());
        assertTrue(err().contains(why), err());
    }

    @ParameterizedTest
    @CsvSource({"--debug, true", "--debug=true, true", "--debug true, true", "--debug false, false", "--debug=false, false", "'', false",
            "--nosuch --debug, true", "--nosuch --debug=true, true", "--nosuch, false"})
    void debugShowsTheStackTraceOfBadInput(String options, boolean shown) {
        assertEquals(Rondo.BAD_INPUT, run("evaluate --input DIR/text --model DIR/nowhere " + options));
        assertTrue(err().startsWith("rondo: "), err());
        assertEquals(shown, err().contains("\tat org.rondo."), err());
    }

    @Test void aBenchPrintsALineForEveryShapeAndInstructionSet() {
        assertEquals(Rondo.DONE, run("bench kernels --shapes S6 --isa all --seconds 0.001"), err());
        List<String> lines = out().lines().toList(), isas = NativeLibrary.instructionSets();
        assertEquals("shape\tisa\tthreads\ttokens_per_s\tgflops\tfma_peak_gflops\tshare_of_peak", lines.get(0));
        assertEquals(isas.stream().map(isa -> "S6 " + isa).toList(),
                lines.stream().skip(1).map(line -> line.split("\t")).map(columns -> columns[0] + " " + columns[1]).toList());
        assertEquals("", err());
    }

    @Test void aSimulationPrintsALineForEveryClusterAndNetwork() {
        assertEquals(Rondo.DONE, run("bench scale --network 1,40 --window 100 --windowsPerRound 10"), err());
        List<String[]> lines = out().lines().map(line -> line.split("\t")).toList();
        assertEquals("executors floats gbit_s launching_s asking_s own_s moving_s averaging_s window_s windows_below_5 share placed_s slices_s tree_s",
                String.join(" ", lines.get(0)));
        assertEquals(1 + 2 * 4 * 10, lines.size());
        for (String[] line : lines) assertEquals(lines.get(0).length, line.length);
        // 10 M floats from each of 4 executors, 40 MB; 1 Gbit/s: 46 + 4 x 0.4, 28 + 3 x 2.5, 40 MB at 2.9 GB/s, 3 x 40 MB at 125 MB/s.
        // Averaging takes 1.056867 s: 19 times that are 201 windows of 0.1 s; with 10 it is 1.057 of 2.057 s.
        // By slices 2 x 47.6 + 2 x 28 + 6 x 2.5 + 13.8 + 1.5 x 320 ms; by rows of two 2 x 47.6 + 2 x 28 + 2 x 2.5 + 13.8 + 2 x 320.
        assertEquals("4 10000000 1 0.048 0.036 0.014 0.960 1.057 0.1000 201 0.514 1.057 0.660 0.810", String.join(" ", lines.get(12)));
        // What 1,024 executors ask the driver, at 58 us, is left out where the places are sent along; 40 Gbit/s are more than a core handles.
        String[] last = lines.get(80);
        assertEquals(List.of("1024", "1000000000", "40", "6200.000"), List.of(last[0], last[1], last[2], last[6]));
        assertEquals(1024 * 1023 * 58e-6 - 1023 * 0.0025, Double.parseDouble(last[7]) - Double.parseDouble(last[11]), 0.002);
        assertEquals("", err());
    }

    @Test void aSimulationIsDrawn() throws Exception {
        assertEquals(Rondo.DONE, run("bench scale --format svg"), err());
        assertEquals(8 + 4, ChartTest.elements(ChartTest.parse(out()), "polyline").size());
        String docs = Files.readString(Path.of("../docs/scale.svg"));
        assertEquals(docs, out(), "docs/scale.svg is not what bench scale --format svg draws; make it again");
    }

    @ParameterizedTest @ValueSource(strings = {"0", "-1", "1025"})
    void aBenchTakesANumberOfThreadsThatCanBe(String threads) {
        assertEquals(Rondo.BAD_INPUT, run("bench kernels --shapes S6 --seconds 0.001 --threads " + threads));
        assertTrue(err().contains("threads is " + threads + ", expected 1 to 1024; set --threads"), err());
        assertEquals(Rondo.DONE, run("bench kernels --shapes S6 --seconds 0.001 --threads 2"), err());
        assertEquals("2", out().lines().skip(1).findFirst().orElseThrow().split("\t")[2]);
    }

    @Test void aBenchMeasuresTheBestInstructionSetUnlessToldOtherwise() {
        run("bench kernels --shapes S6 --seconds 0.001");
        assertTrue(out().lines().skip(1).toList().get(0).startsWith("S6\t" + NativeLibrary.instructionSets().get(0)), out());
        run("bench kernels --shapes S6 --seconds 0.001 --isa portable");
        assertTrue(out().lines().skip(1).toList().get(0).startsWith("S6\tportable"), out());
    }

    @Test void shapesAndInstructionSetsMayHaveBlanksAndAnyCase() {
        assertEquals(Rondo.DONE, run(Map.of(), "bench", "kernels", "--shapes", "s6, S4 ", "--isa", " PORTABLE", "--seconds", " 0.001"), err());
        assertEquals(List.of("S6 portable", "S4 portable"), out().lines().skip(1).map(line -> line.split("\t")).map(columns -> columns[0] + " " + columns[1]).toList());
    }

    @Test void aBenchSaysThatItReadsNoSettings() {
        assertEquals(Rondo.DONE, run(Map.of("spark.rondo.hidden", "3", "spark.rondo.nosuch", "4"), "bench", "kernels", "--shapes", "S6", "--seconds", "0.001"));
        assertEquals(List.of("spark.rondo.hidden is given, but has no effect with bench, which reads no settings",
                "spark.rondo.nosuch is given, but has no effect with bench, which reads no settings"), err().lines().sorted().toList());
    }

    @Test void debugBeforeTheJobIsOnePlainLine() {
        assertEquals(Rondo.BAD_INPUT, run("--debug train --input DIR/text"));
        assertEquals(List.of("rondo: option --debug stands before the job, expected after it; see rondo --help"), err().lines().toList());
    }

    @Test void scoringIsALineOfTheSameForm() {
        assertEquals(Rondo.DONE, run("bench kernels --scoring --shapes S4 --seconds 0.001"), err());
        List<String> lines = out().lines().toList();
        assertEquals(lines.get(0).split("\t").length, lines.get(1).split("\t").length);
        assertTrue(lines.get(1).startsWith("S4-scoring\t"), out());
    }

    @Test void aTextIsLearntMeasuredAndContinued() throws IOException {
        assertEquals(Rondo.DONE, run("train --input DIR/text --output DIR/model --validation 0.2" + SMALL), err());
        assertTrue(err().contains("epoch 2/2") && err().contains("bits per character"), err());
        assertTrue(out().contains("model       " + folder.resolve("model")), out());

        assertEquals(Rondo.DONE, run("evaluate --input DIR/text --model DIR/model"), err());
        assertTrue(out().contains("perplexity") && out().contains("bits per character"), out());

        assertEquals(Rondo.DONE, run("generate --model DIR/model --prompt the --length 40 --seed 5"), err());
        String first = out();
        assertTrue(first.startsWith("the"), first);
        run("generate --model DIR/model --prompt the --length 40 --seed 5");
        assertEquals(first, out(), "the same seed, the same text");

        assertEquals(Rondo.BAD_INPUT, run("train --input DIR/text --output DIR/model" + SMALL), "a model is not overwritten");
        assertTrue(err().contains("--overwrite"), err());
        assertEquals(Rondo.DONE, run("train --input DIR/text --output DIR/model --overwrite" + SMALL), err());
    }

    /** Of 880 characters in 2 streams, 36 windows of 12 steps: a tenth to measure, the others to train on. */
    @Test void gradientsAreFollowedInNetworksOfEveryKind() throws Exception {
        String line = "gradient-flow --output DIR/flow --input DIR/text --hidden 4 --embedding 2 --batch 2 --seqLen 12";
        assertEquals(Rondo.DONE, run(line), err());
        List<String> said = out().lines().toList();
        assertEquals("page=" + folder.resolve("flow/gradient-flow.html") + " curves=20", said.get(said.size() - 1));
        assertEquals(1 + 20 * 12, Files.readAllLines(folder.resolve("flow/gradient-flow.tsv")).size());
        String page = Files.readString(folder.resolve("flow/gradient-flow.html"));
        assertTrue(page.contains("Training: 33 windows") && page.contains("Measured on 6 sequences"), page);
        List<String> told = err().lines().filter(note -> note.contains(": trained to ")).toList();
        assertEquals(said.subList(1, said.size() - 1).stream().filter(row -> row.contains(" trained ")).map(row -> row.split("[ /]+")[0]).distinct().toList(),
                told.stream().map(note -> note.split(":")[0]).toList(), "one name for one network");
        for (String note : told) assertTrue(note.endsWith(" nats per token, over all steps"), note);

        assertEquals(Rondo.BAD_INPUT, run(line), "nothing is overwritten unasked");
        assertTrue(err().contains("gradient-flow.tsv") && err().contains("--overwrite"), err());
        assertEquals(Rondo.DONE, run(line + " --overwrite --layers 1 --kernel portable"), err());
        assertTrue(out().endsWith(" curves=12" + System.lineSeparator()) && !out().contains("NaN"), out());
    }

    @Test void gradientsAreFollowedInGivenModels() throws Exception {
        assertEquals(Rondo.DONE, run("train --input DIR/text --output DIR/some/lstm" + SMALL), err());
        assertEquals(Rondo.DONE, run("train --input DIR/text --output DIR/some/rnn --cell rnn" + SMALL), err());
        assertEquals(Rondo.DONE, run(Map.of(), "gradient-flow", "--model", "DIR/some/lstm,DIR/some/rnn", "--input", "DIR/text", "--output", "DIR/it's followed",
                "--batch", "2", "--seqLen", "12", "--hidden", "100", "--epochs", "3"), err());
        assertTrue(out().endsWith(System.lineSeparator() + "page='" + folder + "/it'\\''s followed/gradient-flow.html' curves=2" + System.lineSeparator()), out());
        assertEquals(List.of("hidden is given, but has no effect with --model", "epochs is given, but has no effect with --model"),
                err().lines().filter(line -> line.contains("no effect")).toList());
        String page = Files.readString(folder.resolve("it's followed/gradient-flow.html"));
        assertTrue(page.contains(">lstm<") && page.contains(">rnn<") && !page.contains("before training"), page);
    }

    @Test void aFlippedBitInTheModelIsFound() throws IOException {
        assertEquals(Rondo.DONE, run("train --input DIR/text --output DIR/flipped" + SMALL), err());
        Path file = folder.resolve("flipped/model.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length / 2] ^= 1;
        Files.write(file, bytes);
        assertEquals(Rondo.BAD_INPUT, run("evaluate --input DIR/text --model DIR/flipped"), err());
        Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length / 2));
        assertEquals(Rondo.BAD_INPUT, run("generate --model DIR/flipped"), err());
    }

    @Test void aTrainingWhoseRoundIsCancelledHasFailed() {
        String line = "train --input DIR/text --output DIR/cancelled --averaging parameters --windowsPerRound 1000 --hidden 1024 --batch 1 --seqLen 8 --epochs 1";
        assertEquals(Rondo.FAILED, run(Map.of("spark.extraListeners", Cancelling.class.getName()), line.split(" +")), err());
        String said = err().lines().filter(note -> note.startsWith("rondo: ")).findFirst().orElse(err());
        assertTrue(said.startsWith("rondo: failed: ") && said.contains(" round 0 was cancelled from outside"), err());
    }

    /** Cancels round 0 as soon as it has begun. */
    public static final class Cancelling extends SparkListener {
        @Override public void onJobStart(SparkListenerJobStart start) {
            if (!"round 0".equals(start.properties().getProperty("spark.jobGroup.id"))) return;
            SparkContext.getOrCreate().cancelJobGroup("round 0");
        }
    }

    @Test void planSaysWhatDriverAndExecutorsNeed() {
        assertEquals(Rondo.DONE, run("plan --input DIR/text --shards 2 --batch 2 --seqLen 8"), err());
        List<String> lines = new ArrayList<>(out().lines().toList());
        assertEquals(List.of("  --driver-memory #m", "  --conf spark.driver.memoryOverhead=#m", "  --conf spark.executor.memoryOverhead=#m"),
                lines.subList(lines.size() - 3, lines.size()).stream().map(line -> line.replaceAll("[0-9]+", "#")).toList());
        assertTrue(out().contains("2, each of 2 streams"), out());
    }

    private static String planned(String windowsPerRound, double window, String... more) {
        Settings settings = Settings.of(Map.of("shards", "4", "batch", "8", "seqLen", "25", "epochs", "3", "averaging", "parameters", "windowsPerRound", windowsPerRound,
                "hidden", "10", "layers", "1", "embedding", "6"));
        SparkConf conf = new SparkConf(false);
        for (int i = 0; i < more.length; i += 2) conf.set(more[i], more[i + 1]);
        Optional<WindowTime> time = window == 0 ? Optional.empty() : Optional.of(new WindowTime(window, "native avx512"));
        return ShowPlan.table(Plan.of(settings, new Network(20, 6, 10, 1), Shards.ofStreams(null, settings, 32_001)), "char", 0, conf, time, 2);
    }

    /** 4 shards of 40 windows, 3 epochs of 6 rounds, 18 in all; averaging takes 83.2 ms with 4 executors, 6.8 on this machine alone. */
    @Test void planSaysWhereTrainingIsFaster() {
        // here: 240 windows of 4 ms and 18 x 6.8 ms; there: 120, and 18 x 83.2 ms. A window more a round is 4 ms less, so 76.4 ms take 20.
        String small = planned("7", 0.004);
        assertEquals("4 ms of a replica on one core (measured here, native avx512)", row("window", small));
        assertEquals("0.0832 s a round with 4 executors (0.00322 M floats from each, 10 Gbit/s: see docs/scale.md), 74.8 % of the round", row("averaging", small));
        assertEquals("training takes about 1.08 s on this machine's 2 cores, 1.98 s on 4 executors: train locally (--master local[2]), or set --windowsPerRound to 20 or more",
                row("time", small));
        assertEquals("training takes about 4m 00s on this machine's 2 cores, 2m 01s on 4 executors: the cluster is 2.0 times as fast", row("time", planned("7", 1)));
        assertEquals("training takes about 4m 01s on this machine's 2 cores, 4m 01s on 1 executor of 2 tasks at a time: train locally (--master local[2]); "
                        + "no windowsPerRound makes the cluster faster",
                row("time", planned("1", 1, "spark.executor.cores", "4", "spark.task.cpus", "2", "spark.executor.instances", "1")));
    }

    @Test void planForeseesWindowsThatAreToBeMeasured() {
        // 19 x 83.2 ms are 31.6 windows of 50 ms, and of an epoch of 40 no two rounds have as many
        String auto = planned("auto", 0.05);
        assertTrue(row("rounds", auto).startsWith("1 per epoch, 3 in 3 epochs; parameters are averaged every 40 windows (auto: "), auto);
        assertTrue(row("averaging", auto).endsWith(" 3.99 % of the round"), auto);
    }

    @Test void planSaysThatNothingWasMeasured() {
        String table = planned("auto", 0);
        assertTrue(row("window", table).startsWith("not measured: "), table);
        assertEquals("parameters are averaged as often as is measured when training starts", row("rounds", table));
        assertEquals("", row("averaging", table) + row("time", table));
    }

    @Test void aPlanTakesWhatTrainingTakesAndWritesNothing() {
        assertEquals(Rondo.DONE, run("plan --input DIR/text --output DIR/planned --overwrite --learningRate 0.1 --kernel reference --checkpointEvery 3"
                + SMALL), err());
        assertFalse(Files.exists(folder.resolve("planned")));
    }

    @Test void aSettingWithoutEffectIsSaid() {
        run("plan --input DIR/text --windowsPerRound 3" + SMALL);
        assertTrue(err().contains("windowsPerRound is given, but has no effect"), err());
        run("plan --input DIR/text --windowsPerRound 3 --averaging parameters" + SMALL);
        assertEquals("", err());
        run("plan --input DIR/text --decayFactor 0.3 --decayAfter 2 --decayEvery 2 --decay cosine" + SMALL);
        assertEquals(List.of("decayEvery is given, but has no effect without --decay epoch", "decayFactor is given, but has no effect without --decay epoch or plateau",
                "decayAfter is given, but has no effect without --decay epoch or plateau"), err().lines().toList());
        run("plan --input DIR/text --decayFactor 0.3 --decayAfter 2 --decay plateau" + SMALL);
        assertEquals("", err());
        for (String cell : List.of("rnn", "relu")) {
            run("plan --input DIR/text --forgetBias 1 --candidateActivation sigmoid --dropoutMask window --cell " + cell + SMALL);
            assertEquals(List.of("candidateActivation is given, but has no effect without --cell lstm or peephole",
                    "forgetBias is given, but has no effect without --cell lstm or peephole",
                    "dropoutMask is given, but has no effect without --dropout or --inputDropout above 0"), err().lines().toList());
        }
        run("plan --input DIR/text --forgetBias 1 --candidateActivation sigmoid --cell peephole --dropoutMask window --dropout 0.1" + SMALL);
        assertEquals("", err());
        run("gradient-flow --output DIR/flow-of-bad-input --seqLen 11 --unit word");
        assertEquals("unit is given, but has no effect without --input", err().lines().findFirst().orElse(""));
    }

    @Test void unknownTokensAreSaidToHideSomething() throws IOException {
        Files.writeString(folder.resolve("unknown"), "THE QUICK BROWN FOX\n".repeat(20));
        assertEquals(Rondo.DONE, run("train --input DIR/text --output DIR/lower" + SMALL), err());
        assertEquals(Rondo.DONE, run("evaluate --input DIR/text --model DIR/lower"), err());
        assertEquals("", err());
        assertEquals(Rondo.DONE, run("evaluate --input DIR/unknown --model DIR/lower"), err());
        assertTrue(err().contains("unknown to the model") && err().contains("too small"), err());
        assertEquals(Rondo.DONE, run("gradient-flow --input DIR/unknown --model DIR/lower --output DIR/flow-of-unknown --batch 2 --seqLen 12"), err());
        assertTrue(err().contains("unknown to the model") && err().contains("E_T is too small"), err());
        assertEquals(Rondo.DONE, run("gradient-flow --input DIR/text --model DIR/lower --output DIR/flow-of-known --batch 2 --seqLen 12"), err());
        assertFalse(err().contains("unknown"), err());
    }

    @ParameterizedTest
    @CsvSource(quoteCharacter = '"', value = {"models/mine,models/mine", "my models/a,'my models/a'", "it's,'it'\\''s'", "a$b,'a$b'"})
    void pathsCanBeCopiedIntoAShell(String path, String word) {
        String next = Train.next(Settings.of(Map.of("output", path)));
        assertTrue(next.contains(" --model " + word + " --length"), next);
    }

    @Test void numbersAreTheSameInEveryLanguage() {
        Locale before = Locale.getDefault();
        try {
            String english = planned("7", 0.004);
            Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
            assertEquals(english, planned("7", 0.004));
            assertEquals(Rondo.DONE, run("plan --input DIR/text --shards 2 --batch 2 --seqLen 8"), err());
            assertTrue(out().contains("training takes about ") && out().chars().noneMatch(c -> c > 127), out());
            run("bench scale --window 100");
            assertTrue(out().chars().noneMatch(c -> c > 127), out());
        } finally {
            Locale.setDefault(before);
        }
    }

    /** Of one result, Spark counts all its bytes, and by itself ends the job at 1 GB over all results of a round. */
    @Test void resultsAreNotLimitedUnlessTheUserSaysSo() {
        for (String limit : new String[] {"0", "3g"}) {
            SparkConf conf = new SparkConf(false).setMaster("local[1]").set("spark.ui.enabled", "false").set("spark.driver.host", "localhost");
            if (!limit.equals("0")) conf.set("spark.driver.maxResultSize", limit);
            try (JavaSparkContext sc = Rondo.spark("train", Settings.of(Map.of()), conf)) {
                assertEquals(limit, sc.getConf().get("spark.driver.maxResultSize"));
            }
        }
    }

    @Test void badInputIsFoundUnderWhatSparkWrapsAroundIt() {
        int code = Rondo.report(new RuntimeException(new SparkException("Job aborted\nby a task", new BadInput("mend this"))), false, console().err());
        assertEquals(Rondo.BAD_INPUT, code);
        assertEquals("rondo: mend this" + System.lineSeparator(), err());
    }

    @Test void aFailureIsOneLineAndThenTheStackTrace() {
        assertEquals(Rondo.FAILED, Rondo.report(new SparkException("Job aborted\nby a task", new IOException("disk full\nof what")), false, console().err()));
        List<String> lines = err().lines().toList();
        assertEquals("rondo: failed: java.io.IOException: disk full (in: org.apache.spark.SparkException: Job aborted)", lines.get(0));
        assertTrue(lines.stream().anyMatch(line -> line.startsWith("\tat ")), err());
    }
}
