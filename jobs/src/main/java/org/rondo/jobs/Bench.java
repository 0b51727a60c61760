package org.rondo.jobs;

import java.util.List;
import java.util.stream.Stream;
import org.rondo.driver.BadInput;
import org.rondo.kernels.NativeLibrary;
import org.rondo.kernels.bench.Measurement;
import org.rondo.kernels.bench.Shape;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** {@code rondo bench}: what measures this machine. Its options are no settings, because no model depends on them. */
@CommandLine.Command(name = "bench", description = "Measures how fast this machine is.", subcommands = {Bench.Kernels.class, BenchRounds.class, BenchScale.class},
        customSynopsis = "rondo bench WHAT [--key value ...]", commandListHeading = "%nWhat%n")
final class Bench {
    /** What can be measured. */
    interface Work {
        void run(Console console);

        boolean debug();
    }

    /** {@link Measurement}s, a line for every shape and instruction set, each as soon as it is there. */
    @CommandLine.Command(name = "kernels", sortOptions = false, customSynopsis = "rondo bench kernels [--key value ...]",
            description = "Prints tokens a second of the training step on one core, or more, and the share of their peak that its matrix products reach.")
    static final class Kernels implements Work {
        private static final int USUAL_SECONDS = 5;
        private static final double LEAST_SECONDS = 0.001;
        private static final int MOST_SECONDS = 3600, MOST_THREADS = 1024;

        @Option(names = "--shapes", split = ",", paramLabel = "S1,...", hideParamSyntax = true,
                description = "networks of docs/benchmarks.md (default: all)")
        private List<String> shapes = List.of();
        @Option(names = "--seconds", paramLabel = "X", description = "processor time for each shape and instruction set (default: " + USUAL_SECONDS + ")")
        private String seconds = "" + USUAL_SECONDS;
        @Option(names = "--isa", split = ",", paramLabel = "avx512,...", hideParamSyntax = true,
                description = "instruction sets, or all (default: the best this machine has)")
        private List<String> isa = List.of();
        @Option(names = "--threads", paramLabel = "N", description = "threads of a kernel, as a task has them with spark.task.cpus; times are then no longer "
                + "the processor's but what passes (default: 1)")
        private int threads = 1;
        @Option(names = "--scoring", arity = "0..1", fallbackValue = "true", paramLabel = "true|false",
                description = "forward only, from ids to the probabilities of every token, 64 sequences at a time; of S2, S3 and S4")
        private boolean scoring;
        @Option(names = "--debug", arity = "0..1", fallbackValue = "true", paramLabel = "true|false", description = "print the stack trace of bad input too")
        private boolean debug;

        @Override public boolean debug() {
            return debug;
        }

        @Override public void run(Console console) {
            double time = seconds();
            if (threads < 1 || threads > MOST_THREADS)
                throw new BadInput("threads is " + threads + ", expected 1 to " + MOST_THREADS + "; set --threads");
            List<String> isas = instructionSets();
            List<Shape> measured = shapes(scoring ? Shape.SCORING : Shape.TRAINING);
            console.out().println(Measurement.HEADER);
            for (Shape shape : measured)
                for (String one : isas) console.out().println(Measurement.of(shape, one, threads, time).line());
        }

        private double seconds() {
            double value;
            try {
                value = Double.parseDouble(seconds);
            } catch (NumberFormatException e) {
                value = Double.NaN;
            }
            if (!(value >= LEAST_SECONDS && value <= MOST_SECONDS))
                throw new BadInput("seconds is '" + seconds + "', expected a number from " + LEAST_SECONDS + " to " + MOST_SECONDS + "; set --seconds");
            return value;
        }

        private List<Shape> shapes(List<Shape> known) {
            List<String> names = known.stream().map(Shape::name).toList();
            return shapes.isEmpty() ? known : known("shapes", shapes, names).map(name -> known.get(names.indexOf(name))).toList();
        }

        private List<String> instructionSets() {
            List<String> available = NativeLibrary.instructionSets();
            List<String> chosen = known("isa", isa, Stream.concat(available.stream(), Stream.of("all")).toList()).toList();
            return isa.isEmpty() ? available.subList(0, 1) : chosen.contains("all") ? available : chosen;
        }

        /** The names that are meant, whatever their case and the blanks around them. */
        private static Stream<String> known(String option, List<String> given, List<String> known) {
            return given.stream().map(one -> known.stream().filter(one.strip()::equalsIgnoreCase).findFirst().orElseThrow(() ->
                    new BadInput(option + " has '" + one + "', expected some of " + String.join(", ", known) + "; set --" + option)));
        }
    }
}
