// One LSTM layer over one window. The letters and the numbers in brackets are those of package-info.java.
#include "gemm.h"

namespace rondo::RONDO_ISA {

// The input product of the whole window, panel by panel: a panel of Wx stays in the cache while all rows pass.
static void inputProducts(const Lstm& l) {
    const long n = l.seqLen * l.batch;
    for (long p = 0; p < panels(l.H, UNITS); p++) {
        const float* b = l.b + p * PANEL;
        float* gates = l.gates + p * n * PANEL;
        product<4>(n, Rows{l.x, stride(l.I), l.I}, l.Wx + p * l.I * PANEL,
            [&](long, long j) { return load(b + j); },
            [&](long row, long j, V (&G)[4]) {
                RONDO_UNROLL for (long q = 0; q < 4; q++) store(gates + row * PANEL + q * UNITS + j, G[q]);
            });
    }
}

// Step t (from 0) of panel p: 16 hidden units of every stream.
static void step(const Lstm& l, long t, long p) {
    const long S = stride(l.H), state = t * l.batch * S, unit = p * UNITS;
    const float *cPrev = l.c + state + unit, *hPrev = l.h + state;
    float *c = l.c + state + l.batch * S + unit, *h = l.h + state + l.batch * S + unit, *tanhC = l.tanhC + state + unit;
    float* gates = l.gates + (p * l.seqLen + t) * l.batch * PANEL;
    product<4>(l.batch, Rows{hPrev, S, l.H}, l.Wh + p * l.H * PANEL,
        [&](long row, long j) { return load(gates + row * PANEL + j); },
        [&](long row, long j, V (&G)[4]) {
            float* gate = gates + row * PANEL + j;
            V i = sigmoid(G[0]), f = sigmoid(G[1]), g = tanh(G[2]), o = sigmoid(G[3]);     // (3) (4) (5) (6)
            V ct = fma(f, load(cPrev + row * S + j), i * g);                               // (7)
            V tanhCt = tanh(ct);
            store(gate, i);
            store(gate + UNITS, f);
            store(gate + 2 * UNITS, g);
            store(gate + 3 * UNITS, o);
            store(c + row * S + j, ct);
            store(tanhC + row * S + j, tanhCt);
            store(h + row * S + j, o * tanhCt);                                            // (8)
        });
}

void lstmForward(const Lstm& l) {
    inputProducts(l);
    for (long t = 0; t < l.seqLen; t++)
        for (long p = 0; p < panels(l.H, UNITS); p++) step(l, t, p);
}

// Gates of step t become their gradients; dc passes to step t - 1.
static void gateGradients(const Lstm& l, long t) {
    const long S = stride(l.H);
    for (long p = 0; p < panels(l.H, UNITS); p++)
        for (long b = 0; b < l.batch; b++) {
            const long row = t * l.batch + b, unit = row * S + p * UNITS;
            float *gate = l.gates + (p * l.seqLen * l.batch + row) * PANEL, *dcRow = l.dc + b * S + p * UNITS;
            for (long j = 0; j < UNITS; j += W) {
                V i = load(gate + j), f = load(gate + UNITS + j), g = load(gate + 2 * UNITS + j), o = load(gate + 3 * UNITS + j);
                V dh = load(l.dh + unit + j), tanhC = load(l.tanhC + unit + j);
                V dO = dh * tanhC;                                                             // (12)
                V dc = fma(dh * o, 1.f - tanhC * tanhC, load(dcRow + j));
                V di = dc * g, df = dc * load(l.c + unit + j), dg = dc * i;                    // (13)
                store(gate + j, di * (i * (1.f - i)));                                         // (14)
                store(gate + UNITS + j, df * (f * (1.f - f)));
                store(gate + 2 * UNITS + j, dg * (1.f - g * g));
                store(gate + 3 * UNITS + j, dO * (o * (1.f - o)));
                store(dcRow + j, dc * f);                                                      // (15)
            }
        }
}

// out (+)= dG W for rows of the window; W^T lies in panels.
static void timesWeights(const Lstm& l, bool add, long first, long rows, const float* WT, long columns, float* out) {
    const long G = panels(l.H, UNITS) * PANEL;
    const Panels dG{l.gates + first * PANEL, l.seqLen * l.batch * PANEL, G};
    for (long q = 0; q < panels(columns); q++)
        multiply(add, rows, columns - q * PANEL, dG, WT + q * G * PANEL, out + q * PANEL, stride(columns));
}

// dW = sum over the window of dG x^T, a block of rows at a time, so that the block of dG stays in the nearest cache.
static void weightGradient(const Lstm& l, const float* x, long inputs, float* packed, float* dW) {
    const long n = l.seqLen * l.batch;
    for (long first = 0; first < n; first += PACKED_ROWS) {
        const long rows = n - first < PACKED_ROWS ? n - first : PACKED_ROWS;
        Packed xT = pack(rows, Rows{x + first * stride(inputs), stride(inputs), inputs}, packed);
        for (long p = 0; p < panels(l.H, UNITS); p++)
            multiply(first > 0, inputs, PANEL, xT, l.gates + (p * n + first) * PANEL, dW + p * inputs * PANEL, PANEL);
    }
}

static void biasGradient(const Lstm& l) {
    const long n = l.seqLen * l.batch;
    for (long p = 0; p < panels(l.H, UNITS); p++)
        forEachVector(PANEL, [&](long j) {
            V sum{};
            for (long row = 0; row < n; row++) sum += load(l.gates + (p * n + row) * PANEL + j);
            store(l.db + p * PANEL + j, sum);
        });
}

void lstmBackward(const Lstm& l) {
    const long n = l.seqLen * l.batch, P = panels(l.H, UNITS);
    float* WhT = l.scratch;
    float* WxT = WhT + panels(l.H) * P * PANEL * PANEL;
    float* packed = WxT + panels(l.I) * P * PANEL * PANEL;
    transposeWeights(l.Wh, P, l.H, WhT);
    for (long e = 0; e < l.batch * stride(l.H); e += W) store(l.dc + e, V{});
    for (long t = l.seqLen - 1; t >= 0; t--) {
        gateGradients(l, t);
        if (t > 0) timesWeights(l, true, t * l.batch, l.batch, WhT, l.H, l.dh + (t - 1) * l.batch * stride(l.H));   // (11)
    }
    if (l.dx) {
        transposeWeights(l.Wx, P, l.I, WxT);
        timesWeights(l, false, 0, n, WxT, l.I, l.dx);                                          // (16)
    }
    weightGradient(l, l.x, l.I, packed, l.dWx);
    weightGradient(l, l.h, l.H, packed, l.dWh);
    biasGradient(l);
}

}  // namespace rondo::RONDO_ISA
