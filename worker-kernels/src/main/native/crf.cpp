// A linear-chain CRF over the labels of a sequence, (20) to (25): losses, marginals and gradients, and the best labels.
//
// Going forward, alpha is divided by its sum at every step: it is the distribution of the label given the steps so far, and the
// logarithms of what it was divided by add up to log Z. Step by step, rows keep their part of the loss, so that no long sum is
// ever made in single precision. Going backward there is no beta: with sums_t[y] = sum over x of alpha_{t-1}[x] exp(A[x][y]),
// which the way forward has left,
//     p(x at t-1 | y at t) = alpha_{t-1}[x] exp(A[x][y]) / sums_t[y],   p_{t-1}[x] = sum over y of p(x | y) p_t[y]
// is what (23) and (24) come to, a mean over distributions that loses no digits however long the sequence (Devijver, "Baum's
// forward-backward algorithm revisited", 1985). Of a step there are only rows of alpha and of p, and sums, in the place of beta.
//
// Linear holds probabilities themselves, and the way from step to step is a product with exp(A) for all sequences side by
// side. A single float's exponentials reach down to e^-87, where alpha loses a label; but what comes later can make such a label
// more likely by no more than A differs from place to place. While that is 32 at most, what is lost is e^(2 * 32 - 87) = e^-23, less
// than rounding; beyond it, as where -10,000 is to forbid a transition, Logarithms takes over: an exponential for every pair of
// labels, which takes six times as long for 17 labels, and twelve times for 50.
#include "gemm.h"

namespace rondo::RONDO_ISA {

void outputsOfRows(const Dense& d, long first, long step, long count, float* into);   // dense.cpp

constexpr float MOST_SPREAD = 32;

static long columnsOf(const Dense& d, long p) { return d.outputs - p * PANEL < PANEL ? d.outputs - p * PANEL : PANEL; }

// Of alpha or p, or delta.
static float* rowOf(const Dense& d, float* m, long row) { return m + row * stride(d.outputs); }

// Of z or beta, from label j on.
static float* panelled(const Dense& d, float* m, long row, long j) { return m + (j / PANEL * d.rows + row) * PANEL + j % PANEL; }

static long lengthOf(const Dense& d, const int32_t* lengths, long b) { return lengths ? lengths[b] : d.rows / d.batch; }

static float sumOf(V x) {
    float sum = 0;
    for (int i = 0; i < W; i++) sum += x[i];
    return sum;
}

static float highestOf(V x) {
    float highest = x[0];
    for (int i = 1; i < W; i++) highest = x[i] > highest ? x[i] : highest;
    return highest;
}

static float logOf(float x) { return log(broadcast(x))[0]; }

// Of rows of transitions, without their padding.
struct Extent { float low, high; };
static Extent extentOf(const Dense& d, const float* m, long rows) {
    V low = broadcast(m[0]), high = low;
    for (long x = 0; x < rows; x++, m += stride(d.outputs))
        forEachVector(d.outputs, [&](long j) {
            V scores = load(m + j);
            for (long i = d.outputs > j ? d.outputs - j : 0; i < W; i++) scores[i] = m[0];
            low = min(low, scores);
            high = max(high, scores);
        });
    return {-highestOf(-low), highestOf(high)};
}

static bool isNarrow(Extent e) { return e.high - e.low <= MOST_SPREAD; }

struct Linear {
    const Dense& d;
    const float low, startLow, endLow;
    // exp(A - low) and its transpose in panels, [outputs/64 panels][outputs][64]: at least 1, and so are the sums.
    float *const T, *const TT;

    Linear(const Dense& d, float low, float startLow, float endLow)
        : d(d), low(low), startLow(startLow), endLow(endLow), T(d.scratch), TT(T + panels(d.outputs) * d.outputs * PANEL) {}

    void prepare() const {
        const long L = d.outputs, S = stride(L);
        for (long p = 0; p < panels(L); p++) {
            float *to = T + p * L * PANEL, *transposed = TT + p * L * PANEL;
            for (long e = 0; e < L * PANEL; e += W) store(transposed + e, V{});
            transpose(d.crf.A + p * PANEL * S, S, columnsOf(d, p), L, transposed, PANEL);
            for (long x = 0; x < L; x++)
                forEachVector(columnsOf(d, p), [&](long j) {
                    store(to + x * PANEL + j, exp(load(d.crf.A + x * S + p * PANEL + j) - low));
                    store(transposed + x * PANEL + j, exp(load(transposed + x * PANEL + j) - low));
                });
        }
    }

    void first(long row) const {
        forEachVector(d.outputs, [&](long j) { store(panelled(d, d.crf.beta, row, j), exp(load(d.crf.start + j) - startLow)); });
    }

    void sums(long row, long count) const {
        const long S = stride(d.outputs);
        for (long p = 0; p < panels(d.outputs); p++)
            multiply(false, count, columnsOf(d, p), Rows{rowOf(d, d.crf.alpha, row - d.batch), S, d.outputs}, T + p * d.outputs * PANEL,
                     panelled(d, d.crf.beta, row, p * PANEL), PANEL);
    }

    double alpha(long row) const {
        float* alpha = rowOf(d, d.crf.alpha, row);
        V highest = load(panelled(d, d.z, row, 0)), sum{};
        forEachVector(d.outputs, [&](long j) { highest = max(highest, load(panelled(d, d.z, row, j))); });
        const float top = highestOf(highest);
        forEachVector(d.outputs, [&](long j) {
            V a = exp(load(panelled(d, d.z, row, j)) - top) * load(panelled(d, d.crf.beta, row, j));            // (21)
            store(alpha + j, a);
            sum += a;
        });
        const float total = sumOf(sum);
        forEachVector(d.outputs, [&](long j) { store(alpha + j, load(alpha + j) / total); });
        return double(top) + logOf(total) + (row < d.batch ? startLow : low);
    }

    double last(long row) const {
        float *alpha = rowOf(d, d.crf.alpha, row), *p = rowOf(d, d.crf.p, row);
        V sum{};
        forEachVector(d.outputs, [&](long j) {
            V e = load(alpha + j) * exp(load(d.crf.end + j) - endLow);
            store(p + j, e);
            sum += e;
        });
        const float total = sumOf(sum);
        forEachVector(d.outputs, [&](long j) { store(p + j, load(p + j) / total); });
        return double(logOf(total)) + endLow;
    }

    // beta becomes p / sums, which is (23) times exp(z) and a constant.
    void divide(long row) const {
        float* p = rowOf(d, d.crf.p, row);
        forEachVector(d.outputs, [&](long j) {
            float* beta = panelled(d, d.crf.beta, row, j);
            store(beta, load(p + j) / load(beta));
        });
    }

    void back(long row, long count) const {
        const Panels beta{panelled(d, d.crf.beta, row + d.batch, 0), d.rows * PANEL, d.outputs, false};
        for (long p = 0; p < panels(d.outputs); p++)
            multiply(false, count, columnsOf(d, p), beta, TT + p * d.outputs * PANEL, rowOf(d, d.crf.p, row) + p * PANEL, stride(d.outputs));
    }

    V marginal(long row, long j) const { return load(rowOf(d, d.crf.alpha, row) + j) * load(rowOf(d, d.crf.p, row) + j); }

    // Sums of p(x at t-1, y at t) over all steps, of the rows `mine` of dA. Where a row does not count beta is 0.
    void pairs(Range mine, const int32_t*) const {
        const long S = stride(d.outputs), rows = d.rows - d.batch;
        float *packed = d.scratch + mine.first * rows, *dA = rowOf(d, d.crf.dA, mine.first);
        for (long e = 0; e < mine.count * S; e += W) store(dA + e, V{});
        forEachBlock(rows, PACKED_ROWS, [&](long first, long height) {
            const Packed alpha = pack(height, Rows{rowOf(d, d.crf.alpha, first) + mine.first, S, mine.count}, packed + first * mine.count);
            for (long p = 0; p < panels(d.outputs); p++)
                multiply(true, mine.count, columnsOf(d, p), alpha, panelled(d, d.crf.beta, d.batch + first, p * PANEL), dA + p * PANEL, S);
        });
        const float* A = rowOf(d, d.crf.A, mine.first);
        for (long e = 0; e < mine.count * S; e += W) store(dA + e, load(dA + e) * exp(load(A + e) - low));
    }
};

// alpha and the sums are logarithms; in the padding of alpha, as in that of z, they are so low that their exponentials are 0.
struct Logarithms {
    const Dense& d;

    void prepare() const {}

    void first(long row) const {
        forEachVector(d.outputs, [&](long j) { store(panelled(d, d.crf.beta, row, j), load(d.crf.start + j)); });
    }

    void sums(long row, long count) const {
        for (long end = row + count; row < end; row++) {
            const float* before = rowOf(d, d.crf.alpha, row - d.batch);
            forEachVector(d.outputs, [&](long j) {
                auto term = [&](long x) { return before[x] + load(rowOf(d, d.crf.A, x) + j); };
                V top = term(0), sum{};
                for (long x = 1; x < d.outputs; x++) top = max(top, term(x));
                for (long x = 0; x < d.outputs; x++) sum += exp(term(x) - top);
                store(panelled(d, d.crf.beta, row, j), top + log(sum));
            });
        }
    }

    double alpha(long row) const {
        float* alpha = rowOf(d, d.crf.alpha, row);
        forEachVector(d.outputs, [&](long j) { store(alpha + j, load(panelled(d, d.z, row, j)) + load(panelled(d, d.crf.beta, row, j))); });   // (21)
        const float norm = normOf(alpha);
        forEachVector(d.outputs, [&](long j) { store(alpha + j, load(alpha + j) - norm); });
        return norm;
    }

    double last(long row) const {
        float *alpha = rowOf(d, d.crf.alpha, row), *p = rowOf(d, d.crf.p, row);
        forEachVector(d.outputs, [&](long j) { store(p + j, load(alpha + j) + load(d.crf.end + j)); });
        const float norm = normOf(p);
        forEachVector(d.outputs, [&](long j) { store(p + j, exp(load(p + j) - norm)); });
        return norm;
    }

    // The logarithm of the sum of the exponentials of a row.
    float normOf(const float* x) const {
        V highest = load(x), sum{};
        forEachVector(d.outputs, [&](long j) { highest = max(highest, load(x + j)); });
        const float top = highestOf(highest);
        forEachVector(d.outputs, [&](long j) { sum += exp(load(x + j) - top); });
        return top + logOf(sumOf(sum));
    }

    void divide(long) const {}

    // p(x at t-1, y at t) for a vector of y, from row t.
    V pair(long x, long row, long j) const {
        const float before = rowOf(d, d.crf.alpha, row - d.batch)[x];
        return exp(before + load(rowOf(d, d.crf.A, x) + j) - load(panelled(d, d.crf.beta, row, j))) * load(rowOf(d, d.crf.p, row) + j);
    }

    void back(long row, long count) const {
        for (long end = row + count; row < end; row++) {
            float* p = rowOf(d, d.crf.p, row);
            forEachVector(d.outputs, [&](long j) { store(p + j, V{}); });
            for (long x = 0; x < d.outputs; x++) {
                V sum{};
                forEachVector(d.outputs, [&](long j) { sum += pair(x, row + d.batch, j); });
                p[x] = sumOf(sum);
            }
        }
    }

    V marginal(long row, long j) const { return load(rowOf(d, d.crf.p, row) + j); }

    void pairs(Range mine, const int32_t* targets) const {
        const long S = stride(d.outputs);
        for (long x = mine.first; x < mine.first + mine.count; x++) {
            float* dA = rowOf(d, d.crf.dA, x);
            for (long e = 0; e < S; e += W) store(dA + e, V{});
            for (long row = d.batch; row < d.rows; row++)
                if (targets[row] >= 0) forEachVector(d.outputs, [&](long j) { store(dA + j, load(dA + j) + pair(x, row, j)); });
        }
    }
};

// Calls f with the form that loses nothing.
template <class F>
static bool withForm(const Dense& d, F f) {
    const Extent A = extentOf(d, d.crf.A, d.outputs), start = extentOf(d, d.crf.start, 1), end = extentOf(d, d.crf.end, 1);
    if (isNarrow(A) && isNarrow(start) && isNarrow(end)) return f(Linear(d, A.low, start.low, end.low));
    return f(Logarithms{d});
}

// What a row's label and the transition to it add to (20).
static double scoreOf(const Dense& d, const int32_t* targets, long row) {
    const long y = targets[row];
    return double(*panelled(d, d.z, row, y)) + (row < d.batch ? d.crf.start[y] : rowOf(d, d.crf.A, targets[row - d.batch])[y]);
}

// (21) for some of the sequences. Row t*batch + b of the losses has what step t adds.
template <class Form>
static void forward(const Dense& d, const Form& form, const int32_t* targets, const int32_t* lengths, Range mine) {
    for (long first = mine.first; first < d.rows; first += d.batch) {
        if (first >= d.batch) form.sums(first, mine.count);
        for (long row = first; row < first + mine.count; row++) {
            d.loss[row] = 0;
            if (row / d.batch >= lengthOf(d, lengths, row % d.batch)) continue;
            if (row < d.batch) form.first(row);
            const double norm = form.alpha(row);
            if (targets && targets[row] >= 0) d.loss[row] = float(norm - scoreOf(d, targets, row));
        }
    }
}

template <class Form>
static void normalise(const Dense& d, const Form& form, long row) {
    float* p = rowOf(d, d.crf.p, row);
    V sum{};
    forEachVector(d.outputs, [&](long j) {
        V marginal = form.marginal(row, j);                                                                     // (24)
        store(p + j, marginal);
        sum += marginal;
    });
    const float total = sumOf(sum);
    forEachVector(d.outputs, [&](long j) { store(p + j, load(p + j) / total); });
}

static void clear(const Dense& d, long row) {
    forEachVector(d.outputs, [&](long j) {
        store(rowOf(d, d.crf.alpha, row) + j, V{});
        store(panelled(d, d.crf.beta, row, j), V{});
        store(rowOf(d, d.crf.p, row) + j, V{});
    });
}

// (23) and (24) for some of the sequences.
template <class Form>
static void marginals(const Dense& d, const Form& form, const int32_t* targets, const int32_t* lengths, Range mine) {
    for (long first = d.rows - d.batch + mine.first; first >= 0; first -= d.batch) {
        if (first + d.batch < d.rows) form.back(first, mine.count);
        for (long row = first; row < first + mine.count; row++) {
            const long left = lengthOf(d, lengths, row % d.batch) - row / d.batch;
            if (left <= 0) {
                clear(d, row);
                continue;
            }
            if (left == 1) {
                const double norm = form.last(row);
                if (targets && targets[row] >= 0) d.loss[row] += float(norm - d.crf.end[targets[row]]);
            } else normalise(d, form, row);
            form.divide(row);
        }
    }
}

// The transitions are prepared by one part for all.
bool crfForward(const Dense& d, const int32_t* targets, const int32_t* lengths, const Part& part) {
    return withForm(d, [&](const auto& form) {
        if (part.phase == 0 && part.number == 0) form.prepare();
        if (part.phase == 0) return true;
        const Range mine = share(part, d.batch);
        forward(d, form, targets, lengths, mine);
        marginals(d, form, targets, lengths, mine);
        return false;
    });
}

// (25) of a row.
static void gradients(const Dense& d, long row, long y, float scale) {
    forEachVector(d.outputs, [&](long j) {
        store(panelled(d, d.z, row, j), y < 0 ? V{} : scale * load(rowOf(d, d.crf.p, row) + j));
        if (y < 0) store(panelled(d, d.crf.beta, row, j), V{});
    });
    if (y >= 0) *panelled(d, d.z, row, y) = scale * (rowOf(d, d.crf.p, row)[y] - 1);
}

// (25) of the rows `mine` of A. Transitions are counted before they are subtracted: counts are exact.
template <class Form>
static void transitions(const Dense& d, const Form& form, const int32_t* targets, float scale, Range mine) {
    const long floats = mine.count * stride(d.outputs);
    form.pairs(mine, targets);
    float *dA = rowOf(d, d.crf.dA, mine.first), *counts = rowOf(d, d.scratch + stride(d.rows * d.outputs), mine.first);
    for (long e = 0; e < floats; e += W) store(counts + e, V{});
    for (long row = d.batch; row < d.rows; row++) {
        const long x = targets[row - d.batch] - mine.first;
        if (targets[row] >= 0 && x >= 0 && x < mine.count) rowOf(d, counts, x)[targets[row]]++;
    }
    for (long e = 0; e < floats; e += W) store(dA + e, scale * (load(dA + e) - load(counts + e)));
}

static void ends(const Dense& d, const int32_t* targets, const int32_t* lengths) {
    for (long p = 0; p < panels(d.outputs); p++) columnSums(panelled(d, d.z, 0, p * PANEL), d.batch, columnsOf(d, p), d.crf.dStart + p * PANEL);
    forEachVector(d.outputs, [&](long j) {
        V sum{};
        for (long b = 0; b < d.batch; b++) {
            const long last = (lengthOf(d, lengths, b) - 1) * d.batch + b;
            if (last >= 0 && targets[last] >= 0) sum += load(panelled(d, d.z, last, j));
        }
        store(d.crf.dEnd + j, sum);
    });
}

bool crfBackward(const Dense& d, const int32_t* targets, const int32_t* lengths, float scale, const Part& part) {
    if (part.phase == 0) {
        const Range mine = share(part, d.rows);
        for (long row = mine.first; row < mine.first + mine.count; row++) gradients(d, row, targets[row], scale);
        return true;
    }
    if (part.number == 0) ends(d, targets, lengths);
    return withForm(d, [&](const auto& form) {
        transitions(d, form, targets, scale, share(part, d.outputs));
        return false;
    });
}

// Scratch for (22): bytes of what is allowed; transitions, from the start, to the end; then delta of DECODED_AT_ONCE sequences.
struct Decoding {
    float *A, *start, *end, *delta;
    explicit Decoding(const Dense& d) {
        A = d.scratch + (d.outputs * (d.outputs + 2) / (4 * UNITS) + 1) * UNITS;
        start = rowOf(d, A, d.outputs);
        end = rowOf(d, A, d.outputs + 1);
        delta = rowOf(d, A, d.outputs + 2);
    }
};

// Transitions that are not allowed score -infinity.
static void allow(const Dense& d, bool all, const Decoding& to) {
    const float* from[] = {d.crf.A, d.crf.start, d.crf.end};
    const uint8_t* allowed = reinterpret_cast<const uint8_t*>(d.scratch);
    for (long x = 0; x < d.outputs + 2; x++) {
        const long kind = x < d.outputs ? 0 : x - d.outputs + 1, row = kind ? 0 : x;
        float* scores = rowOf(d, to.A, x);
        for (long j = 0; j < stride(d.outputs); j += W) store(scores + j, from[kind] ? load(from[kind] + row * stride(d.outputs) + j) : V{});
        for (long y = 0; y < d.outputs && !all; y++)
            if (!allowed[x * d.outputs + y]) scores[y] = -__builtin_inff();
    }
}

// The lowest y with the largest a[y] + b[y * step].
static int32_t best(const Dense& d, const float* a, const float* b, long step) {
    int32_t best = 0;
    for (int32_t y = 1; y < d.outputs; y++)
        if (a[y] + b[y * step] > a[best] + b[best * step]) best = y;
    return best;
}

// delta of a sequence, where z is; the largest of a step is 0.
static void deltas(const Dense& d, const Decoding& decoding, long length, float* delta) {
    for (long t = 0; t < length; t++, delta += stride(d.outputs)) {
        V highest = broadcast(-__builtin_inff());
        forEachVector(d.outputs, [&](long j) {
            V before = broadcast(-__builtin_inff());
            if (t == 0) before = load(decoding.start + j);
            else for (long x = 0; x < d.outputs; x++) before = max(before, delta[x - stride(d.outputs)] + load(rowOf(d, decoding.A, x) + j));
            V score = load(delta + j) + before;                                                                 // (22)
            store(delta + j, score);
            highest = max(highest, score);
        });
        const float top = highestOf(highest);
        forEachVector(d.outputs, [&](long j) { store(delta + j, load(delta + j) - top); });
    }
}

// There is scratch for DECODED_AT_ONCE sequences, so more parts than these have nothing to do.
bool viterbi(const Dense& d, const int32_t* lengths, bool all, int32_t* labels, const Part& part) {
    const Decoding decoding(d);
    if (part.phase == 0 && part.number == 0) allow(d, all, decoding);
    if (part.phase == 0) return true;
    if (part.number >= DECODED_AT_ONCE) return false;
    const auto [first, count] = block(d.batch, part.number, part.parts < DECODED_AT_ONCE ? part.parts : DECODED_AT_ONCE);
    const long steps = d.rows / d.batch;
    float* delta = rowOf(d, decoding.delta, part.number * steps);
    for (long b = first; b < first + count; b++) {
        const long length = lengthOf(d, lengths, b);
        outputsOfRows(d, b, d.batch, length, delta);
        deltas(d, decoding, length, delta);
        for (long t = steps - 1; t >= 0; t--) {
            int32_t& label = labels[t * d.batch + b];
            if (t >= length) label = -1;
            else if (t == length - 1) label = best(d, rowOf(d, delta, t), decoding.end, 1);
            else label = best(d, rowOf(d, delta, t), decoding.A + labels[(t + 1) * d.batch + b], stride(d.outputs));
        }
    }
    return false;
}

}  // namespace rondo::RONDO_ISA
