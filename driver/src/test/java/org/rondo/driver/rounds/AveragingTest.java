package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.kernels.Replica;

class AveragingTest {

    @ParameterizedTest @ValueSource(ints = {1, 2, 3, 4, 5, 7, 8, 13})
    void theOrderOfArrivalLeavesNoTrace(int shards) {
        float[] expected = null;
        for (int seed = 0; seed < 20; seed++) {
            List<Replica.Result> results = new ArrayList<>();
            for (int s = 0; s < shards; s++) results.add(result(s, 100 + s % 3, random(s, 50)));
            Collections.shuffle(results, new Random(seed));
            float[] mean = mean(results);
            if (expected == null) expected = mean;
            assertArrayEquals(expected, mean, "seed " + seed);
        }
    }

    @Test void isTheMeanWeightedByTokens() {
        int shards = 11, n = 200;
        double[] sum = new double[n];
        double tokens = 0;
        List<Replica.Result> results = new ArrayList<>();
        for (int s = 0; s < shards; s++) {
            float[] v = random(s, n);
            int weight = s == 4 ? 0 : 10 * s + 1;
            for (int i = 0; i < n; i++) sum[i] += (double) weight * v[i];
            tokens += weight;
            results.add(result(s, weight, v));
        }
        float[] mean = mean(results);
        // four levels of the tree, three roundings each, of numbers below 1: 12 * 2^-24
        for (int i = 0; i < n; i++) assertEquals(sum[i] / tokens, mean[i], 12 * 0x1p-24);
    }

    /** The definition, in doubles; replica 4 has no tokens, and counts for nothing however far off it is. */
    @ParameterizedTest @ValueSource(ints = {1, 2, 3, 7, 11})
    void saysHowFarReplicasAreApart(int shards) {
        int n = 203;
        Averaging averaging = new Averaging(shards);
        double[] mean = new double[n];
        double tokens = 0, sum = 0;
        for (int s = 0; s < shards; s++) tokens += weight(s);
        for (int s = 0; s < shards; s++) for (int i = 0; i < n; i++) mean[i] += weight(s) / tokens * random(s, n)[i];
        for (int s = 0; s < shards; s++) for (int i = 0; i < n; i++) sum += weight(s) / tokens * Math.pow(random(s, n)[i] - mean[i], 2);
        for (int s = 0; s < shards; s++) averaging.add(result(s, weight(s), random(s, n)));
        assertEquals(Math.sqrt(sum), averaging.whole().divergence(), 1e-6 * Math.sqrt(sum) + Double.MIN_VALUE);
    }

    private static int weight(int shard) {
        return shard == 4 ? 0 : 10 * shard + 1;
    }

    /** Whatever stretches of the leaves were merged before, as executors do: to the nodes that {@link Averaging.Node} names. */
    @ParameterizedTest @ValueSource(ints = {1, 2, 3, 5, 6, 7, 8, 13})
    void nodesMergedElsewhereLeaveNoTrace(int shards) {
        List<Replica.Result> results = new ArrayList<>();
        for (int s = 0; s < shards; s++) results.add(result(s, 100 + s % 3, random(s, 50)));
        float[] expected = mean(results);
        for (int seed = 0; seed < 20; seed++) {
            Random random = new Random(seed);
            Averaging averaging = new Averaging(shards);
            for (int from = 0; from < shards; ) {
                Averaging.Node node = new Averaging.Node(0, from);
                while (!node.isRoot(shards) && node.index() % 2 == 0 && random.nextBoolean()) node = node.parent();
                Averaging part = new Averaging(node.end(shards) - from);
                for (int leaf = from; leaf < shards; leaf++) assertEquals(leaf < node.end(shards), node.covers(leaf), node + " and " + leaf);
                for (int leaf = from; leaf < node.end(shards); leaf++)
                    part.add(leaf - from, new Averaging.Mean(new float[][] {random(leaf, 50)}, 100 + leaf % 3));
                averaging.add(node, part.whole());
                from = node.end(shards);
            }
            assertArrayEquals(expected, averaging.mean()[0], "seed " + seed);
        }
    }

    @Test void everyNodeHasANumberOfItsOwn() {
        for (int leaves = 1; leaves < 40; leaves++) {
            int number = 0;
            for (int level = 0; level == 0 || Averaging.Node.nodes(level - 1, leaves) > 1; level++)
                for (int index = 0; index < Averaging.Node.nodes(level, leaves); index++, number++) {
                    Averaging.Node node = new Averaging.Node(level, index);
                    assertEquals(number, node.number(leaves));
                    assertEquals(node, Averaging.Node.of(number, leaves));
                    Averaging.Node sibling = node.sibling(leaves);
                    if (sibling != null) assertEquals(node.parent(), sibling.parent());
                    else assertEquals(Math.min(leaves, node.end(leaves)), leaves, node + " of " + leaves + " has no sibling");
                }
        }
    }

    @Test void equalVectorsStayAsTheyAre() {
        List<Replica.Result> results = new ArrayList<>();
        for (int s = 0; s < 7; s++) results.add(result(s, 1 + s, random(1, 30)));
        assertArrayEquals(random(1, 30), mean(results));
    }

    @Test void aReplicaWithoutTokensHasNoSay() {
        assertArrayEquals(new float[] {3}, mean(List.of(result(0, 0, new float[] {Float.NaN}), result(1, 5, new float[] {3}))));
    }

    /** decay 0.5: (4 + 0.5 * 1) / 1.5 and (10 + 0.5 * 4 + 0.25 * 1) / 1.75. */
    @Test void theAverageOverRoundsIsAsWorkedByHand() {
        float[][] parameters = {{1, -2}, {4, -8}, {10, -20}};
        float[] average = {Float.NaN, Float.POSITIVE_INFINITY}, expected = {1, 3, 7};
        for (int round = 1; round <= 3; round++) {
            average = Averaging.overRounds(average, parameters[round - 1], 0.5, round);
            // three roundings a round, of numbers up to 10 and their share
            assertEquals(expected[round - 1], average[0], round * 3 * 10 * 0x1p-24, "round " + round);
            assertEquals(-2 * expected[round - 1], average[1], round * 3 * 20 * 0x1p-24, "round " + round);
        }
    }

    @Test void whereThereIsNothingToAverageTheParametersAreTheAverage() {
        float[] parameters = {1, 2};
        assertSame(parameters, Averaging.overRounds(new float[2], parameters, 0.9, 1));
        assertSame(parameters, Averaging.overRounds(new float[2], parameters, 0, 1000));
    }

    @Test void aModelThatStaysIsItsOwnAverage() {
        float[] average = random(1, 30);
        for (int round = 2; round < 50; round++) average = Averaging.overRounds(average, random(1, 30), 0.99, round);
        assertArrayEquals(random(1, 30), average);
    }

    @Test void aMissingShardIsAnError() {
        Averaging averaging = new Averaging(3);
        averaging.add(result(0, 1, new float[] {1}));
        averaging.add(result(2, 1, new float[] {1}));
        assertThrows(IllegalStateException.class, averaging::mean);
    }

    private static float[] mean(List<Replica.Result> results) {
        Averaging averaging = new Averaging(results.size());
        results.forEach(averaging::add);
        return averaging.mean()[0];
    }

    private static Replica.Result result(int shard, long tokens, float[] vector) {
        return new Replica.Result(shard, new float[][] {vector.clone()}, new float[0], 0, tokens, 0, -1, "none");
    }

    private static float[] random(int seed, int n) {
        Random random = new Random(seed);
        float[] v = new float[n];
        for (int i = 0; i < n; i++) v[i] = random.nextFloat() * 2 - 1;
        return v;
    }
}
