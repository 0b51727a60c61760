package org.rondo.driver.rounds;

import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** The step size after each epoch. Immutable; what it has to remember is in it, so that a checkpoint can hold it.
 *  @param current step size of the coming epoch
 *  @param best    lowest validation loss so far, in nats per token
 *  @param waited  epochs since then */
record LearningRate(double current, double best, int waited) {

    /** @param heldOut whether there is a validation loss to go by */
    static LearningRate start(Settings settings, boolean heldOut) {
        if (settings.get(Setting.DECAY).equals("plateau") && !heldOut)
            throw new BadInput("decay is plateau, but nothing is held out to see one; set --validation to a text or a fraction, or --decay epoch");
        return new LearningRate(settings.get(Setting.LEARNING_RATE), Double.POSITIVE_INFINITY, 0);
    }

    /** @param epoch the one that has ended, from 1 */
    LearningRate next(Settings settings, int epoch, double validation) {
        boolean better = validation < best;
        int waited = better ? 0 : this.waited + 1;
        boolean decays = switch (settings.get(Setting.DECAY)) {
            case "epoch" -> epoch >= settings.get(Setting.DECAY_AFTER);
            case "plateau" -> waited > settings.get(Setting.DECAY_AFTER);
            default -> false;
        };
        if (settings.get(Setting.DECAY).equals("cosine"))
            return new LearningRate(settings.get(Setting.LEARNING_RATE) * (1 + Math.cos(Math.PI * epoch / settings.get(Setting.EPOCHS))) / 2, Math.min(best, validation), waited);
        return new LearningRate(decays ? current * settings.get(Setting.DECAY_FACTOR) : current,
                better ? validation : best, decays ? 0 : waited);
    }
}
