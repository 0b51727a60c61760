// z = W x + b, softmax and cross-entropy over one window.
//
// z is by far the largest matrix of a language model, larger than the caches, so it crosses memory as rarely as possible:
// written once with the product, while its panel is still in the cache the rows' maxima and sums of exponentials are brought
// up to date (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018); the backward pass turns a panel
// into gradients just before it multiplies with them.
#include "gemm.h"

namespace rondo::RONDO_ISA {

// A row of s.sums. While z is computed: 16 running maxima and sums, one for each column modulo 16. Then: see kernel.h.
constexpr long SUMS = 2 * UNITS;
constexpr float LOWEST = -3.4e38f;   // finite, because -inf - -inf is NaN

static long columnsOf(const Softmax& s, long p) { return s.vocab - p * PANEL < PANEL ? s.vocab - p * PANEL : PANEL; }

static void logits(const Softmax& s, long p, float* z) {
    const long n = s.seqLen * s.batch;
    const float* b = s.b + p * PANEL;
    withWidth(columnsOf(s, p), [&](auto width) {
        constexpr long N = decltype(width)::value;
        product<N>(n, Rows{s.x, stride(s.H), s.H}, s.W + p * s.H * PANEL,
            [&](long, long j) { return load(b + j); },
            [&](long row, long j, V (&c)[N]) {
                RONDO_UNROLL for (long q = 0; q < N; q++) store(z + row * PANEL + q * UNITS + j, c[q]);
            });
    });
    for (long v = columnsOf(s, p); v < stride(columnsOf(s, p)); v++)   // no token: probability 0
        for (long row = 0; row < n; row++) z[row * PANEL + v] = -__builtin_inff();
}

// max and sum of a row take in the row's logits of one panel.
static void update(const float* z, long columns, float* sums) {
    for (long j = 0; j < UNITS; j += W) {
        V before = load(sums + j), top = before;
        for (long v = j; v < columns; v += UNITS) top = max(top, load(z + v));
        V sum = load(sums + UNITS + j) * exp(before - top);
        for (long v = j; v < columns; v += UNITS) sum += exp(load(z + v) - top);
        store(sums + j, top);
        store(sums + UNITS + j, sum);
    }
}

// 16 maxima and sums become the row's maximum and the logarithm of its sum of exp(z - maximum).
static void finish(float* sums) {
    float top = sums[0], sum = 0;
    for (long j = 1; j < UNITS; j++) top = sums[j] > top ? sums[j] : top;
    for (long j = 0; j < UNITS; j += W) store(sums + UNITS + j, load(sums + UNITS + j) * exp(load(sums + j) - top));
    for (long j = 0; j < UNITS; j++) sum += sums[UNITS + j];
    sums[0] = top;
    sums[1] = log(broadcast(sum))[0];
}

void softmaxForward(const Softmax& s, const int32_t* targets) {
    const long n = s.seqLen * s.batch;
    for (long row = 0; row < n; row++)
        for (long j = 0; j < UNITS; j += W) {
            store(s.sums + row * SUMS + j, broadcast(LOWEST));
            store(s.sums + row * SUMS + UNITS + j, V{});
        }
    for (long p = 0; p < panels(s.vocab); p++) {
        float* z = s.z + p * n * PANEL;
        logits(s, p, z);
        for (long row = 0; row < n; row++) update(z + row * PANEL, columnsOf(s, p), s.sums + row * SUMS);
    }
    for (long row = 0; row < n; row++) {
        float* sums = s.sums + row * SUMS;
        finish(sums);
        const long y = targets ? targets[row] : -1;
        s.loss[row] = y < 0 ? 0 : sums[0] - s.z[(y / PANEL * n + row) * PANEL + y % PANEL] + sums[1];   // (9)
    }
}

// Logits of panel p become scale * (probability - onehot(target)); db their sums.
static void logitGradients(const Softmax& s, const int32_t* targets, float scale, long p, float* z) {
    float* db = s.db + p * PANEL;
    forEachVector(columnsOf(s, p), [&](long v) { store(db + v, V{}); });
    for (long row = 0; row < s.seqLen * s.batch; row++, z += PANEL) {
        const float top = s.sums[row * SUMS], logSum = s.sums[row * SUMS + 1];
        const bool counts = targets[row] >= 0;
        forEachVector(columnsOf(s, p), [&](long v) {
            V dz = counts ? scale * exp(load(z + v) - top - logSum) : V{};
            store(z + v, dz);
            store(db + v, load(db + v) + dz);
        });
        const long y = targets[row] - p * PANEL;
        if (y >= 0 && y < PANEL) {
            z[y] -= scale;                                                                             // (10)
            db[y] -= scale;
        }
    }
}

void softmaxBackward(const Softmax& s, const int32_t* targets, float scale) {
    const long n = s.seqLen * s.batch, S = stride(s.H);
    float* WT = s.scratch;
    Packed xT = pack(n, Rows{s.x, S, s.H}, WT + panels(s.H) * PANEL * PANEL);
    for (long p = 0; p < panels(s.vocab); p++) {
        float* dz = s.z + p * n * PANEL;
        logitGradients(s, targets, scale, p, dz);
        multiply(false, s.H, columnsOf(s, p), xT, dz, s.dW + p * s.H * PANEL, PANEL);
        transposeWeights(s.W + p * s.H * PANEL, 1, s.H, WT);
        for (long q = 0; q < panels(s.H); q++)
            multiply(p > 0, n, s.H - q * PANEL, Rows{dz, PANEL, columnsOf(s, p)}, WT + q * PANEL * PANEL, s.dx + q * PANEL, S);
    }
}

void probabilities(const Softmax& s, long row, long panel, float* into) {
    const float *sums = s.sums + row * SUMS, *z = s.z + (panel * s.seqLen * s.batch + row) * PANEL;
    forEachVector(columnsOf(s, panel), [&](long v) { store(into + v, exp(load(z + v) - sums[0] - sums[1])); });
}

}  // namespace rondo::RONDO_ISA
