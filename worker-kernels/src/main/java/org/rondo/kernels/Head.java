package org.rondo.kernels;

import java.io.Serializable;
import java.util.Arrays;

/** What is made of the last layer's h: a dense layer with {@code outputs} outputs and a loss.
 *  @param atEveryStep a target at every step, or one for the whole sequence, after its last step */
public record Head(boolean atEveryStep, Loss loss, int outputs) implements Serializable {
    public Head {
        if (loss == null) throw new IllegalArgumentException("loss is null, expected one of " + Arrays.toString(Loss.values()));
        if (outputs < 1) throw new IllegalArgumentException("outputs is " + outputs + ", expected at least 1");
        if (loss == Loss.CRF && !atEveryStep)
            throw new IllegalArgumentException("atEveryStep is false, but a CRF is over the labels of all steps; expected true, or another loss");
    }

    public boolean softmax() {
        return loss == Loss.SOFTMAX;
    }

    public boolean crf() {
        return loss == Loss.CRF;
    }

    /** Whether targets are classes, and not numbers. */
    public boolean classes() {
        return loss != Loss.SQUARED_ERROR;
    }
}
