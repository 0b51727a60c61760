// Every cell, forward and backward through time, against plain loops in double precision.
#include "test.h"

namespace rondo {

namespace {

struct Case {
    long gates, activation, peephole, reverse, addsDx, lengths;   // lengths: whether sequences have lengths of their own
    long I, H, batch, seqLen;
};

double activate(long activation, double x) { return activation == TANH ? std::tanh(x) : activation == RELU ? std::max(0.0, x) : sigmoid(x); }
double slope(long activation, double y) { return activation == TANH ? 1 - y * y : activation == RELU ? y > 0 : y * (1 - y); }

// The matrices of one layer, and the same numbers in double precision.
struct Layer {
    const Case c;
    const long n = c.batch * c.seqLen, SI = stride(c.I), SH = stride(c.H), P = panels(c.H, 64 / c.gates), Q = c.gates * c.H, H = c.H, I = c.I;
    const bool memory = c.gates == 4;
    Floats Wx{P * I * 64}, Wh{P * H * 64}, b{P * 64}, p{P * 64}, dWx{P * I * 64}, dWh{P * H * 64}, db{P * 64}, dp{P * 64};
    Floats x{n * SI}, h{(n + c.batch) * SH}, c_{(n + c.batch) * SH}, tanhC{n * SH}, gates{P * gateRows(n) * 64}, dx{n * SI}, dh{n * SH}, dc{c.batch * SH};
    Floats scratch{(P * 64 * 64 * (panels(H) + panels(I)) + std::min(n, PACKED_ROWS) * std::max(I, H) + 15) / 16 * 16};
    const long form = memory ? H : 0;
    const Panelled wx{Wx, I, form}, wh{Wh, H, form}, bias{b, 1, form}, dwx{dWx, I, form}, dwh{dWh, H, form}, dbias{db, 1, form};
    std::vector<int32_t> lengths;
    std::vector<double> hs, cs, tc, g, dhs, dcs, dxs, dwxs, dwhs, dbs, dps;

    explicit Layer(const Case& given) : c(given), hs((n + c.batch) * H), cs(hs.size()), tc(n * H), g(n * Q), dhs(n * H), dcs(c.batch * H), dxs(n * I),
            dwxs(Q * I), dwhs(Q * H), dbs(Q), dps(3 * H) {
        for (const Panelled& m : {wx, wh, bias, dwx, dwh, dbias}) fillPanels(m, Q);
        for (long q = 0; q < 3; q++) for (long j = 0; j < H && c.peephole; j++) { peephole(p, q, j) = float(uniform()); peephole(dp, q, j) = 9; }
        fillRows(x, n, I);
        fillRows(h + first(), c.batch, H);
        fillRows(c_ + first(), c.batch, H);
        fillRows(dh, n, H);
        for (const Floats* m : {&tanhC, &gates, &dc, &scratch}) fillGarbage(*m);
        if (c.addsDx) fillRows(dx, n, I);
        else fillGarbage(dx);
        for (long b = 0; b < c.batch && c.lengths; b++) lengths.push_back(int32_t(generator() % uint32_t(c.seqLen + 1)));
        for (long r = 0; r < n; r++) for (long j = 0; j < H; j++) dhs[r * H + j] = dh[r * SH + j];
        for (long r = 0; r < n; r++) for (long j = 0; j < I; j++) dxs[r * I + j] = c.addsDx ? dx[r * SI + j] : 0;
        for (long r = 0; r < n + c.batch; r++) for (long j = 0; j < H; j++) { hs[r * H + j] = h[r * SH + j]; cs[r * H + j] = c_[r * SH + j]; }
    }

    // p_i, p_f, p_o lie in the columns of i, f and o.
    float& peephole(float* m, long q, long j) const { return m[j / 16 * 64 + (q == 2 ? 3 : q) * 16 + j % 16]; }
    double seen(long q, long j) const { return c.peephole ? peephole(p, q, j) : 0; }
    long first() const { return c.reverse ? n * SH : 0; }
    bool isPast(long r) const { return c.lengths && r / c.batch >= lengths[r % c.batch]; }
    long before(long r) const { return c.reverse ? r + c.batch : r; }   // row of h and c that row r of the window starts from
    long after(long r) const { return c.reverse ? r : r + c.batch; }
    long rowAt(long s) const { return c.reverse ? n - 1 - s : s; }      // in the order in which the layer takes them

    Recurrent record() const {
        return {{c.gates, c.activation, c.peephole}, c.reverse, c.addsDx, I, H, c.batch, c.seqLen, Wx, Wh, b, c.peephole ? +p : nullptr,
                dWx, dWh, db, c.peephole ? +dp : nullptr, x, h, memory ? +c_ : nullptr, memory ? +tanhC : nullptr, gates, dx, dh,
                memory ? +dc : nullptr, scratch};
    }

    void forward() {
        for (long s = 0; s < n; s++) {
            const long r = rowAt(s);
            const double *hPrev = &hs[before(r) * H], *cPrev = &cs[before(r) * H];
            double *ht = &hs[after(r) * H], *ct = &cs[after(r) * H], *sums = &g[r * Q];
            if (isPast(r)) {
                std::copy_n(hPrev, H, ht);
                std::copy_n(cPrev, H, ct);
                continue;
            }
            for (long q = 0; q < Q; q++) {
                sums[q] = bias(q, 0);
                for (long j = 0; j < I; j++) sums[q] += double(wx(q, j)) * x[r * SI + j];
                for (long j = 0; j < H; j++) sums[q] += wh(q, j) * hPrev[j];
            }
            for (long j = 0; j < H; j++) {
                if (!memory) {
                    ht[j] = activate(c.activation, sums[j]);
                    continue;
                }
                double &i = sums[j], &f = sums[H + j], &u = sums[2 * H + j], &o = sums[3 * H + j];
                i = sigmoid(i + seen(0, j) * cPrev[j]);
                f = sigmoid(f + seen(1, j) * cPrev[j]);
                u = activate(c.activation, u);
                ct[j] = f * cPrev[j] + i * u;
                o = sigmoid(o + seen(2, j) * ct[j]);
                tc[r * H + j] = std::tanh(ct[j]);
                ht[j] = o * tc[r * H + j];
            }
        }
    }

    void backward() {
        for (long s = n - 1; s >= 0; s--) {
            const long r = rowAt(s);
            double *gate = &g[r * Q], *d = &dhs[r * H], *dhPrev = s < c.batch ? nullptr : &dhs[(c.reverse ? r + c.batch : r - c.batch) * H];
            if (isPast(r)) {
                for (long j = 0; j < H && dhPrev; j++) dhPrev[j] += d[j];
                continue;
            }
            for (long j = 0; j < H; j++) {
                if (!memory) {
                    gate[j] = d[j] * slope(c.activation, hs[after(r) * H + j]);
                    continue;
                }
                double &i = gate[j], &f = gate[H + j], &u = gate[2 * H + j], &o = gate[3 * H + j], &dcj = dcs[r % c.batch * H + j];
                double th = tc[r * H + j], cp = cs[before(r) * H + j], dO = d[j] * th * o * (1 - o);
                dcj += d[j] * o * (1 - th * th) + dO * seen(2, j);
                double di = dcj * u * i * (1 - i), df = dcj * cp * f * (1 - f), du = dcj * i * slope(c.activation, u);
                dcj = dcj * f + di * seen(0, j) + df * seen(1, j);
                dps[j] += di * cp;
                dps[H + j] += df * cp;
                dps[2 * H + j] += dO * cs[after(r) * H + j];
                i = di;
                f = df;
                u = du;
                o = dO;
            }
            for (long q = 0; q < Q; q++) {
                dbs[q] += gate[q];
                for (long j = 0; j < I; j++) { dwxs[q * I + j] += gate[q] * x[r * SI + j]; dxs[r * I + j] += gate[q] * wx(q, j); }
                for (long j = 0; j < H; j++) dwhs[q * H + j] += gate[q] * hs[before(r) * H + j];
                for (long j = 0; j < H && dhPrev; j++) dhPrev[j] += gate[q] * wh(q, j);
            }
        }
    }

    void compareStates(const char* isa, double tolerance) const {
        double largest = 1;
        for (double value : hs) largest = std::max(largest, std::fabs(value));
        for (long r = 0; r < n + c.batch; r++)
            for (long j = 0; j < SH; j++) {
                near(isa, "h", j < H ? hs[r * H + j] : 0, h[r * SH + j], largest * tolerance);
                if (memory) near(isa, "c", j < H ? cs[r * H + j] : 0, c_[r * SH + j], largest * tolerance);
            }
    }

    void compareGradients(const char* isa, double tolerance) const {
        double largest = 1;
        for (double d : dhs) largest = std::max(largest, std::fabs(d));
        for (double value : hs) largest = std::max(largest, std::fabs(value));
        tolerance *= largest * double(c.batch);
        for (long q = 0; q < Q; q++) {
            near(isa, "db", dbs[q], dbias(q, 0), tolerance);
            for (long j = 0; j < I; j++) near(isa, "dWx", dwxs[q * I + j], dwx(q, j), tolerance);
            for (long j = 0; j < H; j++) near(isa, "dWh", dwhs[q * H + j], dwh(q, j), tolerance);
        }
        for (long q = 0; q < 3; q++)
            for (long j = 0; j < H && c.peephole; j++) near(isa, "dp", dps[q * H + j], peephole(dp, q, j), tolerance);
        for (long b = 0; b < c.batch; b++)
            for (long j = 0; j < H && memory; j++) near(isa, "dc of the state before", dcs[b * H + j], dc[b * SH + j], tolerance);
        for (long r = 0; r < n; r++)
            for (long j = 0; j < SI; j++) near(isa, "dx", j < I ? dxs[r * I + j] : 0, dx[r * SI + j], j < I ? tolerance : 0);
        zeroPadding(isa, "padding of dWx", dWx, dwx, Q);
        zeroPadding(isa, "padding of dWh", dWh, dwh, Q);
        zeroPadding(isa, "padding of db", db, dbias, Q);
    }
};

void test(const Kernels& k, const Case& c) {
    Layer layer(c);
    const int32_t* lengths = c.lengths ? layer.lengths.data() : nullptr;
    const double tolerance = 4 * EPS * double(c.seqLen * (c.gates * c.H + c.I));
    const int before = failures;
    inParts([&](const Part& part) { return k.recurrentForward(layer.record(), lengths, part); });
    layer.forward();
    layer.compareStates(k.name, tolerance);
    inParts([&](const Part& part) { return k.recurrentBackward(layer.record(), lengths, part); });
    layer.backward();
    layer.compareGradients(k.name, tolerance);
    if (failures > before && failures <= 20)
        std::printf("  of cell %ld %ld %ld, reverse %ld, addsDx %ld, lengths %ld, I %ld, H %ld, batch %ld, seqLen %ld\n", c.gates, c.activation,
                    c.peephole, c.reverse, c.addsDx, c.lengths, c.I, c.H, c.batch, c.seqLen);
    Recurrent lowest = layer.record();
    lowest.dx = nullptr;   // a layer whose input needs no gradient
    inParts([&](const Part& part) { return k.recurrentForward(lowest, lengths, part); });
    inParts([&](const Part& part) { return k.recurrentBackward(lowest, lengths, part); });
}

}  // namespace

void testRecurrent(const Kernels& k) {
    const long batch[] = {1, 3, 6, 7, 20}, seqLen[] = {1, 2, 5}, inputs[] = {1, 5, 16, 17, 64, 70, 128};
    const long cells[][3] = {{1, TANH, 0}, {1, RELU, 0}, {4, TANH, 0}, {4, TANH, 1}, {4, SIGMOID, 0}, {4, SIGMOID, 1}};
    long turn = 0;
    for (long H : {1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65})
        for (const auto& cell : cells)
            for (long variant = 0; variant < 8; variant++, turn++)
                test(k, {cell[0], cell[1], cell[2], variant & 1, variant >> 1 & 1, variant >> 2, inputs[turn % 7], H, batch[turn % 5], seqLen[turn % 3]});
    const long steps = 5, H = 129, far = (1 << 20) / (steps * stride(H) * 4 * 4) + 1;
    for (const auto& cell : cells) {
        test(k, {cell[0], cell[1], cell[2], 1, 0, 1, 20, 17, PACKED_ROWS / steps + 1, steps});      // more rows than are packed at a time
        const bool sigmoid = cell[1] == SIGMOID;
        if (cell[2]) test(k, {4, cell[1], 1, sigmoid, 0, sigmoid, 5, H, far, steps});    // more panels than dx adds at a time, gates of more than 1 MB
    }
}

}  // namespace rondo
