package org.rondo.kernels;

import java.util.List;

/** The network unrolled over one window, composed once from a {@link Kernel}'s operations, whatever the kernel. */
public final class UnrolledNetwork {
    private final Kernel kernel;
    private final Layout layout;
    private final List<Layout.Lstm> layers;
    private final double dropout;

    /** @param dropout share of activations dropped on the way up, while training; the layout has room for it */
    public UnrolledNetwork(Kernel kernel, double dropout) {
        this.kernel = kernel;
        this.layout = kernel.layout();
        this.layers = layout.layers;
        this.dropout = dropout;
    }

    /** Forward over a window, from the state in step 0 of every layer.
     *  @param draw the random numbers of dropout; null: none is applied, as when scoring
     *  @return sum over the window's targets of -log p, in nats */
    public double forward(Window window, Draw draw) {
        kernel.embeddingForward(layout.embedding, window.inputs());
        Matrix below = layout.embedding.out();
        for (int l = 0; l < layers.size(); l++) {
            drop(below, layers.get(l).x(), draw, l);
            kernel.lstmForward(layers.get(l));
            below = layers.get(l).out();
        }
        drop(below, layout.softmax.x(), draw, layers.size());
        kernel.softmaxForward(layout.softmax, window.targets());
        return kernel.sum(layout.softmax.loss());
    }

    /** The probabilities of what follows token {@code row} (t*batch + b) of the last window.
     *  @param into vocab floats */
    public void probabilities(int row, float[] into) {
        kernel.readProbabilities(layout.softmax, row, into);
    }

    /** Backward through {@link #forward}: the gradient of the mean loss over the window's targets, into GRADIENTS. */
    public void backward(Window window, Draw draw) {
        kernel.softmaxBackward(layout.softmax, window.targets(), 1f / Math.max(1, window.tokens()));
        for (int l = layers.size(); l >= 0; l--) {
            Matrix dx = l == layers.size() ? layout.softmax.dx() : layers.get(l).dx();
            if (l < layers.size()) kernel.lstmBackward(layers.get(l));
            if (drops(draw, l)) kernel.dropout(dx, dx, dropout, draw, l);
        }
        kernel.embeddingBackward(layout.embedding, window.inputs());
    }

    /** Hands h and c of the window's last step to the next window: carried, and detached. */
    public void carry() {
        for (Layout.Lstm l : layers)
            for (Matrix state : List.of(l.h(), l.c()))
                kernel.copy(state.fromRow(layout.seqLen * layout.batch), state.first(layout.batch));
    }

    /** The state that the next window starts from: for every layer h, then c, batch rows of hidden floats each. */
    public float[] state() {
        float[] state = new float[layout.batch * layout.network.stateSize()];
        int at = 0;
        for (Layout.Lstm l : layers)
            for (Matrix m : List.of(l.h(), l.c())) {
                kernel.read(m.first(layout.batch), state, at);
                at += layout.batch * l.H();
            }
        return state;
    }

    /** @param state as {@link #state()} gave it; an empty one stands for zeros */
    public void setState(float[] state) {
        int expected = layout.batch * layout.network.stateSize(), at = 0;
        if (state.length != 0 && state.length != expected)
            throw new IllegalArgumentException("carried state has " + state.length + " floats, " + layout.network + " with batch "
                    + layout.batch + " carries " + expected);
        for (Layout.Lstm l : layers)
            for (Matrix m : List.of(l.h(), l.c())) {
                if (state.length == 0) kernel.zero(m.first(layout.batch));
                else kernel.write(state, at, m.first(layout.batch));
                at += layout.batch * l.H();
            }
    }

    private void drop(Matrix below, Matrix x, Draw draw, int l) {
        if (drops(draw, l)) kernel.dropout(below, x, dropout, draw, l);
        else if (!x.equals(below)) kernel.copy(below, x);
    }

    /** Dropout stands between the layers: the embedding of a token reaches layer 0 whole. */
    private boolean drops(Draw draw, int l) {
        return draw != null && dropout > 0 && l > 0;
    }
}
