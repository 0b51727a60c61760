package org.rondo.driver.scoring;

import java.util.Set;
import java.util.TreeSet;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Text;
import org.rondo.driver.corpus.Tokens;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Network;
import org.rondo.kernels.Shard;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;
import scala.Tuple2;

/** How well a model predicts a text, computed on Spark. The text is read in shards x batch streams, each from a zero state.
 *  @param tokens     predicted: all but the first
 *  @param nats       mean of -log p per token
 *  @param characters of the text that the tokens stand for
 *  @param unknown    share of tokens that the vocabulary does not have
 *  @param kernels    what ran */
public record Evaluation(long tokens, double nats, long characters, double unknown, Set<String> kernels) {

    public double perplexity() {
        return Math.exp(nats);
    }

    /** Comparable between models of characters and of words; with unknown tokens it is too small. */
    public double bitsPerCharacter() {
        return nats * tokens / characters / Math.log(2);
    }

    /** @param input a path on any Hadoop file system */
    public static Evaluation of(JavaSparkContext sc, Model model, String input, Settings settings) {
        if (sc.isLocal()) Kernel.check(settings.get(Setting.KERNEL));
        try (Tokens tokens = Tokens.encode(Text.open(sc, input), model.vocabulary())) {
            return of(sc, model, tokens, settings);
        }
    }

    public static Evaluation of(JavaSparkContext sc, Model model, Tokens tokens, Settings settings) {
        int seqLen = settings.get(Setting.SEQ_LEN), count = settings.get(Setting.SHARDS);
        long targets = tokens.count() - 1;
        if (targets < 1)
            throw new BadInput("the text to evaluate has " + tokens.count() + " tokens, expected at least 2, one to predict the other from; give a longer text");
        // a stream shorter than a window would mostly measure its zero state
        int batch = (int) Math.max(1, Math.min(settings.get(Setting.BATCH), targets / ((long) count * seqLen)));
        long characters = model.vocabulary().unit().equals("character") ? targets : tokens.characters();
        JavaRDD<Shard> shards = tokens.shards(count, batch);
        Broadcast<float[]> parameters = sc.broadcast(model.parameters());
        sc.setJobGroup("evaluation", "evaluate on " + targets + " tokens", true);
        try {
            Network network = model.network();
            String kernel = settings.get(Setting.KERNEL);
            double nats = 0;
            Set<String> kernels = new TreeSet<>();
            for (Tuple2<Double, String> scored : shards.map(shard -> score(network, parameters.value(), shard, batch, seqLen, kernel)).collect()) {
                nats += scored._1;                               // collected in shard order: the same sum on any cluster
                kernels.add(scored._2);
            }
            return new Evaluation(targets, nats / targets, characters, tokens.unknown(), kernels);
        } finally {
            parameters.destroy();
            shards.unpersist();
            sc.clearJobGroup();
        }
    }

    /** Sum of -log p over a shard's targets, and the kernel that computed it. */
    private static Tuple2<Double, String> score(Network network, float[] parameters, Shard shard, int batch, int seqLen, String choice) {
        double nats = 0;
        try (Kernel kernel = Kernel.open(choice, Layout.forScoring(network, batch, seqLen), TaskContext.get().cpus())) {
            UnrolledNetwork unrolled = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
            kernel.load(Block.PARAMETERS, parameters);
            for (int w = 0; ; w++) {
                Window window = shard.window(kernel.layout().size, 0, w, null);
                if (window == null) return new Tuple2<>(nats, kernel.description());
                nats += unrolled.forward(window, null);
                unrolled.carry();
            }
        }
    }
}
