// A vector of W floats and what the kernels do with it. The only file that knows instruction sets: everything above it is
// compiled once for each of them, in a namespace of its own (RONDO_ISA), so that the linker cannot merge two versions of an
// inline function and run AVX-512 code on an AVX2 machine. For the same reason nothing here comes from the standard library.
#pragma once
#include "kernel.h"
// The masked forms of AVX-512, with all lanes on: gcc 12 warns of its own headers where the plain ones are used.
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define RONDO_INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define RONDO_UNROLL _Pragma("unroll")
#else
#define RONDO_UNROLL _Pragma("GCC unroll 16")
#endif

namespace rondo::RONDO_ISA {

#if defined(__AVX512F__)
constexpr int W = 16;
constexpr int TILE = 6;   // rows of a register tile: 6 x 4 accumulators, 4 vectors of B and a broadcast, of 32 registers
#elif defined(__AVX2__) && defined(__FMA__)
constexpr int W = 8;
constexpr int TILE = 3;   // 3 x 4 accumulators, 3 broadcasts and a vector of B, of 16 registers
#elif defined(__aarch64__)
constexpr int W = 4;
constexpr int TILE = 6;   // 32 registers
#else
constexpr int W = 4;
constexpr int TILE = 3;
#endif

typedef float V __attribute__((vector_size(4 * W)));
typedef uint32_t U __attribute__((vector_size(4 * W)));
typedef int32_t I __attribute__((vector_size(4 * W)));
typedef uint64_t U64 __attribute__((vector_size(4 * W)));
typedef float Unaligned __attribute__((vector_size(4 * W), aligned(4), may_alias));

RONDO_INLINE V load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
RONDO_INLINE void store(float* p, V x) { *reinterpret_cast<Unaligned*>(p) = x; }
// Asks for a cache line that will be read soon; it need not be there.
RONDO_INLINE void prefetch(const float* p) { __builtin_prefetch(p, 0, 3); }
RONDO_INLINE V broadcast(float x) { return x - V{}; }

RONDO_INLINE V fma(V a, V b, V c) {
#if defined(__AVX512F__)
    return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__) && defined(__FMA__)
    return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (V)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

// b where either is NaN: put what must not swallow a NaN second. (g++ makes two instructions of the plain ones.)
RONDO_INLINE V max(V a, V b) {
#if defined(__AVX512F__)
    return (V)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__) && defined(__FMA__)
    return (V)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return a > b ? a : b;
#endif
}

RONDO_INLINE V min(V a, V b) {
#if defined(__AVX512F__)
    return (V)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__) && defined(__FMA__)
    return (V)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return a < b ? a : b;
#endif
}

RONDO_INLINE V sqrt(V x) {
#if defined(__AVX512F__)
    return (V)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);
#elif defined(__AVX2__) && defined(__FMA__)
    return (V)_mm256_sqrt_ps((__m256)x);
#elif defined(__aarch64__)
    return (V)vsqrtq_f32((float32x4_t)x);
#else
    for (int i = 0; i < W; i++) x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

// Whether any element of a is above b's; a NaN is not.
RONDO_INLINE bool anyAbove(V a, V b) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ) != 0;
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GT_OQ)) != 0;
#else
    I above = a > b;
    bool any = false;
    for (int i = 0; i < W; i++) any |= above[i] != 0;
    return any;
#endif
}

// f(j) for the vectors of a padded row: the columns up to its stride are there, so there is no tail.
template <class F>
RONDO_INLINE void forEachVector(long columns, F f) {
    for (long j = 0; j < stride(columns); j += W) f(j);
}

// e^(scale x), as 2^n (1 + expm1): log2(e) scale x = n + f with |f| <= 1/2. Domain: |scale x| <= 88. The relative error of expm1
// itself is 1.3e-8, and that of the whole as much for every unit of scale x, because log2(e) is rounded (7e-8 without fma).
struct Reduced { V power, expm1; };
RONDO_INLINE Reduced reduce(V x, float scale) {
    const V round = broadcast(12582912.f), log2e = broadcast(scale * 1.44269504f);   // 1.5 * 2^23 leaves n in the last bits
    V shifted = fma(x, log2e, round), f = fma(x, log2e, round - shifted);
    V p = broadcast(1.5383655e-4f);                     // (2^f - 1) / f, fitted: least maximal relative error
    p = fma(p, f, broadcast(1.3387389e-3f));
    p = fma(p, f, broadcast(9.618307e-3f));
    p = fma(p, f, broadcast(5.5503674e-2f));
    p = fma(p, f, broadcast(0.2402265f));
    p = fma(p, f, broadcast(0.6931472f));
    return {(V)(((U)shifted << 23) + 0x3f800000u), p * f};
}

// Below -87: 0, and 0 for -inf. Above 88: as for 88. NaN: NaN. Maximal error 2 ulp for |x| <= 1, 21 ulp at 88, or 65
// without fma.
RONDO_INLINE V exp(V x) {
    Reduced e = reduce(min(broadcast(88), max(broadcast(-87), x)), 1);
    V y = fma(e.expm1, e.power, e.power);
    return x < broadcast(-87) ? V{} : y;
}

// All x; within 1e-38 of 0 and 1 at the infinities, NaN for NaN. Maximal error 2.5 ulp above x = -1, 21 ulp at -87, or
// 65 without fma.
RONDO_INLINE V sigmoid(V x) {
    Reduced e = reduce(min(broadcast(87), max(broadcast(-88), x)), -1);
    return 1.f / fma(e.expm1, e.power, 1.f + e.power);
}

// All x, through e^2x - 1, so that small x keep their digits. NaN: NaN. Maximal error 3.5 ulp.
RONDO_INLINE V tanh(V x) {
    Reduced e = reduce(min(broadcast(10), max(broadcast(-10), x)), 2);
    V m = fma(e.expm1, e.power, e.power - 1.f);
    return m / (m + 2.f);
}

// x in [1, 1e38]; NaN: NaN. Maximal error 2 ulp.
RONDO_INLINE V log(V x) {
    U bits = (U)x - 0x3f3504f3u;                        // sqrt(1/2), so that the mantissa m is in [sqrt(1/2), sqrt(2))
    V e = __builtin_convertvector((I)(bits >> 23), V);       // of 2x at least: no negative exponent
    V m = (V)((bits & 0x7fffffu) + 0x3f3504f3u);
    V s = (m - 1.f) / (m + 1.f), s2 = s * s;            // log m = 2 atanh s
    V p = broadcast(2 / 9.f);
    p = fma(p, s2, broadcast(2 / 7.f));
    p = fma(p, s2, broadcast(2 / 5.f));
    p = fma(p, s2, broadcast(2 / 3.f));
    p = fma(p * s2, s, s + s);
    V y = fma(e, broadcast(0.693359375f), fma(e, broadcast(-2.12194440e-4f), p));
    return x != x ? x : y;
}

// One round of Philox4x32 on W/4 counters, each in four neighbouring words; key: k0, 0, k1, 0 for each.
// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
RONDO_INLINE U philoxRound(U counter, U key, U multiplier) {
#if defined(__AVX512F__)
    U p = (U)_mm512_maskz_mul_epu32(0xff, (__m512i)counter, (__m512i)multiplier);
    U swapped = (U)_mm512_maskz_shuffle_epi32(0xffff, (__m512i)p, (_MM_PERM_ENUM)0x1b);
#elif defined(__AVX2__) && defined(__FMA__)
    U p = (U)_mm256_mul_epu32((__m256i)counter, (__m256i)multiplier);
    U swapped = (U)_mm256_shuffle_epi32((__m256i)p, 0x1b);
#else
    U p = (U)(((U64)counter & 0xffffffffu) * ((U64)multiplier & 0xffffffffu));   // words 0 and 2; low half first
    U swapped = {p[3], p[2], p[1], p[0]};
#endif
    return swapped ^ (U)((U64)counter >> 32) ^ key;
}

}  // namespace rondo::RONDO_ISA
