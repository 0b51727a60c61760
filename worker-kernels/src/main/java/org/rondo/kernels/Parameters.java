package org.rondo.kernels;

/** All that is trained, in one flat vector, in the order of {@link Network#tensors()}. */
public final class Parameters {
    private static final int INITIAL_WEIGHTS = 1;
    private static final float TRANSITIONS = 0.1f;

    private Parameters() { }

    /** PyTorch's defaults for nn.Embedding, nn.LSTM or nn.RNN, and nn.Linear: embedding standard normal; layers uniform within
     *  1/sqrt(hidden) of zero, the head within 1/sqrt of what it reads. A tied embedding is drawn as the head it also is; transitions of a CRF are uniform within 0.1 of zero.
     *  Depends on seed and shapes alone. */
    public static float[] initial(Network network, long seed) {
        return initial(network, seed, 0);
    }

    /** @param forgetBias added to the bias of every forget gate (Gers et al. 2000; 1 lets a new LSTM remember) */
    public static float[] initial(Network network, long seed, double forgetBias) {
        return initial(network, seed, forgetBias, 0);
    }

    /** @param range of the embedding and the head's weights, uniform within it of zero, and the head's bias is zero, as is usual
     *               for language models trained by SGD (Zaremba et al. 2014); 0: as above */
    public static float[] initial(Network network, long seed, double forgetBias, double range) {
        float[] w = new float[network.parameterCount()];
        Philox.Stream random = new Philox.Stream(seed, INITIAL_WEIGHTS);
        for (Tensor t : network.tensors()) {
            boolean embedding = t.name().endsWith("embedding.weight"), head = t.name().startsWith("output.") || embedding;
            int H = t.name().startsWith("spelling.") ? network.spelling().hidden() : network.hidden();
            float bound = t.name().startsWith("transitions") ? TRANSITIONS
                    : (float) (head && range > 0 ? t.name().equals("output.bias") ? 0 : range : 1 / Math.sqrt(head ? network.width() : H));
            for (int i = t.offset(); i < t.end(); i++)
                w[i] = embedding && !network.tied() && range == 0 ? random.normal() : bound * (2 * random.uniform() - 1);
            if (t.name().contains("bias_l") && network.cell().hasMemory())
                for (int j = 0; j < H; j++) w[t.offset() + H + j] += (float) forgetBias;
        }
        return w;
    }

    /** Puts vectors that are known beforehand into the embedding.
     *  @param rows       of every token id its vector; null: it keeps the one it has
     *  @param parameters of the network, as {@link #initial} draws them; changed in place
     *  @throws IllegalArgumentException if there is no embedding, or one of them is not of its size */
    public static void embed(Network network, float[][] rows, float[] parameters) {
        Tensor embedding = network.tensor("embedding.weight");
        int width = network.embedding();
        if (parameters.length != network.parameterCount())
            throw new IllegalArgumentException("vector has " + parameters.length + " floats, expected " + network.parameterCount() + ", the parameters of " + network);
        if (rows.length != network.vocab())
            throw new IllegalArgumentException("rows are " + rows.length + ", expected " + network.vocab() + ", one for every token; null for one that keeps its own");
        for (int id = 0; id < rows.length; id++)
            if (rows[id] != null && rows[id].length != width)
                throw new IllegalArgumentException("the vector of token " + id + " has " + rows[id].length + " floats, expected " + width + ", the embedding's width");
        for (int id = 0; id < rows.length; id++)
            if (rows[id] != null) System.arraycopy(rows[id], 0, parameters, embedding.offset() + id * width, width);
    }

    /** Those of a network that reads and says more: what both have is kept to the bit. A new token's vector is that of token 0, the unknown, as which it has been read
     *  until now. {@code shares}: outputs are the tokens, and new ones share what the unknown had: it and the n of them get its weights, and its bias - ln(n + 1), so that of every
     *  old token the grown model says what it said before, and of all others together what it said of the unknown. Else outputs are labels, and a new one starts
     *  unlikely: weights of zero, the lowest bias, the lowest transitions.
     *  @throws IllegalArgumentException if the networks differ in more than their tokens, characters and outputs, or {@code to} has fewer of these */
    public static float[] grow(Network from, float[] parameters, Network to, boolean shares) {
        float[] grown = new float[to.parameterCount()];
        for (Tensor t : to.tensors()) {
            Tensor old = from.tensor(t.name());
            boolean vectors = t.name().endsWith("embedding.weight"), outputs = t.name().startsWith("output."), transitions = t.name().startsWith("transitions");
            int rows = old.shape().get(0), columns = old.size() / rows, newRows = t.shape().get(0), newColumns = t.size() / newRows;
            if (newRows < rows || newColumns < columns || newRows > rows && !(vectors || outputs || transitions) || newColumns > columns && !transitions)
                throw new IllegalArgumentException(t.name() + " is " + old.shape() + " in " + from + ", and " + t.shape() + " in " + to
                        + ", expected networks that differ in nothing but more tokens, characters or labels");
            float other = t.name().equals("output.weight") ? 0 : lowest(parameters, old);
            for (int r = 0, at = t.offset(); r < newRows; r++)
                for (int c = 0; c < newColumns; c++)
                    grown[at++] = r < rows && c < columns ? parameters[old.offset() + r * columns + c] : vectors || outputs && shares ? parameters[old.offset() + c] : other;
        }
        int added = to.head().outputs() - from.head().outputs(), bias = to.tensor("output.bias").offset();
        if (!shares || added == 0) return grown;
        float share = (float) Math.log(added + 1);
        grown[bias] -= share;
        for (int y = from.head().outputs(); y < to.head().outputs(); y++) grown[bias + y] -= share;
        return grown;
    }

    private static float lowest(float[] parameters, Tensor t) {
        float lowest = Float.POSITIVE_INFINITY;
        for (int i = t.offset(); i < t.end(); i++) lowest = Math.min(lowest, parameters[i]);
        return lowest;
    }
}
