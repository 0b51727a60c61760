package org.rondo.driver.rounds;

import java.util.Arrays;
import java.util.Locale;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.Settings;
import org.rondo.kernels.Shard;

/** How long a round of parameters takes here: {@code averaging + windows * window}. Measured, so that rounds can have as many windows
 *  as make averaging cheap; the one thing in a plan that depends on the cluster, and so it is kept with the training.
 *
 *  @param averaging seconds that a round takes beside its windows
 *  @param window    seconds that all shards take for a window each */
public record Pace(double averaging, double window) {
    /** Of a round's time, at most for averaging. */
    public static final double SHARE = 0.05;
    private static final int WARM_UP = 5, SHORT_ROUNDS = 15, LONG_ROUNDS = 3;
    /** That a long round should take, so that its windows are most of it; and that each kind may take, once it has been timed. */
    private static final double LONG_SECONDS = 1, ENOUGH_SECONDS = 10;
    /** Times a round of one window that a long round must take, for the difference to be the windows'. */
    private static final double CLEAR = 1.5;

    /** The fewest of a round with which averaging stays below {@link #SHARE}. */
    public int fewestWindows() {
        return (int) Math.max(1, Math.ceil(windowsForARound()));
    }

    /** Of rounds of equal length, of which an epoch has as many as keep averaging below {@link #SHARE} of its time, and one at least. */
    int windowsPerRound(int windowsPerEpoch) {
        return Exchange.divideUp(windowsPerEpoch, (int) Math.max(1, Math.min(windowsPerEpoch, windowsPerEpoch / windowsForARound())));
    }

    /** With which averaging is {@link #SHARE} of the time. */
    private double windowsForARound() {
        return averaging * (1 - SHARE) / SHARE / window;
    }

    /** Of the time of rounds of so many windows, that of averaging. */
    public double share(int windowsPerRound) {
        return averaging / (averaging + windowsPerRound * window);
    }

    /** A line for people. */
    String says(int windowsPerRound, int windowsPerEpoch) {
        return String.format(Locale.ROOT, "windowsPerRound %d: a window of all shards takes %.1f ms, averaging %.1f ms a round, %.1f %% of the time%s", windowsPerRound,
                window * 1e3, averaging * 1e3, share(windowsPerRound) * 100, share(windowsPerRound) < SHARE || windowsPerRound < windowsPerEpoch ? ""
                        : "; for less, rounds would have to be longer than an epoch of " + windowsPerEpoch + " windows");
    }

    /** Runs rounds of one window and of many from the start of the training, with a learning rate of 0, so that nothing can diverge, and
     *  forgets them. Of each kind the lower quartile, for what else runs on the machines only adds to it; the difference is the windows'.
     *  @param plan with two windows an epoch at least */
    static Pace measure(JavaSparkContext sc, Plan plan, JavaRDD<Shard> shards, Settings settings, TrainingState state) {
        double one = seconds(sc, plan.withWindowsPerRound(1), shards, settings, state, WARM_UP, SHORT_ROUNDS);
        int windows = longRound(one, plan.windowsPerEpoch()), most = longRound(0, plan.windowsPerEpoch());
        double many = seconds(sc, plan.withWindowsPerRound(windows), shards, settings, state, 1, LONG_ROUNDS);
        while (many < CLEAR * one && windows < most) {      // a difference that other work on the machines may have made
            windows = Math.min(most, 4 * windows);
            many = seconds(sc, plan.withWindowsPerRound(windows), shards, settings, state, 1, LONG_ROUNDS);
        }
        return of(one, windows, many);
    }

    /** Windows of a long round: of an epoch all, or so few that no round timed is what was left of one. */
    static int longRound(double one, int windowsPerEpoch) {
        int rounds = 1 + LONG_ROUNDS;
        return windowsPerEpoch < 2 * rounds ? windowsPerEpoch : (int) Math.max(2, Math.min(windowsPerEpoch / rounds, Math.ceil(LONG_SECONDS / one)));
    }

    /** @param one  seconds of a round of one window
     *  @param many those of a round of {@code windows}; hardly more than the one where windows take next to nothing */
    static Pace of(double one, int windows, double many) {
        double window = Math.max((many - one) / (windows - 1), one / 1000);
        return new Pace(Math.max(one - window, one / 1000), window);
    }

    private static double seconds(JavaSparkContext sc, Plan plan, JavaRDD<Shard> shards, Settings settings, TrainingState state, int warmUp, int most) {
        double[] seconds = new double[most];
        int count = 0;
        try (Rounds rounds = new Rounds(sc, plan.withoutFirstPhase(), shards, settings, state.standingStill(), "measuring ", averaged -> { })) {
            for (int r = 0; r < warmUp; r++) rounds.next();
            for (double spent = 0; count < most && spent < ENOUGH_SECONDS; spent += seconds[count++]) {
                long from = System.nanoTime();
                rounds.next();
                seconds[count] = (System.nanoTime() - from) * 1e-9;
            }
        }
        Arrays.sort(seconds, 0, count);
        return seconds[count / 4];
    }
}
