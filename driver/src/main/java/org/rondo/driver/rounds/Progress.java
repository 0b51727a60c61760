package org.rondo.driver.rounds;

import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.scoring.Metric;

/** What a job hears while the {@link Trainer} works; calls come from one thread, in the order of events. */
public interface Progress {

    /** Before the first round.
     *  @param firstRound 0, or where training resumes from a checkpoint
     *  @param tokens     targets of all epochs trained on before */
    void begin(Plan plan, long firstRound, long tokens);

    /** After every round. */
    void round(Round round);

    /** How far the replicas of a round were apart. It is known once they have been averaged, which is the first thing that the next round does,
     *  or when the model is fetched; so this comes after the round, and, for the last of an epoch, before the epoch. Not called for one shard. */
    default void averaged(Averaged averaged) { }

    /** After every epoch.
     *  @param model as it would be saved now */
    void epoch(Epoch epoch, Model model);

    /** This one, then another. */
    default Progress and(Progress other) {
        Progress first = this;
        return new Progress() {
            @Override public void begin(Plan plan, long firstRound, long tokens) {
                first.begin(plan, firstRound, tokens);
                other.begin(plan, firstRound, tokens);
            }

            @Override public void round(Round round) {
                first.round(round);
                other.round(round);
            }

            @Override public void averaged(Averaged averaged) {
                first.averaged(averaged);
                other.averaged(averaged);
            }

            @Override public void epoch(Epoch epoch, Model model) {
                first.epoch(epoch, model);
                other.epoch(epoch, model);
            }

            @Override public void note(String message) {
                first.note(message);
                other.note(message);
            }
        };
    }

    /** Something worth a line: a checkpoint that was skipped, a kernel that was chosen. */
    void note(String message);

    /** What one round did.
     *  @param number         of the round, from 0
     *  @param epoch          from 1
     *  @param loss           mean nats per token over all replicas
     *  @param tokens         targets trained on in this round
     *  @param seconds        from its start to its end, on the driver
     *  @param training       those of them in which a replica worked, in the executor where that took longest; the rest went into
     *                        averaging, launching tasks, and waiting */
    record Round(long number, int epoch, double loss, double gradientNorm, double learningRate, long tokens, double seconds, double training) {
        /** Seconds in which no replica of the executor that was last worked. */
        public double averaging() {
            return Math.max(0, seconds - training);
        }
    }

    /** What averaging found of a round's replicas.
     *  @param number     of the round, from 0
     *  @param divergence root mean square distance of the replicas from their mean, weighted by their tokens: the square root of
     *                    sum n_s |w_s - m|^2 / sum n_s ({@link Averaging}). The same bits on any cluster
     *  @param gradients  whether gradients were averaged, and it is the gradients' distance: then all replicas have one and the same model */
    record Averaged(long number, double divergence, boolean gradients) { }

    /** What an epoch ended with. Losses are means of a target's: nats per token.
     *  @param number     from 1
     *  @param validation NaN where nothing is held out
     *  @param metric     that epochs are compared by, if it is another than the loss; else null
     *  @param value      of the metric; NaN for none */
    record Epoch(int number, double training, double validation, Metric metric, double value) { }
}
