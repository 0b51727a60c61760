package org.rondo.peers;

import com.sun.management.OperatingSystemMXBean;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.driver.scoring.Scorer;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.Sequences;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;
import org.rondo.kernels.bench.Shape;
import org.rondo.kernels.bench.Steps;

/** What scoring a corpus costs end to end, on Spark with one slot: lines of text in Parquet to Parquet with the log-probability of every token. In
 *  turns: the {@link Scorer}; the kernel alone, on the same lines already encoded and sorted by length; and ONNX Runtime in mapPartitions
 *  ({@link OnnxRows}), which must say the same. Time is the whole process's processor time, so the collector and Spark's other
 *  threads count, and what else the machine does, does not. Prints a line for every shape; ratios are medians over the turns, with the lowest and the highest. */
final class ScoreBench {
    private static final int TURNS = 3, LONGEST = 65, SHORTEST = 5;
    /** Seconds of a turn of ours, at so many operations a second: in a shorter one starting a job of Spark shows. */
    private static final double SECONDS_OF_OPERATIONS = 8, OPERATIONS = 200e9;
    private static final double TOLERANCE = 1e-3;
    private static final StructType TABLE = new StructType().add("id", DataTypes.LongType, false).add("text", DataTypes.StringType);

    private final Path folder;
    private final String name;
    private final Model model;
    /** Null where only the kernel is compared with. */
    private final OnnxRows onnx;
    private final Settings settings;
    private final long tokens;
    private final SparkSession spark;

    /** @param args S1, S2 or tagger; all if there is none */
    public static void main(String[] args) throws IOException {
        Path folder = Files.createTempDirectory("score-bench");
        SparkConf conf = new SparkConf(false).setMaster("local[1]").setAppName("ScoreBench").set("spark.ui.enabled", "false").set("spark.driver.host", "127.0.0.1")
                .set("spark.driver.bindAddress", "127.0.0.1").set("spark.sql.files.maxPartitionBytes", "1g");
        try (JavaSparkContext sc = new JavaSparkContext(conf)) {
            sc.setLogLevel("ERROR");
            System.out.println("shape\ttokens\tscore_tokens_per_s\tkernel_tokens_per_s\tonnxruntime_tokens_per_s\tscore_to_kernel\tlowest\thighest\tscore_to_onnxruntime\tlowest\thighest");
            for (String name : args.length > 0 ? List.of(args) : List.of("S1", "S2", "tagger")) (name.equals("tagger") ? tagger(folder) : languageModel(folder, name)).run();
        } finally {
            try (Stream<Path> all = Files.walk(folder)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) Files.delete(path);
            }
        }
    }

    private static ScoreBench languageModel(Path folder, String name) {
        Shape shape = Shape.TRAINING.stream().filter(s -> s.name().equals(name) && s.network().vocab() == s.network().head().outputs()).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("shape is " + name + ", expected a language model of words, S1 or S2, or tagger"));
        Model model = new Model(shape.network(), shape.parameters(), Lexicon.of(vocabulary("word", shape.network().vocab())), JsonNodeFactory.instance.objectNode());
        return new ScoreBench(folder, name, model, new OnnxRows(model, shape));
    }

    /** As conf/recipes/ewt-upos.conf has it. */
    private static ScoreBench tagger(Path folder) {
        Lexicon lexicon = new Lexicon(Task.TAGGING, vocabulary("token", 20_000), characters(), true, 0, IntStream.range(0, 17).mapToObj(y -> "label" + (char) ('A' + y)).toList(), TagScheme.NONE, 0);
        Network network = new Network(20_000, 100, new Network.Spelling(lexicon.characters().size(), 30, 50), Cell.LSTM, 150, 1, true, new Head(true, Loss.CRF, 17), false);
        return new ScoreBench(folder, "tagger", new Model(network, Parameters.initial(network, 1), lexicon, JsonNodeFactory.instance.objectNode()), null);
    }

    private ScoreBench(Path folder, String name, Model model, OnnxRows onnx) {
        this.folder = folder;
        this.name = name;
        this.model = model;
        this.onnx = onnx;
        this.settings = Settings.of(Map.of(Setting.BATCH_TOKENS.key(), System.getProperty("batchTokens", Setting.BATCH_TOKENS.fallback())));
        this.spark = SparkSession.builder().getOrCreate();
        Network network = model.network();
        // of a word's characters some are computed again in every batch that it is in: about half a step's operations
        this.tokens = write((long) (SECONDS_OF_OPERATIONS * OPERATIONS / (network.forwardFlops() + (network.spelling() == null ? 0 : 8 * 8.0 * 2 * network.spelling().hidden() * (network.spelling().hidden() + network.spelling().embedding())))));
    }

    private static Vocabulary vocabulary(String unit, int size) {
        return vocabulary(unit, "<unk>\n<eos>\n" + IntStream.range(2, size).mapToObj(id -> "word" + id + "\n").collect(Collectors.joining()));
    }

    private static Vocabulary characters() {
        return vocabulary("character", "<unk>\n" + "abcdefghijklmnopqrstuvwxyz0123456789".codePoints().mapToObj(c -> Character.toString(c) + "\n").collect(Collectors.joining()));
    }

    private static Vocabulary vocabulary(String unit, String tokens) {
        try {
            return Vocabulary.read(new ByteArrayInputStream(tokens.getBytes(StandardCharsets.UTF_8)), unit, "a vocabulary");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** @return tokens, with the ends of lines */
    private long write(long least) {
        Random random = new Random(1);
        List<Row> rows = new ArrayList<>();
        long written = 0;
        while (written < least) {
            int words = SHORTEST + random.nextInt(LONGEST - SHORTEST + 1);
            rows.add(RowFactory.create((long) rows.size(), random.ints(words, 2, model.network().vocab()).mapToObj(id -> "word" + id).collect(Collectors.joining(" "))));
            written += words + (onnx == null ? 0 : 1);
        }
        spark.createDataFrame(rows, TABLE).coalesce(1).write().mode(SaveMode.Overwrite).parquet(path("in"));
        return written;
    }

    private String path(String name) {
        return folder.resolve(this.name + "-" + name).toString();
    }

    private void run() {
        Scorer scorer = new Scorer(model, settings);
        try (Alone alone = new Alone()) {
            List<Runnable> all = new ArrayList<>(List.of(() -> scorer.score(table(), "lines", note -> { }).write().mode(SaveMode.Overwrite).parquet(path("rondo")), alone));
            if (onnx != null) all.add(() -> table().mapPartitions(onnx, Encoders.row(OnnxRows.SCHEMA)).write().mode(SaveMode.Overwrite).parquet(path("onnx")));
            all.forEach(Runnable::run);         // compiled from here on
            if (onnx != null) check();
            double[][] seconds = new double[all.size()][TURNS];
            for (int turn = 0; turn < TURNS; turn++)
                for (int i = 0; i < seconds.length; i++) seconds[i][turn] = seconds(all.get(i));
            System.out.println(name + "\t" + tokens + "\t" + Stream.of(seconds).map(of -> decimal(tokens / Steps.median(of), 0)).collect(Collectors.joining("\t"))
                    + "\t" + ratios(seconds[1], seconds[0]) + (onnx == null ? "" : "\t" + ratios(seconds[2], seconds[0])));
        }
    }

    private Dataset<Row> table() {
        return spark.read().schema(TABLE).parquet(path("in"));
    }

    private void check() {
        Dataset<Row> ours = spark.read().parquet(path("rondo")).selectExpr("id", "logProbabilities as a"), theirs = spark.read().parquet(path("onnx")).selectExpr("id as other", "logProbabilities as b");
        Row found = ours.join(theirs, ours.col("id").equalTo(theirs.col("other"))).selectExpr("size(a) as n", "aggregate(zip_with(a, b, (x, y) -> cast(abs(x - y) as double)), cast(0 as double), (m, d) -> greatest(m, d)) as d")
                .selectExpr("sum(n)", "max(d)").first();
        if (found.getLong(0) != tokens || !(found.getDouble(1) < TOLERANCE)) throw new AssertionError(found.getLong(0) + " tokens, expected " + tokens + "; the largest difference is " + found.getDouble(1));
    }

    private static double seconds(Runnable work) {
        OperatingSystemMXBean process = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long start = process.getProcessCpuTime();
        work.run();
        return (process.getProcessCpuTime() - start) * 1e-9;
    }

    private static String ratios(double[] slower, double[] of) {
        double[] ratios = IntStream.range(0, TURNS).mapToDouble(turn -> slower[turn] / of[turn]).sorted().toArray();
        return decimal(Steps.median(ratios), 3) + "\t" + decimal(ratios[0], 3) + "\t" + decimal(ratios[TURNS - 1], 3);
    }

    private static String decimal(double number, int places) {
        return String.format(Locale.ROOT, "%." + places + "f", number);
    }

    /** The kernel on all lines, encoded and sorted before. */
    private final class Alone implements Runnable, AutoCloseable {
        private final Sequences sequences;
        private final Kernel kernel;
        private final UnrolledNetwork unrolled;

        Alone() {
            Stream<String> texts = table().collectAsList().stream().map(row -> row.getString(1));
            int budget = settings.get(Setting.BATCH_TOKENS);
            sequences = onnx != null ? model.lexicon().lines(model.network(), texts.map(model.lexicon().words()::encode).toList(), budget)
                    : model.lexicon().encode(0, model.network(), texts.<List<?>>map(text -> List.of(text.split(" "))).toList(), null, 0, budget);
            kernel = Kernel.open("native", sequences.sizes().stream().map(size -> Layout.forScoring(model.network(), size)).max(Comparator.comparingLong(Layout::bytes)).orElseThrow());
            unrolled = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
            kernel.load(Block.PARAMETERS, model.parameters());
        }

        @Override public void run() {
            for (int w = 0; w < sequences.windows(); w++) {
                Window window = sequences.window(null, 0, w, null);
                unrolled.forward(window, null);
                if (onnx == null) unrolled.decode(window.lengths(), null, new int[window.size().batch() * window.size().seqLen()]);
            }
        }

        @Override public void close() {
            kernel.close();
        }
    }
}
