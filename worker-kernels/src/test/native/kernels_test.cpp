// Every operation of every instruction set of this machine against plain loops in double precision, at sizes around the
// widths of registers, panels and tiles: the sweeps here, layers in recurrent_test.cpp, dense_test.cpp and crf_test.cpp. Every matrix is an
// allocation of its own, so that the address sanitizer, with which this is built, sees an access one float beside it.
#include "test.h"

using namespace rondo;

#define FUNCTIONS(isa) namespace rondo::isa { \
    void exps(const float*, float*, long); void sigmoids(const float*, float*, long); \
    void tanhs(const float*, float*, long); void logs(const float*, float*, long); }
FUNCTIONS(portable)
#if defined(RONDO_X86)
FUNCTIONS(avx2)
FUNCTIONS(avx512)
#endif

namespace {

void testEmbedding(const Kernels& k, long V, long width) {
    const long n = 12, S = stride(width);
    Floats weight(V * S), dWeight(V * S), out(n * S), dOut(n * S);
    fillRows(weight, V, width);
    fillRows(dOut, n, width);
    std::vector<int32_t> ids(n);
    for (auto& id : ids) id = int32_t(generator() % uint32_t(V));
    Embedding e{V, width, 4, 3, weight, dWeight, out, dOut};
    k.embeddingForward(e, ids.data());
    k.embeddingBackward(e, ids.data());
    std::vector<float> sums(V * S);
    for (long r = 0; r < n; r++)
        for (long j = 0; j < S; j++) {
            near(k.name, "embedding", weight[ids[r] * S + j], out[r * S + j], 0);
            sums[ids[r] * S + j] += dOut[r * S + j];
        }
    for (long i = 0; i < V * S; i++) near(k.name, "d embedding", sums[i], dWeight[i], 0);
}

// Salmon et al. 2011, one counter at a time.
void philox(uint64_t key, uint32_t (&c)[4]) {
    uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
        uint64_t p0 = 0xd2511f53ull * c[0], p1 = 0xcd9e8d57ull * c[2];
        uint32_t next[4] = {uint32_t(p1 >> 32) ^ c[1] ^ k0, uint32_t(p1), uint32_t(p0 >> 32) ^ c[3] ^ k1, uint32_t(p0)};
        std::memcpy(c, next, sizeof next);
    }
}

void testDropout(const Kernels& k) {
    uint32_t zero[4] = {}, known[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};   // Random123's known answer
    philox(0, zero);
    for (int i = 0; i < 4; i++) near(k.name, "the test's own Philox", known[i], zero[i], 0);
    for (Draw draw : {Draw{0, 0, 0, 0}, Draw{0x123456789abcdef0ull, 1, 2, 3}, Draw{~0ull, ~0u, ~0u, ~0u}})
        for (auto sizes : {std::pair<long, long>{16, 16}, {48, 16}, {64, 32}, {64, 64}, {1040, 1040}, {960, 320}}) {
            const long count = sizes.first, period = sizes.second;      // clang before 16 captures no structured binding
            Floats ones(count), kept(count);
            for (long e = 0; e < count; e++) ones[e] = 1;
            for (long e = 0; e < count; e++) {
                uint32_t words[4] = {uint32_t(e % period / 4), draw.layer, draw.window, draw.shard};
                philox(draw.seed, words);
                const uint32_t word = words[e % 4];   // kept at a threshold of its value, dropped at one more
                inParts([&](const Part& part) { return k.dropout(ones, kept, count, period, word, 1.25f, draw, part); });
                near(k.name, "kept", 1.25, kept[e], 0);
                if (word == ~0u) continue;
                inParts([&](const Part& part) { return k.dropout(ones, kept, count, period, word + 1, 1.25f, draw, part); });
                near(k.name, "dropped", 0, kept[e], 0);
            }
        }
}

void testSweeps(const Kernels& k) {
    for (long count : {16, 48, 64, 656}) {
        Floats w(count), g(count), m(count), v(count), before(count);
        fillRows(w, 1, count);
        fillRows(g, 1, count);
        fillRows(m, 1, count);
        fillRows(v, 1, count);
        double sum = 0, squares = 0;
        for (long e = 0; e < count; e++) {
            before[e] = w[e];
            sum += g[e];
            squares += double(g[e]) * g[e];
        }
        near(k.name, "sum", sum, k.sum(g, count), 1e-12);
        near(k.name, "sum of squares", squares, k.sumOfSquares(g, count), 1e-12);
        inParts([&](const Part& part) { return k.sgd(w, g, nullptr, count, {0.6f, 0, 0.5f, false, false}, part); });
        for (long e = 0; e < count; e++) near(k.name, "sgd", before[e] - double(0.6f) * 0.5 * g[e], w[e], 4 * EPS);
        for (int form = 0; form < 4; form++) {
            const Sgd s{0.6f, 0.9f, 0.5f, form % 2 == 1, form / 2 == 1};
            Floats v0(count), w0(count);
            std::memcpy(v0, v, size_t(count) * 4);
            std::memcpy(w0, w, size_t(count) * 4);
            inParts([&](const Part& part) { return k.sgd(w, g, v, count, s, part); });
            for (long e = 0; e < count; e++) {
                double gradient = 0.5 * g[e], v1 = s.first ? gradient : double(s.momentum) * v0[e] + gradient;
                double step = s.nesterov ? gradient + double(s.momentum) * v1 : v1;
                near(k.name, "velocity", v1, v[e], 8 * EPS);
                near(k.name, "sgd with momentum", w0[e] - double(s.learningRate) * step, w[e], 16 * EPS);
            }
        }
        for (long e = 0; e < count; e++) v[e] = std::fabs(v[e]);
        const Adam a{0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.5f, float(1 - std::pow(0.9, 3)), float(std::sqrt(1 - std::pow(0.999, 3)))};
        Floats m0(count), v0(count), w0(count);
        std::memcpy(m0, m, size_t(count) * 4);
        std::memcpy(v0, v, size_t(count) * 4);
        std::memcpy(w0, w, size_t(count) * 4);
        inParts([&](const Part& part) { return k.adam(w, g, m, v, count, a, part); });
        for (long e = 0; e < count; e++) {
            double gradient = 0.5 * g[e], m1 = double(a.beta1) * m0[e] + (1 - double(a.beta1)) * gradient;
            double v1 = double(a.beta2) * v0[e] + (1 - double(a.beta2)) * gradient * gradient;
            double step = a.learningRate / a.correction1 * m1 / (std::sqrt(v1) / a.correction2 + a.epsilon);
            near(k.name, "m", m1, m[e], 8 * EPS);
            near(k.name, "v", v1, v[e], 8 * EPS);
            near(k.name, "adam", w0[e] * (1 - double(a.learningRate) * a.weightDecay) - step, w[e], 8 * EPS * (2 + std::fabs(step)));
        }
    }
}

void testPanels(const Kernels& k) {
    for (long columns : {1, 3, 16, 17, 65}) {
        Floats rows(64 * columns), panel(64 * columns), back(64 * columns);
        fillRows(rows, 1, 64 * columns);
        k.rowsToPanel(rows, columns, panel);
        k.panelToRows(panel, columns, back);
        for (long r = 0; r < 64; r++)
            for (long j = 0; j < columns; j++) near(k.name, "panel", rows[r * columns + j], panel[j * 64 + r], 0);
        for (long e = 0; e < 64 * columns; e++) near(k.name, "rows of a panel", rows[e], back[e], 0);
    }
}

// The largest error over [low, high], in units of the last place of the result, must be below what simd.h says.
void testFunction(const char* isa, const char* what, void (*f)(const float*, float*, long), double (*exact)(double),
                  double low, double high, double ulps) {
    constexpr long COUNT = 1 << 18;
    std::vector<float> x(COUNT), y(COUNT);
    for (long i = 0; i < COUNT; i++) x[i] = float(i % 2 ? low + (high - low) * double(i) / COUNT : low + (high - low) * std::pow(uniform(), 8));
    f(x.data(), y.data(), COUNT);
    double worst = 0, at = 0;
    for (long i = 0; i < COUNT; i++) {
        double expected = exact(x[i]), ulp = std::ldexp(1, std::max(-126, std::ilogb(expected)) - 23);
        double error = std::fabs(y[i] - expected) / ulp;
        if (!(error <= worst)) { worst = error; at = x[i]; }
    }
    std::printf("%s %s: %.2f ulp at %g\n", isa, what, worst, at);
    if (!(worst <= ulps)) fail(isa, what, exact(at), worst, ulps);
}

// In every lane, whatever the registers' width.
void testAt(const char* isa, const char* what, void (*f)(const float*, float*, long), float at, float expected, double tolerance) {
    float x[16], y[16];
    std::fill_n(x, 16, at);
    f(x, y, 16);
    for (float got : y)
        if (std::isnan(expected) ? !std::isnan(got) : !(std::fabs(got - expected) <= tolerance)) fail(isa, what, expected, got, tolerance);
}

// tail: of exponentials far from 0.
#define TEST_FUNCTIONS(isa, tail) \
    testAt(#isa, "exp of -inf", isa::exps, -INFINITY, 0, 0); \
    testAt(#isa, "exp of inf", isa::exps, INFINITY, float(std::exp(88.0)), tail * 2.1e31); \
    testAt(#isa, "exp of NaN", isa::exps, NAN, NAN, 0); \
    testAt(#isa, "sigmoid of -inf", isa::sigmoids, -INFINITY, 0, 1e-38); \
    testAt(#isa, "sigmoid of inf", isa::sigmoids, INFINITY, 1, 0); \
    testAt(#isa, "sigmoid of NaN", isa::sigmoids, NAN, NAN, 0); \
    testAt(#isa, "tanh of -inf", isa::tanhs, -INFINITY, -1, EPS); \
    testAt(#isa, "tanh of inf", isa::tanhs, INFINITY, 1, EPS); \
    testAt(#isa, "tanh of NaN", isa::tanhs, NAN, NAN, 0); \
    testAt(#isa, "log of NaN", isa::logs, NAN, NAN, 0); \
    testFunction(#isa, "exp", isa::exps, std::exp, -87, 88, tail); \
    testFunction(#isa, "exp of small x", isa::exps, std::exp, -1, 1, 2); \
    testFunction(#isa, "sigmoid", isa::sigmoids, sigmoid, -87, 87, tail); \
    testFunction(#isa, "sigmoid above -1", isa::sigmoids, sigmoid, -1, 87, 2.5); \
    testFunction(#isa, "tanh", isa::tanhs, std::tanh, -10, 10, 3.5); \
    testFunction(#isa, "tanh of small x", isa::tanhs, std::tanh, -0.01, 0.01, 3.5); \
    testFunction(#isa, "log", isa::logs, std::log, 1, 1e6, 2)

void testFunctions(const Kernels& k) {
#if defined(RONDO_X86)
    if (!std::strcmp(k.name, "avx512")) { TEST_FUNCTIONS(avx512, 21); }
    if (!std::strcmp(k.name, "avx2")) { TEST_FUNCTIONS(avx2, 21); }
#endif
    if (!std::strcmp(k.name, "portable")) { TEST_FUNCTIONS(portable, 65); }
}

}  // namespace

int main() {
    const Kernels* found[MOST_KERNELS];
    const int count = availableKernels(found);
    for (int i = 0; i < count; i++) {
        const Kernels& k = *found[i];
        testRecurrent(k);
        testDense(k);
        testCrf(k);
        for (long width : {1, 15, 16, 17, 65}) testEmbedding(k, 7, width);
        testDropout(k);
        testSweeps(k);
        testPanels(k);
        testFunctions(k);
        std::printf("%s: %s\n", k.name, failures ? "failed" : "passed");
    }
    return failures != 0;
}
