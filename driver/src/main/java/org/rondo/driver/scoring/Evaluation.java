package org.rondo.driver.scoring;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Serializable;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Data;
import org.rondo.driver.corpus.Examples;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.corpus.Tokens;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Network;
import org.rondo.kernels.Sequences;
import org.rondo.kernels.Shard;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;
import scala.Tuple3;

/** How well a model predicts data, computed on Spark. A text is read in shards x batch streams, each from a zero state; of sequences
 *  the figures are those of each by itself, however they are batched.
 *  @param targets    predicted: of a text all tokens but the first
 *  @param loss       mean of a target's: nats, or the mean squared error; NaN where none counts
 *  @param characters of the text that the tokens stand for; 0 of other data, and where only some targets are counted
 *  @param unknown    share of a text's tokens that the vocabulary does not have
 *  @param entities   of tags that say where entities are, else null
 *  @param classes    of other labels, else null
 *  @param values     of numbers, else null
 *  @param kernels    what ran */
public record Evaluation(Task task, long targets, double loss, long characters, double unknown, EntityScores entities, ClassScores classes, ValueScores values,
                         Set<String> kernels) {
    /** Targets that count. */
    private static final int ALL = Integer.MAX_VALUE;

    public double perplexity() {
        return Math.exp(loss);
    }

    /** Comparable between models of characters and of words; with unknown tokens it is too small. */
    public double bitsPerCharacter() {
        return loss * targets / characters / Math.log(2);
    }

    /** @throws IllegalArgumentException if it is not a figure of such data */
    public double figure(Metric metric) {
        if (!metric.isOf(task, entities != null)) throw new IllegalArgumentException(metric.key() + " is no figure of " + task.key() + (entities == null ? "" : " of entities"));
        return switch (metric) {
            case LOSS -> loss;
            case PERPLEXITY -> perplexity();
            case ACCURACY -> entities != null ? entities.tokenAccuracy() : classes.accuracy();
            case PRECISION -> entities.overall().precision();
            case RECALL -> entities.overall().recall();
            case F1 -> entities != null ? entities.overall().f1() : classes.microF1();
            case MACRO_F1 -> classes.macroF1();
        };
    }

    /** For people: the scores of labels or numbers; empty for a language model. */
    public String table() {
        return entities != null ? entities.table() : classes != null ? classes.table() : values != null ? values.table() : "";
    }

    /** {@code task targets loss}, and what there is of {@code perplexity bitsPerCharacter unknown entities classes values}. */
    public ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("task", task.key()).put("targets", targets).put("loss", loss);
        if (task == Task.LANGUAGE_MODEL) json.put("perplexity", perplexity());
        if (characters > 0) json.put("bitsPerCharacter", bitsPerCharacter());
        if (task == Task.LANGUAGE_MODEL) json.put("unknown", unknown);
        if (entities != null) json.set("entities", entities.json());
        if (classes != null) json.set("classes", classes.json());
        if (values != null) json.set("values", values.json());
        return json;
    }

    /** @param input as {@link Setting#INPUT} says
     *  @param notes hears what was chosen, and what was left out */
    public static Evaluation of(JavaSparkContext sc, Model model, String input, Settings settings, Consumer<String> notes) {
        return of(sc, model, input, null, settings, notes);
    }

    /** The same, with a loss that is comparable with that of another model, whose tokens and labels this one's begin with.
     *  @param other its lexicon: of a text no other tokens are counted as targets, nor unknown ones, because of a word that one model does not know they say different things;
     *               the loss is of sequences whose labels it has, NaN where there are none; other figures are of all. Null: comparable with nothing */
    public static Evaluation of(JavaSparkContext sc, Model model, String input, Lexicon other, Settings settings, Consumer<String> notes) {
        if (sc.isLocal()) Kernel.check(settings.get(Setting.KERNEL));
        Task task = model.lexicon().task();
        try (Data data = task == Task.LANGUAGE_MODEL ? Tokens.read(sc, input, model.lexicon().words(), settings, notes)
                : Examples.read(sc, input, model.lexicon().values() > 1 ? Examples.Target.VALUES : task.target(settings), model.lexicon().scheme(), settings, notes)) {
            return of(sc, model, data, other, settings);
        }
    }

    public static Evaluation of(JavaSparkContext sc, Model model, Data data, Settings settings) {
        return of(sc, model, data, null, settings);
    }

    private static Evaluation of(JavaSparkContext sc, Model model, Data data, Lexicon other, Settings settings) {
        return data instanceof Tokens tokens ? of(sc, model, tokens, other == null ? ALL : other.words().size(), settings) : of(sc, model, (Examples) data, other, settings);
    }

    private static Evaluation of(JavaSparkContext sc, Model model, Tokens tokens, int known, Settings settings) {
        int seqLen = settings.get(Setting.SEQ_LEN), count = settings.get(Setting.SHARDS);
        long targets = tokens.count() - 1;
        if (targets < 1)
            throw new BadInput("the text to evaluate has " + tokens.count() + " tokens, expected at least 2, one to predict the other from; give a longer text");
        // a stream shorter than a window would mostly measure its zero state
        int batch = (int) Math.max(1, Math.min(settings.get(Setting.BATCH), targets / ((long) count * seqLen)));
        long characters = known != ALL ? 0 : model.lexicon().words().unit().equals("character") ? targets : tokens.characters();
        JavaRDD<Shard> shards = tokens.shards(count, batch);
        Broadcast<float[]> parameters = sc.broadcast(model.parameters());
        sc.setJobGroup("evaluation", "evaluate on " + targets + " tokens", true);
        try {
            Network network = model.network();
            String kernel = settings.get(Setting.KERNEL);
            double nats = 0;
            long counted = 0;
            Set<String> kernels = new TreeSet<>();
            for (Tuple3<Double, Long, String> scored : shards.map(shard -> score(network, parameters.value(), shard, known, batch, seqLen, kernel)).collect()) {
                nats += scored._1();                             // collected in shard order: the same sum on any cluster
                counted += scored._2();
                kernels.add(scored._3());
            }
            if (counted == 0) throw new BadInput("the text to evaluate has no token that both models know; give another");
            return new Evaluation(Task.LANGUAGE_MODEL, counted, nats / counted, characters, tokens.unknown(), null, null, null, kernels);
        } finally {
            parameters.destroy();
            shards.unpersist();
            sc.clearJobGroup();
        }
    }

    /** Sum of -log p over a shard's targets that count, how many they are, and the kernel that computed it. */
    private static Tuple3<Double, Long, String> score(Network network, float[] parameters, Shard shard, int known, int batch, int seqLen, String choice) {
        double nats = 0;
        long targets = 0;
        try (Kernel kernel = Kernel.open(choice, Layout.forScoring(network, batch, seqLen), TaskContext.get().cpus())) {
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
            kernel.load(Block.PARAMETERS, parameters);
            for (int w = 0; ; w++) {
                Window window = shard.window(kernel.layout().size, 0, w, null);
                if (window == null) return new Tuple3<>(nats, targets, kernel.description());
                if (known != ALL) window = window.where(y -> y != Vocabulary.UNKNOWN && y < known);
                nats += unrolled.forward(window, null);
                targets += window.tokens();
                unrolled.carry();
            }
        }
    }

    private static Evaluation of(JavaSparkContext sc, Model model, Examples examples, Lexicon other, Settings settings) {
        Lexicon lexicon = model.lexicon();
        int known = other == null ? lexicon.labels().size() : other.labels().size();
        examples.check(lexicon);
        Broadcast<float[]> parameters = sc.broadcast(model.parameters());
        sc.setJobGroup("evaluation", "evaluate on " + examples.count() + " sequences", true);
        try {
            Network network = model.network();
            String kernel = settings.get(Setting.KERNEL);
            int budget = settings.get(Setting.BATCH_TOKENS);
            Scored all = new Scored(lexicon, examples.scheme());
            for (Scored part : examples.parts(settings.get(Setting.SHARDS)).map(part -> score(network, lexicon, known, parameters.value(), part, budget, kernel)).collect()) all.merge(part);
            if (all.targets == 0 && other == null) throw examples.unknownLabels(lexicon);
            return new Evaluation(lexicon.task(), all.targets, all.loss / all.targets, 0, 0, all.entities, all.classes, all.values, all.kernels);
        } finally {
            parameters.destroy();
            sc.clearJobGroup();
        }
    }

    /** @param known labels that have a loss: the first so many */
    private static Scored score(Network network, Lexicon lexicon, int known, float[] parameters, Examples.Part part, int budget, String choice) {
        Scored scored = new Scored(lexicon, part.scheme());
        try (Predictor predictor = new Predictor(network, lexicon, parameters, choice, TaskContext.get().cpus())) {
            Sequences sequences = part.encode(lexicon.withLabels(known), network, 0, budget);
            scored.loss = predictor.predict(sequences, (s, labels, outputs) -> scored.add(lexicon, part.targets().get(s), labels, outputs));
            scored.targets = sequences.targets();
            if (predictor.kernel() != null) scored.kernels.add(predictor.kernel());
        }
        return scored;
    }

    /** Of a part of the examples. */
    private static final class Scored implements Serializable {
        private static final long serialVersionUID = 1;
        private final TagScheme scheme;
        private final EntityScores entities;
        private final ClassScores classes;
        private final ValueScores values;
        private final TreeSet<String> kernels = new TreeSet<>();
        private double loss;
        private long targets;

        /** @param scheme of the gold tags */
        Scored(Lexicon lexicon, TagScheme scheme) {
            boolean spans = scheme != null && scheme != TagScheme.NONE;
            this.scheme = scheme;
            this.entities = spans ? new EntityScores(scheme) : null;
            this.classes = spans || lexicon.task() == Task.REGRESSION ? null : new ClassScores();
            this.values = lexicon.task() == Task.REGRESSION ? new ValueScores() : null;
        }

        void add(Lexicon lexicon, Object gold, int[] labels, float[] outputs) {
            if (entities != null) entities.add(strings(gold), lexicon.scheme().convert(lexicon.names(labels), scheme));
            else if (lexicon.task() == Task.TAGGING) classes.add(strings(gold), lexicon.names(labels));
            else if (classes != null) classes.add((String) gold, lexicon.labels().get(labels[0]));
            else if (gold instanceof List<?> list) for (int v = 0; v < outputs.length; v++) values.add(((Number) list.get(v)).doubleValue(), outputs[v]);
            else values.add(((Number) gold).doubleValue(), outputs[0]);
        }

        private static List<String> strings(Object gold) {
            return ((List<?>) gold).stream().map(String.class::cast).toList();
        }

        void merge(Scored other) {
            if (entities != null) entities.merge(other.entities);
            if (classes != null) classes.merge(other.classes);
            if (values != null) values.merge(other.values);
            kernels.addAll(other.kernels);
            loss += other.loss;
            targets += other.targets;
        }
    }
}
