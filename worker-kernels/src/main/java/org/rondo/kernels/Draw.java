package org.rondo.kernels;

/** Which random numbers a window draws. The same key gives the same numbers on any machine, in any order of execution.
 *  @param shard  number of the shard in the plan
 *  @param window number of the window, counted over all epochs */
public record Draw(long seed, int shard, int window) { }
