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
        memory = new double[Math.toIntExact(layout.floats())];
    }

    @Override public String description() {
        return "reference";
    }

    @Override public void load(Block block, float[] canonical) {
        checkVector(canonical);
        for (Tensor tensor : layout.network.tensors()) {
            Matrix m = layout.at(block, tensor);
            int cols = columns(tensor), stride = stride(tensor, m);
            for (int i = 0; i < tensor.size(); i++)
                memory[at(m) + i / cols * stride + i % cols] = canonical[tensor.offset() + i];
        }
    }

    @Override public void store(Block block, float[] canonical) {
        checkVector(canonical);
        for (Tensor tensor : layout.network.tensors()) {
            Matrix m = layout.at(block, tensor);
            int cols = columns(tensor), stride = stride(tensor, m);
            for (int i = 0; i < tensor.size(); i++)
                canonical[tensor.offset() + i] = (float) memory[at(m) + i / cols * stride + i % cols];
        }
    }

    @Override public void write(float[] source, int at, Matrix m) {
        checkOpen();
        for (int r = 0; r < m.rows(); r++)
            for (int j = 0; j < m.cols(); j++) memory[row(m, r) + j] = source[at++];
    }

    @Override public void read(Matrix m, float[] target, int at) {
        checkOpen();
        for (int r = 0; r < m.rows(); r++)
            for (int j = 0; j < m.cols(); j++) target[at++] = (float) memory[row(m, r) + j];
    }

    @Override public void copy(Matrix from, Matrix to) {
        checkOpen();
        System.arraycopy(memory, at(from), memory, at(to), (int) to.floats());
    }

    @Override public void zero(Matrix m) {
        checkOpen();
        Arrays.fill(memory, at(m), at(m) + (int) m.floats(), 0);
    }

    @Override public void embeddingForward(Layout.Embedding e, int[] ids) {
        checkIds("inputs", ids, 0);
        for (int n = 0; n < ids.length; n++)
            System.arraycopy(memory, row(e.weight(), ids[n]), memory, row(e.out(), n), e.width());       // (1)
    }

    @Override public void embeddingBackward(Layout.Embedding e, int[] ids) {
        checkIds("inputs", ids, 0);
        zero(e.dWeight());
        for (int n = 0; n < ids.length; n++)
            for (int k = 0; k < e.width(); k++) memory[row(e.dWeight(), ids[n]) + k] += memory[row(e.dOut(), n) + k];
    }

    @Override public void dropout(Matrix from, Matrix to, double rate, Draw draw, int layer) {
        checkOpen();
        checkRate(rate);
        long threshold = (long) (rate * 0x1p32);
        int[] words = new int[4];
        for (int e = 0; e < from.floats(); e++) {                                                       // (2)
            if (e % 4 == 0) Philox.block(draw.seed(), e / 4, layer, draw.window(), draw.shard(), words);
            boolean kept = (words[e % 4] & 0xFFFFFFFFL) >= threshold;
            memory[at(to) + e] = kept ? memory[at(from) + e] / (1 - rate) : 0;
        }
    }

    @Override public void lstmForward(Layout.Lstm l) {
        checkOpen();
        double[] m = memory;
        int H = l.H(), batch = l.batch(), Wx = at(l.Wx()), Wh = at(l.Wh()), bias = at(l.b());
        for (int n = 0; n < l.seqLen() * batch; n++) {
            int x = row(l.x(), n), hPrev = row(l.h(), n), h = row(l.h(), n + batch), cPrev = row(l.c(), n), c = row(l.c(), n + batch);
            int i = gates(l, n), f = i + H, g = f + H, o = g + H, tanhC = row(l.tanhC(), n);
            for (int r = 0; r < 4 * H; r++) {
                double sum = m[bias + r];
                for (int k = 0; k < l.I(); k++) sum += m[Wx + r * l.I() + k] * m[x + k];
                for (int k = 0; k < H; k++) sum += m[Wh + r * H + k] * m[hPrev + k];
                m[i + r] = r / H == 2 ? Math.tanh(sum) : sigmoid(sum);                                   // (3) (4) (5) (6)
            }
            for (int j = 0; j < H; j++) {
                m[c + j] = m[f + j] * m[cPrev + j] + m[i + j] * m[g + j];                                // (7)
                m[tanhC + j] = Math.tanh(m[c + j]);
                m[h + j] = m[o + j] * m[tanhC + j];                                                      // (8)
            }
        }
    }

    @Override public void lstmBackward(Layout.Lstm l) {
        checkOpen();
        double[] m = memory;
        int H = l.H(), batch = l.batch(), I = l.I(), Wx = at(l.Wx()), Wh = at(l.Wh());
        for (Matrix sum : new Matrix[] {l.dWx(), l.dWh(), l.db(), l.dc()}) zero(sum);
        if (l.dx() != null) zero(l.dx());
        for (int n = l.seqLen() * batch - 1; n >= 0; n--) {
            int dh = row(l.dh(), n), dc = row(l.dc(), n % batch), cPrev = row(l.c(), n), tanhC = row(l.tanhC(), n);
            int i = gates(l, n), f = i + H, g = f + H, o = g + H;
            for (int j = 0; j < H; j++) {
                double dO = m[dh + j] * m[tanhC + j];                                                    // (12)
                m[dc + j] += m[dh + j] * m[o + j] * (1 - m[tanhC + j] * m[tanhC + j]);
                double di = m[dc + j] * m[g + j], df = m[dc + j] * m[cPrev + j], dg = m[dc + j] * m[i + j];   // (13)
                m[dc + j] *= m[f + j];                                                                   // (15)
                m[i + j] = di * m[i + j] * (1 - m[i + j]);                                               // (14)
                m[f + j] = df * m[f + j] * (1 - m[f + j]);
                m[g + j] = dg * (1 - m[g + j] * m[g + j]);
                m[o + j] = dO * m[o + j] * (1 - m[o + j]);
            }
            int dG = i, x = row(l.x(), n), hPrev = row(l.h(), n);
            for (int r = 0; r < 4 * H; r++) {                                                            // (16)
                m[at(l.db()) + r] += m[dG + r];
                for (int k = 0; k < I; k++) m[at(l.dWx()) + r * I + k] += m[dG + r] * m[x + k];
                for (int k = 0; k < H; k++) m[at(l.dWh()) + r * H + k] += m[dG + r] * m[hPrev + k];
                if (l.dx() != null)
                    for (int k = 0; k < I; k++) m[row(l.dx(), n) + k] += m[Wx + r * I + k] * m[dG + r];
                if (n >= batch)
                    for (int k = 0; k < H; k++) m[row(l.dh(), n - batch) + k] += m[Wh + r * H + k] * m[dG + r];   // (11)
            }
        }
    }

    @Override public void softmaxForward(Layout.Softmax s, int[] targets) {
        if (targets != null) checkIds("targets", targets, Window.NONE);
        checkOpen();
        double[] m = memory;
        int V = s.vocab(), H = s.H();
        for (int n = 0; n < s.batch() * s.seqLen(); n++) {
            int x = row(s.x(), n), z = at(s.z()) + n * V;
            double max = Double.NEGATIVE_INFINITY, sum = 0;
            for (int v = 0; v < V; v++) {                                                                // (9)
                m[z + v] = m[at(s.b()) + v];
                for (int k = 0; k < H; k++) m[z + v] += m[at(s.W()) + v * H + k] * m[x + k];
                max = Math.max(max, m[z + v]);
            }
            for (int v = 0; v < V; v++) sum += Math.exp(m[z + v] - max);
            boolean counts = targets != null && targets[n] >= 0;
            m[at(s.loss()) + n] = counts ? max + Math.log(sum) - m[z + targets[n]] : 0;
            for (int v = 0; v < V; v++) m[z + v] = Math.exp(m[z + v] - max) / sum;
        }
    }

    @Override public void softmaxBackward(Layout.Softmax s, int[] targets, float scale) {
        checkIds("targets", targets, Window.NONE);
        double[] m = memory;
        int V = s.vocab(), H = s.H();
        zero(s.dW());
        zero(s.db());
        zero(s.dx());
        for (int n = 0; n < targets.length; n++) {
            int x = row(s.x(), n), dz = at(s.z()) + n * V;
            for (int v = 0; v < V; v++) {                                                                // (10)
                m[dz + v] = targets[n] < 0 ? 0 : scale * (m[dz + v] - (v == targets[n] ? 1 : 0));
                m[at(s.db()) + v] += m[dz + v];
                for (int k = 0; k < H; k++) {
                    m[at(s.dW()) + v * H + k] += m[dz + v] * m[x + k];
                    m[row(s.dx(), n) + k] += m[at(s.W()) + v * H + k] * m[dz + v];
                }
            }
        }
    }

    @Override public void readProbabilities(Layout.Softmax s, int row, float[] into) {
        checkOpen();
        for (int v = 0; v < s.vocab(); v++) into[v] = (float) memory[at(s.z()) + row * s.vocab() + v];
    }

    @Override public double sum(Matrix matrix) {
        checkOpen();
        double sum = 0;
        for (int e = at(matrix); e < at(matrix) + matrix.floats(); e++) sum += memory[e];
        return sum;
    }

    @Override public double sumOfSquares(Matrix matrix) {
        checkOpen();
        double sum = 0;
        for (int e = at(matrix); e < at(matrix) + matrix.floats(); e++) sum += memory[e] * memory[e];
        return sum;
    }

    @Override public void sgd(float learningRate, float scale) {
        checkOpen();
        int w = at(layout.block(Block.PARAMETERS)), g = at(layout.block(Block.GRADIENTS));
        for (int e = 0; e < layout.block(Block.PARAMETERS).floats(); e++) memory[w + e] -= learningRate * scale * memory[g + e];
    }

    @Override public void adam(float learningRate, float beta1, float beta2, float epsilon, int step, float scale) {
        checkOpen();
        int w = at(layout.block(Block.PARAMETERS)), gradients = at(layout.block(Block.GRADIENTS));
        int m = at(layout.block(Block.FIRST_MOMENT)), v = at(layout.block(Block.SECOND_MOMENT));
        double bias1 = 1 - Math.pow(beta1, step), bias2 = 1 - Math.pow(beta2, step);
        for (int e = 0; e < layout.block(Block.PARAMETERS).floats(); e++) {
            double g = scale * memory[gradients + e];
            memory[m + e] = beta1 * memory[m + e] + (1 - beta1) * g;
            memory[v + e] = beta2 * memory[v + e] + (1 - beta2) * g * g;
            memory[w + e] -= learningRate / bias1 * memory[m + e] / (Math.sqrt(memory[v + e]) / Math.sqrt(bias2) + epsilon);
        }
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

    /** The embedding's rows lie a stride apart, every other tensor is packed. */
    private static int stride(Tensor tensor, Matrix m) {
        return tensor.name().equals("embedding.weight") ? m.stride() : columns(tensor);
    }

    private static int columns(Tensor tensor) {
        return tensor.shape().get(tensor.shape().size() - 1);
    }

    private static int gates(Layout.Lstm l, int n) {
        return at(l.gates()) + n * 4 * l.H();
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
