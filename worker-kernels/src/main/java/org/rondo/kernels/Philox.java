package org.rondo.kernels;

/** Counter-based random numbers: Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011). A
 *  number is a pure function of a 64-bit key and a 128-bit counter, so nothing has to be carried, split or replayed. */
public final class Philox {
    private Philox() { }

    /** Four words of 32 bits. {@code out} has at least 4 elements. */
    public static void block(long key, int c0, int c1, int c2, int c3, int[] out) {
        if (out.length < 4) throw new IllegalArgumentException("place for " + out.length + " words, expected 4");
        int k0 = (int) key, k1 = (int) (key >>> 32);
        for (int round = 0; round < 10; round++) {
            long p0 = 0xD2511F53L * (c0 & 0xFFFFFFFFL), p1 = 0xCD9E8D57L * (c2 & 0xFFFFFFFFL);
            int n0 = (int) (p1 >>> 32) ^ c1 ^ k0, n2 = (int) (p0 >>> 32) ^ c3 ^ k1;
            c0 = n0;
            c1 = (int) p1;
            c2 = n2;
            c3 = (int) p0;
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        out[0] = c0;
        out[1] = c1;
        out[2] = c2;
        out[3] = c3;
    }

    /** The draws of one purpose: an endless row of numbers, from a key. */
    public static final class Stream {
        private final long key;
        private final int purpose;
        private final int[] words = new int[4];
        private long next;

        public Stream(long key, int purpose) {
            this.key = key;
            this.purpose = purpose;
        }

        /** Uniform over all 32-bit words. */
        public int word() {
            if (next % 4 == 0) block(key, (int) (next / 4), purpose, -1, -1, words);
            return words[(int) (next++ % 4)];
        }

        /** Uniform in (0, 1), 23 bits. */
        public float uniform() {
            return ((word() >>> 9) + 0.5f) * 0x1p-23f;
        }

        /** Standard normal, by Box and Muller. */
        public float normal() {
            double radius = Math.sqrt(-2 * StrictMath.log(uniform()));
            return (float) (radius * StrictMath.cos(2 * Math.PI * uniform()));
        }
    }
}
