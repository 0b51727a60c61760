package org.rondo.kernels;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.rondo.kernels.Layout.Layer;
import org.rondo.kernels.Layout.Recurrent;

/** The network unrolled over one window, composed once from a {@link Kernel}'s operations, whatever the kernel, the cell, the
 *  directions and the head. */
public final class UnrolledNetwork {
    private final Kernel kernel;
    private final Network network;
    private final Dropout dropout;
    private Layout layout;
    /** The states that are carried from window to window, before a window's first step and after its last, in the order of
     *  {@link #state()}. Two directions carry none. */
    private final List<Matrix> first = new ArrayList<>(), last = new ArrayList<>();

    /** Of activations on the way up, while training.
     *  @param rate       of what layers above the first read, and the head
     *  @param inputRate  of what the first layer reads
     *  @param perWindow one mask for all steps of a window (variational), or a new one at every step */
    public record Dropout(double rate, double inputRate, boolean perWindow) implements Serializable {
        public static final Dropout NONE = new Dropout(0, false);

        public Dropout {
            Kernel.checkRate(rate);
            Kernel.checkRate(inputRate);
        }

        public Dropout(double rate, boolean perWindow) {
            this(rate, 0, perWindow);
        }
    }

    /** @param dropout the layout has room for it, unless its rate is 0 */
    public UnrolledNetwork(Kernel kernel, Dropout dropout) {
        if (dropout.rate() > 0 && !kernel.layout().dropout)
            throw new IllegalArgumentException("dropout rate is " + dropout.rate() + ", but the layout has no room for dropout; expected Layout.forTraining(..., true, ...)");
        this.kernel = kernel;
        this.network = kernel.layout().network;
        this.dropout = dropout;
        unroll();
    }

    private void unroll() {
        layout = kernel.layout();
        first.clear();
        last.clear();
        if (network.bidirectional()) return;
        for (Layer layer : layout.layers)
            for (Recurrent r : layer.directions())
                for (Matrix state : states(r)) {
                    first.add(r.before(state));
                    last.add(r.after(state));
                }
    }

    /** Makes room for a window of its own size, within the memory of the kernel. It starts from a state of zero. */
    private void resize(Window.Size size) {
        kernel.resize(size);
        if (kernel.layout() != layout) unroll();
        setState(new float[0]);
    }

    /** Forward over a window, from the state before its first step.
     *  @param draw the random numbers of dropout; null: none is applied, as when scoring
     *  @return sum of the losses of the window's targets: nats, or squared errors
     *  @throws IllegalArgumentException if the window does not fit the network, or a target counts past its sequence's end */
    public double forward(Window window, Draw draw) {
        if (window.size() != null) resize(window.size());
        kernel.checkPadding(window.targets(), window.lengths());
        if (layout.embedding == null) write("features", window.features(), layout.inputs);
        else kernel.embeddingForward(layout.embedding, window.ids());
        if (layout.spelled != null) spell(window.words());
        Matrix below = layout.inputs;
        for (int l = 0; l < layout.layers.size(); l++) {
            Layer layer = layout.layers.get(l);
            drop(below, layer.directions().get(0).x(), draw, l);       // inputs in place: only what is read of them is needed again
            for (Recurrent r : layer.directions()) kernel.recurrentForward(r, window.lengths());
            if (network.bidirectional()) join(layer);
            below = layer.out();
        }
        return head(window, below, draw);
    }

    /** Every token's word beside the token, as its characters make it. */
    private void spell(Window.Words words) {
        if (words == null) throw new IllegalArgumentException("words of a window are null, expected their characters: " + network + " reads them");
        Layout.Spelled s = layout.spelled;
        kernel.embeddingForward(s.characters(), words.characters());
        for (Recurrent r : s.layer().directions()) kernel.recurrentForward(r, words.lengths());
        lastStates(s.layer(), s.tokens().weight(), true);
        kernel.embeddingForward(s.tokens(), words.of());
        kernel.copyColumns(layout.embedding.out(), 0, layout.inputs, 0, network.embedding());
        kernel.copyColumns(s.tokens().out(), 0, layout.inputs, network.embedding(), network.spelling().width());
    }

    /** Backward through {@link #spell}. */
    private void unspell(Window.Words words) {
        Layout.Spelled s = layout.spelled;
        kernel.copyColumns(layout.dInputs, 0, layout.embedding.dOut(), 0, network.embedding());
        kernel.copyColumns(layout.dInputs, network.embedding(), s.tokens().dOut(), 0, network.spelling().width());
        kernel.embeddingBackward(s.tokens(), words.of());
        lastStates(s.layer(), s.tokens().dWeight(), false);
        for (Recurrent r : s.layer().directions()) kernel.recurrentBackward(r, words.lengths());
        kernel.embeddingBackward(s.characters(), words.characters());
    }

    private double head(Window window, Matrix below, Draw draw) {
        Layout.Dense head = layout.head;
        if (network.head().atEveryStep()) drop(below, head.x(), draw, network.layers());
        else {
            lastStates(top(), head.x(), true);
            if (drops(draw, network.layers())) kernel.dropout(head.x(), head.x(), dropout.rate(), draw, network.layers(), head.rows());
        }
        if (network.tied()) kernel.tie(layout.embedding, head);
        kernel.denseForward(head);
        switch (network.head().loss()) {
            case SOFTMAX -> kernel.softmaxForward(head, window.targets());
            case CRF -> kernel.crfForward(head, window.targets(), window.lengths());
            case SQUARED_ERROR -> {
                write("values", window.values(), head.y());
                kernel.squaredForward(head, window.targets());
            }
        }
        return kernel.sum(head.loss());
    }

    /** Backward through {@link #forward}: the gradient of the mean loss over the window's targets, into GRADIENTS. */
    public void backward(Window window, Draw draw) {
        kernel.checkPadding(window.targets(), window.lengths());
        Layout.Dense head = layout.head;
        float scale = 1f / Math.max(1, window.tokens());
        switch (network.head().loss()) {
            case SOFTMAX -> kernel.softmaxBackward(head, window.targets(), scale);
            case CRF -> kernel.crfBackward(head, window.targets(), window.lengths(), scale);
            case SQUARED_ERROR -> kernel.squaredBackward(head, window.targets(), scale);
        }
        kernel.denseBackward(head);
        undrop(head.dx(), draw, network.layers());
        if (!network.head().atEveryStep()) lastStates(top(), head.dx(), false);
        for (int l = network.layers() - 1; l >= 0; l--) {
            Layer layer = layout.layers.get(l);
            if (network.bidirectional() && (network.head().atEveryStep() || l < network.layers() - 1)) split(layer);
            for (Recurrent r : layer.directions()) kernel.recurrentBackward(r, window.lengths());
            undrop(layer.directions().get(0).dx(), draw, l);
        }
        if (layout.spelled != null) unspell(window.words());
        if (layout.embedding != null) kernel.embeddingBackward(layout.embedding, window.ids());
        if (network.tied()) kernel.addTied(layout.embedding, head);
    }

    /** The probabilities of what follows each of {@code rows} tokens of the last window from row {@code first} (t*batch + b) on,
     *  or of the labels at each of them, or of the classes of as many sequences.
     *  @param into rows x outputs of the head */
    public void probabilities(int first, int rows, float[] into) {
        kernel.readProbabilities(layout.head, first, rows, into);
    }

    /** The losses of the last window's targets, for every row of the head as in {@link #probabilities}: nats, or squared errors; 0 where none counts.
     *  @param into as many floats as the head has rows */
    public void losses(float[] into) {
        kernel.read(layout.head.loss(), into, 0);
    }

    /** The best labels of the last window's sequences, as {@link Kernel#viterbi} has it. */
    public void decode(int[] lengths, boolean[] allowed, int[] into) {
        kernel.viterbi(layout.head, lengths, allowed, into);
    }

    /** What the head says of row {@code row}, before its softmax if it has one.
     *  @param into as many floats as the head has outputs */
    public void outputs(int row, float[] into) {
        kernel.readOutputs(layout.head, row, into);
    }

    /** Hands the state after the window's last step to the next window: carried, and detached. */
    public void carry() {
        for (int i = 0; i < first.size(); i++) kernel.copy(last.get(i), first.get(i));
    }

    /** The state that the next window starts from: for every layer h, then c if there is one, batch rows of hidden floats. */
    public float[] state() {
        float[] state = new float[layout.batch * network.stateSize()];
        int at = 0;
        for (Matrix m : first) {
            kernel.read(m, state, at);
            at += m.rows() * m.cols();
        }
        return state;
    }

    /** @param state as {@link #state()} gave it; an empty one stands for zeros */
    public void setState(float[] state) {
        int expected = layout.batch * network.stateSize(), at = 0;
        if (state == null || state.length != 0 && state.length != expected)
            throw new IllegalArgumentException("carried state has " + Kernel.length(state) + " floats, expected 0 or the " + expected + " that " + network + " with batch "
                    + layout.batch + " carries");
        for (Recurrent r : layout.recurrents)
            for (Matrix m : states(r)) kernel.zero(r.before(m));
        if (state.length == 0) return;
        for (Matrix m : first) {
            kernel.write(state, at, m);
            at += m.rows() * m.cols();
        }
    }

    private static List<Matrix> states(Recurrent r) {
        return r.cell().hasMemory() ? List.of(r.h(), r.c()) : List.of(r.h());
    }

    private void write(String what, float[] rows, Matrix m) {
        long expected = (long) m.rows() * m.cols();
        if (rows == null || rows.length != expected)
            throw new IllegalArgumentException(what + " of a window are " + Kernel.length(rows) + ", expected " + expected + ": " + m.rows()
                    + " rows of " + m.cols());
        kernel.write(rows, 0, m);
    }

    /** Both directions' h, side by side. */
    private void join(Layer layer) {
        int H = network.hidden();
        for (int d = 0; d < 2; d++) kernel.copyColumns(layer.directions().get(d).out(), 0, layer.out(), d * H, H);
    }

    /** Backward through {@link #join}. */
    private void split(Layer layer) {
        int H = network.hidden();
        for (int d = 0; d < 2; d++) kernel.copyColumns(layer.dOut(), d * H, layer.directions().get(d).dh(), 0, H);
    }

    private Layer top() {
        return layout.layers.get(network.layers() - 1);
    }

    /** A layer's h after each sequence's last step (in a direction's own time), to or from {@code x}; the way back sets dh of all other
     *  steps to zero. */
    private void lastStates(Layer layer, Matrix x, boolean forward) {
        for (int d = 0; d < layer.directions().size(); d++) {
            Recurrent r = layer.directions().get(d);
            int H = r.H(), batch = r.batch(), lastStep = (r.seqLen() - 1) * batch;
            if (forward) kernel.copyColumns(r.after(r.h()), 0, x, d * H, H);
            else {
                kernel.zero(r.dh());
                kernel.copyColumns(x, d * H, r.reverse() ? r.dh().first(batch) : r.dh().fromRow(lastStep), 0, H);
            }
        }
    }

    private void drop(Matrix below, Matrix x, Draw draw, int l) {
        if (drops(draw, l)) kernel.dropout(below, x, rate(l), draw, l, period(x));
        else if (!x.equals(below)) kernel.copy(below, x);
    }

    private void undrop(Matrix dx, Draw draw, int l) {
        if (dx != null && drops(draw, l)) kernel.dropout(dx, dx, rate(l), draw, l, period(dx));
    }

    private int period(Matrix x) {
        return dropout.perWindow() ? layout.batch : x.rows();
    }

    private boolean drops(Draw draw, int l) {
        return draw != null && rate(l) > 0;
    }

    /** Of what layer {@code l} reads; features have no gradient, and so need none to be dropped. */
    private double rate(int l) {
        return l > 0 ? dropout.rate() : dropout.inputRate();
    }
}
