// What a recurrent layer does from one step to the next, beside the matrix products: recurrent.cpp is compiled for each of
// these cells. The letters and the numbers in brackets are those of package-info.java.
//
// A cell says how many of its units a panel holds; forward(r, t, p) is what happens to the sums of step t in panel p while
// they are in registers (product() in gemm.h), and backward(r, t, p) turns the panel's gates into their gradients.
#pragma once
#include "gemm.h"

namespace rondo::RONDO_ISA {

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
RONDO_INLINE float* gatesOf(const Recurrent& r, long t, long p) { return r.gates + (p * r.seqLen + t) * r.batch * PANEL; }

template <class Phi>
struct Rnn {
    static RONDO_INLINE long width(const Recurrent& r, long p) { return stride(r.H) - p * PANEL < PANEL ? stride(r.H) - p * PANEL : PANEL; }

    static RONDO_INLINE auto forward(const Recurrent& r, long t, long p) {
        const long S = stride(r.H), columns = width(r, p);
        float* h = r.h + after(r, t) + p * PANEL;
        return [=](long row, long j, V (&G)[4]) {
            RONDO_UNROLL for (long q = 0; q < 4; q++)
                if (q * UNITS < columns) store(h + row * S + q * UNITS + j, Phi::of(G[q]));                    // (17)
        };
    }

    static RONDO_INLINE void backward(const Recurrent& r, long t, long p) {
        const long S = stride(r.H);
        const float *h = r.h + after(r, t) + p * PANEL, *dh = r.dh + t * r.batch * S + p * PANEL;
        float* gates = gatesOf(r, t, p);
        for (long b = 0; b < r.batch; b++)
            for (long j = 0; j < width(r, p); j += W) store(gates + b * PANEL + j, load(dh + b * S + j) * Phi::slope(load(h + b * S + j)));
    }
};

// Candidate: the activation of g.
template <class Candidate, bool PEEPHOLE>
struct Lstm {
    static RONDO_INLINE auto forward(const Recurrent& r, long t, long p) {
        const long S = stride(r.H), unit = p * UNITS;
        const float *cPrev = r.c + before(r, t) + unit, *peephole = PEEPHOLE ? r.p + p * PANEL : nullptr;
        float *c = r.c + after(r, t) + unit, *h = r.h + after(r, t) + unit, *tanhC = r.tanhC + t * r.batch * S + unit;
        float* gates = gatesOf(r, t, p);
        return [=](long row, long j, V (&G)[4]) {
            float* gate = gates + row * PANEL + j;
            V cP = load(cPrev + row * S + j);
            if (PEEPHOLE) {                                                                                    // (19)
                G[0] = fma(load(peephole + j), cP, G[0]);
                G[1] = fma(load(peephole + UNITS + j), cP, G[1]);
            }
            V i = sigmoid(G[0]), f = sigmoid(G[1]), g = Candidate::of(G[2]);                                   // (3) (4) (5)
            V ct = fma(f, cP, i * g);                                                                          // (7)
            V o = sigmoid(PEEPHOLE ? fma(load(peephole + 3 * UNITS + j), ct, G[3]) : G[3]);                    // (6)
            V tanhCt = tanh(ct);
            store(gate, i);
            store(gate + UNITS, f);
            store(gate + 2 * UNITS, g);
            store(gate + 3 * UNITS, o);
            store(c + row * S + j, ct);
            store(tanhC + row * S + j, tanhCt);
            store(h + row * S + j, o * tanhCt);                                                                // (8)
        };
    }

    // dc passes to the step before.
    static RONDO_INLINE void backward(const Recurrent& r, long t, long p) {
        const long S = stride(r.H), state = t * r.batch * S + p * UNITS;
        const float *cPrev = r.c + before(r, t) + p * UNITS, *peephole = PEEPHOLE ? r.p + p * PANEL : nullptr;
        for (long b = 0; b < r.batch; b++) {
            float *gate = gatesOf(r, t, p) + b * PANEL, *dcRow = r.dc + b * S + p * UNITS;
            const float *dhRow = r.dh + state + b * S, *tanhCRow = r.tanhC + state + b * S;
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
