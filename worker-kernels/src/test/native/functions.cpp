// simd.h's functions of one instruction set, for kernels_test.cpp.
#include "simd.h"

namespace rondo::RONDO_ISA {

static void apply(V (*f)(V), const float* x, float* y, long count) {
    for (long i = 0; i < count; i += W) store(y + i, f(load(x + i)));
}

void exps(const float* x, float* y, long count) { apply([](V v) { return exp(v); }, x, y, count); }
void sigmoids(const float* x, float* y, long count) { apply([](V v) { return sigmoid(v); }, x, y, count); }
void tanhs(const float* x, float* y, long count) { apply([](V v) { return tanh(v); }, x, y, count); }
void logs(const float* x, float* y, long count) { apply([](V v) { return log(v); }, x, y, count); }

}  // namespace rondo::RONDO_ISA
