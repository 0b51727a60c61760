package org.rondo.kernels;

import java.io.Serializable;

/** A fixed part of the data, in windows. A shard's number comes from the plan, never from the cluster. (Classes and not records: Kryo 4
 *  cannot write records.) */
public abstract sealed class Shard implements Serializable permits Streams, Sequences {
    private static final long serialVersionUID = 1;

    public final int number;

    Shard(int number) {
        this.number = number;
    }

    /** That count, of an epoch. */
    public abstract long targets();

    /** Whether the state after a window is what the next one starts from. */
    abstract boolean carriesState();

    /** Window {@code w} of an epoch.
     *  @param opened what a kernel was opened for, whose windows it must fit
     *  @param epoch  from 0; whether it matters is the shard's affair
     *  @param draw   the random numbers of the window, where it is for training; else null
     *  @return null once the shard has ended */
    public abstract Window window(Window.Size opened, int epoch, int w, Draw draw);
}
