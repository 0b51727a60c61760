package org.rondo.kernels;

import java.io.Serializable;

/** What is made of the last layer's h: a dense layer with {@code outputs} outputs and a loss.
 *  @param atEveryStep a target at every step, or one for the whole sequence, after its last step
 *  @param softmax     classes and cross-entropy, or numbers and squared error */
public record Head(boolean atEveryStep, boolean softmax, int outputs) implements Serializable {
    public Head {
        if (outputs < 1) throw new IllegalArgumentException("outputs is " + outputs + ", expected at least 1");
    }
}
