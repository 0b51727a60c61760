package org.rondo.kernels;

import java.util.Arrays;

/** What {@link Kernel#viterbi} is allowed to do. */
final class Decoding {
    private Decoding() { }

    /** @throws IllegalArgumentException unless there is a way from start to end for each of the sequences */
    static void check(boolean[] allowed, int labels, int[] lengths, int batch, int seqLen) {
        long expected = labels * (labels + 2L);
        if (allowed.length != expected)
            throw new IllegalArgumentException("allowed has " + allowed.length + " transitions, expected " + expected + ": from each of " + labels
                    + " labels to each, from the start, and to the end");
        boolean[] possible = possible(allowed, labels, lengths == null ? seqLen : Arrays.stream(lengths).max().orElse(0));
        for (int b = 0; b < batch; b++) {
            int length = lengths == null ? seqLen : lengths[b];
            if (!possible[length])
                throw new IllegalArgumentException("no labels are allowed for sequence " + b + ", whose length is " + length + ": each way from start to end has a"
                        + " transition that is false; expected one at least that has not");
        }
    }

    /** Whether there is a way through so many steps, from 0 to {@code most}. */
    private static boolean[] possible(boolean[] allowed, int labels, int most) {
        boolean[] possible = new boolean[most + 1], reached = Arrays.copyOfRange(allowed, labels * labels, labels * (labels + 1));
        possible[0] = true;
        for (int steps = 1; steps <= most; steps++) {
            boolean[] next = new boolean[labels];
            for (int x = 0; x < labels; x++) {
                if (!reached[x]) continue;
                possible[steps] |= allowed[labels * (labels + 1) + x];
                for (int y = 0; y < labels; y++) next[y] |= allowed[x * labels + y];
            }
            if (Arrays.equals(next, reached)) Arrays.fill(possible, steps, most + 1, possible[steps]);       // from here on it stays so
            if (Arrays.equals(next, reached)) break;
            reached = next;
        }
        return possible;
    }
}
