package org.rondo.driver.rounds;

import java.util.OptionalInt;

/** How long a training takes on a cluster, and how long on this machine alone: windows as they were measured here, averaging by
 *  {@link RoundTime}. A cluster whose cores are faster or slower than this machine's takes less or more.
 *
 *  @param window         seconds of a replica for a window, on one core
 *  @param cores          of this machine
 *  @param executors      of the cluster
 *  @param slots          of an executor, each a core
 *  @param bytesPerSecond of the cluster's network, into an executor */
public record Forecast(Plan plan, double window, int cores, int executors, int slots, double bytesPerSecond) {
    /** 10 Gbit/s. */
    public static final double USUAL_NETWORK = 1.25e9;

    /** With rounds of as many windows as {@link Pace} would choose, where the plan leaves that to it. */
    public Forecast settled() {
        if (plan.isSettled()) return this;
        return new Forecast(plan.withWindowsPerRound(pace().windowsPerRound(plan.windowsPerEpoch())), window, cores, executors, slots, bytesPerSecond);
    }

    /** Of the cluster. */
    public Pace pace() {
        return new Pace(averaging().seconds(), windowOfAll(allSlots()));
    }

    public RoundTime averaging() {
        return RoundTime.of(plan, executors, slots, bytesPerSecond);
    }

    /** Seconds of the training on the cluster. */
    public double onTheCluster() {
        return seconds(averaging(), allSlots());
    }

    /** Seconds of the training on this machine alone. */
    public double here() {
        return seconds(averagingHere(), cores);
    }

    /** The fewest windows a round with which the cluster is faster; empty where even rounds of a whole epoch are too short. */
    public OptionalInt fewestWindows() {
        double more = averaging().seconds() - averagingHere().seconds(), less = windowOfAll(cores) - windowOfAll(allSlots());
        if (less <= 0) return OptionalInt.empty();
        double windows = Math.max(1, Math.floor(more / less) + 1);
        return windows <= plan.windowsPerEpoch() ? OptionalInt.of((int) windows) : OptionalInt.empty();
    }

    private RoundTime averagingHere() {
        return RoundTime.of(plan, 1, cores, bytesPerSecond);
    }

    private int allSlots() {
        return (int) Math.min(Integer.MAX_VALUE, (long) executors * slots);
    }

    /** Seconds in which every shard takes a window, on so many slots: some tasks wait for others, if there are more. */
    private double windowOfAll(int slots) {
        return window * Exchange.divideUp(plan.shards(), slots);
    }

    /** Of a first phase that lasts until the learning rate decays, nothing is counted. */
    private double seconds(RoundTime averaging, int slots) {
        long rounds = plan.rounds().orElse((long) plan.epochs() * plan.roundsPerEpoch());
        return (double) plan.epochs() * plan.windowsPerEpoch() * windowOfAll(slots) + rounds * averaging.seconds();
    }
}
