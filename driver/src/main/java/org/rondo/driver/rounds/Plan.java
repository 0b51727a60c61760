package org.rondo.driver.rounds;

import java.io.Serializable;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.rondo.driver.BadInput;
import org.rondo.driver.ExecutorMemory;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Shards;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Optimizer;
import org.rondo.kernels.UnrolledNetwork.Dropout;
import org.rondo.kernels.Window;

/** What training will do, before it does it: a function of data and settings, never of the cluster.
 *
 *  @param window          the one that needs most memory; of streams, every one
 *  @param validation      the one of what is held out that needs most memory
 *  @param streams         whether windows go on where the one before ended, and from its state
 *  @param targets         that count, in an epoch
 *  @param windowsPerEpoch windows that every replica reads in an epoch
 *  @param windowsPerRound windows between two averagings of parameters; the last round of an epoch may have fewer;
 *                         {@link Setting#AUTO} until it is measured ({@link Pace})
 *  @param gradientsUntil  epochs in which gradients are averaged, after every window, before parameters are: {@link #ALL}, or
 *                         {@link Setting#UNTIL_DECAY}
 *  @param outer           takes the step on the mean of the parameters
 *  @param emaDecay        of the average over rounds; 0: none
 *  @param keptFloats      that the driver keeps beside the state of training: what words' vectors start from, the parameters of the model that is gone on from, and of the best epoch so far */
public record Plan(Network network, int shards, Window.Size window, Window.Size validation, boolean streams, long targets, int windowsPerEpoch, int windowsPerRound,
                   int epochs, int gradientsUntil, Dropout dropout, Optimizer optimizer, OuterOptimizer outer, double emaDecay, long keptFloats) implements Serializable {
    /** Of {@link #gradientsUntil}: also where there come to be more epochs. */
    static final int ALL = Integer.MAX_VALUE;
    /** Units of a direction of the layer that reads characters, unless it is set. */
    private static final int CHARACTER_HIDDEN = 25;
    /** What a Spark driver takes for itself; it does not start with less than 450 MiB. */
    private static final long SPARK_HEAP = 512L << 20;

    /** @throws BadInput if there are more windows than can be counted, or a network that cannot be laid out; if what is held out is of another
     *                   kind than what is learnt, or the model to keep cannot be told by it */
    public static Plan of(Origin origin, Corpus corpus, Shards shards) {
        Settings settings = origin.settings();
        Network network = network(settings, corpus.lexicon());
        long vectors = corpus.vectors() == null ? 0 : Stream.of(corpus.vectors()).filter(vector -> vector != null).distinct().mapToLong(vector -> vector.length).sum();
        long best = Selection.of(settings, corpus).metric() == null ? 0 : network.parameterCount();
        long start = origin.model().map(model -> (long) model.parameters().length).orElse(0L);
        return of(settings, network, shards, corpus.validation() == null ? shards.size() : corpus.validation().largest(network, corpus.lexicon(), settings), vectors + best + start);
    }

    /** Of what is held out no window needs more memory than one of these; the last epoch's model is kept, and vectors start from random numbers. */
    public static Plan of(Settings settings, Network network, Shards shards) {
        return of(settings, network, shards, shards.size(), 0);
    }

    private static Plan of(Settings settings, Network network, Shards shards, Window.Size validation, long keptFloats) {
        boolean gradients = settings.get(Setting.AVERAGING).equals("gradients");
        int epochs = settings.get(Setting.EPOCHS);
        if (shards.windows() * epochs > Integer.MAX_VALUE)
            throw new BadInput("epochs " + epochs + " of " + shards.windows() + " windows are " + shards.windows() * epochs + " windows, expected at most "
                    + Integer.MAX_VALUE + "; lower epochs, or raise batch, seqLen, batchTokens or shards");
        if (settings.get(Setting.FROZEN_VECTORS) && settings.get(Setting.OPTIMIZER).equals("adamw") && settings.get(Setting.WEIGHT_DECAY) > 0)
            throw new BadInput("frozenVectors is given, but adamw's weightDecay " + settings.get(Setting.WEIGHT_DECAY) + " would move them; set --weightDecay 0 or --optimizer adam, or train the vectors too");
        if (settings.get(Setting.FROZEN_VECTORS) && network.tied())
            throw new BadInput("frozenVectors is given, but with tied they are the softmax's weights, which must be learnt; leave one of the two out");
        Plan plan = new Plan(network, shards.count(), shards.size(), validation, shards.streams(), shards.targets(), (int) shards.windows(),
                gradients ? 1 : settings.get(Setting.WINDOWS_PER_ROUND), epochs, gradientsUntil(settings),
                new Dropout(settings.get(Setting.DROPOUT), settings.get(Setting.INPUT_DROPOUT), settings.get(Setting.DROPOUT_MASK).equals("window")),
                new Optimizer(settings.get(Setting.OPTIMIZER), settings.get(Setting.MOMENTUM), settings.get(Setting.NESTEROV),
                        settings.get(Setting.WEIGHT_DECAY), settings.get(Setting.CLIP_NORM), settings.get(Setting.FROZEN_VECTORS)),
                OuterOptimizer.of(settings), settings.get(Setting.EMA_DECAY), keptFloats);
        try {
            plan.layout();
        } catch (ArithmeticException e) {
            throw new BadInput("a window of " + shards.size().seqLen() + " steps of " + shards.size().batch() + " sequences with " + network
                    + " has a matrix of more than 2^31 rows; lower batch, seqLen or batchTokens", e);
        }
        return plan;
    }

    /** The same with rounds of so many windows. */
    public Plan withWindowsPerRound(int windows) {
        return new Plan(network, shards, window, validation, streams, targets, windowsPerEpoch, windows, epochs, gradientsUntil, dropout, optimizer, outer, emaDecay, keptFloats);
    }

    /** The same without a first phase. */
    Plan withoutFirstPhase() {
        return new Plan(network, shards, window, validation, streams, targets, windowsPerEpoch, windowsPerRound, epochs, 0, dropout, optimizer, outer, emaDecay, keptFloats);
    }

    /** Whether it is known how many windows a round has. */
    public boolean isSettled() {
        return windowsPerRound != Setting.AUTO;
    }

    private static int gradientsUntil(Settings settings) {
        int until = settings.get(Setting.GRADIENTS_UNTIL);
        if (until == Setting.UNTIL_DECAY && settings.get(Setting.DECAY).equals("none"))
            throw new BadInput("gradientsUntil is decay, but decay is none, so that the learning rate never does; set --decay, or --gradientsUntil to a number of epochs");
        if (settings.get(Setting.AVERAGING).equals("parameters")) return until;
        if (until != 0) throw new BadInput("gradientsUntil is given, but averaging is gradients, in all epochs; set --averaging parameters, or leave it out");
        return ALL;
    }

    /** The network that reads and says what a lexicon has. */
    public static Network network(Settings settings, Lexicon lexicon) {
        Cell cell = Cell.of(settings.get(Setting.CELL), settings.get(Setting.CANDIDATE_ACTIVATION));
        boolean languageModel = lexicon.task() == Task.LANGUAGE_MODEL, tagging = lexicon.task() == Task.TAGGING;
        String directions = settings.get(Setting.DIRECTIONS);
        if (languageModel && directions.equals("both")) throw new BadInput("directions is both, but a language model must not read what it is to predict; set --directions forward");
        int hidden = settings.get(Setting.CHARACTER_HIDDEN);
        Network.Spelling spelling = lexicon.characters() == null ? null
                : new Network.Spelling(lexicon.characters().size(), settings.get(Setting.CHARACTER_EMBEDDING), hidden == Setting.UNSET ? CHARACTER_HIDDEN : hidden);
        Loss loss = lexicon.task() == Task.REGRESSION ? Loss.SQUARED_ERROR : tagging && !settings.get(Setting.HEAD).equals("softmax") ? Loss.CRF : Loss.SOFTMAX;
        if (tagging && loss == Loss.SOFTMAX && lexicon.scheme() != TagScheme.NONE && lexicon.outputs() > Layout.MOST_DECODED)
            throw new BadInput("head is softmax, and there are " + lexicon.outputs() + " labels of entities, expected at most " + Layout.MOST_DECODED
                    + ", between which the best legal ones are looked for; set --head crf, or --learntScheme io for fewer labels");
        try {
            return new Network(lexicon.words() == null ? 0 : lexicon.words().size(), lexicon.words() == null ? lexicon.features() : settings.get(Setting.EMBEDDING), spelling,
                    cell, settings.get(Setting.HIDDEN), settings.get(Setting.LAYERS), !languageModel && !directions.equals("forward"),
                    new Head(languageModel || tagging, loss, lexicon.outputs()), settings.get(Setting.TIED));
        } catch (IllegalArgumentException e) {
            throw new BadInput(e.getMessage(), e);
        }
    }

    /** Sequences that a replica reads at a time, and steps: of the window that needs most memory. */
    public int batch() {
        return window.batch();
    }

    public int seqLen() {
        return window.seqLen();
    }

    /** Vectors of parameterCount that the optimiser keeps. */
    public int moments() {
        return optimizer.moments();
    }

    /** Vectors of parameterCount that a model is: parameters, moments, the outer optimiser's velocity if it has one. */
    int vectors() {
        return 1 + moments() + outer.vectors();
    }

    /** After the first phase, if there is one. */
    public int roundsPerEpoch() {
        return (windowsPerEpoch + windowsPerRound - 1) / windowsPerRound;
    }

    /** Of the whole training; empty where it depends on when the learning rate first decays. */
    public OptionalLong rounds() {
        if (gradientsUntil == Setting.UNTIL_DECAY) return OptionalLong.empty();
        int first = Math.min(epochs, gradientsUntil);
        return OptionalLong.of((long) first * windowsPerEpoch + (long) (epochs - first) * roundsPerEpoch());
    }

    /** Whether gradients are averaged in all epochs, and never parameters. */
    public boolean averagesGradients() {
        return gradientsUntil == ALL;
    }

    /** @param epoch from 0 */
    boolean averagesGradients(int epoch, LearningRate learningRate) {
        return gradientsUntil == Setting.UNTIL_DECAY ? !learningRate.decayed() : epoch < gradientsUntil;
    }

    /** Windows of the coming round. */
    int windows(TrainingState.Cursor cursor) {
        return averagesGradients(cursor.epoch(), cursor.learningRate()) ? 1 : Math.min(windowsPerRound, windowsPerEpoch - cursor.window());
    }

    /** How a replica's memory is laid out. Where only gradients are averaged another kernel takes the step and has the
     *  moments ({@link #stepLayout}). */
    public Layout layout() {
        return Layout.forTraining(network, window, dropout.rate() > 0, averagesGradients() ? 0 : moments());
    }

    /** Bytes outside the heap that a task's kernels take: one that trains, kept open, and one that validates. */
    public long bytesPerTask() {
        return layout().bytes() + Layout.forScoring(network, validation).bytes();
    }

    /** Bytes outside the driver's heap. */
    public long driverOverhead() {
        return ExecutorMemory.JVM;
    }

    /** Bytes of the driver's heap: the model that is kept, with velocity and average, a newer one as it is fetched, its parts as they
     *  arrive, and the states of all shards with them; the parameters of the best epoch and of the model to go on from, and pretrained vectors, where there are such; and what Spark itself
     *  takes. Replicas' vectors do not come here. */
    public long driverHeap() {
        long model = (long) network.parameterCount() * (vectors() + (emaDecay > 0 ? 1 : 0));
        return SPARK_HEAP + Float.BYTES * (3 * (model + carriedFloats()) + keptFloats);
    }

    /** The step on the mean gradient needs no window. */
    Layout stepLayout() {
        int word = network.spelling() == null ? 0 : 1;
        return Layout.forTraining(network, new Window.Size(1, 1, word, word), false, moments());
    }

    /** Bytes outside the heap of an executor's kernel that takes the step, if there is one. */
    long bytesPerStep() {
        return gradientsUntil != 0 ? stepLayout().bytes() : 0;
    }

    /** Bytes to set as spark.executor.memoryOverhead for {@code tasks} tasks at a time in an executor. */
    public long memoryOverhead(int tasks) {
        return ExecutorMemory.needed(bytesPerTask(), bytesPerStep(), tasks);
    }

    /** Floats that the replicas of a round are averaged in: the parameters, or their gradient, and moments where they are averaged. */
    public long averagedFloats() {
        return (long) network.parameterCount() * (averagesGradients() || !outer.averagesMoments() ? 1 : 1 + moments());
    }

    /** Floats of carried state of all shards; where replicas keep their moments, these are part of it. */
    public long carriedFloats() {
        return shards * ((long) stateFloats() + (keepsMoments() ? (long) moments() * network.parameterCount() : 0));
    }

    /** Floats of a shard's carried state. */
    int stateFloats() {
        return streams ? window.batch() * network.stateSize() : 0;
    }

    /** Whether every replica goes on from moments of its own. */
    boolean keepsMoments() {
        return moments() > 0 && outer.innerState() == OuterOptimizer.InnerState.KEEP;
    }

    /** Bytes that a round moves between {@code executors} executors of {@code tasks} tasks at a time: every executor gets the means
     *  and states of the others. */
    public long bytesPerRound(int executors, int tasks) {
        int groups = Exchange.divideUp(shards, Exchange.groupSize(shards, (int) Math.min(Integer.MAX_VALUE, (long) executors * tasks))), busy = Math.min(executors, groups);
        return Float.BYTES * (busy - 1) * (means(groups, busy) * averagedFloats() + carriedFloats());
    }

    /** Nodes of the averaging tree that executors leave, each with an equal stretch of the groups: the largest within one. */
    private static long means(int groups, int executors) {
        long means = 0;
        for (long e = 0; e < executors; e++) {
            long end = groups * (e + 1) / executors;
            for (long g = groups * e / executors, size; g < end; g += size, means++)
                for (size = 1; g % (2 * size) == 0 && Math.min(groups, g + 2 * size) <= end && size < groups; ) size *= 2;
        }
        return means;
    }
}
