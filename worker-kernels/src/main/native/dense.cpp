// z = W x + b, its losses of rows alone (softmax with cross-entropy, squared error) and their gradients; crf.cpp has that of sequences.
//
// z is by far the largest matrix of a language model, larger than the caches, so it crosses memory as rarely as possible, and
// its exponentials are taken once. For a softmax, what is stored while a tile of logits is still in registers is
// e = exp(z - top), and the rows' sums of e are brought up to date (Milakov and Gimelshein, "Online normalizer calculation for
// softmax", 2018). A row's top is its largest logit when it was set, and is only set anew when a logit exceeds it by far: then
// what the row has stored is scaled. softmaxBackward only notes what a row's gradients take; denseBackward turns a panel
// into gradients just before it multiplies with them.
#include "gemm.h"

namespace rondo::RONDO_ISA {

// A row of d.sums. While z is computed: top, then 16 sums, one for each column modulo 16. Then: below.
constexpr long SUMS = 2 * UNITS;
constexpr float LOWEST = -3.4e38f, HEADROOM = 20;   // e <= exp(20), so that sums over a vocabulary stay far from infinity

struct Row {
    float top, sum;      // p = e / sum = exp(z - top) / sum
    float scale;         // dz = scale * (p - onehot(target)); 0 where the row does not count
    int32_t target;
};
static Row& rowOf(const Dense& d, long row) { return *reinterpret_cast<Row*>(d.sums + row * SUMS); }

static bool isSoftmax(const Dense& d) { return d.sums != nullptr; }

static long columnsOf(const Dense& d, long p) { return d.outputs - p * PANEL < PANEL ? d.outputs - p * PANEL : PANEL; }

static float* rowOfPanel(const Dense& d, long row, long p) { return d.z + (p * d.rows + row) * PANEL; }

// The largest of `logits` becomes the top of a row, of which panels 0 to p may be stored.
static void raise(const Dense& d, long row, long p, V logits) {
    float *sums = d.sums + row * SUMS, top = LOWEST;
    for (long i = 0; i < W; i++) top = logits[i] > top ? logits[i] : top;
    const float factor = exp(broadcast(sums[0] - top))[0];
    for (long q = 0; q <= p; q++)
        forEachVector(columnsOf(d, q), [&](long v) { store(rowOfPanel(d, row, q) + v, factor * load(rowOfPanel(d, row, q) + v)); });
    for (long j = 0; j < UNITS; j += W) store(sums + UNITS + j, factor * load(sums + UNITS + j));
    sums[0] = top;
}

// As the end of the product of the rows from `from` on: logits of panel p become e.
static auto exponentials(const Dense& d, long p, long from) {
    return [&d, p, from](long row, long j, auto& c) {
        const long first = from + row;
        float* sums = d.sums + first * SUMS;
        RONDO_UNROLL for (long m = 0; m < c.rows; m++) {
            V top = c[m][0];
            RONDO_UNROLL for (long n = 1; n < c.vectors; n++) top = max(top, c[m][n]);
            if (anyAbove(top, broadcast(sums[m * SUMS] + HEADROOM))) raise(d, first + m, p, top);
        }
        RONDO_UNROLL for (long m = 0; m < c.rows; m++) {
            V sum = load(sums + m * SUMS + UNITS + j);
            RONDO_UNROLL for (long n = 0; n < c.vectors; n++) {
                V e = exp(c[m][n] - sums[m * SUMS]);
                store(rowOfPanel(d, first + m, p) + n * UNITS + j, e);
                sum += e;
            }
            store(sums + m * SUMS + UNITS + j, sum);
        }
    };
}

// z of panel p and of `rows` rows from `first` on that lie `step` rows apart; end: see product(). What is no class has a logit so low
// that its e is 0.
template <class End>
static void outputs(const Dense& d, long p, long first, long step, long rows, End end) {
    float b[PANEL];
    for (long j = 0; j < PANEL; j++) b[j] = !d.y && j >= columnsOf(d, p) ? LOWEST : d.b[p * PANEL + j];
    withWidth(columnsOf(d, p), [&](auto width) {
        product<decltype(width)::value>(rows, Rows{d.x + first * stride(d.inputs), step * stride(d.inputs), d.inputs}, d.W + p * d.inputs * PANEL,
            [&](long, long j) { return load(b + j); }, end);
    });
}

bool denseForward(const Dense& d, const Part& part) {
    const auto [first, count] = share(part, d.rows);
    for (long row = first; row < first + count && isSoftmax(d); row++)
        for (long j = 0; j < UNITS; j += W) {
            store(d.sums + row * SUMS + j, broadcast(LOWEST));
            store(d.sums + row * SUMS + UNITS + j, V{});
        }
    for (long p = 0; p < panels(d.outputs); p++) {
        if (isSoftmax(d)) outputs(d, p, first, 1, count, exponentials(d, p, first));
        else outputs(d, p, first, 1, count, storeTo(rowOfPanel(d, first, p), PANEL));
    }
    for (long row = first; row < first + count && isSoftmax(d); row++) {
        const float* sums = d.sums + row * SUMS;
        float sum = 0;
        for (long j = 0; j < UNITS; j++) sum += sums[UNITS + j];
        rowOf(d, row) = {sums[0], sum, 0, -1};
    }
    return false;
}

// Of one row and panel, before its softmax.
void outputsOfRow(const Dense& d, long row, long p, float* into) {
    if (isSoftmax(d)) outputs(d, p, row, 1, 1, storeTo(into, PANEL));
    else forEachVector(columnsOf(d, p), [&](long v) { store(into + v, load(rowOfPanel(d, row, p) + v)); });
}

// Of all panels, of `count` rows from `first` on that lie `step` rows apart, into rows of an ordinary matrix. For crf.cpp.
void outputsOfRows(const Dense& d, long first, long step, long count, float* into) {
    const long S = stride(d.outputs);
    for (long p = 0; p < panels(d.outputs); p++) {
        if (isSoftmax(d)) outputs(d, p, first, step, count, storeTo(into + p * PANEL, S));
        else for (long i = 0; i < count; i++)
            forEachVector(columnsOf(d, p), [&](long v) { store(into + i * S + p * PANEL + v, load(rowOfPanel(d, first + i * step, p) + v)); });
    }
}

void softmaxForward(const Dense& d, const int32_t* targets) {
    for (long row = 0; row < d.rows; row++) {
        const Row& r = rowOf(d, row);
        const long y = targets ? targets[row] : -1;
        d.loss[row] = 0;
        if (y < 0) continue;
        const float e = rowOfPanel(d, row, y / PANEL)[y % PANEL];
        if (e > 1e-20f) d.loss[row] = log(broadcast(r.sum / e))[0];                                            // (9)
        else {                                                                  // z itself: e has lost its digits
            float z[PANEL];
            outputsOfRow(d, row, y / PANEL, z);
            d.loss[row] = r.top - z[y % PANEL] + log(broadcast(r.sum))[0];
        }
    }
}

void softmaxBackward(const Dense& d, const int32_t* targets, float scale) {
    for (long row = 0; row < d.rows; row++) {
        rowOf(d, row).scale = targets[row] < 0 ? 0 : scale;
        rowOf(d, row).target = targets[row];
    }
}

// e of panel p, in columns from `begin` on, becomes scale * (probability - onehot(target)), as scale / sum * (e - sum onehot(target)); db is
// its sum over rows.
static void logitGradients(const Dense& d, long p, long begin, long columns) {
    withWidth(columns, [&](auto width) {
        constexpr long N = decltype(width)::value * UNITS / W;
        V db[N] = {};
        for (long row = 0; row < d.rows; row++) {
            const Row r = rowOf(d, row);
            const float factor = r.scale / r.sum;
            float* z = rowOfPanel(d, row, p) + begin;
            const long y = r.target - p * PANEL - begin;
            if (y >= 0 && y < columns) z[y] -= r.sum;                                                            // (10)
            RONDO_UNROLL for (long n = 0; n < N; n++) {
                V dz = r.scale == 0 ? V{} : factor * load(z + n * W);
                store(z + n * W, dz);
                db[n] += dz;
            }
        }
        RONDO_UNROLL for (long n = 0; n < N; n++) store(d.db + p * PANEL + begin + n * W, db[n]);
    });
}

void squaredForward(const Dense& d, const int32_t* counts) {
    for (long row = 0; row < d.rows; row++) {
        V sum{};
        for (long p = 0; p < panels(d.outputs); p++)
            forEachVector(columnsOf(d, p), [&](long v) {
                V e = load(rowOfPanel(d, row, p) + v) - load(d.y + row * stride(d.outputs) + p * PANEL + v);
                sum = fma(e, e, sum);
            });
        float total = 0;
        for (int j = 0; j < W; j++) total += sum[j];
        d.loss[row] = counts[row] < 0 ? 0 : total / float(d.outputs);                                          // (18)
    }
}

void squaredBackward(const Dense& d, const int32_t* counts, float scale) {
    for (long p = 0; p < panels(d.outputs); p++)
        for (long row = 0; row < d.rows; row++)
            forEachVector(columnsOf(d, p), [&](long v) {
                float* z = rowOfPanel(d, row, p) + v;
                V e = load(z) - load(d.y + row * stride(d.outputs) + p * PANEL + v);
                store(z, counts[row] < 0 ? V{} : scale * 2 / float(d.outputs) * e);
            });
}

// f(p, begin, columns): a part of the columns of the panels from `first` to before `end`, in whole vectors of 16.
template <class F>
static void forEachPanelOf(const Dense& d, const Part& part, long first, long end, F f) {
    constexpr long VECTORS = PANEL / UNITS;
    const Range mine = share(part, (end - 1 - first) * VECTORS + panels(columnsOf(d, end - 1), UNITS));
    for (long v = mine.first, next; v < mine.first + mine.count; v = next) {
        next = (v / VECTORS + 1) * VECTORS;
        if (next > mine.first + mine.count) next = mine.first + mine.count;
        f(first + v / VECTORS, v % VECTORS * UNITS, (next - v) * UNITS);
    }
}

// A few panels at a time, so that dx, to which all of them add, is read and written more rarely. They take two phases: the gradients
// of their logits, by columns, and then what is made of these: dW by inputs, dx by rows. A part packs the inputs that it needs.
bool denseBackward(const Dense& d, const Part& part) {
    const long S = stride(d.inputs), P = panels(d.outputs), groups = panels(P, HEAD_PANELS);
    const long firstPanel = block(P, part.phase / 2, groups).first, count = block(P, part.phase / 2, groups).count;
    const Range inputs = share(part, d.inputs), rows = share(part, d.rows);
    float *WT = d.scratch, *packed = WT + panels(d.inputs) * HEAD_PANELS * PANEL * PANEL + inputs.first * d.rows;
    if (part.phase == 0)
        forEachBlock(d.rows, PACKED_ROWS, [&](long first, long height) {
            pack(height, Rows{d.x + first * S + inputs.first, S, inputs.count}, packed + first * inputs.count);
        });
    if (part.phase % 2 == 0) {
        transposeWeights(part, d.W + firstPanel * d.inputs * PANEL, count, d.inputs, WT);
        forEachPanelOf(d, part, firstPanel, firstPanel + count, [&](long p, long begin, long columns) {
            if (isSoftmax(d)) logitGradients(d, p, begin, columns);
            else columnSums(rowOfPanel(d, 0, p) + begin, d.rows, columns, d.db + p * PANEL + begin);
        });
        return true;
    }
    for (long p = firstPanel; p < firstPanel + count; p++)
        forEachBlock(d.rows, PACKED_ROWS, [&](long first, long height) {
            multiply(first > 0, inputs.count, columnsOf(d, p), Packed{packed + first * inputs.count, height}, rowOfPanel(d, first, p),
                     d.dW + (p * d.inputs + inputs.first) * PANEL, PANEL);
        });
    const long columns = (count - 1) * PANEL + columnsOf(d, firstPanel + count - 1);
    const Panels dz{rowOfPanel(d, rows.first, firstPanel), d.rows * PANEL, columns, true};
    forEachInputPanel(d.inputs, [&](long q, long first, long width) {
        multiply(firstPanel > 0, rows.count, width, dz, WT + q * count * PANEL * PANEL, d.dx + rows.first * S + first, S);
    });
    return part.phase + 1 < 2 * groups;
}

static void marginals(const Dense& d, long first, long rows, float* into) {
    const float* p = d.crf.p + first * stride(d.outputs);
    for (long i = 0; i < rows; i++, p += stride(d.outputs)) forEachVector(d.outputs, [&](long v) { store(into + i * d.outputs + v, load(p + v)); });
}

// Panels and rows in such an order that what a row's last vector writes beyond it is overwritten by the next row's first panel.
void probabilities(const Dense& d, long first, long rows, float* into) {
    if (d.crf.p) return marginals(d, first, rows, into);
    for (long p = panels(d.outputs); p-- > 0;)
        for (long i = 0; i < rows; i++) {
            const float *e = rowOfPanel(d, first + i, p), inverse = 1 / rowOf(d, first + i).sum;
            float* row = into + i * d.outputs + p * PANEL;
            forEachVector(columnsOf(d, p), [&](long v) { store(row + v, inverse * load(e + v)); });
        }
}

}  // namespace rondo::RONDO_ISA
