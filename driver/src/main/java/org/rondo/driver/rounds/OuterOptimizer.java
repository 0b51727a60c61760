package org.rondo.driver.rounds;

import java.io.Serializable;
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
 *  <p>The optimiser within the replicas has moments of its own. They become the mean of the replicas', or are zero at the start of every round.
 *
 *  @param momentum      m, in [0, 1)
 *  @param learningRate  a
 *  @param resetsMoments of the replicas' optimiser */
public record OuterOptimizer(float momentum, float learningRate, boolean resetsMoments) implements Serializable {

    /** @throws BadInput if there is something to set for an outer optimiser, and none */
    static OuterOptimizer of(Settings settings) {
        boolean replicasStep = settings.get(Setting.AVERAGING).equals("parameters");
        String name = settings.get(Setting.OUTER_OPTIMIZER);
        int shards = settings.get(Setting.SHARDS);
        if (name.equals("auto")) name = replicasStep && shards > 1 ? "bmuf" : "mean";
        double momentum = settings.get(Setting.OUTER_MOMENTUM), rate = settings.get(Setting.OUTER_LEARNING_RATE);
        if (Double.isNaN(momentum)) momentum = name.equals("bmuf") ? 1 - 1.0 / shards : name.equals("diloco") ? 0.9 : 0;
        if (Double.isNaN(rate)) rate = name.equals("diloco") ? 0.7 : 1;
        OuterOptimizer outer = new OuterOptimizer((float) momentum, (float) rate, settings.get(Setting.INNER_STATE).equals("reset"));
        if (!replicasStep && !outer.equals(new OuterOptimizer(0, 1, false)))
            throw new BadInput("outerOptimizer is " + settings.get(Setting.OUTER_OPTIMIZER) + " with momentum " + momentum + " and learning rate " + rate + ", innerState "
                    + settings.get(Setting.INNER_STATE) + ", but averaging is gradients, where replicas take no steps; set --averaging parameters, or leave the others out");
        return outer;
    }

    /** Vectors that it keeps from round to round, each as long as the parameters. */
    int vectors() {
        return momentum == 0 ? 0 : 1;
    }

    /** Whether the next model is the mean itself. */
    boolean isMean() {
        return momentum == 0 && learningRate == 1 && !resetsMoments;
    }

    /** Elementwise, so that slices of all vectors give slices of the result. Writes into neither; the result may share vectors with the mean.
     *  @param model that the round started from: the parameters W, the moments, and v if there is one
     *  @param mean  of the replicas: parameters and moments
     *  @return as {@code model} */
    float[][] next(float[][] model, float[][] mean) {
        float[][] next = new float[model.length][];
        for (int moment = 1; moment < mean.length; moment++) next[moment] = resetsMoments ? new float[mean[moment].length] : mean[moment];
        if (momentum == 0 && learningRate == 1) {
            next[0] = mean[0];
        } else {
            float[] w = model[0], v = momentum == 0 ? null : model[mean.length], nextW = next[0] = new float[w.length];
            float[] nextV = v == null ? null : (next[mean.length] = new float[w.length]);
            for (int i = 0; i < w.length; i++) {
                float d = mean[0][i] - w[i], velocity = 0;
                if (v != null) velocity = nextV[i] = momentum * v[i] + d;       // (1)
                nextW[i] = w[i] + learningRate * (d + momentum * velocity);     // (2)
            }
        }
        return next;
    }
}
