package org.rondo.driver.rounds;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Locale;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** What turns the mean of the replicas into the model that the next round starts from: the plain mean, or SGD with Nesterov's
 *  momentum whose gradient is minus the mean step. With W the model, d = mean - W, and PyTorch's form of it:
 *  <pre>
 *  v' = m v + d                (1)
 *  W' = W + a (d + m v')       (2)
 *  </pre>
 *  <b>mean</b>, m = 0 and a = 1: W' is the mean, to the bit, and there is no v.
 *
 *  <p><b>bmuf</b>, m = 1 - 1/N for N replicas and a = 1: blockwise model-update filtering with Nesterov block momentum (Chen &amp; Huo,
 *  ICASSP 2016). The paper keeps W without the coming momentum, and sends out G = W + m v: with G the model that the round started
 *  from it says d = mean - G, v' = m v + a d, W' = W + v', G' = W' + m v'. So G' = G - m v + v' + m v' = G + a d + m v': in G
 *  alone, and with v divided by a, that is (1) and (2). Momentum adds up 1 + m + m^2 ... = 1 / (1 - m) times a step that all rounds agree on:
 *  N times the mean of N replicas, their sum.
 *
 *  <p><b>diloco</b>, m = 0.9 and a = 0.7: the outer optimiser of DiLoCo (Douillard et al. 2023), there over 50 to 500 steps of AdamW.
 *
 *  <p>The optimiser within the replicas has moments of its own: {@link InnerState}.
 *
 *  @param momentum     m, in [0, 1)
 *  @param learningRate a */
public record OuterOptimizer(float momentum, float learningRate, InnerState innerState) implements Serializable {

    /** Times 1 / (1 - m), the rounds that momentum takes to get up to speed, that a training should have. */
    private static final int FEW = 10;

    /** What becomes of the moments of the replicas' optimiser, after a round: their mean is what all start from; every replica goes on
     *  from its own, which are part of its shard's state then; or they are zero at the start of every round. */
    enum InnerState { AVERAGE, KEEP, RESET }

    /** @throws BadInput if there is something to set for an outer optimiser, and none */
    static OuterOptimizer of(Settings settings) {
        boolean replicasStep = settings.get(Setting.AVERAGING).equals("parameters");
        String name = settings.get(Setting.OUTER_OPTIMIZER);
        int shards = settings.get(Setting.SHARDS);
        if (name.equals("auto")) name = replicasStep && shards > 1 ? "bmuf" : "mean";
        double momentum = settings.get(Setting.OUTER_MOMENTUM), rate = settings.get(Setting.OUTER_LEARNING_RATE);
        if (Double.isNaN(momentum)) momentum = name.equals("bmuf") ? 1 - 1.0 / shards : name.equals("diloco") ? 0.9 : 0;
        if (Double.isNaN(rate)) rate = name.equals("diloco") ? 0.7 : 1;
        OuterOptimizer outer = new OuterOptimizer((float) momentum, (float) rate, InnerState.valueOf(settings.get(Setting.INNER_STATE).toUpperCase(Locale.ROOT)));
        if (!replicasStep && !outer.equals(new OuterOptimizer(0, 1, InnerState.AVERAGE)))
            throw new BadInput("outerOptimizer is " + settings.get(Setting.OUTER_OPTIMIZER) + " with momentum " + momentum + " and learning rate " + rate + ", innerState "
                    + settings.get(Setting.INNER_STATE) + ", but averaging is gradients, where replicas take no steps; set --averaging parameters, or leave the others out");
        return outer;
    }

    /** A line for people.
     *  @param rounds of the whole training, or 0 where that is not known */
    String says(long rounds) {
        if (momentum == 0) return String.format(Locale.ROOT, "outer optimiser: the mean%s", learningRate == 1 ? "" : ", with a learning rate of " + learningRate);
        boolean few = rounds > 0 && rounds < FEW / (1 - momentum);
        return String.format(Locale.ROOT, "outer optimiser: the mean step with Nesterov's momentum %.4g and learning rate %.4g%s", momentum, learningRate,
                few ? "; " + rounds + " rounds in all are few for such a momentum: set --outerOptimizer mean, or windowsPerRound lower" : "");
    }

    /** Vectors that it keeps from round to round, each as long as the parameters. */
    int vectors() {
        return momentum == 0 ? 0 : 1;
    }

    /** Whether the moments are averaged, as the parameters are. */
    boolean averagesMoments() {
        return innerState == InnerState.AVERAGE;
    }

    /** Whether they are zero at the start of every round. */
    boolean resetsMoments() {
        return innerState == InnerState.RESET;
    }

    /** Whether the next model is the mean itself. */
    boolean isMean() {
        return momentum == 0 && learningRate == 1 && averagesMoments();
    }

    /** Elementwise, so that slices of all vectors give slices of the result. Writes into neither; the result may share vectors with both.
     *  @param model that the round started from: the parameters W, the moments, and v if there is one
     *  @param mean  of the replicas: parameters, and moments if they are averaged; else the model's stay
     *  @return as {@code model} */
    float[][] next(float[][] model, float[][] mean) {
        float[][] next = Arrays.copyOf(model, model.length);
        System.arraycopy(mean, 0, next, 0, mean.length);
        if (momentum == 0 && learningRate == 1) return next;
        int last = model.length - 1;
        float[] w = model[0], v = momentum == 0 ? null : model[last], nextW = next[0] = new float[w.length];
        float[] nextV = v == null ? null : (next[last] = new float[w.length]);
        for (int i = 0; i < w.length; i++) {
            float d = mean[0][i] - w[i], velocity = 0;
            if (v != null) velocity = nextV[i] = momentum * v[i] + d;       // (1)
            nextW[i] = w[i] + learningRate * (d + momentum * velocity);     // (2)
        }
        return next;
    }
}
