package org.rondo.driver.scoring;

import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.Philox;
import org.rondo.kernels.UnrolledNetwork;
import org.rondo.kernels.Window;

/** Writes text with a language model, one token after the other. */
public final class Sampler {
    private static final int DRAWS = 2;

    private Sampler() { }

    /** Goes on from a prompt; without one, from the start of a line. The unknown token is never drawn.
     *  @param length      tokens to draw
     *  @param temperature p^(1/temperature), renormalised, is drawn from; 0: always the likeliest token
     *  @return what follows the prompt; the same text for the same arguments on one instruction set */
    public static String sample(Model model, String prompt, int length, double temperature, long seed, String choice) {
        Vocabulary vocabulary = model.asLanguageModel("generating").lexicon().words();
        int[] ids = vocabulary.encodeText(prompt.isEmpty() ? "\n" : prompt);
        for (int id : ids)
            if (id == Vocabulary.UNKNOWN && !prompt.isEmpty())
                throw new BadInput("the prompt '" + prompt + "' has a token that the model's vocabulary does not have; set --prompt to text like that which the model was trained on");
        Philox.Stream random = new Philox.Stream(seed, DRAWS);
        int[] drawn = new int[length];
        float[] p = new float[vocabulary.size()];
        try (Kernel kernel = Kernel.open(choice, Layout.forScoring(model.network(), 1, 1))) {
            UnrolledNetwork network = new UnrolledNetwork(kernel, UnrolledNetwork.Dropout.NONE);
            kernel.load(Block.PARAMETERS, model.parameters());
            for (int id : ids) step(network, id);
            for (int i = 0; i < length; i++) {
                network.probabilities(0, 1, p);
                drawn[i] = draw(p, temperature, random.uniform());
                step(network, drawn[i]);
            }
        }
        return vocabulary.decode(drawn);
    }

    private static void step(UnrolledNetwork network, int id) {
        network.forward(new Window(new int[] {id}, new int[] {Window.NONE}, 0), null);
        network.carry();
    }

    /** The token at which the running sum of p^(1/temperature) passes the share {@code u} of its total. */
    private static int draw(float[] p, double temperature, float u) {
        int likeliest = 1;
        for (int v = 1; v < p.length; v++) if (p[v] > p[likeliest]) likeliest = v;
        if (temperature == 0) return likeliest;
        double[] weights = new double[p.length];
        double total = 0;
        for (int v = 0; v < p.length; v++)
            total += weights[v] = v == Vocabulary.UNKNOWN ? 0 : Math.pow(p[v] / p[likeliest], 1 / temperature);
        double left = u * total;
        for (int v = 0; v < p.length; v++) {
            left -= weights[v];
            if (left < 0) return v;
        }
        return likeliest;
    }
}
