package org.rondo.kernels;

import java.io.Serializable;
import org.rondo.kernels.Layout.Block;

/** What turns a gradient into a step.
 *  @param name        sgd, adam or adamw
 *  @param momentum    of SGD; 0: none
 *  @param nesterov    whether momentum is Nesterov's
 *  @param weightDecay of AdamW
 *  @param clipNorm    largest global norm of the gradient; 0: no limit (Pascanu et al. 2013: against exploding gradients) */
public record Optimizer(String name, double momentum, boolean nesterov, double weightDecay, double clipNorm) implements Serializable {
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
    }

    /** Without momentum and weight decay. */
    public Optimizer(String name, double clipNorm) {
        this(name, 0, false, 0, clipNorm);
    }

    /** Vectors of parameterCount that it keeps from step to step. */
    public int moments() {
        return name.equals("sgd") ? momentum == 0 ? 0 : 1 : 2;
    }

    /** One update of PARAMETERS by GRADIENTS.
     *  @param step 1 at the first update of a training
     *  @return the gradient's global norm before clipping */
    public double step(Kernel kernel, double learningRate, int step) {
        double norm = Math.sqrt(kernel.sumOfSquares(kernel.layout().block(Block.GRADIENTS)));
        float scale = clipNorm > 0 ? (float) Math.min(1, clipNorm / (norm + CLIP_EPSILON)) : 1;
        if (name.equals("sgd")) kernel.sgd((float) learningRate, (float) momentum, nesterov, step, scale);
        else kernel.adam((float) learningRate, BETA1, BETA2, EPSILON, (float) weightDecay, step, scale);
        return norm;
    }
}
