package org.rondo.jobs;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.rondo.driver.BadInput;
import org.rondo.driver.rounds.Pace;
import org.rondo.driver.rounds.RoundTime;
import org.rondo.driver.rounds.RoundTime.Design;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What averaging would cost on clusters of any size. Nothing is run: it is {@link RoundTime}'s model, of executors of one slot. */
@Command(name = "scale", sortOptions = false, customSynopsis = "rondo bench scale [--key value ...]",
        description = "Prints what averaging would cost on 2 to 1,024 executors: simulated by the model of docs/scale.md, nothing is run.")
final class BenchScale implements Bench.Work {
    private static final String HEADER = String.join("\t", "executors", "floats", "gbit_s", "launching_s", "asking_s", "own_s", "moving_s", "averaging_s", "window_s",
            "windows_below_5", "share", "placed_s", "slices_s", "tree_s");
    private static final int MOST_DOUBLINGS = 10;
    private static final long[] FLOATS = {1_000_000, 10_000_000, 100_000_000, 1_000_000_000};
    /** Bytes a second of 1 Gbit/s. */
    private static final double GIGABIT = 1.25e8;
    /** Of a window as the default has it: 20 streams of 35 steps, 6 operations for every parameter and token, forward and backward. 200 GFLOP/s
     *  is what docs/benchmarks.md has of a core. */
    private static final double TOKENS = 20 * 35, FLOP = 6, FLOP_PER_SECOND = 200e9;
    /** Seconds that the chart shows. */
    private static final double LEAST_SHOWN = 0.01, MOST_SHOWN = 1e5;

    @Option(names = "--network", split = ",", paramLabel = "X,...", hideParamSyntax = true, description = "Gbit/s into an executor (default: 1,10,25,100)")
    private List<String> network = List.of("1", "10", "25", "100");
    @Option(names = "--window", paramLabel = "X", description = "milliseconds of a window (default: 700 tokens of 6 operations a float, at 200 GFLOP/s: 21 for 1 M floats)")
    private String window;
    @Option(names = "--windowsPerRound", paramLabel = "N", description = "of the share that averaging has of a round (default: 50)")
    private int windowsPerRound = 50;
    @Option(names = "--format", paramLabel = "tsv|svg", description = "the table, or a chart of it (default: tsv)")
    private String format = "tsv";
    @Option(names = "--debug", arity = "0..1", fallbackValue = "true", paramLabel = "true|false", description = "print the stack trace of bad input too")
    private boolean debug;

    @Override public boolean debug() {
        return debug;
    }

    @Override public void run(Console console) {
        if (windowsPerRound < 1) throw new BadInput("windowsPerRound is " + windowsPerRound + ", expected an integer from 1; set --windowsPerRound");
        double[] networks = network.stream().mapToDouble(speed -> positive("network", speed)).toArray();
        double given = window == null ? 0 : positive("window", window) * 1e-3;
        switch (format) {
            case "tsv" -> table(console, networks, given);
            case "svg" -> console.out().print(chart());
            default -> throw new BadInput("format is '" + format + "', expected tsv or svg; set --format");
        }
    }

    private void table(Console console, double[] networks, double given) {
        console.out().println(HEADER);
        for (double gigabits : networks)
            for (long floats : FLOATS)
                for (int d = 1; d <= MOST_DOUBLINGS; d++) console.out().println(line(1 << d, floats, gigabits, given > 0 ? given : FLOP * floats * TOKENS / FLOP_PER_SECOND));
    }

    private String line(int executors, long floats, double gigabits, double window) {
        RoundTime time = time(Design.MEANS, executors, floats, gigabits);
        Pace pace = new Pace(time.seconds(), window);
        return String.format(Locale.ROOT, "%d\t%d\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.4f\t%d\t%.3f\t%.3f\t%.3f\t%.3f", executors, floats, Units.significant(gigabits),
                time.launching(), time.asking(), time.own(), time.moving(), time.seconds(), window, pace.fewestWindows(), pace.share(windowsPerRound),
                time(Design.PLACED, executors, floats, gigabits).seconds(), time(Design.SLICES, executors, floats, gigabits).seconds(),
                time(Design.TREE, executors, floats, gigabits).seconds());
    }

    private static RoundTime time(Design design, int executors, double floats, double gigabits) {
        return new RoundTime(design, floats, executors, 1, 1, gigabits * GIGABIT);
    }

    private static String chart() {
        List<Chart.Line> sizes = IntStream.range(0, FLOATS.length).boxed().flatMap(f -> IntStream.of(10, 1)
                .mapToObj(gigabits -> line(FLOATS[f] / 1_000_000 + " M, " + gigabits + " Gbit/s", f, gigabits == 10 ? 0 : 2, Design.MEANS, FLOATS[f], gigabits))).toList();
        List<Chart.Line> designs = Arrays.stream(Design.values()).map(design -> line(name(design), design.ordinal(), 0, design, FLOATS[1], 10)).toList();
        return Chart.svg(List.of(new Chart("As it is", sizes), new Chart("10 M floats, 10 Gbit/s", designs)), 2,
                new Chart.Axes("Seconds of averaging in a round, simulated, on 2 to 1,024 executors", "number of executors, as a power of 2",
                        "seconds of averaging a round, simulated", LEAST_SHOWN, MOST_SHOWN));
    }

    private static String name(Design design) {
        return switch (design) {
            case MEANS -> "as it is";
            case PLACED -> "places sent along";
            case SLICES -> "slices";
            case TREE -> "rows of executors";
        };
    }

    /** At 0, a local master. */
    private static Chart.Line line(String name, int colour, int dash, Design design, double floats, double gigabits) {
        return new Chart.Line(name, colour, dash, IntStream.rangeClosed(0, MOST_DOUBLINGS).mapToDouble(d -> time(design, 1 << d, floats, gigabits).seconds()).toArray());
    }

    private static double positive(String option, String text) {
        double value;
        try {
            value = Double.parseDouble(text);
        } catch (NumberFormatException e) {
            value = Double.NaN;
        }
        if (!(value > 0 && value < 1e9)) throw new BadInput(option + " is '" + text + "', expected a number above 0; set --" + option);
        return value;
    }
}
