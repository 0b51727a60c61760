package org.rondo.kernels;

import java.io.Serializable;
import org.rondo.kernels.Layout.Block;

/** What turns a gradient into a step.
 *  @param name        sgd, adam or adamw
 *  @param momentum    of SGD; 0: none
 *  @param nesterov    whether momentum is Nesterov's
 *  @param weightDecay of AdamW
 *  @param clipNorm    largest global norm of the gradient; 0: no limit (Pascanu et al. 2013: against exploding gradients)
 *  @param frozenEmbedding whether {@code embedding.weight} stays as it is, to the bit: its gradient counts as zero, in the norm too.
 *                         Moments from before it was frozen would still move it */
public record Optimizer(String name, double momentum, boolean nesterov, double weightDecay, double clipNorm, boolean frozenEmbedding) implements Serializable {
    private static final float BETA1 = 0.9f, BETA2 = 0.999f, EPSILON = 1e-8f;
    /** PyTorch's clip_grad_norm_ adds it, so that a norm of zero divides. */
    private static final double CLIP_EPSILON = 1e-6;

    public Optimizer {
        if (name == null || !name.equals("sgd") && !name.equals("adam") && !name.equals("adamw"))
            throw new IllegalArgumentException("optimizer is '" + name + "', expected sgd, adam or adamw; set --optimizer (spark.rondo.optimizer)");
        if (!(momentum >= 0 && momentum < 1)) throw new IllegalArgumentException("momentum is " + momentum + ", expected 0 or more, and less than 1");
        if (!(weightDecay >= 0 && weightDecay < Double.POSITIVE_INFINITY))
            throw new IllegalArgumentException("weightDecay is " + weightDecay + ", expected 0 or more");
        if (!(clipNorm >= 0 && clipNorm < Double.POSITIVE_INFINITY))
            throw new IllegalArgumentException("clipNorm is " + clipNorm + ", expected 0 for no limit, or more");
        if (momentum != 0 && !name.equals("sgd"))
            throw new IllegalArgumentException("momentum is " + momentum + ", but " + name + " has its own; set --momentum 0 (spark.rondo.momentum), or --optimizer sgd (spark.rondo.optimizer)");
        if (nesterov && momentum == 0)
            throw new IllegalArgumentException("nesterov is set, but momentum is " + momentum + "; set --momentum (spark.rondo.momentum), for example to 0.9");
        if (weightDecay != 0 && !name.equals("adamw"))
            throw new IllegalArgumentException("weightDecay is " + weightDecay + ", which " + name + " has not; set --optimizer adamw (spark.rondo.optimizer)");
        if (frozenEmbedding && weightDecay != 0)
            throw new IllegalArgumentException("the embedding is frozen, but weightDecay is " + weightDecay
                    + ", which would shrink it at every step; set --weightDecay 0 (spark.rondo.weightDecay), or do not freeze it");
    }

    /** All that is trained moves. */
    public Optimizer(String name, double momentum, boolean nesterov, double weightDecay, double clipNorm) {
        this(name, momentum, nesterov, weightDecay, clipNorm, false);
    }

    /** Without momentum and weight decay. */
    public Optimizer(String name, double clipNorm) {
        this(name, 0, false, 0, clipNorm);
    }

    /** @throws IllegalArgumentException if it freezes an embedding that the network has not, or that is its softmax too */
    public void check(Network network) {
        if (!frozenEmbedding) return;
        if (network.vocab() == 0) throw new IllegalArgumentException("the embedding is frozen, but " + network + " has none: it reads features; do not freeze it");
        if (network.tied()) throw new IllegalArgumentException("the embedding is frozen, but it is the softmax's weights too, which must be trained; set --tied false"
                + " (spark.rondo.tied), or do not freeze it");
    }

    /** Vectors of parameterCount that it keeps from step to step. */
    public int moments() {
        return name.equals("sgd") ? momentum == 0 ? 0 : 1 : 2;
    }

    /** The global norm of GRADIENTS, of which those of a frozen embedding become zero. */
    public double gradientNorm(Kernel kernel) {
        check(kernel.layout().network);
        Matrix gradients = kernel.layout().block(Block.GRADIENTS);
        if (frozenEmbedding) kernel.zero(kernel.layout().embedding.dWeight());
        return Math.sqrt(kernel.sumOfSquares(gradients));
    }

    /** One update of PARAMETERS by GRADIENTS.
     *  @param step 1 at the first update of a training
     *  @return the gradient's global norm before clipping */
    public double step(Kernel kernel, double learningRate, int step) {
        double norm = gradientNorm(kernel);
        float scale = clipNorm > 0 ? (float) Math.min(1, clipNorm / (norm + CLIP_EPSILON)) : 1;
        if (name.equals("sgd")) kernel.sgd((float) learningRate, (float) momentum, nesterov, step, scale);
        else kernel.adam((float) learningRate, BETA1, BETA2, EPSILON, (float) weightDecay, step, scale);
        return norm;
    }
}
