package org.rondo.kernels.classic;

/** a^n b^n c^n, n at least 1, between S and T: context-sensitive. How many a there will be cannot be known, so that both a and b
 *  may follow an a; from the first b on everything can be known, by who has counted. */
final class CountingLanguage implements Language {
    static String string(int n) {
        return "S" + "a".repeat(n) + "b".repeat(n) + "c".repeat(n) + "T";
    }

    @Override public String symbols() {
        return "SabcT";
    }

    @Override public String[] successors(String string) {
        int n = string.indexOf('b') - 1;
        String[] successors = new String[string.length() - 1];
        for (int t = 0; t < successors.length; t++)
            successors[t] = t == 0 ? "a" : t <= n ? "ab" : t < 2 * n ? "b" : t < 3 * n ? "c" : "T";
        return successors;
    }
}
