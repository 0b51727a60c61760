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

// Row m, column k of A: at[m * row + k * step].
struct Tile { const float* at; long row, step; };

// Rows of `columns` floats.
struct Rows {
    const float* at;
    long stride, columns;
    template <long M> RONDO_INLINE Tile tile(long first) const { return {at + first * stride, stride, 1}; }
};

// Panels of gates or logits, as the left operand: rows of `columns` floats, 64 of them in a panel. far: not in the second cache.
struct Panels {
    const float* at;
    long panel, columns;
    bool far;
    template <long M> RONDO_INLINE Tile tile(long first) const { return {at + first * PANEL, PANEL, 1}; }

    // The next tile's part of the panel that `tile` is at.
    template <long M> RONDO_INLINE void ahead(Tile tile) const {
        if (far) RONDO_UNROLL for (long i = 0; i < 4 * M; i++) prefetch(tile.at + M * PANEL + i * UNITS);
    }
};

// A transposed matrix, packed by pack().
struct Packed {
    const float* at;
    long columns;
    template <long M> RONDO_INLINE Tile tile(long first) const { return {at + first * columns, 1, M}; }
};

// f(first, M) for rows split evenly into as few tiles as possible: 20 rows are 5 + 5 + 5 + 5, not 6 + 6 + 6 + 2.
template <class F>
RONDO_INLINE void forEachTile(long rows, F f) {
    const long tiles = panels(rows, TILE);
    for (long i = 0, first = 0, M; i < tiles; i++, first += M) {
        M = rows / tiles + (i < rows % tiles);
        switch (M) {
            case 1: f(first, Constant<1>()); break;
            case 2: f(first, Constant<2>()); break;
            case 3: f(first, Constant<3>()); break;
            case 4: f(first, Constant<4>()); break;
            case 5: f(first, Constant<5>()); break;
            case 6: f(first, Constant<6>()); break;
        }
    }
}

// A tile of C: row m, vector n.
template <long M, long N>
struct Sums {
    static constexpr long rows = M, vectors = N;
    V at[M][N];
    RONDO_INLINE V* operator[](long m) { return at[m]; }
};

// C += A B for `columns` columns of A.
template <long M, long N>
RONDO_INLINE void accumulateColumns(V (&C)[M][N], Tile A, const float* B, long columns) {
    for (long k = 0; k < columns; k++, B += PANEL) {
        V b[N];
        RONDO_UNROLL for (long n = 0; n < N; n++) b[n] = load(B + n * UNITS);
        RONDO_UNROLL for (long m = 0; m < M; m++) {
            V a = broadcast(A.at[m * A.row + k * A.step]);
            RONDO_UNROLL for (long n = 0; n < N; n++) C[m][n] = fma(a, b[n], C[m][n]);
        }
    }
}

// C += A B for the M rows of A from `first` on.
template <long M, long N, class Left>
RONDO_INLINE void accumulate(V (&C)[M][N], const Left& A, long first, const float* B) {
    accumulateColumns(C, A.template tile<M>(first), B, A.columns);
}

template <long M, long N>
RONDO_INLINE void accumulate(V (&C)[M][N], const Panels& A, long first, const float* B) {
    Tile tile = A.tile<M>(first);
    for (long k = 0; k < A.columns; k += PANEL, tile.at += A.panel) {
        A.ahead<M>(tile);
        accumulateColumns(C, tile, B + k * PANEL, A.columns - k < PANEL ? A.columns - k : PANEL);
    }
}

// C = begin + A B, tile by tile. For every vector of the first 16 columns, c[m][n] is row first + m and columns n*16 + j: it starts
// as begin(first + m, n*16 + j), and end(first, j, c) says what becomes of it, for all rows of the tile side by side.
template <long N, class Left, class Begin, class End>
RONDO_INLINE void product(long rows, const Left& A, const float* B, Begin begin, End end) {
    forEachTile(rows, [&](long first, auto size) {
        constexpr long M = decltype(size)::value;
        for (long j = 0; j < UNITS; j += W) {
            Sums<M, N> C;
            RONDO_UNROLL for (long m = 0; m < M; m++)
                RONDO_UNROLL for (long n = 0; n < N; n++) C[m][n] = begin(first + m, n * UNITS + j);
            accumulate(C.at, A, first, B + j);
            end(first, j, C);
        }
    });
}

// As the end of a product: rows of C lie `stride` floats apart.
RONDO_INLINE auto storeTo(float* C, long stride) {
    return [=](long first, long j, auto& c) {
        RONDO_UNROLL for (long m = 0; m < c.rows; m++)
            RONDO_UNROLL for (long n = 0; n < c.vectors; n++) store(C + (first + m) * stride + n * UNITS + j, c[m][n]);
    };
}

// Some of many things in a row.
struct Range { long first, count; };

// The i-th of `blocks` blocks of about the same size, some of them empty where there are more blocks than things.
RONDO_INLINE Range block(long all, long i, long blocks) { return {all * i / blocks, all * (i + 1) / blocks - all * i / blocks}; }

RONDO_INLINE Range share(const Part& part, long all) { return block(all, part.number, part.parts); }

// f(first, count) for `all` things in as few blocks as possible, at most `most` in each.
template <class F>
RONDO_INLINE void forEachBlock(long all, long most, F f) {
    const long blocks = panels(all, most);
    for (long i = 0; i < blocks; i++) f(block(all, i, blocks).first, block(all, i, blocks).count);
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

// C = A B or C += A B, for the first `columns` of a panel's 64 columns; rows of C lie `stride` floats apart. What C was is added at
// the end, so that the product does not wait for it: it comes from afar.
template <class Left>
void multiply(bool add, long rows, long columns, const Left& A, const float* B, float* C, long stride) {
    withWidth(columns, [&](auto width) {
        constexpr long N = decltype(width)::value;
        const auto storeC = storeTo(C, stride);
        if (!add) product<N>(rows, A, B, [](long, long) { return V{}; }, storeC);
        else product<N>(rows, A, B,
            [&](long row, long j) { return prefetch(C + row * stride + j), V{}; },
            [&](long first, long j, auto& c) {
                RONDO_UNROLL for (long m = 0; m < c.rows; m++)
                    RONDO_UNROLL for (long n = 0; n < N; n++) c[m][n] += load(C + (first + m) * stride + n * UNITS + j);
                storeC(first, j, c);
            });
    });
}

// The transpose of `rows` rows of A as a left operand: in tiles of M of A's columns, [rows][M] each. Eight rows at a time, because
// tiles share the cache lines of a row. What a row copies beyond its M floats, the next one overwrites; the last ones copy no
// more than they should.
inline Packed pack(long rows, const Rows& A, float* into) {
    typedef float Eight __attribute__((vector_size(32), aligned(4), may_alias));
    for (long k = 0; k < rows; k += 8)
        forEachTile(A.columns, [&](long first, auto size) {
            constexpr long M = decltype(size)::value;
            const float* from = A.at + k * A.stride + first;
            float* to = into + first * rows + k * M;
            if (rows - k >= 16)
                for (long i = 0; i < 8; i++, from += A.stride, to += M) *reinterpret_cast<Eight*>(to) = *reinterpret_cast<const Eight*>(from);
            else
                for (long i = 0; i < 8 && i < rows - k; i++, from += A.stride, to += M)
                    RONDO_UNROLL for (long m = 0; m < M; m++) to[m] = from[m];
        });
    return {into, rows};
}

// to[j][k] = from[k][j] for `rows` rows of `columns` floats. Rows soon needed are asked for: weights come from afar.
inline void transpose(const float* from, long fromStride, long rows, long columns, float* to, long toStride) {
    typedef float V4 __attribute__((vector_size(16)));
    typedef float Unaligned4 __attribute__((vector_size(16), aligned(4), may_alias));
    const long wholeRows = rows / 4 * 4, wholeColumns = columns / 4 * 4;
    for (long k = 0; k < wholeRows; k += 4)
        for (long j = 0; j < wholeColumns; j += 4) {
            V4 r[4];
            RONDO_UNROLL for (long i = 0; i < 4; i++) prefetch(from + (k + 8 + i) * fromStride + j);
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

// f(q, first, columns): the columns of x, or inputs, in as few panels as possible and of nearly the same width in vectors, because
// a narrow last panel would be slow: 200 inputs are 64 + 48 + 48 + 40.
template <class F>
RONDO_INLINE void forEachInputPanel(long inputs, F f) {
    long q = 0;
    forEachBlock(panels(inputs, UNITS), PANEL / UNITS, [&](long first, long count) {
        f(q++, first * UNITS, inputs - first * UNITS < count * UNITS ? inputs - first * UNITS : count * UNITS);
    });
}

// A part of the transpose of weights in `count` panels, [count][inputs][64]: [panels(inputs)][count*64][64].
inline void transposeWeights(const Part& part, const float* weights, long count, long inputs, float* to) {
    const Range mine = share(part, panels(inputs) * count);
    forEachInputPanel(inputs, [&](long q, long first, long columns) {
        for (long p = 0; p < count; p++, to += PANEL * PANEL) {
            const long square = q * count + p - mine.first;
            if (square < 0 || square >= mine.count) continue;
            if (columns < PANEL)
                for (long e = 0; e < PANEL * PANEL; e += W) store(to + e, V{});
            transpose(weights + (p * inputs + first) * PANEL, PANEL, columns, PANEL, to, PANEL);
        }
    });
}

}  // namespace rondo::RONDO_ISA
