package org.rondo.kernels;

import java.util.Locale;

/** What a head's outputs are: logits of classes, numbers, or scores of labels that depend on their neighbours, in a linear-chain CRF
 *  (conditional random field, Lafferty, McCallum and Pereira 2001). */
public enum Loss {
    SOFTMAX, SQUARED_ERROR, CRF;

    /** For messages. */
    String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
}
