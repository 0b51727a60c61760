package org.rondo.peers;

import org.rondo.kernels.bench.Steps;

/** What scores a shape's window, step after step. */
interface Scorer extends Steps {
    /** Of the window: tokens x outputs, row t*batch + b belonging to step t of sequence b. */
    float[] probabilities();
}
