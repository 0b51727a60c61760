package org.rondo.kernels;

import java.util.Arrays;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.UnrolledNetwork.Dropout;

/** How far back in time an error reaches: the norm of dE_T/dh_{T-k} against k, layer by layer.
 *
 *  <p>E_T is the loss of a window's last step alone. Its gradient has come to h_{T-k} through a product of k Jacobians
 *  dh_j/dh_{j-1} (an LSTM's c beside h), which shrinks or grows geometrically: the gradients vanish or explode (Hochreiter
 *  1991; Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio 2013). One backward pass gives the whole curve: the
 *  recurrent layer adds to dh of every step what comes from later ones (11), so that with no other loss in the window dh_t is
 *  dE_T/dh_t.
 *
 *  <p>The norm is the root mean square, over all sequences of all windows, of the Euclidean norm over hidden units, for the loss
 *  of one sequence in nats. Squares are added in double precision, whatever the kernel; dh itself has the kernel's: single
 *  precision ends at 1e-38 (1e-45 with few digits), which some networks reach within 100 steps, the reference kernel's doubles
 *  at 1e-308. */
public final class GradientFlow {
    private final double[][] norms;
    private final double loss;

    private GradientFlow(double[][] norms, double loss) {
        this.norms = norms;
        this.loss = loss;
    }

    /** @param kernel  opened for training, of a network with a softmax at every step and one direction; as many steps as k goes back
     *  @param state   before the first window, as {@link UnrolledNetwork#state()} gives it, or empty for zeros; then it is carried
     *  @param first   number of the first of {@code windows} windows of the shard
     *  @throws IllegalArgumentException for another network, or if no sequence has a target at the end of a window */
    public static GradientFlow of(Kernel kernel, float[] parameters, float[] state, Streams shard, int first, int windows) {
        Layout layout = kernel.layout();
        check(layout.network);
        UnrolledNetwork network = new UnrolledNetwork(kernel, Dropout.NONE);
        kernel.load(Block.PARAMETERS, parameters);
        network.setState(state);
        double[][] squares = new double[layout.network.layers()][layout.seqLen];
        double loss = 0;
        long sequences = 0;
        for (int w = first; w < first + windows; w++) {
            Window window = lastStepOnly(shard.window(w, layout.seqLen), layout.batch);
            loss += network.forward(window, null);
            network.backward(window, null);
            network.carry();
            addSquares(kernel, window.tokens(), squares);
            sequences += window.tokens();
        }
        if (sequences == 0)
            throw new IllegalArgumentException("windows " + first + " to " + (first + windows - 1) + " of shard " + shard.number
                    + " have no target at their last step, expected at least one; give longer streams, or lower seqLen");
        for (double[] layer : squares)
            for (int k = 0; k < layer.length; k++) layer[k] = Math.sqrt(layer[k] / sequences);
        return new GradientFlow(squares, loss / sequences);
    }

    private static void check(Network network) {
        if (network.bidirectional() || !network.head().atEveryStep() || !network.head().softmax() || network.vocab() == 0)
            throw new IllegalArgumentException("gradients are followed back in language models of one direction, got " + network);
    }

    /** The same window with the targets of its last step alone. */
    private static Window lastStepOnly(Window window, int batch) {
        int[] targets = new int[window.targets().length];
        int last = targets.length - batch;
        Arrays.fill(targets, 0, last, Window.NONE);
        System.arraycopy(window.targets(), last, targets, last, batch);
        return new Window(window.ids(), targets, (int) Arrays.stream(targets).filter(target -> target >= 0).count());
    }

    /** Backward is of the mean loss over {@code tokens} sequences, each of which only its own h moves. */
    private static void addSquares(Kernel kernel, int tokens, double[][] squares) {
        Layout layout = kernel.layout();
        for (int l = 0; l < squares.length; l++) {
            Matrix dh = layout.layers.get(l).directions().get(0).dh();
            for (int t = 0; t < layout.seqLen; t++) {
                double sum = kernel.sumOfSquares(dh.fromRow(t * layout.batch).first(layout.batch));
                squares[l][layout.seqLen - 1 - t] += sum * tokens * tokens;
            }
        }
    }

    public int layers() {
        return norms.length;
    }

    /** Steps that were followed: k is from 0 to this, without it. */
    public int steps() {
        return norms[0].length;
    }

    /** Of dE_T/dh_{T-k} of layer {@code l}, both from 0. */
    public double norm(int l, int k) {
        return norms[l][k];
    }

    /** What k Jacobians have left of the gradient, or made of it: its norm as a share of that at k = 0. */
    public double relative(int l, int k) {
        return norms[l][k] / norms[l][0];
    }

    /** The most steps back at which the norm is still this share of that at k = 0. */
    public int reach(int l, double share) {
        int k = steps() - 1;
        while (k > 0 && !(relative(l, k) >= share)) k--;
        return k;
    }

    /** Mean of E_T, in nats. */
    public double loss() {
        return loss;
    }
}
