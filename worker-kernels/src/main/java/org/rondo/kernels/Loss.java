package org.rondo.kernels;

import java.util.Locale;

/** What a head's outputs are: the logits of classes, numbers, or the scores of labels that depend on their neighbours. */
public enum Loss {
    SOFTMAX, SQUARED_ERROR;

    /** For messages. */
    String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
}
