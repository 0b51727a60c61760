// Embedding, dropout, optimisers and norms: one sweep over memory each.
#include "gemm.h"

namespace rondo::RONDO_ISA {

void embeddingForward(const Embedding& e, const int32_t* ids) {
    const long S = stride(e.width);
    for (long n = 0; n < e.seqLen * e.batch; n++)
        forEachVector(e.width, [&](long j) { store(e.out + n * S + j, load(e.weight + ids[n] * S + j)); });   // (1)
}

void embeddingBackward(const Embedding& e, const int32_t* ids) {
    const long S = stride(e.width);
    for (long n = 0; n < e.seqLen * e.batch; n++)
        forEachVector(e.width, [&](long j) {
            float* row = e.dWeight + ids[n] * S + j;
            store(row, load(row) + load(e.dOut + n * S + j));
        });
}

// The rows of the vocabulary from 64 * p on, at most 64.
static long rowsOf(const Embedding& e, long p) { return e.vocab - p * PANEL < PANEL ? e.vocab - p * PANEL : PANEL; }

bool tie(const Embedding& e, const Dense& d, const Part& part) {
    const long S = stride(e.width);
    const auto [first, count] = share(part, panels(e.vocab));
    for (long p = first; p < first + count; p++)
        transpose(e.weight + p * PANEL * S, S, rowsOf(e, p), e.width, d.W + p * e.width * PANEL, PANEL);
    return false;
}

// There is scratch for HEAD_PANELS panels, so more parts than these have nothing to do.
bool addTied(const Embedding& e, const Dense& d, const Part& part) {
    if (part.number >= HEAD_PANELS) return false;
    const long S = stride(e.width);
    const auto [first, count] = block(panels(e.vocab), part.number, part.parts < HEAD_PANELS ? part.parts : HEAD_PANELS);
    float* rows = d.scratch + part.number * PANEL * S;
    for (long p = first; p < first + count; p++) {
        transpose(d.dW + p * e.width * PANEL, PANEL, e.width, rowsOf(e, p), rows, S);
        for (long row = 0; row < rowsOf(e, p); row++) {
            float *to = e.dWeight + (p * PANEL + row) * S, *from = rows + row * S;
            for (long j = e.width; j < S; j++) from[j] = 0;
            forEachVector(e.width, [&](long j) { store(to + j, load(to + j) + load(from + j)); });
        }
    }
    return false;
}

// Words of the W/4 counters from `block` on: word i belongs to element 4 * block + i.
RONDO_INLINE U philox(uint32_t block, const Draw& draw) {
    U counter, key{}, multiplier{}, step{};
    for (long i = 0; i < W; i += 4) {
        counter[i] = block + i / 4;
        counter[i + 1] = draw.layer;
        counter[i + 2] = draw.window;
        counter[i + 3] = draw.shard;
        key[i] = uint32_t(draw.seed);
        key[i + 2] = uint32_t(draw.seed >> 32);
        multiplier[i] = 0xd2511f53u;
        multiplier[i + 2] = 0xcd9e8d57u;
        step[i] = 0x9e3779b9u;
        step[i + 2] = 0xbb67ae85u;
    }
    RONDO_UNROLL for (int round = 0; round < 10; round++, key += step) counter = philoxRound(counter, key, multiplier);
    return counter;
}

// A part of `count` floats, a multiple of 16, in whole vectors.
static Range floats(const Part& part, long count) {
    const auto [first, vectors] = share(part, count / UNITS);
    return {first * UNITS, vectors * UNITS};
}

bool dropout(const float* from, float* to, long count, long period, uint32_t threshold, float scale, const Draw& draw, const Part& part) {
    for (long first = 0; first < count; first += period) {
        const Range mine = floats(part, count - first < period ? count - first : period);
        forEachVector(mine.count, [&](long v) {
            const long e = mine.first + v;
            U words = philox(uint32_t(e / 4), draw);
            store(to + first + e, words >= threshold ? load(from + first + e) * scale : V{});                 // (2)
        });
    }
    return false;
}

// Sixteen lanes of doubles: lane i takes the elements that are i modulo 16, whatever W.
template <bool SQUARED>
static double sumOf(const float* x, long count) {
    typedef double D __attribute__((vector_size(64)));
    typedef float F __attribute__((vector_size(32), aligned(4), may_alias));
    D lanes[2] = {};
    for (long e = 0; e < count; e += 16)
        RONDO_UNROLL for (int i = 0; i < 2; i++) {
            D v = __builtin_convertvector(*reinterpret_cast<const F*>(x + e + 8 * i), D);
            lanes[i] += SQUARED ? v * v : v;
        }
    double total = 0;
    for (int i = 0; i < 16; i++) total += lanes[i / 8][i % 8];
    return total;
}

double sum(const float* x, long count) { return sumOf<false>(x, count); }

double sumOfSquares(const float* x, long count) { return sumOf<true>(x, count); }

bool sgd(float* parameters, const float* gradients, float* v, long count, const Sgd& s, const Part& part) {
    const Range mine = floats(part, count);
    parameters += mine.first, gradients += mine.first;
    if (!v) {
        const V rate = broadcast(-s.learningRate * s.scale);
        forEachVector(mine.count, [&](long e) { store(parameters + e, fma(rate, load(gradients + e), load(parameters + e))); });
        return false;
    }
    v += mine.first;
    forEachVector(mine.count, [&](long e) {
        V g = s.scale * load(gradients + e), v1 = s.first ? g : fma(broadcast(s.momentum), load(v + e), g);
        V step = s.nesterov ? fma(broadcast(s.momentum), v1, g) : v1;
        store(v + e, v1);
        store(parameters + e, fma(broadcast(-s.learningRate), step, load(parameters + e)));
    });
    return false;
}

bool adam(float* parameters, const float* gradients, float* m, float* v, long count, const Adam& a, const Part& part) {
    const Range mine = floats(part, count);
    parameters += mine.first, gradients += mine.first, m += mine.first, v += mine.first;
    const float kept = 1 - a.learningRate * a.weightDecay;
    forEachVector(mine.count, [&](long e) {
        V g = a.scale * load(gradients + e);
        V m1 = fma(broadcast(a.beta1), load(m + e), (1 - a.beta1) * g);
        V v1 = fma(broadcast(a.beta2), load(v + e), (1 - a.beta2) * g * g);
        store(m + e, m1);
        store(v + e, v1);
        store(parameters + e, kept * load(parameters + e) - a.learningRate / a.correction1 * m1 / (sqrt(v1) / a.correction2 + a.epsilon));
    });
    return false;
}

void rowsToPanel(const float* rows, long columns, float* panel) { transpose(rows, columns, PANEL, columns, panel, PANEL); }

void panelToRows(const float* panel, long columns, float* rows) { transpose(panel, PANEL, columns, PANEL, rows, columns); }

double fmaPeak(long iterations, float* sink) {
    V x[TILE][4], a = broadcast(0.999f), b = broadcast(0.001f);
    for (auto& row : x) for (V& v : row) v = a;
    for (long i = 0; i < iterations; i++)
        RONDO_UNROLL for (int m = 0; m < TILE; m++)
            RONDO_UNROLL for (int n = 0; n < 4; n++) x[m][n] = fma(x[m][n], a, b);
    V sum{};
    for (auto& row : x) for (V& v : row) sum += v;
    for (int j = 0; j < UNITS; j += W) store(sink + j, sum);
    return 2.0 * iterations * TILE * 4 * W;
}

}  // namespace rondo::RONDO_ISA
