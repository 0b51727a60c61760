package org.rondo.driver.rounds;

import java.io.Serializable;

/** What the replicas of a round start from. (A class and not a record: Kryo 4 cannot write records.) */
final class Start implements Serializable {
    private static final long serialVersionUID = 1;
    /** Parameters, the optimiser's moments, and whatever else the step after a round needs: all of the same length. */
    final float[][] model;
    /** State of every shard. */
    final float[][] carried;

    Start(float[][] model, float[][] carried) {
        this.model = model;
        this.carried = carried;
    }
}
