package org.rondo.kernels;

import java.util.Arrays;

/** The CRF of {@link ReferenceKernel}, in its memory: (20) to (25) as logarithms, those of alpha and beta normalised at every step,
 *  so that alpha_t[y] is the logarithm of a probability given the steps up to t. What (24) divides by is then a sum of its own, of all labels or
 *  pairs of labels of a step. */
final class ReferenceCrf {
    private final double[] m;
    private final Layout.Dense d;
    private final Layout.Crf crf;
    private final int labels, batch, steps;
    /** As many floats as there are labels: the terms of a sum. */
    private final int terms;

    ReferenceCrf(double[] memory, Layout.Dense d) {
        this.m = memory;
        this.d = d;
        this.crf = d.crf();
        this.labels = d.outputs();
        this.batch = d.batch();
        this.steps = d.rows() / d.batch();
        this.terms = (int) d.scratch().offset();
    }

    void forward(int[] targets, int[] lengths) {
        for (int b = 0; b < batch; b++) {
            int length = length(lengths, b);
            boolean counts = targets != null && targets[b] >= 0;
            for (int t = 0; t < length; t++) {
                double norm = alpha(t, b);
                m[loss(t, b)] = counts ? norm - score(targets, t, b) : 0;
            }
            for (int t = length - 1; t >= 0; t--) {
                beta(t, b, t == length - 1);
                marginals(t, b);
            }
            if (counts && length > 0) m[loss(length - 1, b)] += norm(length - 1, b) - m[at(crf.end()) + targets[row(length - 1, b)]];
            for (int t = length; t < steps; t++) {
                m[loss(t, b)] = 0;
                Arrays.fill(m, p(t, b), p(t, b) + labels, 0);
            }
        }
    }

    /** (21), normalised; returns the logarithm of what it was divided by. */
    private double alpha(int t, int b) {
        for (int y = 0; y < labels; y++) {
            double before = m[at(crf.start()) + y];
            if (t > 0) {
                for (int x = 0; x < labels; x++) m[terms + x] = m[alphaOf(t - 1, b) + x] + A(x, y);
                before = logOfSum(terms);
            }
            m[alphaOf(t, b) + y] = m[z(t, b) + y] + before;
        }
        return normalise(alphaOf(t, b));
    }

    /** Of Z, from alpha of the last step. */
    private double norm(int t, int b) {
        for (int y = 0; y < labels; y++) m[terms + y] = m[alphaOf(t, b) + y] + m[at(crf.end()) + y];
        return logOfSum(terms);
    }

    /** (23), normalised. */
    private void beta(int t, int b, boolean last) {
        for (int x = 0; x < labels; x++) {
            if (!last) for (int y = 0; y < labels; y++) m[terms + y] = A(x, y) + m[z(t + 1, b) + y] + m[betaOf(t + 1, b) + y];
            m[betaOf(t, b) + x] = last ? m[at(crf.end()) + x] : logOfSum(terms);
        }
        normalise(betaOf(t, b));
    }

    /** (24) */
    private void marginals(int t, int b) {
        for (int y = 0; y < labels; y++) m[terms + y] = m[alphaOf(t, b) + y] + m[betaOf(t, b) + y];
        double norm = logOfSum(terms);
        for (int y = 0; y < labels; y++) m[p(t, b) + y] = Math.exp(m[terms + y] - norm);
    }

    /** What a step's label and its transition add to (20). */
    private double score(int[] targets, int t, int b) {
        int y = targets[row(t, b)];
        return m[z(t, b) + y] + (t == 0 ? m[at(crf.start()) + y] : A(targets[row(t - 1, b)], y));
    }

    void backward(int[] targets, int[] lengths, float scale) {
        for (Matrix sum : new Matrix[] {crf.dA(), crf.dStart(), crf.dEnd()}) Arrays.fill(m, at(sum), at(sum) + (int) sum.floats(), 0);
        for (int b = 0; b < batch; b++) {
            int length = length(lengths, b);
            boolean counts = length > 0 && targets[b] >= 0;
            for (int t = 1; t < length && counts; t++) transitions(t, b, targets, scale);
            for (int t = 0; t < steps; t++)
                for (int y = 0; y < labels; y++)                                                         // (25)
                    m[z(t, b) + y] = targets[row(t, b)] < 0 ? 0 : scale * (m[p(t, b) + y] - (y == targets[row(t, b)] ? 1 : 0));
            for (int y = 0; y < labels && counts; y++) {
                m[at(crf.dStart()) + y] += m[z(0, b) + y];
                m[at(crf.dEnd()) + y] += m[z(length - 1, b) + y];
            }
        }
    }

    /** (24) and (25) of the labels at t-1 and t. */
    private void transitions(int t, int b, int[] targets, float scale) {
        double max = Double.NEGATIVE_INFINITY, sum = 0;
        for (int x = 0; x < labels; x++) for (int y = 0; y < labels; y++) max = Math.max(max, pair(t, b, x, y));
        for (int x = 0; x < labels; x++) for (int y = 0; y < labels; y++) sum += Math.exp(pair(t, b, x, y) - max);
        for (int x = 0; x < labels; x++)
            for (int y = 0; y < labels; y++) m[row(crf.dA(), x) + y] += scale * Math.exp(pair(t, b, x, y) - max) / sum;
        m[row(crf.dA(), targets[row(t - 1, b)]) + targets[row(t, b)]] -= scale;
    }

    private double pair(int t, int b, int x, int y) {
        return m[alphaOf(t - 1, b) + x] + A(x, y) + m[z(t, b) + y] + m[betaOf(t, b) + y];
    }

    /** (22) for sequence {@code b}, whose z is where delta will be: in scratch, step after step. */
    void viterbi(int b, int length, boolean[] allowed, int[] into) {
        for (int t = 0; t < length; t++)
            for (int y = 0; y < labels; y++) m[delta(t) + y] += t == 0 ? first(y, allowed) : before(t, best(t, y, allowed), y, allowed);
        for (int t = length - 1; t >= 0; t--) into[row(t, b)] = t == length - 1 ? bestLast(t, allowed) : best(t + 1, into[row(t + 1, b)], allowed);
        for (int t = length; t < steps; t++) into[row(t, b)] = Window.NONE;
    }

    private int bestLast(int t, boolean[] allowed) {
        int best = 0;
        for (int y = 1; y < labels; y++) if (last(t, y, allowed) > last(t, best, allowed)) best = y;
        return best;
    }

    /** The best label before {@code y} at step {@code t}. */
    private int best(int t, int y, boolean[] allowed) {
        int best = 0;
        for (int x = 1; x < labels; x++) if (before(t, x, y, allowed) > before(t, best, y, allowed)) best = x;
        return best;
    }

    private double first(int y, boolean[] allowed) {
        return allowed(allowed, labels * labels + y) + (crf == null ? 0 : m[at(crf.start()) + y]);
    }

    private double before(int t, int x, int y, boolean[] allowed) {
        return m[delta(t - 1) + x] + allowed(allowed, x * labels + y) + (crf == null ? 0 : A(x, y));
    }

    private double last(int t, int y, boolean[] allowed) {
        return m[delta(t) + y] + allowed(allowed, labels * (labels + 1) + y) + (crf == null ? 0 : m[at(crf.end()) + y]);
    }

    /** Its score: 0, or so low that nothing makes up for it. */
    private static double allowed(boolean[] allowed, int transition) {
        return allowed == null || allowed[transition] ? 0 : Double.NEGATIVE_INFINITY;
    }

    /** Subtracts log sum exp of as many numbers as there are labels, and returns it. */
    private double normalise(int at) {
        double log = logOfSum(at);
        for (int y = 0; y < labels; y++) m[at + y] -= log;
        return log;
    }

    private double logOfSum(int at) {
        double max = Double.NEGATIVE_INFINITY, sum = 0;
        for (int y = 0; y < labels; y++) max = Math.max(max, m[at + y]);
        for (int y = 0; y < labels; y++) sum += Math.exp(m[at + y] - max);
        return max + Math.log(sum);
    }

    private int length(int[] lengths, int b) {
        return lengths == null ? steps : lengths[b];
    }

    private double A(int x, int y) {
        return m[row(crf.A(), x) + y];
    }

    private int delta(int t) {
        return terms + t * labels;
    }

    private int alphaOf(int t, int b) {
        return row(crf.alpha(), row(t, b));
    }

    private int betaOf(int t, int b) {
        return at(crf.beta()) + row(t, b) * labels;
    }

    private int p(int t, int b) {
        return row(crf.p(), row(t, b));
    }

    private int z(int t, int b) {
        return at(d.z()) + row(t, b) * labels;
    }

    private int loss(int t, int b) {
        return at(d.loss()) + row(t, b);
    }

    private int row(int t, int b) {
        return t * batch + b;
    }

    private static int row(Matrix m, int r) {
        return at(m) + r * m.stride();
    }

    private static int at(Matrix m) {
        return (int) m.offset();
    }
}
