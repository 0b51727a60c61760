package org.rondo.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.rondo.kernels.Layout.Block;

/** Arguments for {@link FuzzTest}: mostly right, and noted where they are not. */
class Fuzz {
    SplittableRandom random;
    /** What is wrong with the arguments drawn so far for a call; {@code unsure} where that cannot be told. */
    final List<String> wrong = new ArrayList<>();
    boolean unsure;
    /** Of which operands may come that another kernel's has. */
    Layout other;

    Network network() {
        boolean tied = random.nextInt(4) == 0, bidirectional = random.nextBoolean();
        int hidden = 1 + random.nextInt(20), width = (bidirectional ? 2 : 1) * hidden, outputs = 1 + random.nextInt(70);
        int vocab = tied ? outputs : oneOf(0, 1 + random.nextInt(70));
        return new Network(vocab, tied ? width : 1 + random.nextInt(20), cell(), hidden, 1 + random.nextInt(3), bidirectional,
                head(tied, outputs), tied);
    }

    Head head(boolean tied, int outputs) {
        boolean atEveryStep = random.nextBoolean();
        return new Head(atEveryStep, tied ? Loss.SOFTMAX : oneOf(Agreement.losses(atEveryStep).toArray(new Loss[0])), outputs);
    }

    Layout layout() {
        int batch = 1 + random.nextInt(4), seqLen = 1 + random.nextInt(4);
        if (random.nextInt(4) == 0) return Layout.forScoring(network(), batch, seqLen);
        return Layout.forTraining(network(), batch, seqLen, random.nextBoolean(), random.nextInt(3));
    }

    Cell cell() {
        Activation tanhOrSigmoid = oneOf(Activation.TANH, Activation.SIGMOID);
        return oneOf(Cell.RNN, Cell.RELU, new Cell(4, tanhOrSigmoid, false), new Cell(4, tanhOrSigmoid, true));
    }

    Layout.Recurrent layer(Layout l) {
        return oneOf(oneOf(l.layers.toArray(new Layout.Layer[0])).directions().toArray(new Layout.Recurrent[0]));
    }

    Draw draw() {
        return new Draw(random.nextLong(), random.nextInt(), random.nextInt());
    }

    /** A matrix of the layout, or rows of one; or none, or memory around it; or another layout's, which may happen to fit. */
    Matrix matrix(Layout l) {
        Matrix m = oneOf(l.matrices().toArray(new Matrix[0]));
        switch (random.nextInt(40)) {
            case 0 -> {
                unsure = true;
                return oneOf(other.matrices().toArray(new Matrix[0]));
            }
            case 1 -> {
                wrong.add("null");
                return null;
            }
            case 2 -> {
                wrong.add("outside");
                return new Matrix("outside", oneOf(m.offset() - 16, m.offset() + m.floats(), l.floats(), Long.MAX_VALUE - 15), 1 + random.nextInt(9), 1, 16);
            }
            case 3 -> {
                wrong.add("outside");
                return new Matrix("outside", m.offset(), m.rows() + 1 + random.nextInt(3), m.cols(), m.stride());
            }
            default -> {
                return random.nextBoolean() ? m : m.fromRow(random.nextInt(m.rows()));
            }
        }
    }

    /** An operand of the layout's own; or another layout's, or none.
     *  @param conditions of the operation, which note what they lack */
    <T> T own(T right, T others, boolean... conditions) {
        if (right != null && random.nextInt(16) > 0) return right;
        T chosen = random.nextBoolean() ? null : others;
        wrong.add(chosen == null ? "null" : "another");
        return chosen;
    }

    boolean needs(boolean fulfilled, String otherwise) {
        if (!fulfilled) wrong.add(otherwise);
        return fulfilled;
    }

    boolean trains(Layout l) {
        return needs(l.training, "scoring");
    }

    boolean tied(Layout l) {
        return needs(l.network.tied(), "tied");
    }

    boolean classes(Layout l) {
        return needs(l.network.head().classes(), "squared error");
    }

    boolean loss(Layout l, Loss loss) {
        return needs(l.network.head().loss() == loss, loss.label());
    }

    Block block(Layout l) {
        Block block = oneOf(Block.values());
        needs(l.has(block), block.toString());
        return block;
    }

    float momentum(Layout l) {
        float momentum = oneOf(0f, 0.9f, Float.NaN);
        needs(l.training, "GRADIENTS");
        needs(l.has(Block.FIRST_MOMENT) || momentum == 0, "FIRST_MOMENT");
        return momentum;
    }

    int step() {
        return number(1 + random.nextInt(9), 0, -1, Integer.MIN_VALUE);
    }

    int row(Layout l) {
        return number(random.nextInt(l.head.rows()), -1, l.head.rows(), Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    int at() {
        return number(random.nextInt(3), -1, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    int[] lengths(Layout l) {
        return random.nextBoolean() ? null : ids(l.batch, 0, l.seqLen + 1);
    }

    int[] targets(Layout l, Loss loss) {
        return ids(l.head.rows(), Window.NONE, loss == Loss.SQUARED_ERROR ? 1 : l.head.outputs());
    }

    /** Labels at every step of a sequence, or at none; and rarely at some, or past its end. Nothing where the lengths themselves are wrong. */
    int[] labels(Layout l, int[] lengths) {
        int[] targets = targets(l, Loss.CRF);
        if (targets.length != l.head.rows() || !wrong.isEmpty()) return targets;
        for (int b = 0; b < l.batch; b++) {
            int length = lengths == null ? l.seqLen : lengths[b];
            for (int t = 0; t < l.seqLen; t++)
                targets[t * l.batch + b] = t >= length || targets[b] < 0 ? Window.NONE : Math.max(0, targets[t * l.batch + b]);
        }
        int n = random.nextInt(targets.length), before = targets[n];
        if (random.nextInt(8) > 0) return targets;
        targets[n] = before < 0 ? 0 : Window.NONE;
        boolean past = n / l.batch >= (lengths == null ? l.seqLen : lengths[n % l.batch]), alone = lengths == null ? l.seqLen == 1 : lengths[n % l.batch] == 1;
        if (past || !alone) wrong.add(String.valueOf(targets[n]));
        return targets;
    }

    /** Transitions, nearly all of which are allowed, so that mostly there is a way. */
    boolean[] allowed(Layout l) {
        if (random.nextInt(3) == 0) return null;
        int labels = l.head.outputs(), count = Math.min(1 << 16, labels * (labels + 2));
        boolean[] allowed = new boolean[number(count, 0, count - 1, count + 1)];
        for (int i = 0; i < allowed.length; i++) allowed[i] = random.nextInt(9) > 0;
        unsure = true;
        return allowed;
    }

    /** Something, or null where that is wrong. */
    <T> T some(T right) {
        if (random.nextInt(24) > 0) return right;
        wrong.add("null");
        return null;
    }

    int[] ids(int count, int least, int end) {
        int[] ids = random.ints(count, least, Math.max(least + 1, end)).toArray();
        switch (random.nextInt(16)) {
            case 0 -> {
                ids = new int[oneOf(0, count - 1, count + 1)];
                wrong.add(String.valueOf(ids.length));
            }
            case 1 -> wrong.add(String.valueOf(ids[random.nextInt(count)] = oneOf(least - 1, end, Integer.MIN_VALUE, Integer.MAX_VALUE)));
            default -> { }
        }
        return ids;
    }

    /** Exactly so many, of any value. */
    float[] floats(int count, int... bad) {
        float[] floats = new float[bad.length > 0 ? number(count, bad) : number(count, 0, count + 1)];
        for (int i = 0; i < floats.length; i++) floats[i] = random.nextInt(9) > 0 ? (float) random.nextDouble(-1, 1) : anyFloat();
        return some(floats);
    }

    float[] atLeast(int count) {
        return random.nextBoolean() ? floats(count, count - 1) : floats(count + random.nextInt(4), count - 1);
    }

    float[] room(int at, Matrix m) {
        return atLeast((int) Math.min(1 << 16, m == null ? 1 : Math.max(0, Math.min(at, 3)) + (long) m.rows() * m.cols()));
    }

    int number(int right, int... bad) {
        if (random.nextInt(12) > 0) return right;
        int chosen = bad[random.nextInt(bad.length)];
        wrong.add(String.valueOf(chosen));
        return chosen;
    }

    @SafeVarargs final <T> T orElse(T right, T... bad) {
        if (random.nextInt(6) > 0) return right;
        T chosen = bad[random.nextInt(bad.length)];
        wrong.add(String.valueOf(chosen));
        return chosen;
    }

    int size() {
        return number(1 + random.nextInt(9), 0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    /** Of any magnitude below 2^bits. */
    int anySize(int bits) {
        return 1 + (int) (random.nextDouble() * (1L << random.nextInt(bits)));
    }

    String name(String... right) {
        return random.nextInt(8) > 0 ? oneOf(right) : orElse(oneOf(right), "gru", "", null);
    }

    float anyFloat() {
        return oneOf(0f, 1f, -1f, 1e-42f, 3e38f, Float.NaN, Float.NEGATIVE_INFINITY, (float) random.nextDouble());
    }

    @SafeVarargs final <T> T oneOf(T... values) {
        return values[random.nextInt(values.length)];
    }
}
