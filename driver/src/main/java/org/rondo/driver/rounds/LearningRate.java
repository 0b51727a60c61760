package org.rondo.driver.rounds;

import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** The step size of every round: what the schedule makes of it after an epoch, times the warm-up. Immutable; what it has to
 *  remember is in it, so that a checkpoint can hold it. In PyTorch's terms, stepped once an epoch:
 *  <pre>
 *  none      ConstantLR(factor=1)
 *  epoch     StepLR(step_size=decayEvery, gamma=decayFactor), from epoch decayAfter on; with decayEvery 1 ExponentialLR
 *  plateau   ReduceLROnPlateau(factor=decayFactor, patience=decayAfter, threshold=0)
 *  cosine    CosineAnnealingLR(T_max=epochs)
 *  warmUp    LinearLR(start_factor=1/warmUp, total_iters=warmUp-1), stepped once a round; the two multiply: ChainedScheduler
 *  </pre>
 *  @param current step size of the coming epoch, warmed up
 *  @param best    lowest validation loss so far, in nats per token
 *  @param waited  epochs since then, or since the last decay on a plateau
 *  @param decayed whether it ever has */
record LearningRate(double current, double best, int waited, boolean decayed) {

    /** @param heldOut whether there is a validation loss to go by */
    static LearningRate start(Settings settings, boolean heldOut) {
        if (settings.get(Setting.DECAY).equals("plateau") && !heldOut)
            throw new BadInput("decay is plateau, but nothing is held out to see one; set --validation to a text or a fraction, or --decay epoch");
        return new LearningRate(settings.get(Setting.LEARNING_RATE), Double.POSITIVE_INFINITY, 0, false);
    }

    /** @param epoch the one that has ended, from 1
     *  @param validation its loss; NaN where nothing is held out */
    LearningRate next(Settings settings, int epoch, double validation) {
        boolean better = validation < best;
        int waited = better ? 0 : this.waited + 1, after = settings.get(Setting.DECAY_AFTER);
        boolean decays = switch (settings.get(Setting.DECAY)) {
            case "cosine" -> true;
            case "epoch" -> epoch >= after && (epoch - after) % settings.get(Setting.DECAY_EVERY) == 0;
            case "plateau" -> waited > after;
            default -> false;
        };
        double next = settings.get(Setting.DECAY).equals("cosine") ? cosine(settings, epoch) : decays ? current * settings.get(Setting.DECAY_FACTOR) : current;
        return new LearningRate(next, better ? validation : best, decays ? 0 : waited, decayed || decays);
    }

    /** Loshchilov & Hutter 2017, (5), without restarts: half a period over all epochs. */
    private static double cosine(Settings settings, int epoch) {
        return settings.get(Setting.LEARNING_RATE) * (1 + StrictMath.cos(Math.PI * epoch / settings.get(Setting.EPOCHS))) / 2;
    }

    /** Rises linearly from the first round, to its value in round {@code warmUp}.
     *  @param round from 0 */
    double at(long round, int warmUp) {
        return current * Math.min(1, (round + 1.0) / Math.max(1, warmUp));
    }
}
