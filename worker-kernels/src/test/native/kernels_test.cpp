// Every operation of every instruction set of this machine against plain loops in double precision, at sizes around the
// widths of registers, panels and tiles. Every matrix is an allocation of its own, so that the address sanitizer, with which
// this is built, sees an access one float beside it.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>
#include "kernel.h"

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

constexpr double EPS = 5.9604644775390625e-08;   // 2^-24, the rounding of one operation
int failures = 0;
std::mt19937 generator(1);

void fail(const char* isa, const char* what, double expected, double got, double tolerance) {
    failures++;
    if (failures <= 20) std::printf("%s: %s: expected %.9g, got %.9g, tolerance %.3g\n", isa, what, expected, got, tolerance);
}

void near(const char* isa, const char* what, double expected, double got, double tolerance) {
    if (!(std::fabs(expected - got) <= tolerance)) fail(isa, what, expected, got, tolerance);
}

// A matrix of exactly the floats that Layout gives it, at the alignment of a float vector.
struct Floats {
    explicit Floats(long count) : count(count), at(static_cast<float*>(std::aligned_alloc(64, size_t((count + 15) / 16 * 64)))) {
        if (count % 16) std::abort();
        std::memset(at.get(), 0, size_t(count) * 4);
    }
    operator float*() const { return at.get(); }
    long count;
    struct Free { void operator()(float* p) const { std::free(p); } };
    std::unique_ptr<float, Free> at;
};

double uniform() { return std::uniform_real_distribution<double>(-1, 1)(generator); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Panelled {   // a matrix of rows x columns in panels: gates' rows where H > 0, the vocabulary's rows else
    float* at;
    long columns, H;
    float& operator()(long row, long k) const {
        long panel = H ? row % H / 16 : row / 64, column = H ? row / H * 16 + row % H % 16 : row % 64;
        return at[(panel * columns + k) * 64 + column];
    }
};

void fillRows(float* m, long rows, long columns) {
    for (long r = 0; r < rows; r++) for (long j = 0; j < columns; j++) m[r * stride(columns) + j] = float(uniform());
}

void fillPanels(const Panelled& m, long rows) {
    for (long r = 0; r < rows; r++) for (long k = 0; k < m.columns; k++) m(r, k) = float(uniform() / 2);
}

// What an operation must overwrite, it finds full of this.
void fillGarbage(const Floats& m) {
    for (long i = 0; i < m.count; i++) m[i] = float(1e3 * uniform());
}

void zeroPadding(const char* isa, const char* what, const Floats& m, const Panelled& view, long rows) {
    double all = 0, seen = 0;
    for (long i = 0; i < m.count; i++) all += double(m[i]) * m[i];
    for (long r = 0; r < rows; r++) for (long k = 0; k < view.columns; k++) seen += double(view(r, k)) * view(r, k);
    near(isa, what, seen, all, 1e-12 * seen);
}

void testLstm(const Kernels& k, long I, long H, long batch, long seqLen) {
    const long n = batch * seqLen, SI = stride(I), SH = stride(H), P = panels(H, UNITS), G = 4 * H;
    Floats Wx(P * I * 64), Wh(P * H * 64), b(P * 64), dWx(P * I * 64), dWh(P * H * 64), db(P * 64);
    Floats x(n * SI), h((n + batch) * SH), c((n + batch) * SH), tanhC(n * SH), gates(P * n * 64), dx(n * SI), dh(n * SH), dc(batch * SH);
    Floats scratch((P * 64 * 64 * (panels(H) + panels(I)) + 256 * (std::max(I, H) + 16) + 15) / 16 * 16);
    Panelled wx{Wx, I, H}, wh{Wh, H, H}, bias{b, 1, H}, dwx{dWx, I, H}, dwh{dWh, H, H}, dbias{db, 1, H};
    fillPanels(wx, G);
    fillPanels(wh, G);
    fillPanels(bias, G);
    fillRows(x, n, I);
    fillRows(h, batch, H);
    fillRows(c, batch, H);
    fillRows(dh, n, H);
    for (const Panelled& d : {dwx, dwh, dbias}) fillPanels(d, G);
    for (const Floats* m : {&tanhC, &gates, &dx, &dc, &scratch}) fillGarbage(*m);
    std::vector<double> hs((n + batch) * H), cs((n + batch) * H), tc(n * H), g(n * G), dhs(n * H), dcs(batch * H);
    for (long r = 0; r < batch; r++) for (long j = 0; j < H; j++) { hs[r * H + j] = h[r * SH + j]; cs[r * H + j] = c[r * SH + j]; }
    for (long r = 0; r < n; r++) for (long j = 0; j < H; j++) dhs[r * H + j] = dh[r * SH + j];
    Lstm l{I, H, batch, seqLen, Wx, Wh, b, dWx, dWh, db, x, h, c, tanhC, gates, dx, dh, dc, scratch};

    k.lstmForward(l);
    for (long t = 0; t < n; t++) {
        for (long r = 0; r < G; r++) {
            double sum = bias(r, 0);
            for (long j = 0; j < I; j++) sum += double(wx(r, j)) * x[t * SI + j];
            for (long j = 0; j < H; j++) sum += wh(r, j) * hs[t * H + j];
            g[t * G + r] = r / H == 2 ? std::tanh(sum) : sigmoid(sum);
        }
        for (long j = 0; j < H; j++) {
            double ct = g[t * G + H + j] * cs[t * H + j] + g[t * G + j] * g[t * G + 2 * H + j];
            cs[(t + batch) * H + j] = ct;
            tc[t * H + j] = std::tanh(ct);
            hs[(t + batch) * H + j] = g[t * G + 3 * H + j] * tc[t * H + j];
        }
    }
    double tolerance = 4 * EPS * double(seqLen * (4 * H + I));
    for (long t = 0; t < n + batch; t++)
        for (long j = 0; j < H; j++) {
            near(k.name, "h", hs[t * H + j], h[t * SH + j], tolerance);
            near(k.name, "c", cs[t * H + j], c[t * SH + j], tolerance);
        }

    k.lstmBackward(l);
    std::vector<double> dwxs(G * I), dwhs(G * H), dbs(G), dxs(n * I);
    for (long t = n - 1; t >= 0; t--) {
        for (long j = 0; j < H; j++) {
            double i = g[t * G + j], f = g[t * G + H + j], u = g[t * G + 2 * H + j], o = g[t * G + 3 * H + j];
            double th = tc[t * H + j], d = dhs[t * H + j], &dcj = dcs[t % batch * H + j];
            dcj += d * o * (1 - th * th);
            g[t * G + j] = dcj * u * i * (1 - i);
            g[t * G + H + j] = dcj * cs[t * H + j] * f * (1 - f);
            g[t * G + 2 * H + j] = dcj * i * (1 - u * u);
            g[t * G + 3 * H + j] = d * th * o * (1 - o);
            dcj *= f;
        }
        for (long r = 0; r < G; r++) {
            double d = g[t * G + r];
            dbs[r] += d;
            for (long j = 0; j < I; j++) { dwxs[r * I + j] += d * x[t * SI + j]; dxs[t * I + j] += d * wx(r, j); }
            for (long j = 0; j < H; j++) dwhs[r * H + j] += d * hs[t * H + j];
            for (long j = 0; j < H && t >= batch; j++) dhs[(t - batch) * H + j] += d * wh(r, j);
        }
    }
    double largest = 1;
    for (double d : dhs) largest = std::max(largest, std::fabs(d));
    tolerance *= largest * double(batch);
    for (long r = 0; r < G; r++) {
        near(k.name, "db", dbs[r], dbias(r, 0), tolerance);
        for (long j = 0; j < I; j++) near(k.name, "dWx", dwxs[r * I + j], dwx(r, j), tolerance);
        for (long j = 0; j < H; j++) near(k.name, "dWh", dwhs[r * H + j], dwh(r, j), tolerance);
    }
    for (long t = 0; t < n; t++) for (long j = 0; j < I; j++) near(k.name, "dx", dxs[t * I + j], dx[t * SI + j], tolerance);
    zeroPadding(k.name, "padding of dWx", dWx, dwx, G);
    zeroPadding(k.name, "padding of dWh", dWh, dwh, G);
    zeroPadding(k.name, "padding of db", db, dbias, G);
    Lstm lowest = l;
    lowest.dx = nullptr;   // a layer whose input needs no gradient
    k.lstmForward(lowest);
    k.lstmBackward(lowest);
}

void testSoftmax(const Kernels& k, long V, long H, long batch, long seqLen) {
    const long n = batch * seqLen, S = stride(H), P = panels(V);
    Floats W(P * H * 64), b(P * 64), dW(P * H * 64), db(P * 64), x(n * S), z(P * n * 64), loss(stride(n)), dx(n * S), sums(n * 32);
    Floats scratch((64 * 64 * panels(H) + n * (H + 16) + 15) / 16 * 16);
    Panelled w{W, H, 0}, bias{b, 1, 0}, dw{dW, H, 0}, dbias{db, 1, 0};
    fillPanels(w, V);
    fillPanels(bias, V);
    fillRows(x, n, H);
    fillPanels(dw, V);
    fillPanels(dbias, V);
    for (const Floats* m : {&z, &loss, &dx, &sums, &scratch}) fillGarbage(*m);
    std::vector<int32_t> y(n);
    for (auto& target : y) target = int32_t(generator() % uint32_t(V + 1)) - 1;
    Softmax s{V, H, batch, seqLen, W, b, dW, db, x, z, loss, dx, sums, scratch};
    k.softmaxForward(s, y.data());
    const float scale = 0.125f;
    const double tolerance = 4 * EPS * double(H + V);
    std::vector<double> dz(n * V);
    for (long r = 0; r < n; r++) {
        std::vector<double> p(V);
        double sum = 0;
        for (long v = 0; v < V; v++) {
            p[v] = bias(v, 0);
            for (long j = 0; j < H; j++) p[v] += double(w(v, j)) * x[r * S + j];
            sum += std::exp(p[v]);
        }
        near(k.name, "loss", y[r] < 0 ? 0 : std::log(sum) - p[y[r]], loss[r], tolerance);
        float got[64];
        for (long v = 0; v < V; v++) {
            if (v % 64 == 0) k.probabilities(s, r, v / 64, got);
            near(k.name, "p", std::exp(p[v]) / sum, got[v % 64], tolerance);
            dz[r * V + v] = y[r] < 0 ? 0 : scale * (std::exp(p[v]) / sum - (v == y[r]));
        }
    }
    k.softmaxBackward(s, y.data(), scale);
    for (long v = 0; v < V; v++) {
        double sum = 0;
        for (long r = 0; r < n; r++) sum += dz[r * V + v];
        near(k.name, "db of softmax", sum, dbias(v, 0), tolerance);
        for (long j = 0; j < H; j++) {
            sum = 0;
            for (long r = 0; r < n; r++) sum += dz[r * V + v] * x[r * S + j];
            near(k.name, "dW", sum, dw(v, j), tolerance);
        }
    }
    for (long r = 0; r < n; r++)
        for (long j = 0; j < S; j++) {
            double sum = 0;
            for (long v = 0; v < V && j < H; v++) sum += dz[r * V + v] * w(v, j);
            near(k.name, "dx of softmax", sum, dx[r * S + j], j < H ? tolerance : 0);
        }
    zeroPadding(k.name, "padding of dW", dW, dw, V);
    zeroPadding(k.name, "padding of db of softmax", db, dbias, V);
}

void testEmbedding(const Kernels& k, long V, long width) {
    const long n = 12, S = stride(width);
    Floats weight(V * S), dWeight(V * S), out(n * S), dOut(n * S);
    fillRows(weight, V, width);
    fillRows(dWeight, V, width);
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
        for (long count : {16, 48, 64, 1040}) {
            Floats ones(count), kept(count);
            for (long e = 0; e < count; e++) ones[e] = 1;
            for (long e = 0; e < count; e++) {
                uint32_t words[4] = {uint32_t(e / 4), draw.layer, draw.window, draw.shard};
                philox(draw.seed, words);
                const uint32_t word = words[e % 4];   // kept at a threshold of its value, dropped at one more
                k.dropout(ones, kept, count, word, 1.25f, draw);
                near(k.name, "kept", 1.25, kept[e], 0);
                if (word == ~0u) continue;
                k.dropout(ones, kept, count, word + 1, 1.25f, draw);
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
            v[e] = std::fabs(v[e]);
            before[e] = w[e];
            sum += g[e];
            squares += double(g[e]) * g[e];
        }
        near(k.name, "sum", sum, k.sum(g, count), 1e-12);
        near(k.name, "sum of squares", squares, k.sumOfSquares(g, count), 1e-12);
        k.sgd(w, g, count, 0.3f);
        for (long e = 0; e < count; e++) near(k.name, "sgd", before[e] - double(0.3f) * g[e], w[e], 4 * EPS);
        const Adam a{0.01f, 0.9f, 0.999f, 1e-8f, 0.5f, float(1 - std::pow(0.9, 3)), float(std::sqrt(1 - std::pow(0.999, 3)))};
        Floats m0(count), v0(count), w0(count);
        std::memcpy(m0, m, size_t(count) * 4);
        std::memcpy(v0, v, size_t(count) * 4);
        std::memcpy(w0, w, size_t(count) * 4);
        k.adam(w, g, m, v, count, a);
        for (long e = 0; e < count; e++) {
            double gradient = 0.5 * g[e], m1 = double(a.beta1) * m0[e] + (1 - double(a.beta1)) * gradient;
            double v1 = double(a.beta2) * v0[e] + (1 - double(a.beta2)) * gradient * gradient;
            double step = a.learningRate / a.correction1 * m1 / (std::sqrt(v1) / a.correction2 + a.epsilon);
            near(k.name, "m", m1, m[e], 8 * EPS);
            near(k.name, "v", v1, v[e], 8 * EPS);
            near(k.name, "adam", w0[e] - step, w[e], 8 * EPS * (1 + std::fabs(step)));
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

#define TEST_FUNCTIONS(isa) \
    testAt(#isa, "exp of -inf", isa::exps, -INFINITY, 0, 0); \
    testAt(#isa, "exp of inf", isa::exps, INFINITY, float(std::exp(88.0)), 2e31); \
    testAt(#isa, "exp of NaN", isa::exps, NAN, NAN, 0); \
    testAt(#isa, "sigmoid of -inf", isa::sigmoids, -INFINITY, 0, 1e-38); \
    testAt(#isa, "sigmoid of inf", isa::sigmoids, INFINITY, 1, 0); \
    testAt(#isa, "sigmoid of NaN", isa::sigmoids, NAN, NAN, 0); \
    testAt(#isa, "tanh of -inf", isa::tanhs, -INFINITY, -1, EPS); \
    testAt(#isa, "tanh of inf", isa::tanhs, INFINITY, 1, EPS); \
    testAt(#isa, "tanh of NaN", isa::tanhs, NAN, NAN, 0); \
    testAt(#isa, "log of NaN", isa::logs, NAN, NAN, 0); \
    testFunction(#isa, "exp", isa::exps, std::exp, -87, 88, 1.5); \
    testFunction(#isa, "sigmoid", isa::sigmoids, sigmoid, -87, 87, 2.5); \
    testFunction(#isa, "tanh", isa::tanhs, std::tanh, -10, 10, 2.5); \
    testFunction(#isa, "tanh of small x", isa::tanhs, std::tanh, -0.01, 0.01, 2.5); \
    testFunction(#isa, "log", isa::logs, std::log, 1, 1e6, 2)

void testFunctions(const Kernels& k) {
#if defined(RONDO_X86)
    if (!std::strcmp(k.name, "avx512")) { TEST_FUNCTIONS(avx512); }
    if (!std::strcmp(k.name, "avx2")) { TEST_FUNCTIONS(avx2); }
#endif
    if (!std::strcmp(k.name, "portable")) { TEST_FUNCTIONS(portable); }
}

}  // namespace

int main() {
    const Kernels* found[MOST_KERNELS];
    const int count = availableKernels(found);
    for (int i = 0; i < count; i++) {
        const Kernels& k = *found[i];
        const long batch[] = {1, 3, 6, 7, 20}, seqLen[] = {1, 2, 5}, inputs[] = {1, 5, 16, 17, 64, 70, 128}, vocab[] = {2, 17, 63, 64, 65, 130, 300};
        long turn = 0;
        for (long H : {1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65})
            for (long b : batch) {
                testLstm(k, inputs[turn % 7], H, b, seqLen[turn % 3]);
                testSoftmax(k, vocab[turn * 3 % 7], H, b, seqLen[turn / 2 % 3]);
                turn++;
            }
        testLstm(k, 20, 17, 20, 30);   // more rows than are packed at a time
        for (long width : {1, 15, 16, 17, 65}) testEmbedding(k, 7, width);
        testDropout(k);
        testSweeps(k);
        testPanels(k);
        testFunctions(k);
        std::printf("%s: %s\n", k.name, failures ? "failed" : "passed");
    }
    return failures != 0;
}
