package org.rondo.driver.rounds;

import org.rondo.driver.checkpoints.Model;

/** Nobody reads what a training of a test says; what a test wants to hear it overrides. */
public class Silent implements Progress {
    @Override public void begin(Plan plan, long firstRound, long tokens) { }

    @Override public void round(Round round) { }

    @Override public void epoch(Epoch epoch, Model model) { }

    @Override public void note(String message) { }
}
