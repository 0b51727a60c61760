// The whole native API: what jni.cpp and the tests see of it. Structs mirror Layout.java's records, component by component;
// a null pointer stands for a null matrix. Everything else that the operations know of memory is below.
//
// Rows of an ordinary matrix lie stride(columns) floats apart, and the columns from there on are zero and stay zero. Panels
// hold 64 columns each, so that a row of a panel is what a register tile is wide:
//   Wx, Wh, dWx, dWh   [hidden/16 panels][inputs][64]       columns i16 f16 g16 o16: the four gates of the same 16 units
//   b, db              [hidden/16 panels][64]
//   gates              [hidden/16 panels][seqLen*batch][64] activations after forward, dG after backward
//   W, dW (softmax)    [vocab/64 panels][H][64]
//   b, db (softmax)    [vocab/64 panels][64]
//   z                  [vocab/64 panels][seqLen*batch][64]
// The layout is the same for every instruction set, so a replica's bytes do not depend on where it ran.
#pragma once
#include <cstdint>

namespace rondo {

constexpr long PANEL = 64;          // columns of a panel
constexpr long UNITS = 16;          // hidden units of a panel of gates; columns that padding rounds up to
constexpr long PACKED_ROWS = 256;   // Layout.PACKED_ROWS

constexpr long panels(long columns, long width = PANEL) { return (columns + width - 1) / width; }
constexpr long stride(long columns) { return panels(columns, UNITS) * UNITS; }

struct Embedding {
    long vocab, width, batch, seqLen;
    float *weight, *dWeight, *out, *dOut;
};

struct Lstm {
    long I, H, batch, seqLen;
    float *Wx, *Wh, *b, *dWx, *dWh, *db;
    float *x, *h, *c, *tanhC, *gates, *dx, *dh, *dc;
    float *scratch;
};

// z keeps the logits until the backward pass overwrites them; a row's probabilities are exp(z - max - log sum), with the two
// in the first floats of the row of sums, [seqLen*batch][32]: p is written once less, over a matrix larger than the caches.
struct Softmax {
    long vocab, H, batch, seqLen;
    float *W, *b, *dW, *db;
    float *x, *z, *loss, *dx;
    float *sums, *scratch;
};

struct Adam {
    float learningRate, beta1, beta2, epsilon, scale;
    float correction1, correction2;   // 1 - beta1^step, sqrt(1 - beta2^step)
};

struct Draw {
    uint64_t seed;
    uint32_t layer, window, shard;
};

// The operations on one instruction set; see Kernel.java for what each does.
struct Kernels {
    const char* name;
    void (*embeddingForward)(const Embedding&, const int32_t* ids);
    void (*embeddingBackward)(const Embedding&, const int32_t* ids);
    void (*lstmForward)(const Lstm&);
    void (*lstmBackward)(const Lstm&);
    void (*softmaxForward)(const Softmax&, const int32_t* targets);
    void (*softmaxBackward)(const Softmax&, const int32_t* targets, float scale);
    // Those of one panel; into: 64 floats
    void (*probabilities)(const Softmax&, long row, long panel, float* into);
    // count: a multiple of 16, here and below
    void (*dropout)(const float* from, float* to, long count, uint32_t threshold, float scale, const Draw&);
    double (*sum)(const float* x, long count);
    double (*sumOfSquares)(const float* x, long count);
    void (*sgd)(float* parameters, const float* gradients, long count, float rate);
    void (*adam)(float* parameters, const float* gradients, float* m, float* v, long count, const Adam&);
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
