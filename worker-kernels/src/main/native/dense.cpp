// z = W x + b, its losses (softmax with cross-entropy, squared error) and their gradients.
//
// z is by far the largest matrix of a language model, larger than the caches, so it crosses memory as rarely as possible:
// written once with the product, while its panel is still in the cache the rows' maxima and sums of exponentials are brought
// up to date (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018). softmaxBackward only notes what a
// row's gradients take; denseBackward turns a panel into gradients just before it multiplies with them.
#include "gemm.h"

namespace rondo::RONDO_ISA {

// A row of d.sums. While z is computed: 16 running maxima and sums, one for each column modulo 16. Then: below.
constexpr long SUMS = 2 * UNITS;
constexpr float LOWEST = -3.4e38f;   // finite, because -inf - -inf is NaN

struct Row {
    float top, logSum;   // p = exp(z - top - logSum)
    float scale;         // dz = scale * (p - onehot(target)); 0 where the row does not count
    int32_t target;
};
static Row& rowOf(const Dense& d, long row) { return *reinterpret_cast<Row*>(d.sums + row * SUMS); }

static long columnsOf(const Dense& d, long p) { return d.outputs - p * PANEL < PANEL ? d.outputs - p * PANEL : PANEL; }

// z of one panel.
static void outputs(const Dense& d, long p, float* z) {
    const float* b = d.b + p * PANEL;
    withWidth(columnsOf(d, p), [&](auto width) {
        constexpr long N = decltype(width)::value;
        product<N>(d.rows, Rows{d.x, stride(d.inputs), d.inputs}, d.W + p * d.inputs * PANEL,
            [&](long, long j) { return load(b + j); },
            [&](long row, long j, V (&c)[N]) {
                RONDO_UNROLL for (long q = 0; q < N; q++) store(z + row * PANEL + q * UNITS + j, c[q]);
            });
    });
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
static Row finish(float* sums) {
    float top = sums[0], sum = 0;
    for (long j = 1; j < UNITS; j++) top = sums[j] > top ? sums[j] : top;
    for (long j = 0; j < UNITS; j += W) store(sums + UNITS + j, load(sums + UNITS + j) * exp(load(sums + j) - top));
    for (long j = 0; j < UNITS; j++) sum += sums[UNITS + j];
    return {top, log(broadcast(sum))[0], 0, -1};
}

static void normalize(const Dense& d, long p, float* z) {
    const long columns = columnsOf(d, p);
    for (long v = columns; v < stride(columns); v++)   // no class: probability 0
        for (long row = 0; row < d.rows; row++) z[row * PANEL + v] = -__builtin_inff();
    for (long row = 0; row < d.rows; row++) update(z + row * PANEL, columns, d.sums + row * SUMS);
}

void denseForward(const Dense& d) {
    for (long row = 0; row < d.rows; row++)
        for (long j = 0; j < UNITS; j += W) {
            store(d.sums + row * SUMS + j, broadcast(LOWEST));
            store(d.sums + row * SUMS + UNITS + j, V{});
        }
    for (long p = 0; p < panels(d.outputs); p++) {
        float* z = d.z + p * d.rows * PANEL;
        outputs(d, p, z);
        if (!d.y) normalize(d, p, z);
    }
    for (long row = 0; row < d.rows; row++) rowOf(d, row) = finish(d.sums + row * SUMS);
}

void softmaxForward(const Dense& d, const int32_t* targets) {
    for (long row = 0; row < d.rows; row++) {
        const Row& r = rowOf(d, row);
        const long y = targets ? targets[row] : -1;
        d.loss[row] = y < 0 ? 0 : r.top - d.z[(y / PANEL * d.rows + row) * PANEL + y % PANEL] + r.logSum;     // (9)
    }
}

void softmaxBackward(const Dense& d, const int32_t* targets, float scale) {
    for (long row = 0; row < d.rows; row++) {
        rowOf(d, row).scale = targets[row] < 0 ? 0 : scale;
        rowOf(d, row).target = targets[row];
    }
}

// Logits of panel p become scale * (probability - onehot(target)).
static void logitGradients(const Dense& d, long p, float* z) {
    for (long row = 0; row < d.rows; row++, z += PANEL) {
        const Row r = rowOf(d, row);
        forEachVector(columnsOf(d, p), [&](long v) { store(z + v, r.scale == 0 ? V{} : r.scale * exp(load(z + v) - r.top - r.logSum)); });
        const long y = r.target - p * PANEL;
        if (y >= 0 && y < PANEL) z[y] -= r.scale;                                             // (10)
    }
}

void squaredForward(const Dense& d, const int32_t* counts) {
    for (long row = 0; row < d.rows; row++) {
        V sum{};
        for (long p = 0; p < panels(d.outputs); p++)
            forEachVector(columnsOf(d, p), [&](long v) {
                V e = load(d.z + (p * d.rows + row) * PANEL + v) - load(d.y + row * stride(d.outputs) + p * PANEL + v);
                sum = fma(e, e, sum);
            });
        float total = 0;
        for (int j = 0; j < W; j++) total += sum[j];
        d.loss[row] = counts[row] < 0 ? 0 : total / float(d.outputs);                                          // (18)
    }
}

void squaredBackward(const Dense& d, const int32_t* counts, float scale) {
    for (long p = 0; p < panels(d.outputs); p++)
        for (long row = 0; row < d.rows; row++)
            forEachVector(columnsOf(d, p), [&](long v) {
                float* z = d.z + (p * d.rows + row) * PANEL + v;
                V e = load(z) - load(d.y + row * stride(d.outputs) + p * PANEL + v);
                store(z, counts[row] < 0 ? V{} : scale * 2 / float(d.outputs) * e);
            });
}

void denseBackward(const Dense& d) {
    const long S = stride(d.inputs);
    float* WT = d.scratch;
    Packed xT = pack(d.rows, Rows{d.x, S, d.inputs}, WT + panels(d.inputs) * PANEL * PANEL);
    for (long p = 0; p < panels(d.outputs); p++) {
        const long columns = columnsOf(d, p);
        float* dz = d.z + p * d.rows * PANEL;
        if (!d.y) logitGradients(d, p, dz);
        columnSums(dz, d.rows, columns, d.db + p * PANEL);
        multiply(false, d.inputs, columns, xT, dz, d.dW + p * d.inputs * PANEL, PANEL);
        transposeWeights(d.W + p * d.inputs * PANEL, 1, d.inputs, WT);
        for (long q = 0; q < panels(d.inputs); q++)
            multiply(p > 0, d.rows, d.inputs - q * PANEL, Rows{dz, PANEL, columns}, WT + q * PANEL * PANEL, d.dx + q * PANEL, S);
    }
}

void probabilities(const Dense& d, long row, long panel, float* into) {
    const Row r = rowOf(d, row);
    const float* z = d.z + (panel * d.rows + row) * PANEL;
    forEachVector(columnsOf(d, panel), [&](long v) { store(into + v, exp(load(z + v) - r.top - r.logSum)); });
}

}  // namespace rondo::RONDO_ISA
