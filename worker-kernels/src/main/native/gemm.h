// Matrix products for panels of 64 columns, C = begin + A B: the one loop nest in which nearly all the time is spent.
//
// A tile of C, M rows by N*16 columns, stays in registers while k runs over all of A's columns; every step loads N*16
// floats of one row of B, and M single floats of A. B is always a panel, [k][64], so it is read in the order in which it
// lies. What a tile starts from and what happens to it at the end is given as two functions, so that a bias or the gates of
// an LSTM are applied while the tile is still in registers. The method is Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", 2008, without their packing of B, because weights and gates lie packed already. B
// streams from the second cache or the third; prefetching it by instructions made it slower on Zen 5.
#pragma once
#include "simd.h"

namespace rondo::RONDO_ISA {

template <long N> struct Constant { static constexpr long value = N; };

// Row m, column k of A: at[m * row + (k / 64) * panel + (k % 64) * step] where A lies in panels, at[m * row + k * step] else.
struct Tile { const float* at; long row, step, panel; };

// Rows of `columns` floats.
struct Rows {
    const float* at;
    long stride, columns;
    template <long M> RONDO_INLINE Tile tile(long first) const { return {at + first * stride, stride, 1, 0}; }
};

// Panels of gates or logits, as the left operand: rows of `columns` floats, 64 of them in a panel.
struct Panels {
    const float* at;
    long panel, columns;
    template <long M> RONDO_INLINE Tile tile(long first) const { return {at + first * PANEL, PANEL, 1, panel}; }
};

// A transposed matrix, packed by pack().
struct Packed {
    const float* at;
    long columns;
    template <long M> RONDO_INLINE Tile tile(long first) const { return {at + first * columns, 1, M, 0}; }
};

// f(first, M) for rows split evenly into as few tiles as possible: 20 rows are 5 + 5 + 5 + 5, not 6 + 6 + 6 + 2.
template <class F>
RONDO_INLINE void forEachTile(long rows, F f) {
    long tiles = panels(rows, TILE);
    for (long i = 0; i < tiles; i++) {
        long first = rows * i / tiles;
        switch (rows * (i + 1) / tiles - first) {
            case 1: f(first, Constant<1>()); break;
            case 2: f(first, Constant<2>()); break;
            case 3: f(first, Constant<3>()); break;
            case 4: f(first, Constant<4>()); break;
            case 5: f(first, Constant<5>()); break;
            case 6: f(first, Constant<6>()); break;
        }
    }
}

template <long M, long N>
RONDO_INLINE void accumulate(V (&C)[M][N], Tile A, const float* B, long columns) {
    for (long k = 0; k < columns; k++, B += PANEL) {
        V b[N];
        RONDO_UNROLL for (long n = 0; n < N; n++) b[n] = load(B + n * UNITS);
        RONDO_UNROLL for (long m = 0; m < M; m++) {
            V a = broadcast(A.at[m * A.row + k * A.step]);
            RONDO_UNROLL for (long n = 0; n < N; n++) C[m][n] = fma(a, b[n], C[m][n]);
        }
    }
}

// For every row and every vector of the first 16 columns: c[n] = begin(row, j) of columns n*16 + j, plus A B; end(row, j, c).
template <long N, class Left, class Begin, class End>
RONDO_INLINE void product(long rows, const Left& A, const float* B, Begin begin, End end) {
    forEachTile(rows, [&](long first, auto size) {
        constexpr long M = decltype(size)::value;
        for (long j = 0; j < UNITS; j += W) {
            V C[M][N];
            RONDO_UNROLL for (long m = 0; m < M; m++)
                RONDO_UNROLL for (long n = 0; n < N; n++) C[m][n] = begin(first + m, n * UNITS + j);
            Tile tile = A.template tile<M>(first);
            if (tile.panel == 0) accumulate(C, tile, B + j, A.columns);
            else
                for (long k = 0; k < A.columns; k += PANEL, tile.at += tile.panel) accumulate(C, tile, B + j + k * PANEL, PANEL);
            RONDO_UNROLL for (long m = 0; m < M; m++) end(first + m, j, C[m]);
        }
    });
}

// Calls f with the number of vectors of 16 that `columns`, up to 64, fill.
template <class F>
RONDO_INLINE void withWidth(long columns, F f) {
    switch (panels(columns, UNITS)) {
        case 1: f(Constant<1>()); break;
        case 2: f(Constant<2>()); break;
        case 3: f(Constant<3>()); break;
        default: f(Constant<4>()); break;
    }
}

// C = A B or C += A B, for the first `columns` of a panel's 64 columns; rows of C lie `stride` floats apart.
template <class Left>
void multiply(bool add, long rows, long columns, const Left& A, const float* B, float* C, long stride) {
    withWidth(columns, [&](auto width) {
        constexpr long N = decltype(width)::value;
        product<N>(rows, A, B,
            [&](long row, long j) { return add ? load(C + row * stride + j) : V{}; },
            [&](long row, long j, V (&c)[N]) {
                RONDO_UNROLL for (long n = 0; n < N; n++) store(C + row * stride + n * UNITS + j, c[n]);
            });
    });
}

// The transpose of `rows` rows of A as a left operand: in tiles of M of A's columns, [rows][M] each.
inline Packed pack(long rows, const Rows& A, float* into) {
    forEachTile(A.columns, [&](long first, auto size) {
        constexpr long M = decltype(size)::value;
        float* to = into + first * rows;
        for (long k = 0; k < rows; k++, to += M)
            RONDO_UNROLL for (long m = 0; m < M; m++) to[m] = A.at[k * A.stride + first + m];
    });
    return {into, rows};
}

// to[j][k] = from[k][j] for `rows` rows of `columns` floats.
inline void transpose(const float* from, long fromStride, long rows, long columns, float* to, long toStride) {
    typedef float V4 __attribute__((vector_size(16)));
    typedef float Unaligned4 __attribute__((vector_size(16), aligned(4), may_alias));
    const long wholeRows = rows / 4 * 4, wholeColumns = columns / 4 * 4;
    for (long k = 0; k < wholeRows; k += 4)
        for (long j = 0; j < wholeColumns; j += 4) {
            V4 r[4];
            RONDO_UNROLL for (long i = 0; i < 4; i++) r[i] = *reinterpret_cast<const Unaligned4*>(from + (k + i) * fromStride + j);
            V4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5), b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
            V4 c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7), d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
            V4 t[4] = {__builtin_shufflevector(a, b, 0, 1, 4, 5), __builtin_shufflevector(a, b, 2, 3, 6, 7),
                       __builtin_shufflevector(c, d, 0, 1, 4, 5), __builtin_shufflevector(c, d, 2, 3, 6, 7)};
            RONDO_UNROLL for (long i = 0; i < 4; i++) *reinterpret_cast<Unaligned4*>(to + (j + i) * toStride + k) = t[i];
        }
    for (long k = 0; k < rows; k++)
        for (long j = k < wholeRows ? wholeColumns : 0; j < columns; j++) to[j * toStride + k] = from[k * fromStride + j];
}

// sums[j] = the sum of column j over the rows of a panel.
inline void columnSums(const float* panel, long rows, long columns, float* sums) {
    withWidth(columns, [&](auto width) {
        constexpr long N = decltype(width)::value * UNITS / W;
        V sum[N] = {};
        for (long row = 0; row < rows; row++)
            RONDO_UNROLL for (long q = 0; q < N; q++) sum[q] += load(panel + row * PANEL + q * W);
        RONDO_UNROLL for (long q = 0; q < N; q++) store(sums + q * W, sum[q]);
    });
}

// Weights in panels, [panels][inputs][64], transposed: [inputs/64 panels][panels*64][64], zero where there are no inputs.
inline void transposeWeights(const float* weights, long count, long inputs, float* to) {
    for (long q = 0; q < panels(inputs); q++) {
        const long rows = inputs - q * PANEL < PANEL ? inputs - q * PANEL : PANEL;
        for (long p = 0; p < count; p++, to += PANEL * PANEL) {
            if (rows < PANEL)
                for (long e = 0; e < PANEL * PANEL; e += W) store(to + e, V{});
            transpose(weights + (p * inputs + q * PANEL) * PANEL, PANEL, rows, PANEL, to, PANEL);
        }
    }
}

}  // namespace rondo::RONDO_ISA
