// The CRF and the decoder against alpha and beta as plain logarithms in double precision.
#include "test.h"

namespace rondo {

namespace {

const float SCALE = 0.125f;

// Labels of `batch` sequences of `steps` steps, z being what the dense layer makes of x.
struct Chain {
    const long L, batch, steps, n = batch * steps, H = 3, S = stride(L), P = panels(L);
    Floats W{P * H * 64}, b{P * 64}, dW{P * H * 64}, db{P * 64}, x{n * stride(H)}, z{P * n * 64}, loss{stride(n)}, dx{n * stride(H)}, sums{n * 32};
    Floats A{L * S}, start{S}, end{S}, dA{L * S}, dStart{S}, dEnd{S}, alpha{n * S}, beta{P * n * 64}, p{n * S};
    // As large as Layout.labelFloats() says, for decoding and for a CRF, and as what the dense layer needs.
    Floats scratch{std::max({(L * (L + 2) / 64 + 1) * 16 + (L + 2 + DECODED_AT_ONCE * steps) * S, 2 * L * P * 64, stride(n * L) + L * S,
                             (HEAD_PANELS * 64 * 64 * panels(H) + n * H + 15) / 16 * 16})};
    std::vector<int32_t> lengths, targets;
    std::vector<double> zs, la, lb;   // lb, la: logarithms of alpha and beta, not normalised

    // spread: how far transitions lie apart
    Chain(long L, long batch, long steps, double spread) : L(L), batch(batch), steps(steps), lengths(batch), targets(n), zs(n * L), la(n * L), lb(n * L) {
        fillPanels(Panelled{W, H, 0}, L);
        fillPanels(Panelled{b, 1, 0}, L);
        fillRows(x, n, H);
        for (const Floats* m : {&A, &start, &end}) {
            fillRows(*m, m == &A ? L : 1, L);
            for (long e = 0; e < m->count; e++) (*m)[e] *= float(spread / 2);
        }
        for (const Floats* m : {&z, &loss, &dx, &sums, &dA, &dStart, &dEnd, &alpha, &beta, &p, &scratch}) fillGarbage(*m);
        for (long q = 0; q < batch; q++) lengths[q] = q % 4 == 0 ? int32_t(steps) : int32_t(generator() % uint32_t(steps + 1));
        for (long r = 0; r < n; r++) targets[r] = r / batch >= lengths[r % batch] || r % batch % 5 == 4 ? -1 : int32_t(generator() % uint32_t(L));
    }

    Dense record(bool crf) const {
        Dense d{L, H, n, batch, W, b, dW, db, x, z, loss, nullptr, dx, crf ? nullptr : +sums, scratch, {}};
        if (crf) d.crf = {A, start, end, dA, dStart, dEnd, alpha, beta, p};
        return d;
    }

    double logOfSum(const std::vector<double>& terms) const {
        double top = *std::max_element(terms.begin(), terms.end()), sum = 0;
        for (double t : terms) sum += std::exp(t - top);
        return top + std::log(sum);
    }

    // z as the kernel has it, and (21) to (23).
    void exact(const Kernels& k, const Dense& d) {
        float got[64];
        for (long e = 0; e < n * L; e++) {
            if (e % L % 64 == 0) k.outputsOfRow(d, e / L, e % L / 64, got);
            zs[e] = got[e % L % 64];
        }
        std::vector<double> terms(L);
        for (long q = 0; q < batch; q++) {
            for (long t = 0; t < lengths[q]; t++)
                for (long y = 0; y < L; y++) {
                    for (long i = 0; i < L && t > 0; i++) terms[i] = la[((t - 1) * batch + q) * L + i] + A[i * S + y];
                    la[(t * batch + q) * L + y] = zs[(t * batch + q) * L + y] + (t > 0 ? logOfSum(terms) : start[y]);
                }
            for (long t = lengths[q] - 1; t >= 0; t--)
                for (long i = 0; i < L; i++) {
                    for (long y = 0; y < L && t < lengths[q] - 1; y++)
                        terms[y] = A[i * S + y] + zs[((t + 1) * batch + q) * L + y] + lb[((t + 1) * batch + q) * L + y];
                    lb[(t * batch + q) * L + i] = t < lengths[q] - 1 ? logOfSum(terms) : end[i];
                }
        }
    }

    double logZ(long q) const {
        std::vector<double> terms(L);
        for (long y = 0; y < L; y++) terms[y] = la[((lengths[q] - 1) * batch + q) * L + y] + end[y];
        return logOfSum(terms);
    }

    double score(long q, const std::vector<int32_t>& y) const {
        double sum = 0;
        for (long t = 0; t < lengths[q]; t++) {
            const long label = y[t * batch + q];
            sum += zs[(t * batch + q) * L + label] + (t > 0 ? A[y[(t - 1) * batch + q] * S + label] : start[label]);
            if (t == lengths[q] - 1) sum += end[label];
        }
        return sum;
    }

    // (22), the score alone; allowed: see Kernel.java
    double best(long q, const std::vector<uint8_t>& allowed, bool crf) const {
        const double no = -INFINITY;
        std::vector<double> delta(L), before;
        for (long t = 0; t < lengths[q]; t++) {
            before = delta;
            for (long y = 0; y < L; y++) {
                double top = t > 0 ? no : allowed[L * L + y] ? crf * start[y] : no;
                for (long i = 0; i < L && t > 0; i++) if (allowed[i * L + y]) top = std::max(top, before[i] + crf * A[i * S + y]);
                delta[y] = top + zs[(t * batch + q) * L + y];
            }
        }
        double top = no;
        for (long y = 0; y < L; y++) if (allowed[L * L + L + y]) top = std::max(top, delta[y] + crf * end[y]);
        return top;
    }
};

void testGradients(const Kernels& k, Chain& c, const Dense& d, double tolerance) {
    const long L = c.L;
    std::vector<double> dA(L * L), dStart(L), dEnd(L);
    inParts([&](const Part& part) { return k.crfBackward(d, c.targets.data(), c.lengths.data(), SCALE, part); });
    for (long r = 0; r < c.n; r++) {
        const long q = r % c.batch, t = r / c.batch, target = c.targets[r];
        for (long y = 0; y < L; y++) {
            const double p = target < 0 ? 0 : std::exp(c.la[r * L + y] + c.lb[r * L + y] - c.logZ(q)), dz = target < 0 ? 0 : SCALE * (p - (y == target));
            near(k.name, "dz of a CRF", dz, c.z[(y / 64 * c.n + r) * 64 + y % 64], SCALE * tolerance);
            if (t == 0) dStart[y] += dz;
            if (t == c.lengths[q] - 1) dEnd[y] += dz;
            for (long i = 0; i < L && t > 0 && target >= 0; i++)
                dA[i * L + y] += SCALE * (std::exp(c.la[(r - c.batch) * L + i] + c.A[i * c.S + y] + c.zs[r * L + y] + c.lb[r * L + y] - c.logZ(q))
                                          - (y == target && i == c.targets[r - c.batch]));
        }
    }
    const double ofSums = SCALE * double(c.n) * (tolerance + double(c.n) * EPS);
    for (long y = 0; y < c.S; y++) {
        near(k.name, "dstart", y < L ? dStart[y] : 0, c.dStart[y], y < L ? ofSums : 0);
        near(k.name, "dend", y < L ? dEnd[y] : 0, c.dEnd[y], y < L ? ofSums : 0);
        for (long i = 0; i < L; i++) near(k.name, "dA", y < L ? dA[i * L + y] : 0, c.dA[i * c.S + y], y < L ? ofSums : 0);
    }
    inParts([&](const Part& part) { return k.denseBackward(d, part); });
    zeroPadding(k.name, "padding of dW of a CRF", c.dW, Panelled{c.dW, c.H, 0}, L);
    zeroPadding(k.name, "padding of db of a CRF", c.db, Panelled{c.db, 1, 0}, L);
}

void testLabels(const Kernels& k, const Chain& c, const Dense& d, double tolerance, bool crf) {
    std::vector<int32_t> labels(c.n);
    for (bool all : {true, false}) {
        std::vector<uint8_t> allowed(c.L * (c.L + 2), 1);
        for (size_t i = 1; i < allowed.size() && !all; i++) allowed[i] = i == size_t(c.L * c.L) || i == size_t(c.L * (c.L + 1)) || generator() % 2;   // label 0 for ever
        if (!all) std::memcpy(d.scratch, allowed.data(), allowed.size());
        inParts([&](const Part& part) { return k.viterbi(d, c.lengths.data(), all, labels.data(), part); });
        for (long q = 0; q < c.batch; q++) {
            double score = 0;
            for (long t = 0; t < c.steps; t++) {
                const long y = labels[t * c.batch + q], before = t > 0 ? labels[(t - 1) * c.batch + q] : c.L;
                if (t >= c.lengths[q]) {
                    near(k.name, "label past the end", -1, double(y), 0);
                    continue;
                }
                if (y < 0 || y >= c.L || !allowed[before * c.L + y] || (t == c.lengths[q] - 1 && !allowed[c.L * (c.L + 1) + y])) {
                    fail(k.name, "a label that is not allowed", double(before), double(y), 0);
                    return;
                }
                score += c.zs[(t * c.batch + q) * c.L + y];
            }
            if (c.lengths[q] == 0) continue;
            near(k.name, crf ? "score of the best labels" : "score of the best labels of a softmax", c.best(q, allowed, crf), crf ? c.score(q, labels) : score, tolerance);
        }
    }
}

void testChain(const Kernels& k, long L, long batch, long steps, double spread) {
    Chain c(L, batch, steps, spread);
    // 3 EPS for every unit of an exponential's argument, as far apart as scores lie
    const double tolerance = double(steps + 1) * (double(L) + 8 + 3 * (2 * spread + 8)) * EPS;
    const Dense d = c.record(true);
    inParts([&](const Part& part) { return k.denseForward(d, part); });
    c.exact(k, d);
    inParts([&](const Part& part) { return k.crfForward(d, nullptr, c.lengths.data(), part); });
    for (long r = 0; r < c.n; r++) near(k.name, "loss without targets", 0, c.loss[r], 0);
    inParts([&](const Part& part) { return k.crfForward(d, c.targets.data(), c.lengths.data(), part); });
    Floats into((c.n * L + 15) / 16 * 16 + 16);
    k.probabilities(d, 0, c.n, into);
    for (long q = 0; q < batch; q++) {
        double loss = 0;
        for (long t = 0; t < steps; t++) {
            loss += c.loss[t * batch + q];
            for (long y = 0; y < L; y++) {
                const long e = (t * batch + q) * L + y;
                near(k.name, "marginal", t < c.lengths[q] ? std::exp(c.la[e] + c.lb[e] - c.logZ(q)) : 0, into[e], tolerance);
            }
        }
        near(k.name, "loss of a CRF", c.lengths[q] > 0 && c.targets[q] >= 0 ? c.logZ(q) - c.score(q, c.targets) : 0, loss, tolerance);
    }
    testLabels(k, c, d, tolerance, true);
    testGradients(k, c, d, tolerance);

    const Dense softmax = c.record(false);
    inParts([&](const Part& part) { return k.denseForward(softmax, part); });
    testLabels(k, c, softmax, tolerance, false);
}

}  // namespace

void testCrf(const Kernels& k) {
    const long batches[] = {1, 3, 7, 6}, steps[] = {1, 2, 5};
    long turn = 0;
    for (long L : {1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 130})
        for (double spread : {2., 20., 60., 2e4}) {      // the last two by logarithms
            testChain(k, L, batches[turn % 4], steps[turn / 4 % 3], spread);
            turn++;
        }
    testChain(k, 5, 300, 5, 2);                          // more rows than are packed at a time
}

}  // namespace rondo
