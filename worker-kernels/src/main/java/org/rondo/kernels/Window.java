package org.rondo.kernels;

import java.io.Serializable;
import java.util.Arrays;
import java.util.function.IntPredicate;

/** seqLen steps of batch sequences, time-major: element t*batch + b belongs to sequence b at step t. Of {@code ids} and
 *  {@code features} one is there, and of {@code targets} and {@code values}.
 *  @param ids      token ids, 0 where there is none
 *  @param features seqLen*batch rows of as many numbers as the network reads
 *  @param targets  a class for every row of the head, {@link #NONE} where none counts; for values, 0 where they count; of a CRF, a label at
 *                 all of a sequence's steps or at none
 *  @param values   a row of numbers for every row of the head
 *  @param lengths  steps of every sequence; null: all have seqLen
 *  @param size     of a window that stands by itself, starting from a state of zero; null: as the kernel was opened, from the state it has
 *  @param words    how the tokens are spelled; null where the network does not ask
 *  @param tokens   targets that count */
public record Window(Size size, int[] ids, float[] features, int[] targets, float[] values, int[] lengths, Words words, int tokens) {
    /** Target that moves neither loss nor gradient; steps past a sequence's end have no other. */
    public static final int NONE = -1;

    /** The distinct words of a window, by their characters.
     *  @param of         which of the words every token is, as {@code ids}
     *  @param characters ids of characters, time-major: element k*words + w is character k of word w
     *  @param lengths    characters of every word */
    public record Words(int[] of, int[] characters, int[] lengths) { }

    /** What a window has room for.
     *  @param words      distinct ones; 0 where there is no spelling
     *  @param characters of the longest */
    public record Size(int batch, int seqLen, int words, int characters) implements Serializable {
        public Size(int batch, int seqLen) {
            this(batch, seqLen, 0, 0);
        }
    }

    public Window {
        if ((ids == null) == (features == null))
            throw new IllegalArgumentException("ids and features of a window are " + (ids == null ? "both null" : "both there") + ", expected one of them");
    }

    /** As the kernel was opened, and without spelling. */
    public Window(int[] ids, float[] features, int[] targets, float[] values, int[] lengths, int tokens) {
        this(null, ids, features, targets, values, lengths, null, tokens);
    }

    /** The same, but that of its targets only some count. Of one with classes. */
    public Window where(IntPredicate counts) {
        int[] some = Arrays.stream(targets).map(y -> y != NONE && counts.test(y) ? y : NONE).toArray();
        return new Window(size, ids, features, some, values, lengths, words, (int) Arrays.stream(some).filter(y -> y != NONE).count());
    }

    /** Token ids, and a class for every target. */
    public Window(int[] ids, int[] targets, int tokens) {
        this(ids, null, targets, null, null, tokens);
    }
}
