package org.rondo.kernels;

import java.io.Serializable;
import java.util.Arrays;

/** What a recurrent layer does from one step to the next; the equations are on this package's page.
 *
 *  @param gates      rows of weights per hidden unit: 1 for the vanilla RNN, 4 (i f g o) for the LSTM
 *  @param activation of the vanilla RNN's h (TANH or RELU), or of the LSTM's candidate g (TANH or SIGMOID)
 *  @param peephole   whether the gates also see the memory cell (Gers and Schmidhuber 2000) */
public record Cell(int gates, Activation activation, boolean peephole) implements Serializable {
    public static final Cell RNN = new Cell(1, Activation.TANH, false), RELU = new Cell(1, Activation.RELU, false),
            LSTM = new Cell(4, Activation.TANH, false), PEEPHOLE = new Cell(4, Activation.TANH, true);

    public Cell {
        boolean rnn = gates == 1 && activation != Activation.SIGMOID && !peephole;
        boolean lstm = gates == 4 && activation != Activation.RELU;
        if (!rnn && !lstm) throw new IllegalArgumentException("cell with " + gates + " gates, " + activation + (peephole ? " and peepholes" : "")
                + "; expected the vanilla RNN (1 gate, TANH or RELU) or the LSTM (4 gates, TANH or SIGMOID, peepholes or not)");
    }

    /** @param name      rnn, relu, lstm or peephole
     *  @param candidate activation of an LSTM's g: tanh or sigmoid. The vanilla RNNs have no g and leave it unused; relu's may also
     *                   be its own, relu, as a model's file has it
     *  @throws IllegalArgumentException for another name */
    public static Cell of(String name, String candidate) {
        Activation g = Arrays.stream(Activation.values()).filter(a -> a.name().equalsIgnoreCase(candidate))
                .filter(a -> a != Activation.RELU || "relu".equals(name)).findFirst().orElseThrow(() ->
                new IllegalArgumentException("candidateActivation is '" + candidate + "', expected tanh or sigmoid; set spark.rondo.candidateActivation"));
        return switch (String.valueOf(name)) {
            case "rnn" -> RNN;
            case "relu" -> RELU;
            case "lstm" -> new Cell(4, g, false);
            case "peephole" -> new Cell(4, g, true);
            default -> throw new IllegalArgumentException("cell is '" + name + "', expected rnn, relu, lstm or peephole; set spark.rondo.cell");
        };
    }

    /** What {@link #of} calls it. */
    public String name() {
        return gates == 1 ? activation == Activation.RELU ? "relu" : "rnn" : peephole ? "peephole" : "lstm";
    }

    /** The LSTM keeps c beside h. */
    public boolean hasMemory() {
        return gates == 4;
    }
}
