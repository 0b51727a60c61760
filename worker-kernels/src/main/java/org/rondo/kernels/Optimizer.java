package org.rondo.kernels;

import java.io.Serializable;
import org.rondo.kernels.Layout.Block;

/** What turns a gradient into a step.
 *  @param name     sgd or adam
 *  @param clipNorm largest global norm of the gradient; 0: no limit (Pascanu et al. 2013: against exploding gradients) */
public record Optimizer(String name, double clipNorm) implements Serializable {
    private static final float BETA1 = 0.9f, BETA2 = 0.999f, EPSILON = 1e-8f;
    /** PyTorch's clip_grad_norm_ adds it, so that a norm of zero divides. */
    private static final double CLIP_EPSILON = 1e-6;

    public Optimizer {
        if (!name.equals("sgd") && !name.equals("adam"))
            throw new IllegalArgumentException("optimizer is '" + name + "', expected sgd or adam; set spark.rondo.optimizer");
    }

    /** Vectors of parameterCount that it keeps from step to step. */
    public int moments() {
        return name.equals("adam") ? 2 : 0;
    }

    /** One update of PARAMETERS by GRADIENTS.
     *  @param step 1 at the first update of a training
     *  @return the gradient's global norm before clipping */
    public double step(Kernel kernel, double learningRate, int step) {
        double norm = Math.sqrt(kernel.sumOfSquares(kernel.layout().block(Block.GRADIENTS)));
        float scale = clipNorm > 0 ? (float) Math.min(1, clipNorm / (norm + CLIP_EPSILON)) : 1;
        if (moments() == 0) kernel.sgd((float) learningRate, scale);
        else kernel.adam((float) learningRate, BETA1, BETA2, EPSILON, step, scale);
        return norm;
    }
}
