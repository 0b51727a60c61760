package org.rondo.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.rounds.Plan;
import org.rondo.driver.rounds.Progress;
import org.rondo.driver.scoring.Metric;

/** What a person sees of a training while it runs, and how it went. */
class Report implements Progress, AutoCloseable {
    /** Of the running means: 1 - 1/20, so about the last 20 rounds. */
    private static final double KEEP = 0.95;
    /** A training loss this many times that of a uniform guess is none that learning passes through: an untrained network has about 1. */
    private static final double ABSURD = 2;

    private final Console console;
    private final Task task;
    /** Of a target: character, word, token, sequence. */
    private final String unit;
    private final long started = System.nanoTime();
    private Plan plan;
    private Display display;
    private double recentLoss, recentTokens, recentSeconds, weight;
    private double training = Double.NaN, validation = Double.NaN, best = Double.NaN, tokens, seconds, learningRate;
    private int epoch, bestEpoch, epochs;
    private long before;
    private boolean trained;

    Report(Console console, Settings settings) {
        this.console = console;
        this.task = Task.of(settings);
        this.unit = unit(settings);
    }

    /** What a target is. */
    static String unit(Settings settings) {
        return switch (Task.of(settings)) {
            case LANGUAGE_MODEL -> settings.get(Setting.UNIT);
            case TAGGING -> "token";
            case CLASSIFICATION, REGRESSION -> "sequence";
        };
    }

    @Override public void begin(Plan plan, long firstRound, long tokens) {
        this.plan = plan;
        note(Units.count(plan.targets()) + " " + unit + "s to learn from, " + Units.vocabulary(plan.network()) + ", "
                + Units.count(plan.network().parameterCount()) + " parameters; " + plan.epochs() + (plan.epochs() == 1 ? " epoch of " : " epochs of ")
                + Units.count(plan.windowsPerEpoch()) + " windows with " + plan.shards() + (plan.shards() == 1 ? " replica" : " replicas"));
        before = tokens;
        display = Display.of(console, firstRound, plan.rounds(), tokens, plan.epochs() * plan.targets());
    }

    @Override public void round(Round round) {
        trained = true;
        weight = KEEP * weight + 1;
        recentLoss = KEEP * recentLoss + round.loss();
        recentTokens = KEEP * recentTokens + round.tokens();
        recentSeconds = KEEP * recentSeconds + round.seconds();
        tokens += round.tokens();
        seconds += round.seconds();
        learningRate = round.learningRate();
        display.step(round.number() + 1, Math.round(before + tokens), "epoch " + round.epoch() + "/" + plan.epochs() + "  loss " + Units.decimals(recentLoss / weight, 3) + "  "
                + Units.count(recentTokens / recentSeconds) + " tokens/s  lr " + Units.significant(round.learningRate()));
    }

    @Override public void epoch(Epoch ended, Model model) {
        if (trained) epochs++;                          // else of a checkpoint, told again
        trained = false;
        epoch = ended.number();
        training = ended.training();
        validation = ended.validation();
        if (!(validation >= best)) {
            best = validation;
            bestEpoch = epoch;
        }
        note("epoch " + epoch + "/" + plan.epochs() + " after " + Units.duration(elapsed()) + ": training "
                + (Double.isNaN(validation) ? loss(training) : Units.decimals(training, 4) + ", validation " + loss(validation)) + metric(ended));
        double guess = plan.network().head().classes() ? Math.log(plan.network().head().outputs()) : Double.NaN;
        if (training > ABSURD * guess)
            note("that training loss is " + Units.decimals(training / guess, 1) + " times the " + Units.decimals(guess, 4) + " of a uniform guess: training diverges; "
                    + "stop it, and start again with a lower --learningRate (now " + Units.significant(learningRate) + ")");
    }

    @Override public void note(String message) {
        if (display == null) console.err().println(message);
        else display.line(message);
    }

    @Override public void close() {
        if (display != null) display.close();
    }

    /** How training went: what the job prints last.
     *  @param directory that holds the model */
    String summary(String directory) {
        String rounds = epochs == 0 ? "trained before, nothing was left to do" : "trained " + epochs + (epochs == 1 ? " epoch" : " epochs") + " in "
                + Units.duration(elapsed()) + ", " + Units.count(tokensPerSecond()) + " tokens/s";
        return rounds + "\n"
                + (epoch == 0 ? "" : "training    " + loss(training) + "\n")
                + (Double.isNaN(validation) ? "" : "validation  " + loss(validation)
                        + (bestEpoch < epoch ? " (best after epoch " + bestEpoch + ": " + Units.decimals(best, 4) + ")" : "") + "\n")
                + "model       " + directory + " (" + Units.count(plan.network().parameterCount()) + " parameters"
                + (plan.emaDecay() > 0 ? ", averaged over rounds with emaDecay " + plan.emaDecay() : "") + ")\n";
    }

    /** The same for programs: of this run, and of the model as it is.
     *  @param model as it was saved */
    ObjectNode figures(Model model) {
        JsonNode facts = model.provenance(), ended = facts.path("epochs");
        ObjectNode figures = JsonNodeFactory.instance.objectNode().put("parameters", plan.network().parameterCount()).put("rounds", facts.path("rounds").asLong())
                .put("epochsTrained", epochs).put("tokens", Math.round(tokens)).put("tokensPerSecond", tokensPerSecond());
        JsonNode kept = ended.path(facts.path("keptEpoch").asInt(ended.size()) - 1);
        if (kept.isObject()) figures.set("keptEpoch", kept);
        return figures;
    }

    /** Over all rounds, from their start to their end; validation and checkpoints are not in it. */
    double tokensPerSecond() {
        return tokens == 0 ? 0 : tokens / seconds;
    }

    /** Mean nats per token; NaN if nothing was held out. */
    double validation() {
        return validation;
    }

    private double elapsed() {
        return (System.nanoTime() - started) * 1e-9;
    }

    private static String metric(Epoch ended) {
        if (ended.metric() == null) return "";
        return ", " + ended.metric().key() + " " + (ended.metric() == Metric.PERPLEXITY ? Units.decimals(ended.value(), 2) : Units.decimals(100 * ended.value(), 2) + " %");
    }

    private String loss(double nats) {
        if (task == Task.REGRESSION) return Units.decimals(nats, 4) + " per " + unit + " (mean squared error)";
        if (task != Task.LANGUAGE_MODEL) return Units.decimals(nats, 4) + " nats per " + unit;
        return Units.decimals(nats, 4) + " nats per " + unit + ", perplexity " + Units.decimals(Math.exp(nats), 2)
                + (unit.equals("character") ? ", " + Units.decimals(Units.bits(nats), 3) + " bits per character" : "");
    }
}
