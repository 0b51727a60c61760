package org.rondo.kernels.bench;

import java.util.Locale;
import java.util.stream.DoubleStream;
import org.rondo.kernels.NativeLibrary;

/** How fast a kernel is at a shape, on one core or, with threads, on as many.
 *  @param tokensPerSecond median over repetitions
 *  @param fmaPeak         GFLOP/s of multiply-adds on registers alone: what the core can do at most. Measured right before and right
 *                         after, because other work on the machine moves both; the higher one counts */
public record Measurement(Shape shape, String isa, int threads, double tokensPerSecond, double fmaPeak) {
    public static final String HEADER = "shape\tisa\tthreads\ttokens_per_s\tgflops\tfma_peak_gflops\tshare_of_peak";

    private static final int REPETITIONS = 15, LEAST_REPETITIONS = 3;
    /** Each probability has the relative error of an exp and of a logit, a few 1e-6. */
    private static final double SUM_TOLERANCE = 1e-4;
    private static final int PEAK_REPETITIONS = 10, PEAK_ITERATIONS = 1_000_000;

    /** Takes about {@code seconds} of {@link Steps}' time, and as long as {@value #LEAST_REPETITIONS} repetitions take.
     *  @param isa one of {@link NativeLibrary#instructionSets()}
     *  @throws IllegalStateException if the kernel does not do its work */
    public static Measurement of(Shape shape, String isa, int threads, double seconds) {
        double before = fmaPeak(isa);
        try (RondoSteps work = new RondoSteps(shape, isa, threads)) {
            double firstLoss = work.step();
            int steps = work.within(seconds / REPETITIONS);
            DoubleStream.Builder repetitions = DoubleStream.builder();
            double spent = 0;
            for (int i = 0; i < LEAST_REPETITIONS || spent < seconds; i++) {
                double ofStep = work.seconds(steps);
                repetitions.add(ofStep);
                spent += ofStep * steps;
            }
            double lastLoss = work.step();
            if (!shape.scoring() && !(lastLoss < firstLoss))
                throw wrong(shape, isa, "the loss of its window is " + firstLoss + ", and " + lastLoss + " after training on it");
            if (shape.scoring()) checkSums(shape, isa, work.probabilities());
            return new Measurement(shape, isa, threads, shape.tokens() / Steps.median(repetitions.build().toArray()), Math.max(before, fmaPeak(isa)));
        }
    }

    private static void checkSums(Shape shape, String isa, float[] probabilities) {
        int outputs = shape.network().head().outputs();
        for (int row = 0; row < shape.tokens(); row++) {
            double sum = 0;
            for (int v = 0; v < outputs; v++) sum += probabilities[row * outputs + v];
            if (!(Math.abs(sum - 1) < SUM_TOLERANCE)) throw wrong(shape, isa, "the probabilities of row " + row + " add up to " + sum);
        }
    }

    private static IllegalStateException wrong(Shape shape, String isa, String what) {
        return new IllegalStateException("kernel " + isa + " is wrong at " + shape.label() + ": " + what + "; its speed means nothing. This is a bug in Rondo: report it");
    }

    public double gflops() {
        return tokensPerSecond * shape.flops() * 1e-9;
    }

    /** One line, in the columns of {@link #HEADER}. */
    public String line() {
        return String.format(Locale.ROOT, "%s\t%s\t%d\t%.0f\t%.1f\t%.1f\t%.3f", shape.label(), isa, threads, tokensPerSecond, gflops(), fmaPeak, gflops() / fmaPeak / threads);
    }

    private static double fmaPeak(String isa) {
        double best = 0;
        for (int i = 0; i < PEAK_REPETITIONS; i++) {
            long start = Steps.nanos();
            best = Math.max(best, NativeLibrary.fmaPeak(isa, PEAK_ITERATIONS) / (Steps.nanos() - start));
        }
        return best;
    }
}
