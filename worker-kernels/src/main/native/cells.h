// What a recurrent layer does from one step to the next, beside the matrix products: recurrent.cpp is compiled for each of
// these cells. The letters and the numbers in brackets are those of package-info.java.
//
// A cell says how many of its units a panel holds; forward(r, t, p) is what happens to the sums of step t in panel p while
// a tile of them is in registers (product() in gemm.h), and backward(r, t, p) turns the panel's gates into their gradients.
#pragma once
#include "gemm.h"

namespace rondo::RONDO_ISA {

// `count` of a layer's sequences: what has a row for each sequence begins at the first of them. `batch` is still the layer's.
struct Sequences : Recurrent {
    long count;
    const int32_t* lengths;   // null where all are seqLen
};

// slope: the derivative, from the value.
struct Tanh {
    static RONDO_INLINE V of(V x) { return tanh(x); }
    static RONDO_INLINE V slope(V y) { return 1.f - y * y; }
};

struct Sigmoid {
    static RONDO_INLINE V of(V x) { return sigmoid(x); }
    static RONDO_INLINE V slope(V y) { return y * (1.f - y); }
};

struct Relu {
    static RONDO_INLINE V of(V x) { return max(V{}, x); }
    static RONDO_INLINE V slope(V y) { return y > 0.f ? broadcast(1) : V{}; }
};

// The state that step t starts from, and the one that it leaves: floats from h or c.
RONDO_INLINE long before(const Recurrent& r, long t) { return (t + r.reverse) * r.batch * stride(r.H); }
RONDO_INLINE long after(const Recurrent& r, long t) { return (t + 1 - r.reverse) * r.batch * stride(r.H); }

// Step t of panel p of the gates.
RONDO_INLINE float* gatesOf(const Recurrent& r, long t, long p) { return r.gates + (p * gateRows(r.seqLen * r.batch) + t * r.batch) * PANEL; }

// Whether the gates of a window, in bytes, are more than a second cache of 1 MB holds: then what one step leaves is far when it is
// read again, and is asked for ahead, which costs more than it gives where it is near.
RONDO_INLINE bool isFar(const Recurrent& r) { return r.seqLen * r.batch * stride(r.H) * r.cell.gates * 4 > 1 << 20; }

template <class Phi>
struct Rnn {
    static RONDO_INLINE long width(const Recurrent& r, long p) { return stride(r.H) - p * PANEL < PANEL ? stride(r.H) - p * PANEL : PANEL; }

    static RONDO_INLINE auto forward(const Recurrent& r, long t, long p) {
        const long S = stride(r.H), columns = width(r, p);
        float* h = r.h + after(r, t) + p * PANEL;
        return [=](long first, long j, auto& G) {
            RONDO_UNROLL for (long m = 0; m < G.rows; m++)
                RONDO_UNROLL for (long q = 0; q < 4; q++)
                    if (q * UNITS < columns) store(h + (first + m) * S + q * UNITS + j, Phi::of(G[m][q]));     // (17)
        };
    }

    static RONDO_INLINE void backward(const Sequences& r, long t, long p) {
        const long S = stride(r.H);
        const float *h = r.h + after(r, t) + p * PANEL, *dh = r.dh + t * r.batch * S + p * PANEL;
        float* gates = gatesOf(r, t, p);
        for (long b = 0; b < r.count; b++)
            for (long j = 0; j < width(r, p); j += W) store(gates + b * PANEL + j, load(dh + b * S + j) * Phi::slope(load(h + b * S + j)));
    }
};

// Candidate: the activation of g.
template <class Candidate, bool PEEPHOLE>
struct Lstm {
    // Gate by gate for all rows of the tile, because what one row does next waits for what it did before.
    static RONDO_INLINE auto forward(const Recurrent& r, long t, long p) {
        const long S = stride(r.H), unit = p * UNITS;
        const float *cPrev = r.c + before(r, t) + unit, *peephole = PEEPHOLE ? r.p + p * PANEL : nullptr;
        float *c = r.c + after(r, t) + unit, *h = r.h + after(r, t) + unit, *tanhC = r.tanhC + t * r.batch * S + unit;
        float* gates = gatesOf(r, t, p);
        const bool far = isFar(r);
        return [=](long first, long j, auto& G) {
            const long M = G.rows;
            const long at = first * S + j;
            auto gate = [&](long q, auto f) {
                RONDO_UNROLL for (long m = 0; m < M; m++) store(gates + (first + m) * PANEL + q * UNITS + j, G[m][q] = f(m, G[m][q]));
            };
            auto seeing = [&](long q, const float* state) {                                                    // (19)
                return [=](long m, V sum) { return sigmoid(PEEPHOLE ? fma(load(peephole + q * UNITS + j), load(state + at + m * S), sum) : sum); };
            };
            gate(0, seeing(0, cPrev));                                                                         // (3)
            gate(1, seeing(1, cPrev));                                                                         // (4)
            gate(2, [](long, V sum) { return Candidate::of(sum); });                                           // (5)
            RONDO_UNROLL for (long m = 0; m < M; m++)
                store(c + at + m * S, fma(G[m][1], load(cPrev + at + m * S), G[m][0] * G[m][2]));              // (7)
            gate(3, seeing(3, c));                                                                             // (6)
            RONDO_UNROLL for (long m = 0; m < M; m++) {
                V tanhCt = tanh(load(c + at + m * S));
                store(tanhC + at + m * S, tanhCt);
                store(h + at + m * S, G[m][3] * tanhCt);                                                       // (8)
                if (far) prefetch(c + at + m * S + UNITS), prefetch(tanhC + at + m * S + UNITS), prefetch(h + at + m * S + UNITS);
            }
        };
    }

    // dc passes to the step before.
    static RONDO_INLINE void backward(const Sequences& r, long t, long p) {
        const long S = stride(r.H), state = t * r.batch * S + p * UNITS;
        const float *cPrev = r.c + before(r, t) + p * UNITS, *peephole = PEEPHOLE ? r.p + p * PANEL : nullptr;
        const bool far = isFar(r);
        for (long b = 0; b < r.count; b++) {
            float *gate = gatesOf(r, t, p) + b * PANEL, *dcRow = r.dc + b * S + p * UNITS;
            const float *dhRow = r.dh + state + b * S, *tanhCRow = r.tanhC + state + b * S;
            if (far) {
                for (long q = 0; q < 4; q++) prefetch(gate + gateRows(r.seqLen * r.batch) * PANEL + q * UNITS);
                prefetch(dhRow + UNITS), prefetch(tanhCRow + UNITS), prefetch(cPrev + b * S + UNITS);
            }
            for (long j = 0; j < UNITS; j += W) {
                V i = load(gate + j), f = load(gate + UNITS + j), g = load(gate + 2 * UNITS + j), o = load(gate + 3 * UNITS + j);
                V dh = load(dhRow + j), tanhC = load(tanhCRow + j);
                V dO = dh * tanhC * (o * (1.f - o));                                                           // (12) (14)
                V dc = fma(dh * o, 1.f - tanhC * tanhC, load(dcRow + j));
                if (PEEPHOLE) dc = fma(dO, load(peephole + 3 * UNITS + j), dc);
                V di = dc * g * (i * (1.f - i)), df = dc * load(cPrev + b * S + j) * (f * (1.f - f));          // (13) (14)
                V dcPrev = dc * f;                                                                             // (15)
                if (PEEPHOLE) dcPrev = fma(di, load(peephole + j), fma(df, load(peephole + UNITS + j), dcPrev));
                store(gate + j, di);
                store(gate + UNITS + j, df);
                store(gate + 2 * UNITS + j, dc * i * Candidate::slope(g));
                store(gate + 3 * UNITS + j, dO);
                store(dcRow + j, dcPrev);
            }
        }
    }
};

// Calls f with the layer's cell: the choice is made before the loop over time.
template <class F>
static void withCell(const Recurrent& r, F f) {
    const bool sigmoid = r.cell.activation == SIGMOID;
    if (r.cell.gates == 1) {
        if (r.cell.activation == RELU) f(Rnn<Relu>());
        else f(Rnn<Tanh>());
    } else if (r.cell.peephole) {
        if (sigmoid) f(Lstm<Sigmoid, true>());
        else f(Lstm<Tanh, true>());
    } else {
        if (sigmoid) f(Lstm<Sigmoid, false>());
        else f(Lstm<Tanh, false>());
    }
}

}  // namespace rondo::RONDO_ISA
