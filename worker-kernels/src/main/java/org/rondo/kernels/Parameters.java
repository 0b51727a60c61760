package org.rondo.kernels;

/** All that is trained, in one flat vector, in the order of {@link Network#tensors()}. */
public final class Parameters {
    private static final int INITIAL_WEIGHTS = 1;

    private Parameters() { }

    /** PyTorch's defaults for nn.Embedding, nn.LSTM and nn.Linear: embedding standard normal; all others uniform within
     *  1/sqrt(hidden) of zero. Depends on seed and shapes alone. */
    public static float[] initial(Network network, long seed) {
        float[] w = new float[network.parameterCount()];
        float bound = (float) (1 / Math.sqrt(network.hidden()));
        Philox.Stream random = new Philox.Stream(seed, INITIAL_WEIGHTS);
        for (Tensor t : network.tensors()) {
            boolean embedding = t.name().equals("embedding.weight");
            for (int i = t.offset(); i < t.end(); i++)
                w[i] = embedding ? random.normal() : bound * (2 * random.uniform() - 1);
        }
        return w;
    }
}
