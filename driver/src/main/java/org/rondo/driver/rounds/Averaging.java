package org.rondo.driver.rounds;

import java.io.Serializable;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.rondo.kernels.Replica;

/** The mean of the replicas' vectors, weighted by their tokens, whatever the order in which they arrive.
 *
 *  <p>Float addition is not associative, so the order is fixed by a binary tree over shard numbers: node k of a level is the
 *  mean of nodes 2k and 2k+1 of the level below, and a node without a sibling is its parent. Siblings merge as soon as both
 *  are there, so the vectors held at a time are few when neighbours arrive together, and a sibling may be merged wherever it
 *  is met. A mean is taken as a + (b - a) * share, so that equal vectors stay equal to the bit.
 *
 *  <p>On the way it measures how far apart the replicas are, for next to nothing: the difference of two means is at hand when they
 *  merge. Of n tokens in all, n_s of replica s, which made w_s, and their mean m, {@code spread} is the sum over s of n_s |w_s - m|^2.
 *  Of two merged nodes it is the sum of theirs and n_a n_b / (n_a + n_b) |m_a - m_b|^2 (Chan, Golub & LeVeque, Algorithms for
 *  computing the sample variance, The American Statistician 37(3), 1983). It is kept by slices of a vector, as those travel, so that
 *  its sums too have one order on any cluster. */
final class Averaging {
    private final int shards;
    private final Map<Node, Mean> waiting = new HashMap<>();
    private final Consumer<float[][]> merged;
    private Mean mean;

    /** Vectors, and the tokens they are a mean over.
     *  @param spread of the first vector, by slices of {@link Gathering#SLICE} floats; null where it is not measured */
    record Mean(float[][] vectors, long tokens, double[] spread) {

        /** Of one replica. */
        Mean(float[][] vectors, long tokens) {
            this(vectors, tokens, new double[Exchange.divideUp(vectors[0].length, Gathering.SLICE)]);
        }

        /** How far the replicas are apart, as the root mean square of their distances from the mean, each weighted by its tokens: the
         *  square root of {@code spread / tokens}. It is the consensus distance of Kong et al., Consensus control for decentralized deep
         *  learning, ICML 2021, (5). In the first vector's unit: a norm of all parameters, or of a gradient. */
        double divergence() {
            double sum = 0;
            for (double slice : spread) sum += slice;
            return Math.sqrt(sum / Math.max(1, tokens));
        }
    }

    /** A node of the tree over so many leaves: the mean of leaves index * 2^level on, up to as many as that.
     *  @param level 0 for a leaf */
    record Node(int level, int index) implements Serializable {

        static int nodes(int level, int leaves) {
            return (int) ((leaves + (1L << level) - 1) >> level);
        }

        boolean isRoot(int leaves) {
            return nodes(level, leaves) == 1;
        }

        Node parent() {
            return new Node(level + 1, index / 2);
        }

        /** Of the two children of the parent the other; null at the edge of the tree, where the parent has but one. */
        Node sibling(int leaves) {
            return (index ^ 1) < nodes(level, leaves) ? new Node(level, index ^ 1) : null;
        }

        boolean covers(int leaf) {
            return leaf >> level == index;
        }

        /** The first leaf after its own. */
        int end(int leaves) {
            return (int) Math.min(leaves, index + 1L << level);
        }

        /** From 0, over all levels from the leaves on. */
        int number(int leaves) {
            int number = index;
            for (int l = 0; l < level; l++) number += nodes(l, leaves);
            return number;
        }

        static Node of(int number, int leaves) {
            int level = 0, index = number;
            for (; index >= nodes(level, leaves); level++) index -= nodes(level, leaves);
            return new Node(level, index);
        }
    }

    Averaging(int shards) {
        this(shards, merged -> { });
    }

    /** @param merged hears of vectors that have been merged into others and are no longer read */
    Averaging(int shards, Consumer<float[][]> merged) {
        this.shards = shards;
        this.merged = merged;
    }

    /** Takes the vectors over: they are overwritten. */
    void add(Replica.Result result) {
        add(result.shard, new Mean(result.vectors, result.tokens));
    }

    /** The same of a mean: over one shard, or, where every subtree of some height counts as one, over such a group. */
    void add(int shard, Mean arrived) {
        add(new Node(0, shard), arrived);
    }

    /** The same of a node that was merged before it came. */
    synchronized void add(Node node, Mean arrived) {
        Node sibling = node.sibling(shards);
        if (node.isRoot(shards)) {
            mean = arrived;
        } else if (sibling == null) {
            add(node.parent(), arrived);
        } else {
            Mean other = waiting.remove(sibling);
            if (other == null) waiting.put(node, arrived);
            else add(node.parent(), node.index < sibling.index ? merge(arrived, other) : merge(other, arrived));
        }
    }

    /** The mean over rounds 1 to {@code round} of the parameters after each: an exponential moving average, in which those of
     *  round k count decay^(round - k), divided by the sum of these weights (Kingma & Ba 2015, 3: what starts the mean at its
     *  first value leaves no trace). Floats: it comes to rest within 2^-24 / (1 - decay) of a weight.
     *  @param average of the rounds before; not read in the first
     *  @return a new vector; {@code parameters} itself where there is nothing to average: in the first round, or with decay 0 */
    static float[] overRounds(float[] average, float[] parameters, double decay, long round) {
        float share = (float) ((1 - decay) / (1 - StrictMath.pow(decay, round)));
        if (share == 1) return parameters;
        float[] next = new float[parameters.length];
        for (int i = 0; i < next.length; i++) next[i] = average[i] + (parameters[i] - average[i]) * share;
        return next;
    }

    /** @throws IllegalStateException while a shard is missing */
    float[][] mean() {
        return whole().vectors;
    }

    /** Whether no shard is missing. */
    synchronized boolean isWhole() {
        return mean != null;
    }

    /** As {@link #mean()}, with the tokens of all. */
    synchronized Mean whole() {
        if (mean == null) throw new IllegalStateException("the mean of " + shards + " shards was asked for before all were there; partial means held: " + waiting.keySet());
        return mean;
    }

    private Mean merge(Mean a, Mean b) {
        Mean of = b.tokens == 0 ? a : a.tokens == 0 ? b : weighted(a, b);
        merged.accept(of.vectors == a.vectors ? b.vectors : a.vectors);
        return of;
    }

    private static Mean weighted(Mean a, Mean b) {
        float share = (float) (b.tokens / (double) (a.tokens + b.tokens));
        double[] spread = a.spread == null ? null : spread(a, b);           // a's vectors are overwritten next
        for (int v = 0; v < a.vectors.length; v++) {
            float[] mean = a.vectors[v], other = b.vectors[v];
            for (int i = 0; i < mean.length; i++) mean[i] += (other[i] - mean[i]) * share;
        }
        return new Mean(a.vectors, a.tokens + b.tokens, spread);
    }

    private static double[] spread(Mean a, Mean b) {
        double weight = (double) a.tokens * b.tokens / (a.tokens + b.tokens);
        double[] spread = new double[a.spread.length];
        for (int s = 0; s < spread.length; s++) {
            int from = s * Gathering.SLICE, to = Math.min(a.vectors[0].length, from + Gathering.SLICE);
            spread[s] = a.spread[s] + b.spread[s] + weight * squaredDistance(a.vectors[0], b.vectors[0], from, to);
        }
        return spread;
    }

    /** Four sums, which do not wait for one another; zeros at the end of both vectors change no bit. */
    private static double squaredDistance(float[] a, float[] b, int from, int to) {
        double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        int i = from;
        for (; i < to - 3; i += 4) {
            s0 += squared(b[i] - a[i]);
            s1 += squared(b[i + 1] - a[i + 1]);
            s2 += squared(b[i + 2] - a[i + 2]);
            s3 += squared(b[i + 3] - a[i + 3]);
        }
        if (i < to) s0 += squared(b[i] - a[i]);
        if (i + 1 < to) s1 += squared(b[i + 1] - a[i + 1]);
        if (i + 2 < to) s2 += squared(b[i + 2] - a[i + 2]);
        return s0 + s1 + (s2 + s3);
    }

    private static double squared(double x) {
        return x * x;
    }
}
