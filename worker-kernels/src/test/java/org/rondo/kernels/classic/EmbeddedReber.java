package org.rondo.kernels.classic;

import java.util.SplittableRandom;

/** The embedded Reber grammar. A Reber string is a walk through a graph (Reber 1967, as Cleeremans, Servan-Schreiber and
 *  McClelland 1989 draw it); an embedded one has such a string inside, and around it B T ... T E or B P ... P E: the last symbol
 *  but one repeats the second, however long the string between them is. */
final class EmbeddedReber implements Language {
    /** State s of Reber's graph may be left by {@code symbol} for {@code state}, written "symbol state"; state 7 is its end. Here
     *  {@code _} leads on to 8 in place of the symbol that is to be repeated, and 9 is the end of the embedded string. */
    private static final String[][] REBER = {{"B1"}, {"T2", "P3"}, {"S2", "X4"}, {"T3", "V5"}, {"X3", "S6"}, {"P4", "V6"}, {"E7"}, {"_8"}, {"E9"}};
    /** States: START, 1 after the first B, then those of REBER after BT, those of REBER after BP, END. */
    private static final int START = 0, AFTER_T = 2, AFTER_P = AFTER_T + REBER.length, END = AFTER_P + REBER.length;
    /** By state, what may come next, and the state each of these symbols leads to. */
    private static final String[] SYMBOLS = new String[END + 1];
    private static final int[][] STATES = new int[END + 1][];

    static {
        SYMBOLS[START] = "B";
        STATES[START] = new int[] {1};
        SYMBOLS[1] = "TP";
        STATES[1] = new int[] {AFTER_T, AFTER_P};
        SYMBOLS[END] = "";
        for (int first : new int[] {AFTER_T, AFTER_P})
            for (int s = 0; s < REBER.length; s++) {
                SYMBOLS[first + s] = "";
                STATES[first + s] = new int[REBER[s].length];
                for (int k = 0; k < REBER[s].length; k++) {
                    char symbol = REBER[s][k].charAt(0);
                    int to = REBER[s][k].charAt(1) - '0';
                    SYMBOLS[first + s] += symbol != '_' ? symbol : first == AFTER_T ? 'T' : 'P';
                    STATES[first + s][k] = to == REBER.length ? END : first + to;
                }
            }
    }

    @Override public String symbols() {
        return "BTPSXVE";
    }

    @Override public String[] successors(String string) {
        String[] successors = new String[string.length() - 1];
        int state = START;
        for (int t = 0; t < successors.length; t++) {
            int k = SYMBOLS[state].indexOf(string.charAt(t));
            state = k < 0 ? END : STATES[state][k];
            successors[t] = SYMBOLS[state];
        }
        return successors;
    }

    /** A string of the grammar; at every fork both ways are as likely. */
    static String random(SplittableRandom random) {
        StringBuilder string = new StringBuilder();
        for (int state = START; state != END; ) {
            int k = random.nextInt(STATES[state].length);
            string.append(SYMBOLS[state].charAt(k));
            state = STATES[state][k];
        }
        return string.toString();
    }
}
