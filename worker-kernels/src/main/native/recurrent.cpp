// One direction of one recurrent layer over one window. The letters and the numbers in brackets are those of package-info.java.
//
// Forward, the input product of the whole window comes first; then, step by step, the recurrent product is added to it and the
// cell is applied while the sums are in registers. Backward, the gates' gradients step by step; then all that sums over steps.
#include "cells.h"

namespace rondo::RONDO_ISA {

static long gatePanels(const Recurrent& r) { return panels(r.H, PANEL / r.cell.gates); }

// Floats of a panel of the gates.
static long gateFloats(const Recurrent& r) { return gateRows(r.seqLen * r.batch) * PANEL; }

// The s-th step that the layer takes.
static long stepAt(const Recurrent& r, long s) { return r.reverse ? r.seqLen - 1 - s : s; }

static bool isPast(long t, const int32_t* lengths, long b) { return t >= lengths[b]; }

// The input product of the whole window, panel by panel: a panel of Wx stays in the cache while all rows pass.
static void inputProducts(const Recurrent& r) {
    const long n = r.seqLen * r.batch;
    for (long p = 0; p < gatePanels(r); p++) {
        const float* b = r.b + p * PANEL;
        float* gates = gatesOf(r, 0, p);
        product<4>(n, Rows{r.x, stride(r.I), r.I}, r.Wx + p * r.I * PANEL,
            [&](long, long j) { return load(b + j); }, storeTo(gates, PANEL));
    }
}

template <class Cell>
static void step(const Recurrent& r, long t) {
    const bool far = isFar(r);
    for (long p = 0; p < gatePanels(r); p++) {
        const float *gates = gatesOf(r, t, p), *next = gates + gateFloats(r);
        product<4>(r.batch, Rows{r.h + before(r, t), stride(r.H), r.H}, r.Wh + p * r.H * PANEL,
            [&](long row, long j) {
                if (far) prefetch(next + row * PANEL + j);
                return load(gates + row * PANEL + j);
            },
            Cell::forward(r, t, p));
    }
}

// Units that are padding have sums of 0, of which the tanh is 0, as padding must be, but not the logistic function.
static void clearPadding(const Recurrent& r, long t) {
    for (long row = 0; row < r.batch; row++)
        for (long j = r.H; j < stride(r.H); j++) {
            const long unit = row * stride(r.H) + j;
            r.h[after(r, t) + unit] = r.c[after(r, t) + unit] = r.tanhC[t * r.batch * stride(r.H) + unit] = 0;
        }
}

// Past its length a sequence keeps its state: as if i = 0, f = 1, g = 0, o = 0, so that dc passes backward as it is.
static void keepState(const Recurrent& r, long t, const int32_t* lengths) {
    const long S = stride(r.H);
    for (long b = 0; b < r.batch; b++) {
        if (!isPast(t, lengths, b)) continue;
        const long from = before(r, t) + b * S, to = after(r, t) + b * S;
        forEachVector(r.H, [&](long j) {
            store(r.h + to + j, load(r.h + from + j));
            if (!r.c) return;
            store(r.c + to + j, load(r.c + from + j));
            store(r.tanhC + (t * r.batch + b) * S + j, V{});
        });
        for (long p = 0; p < gatePanels(r); p++)
            forEachVector(PANEL, [&](long j) { store(gatesOf(r, t, p) + b * PANEL + j, broadcast(r.c && j / UNITS == 1)); });
    }
}

void recurrentForward(const Recurrent& r, const int32_t* lengths) {
    inputProducts(r);
    withCell(r, [&](auto cell) {
        for (long s = 0; s < r.seqLen; s++) {
            step<decltype(cell)>(r, stepAt(r, s));
            if (r.cell.activation == SIGMOID) clearPadding(r, stepAt(r, s));
            if (lengths) keepState(r, stepAt(r, s), lengths);
        }
    });
}

// out (+)= dG W; W^T lies in panels, of which those of the gates that dG has begin with `panel`.
static void timesWeights(const Recurrent& r, bool add, long rows, const Panels& dG, long panel, const float* WT, long columns, float* out) {
    forEachInputPanel(columns, [&](long q, long first, long width) {
        multiply(add, rows, width, dG, WT + (q * gatePanels(r) + panel) * PANEL * PANEL, out + first, stride(columns));
    });
}

// dx of the whole window: a block of dG at a time, so that it stays in the second cache while it meets all of W's columns.
static void inputGradient(const Recurrent& r, const float* WxT) {
    forEachBlock(gatePanels(r), 8, [&](long panel, long count) {
        forEachBlock(r.seqLen * r.batch, 256, [&](long first, long rows) {
            const Panels dG{gatesOf(r, 0, panel) + first * PANEL, gateFloats(r), count * PANEL, true};
            timesWeights(r, r.addsDx || panel > 0, rows, dG, panel, WxT, r.I, r.dx + first * stride(r.I));       // (16)
        });
    });
}

// A kept state has no gates; its gradient reaches the step before as it is. dhPrev: null at the first step.
static void passGradient(const Recurrent& r, long t, const int32_t* lengths, float* dhPrev) {
    const long S = stride(r.H);
    for (long b = 0; b < r.batch; b++) {
        if (!isPast(t, lengths, b)) continue;
        for (long p = 0; p < gatePanels(r); p++)
            forEachVector(PANEL, [&](long j) { store(gatesOf(r, t, p) + b * PANEL + j, V{}); });
        if (dhPrev) forEachVector(r.H, [&](long j) { store(dhPrev + b * S + j, load(dhPrev + b * S + j) + load(r.dh + (t * r.batch + b) * S + j)); });
    }
}

// Gates become their gradients, from the last step to the first.
template <class Cell>
static void throughTime(const Recurrent& r, const int32_t* lengths, const float* WhT) {
    for (long s = r.seqLen - 1; s >= 0; s--) {
        const long t = stepAt(r, s);
        float* dhPrev = s > 0 ? r.dh + stepAt(r, s - 1) * r.batch * stride(r.H) : nullptr;
        for (long p = 0; p < gatePanels(r); p++) Cell::backward(r, t, p);
        if (lengths) passGradient(r, t, lengths, dhPrev);
        const Panels dG{gatesOf(r, t, 0), gateFloats(r), gatePanels(r) * PANEL, false};
        if (dhPrev) timesWeights(r, true, r.batch, dG, 0, WhT, r.H, dhPrev);                                   // (11)
    }
}

// dW = sum over the window of dG x^T, a block of rows at a time, so that the block of dG stays in the nearest cache.
static void weightGradient(const Recurrent& r, const float* x, long inputs, float* packed, float* dW) {
    const long n = r.seqLen * r.batch;
    forEachBlock(n, PACKED_ROWS, [&](long first, long rows) {
        Packed xT = pack(rows, Rows{x + first * stride(inputs), stride(inputs), inputs}, packed);
        for (long p = 0; p < gatePanels(r); p++)
            multiply(first > 0, inputs, PANEL, xT, gatesOf(r, 0, p) + first * PANEL, dW + p * inputs * PANEL, PANEL);
    });
}

static void peepholeGradient(const Recurrent& r) {
    const long n = r.seqLen * r.batch, S = stride(r.H);
    const float *cPrev = r.c + before(r, 0), *c = r.c + after(r, 0);
    for (long p = 0; p < gatePanels(r); p++)
        for (long j = 0; j < UNITS; j += W) {
            V di{}, df{}, dO{};
            for (long row = 0; row < n; row++) {
                const float* gate = gatesOf(r, 0, p) + row * PANEL + j;
                const long unit = row * S + p * UNITS + j;
                di = fma(load(gate), load(cPrev + unit), di);
                df = fma(load(gate + UNITS), load(cPrev + unit), df);
                dO = fma(load(gate + 3 * UNITS), load(c + unit), dO);
            }
            store(r.dp + p * PANEL + j, di);
            store(r.dp + p * PANEL + UNITS + j, df);
            store(r.dp + p * PANEL + 3 * UNITS + j, dO);
        }
}

void recurrentBackward(const Recurrent& r, const int32_t* lengths) {
    const long n = r.seqLen * r.batch, G = gatePanels(r);
    float* WhT = r.scratch;
    float* WxT = WhT + panels(r.H) * G * PANEL * PANEL;
    float* packed = WxT + panels(r.I) * G * PANEL * PANEL;
    transposeWeights(r.Wh, G, r.H, WhT);
    if (r.dc) forEachVector(r.batch * stride(r.H), [&](long e) { store(r.dc + e, V{}); });
    withCell(r, [&](auto cell) { throughTime<decltype(cell)>(r, lengths, WhT); });
    if (r.dx) {
        transposeWeights(r.Wx, G, r.I, WxT);
        inputGradient(r, WxT);
    }
    weightGradient(r, r.x, r.I, packed, r.dWx);
    weightGradient(r, r.h + before(r, 0), r.H, packed, r.dWh);
    for (long p = 0; p < G; p++) columnSums(gatesOf(r, 0, p), n, PANEL, r.db + p * PANEL);
    if (r.dp) peepholeGradient(r);
}

}  // namespace rondo::RONDO_ISA
