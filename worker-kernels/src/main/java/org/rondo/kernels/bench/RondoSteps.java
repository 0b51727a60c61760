package org.rondo.kernels.bench;

import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Optimizer;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** What a kernel does at a shape, window after window; always the same window. */
public final class RondoSteps implements Steps {
    private final Shape shape;
    private final int threads;
    private final Kernel kernel;
    private final UnrolledNetwork network;
    private final Optimizer optimizer = new Optimizer("sgd", Shape.CLIP_NORM);
    private final Window window;
    private final float[] probabilities;

    /** On one thread. */
    public RondoSteps(Shape shape, String choice) {
        this(shape, choice, 1);
    }

    /** @param choice  as {@link Kernel#open} takes it
     *  @param threads as {@link Kernel#open} takes it
     *  @throws IllegalArgumentException if this machine does not have that kernel */
    public RondoSteps(Shape shape, String choice, int threads) {
        this.shape = shape;
        this.threads = threads;
        this.window = shape.window();
        this.probabilities = new float[shape.scoring() ? shape.tokens() * shape.network().head().outputs() : 0];
        this.kernel = Kernel.open(choice, shape.scoring() ? Layout.forScoring(shape.network(), shape.batch(), shape.seqLen())
                : Layout.forTraining(shape.network(), shape.batch(), shape.seqLen(), false, 0), threads);
        kernel.load(Block.PARAMETERS, shape.parameters());
        network = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
        network.setState(new float[0]);
        if (shape.isLayerAlone()) kernel.write(window.features(), 0, kernel.layout().inputs);
    }

    @Override public long clock() {
        return threads == 1 ? Steps.nanos() : System.nanoTime();
    }

    @Override public double step() {
        if (shape.scoring()) return score();
        double loss = shape.isLayerAlone() ? layerGradient() : gradient();
        optimizer.step(kernel, Shape.LEARNING_RATE, 1);
        network.carry();
        return loss;
    }

    private double score() {
        network.forward(window, null);
        network.probabilities(0, shape.tokens(), probabilities);
        return 0;
    }

    /** What the last step of scoring wrote: tokens x outputs, row t*batch + b belonging to step t of sequence b. */
    public float[] probabilities() {
        return probabilities;
    }

    private double gradient() {
        double loss = network.forward(window, null);
        network.backward(window, null);
        return loss / window.tokens();
    }

    private double layerGradient() {
        Layout.Recurrent r = kernel.layout().layers.get(0).directions().get(0);
        kernel.recurrentForward(r, null);
        double loss = kernel.sumOfSquares(r.out()) / 2;
        kernel.copy(r.out(), r.dh());
        kernel.recurrentBackward(r, null);
        return loss;
    }

    @Override public void close() {
        kernel.close();
    }
}
