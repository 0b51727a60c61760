package org.rondo.kernels;

/** seqLen steps of batch sequences, time-major: element t*batch + b belongs to sequence b at step t. Of {@code ids} and
 *  {@code features} one is there, and of {@code targets} and {@code values}.
 *  @param ids      token ids, 0 where there is none
 *  @param features seqLen*batch rows of as many numbers as the network reads
 *  @param targets  a class for every row of the head, {@link #NONE} where none counts; for values, 0 where they count; of a CRF, a label at
 *                 all of a sequence's steps or at none
 *  @param values   a row of numbers for every row of the head
 *  @param lengths  steps of every sequence; null: all have seqLen
 *  @param tokens   targets that count */
public record Window(int[] ids, float[] features, int[] targets, float[] values, int[] lengths, int tokens) {
    /** Target that moves neither loss nor gradient; steps past a sequence's end have no other. */
    public static final int NONE = -1;

    public Window {
        if ((ids == null) == (features == null))
            throw new IllegalArgumentException("ids and features of a window are " + (ids == null ? "both null" : "both there") + ", expected one of them");
    }

    /** Token ids, and a class for every target. */
    public Window(int[] ids, int[] targets, int tokens) {
        this(ids, null, targets, null, null, tokens);
    }
}
