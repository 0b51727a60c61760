// One direction of one recurrent layer over one window. The letters and the numbers in brackets are those of package-info.java.
//
// Forward, the input product of the whole window comes first; then, step by step, the recurrent product is added to it and the
// cell is applied while the sums are in registers. Backward, the gates' gradients step by step; then all that sums over steps.
// What goes step by step is shared out by sequences, which know nothing of one another, so that no step waits for the others'.
#include "cells.h"

namespace rondo::RONDO_ISA {

static long gatePanels(const Recurrent& r) { return panels(r.H, PANEL / r.cell.gates); }

// Floats of a panel of the gates.
static long gateFloats(const Recurrent& r) { return gateRows(r.seqLen * r.batch) * PANEL; }

// The s-th step that the layer takes.
static long stepAt(const Recurrent& r, long s) { return r.reverse ? r.seqLen - 1 - s : s; }

static bool isPast(const Sequences& r, long t, long b) { return t >= r.lengths[b]; }

// A part of a layer's sequences.
static Sequences sequences(const Recurrent& r, const int32_t* lengths, const Part& part) {
    const auto [first, count] = share(part, r.batch);
    Sequences s{r, count, lengths ? lengths + first : nullptr};
    float** units[] = {&s.h, &s.c, &s.tanhC, &s.dh, &s.dc};
    for (float** m : units) if (*m) *m += first * stride(r.H);
    s.gates += first * PANEL;
    return s;
}

// The input product of rows of the window, panel by panel: a panel of Wx stays in the cache while all rows pass.
static void inputProducts(const Recurrent& r, Range rows) {
    for (long p = 0; p < gatePanels(r); p++) {
        const float* b = r.b + p * PANEL;
        float* gates = gatesOf(r, 0, p) + rows.first * PANEL;
        product<4>(rows.count, Rows{r.x + rows.first * stride(r.I), stride(r.I), r.I}, r.Wx + p * r.I * PANEL,
            [&](long, long j) { return load(b + j); }, storeTo(gates, PANEL));
    }
}

template <class Cell>
static void step(const Sequences& r, long t) {
    const bool far = isFar(r);
    for (long p = 0; p < gatePanels(r); p++) {
        const float *gates = gatesOf(r, t, p), *next = gates + gateFloats(r);
        product<4>(r.count, Rows{r.h + before(r, t), stride(r.H), r.H}, r.Wh + p * r.H * PANEL,
            [&](long row, long j) {
                if (far) prefetch(next + row * PANEL + j);
                return load(gates + row * PANEL + j);
            },
            Cell::forward(r, t, p));
    }
}

// Units that are padding have sums of 0, of which the tanh is 0, as padding must be, but not the logistic function.
static void clearPadding(const Sequences& r, long t) {
    for (long row = 0; row < r.count; row++)
        for (long j = r.H; j < stride(r.H); j++) {
            const long unit = row * stride(r.H) + j;
            r.h[after(r, t) + unit] = r.c[after(r, t) + unit] = r.tanhC[t * r.batch * stride(r.H) + unit] = 0;
        }
}

// Past its length a sequence keeps its state: as if i = 0, f = 1, g = 0, o = 0, so that dc passes backward as it is.
static void keepState(const Sequences& r, long t) {
    const long S = stride(r.H);
    for (long b = 0; b < r.count; b++) {
        if (!isPast(r, t, b)) continue;
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

bool recurrentForward(const Recurrent& layer, const int32_t* lengths, const Part& part) {
    if (part.phase == 0) return inputProducts(layer, share(part, layer.seqLen * layer.batch)), true;
    const Sequences r = sequences(layer, lengths, part);
    withCell(r, [&](auto cell) {
        for (long s = 0; s < r.seqLen; s++) {
            step<decltype(cell)>(r, stepAt(r, s));
            if (r.cell.activation == SIGMOID) clearPadding(r, stepAt(r, s));
            if (r.lengths) keepState(r, stepAt(r, s));
        }
    });
    return false;
}

// out (+)= dG W; W^T lies in panels, of which those of the gates that dG has begin with `panel`.
static void timesWeights(const Recurrent& r, bool add, long rows, const Panels& dG, long panel, const float* WT, long columns, float* out) {
    forEachInputPanel(columns, [&](long q, long first, long width) {
        multiply(add, rows, width, dG, WT + (q * gatePanels(r) + panel) * PANEL * PANEL, out + first, stride(columns));
    });
}

// dx of rows of the window: a block of dG at a time, so that it stays in the second cache while it meets all of W's columns.
static void inputGradient(const Recurrent& r, Range of, const float* WxT) {
    forEachBlock(gatePanels(r), 8, [&](long panel, long count) {
        forEachBlock(of.count, 256, [&](long begin, long rows) {
            const long first = of.first + begin;
            const Panels dG{gatesOf(r, 0, panel) + first * PANEL, gateFloats(r), count * PANEL, true};
            timesWeights(r, r.addsDx || panel > 0, rows, dG, panel, WxT, r.I, r.dx + first * stride(r.I));       // (16)
        });
    });
}

// A kept state has no gates; its gradient reaches the step before as it is. dhPrev: null at the first step.
static void passGradient(const Sequences& r, long t, float* dhPrev) {
    const long S = stride(r.H);
    for (long b = 0; b < r.count; b++) {
        if (!isPast(r, t, b)) continue;
        for (long p = 0; p < gatePanels(r); p++)
            forEachVector(PANEL, [&](long j) { store(gatesOf(r, t, p) + b * PANEL + j, V{}); });
        if (dhPrev) forEachVector(r.H, [&](long j) { store(dhPrev + b * S + j, load(dhPrev + b * S + j) + load(r.dh + (t * r.batch + b) * S + j)); });
    }
}

// Gates become their gradients, from the last step to the first.
template <class Cell>
static void throughTime(const Sequences& r, const float* WhT) {
    for (long s = r.seqLen - 1; s >= 0; s--) {
        const long t = stepAt(r, s);
        float* dhPrev = s > 0 ? r.dh + stepAt(r, s - 1) * r.batch * stride(r.H) : nullptr;
        for (long p = 0; p < gatePanels(r); p++) Cell::backward(r, t, p);
        if (r.lengths) passGradient(r, t, dhPrev);
        const Panels dG{gatesOf(r, t, 0), gateFloats(r), gatePanels(r) * PANEL, false};
        if (dhPrev) timesWeights(r, true, r.count, dG, 0, WhT, r.H, dhPrev);                                   // (11)
    }
}

// dW of some inputs = sum over the window of dG x^T, a block of rows at a time, so that the block of dG stays in the nearest cache.
// packed: [inputs][PACKED_ROWS at most], a place for every input.
static void weightGradient(const Recurrent& r, const float* x, long inputs, Range of, float* packed, float* dW) {
    const long n = r.seqLen * r.batch;
    packed += of.first * (n < PACKED_ROWS ? n : PACKED_ROWS);
    forEachBlock(n, PACKED_ROWS, [&](long first, long rows) {
        Packed xT = pack(rows, Rows{x + first * stride(inputs) + of.first, stride(inputs), of.count}, packed);
        for (long p = 0; p < gatePanels(r); p++)
            multiply(first > 0, of.count, PANEL, xT, gatesOf(r, 0, p) + first * PANEL, dW + (p * inputs + of.first) * PANEL, PANEL);
    });
}

static void peepholeGradient(const Recurrent& r, Range of) {
    const long n = r.seqLen * r.batch, S = stride(r.H);
    const float *cPrev = r.c + before(r, 0), *c = r.c + after(r, 0);
    for (long p = of.first; p < of.first + of.count; p++)
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

bool recurrentBackward(const Recurrent& r, const int32_t* lengths, const Part& part) {
    const long n = r.seqLen * r.batch, G = gatePanels(r);
    float* WhT = r.scratch;
    float* WxT = WhT + panels(r.H) * G * PANEL * PANEL;
    float* packed = WxT + panels(r.I) * G * PANEL * PANEL;
    if (part.phase == 0) {
        transposeWeights(part, r.Wh, G, r.H, WhT);
    } else if (part.phase == 1) {
        const Sequences mine = sequences(r, lengths, part);
        if (r.dc) forEachVector(mine.count * stride(r.H), [&](long e) { store(mine.dc + e, V{}); });
        withCell(r, [&](auto cell) { throughTime<decltype(cell)>(mine, WhT); });
        if (r.dx) transposeWeights(part, r.Wx, G, r.I, WxT);
    } else if (part.phase == 2) {
        if (r.dx) inputGradient(r, share(part, n), WxT);
        weightGradient(r, r.x, r.I, share(part, r.I), packed, r.dWx);
    } else {
        weightGradient(r, r.h + before(r, 0), r.H, share(part, r.H), packed, r.dWh);
        const auto [first, count] = share(part, G);
        for (long p = first; p < first + count; p++) columnSums(gatesOf(r, 0, p), n, PANEL, r.db + p * PANEL);
        if (r.dp) peepholeGradient(r, {first, count});
    }
    return part.phase < 3;
}

}  // namespace rondo::RONDO_ISA
