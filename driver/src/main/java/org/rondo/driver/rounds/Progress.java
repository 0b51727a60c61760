package org.rondo.driver.rounds;

import org.rondo.driver.checkpoints.Model;

/** What a job hears while the {@link Trainer} works; calls come from one thread, in the order of events. */
public interface Progress {

    /** Before the first round.
     *  @param firstRound 0, or where training resumes from a checkpoint
     *  @param tokens     targets of all epochs trained on before */
    void begin(Plan plan, long firstRound, long tokens);

    /** After every round. */
    void round(Round round);

    /** After every epoch. Both losses are mean nats per token; {@code validation} is NaN where nothing is held out.
     *  @param epoch from 1
     *  @param model as it would be saved now */
    void epoch(int epoch, double training, double validation, Model model);

    /** Something worth a line: a checkpoint that was skipped, a kernel that was chosen. */
    void note(String message);

    /** What one round did.
     *  @param number         of the round, from 0
     *  @param epoch          from 1
     *  @param loss           mean nats per token over all replicas
     *  @param tokens         targets trained on in this round
     *  @param seconds        from its start to its end, on the driver */
    record Round(long number, int epoch, double loss, double gradientNorm, double learningRate, long tokens, double seconds) { }
}
