// The dense layer, its losses and tied weights against plain loops in double precision.
#include "test.h"

namespace rondo {

namespace {

struct Head {
    const long V, H, n, S = stride(H), SV = stride(V), P = panels(V);
    Floats W{P * H * 64}, b{P * 64}, dW{P * H * 64}, db{P * 64}, x{n * S}, z{P * n * 64}, loss{stride(n)}, y{n * SV}, dx{n * S}, sums{n * 32};
    Floats scratch{(HEAD_PANELS * 64 * 64 * panels(H) + n * H + 15) / 16 * 16};
    const Panelled w{W, H, 0}, bias{b, 1, 0}, dw{dW, H, 0}, dbias{db, 1, 0};
    std::vector<double> zs, dz;

    Head(long V, long H, long n) : V(V), H(H), n(n), zs(n * V), dz(n * V) {
        for (const Panelled& m : {w, bias, dw, dbias}) fillPanels(m, V);
        fillRows(x, n, H);
        fillRows(y, n, V);
        for (const Floats* m : {&z, &loss, &dx, &sums, &scratch}) fillGarbage(*m);
        forward();
    }

    void forward() {
        for (long r = 0; r < n; r++)
            for (long v = 0; v < V; v++) {
                zs[r * V + v] = bias(v, 0);
                for (long j = 0; j < H; j++) zs[r * V + v] += double(w(v, j)) * x[r * S + j];
            }
    }

    Dense record(bool softmax) const { return {V, H, n, n, W, b, dW, db, x, z, loss, softmax ? nullptr : +y, dx, softmax ? +sums : nullptr, scratch, {}}; }

    void compareOutputs(const Kernels& k, const Dense& d, double tolerance) const {
        float got[64];
        for (long r = 0; r < n; r++)
            for (long v = 0; v < V; v++) {
                if (v % 64 == 0) k.outputsOfRow(d, r, v / 64, got);
                near(k.name, "z", zs[r * V + v], got[v % 64], tolerance);
            }
    }

    void compareGradients(const char* isa, double tolerance) const {
        for (long v = 0; v < V; v++) {
            double sum = 0;
            for (long r = 0; r < n; r++) sum += dz[r * V + v];
            near(isa, "db of dense", sum, dbias(v, 0), tolerance);
            for (long j = 0; j < H; j++) {
                sum = 0;
                for (long r = 0; r < n; r++) sum += dz[r * V + v] * x[r * S + j];
                near(isa, "dW", sum, dw(v, j), tolerance);
            }
        }
        for (long r = 0; r < n; r++)
            for (long j = 0; j < S; j++) {
                double sum = 0;
                for (long v = 0; v < V && j < H; v++) sum += dz[r * V + v] * w(v, j);
                near(isa, "dx of dense", sum, dx[r * S + j], j < H ? tolerance : 0);
            }
        zeroPadding(isa, "padding of dW", dW, dw, V);
        zeroPadding(isa, "padding of db of dense", db, dbias, V);
    }
};

const float SCALE = 0.125f;

void testSoftmax(const Kernels& k, Head& head) {
    const long V = head.V, n = head.n;
    const double tolerance = 4 * EPS * double(head.H + V);
    Floats p{(n * V + 15) / 16 * 16 + 16};
    std::vector<int32_t> y(n);
    for (auto& target : y) target = int32_t(generator() % uint32_t(V + 1)) - 1;
    const Dense d = head.record(true);
    inParts([&](const Part& part) { return k.denseForward(d, part); });
    head.compareOutputs(k, d, tolerance);
    k.softmaxForward(d, nullptr);
    for (long r = 0; r < n; r++) near(k.name, "loss without targets", 0, head.loss[r], 0);
    k.softmaxForward(d, y.data());
    for (long r = 0; r < n; r++) {
        double top = *std::max_element(&head.zs[r * V], &head.zs[r * V] + V), sum = 0;
        for (long v = 0; v < V; v++) sum += std::exp(head.zs[r * V + v] - top);
        near(k.name, "loss", y[r] < 0 ? 0 : top + std::log(sum) - head.zs[r * V + y[r]], head.loss[r], tolerance);
        for (long v = 0; v < V; v++) head.dz[r * V + v] = std::exp(head.zs[r * V + v] - top) / sum;
    }
    k.probabilities(d, 0, n / 2, p);
    k.probabilities(d, n / 2, n - n / 2, p + n / 2 * V);
    for (long e = 0; e < n * V; e++) {
        near(k.name, "p", head.dz[e], p[e], tolerance);
        head.dz[e] = y[e / V] < 0 ? 0 : SCALE * (head.dz[e] - (e % V == y[e / V]));
    }
    k.softmaxBackward(d, y.data(), SCALE);
    inParts([&](const Part& part) { return k.denseBackward(d, part); });
    head.compareGradients(k.name, tolerance);
}

// Logits that grow far from panel to panel, or fall, or span more than a float's exponential.
void testLargeLogits(const Kernels& k) {
    Head head(300, 1, 12);
    for (long v = 0; v < head.V; v++) head.w(v, 0) = float(v) - 150;
    const float factors[] = {1, -1, 3, -3, 0.2f, 0.01f};
    for (long r = 0; r < head.n; r++) head.x[r * head.S] = factors[r % 6];
    head.forward();
    testSoftmax(k, head);
}

void testSquared(const Kernels& k, long V, long H, long n) {
    Head head(V, H, n);
    const double tolerance = 16 * EPS * double(H + V);
    std::vector<int32_t> counts(n);
    for (auto& count : counts) count = generator() % 4 == 0 ? -1 : 0;
    const Dense d = head.record(false);
    inParts([&](const Part& part) { return k.denseForward(d, part); });
    head.compareOutputs(k, d, tolerance);
    k.squaredForward(d, counts.data());
    for (long r = 0; r < n; r++) {
        double sum = 0;
        for (long v = 0; v < V; v++) {
            const double e = head.zs[r * V + v] - head.y[r * head.SV + v];
            sum += e * e;
            head.dz[r * V + v] = counts[r] < 0 ? 0 : SCALE * 2 * e / double(V);
        }
        near(k.name, "squared error", counts[r] < 0 ? 0 : sum / double(V), head.loss[r], tolerance);
    }
    k.squaredBackward(d, counts.data(), SCALE);
    inParts([&](const Part& part) { return k.denseBackward(d, part); });
    head.compareGradients(k.name, tolerance);
}

void testTied(const Kernels& k, long V, long H) {
    Head head(V, H, 1);
    Floats weight(V * head.S), dWeight(V * head.S), before(V * head.S);
    fillRows(weight, V, H);
    fillRows(dWeight, V, H);
    std::memcpy(before, dWeight, size_t(V * head.S) * 4);
    const Embedding e{V, H, 1, 1, weight, dWeight, nullptr, nullptr};
    inParts([&](const Part& part) { return k.tie(e, head.record(true), part); });
    inParts([&](const Part& part) { return k.addTied(e, head.record(true), part); });
    for (long v = 0; v < V; v++)
        for (long j = 0; j < head.S; j++) {
            if (j < H) near(k.name, "tied W", weight[v * head.S + j], head.w(v, j), 0);
            near(k.name, "tied dW", j < H ? before[v * head.S + j] + head.dw(v, j) : 0, dWeight[v * head.S + j], 0);
        }
    zeroPadding(k.name, "padding of tied W", head.W, head.w, V);
}

}  // namespace

void testDense(const Kernels& k) {
    testLargeLogits(k);
    Head tall(65, 17, PACKED_ROWS + 6);   // more rows than are packed at a time
    testSoftmax(k, tall);
    testSquared(k, tall.V, tall.H, tall.n);
    const long rows[] = {1, 3, 6, 7, 20, 35, 100}, outputs[] = {1, 2, 17, 63, 64, 65, 130, 300};
    long turn = 0;
    for (long H : {1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65})
        for (long V : outputs) {
            Head head(V, H, rows[turn % 7]);
            testSoftmax(k, head);
            testSquared(k, V, H, rows[turn % 7]);
            testTied(k, V, H);
            turn++;
        }
}

}  // namespace rondo
