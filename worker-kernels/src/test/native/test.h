// What the native tests share: matrices with guards, comparisons, and plain views of panels.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>
#include "kernel.h"

namespace rondo {

constexpr double EPS = 5.9604644775390625e-08;   // 2^-24, the rounding of one operation
inline int failures = 0;
inline std::mt19937 generator(1);

inline void fail(const char* isa, const char* what, double expected, double got, double tolerance) {
    failures++;
    if (failures <= 20) std::printf("%s: %s: expected %.9g, got %.9g, tolerance %.3g\n", isa, what, expected, got, tolerance);
}

inline void near(const char* isa, const char* what, double expected, double got, double tolerance) {
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

inline double uniform() { return std::uniform_real_distribution<double>(-1, 1)(generator); }
inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// A matrix of rows x columns in panels: H rows for each gate of an LSTM, or, where H is 0, rows of which 64 neighbours share
// a panel.
struct Panelled {
    float* at;
    long columns, H;
    float& operator()(long row, long k) const {
        long panel = H ? row % H / 16 : row / 64, column = H ? row / H * 16 + row % H % 16 : row % 64;
        return at[(panel * columns + k) * 64 + column];
    }
};

inline void fillRows(float* m, long rows, long columns) {
    for (long r = 0; r < rows; r++) for (long j = 0; j < columns; j++) m[r * stride(columns) + j] = float(uniform());
}

inline void fillPanels(const Panelled& m, long rows) {
    for (long r = 0; r < rows; r++) for (long k = 0; k < m.columns; k++) m(r, k) = float(uniform() / 2);
}

// What an operation must overwrite, it finds full of this.
inline void fillGarbage(const Floats& m) {
    for (long i = 0; i < m.count; i++) m[i] = float(1e3 * uniform());
}

inline void zeroPadding(const char* isa, const char* what, const Floats& m, const Panelled& view, long rows) {
    double all = 0, seen = 0;
    for (long i = 0; i < m.count; i++) all += double(m[i]) * m[i];
    for (long r = 0; r < rows; r++) for (long k = 0; k < view.columns; k++) seen += double(view(r, k)) * view(r, k);
    near(isa, what, seen, all, 1e-12 * seen);
}

// All of an operation: of every phase one part after the other, the last one first; one part to eleven, in turns.
template <class F>
void inParts(F operation) {
    static long calls = 0;
    const long parts = 1 + calls++ % 11;
    bool more = true;
    for (long phase = 0; more; phase++)
        for (long number = parts; number-- > 0;) more = operation(Part{phase, number, parts});
}

void testRecurrent(const Kernels& k);
void testDense(const Kernels& k);
void testCrf(const Kernels& k);

}  // namespace rondo
