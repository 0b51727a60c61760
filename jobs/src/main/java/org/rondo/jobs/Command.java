package org.rondo.jobs;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgGroupSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** A command line, read: a job and its options, something to measure, or a text to print instead. Made from {@link Job#ALL}, the
 *  table of {@link Setting}, and {@link Bench}; no option is written down here.
 *
 *  @param job     null where there is none to run
 *  @param options values by key, as given
 *  @param bench   what to measure, or null
 *  @param help    what to print, and nothing else to do, or null */
record Command(Job job, Map<String, String> options, Bench.Work bench, String help) {
    private static final String FOOTER = "%nspark-submit's options (--master, --conf, --properties-file, --executor-memory, ...) may stand "
            + "anywhere on the line.%nEvery --key is also spark.rondo.key in Spark's configuration; the option wins.%n";

    /** In the order of options; Picocli subtracts orders, and would overflow with the largest. */
    private static final int LAST = 1_000;

    /** @throws BadInput for what is not a job, an option of this job or a value; the message names the nearest */
    static Command parse(String[] args, int width) {
        CommandLine line = commandLine(width);
        try {
            if (args.length > 0 && args[0].equals("help")) return text(helpOf(line, List.of(args).subList(1, args.length)));
            ParseResult parsed = line.parseArgs(args);
            if (parsed.isVersionHelpRequested()) return text(version() + System.lineSeparator());
            ParseResult job = parsed;
            while (!job.isUsageHelpRequested() && job.hasSubcommand()) {
                if (!job.matchedOptions().isEmpty()) throw before(job.matchedOptions().get(0).longestName(), job.commandSpec());
                job = job.subcommand();
            }
            CommandSpec spec = job.commandSpec();
            if (job.isUsageHelpRequested()) return text(spec.commandLine().getUsageMessage());
            if (find(spec).isEmpty() && !spec.subcommands().isEmpty())
                throw new BadInput("no " + kind(spec) + " given, expected one of " + String.join(", ", spec.subcommands().keySet()) + "; see "
                        + spec.qualifiedName() + " --help");
            if (spec.userObject() instanceof Bench.Work work) return new Command(null, Map.of(Setting.DEBUG.key(), "" + work.debug()), work, null);
            Map<String, String> options = new LinkedHashMap<>();
            job.matchedOptions().forEach(option -> options.put(option.longestName().substring(2), option.getValue()));
            for (ArgGroupSpec group : job.commandSpec().argGroups())
                for (OptionSpec option : group.options())
                    if (job.findMatches(group).stream().flatMap(found -> found.matches().stream()).mapToInt(match -> match.matchedValues(option).size()).sum() > 1)
                        throw new BadInput(option.longestName() + " is given twice, expected one value; leave one");
            return new Command(find(spec).orElseThrow(), options, null, null);
        } catch (CommandLine.UnmatchedArgumentException e) {
            throw new BadInput(unmatched(e.getUnmatched().get(0), e.getCommandLine().getCommandSpec()), e);
        } catch (CommandLine.ParameterException e) {
            throw new BadInput(e.getMessage() + "; see " + e.getCommandLine().getCommandSpec().qualifiedName() + " --help", e);
        }
    }

    private static Command text(String help) {
        return new Command(null, Map.of(), null, help);
    }

    /** {@code help JOB} as {@code JOB --help}. */
    private static String helpOf(CommandLine line, List<String> words) {
        for (String word : words) {
            if (word.startsWith("-")) break;
            if (!line.getSubcommands().containsKey(word)) throw new BadInput(unmatched(word, line.getCommandSpec()));
            line = line.getSubcommands().get(word);
        }
        return line.getUsageMessage();
    }

    private static CommandLine commandLine(int width) {
        CommandSpec root = CommandSpec.create().name("rondo").addOption(OptionSpec.builder("--version").versionHelp(true)
                .description("Print Rondo's version, and Java's and Spark's.").build());
        root.usageMessage().description("Trains recurrent networks on Apache Spark.").customSynopsis("rondo JOB [--key value ...] [spark-submit's options]")
                .commandListHeading("%nJobs%n").footer(FOOTER, "rondo JOB --help shows the settings of a job.");
        help(root);
        for (Job job : Job.ALL) {
            List<String> words = List.of(job.name().split(" "));
            CommandSpec parent = words.size() == 1 ? root : root.subcommands().get(words.get(0)).getCommandSpec();
            parent.addSubcommand(words.get(words.size() - 1), spec(job));
        }
        root.addSubcommand("bench", benchSpec());
        CommandLine line = new CommandLine(root);
        line.setUsageHelpWidth(width).setExpandAtFiles(false).setInterpolateVariables(false);
        return line;
    }

    private static CommandSpec benchSpec() {
        CommandSpec bench = CommandSpec.forAnnotatedObject(new Bench());
        help(bench);
        for (CommandLine work : bench.subcommands().values()) help(work.getCommandSpec());
        return bench;
    }

    private static CommandSpec spec(Job job) {
        CommandSpec spec = CommandSpec.create();
        spec.usageMessage().description(escape(job.doc())).customSynopsis("rondo " + job.name() + " [--key value ...] [spark-submit's options]")
                .commandListHeading("%nAlso%n").footer(FOOTER).sortOptions(false);
        int order = 0;
        for (Job.Group group : job.groups()) {
            ArgGroupSpec.Builder section = ArgGroupSpec.builder().exclusive(false).validate(false).order(order++).heading("%n" + group.heading() + "%n");
            for (Setting<?> setting : group.settings()) section.addArg(option(job, setting, order++));
            spec.addArgGroup(section.build());
        }
        help(spec);
        return spec;
    }

    private static OptionSpec option(Job job, Setting<?> setting, int order) {
        String fallback = job.fallback(setting);
        String tail = fallback == null ? " (must be given)" : fallback.isEmpty() || setting.isFlag() ? "" : " (default: " + fallback + ")";
        OptionSpec.Builder option = OptionSpec.builder("--" + setting.key()).type(String.class).order(order)
                .description(escape(job.doc(setting) + tail));
        return (setting.isFlag() ? option.arity("0..1").fallbackValue("true").paramLabel("true|false")
                : option.arity("1").paramLabel(label(setting))).build();
    }

    private static void help(CommandSpec spec) {
        spec.addOption(OptionSpec.builder("-h", "--help").usageHelp(true).order(LAST).description("Show this.").build());
    }

    private static String label(Setting<?> setting) {
        return setting.expected().startsWith("one of ") ? setting.expected().substring("one of ".length()).replace(", ", "|")
                : setting.expected().startsWith("an integer") ? "N" : setting.expected().startsWith("a number") ? "X" : "TEXT";
    }

    /** Picocli formats descriptions. */
    private static String escape(String text) {
        return text.replace("%", "%%");
    }

    private static String unmatched(String argument, CommandSpec spec) {
        if (!spec.subcommands().isEmpty() && !argument.startsWith("-"))
            return "unknown " + kind(spec) + " " + argument + Settings.nearest(argument, spec.subcommands().keySet()).map(near -> "; the nearest is " + near)
                    .orElse(", expected one of " + String.join(", ", spec.subcommands().keySet()));
        if (!argument.startsWith("-"))
            return "unexpected argument '" + argument + "', expected --key value; quote a value with blanks in it";
        String name = argument.replaceFirst("=.*", "");
        if (find(spec).isEmpty() && !spec.subcommands().isEmpty()) return before(name, spec).getMessage();
        List<String> known = spec.options().stream().flatMap(option -> Stream.of(option.names())).filter(o -> o.startsWith("--")).toList();
        String help = spec.qualifiedName() + " --help";
        return "unknown option " + name + " of " + spec.name() + "; " + Settings.nearest(name, known).map(near -> "the nearest is " + near + " (" + help + " shows all)")
                .orElse("see " + help);
    }

    private static BadInput before(String option, CommandSpec spec) {
        return new BadInput("option " + option + " stands before the " + kind(spec) + ", expected after it; see " + spec.qualifiedName() + " --help");
    }

    /** What the subcommands are. */
    private static String kind(CommandSpec spec) {
        return spec.parent() == null ? "job" : spec.name();
    }

    private static Optional<Job> find(CommandSpec spec) {
        return Job.ALL.stream().filter(job -> ("rondo " + job.name()).equals(spec.qualifiedName())).findFirst();
    }

    private static String version() {
        String own = Command.class.getPackage().getImplementationVersion();
        return "Rondo " + (own == null ? "(not from its jar)" : own) + ", Java " + System.getProperty("java.version")
                + ", Spark " + org.apache.spark.package$.MODULE$.SPARK_VERSION();
    }
}
