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

    /** After every epoch.
     *  @param model as it would be saved now */
    void epoch(Epoch epoch, Model model);

    /** Something worth a line: a checkpoint that was skipped, a kernel that was chosen. */
    void note(String message);

    /** What one round did.
     *  @param number         of the round, from 0
     *  @param epoch          from 1
     *  @param loss           mean nats per token over all replicas
     *  @param tokens         targets trained on in this round
     *  @param seconds        from its start to its end, on the driver */
    record Round(long number, int epoch, double loss, double gradientNorm, double learningRate, long tokens, double seconds) { }

    /** What an epoch ended with. Losses are means of a target's: nats per token.
     *  @param number     from 1
     *  @param validation NaN where nothing is held out
     *  @param metric     that epochs are compared by, if it is another than the loss; else null
     *  @param value      of the metric; NaN for none */
    record Epoch(int number, double training, double validation, Metric metric, double value) { }
}
