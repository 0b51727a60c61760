package org.rondo.kernels;

/** seqLen steps of batch streams, time-major: element t*batch + b belongs to stream b at step t.
 *  @param inputs  token ids, 0 where there is none
 *  @param targets the id that follows each input, {@link #NONE} where there is none
 *  @param tokens  targets that count */
public record Window(int[] inputs, int[] targets, int tokens) {
    /** Target of a step past a stream's end: it moves neither loss nor gradient. */
    public static final int NONE = -1;
}
