package org.rondo.kernels;

import java.io.Serializable;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.rondo.kernels.Layout.Block;

/** One copy of the model training on one shard: truncated back-propagation through time. A call is a pure function of its
 *  arguments; the kernel's memory holds nothing that the next call needs, so a replica may serve any shard and any round of
 *  its plan. */
public final class Replica implements AutoCloseable {
    /** What a replica takes and gives back, in this order: the parameters, then the optimiser's moments if it has any. */
    public static final List<Block> BLOCKS = List.of(Block.PARAMETERS, Block.FIRST_MOMENT, Block.SECOND_MOMENT);

    private final Kernel kernel;
    private final UnrolledNetwork network;
    private final Optimizer optimizer;
    private final Window.Size opened;

    /** Consecutive windows of an epoch.
     *  @param epoch          from 0
     *  @param first          number of the first window in its epoch; at 0 the state starts at zero
     *  @param windowsPerEpoch of the plan, so that windows are counted over all epochs
     *  @param steps          that the moments of the optimiser have seen: 0 where they start at zero */
    public record Stretch(int epoch, int first, int windows, int windowsPerEpoch, int steps, double learningRate, long seed) implements Serializable {
        public Stretch {
            if (epoch < 0 || first < 0 || windows < 1 || windowsPerEpoch < 1 || steps < 0 || (long) epoch * windowsPerEpoch + first + windows > Integer.MAX_VALUE)
                throw new IllegalArgumentException(windows + " windows from " + first + " on of epoch " + epoch + ", at " + windowsPerEpoch
                        + " an epoch, after " + steps + " steps, expected at least one, numbered from 0 to " + (Integer.MAX_VALUE - 1));
        }

        /** Where the optimiser has made a step after every window of the training. */
        public Stretch(int epoch, int first, int windows, int windowsPerEpoch, double learningRate, long seed) {
            this(epoch, first, windows, windowsPerEpoch, epoch * windowsPerEpoch + first, learningRate, seed);
        }

        /** Number of window {@code first + k}, counted over all epochs from 0. */
        public int window(int k) {
            return epoch * windowsPerEpoch + first + k;
        }
    }

    /** What a replica made of a stretch. (A class and not a record: Kryo 4 cannot write records.) */
    public static final class Result implements Serializable {
        private static final long serialVersionUID = 1;
        public final int shard;
        /** The mean gradient, or the parameters and the optimiser's moments after the last window. */
        public final float[][] vectors;
        /** State after the last window that had a token, as {@link UnrolledNetwork#state()}; empty where the shard carries none. */
        public final float[] state;
        /** Sum over all targets, in nats. */
        public final double loss;
        /** Targets that counted: the weight of this replica in the mean. */
        public final long tokens;
        /** Largest global norm of a window's gradient, before clipping. */
        public final double gradientNorm;
        /** Window in which the loss, the gradient or a parameter was not a number, or infinite; -1 for none. */
        public final int diverged;
        public final String kernel;

        public Result(int shard, float[][] vectors, float[] state, double loss, long tokens, double gradientNorm, int diverged, String kernel) {
            this.shard = shard;
            this.vectors = vectors;
            this.state = state;
            this.loss = loss;
            this.tokens = tokens;
            this.gradientNorm = gradientNorm;
            this.diverged = diverged;
            this.kernel = kernel;
        }

        public Result with(float[][] vectors, float[] state) {
            return new Result(shard, vectors, state, loss, tokens, gradientNorm, diverged, kernel);
        }
    }

    /** @param kernel opened for training; closed with this replica, or if there comes to be none */
    public Replica(Kernel kernel, UnrolledNetwork.Dropout dropout, Optimizer optimizer) {
        this.kernel = kernel;
        this.optimizer = optimizer;
        this.opened = kernel.layout().size;
        try {
            optimizer.check(kernel.layout().network);
            this.network = new UnrolledNetwork(kernel, dropout);
        } catch (IllegalArgumentException e) {
            kernel.close();
            throw e;
        }
    }

    /** Takes one local step of the optimiser after every window.
     *  @param model parameters, then the optimiser's moments
     *  @param state carried state of this shard; ignored at the start of an epoch */
    public Result train(float[][] model, float[] state, Shard shard, Stretch stretch) {
        int expected = 1 + optimizer.moments();
        if (model.length != expected)
            throw new IllegalArgumentException("model has " + model.length + " vectors, expected " + expected + ": the parameters and the moments of "
                    + optimizer);
        return run(model, state, shard, stretch, true);
    }

    /** Leaves the parameters alone and gives the gradient of the mean loss over the stretch's one window: zero for a frozen embedding. */
    public Result gradient(float[] parameters, float[] state, Shard shard, Stretch stretch) {
        if (stretch.windows() != 1)
            throw new IllegalArgumentException("the stretch has " + stretch.windows() + " windows, expected 1, which a gradient is of");
        return run(new float[][] {parameters}, state, shard, stretch, false);
    }

    private Result run(float[][] model, float[] state, Shard shard, Stretch stretch, boolean steps) {
        for (int v = 0; v < model.length; v++) kernel.load(BLOCKS.get(v), model[v]);
        network.setState(stretch.first() == 0 || !shard.carriesState() ? new float[0] : state);
        double loss = 0, norm = 0;
        long tokens = 0;
        int diverged = -1;
        for (int k = 0; k < stretch.windows() && diverged < 0; k++) {
            if (Thread.currentThread().isInterrupted()) throw new CancellationException("training was interrupted before window " + stretch.window(k));
            Draw draw = new Draw(stretch.seed(), shard.number, stretch.window(k));
            Window window = shard.window(opened, stretch.epoch(), stretch.first() + k, draw);
            if (window == null) break;
            double windowLoss = network.forward(window, draw);
            network.backward(window, draw);
            double windowNorm = steps ? optimizer.step(kernel, stretch.learningRate(), stretch.steps() + k + 1)
                    : optimizer.gradientNorm(kernel);
            network.carry();
            loss += windowLoss;
            tokens += window.tokens();
            norm = Math.max(norm, windowNorm);
            if (!Double.isFinite(windowLoss) || !Double.isFinite(windowNorm)) diverged = stretch.first() + k;
        }
        float[][] vectors = vectors(steps ? model.length : 0, tokens);
        if (diverged < 0 && !isFinite(vectors[0])) diverged = stretch.first() + stretch.windows() - 1;
        return new Result(shard.number, vectors, shard.carriesState() ? network.state() : new float[0], loss, tokens, norm, diverged, kernel.description());
    }

    /** Whether all elements are numbers, and none infinite. */
    public static boolean isFinite(float[] vector) {
        float zero = 0;
        for (float x : vector) zero += x * 0;       // 0, or NaN from the first infinity or NaN on
        return zero == 0;
    }

    /** The first {@code count} vectors of a model, or for 0 the gradient alone: zero where no token was read. */
    private float[][] vectors(int count, long tokens) {
        float[][] vectors = new float[Math.max(1, count)][kernel.layout().network.parameterCount()];
        if (count == 0 && tokens > 0) kernel.store(Block.GRADIENTS, vectors[0]);
        for (int v = 0; v < count; v++) kernel.store(BLOCKS.get(v), vectors[v]);
        return vectors;
    }

    @Override public void close() {
        kernel.close();
    }
}
