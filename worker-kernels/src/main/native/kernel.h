// The whole native API: what jni.cpp and the tests see of it. Structs mirror Layout.java's records, component by component;
// a null pointer stands for a null matrix. Everything else that the operations know of memory is below.
//
// Rows of an ordinary matrix lie stride(columns) floats apart, and the columns from there on are zero and stay zero. Panels
// hold 64 columns each, so that a row of a panel is what a register tile is wide. Those of a layer's gates, G of them:
//   Wx, Wh, dWx, dWh   [G][inputs][64]              LSTM: columns i16 f16 g16 o16, the four gates of the same 16 units;
//   b, db              [G][64]                      vanilla RNN: 64 units
//   gates              [G][gateRows][64]            activations after forward (RNN: Wx x + b), dG after backward
//                                                   gateRows: seqLen*batch, made odd
//   p, dp              [G][64]                      p_i and p_f in the columns of i and f, p_o in those of o
//   W, dW (dense)      [outputs/64 panels][inputs][64]
//   b, db (dense)      [outputs/64 panels][64]
//   z, beta            [outputs/64 panels][rows][64]
// The layout is the same for every instruction set, so a replica's bytes do not depend on where it ran.
#pragma once
#include <cstdint>

namespace rondo {

constexpr long PANEL = 64;          // columns of a panel
constexpr long UNITS = 16;          // hidden units of an LSTM's panel; columns that padding rounds up to
constexpr long PACKED_ROWS = 1024;  // Layout.PACKED_ROWS
constexpr long HEAD_PANELS = 4;     // Layout.HEAD_PANELS
constexpr long DECODED_AT_ONCE = 4; // Layout.DECODED_AT_ONCE

constexpr long panels(long columns, long width = PANEL) { return (columns + width - 1) / width; }
constexpr long stride(long columns) { return panels(columns, UNITS) * UNITS; }

struct Embedding {
    long vocab, width, batch, seqLen;
    float *weight, *dWeight, *out, *dOut;
};

// Rows from one panel of the gates to the next: odd, so that one row's panels do not meet in the same sets of a cache.
constexpr long gateRows(long rows) { return rows | 1; }

enum Activation : long { TANH, RELU, SIGMOID };   // in the order of Activation.java

struct Recurrent {
    struct { long gates, activation, peephole; } cell;
    long reverse, addsDx, I, H, batch, seqLen;
    float *Wx, *Wh, *b, *p, *dWx, *dWh, *db, *dp;
    float *x, *h, *c, *tanhC, *gates, *dx, *dh, *dc;
    float *scratch;
};

// For a softmax, z holds exp(z - top) until denseBackward overwrites it panel by panel, and a row of sums, [rows][32], what it
// takes to turn that into probabilities and gradients: p is never written, over a matrix larger than the caches.
struct Dense {
    long outputs, inputs, rows, batch;
    float *W, *b, *dW, *db;
    float *x, *z, *loss, *y, *dx;   // y: null but for the squared error
    float *sums, *scratch;          // sums: null but for a softmax
    struct { float *A, *start, *end, *dA, *dStart, *dEnd, *alpha, *beta, *p; } crf;   // null but for a CRF
};

struct Sgd {
    float learningRate, momentum, scale;
    bool nesterov, first;   // first: there is no momentum yet
};

struct Adam {
    float learningRate, beta1, beta2, epsilon, weightDecay, scale;
    float correction1, correction2;   // 1 - beta1^step, sqrt(1 - beta2^step)
};

struct Draw {
    uint64_t seed;
    uint32_t layer, window, shard;
};

// One thread's part of an operation. The threads are Java's; an operation that takes a part is called once for each of `parts`, at the
// same time, in phases from 0 on, and returns whether there is a next one, which starts when all are through with this one. In a
// phase no part writes what another one reads or writes, and every sum is made by one part, in an order that does not
// depend on how many there are: so neither does any bit.
struct Part {
    long phase, number, parts;
};

// The operations on one instruction set; see Kernel.java for what each does.
struct Kernels {
    const char* name;
    void (*embeddingForward)(const Embedding&, const int32_t* ids);
    // Adds to dWeight
    void (*embeddingBackward)(const Embedding&, const int32_t* ids);
    bool (*tie)(const Embedding&, const Dense&, const Part&);
    bool (*addTied)(const Embedding&, const Dense&, const Part&);
    // lengths: null where all are seqLen
    bool (*recurrentForward)(const Recurrent&, const int32_t* lengths, const Part&);
    bool (*recurrentBackward)(const Recurrent&, const int32_t* lengths, const Part&);
    bool (*denseForward)(const Dense&, const Part&);
    bool (*denseBackward)(const Dense&, const Part&);
    void (*softmaxForward)(const Dense&, const int32_t* targets);
    void (*softmaxBackward)(const Dense&, const int32_t* targets, float scale);
    void (*squaredForward)(const Dense&, const int32_t* counts);
    void (*squaredBackward)(const Dense&, const int32_t* counts, float scale);
    // targets: null for probabilities alone. lengths: as above
    bool (*crfForward)(const Dense&, const int32_t* targets, const int32_t* lengths, const Part&);
    bool (*crfBackward)(const Dense&, const int32_t* targets, const int32_t* lengths, float scale, const Part&);
    // all: all transitions are allowed; else scratch begins with outputs * (outputs + 2) bytes, see Kernel.java. labels: one for every row
    bool (*viterbi)(const Dense&, const int32_t* lengths, bool all, int32_t* labels, const Part&);
    // Those of `rows` rows from `first` on; into: [rows][outputs], and room for 16 floats more, which may be overwritten
    void (*probabilities)(const Dense&, long first, long rows, float* into);
    // Before a softmax, of one panel; into: 64 floats
    void (*outputsOfRow)(const Dense&, long row, long panel, float* into);
    // count, period: multiples of 16, here and below. The mask of element e is that of e % period
    bool (*dropout)(const float* from, float* to, long count, long period, uint32_t threshold, float scale, const Draw&, const Part&);
    double (*sum)(const float* x, long count);
    double (*sumOfSquares)(const float* x, long count);
    // v: null without momentum
    bool (*sgd)(float* parameters, const float* gradients, float* v, long count, const Sgd&, const Part&);
    bool (*adam)(float* parameters, const float* gradients, float* m, float* v, long count, const Adam&, const Part&);
    // [64][columns] -> [columns][64], and back
    void (*rowsToPanel)(const float* rows, long columns, float* panel);
    void (*panelToRows)(const float* panel, long columns, float* rows);
    // FMAs on registers alone, for the machine's ceiling. Returns the floating point operations done; sink: 16 floats
    double (*fmaPeak)(long iterations, float* sink);
};

// Those that this library was built with and this processor can run, best first; returns their number.
constexpr int MOST_KERNELS = 3;
int availableKernels(const Kernels* (&found)[MOST_KERNELS]);

}  // namespace rondo
