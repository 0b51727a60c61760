package org.rondo.kernels;

import java.util.Arrays;
import org.rondo.kernels.Layout.Block;

/** The specification: the equations of this package's page, in their order and letters, as plain loops in double precision.
 *  Finite differences check it; the native kernel must agree with it. Tensors lie in their canonical order, gates as
 *  [token][i f g o][unit], z as [token][vocab]. */
public final class ReferenceKernel extends Kernel {
    private double[] memory;

    ReferenceKernel(Layout layout) {
        super(layout);
        if (layout.floats() > Integer.MAX_VALUE - 8)
            throw new IllegalArgumentException("the reference kernel holds at most " + (Integer.MAX_VALUE - 8) + " numbers, this network and window need "
                    + layout.floats() + "; set spark.rondo.kernel=native, or lower hidden, batch or seqLen");
        long bytes = Double.BYTES * layout.floats(), heap = Runtime.getRuntime().maxMemory();
        if (bytes > heap) throw noMemory("heap", bytes, heap, "spark.executor.memory");
        memory = new double[Math.toIntExact(layout.floats())];
    }

    @Override public String description() {
        return "reference";
    }

    @Override public void load(Block block, float[] canonical) {
        checkVector(block, canonical);
        for (Tensor tensor : layout.network.tensors()) {
            Matrix m = layout.at(block, tensor);
            int cols = columns(tensor), stride = stride(tensor, m);
            for (int i = 0; i < tensor.size(); i++)
                memory[at(m) + i / cols * stride + i % cols] = canonical[tensor.offset() + i];
        }
    }

    @Override public void store(Block block, float[] canonical) {
        checkVector(block, canonical);
        for (Tensor tensor : layout.network.tensors()) {
            Matrix m = layout.at(block, tensor);
            int cols = columns(tensor), stride = stride(tensor, m);
            for (int i = 0; i < tensor.size(); i++)
                canonical[tensor.offset() + i] = (float) memory[at(m) + i / cols * stride + i % cols];
        }
    }

    @Override public void write(float[] source, int at, Matrix m) {
        checkArray(source, at, m);
        for (int r = 0; r < m.rows(); r++)
            for (int j = 0; j < m.cols(); j++) memory[row(m, r) + j] = source[at++];
    }

    @Override public void read(Matrix m, float[] target, int at) {
        checkArray(target, at, m);
        for (int r = 0; r < m.rows(); r++)
            for (int j = 0; j < m.cols(); j++) target[at++] = (float) memory[row(m, r) + j];
    }

    @Override public void copy(Matrix from, Matrix to) {
        checkCopy(from, to);
        System.arraycopy(memory, at(from), memory, at(to), (int) to.floats());
    }

    @Override public void zero(Matrix m) {
        check(m);
        Arrays.fill(memory, at(m), at(m) + (int) m.floats(), 0);
    }

    @Override public void copyColumns(Matrix from, int fromColumn, Matrix to, int toColumn, int columns) {
        checkCopy(from, fromColumn, to, toColumn, columns);
        for (int r = 0; r < to.rows(); r++)
            System.arraycopy(memory, row(from, r) + fromColumn, memory, row(to, r) + toColumn, columns);
    }

    @Override public void embeddingForward(Layout.Embedding e, int[] ids) {
        checkInputs(e, ids, false);
        for (int n = 0; n < ids.length; n++)
            System.arraycopy(memory, row(e.weight(), ids[n]), memory, row(e.out(), n), e.width());       // (1)
    }

    @Override public void embeddingBackward(Layout.Embedding e, int[] ids) {
        checkInputs(e, ids, true);
        zero(e.dWeight());
        for (int n = 0; n < ids.length; n++)
            for (int k = 0; k < e.width(); k++) memory[row(e.dWeight(), ids[n]) + k] += memory[row(e.dOut(), n) + k];
    }

    @Override public void tie(Layout.Embedding e, Layout.Dense d) {
        checkTied(e, d, false);
        for (int v = 0; v < d.outputs(); v++)
            System.arraycopy(memory, row(e.weight(), v), memory, at(d.W()) + v * d.inputs(), d.inputs());
    }

    @Override public void addTied(Layout.Embedding e, Layout.Dense d) {
        checkTied(e, d, true);
        for (int v = 0; v < d.outputs(); v++)
            for (int k = 0; k < d.inputs(); k++) memory[row(e.dWeight(), v) + k] += memory[at(d.dW()) + v * d.inputs() + k];
    }

    @Override public void dropout(Matrix from, Matrix to, double rate, Draw draw, int layer, int period) {
        checkDropout(from, to, rate, draw, period);
        long threshold = (long) (rate * 0x1p32);
        int[] words = new int[4];
        for (int e = 0; e < from.floats(); e++) {                                                       // (2)
            int place = e % (period * from.stride());
            if (place % 4 == 0) Philox.block(draw.seed(), place / 4, layer, draw.window(), draw.shard(), words);
            boolean kept = (words[place % 4] & 0xFFFFFFFFL) >= threshold;
            memory[at(to) + e] = kept ? memory[at(from) + e] / (1 - rate) : 0;
        }
    }

    @Override public void recurrentForward(Layout.Recurrent r, int[] lengths) {
        check(r, lengths, false);
        for (int s = 0; s < r.seqLen(); s++) {
            int t = r.reverse() ? r.seqLen() - 1 - s : s;
            for (int b = 0; b < r.batch(); b++) {
                if (lengths != null && t >= lengths[b]) keepState(r, t, b);
                else if (r.cell().hasMemory()) lstmForward(r, t, b);
                else rnnForward(r, t, b);
            }
        }
    }

    private void lstmForward(Layout.Recurrent r, int t, int b) {
        double[] m = memory;
        int H = r.H(), h = row(r.h(), own(r, t, b)), cPrev = row(r.c(), previous(r, t, b)), c = row(r.c(), own(r, t, b));
        int i = gates(r, t, b), f = i + H, g = f + H, o = g + H, tanhC = row(r.tanhC(), t * r.batch() + b);
        preActivations(r, t, b);
        for (int j = 0; j < H; j++) {
            m[i + j] = sigmoid(m[i + j] + peephole(r, 0, j) * m[cPrev + j]);                             // (3) (19)
            m[f + j] = sigmoid(m[f + j] + peephole(r, 1, j) * m[cPrev + j]);                             // (4)
            m[g + j] = r.cell().activation() == Activation.SIGMOID ? sigmoid(m[g + j]) : Math.tanh(m[g + j]);   // (5)
            m[c + j] = m[f + j] * m[cPrev + j] + m[i + j] * m[g + j];                                    // (7)
            m[o + j] = sigmoid(m[o + j] + peephole(r, 2, j) * m[c + j]);                                 // (6)
            m[tanhC + j] = Math.tanh(m[c + j]);
            m[h + j] = m[o + j] * m[tanhC + j];                                                          // (8)
        }
    }

    private void rnnForward(Layout.Recurrent r, int t, int b) {
        int h = row(r.h(), own(r, t, b)), gate = gates(r, t, b);
        preActivations(r, t, b);
        for (int j = 0; j < r.H(); j++)                                                                  // (17)
            memory[h + j] = r.cell().activation() == Activation.RELU ? Math.max(0, memory[gate + j]) : Math.tanh(memory[gate + j]);
    }

    /** Wx x_t + Wh h_{t-1} + b of every gate, into the gates. */
    private void preActivations(Layout.Recurrent r, int t, int b) {
        double[] m = memory;
        int H = r.H(), I = r.I(), x = row(r.x(), t * r.batch() + b), hPrev = row(r.h(), previous(r, t, b)), gate = gates(r, t, b);
        for (int q = 0; q < r.cell().gates() * H; q++) {
            double sum = m[at(r.b()) + q];
            for (int k = 0; k < I; k++) sum += m[at(r.Wx()) + q * I + k] * m[x + k];
            for (int k = 0; k < H; k++) sum += m[at(r.Wh()) + q * H + k] * m[hPrev + k];
            m[gate + q] = sum;
        }
    }

    /** A step past the end of its sequence. */
    private void keepState(Layout.Recurrent r, int t, int b) {
        int from = previous(r, t, b), to = own(r, t, b);
        System.arraycopy(memory, row(r.h(), from), memory, row(r.h(), to), r.H());
        if (r.cell().hasMemory()) System.arraycopy(memory, row(r.c(), from), memory, row(r.c(), to), r.H());
    }

    @Override public void recurrentBackward(Layout.Recurrent r, int[] lengths) {
        check(r, lengths, true);
        for (Matrix sum : new Matrix[] {r.dWx(), r.dWh(), r.db(), r.dp(), r.dc(), r.addsDx() ? null : r.dx()}) if (sum != null) zero(sum);
        for (int s = r.seqLen() - 1; s >= 0; s--) {
            int t = r.reverse() ? r.seqLen() - 1 - s : s;
            for (int b = 0; b < r.batch(); b++) {
                if (lengths != null && t >= lengths[b]) passOn(r, t, b, s > 0);
                else {
                    if (r.cell().hasMemory()) lstmBackward(r, t, b);
                    else rnnBackward(r, t, b);
                    spread(r, t, b, s > 0);
                }
            }
        }
    }

    private void lstmBackward(Layout.Recurrent r, int t, int b) {
        double[] m = memory;
        int H = r.H(), n = t * r.batch() + b, dh = row(r.dh(), n), dc = row(r.dc(), b), tanhC = row(r.tanhC(), n);
        int cPrev = row(r.c(), previous(r, t, b)), c = row(r.c(), own(r, t, b)), i = gates(r, t, b), f = i + H, g = f + H, o = g + H;
        for (int j = 0; j < H; j++) {
            double dO = m[dh + j] * m[tanhC + j] * m[o + j] * (1 - m[o + j]);                            // (12) (14)
            m[dc + j] += m[dh + j] * m[o + j] * (1 - m[tanhC + j] * m[tanhC + j]) + dO * peephole(r, 2, j);
            double slope = r.cell().activation() == Activation.SIGMOID ? m[g + j] * (1 - m[g + j]) : 1 - m[g + j] * m[g + j];
            double di = m[dc + j] * m[g + j] * m[i + j] * (1 - m[i + j]);                                // (13) (14)
            double df = m[dc + j] * m[cPrev + j] * m[f + j] * (1 - m[f + j]);
            double dg = m[dc + j] * m[i + j] * slope;
            m[dc + j] = m[dc + j] * m[f + j] + di * peephole(r, 0, j) + df * peephole(r, 1, j);          // (15)
            if (r.dp() != null) {
                m[at(r.dp()) + j] += di * m[cPrev + j];
                m[at(r.dp()) + H + j] += df * m[cPrev + j];
                m[at(r.dp()) + 2 * H + j] += dO * m[c + j];
            }
            m[i + j] = di;
            m[f + j] = df;
            m[g + j] = dg;
            m[o + j] = dO;
        }
    }

    private void rnnBackward(Layout.Recurrent r, int t, int b) {
        int h = row(r.h(), own(r, t, b)), dh = row(r.dh(), t * r.batch() + b), gate = gates(r, t, b);
        for (int j = 0; j < r.H(); j++) {
            double slope = r.cell().activation() == Activation.TANH ? 1 - memory[h + j] * memory[h + j] : memory[h + j] > 0 ? 1 : 0;
            memory[gate + j] = memory[dh + j] * slope;
        }
    }

    /** From dG of a step to the weights, the inputs and the step before. */
    private void spread(Layout.Recurrent r, int t, int b, boolean hasPrevious) {
        double[] m = memory;
        int n = t * r.batch() + b, H = r.H(), I = r.I(), dG = gates(r, t, b), x = row(r.x(), n), hPrev = row(r.h(), previous(r, t, b));
        for (int q = 0; q < r.cell().gates() * H; q++) {                                                 // (16)
            m[at(r.db()) + q] += m[dG + q];
            for (int k = 0; k < I; k++) m[at(r.dWx()) + q * I + k] += m[dG + q] * m[x + k];
            for (int k = 0; k < H; k++) m[at(r.dWh()) + q * H + k] += m[dG + q] * m[hPrev + k];
            if (r.dx() != null)
                for (int k = 0; k < I; k++) m[row(r.dx(), n) + k] += m[at(r.Wx()) + q * I + k] * m[dG + q];
            if (hasPrevious)
                for (int k = 0; k < H; k++) m[dhPrevious(r, t, b) + k] += m[at(r.Wh()) + q * H + k] * m[dG + q];   // (11)
        }
    }

    /** Backward through {@link #keepState}: dh and dc reach the step before as they are. */
    private void passOn(Layout.Recurrent r, int t, int b, boolean hasPrevious) {
        if (!hasPrevious) return;
        for (int j = 0; j < r.H(); j++) memory[dhPrevious(r, t, b) + j] += memory[row(r.dh(), t * r.batch() + b) + j];
    }

    @Override public void denseForward(Layout.Dense d) {
        check(d, false);
        for (int n = 0; n < d.rows(); n++)
            for (int v = 0; v < d.outputs(); v++) memory[z(d, n) + v] = output(d, n, v);
    }

    /** z of a row and an output; where it lay, the softmax has put p. */
    private double output(Layout.Dense d, int n, int v) {
        double[] m = memory;
        double sum = m[at(d.b()) + v];                                                                   // (9)
        for (int k = 0; k < d.inputs(); k++) sum += m[at(d.W()) + v * d.inputs() + k] * m[row(d.x(), n) + k];
        return sum;
    }

    @Override public void softmaxForward(Layout.Dense d, int[] targets) {
        if (targets == null) checkHead(d, Loss.SOFTMAX, false);
        else checkTargets(d, targets, Loss.SOFTMAX, false);
        double[] m = memory;
        for (int n = 0; n < d.rows(); n++) {
            int z = z(d, n);
            double max = Double.NEGATIVE_INFINITY, sum = 0;
            for (int v = 0; v < d.outputs(); v++) max = Math.max(max, m[z + v]);
            for (int v = 0; v < d.outputs(); v++) sum += Math.exp(m[z + v] - max);
            boolean counts = targets != null && targets[n] >= 0;
            m[at(d.loss()) + n] = counts ? max + Math.log(sum) - m[z + targets[n]] : 0;
            for (int v = 0; v < d.outputs(); v++) m[z + v] = Math.exp(m[z + v] - max) / sum;
        }
    }

    @Override public void softmaxBackward(Layout.Dense d, int[] targets, float scale) {
        checkTargets(d, targets, Loss.SOFTMAX, true);
        for (int n = 0; n < d.rows(); n++)
            for (int v = 0; v < d.outputs(); v++)                                                        // (10)
                memory[z(d, n) + v] = targets[n] < 0 ? 0 : scale * (memory[z(d, n) + v] - (v == targets[n] ? 1 : 0));
    }

    @Override public void squaredForward(Layout.Dense d, int[] counts) {
        checkTargets(d, counts, Loss.SQUARED_ERROR, false);
        for (int n = 0; n < d.rows(); n++) {
            double sum = 0;
            for (int v = 0; v < d.outputs(); v++) {                                                      // (18)
                double difference = memory[z(d, n) + v] - memory[row(d.y(), n) + v];
                sum += difference * difference;
            }
            memory[at(d.loss()) + n] = counts[n] < 0 ? 0 : sum / d.outputs();
        }
    }

    @Override public void squaredBackward(Layout.Dense d, int[] counts, float scale) {
        checkTargets(d, counts, Loss.SQUARED_ERROR, true);
        for (int n = 0; n < d.rows(); n++)
            for (int v = 0; v < d.outputs(); v++)
                memory[z(d, n) + v] = counts[n] < 0 ? 0 : scale * 2 * (memory[z(d, n) + v] - memory[row(d.y(), n) + v]) / d.outputs();
    }

    @Override public void crfForward(Layout.Dense d, int[] targets, int[] lengths) {
        checkCrf(d, targets, lengths, false);
        new ReferenceCrf(memory, d).forward(targets, lengths);
    }

    @Override public void crfBackward(Layout.Dense d, int[] targets, int[] lengths, float scale) {
        checkCrf(d, targets, lengths, true);
        new ReferenceCrf(memory, d).backward(targets, lengths, scale);
    }

    @Override public void viterbi(Layout.Dense d, int[] lengths, boolean[] allowed, int[] into) {
        checkViterbi(d, lengths, allowed, into);
        ReferenceCrf decoding = new ReferenceCrf(memory, d);
        for (int b = 0; b < d.batch(); b++) {
            int length = lengths == null ? layout.seqLen : lengths[b];
            for (int t = 0; t < length; t++)
                for (int y = 0; y < d.outputs(); y++) memory[at(d.scratch()) + t * d.outputs() + y] = output(d, t * d.batch() + b, y);
            decoding.viterbi(b, length, allowed, into);
        }
    }

    @Override public void denseBackward(Layout.Dense d) {
        check(d, true);
        double[] m = memory;
        zero(d.dW());
        zero(d.db());
        zero(d.dx());
        for (int n = 0; n < d.rows(); n++)
            for (int v = 0; v < d.outputs(); v++) {                                                      // (10)
                double dz = m[z(d, n) + v];
                m[at(d.db()) + v] += dz;
                for (int k = 0; k < d.inputs(); k++) {
                    m[at(d.dW()) + v * d.inputs() + k] += dz * m[row(d.x(), n) + k];
                    m[row(d.dx(), n) + k] += m[at(d.W()) + v * d.inputs() + k] * dz;
                }
            }
    }

    @Override public void readProbabilities(Layout.Dense d, int first, int rows, float[] into) {
        checkProbabilities(d, first, rows, into);
        for (int i = 0; i < rows * d.outputs(); i++) into[i] = (float) memory[probabilities(d, first + i / d.outputs()) + i % d.outputs()];
    }

    @Override public void readOutputs(Layout.Dense d, int row, float[] into) {
        checkRows(d, row, 1, into);
        for (int v = 0; v < d.outputs(); v++) into[v] = (float) output(d, row, v);
    }

    @Override public double sum(Matrix matrix) {
        check(matrix);
        double sum = 0;
        for (int e = at(matrix); e < at(matrix) + matrix.floats(); e++) sum += memory[e];
        return sum;
    }

    @Override public double sumOfSquares(Matrix matrix) {
        check(matrix);
        double sum = 0;
        for (int e = at(matrix); e < at(matrix) + matrix.floats(); e++) sum += memory[e] * memory[e];
        return sum;
    }

    @Override public void sgd(float learningRate, float momentum, boolean nesterov, int step, float scale) {
        checkStep(step);
        Matrix parameters = layout.block(Block.PARAMETERS);
        int w = at(parameters), gradients = at(layout.block(Block.GRADIENTS)), moment = momentum == 0 ? 0 : at(layout.block(Block.FIRST_MOMENT));
        for (int e = 0; e < parameters.floats(); e++) {
            double g = scale * memory[gradients + e];
            if (momentum != 0) {
                double v = memory[moment + e] = step == 1 ? g : momentum * memory[moment + e] + g;
                g = nesterov ? g + momentum * v : v;
            }
            memory[w + e] -= learningRate * g;
        }
    }

    @Override public void adam(float learningRate, float beta1, float beta2, float epsilon, float weightDecay, int step, float scale) {
        checkStep(step);
        int w = at(layout.block(Block.PARAMETERS)), gradients = at(layout.block(Block.GRADIENTS));
        int m = at(layout.block(Block.FIRST_MOMENT)), v = at(layout.block(Block.SECOND_MOMENT));
        double bias1 = 1 - Math.pow(beta1, step), bias2 = 1 - Math.pow(beta2, step);
        for (int e = 0; e < layout.block(Block.PARAMETERS).floats(); e++) {
            double g = scale * memory[gradients + e];
            memory[w + e] -= learningRate * weightDecay * memory[w + e];
            memory[m + e] = beta1 * memory[m + e] + (1 - beta1) * g;
            memory[v + e] = beta2 * memory[v + e] + (1 - beta2) * g * g;
            memory[w + e] -= learningRate / bias1 * memory[m + e] / (Math.sqrt(memory[v + e]) / Math.sqrt(bias2) + epsilon);
        }
    }

    @Override protected void relay(Layout resized) {
        Arrays.fill(memory, (int) layout.endOfBlocks(), memory.length, 0);
    }

    @Override protected void free() {
        memory = null;
    }

    /** Element {@code i} of a tensor's place in a block, in double precision: for finite differences. */
    double get(Block block, Tensor tensor, int i) {
        return memory[index(block, tensor, i)];
    }

    void set(Block block, Tensor tensor, int i, double value) {
        memory[index(block, tensor, i)] = value;
    }

    private int index(Block block, Tensor tensor, int i) {
        Matrix m = layout.at(block, tensor);
        return at(m) + i / columns(tensor) * stride(tensor, m) + i % columns(tensor);
    }

    /** Some tensors' rows lie a stride apart, every other is packed. */
    private static int stride(Tensor tensor, Matrix m) {
        return Layout.isRows(tensor) ? m.stride() : columns(tensor);
    }

    private static int columns(Tensor tensor) {
        return tensor.shape().get(tensor.shape().size() - 1);
    }

    private static int gates(Layout.Recurrent r, int t, int b) {
        return at(r.gates()) + (t * r.batch() + b) * r.cell().gates() * r.H();
    }

    private static int z(Layout.Dense d, int n) {
        return at(d.z()) + n * d.outputs();
    }

    private static int probabilities(Layout.Dense d, int n) {
        return d.crf() == null ? z(d, n) : row(d.crf().p(), n);
    }

    /** Row of h and c after step t, in the layer's own direction. */
    private static int own(Layout.Recurrent r, int t, int b) {
        return (r.reverse() ? t : t + 1) * r.batch() + b;
    }

    private static int previous(Layout.Recurrent r, int t, int b) {
        return (r.reverse() ? t + 1 : t) * r.batch() + b;
    }

    private static int dhPrevious(Layout.Recurrent r, int t, int b) {
        return row(r.dh(), (r.reverse() ? t + 1 : t - 1) * r.batch() + b);
    }

    /** p_i, p_f or p_o of a unit; 0 without peepholes. */
    private double peephole(Layout.Recurrent r, int q, int j) {
        return r.p() == null ? 0 : memory[at(r.p()) + q * r.H() + j];
    }

    private static int at(Matrix m) {
        return (int) m.offset();
    }

    private static int row(Matrix m, int r) {
        return at(m) + r * m.stride();
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }
}
