package org.rondo.driver.rounds;

import java.io.Serializable;

/** What the replicas of a round start from. (A class and not a record: Kryo 4 cannot write records.) */
final class Start implements Serializable {
    private static final long serialVersionUID = 1;
    /** Parameters, the optimiser's moments, and whatever else the step after a round needs: all of the same length. */
    final float[][] model;
    /** State of every shard. */
    final float[][] carried;
    /** How far the replicas were apart whose mean the model was made from; NaN where it was given. */
    final double divergence;

    Start(float[][] model, float[][] carried) {
        this(model, carried, Double.NaN);
    }

    Start(float[][] model, float[][] carried, double divergence) {
        this.model = model;
        this.carried = carried;
        this.divergence = divergence;
    }
}
