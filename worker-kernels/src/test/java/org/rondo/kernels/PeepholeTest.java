package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;

/** The peephole LSTM's h and c against those of ONNX Runtime's LSTM operator with its input P. */
class PeepholeTest {
    record Case(String kernel, int hidden) { }

    static List<Case> cases() {
        List<String> kernels = new ArrayList<>(List.of("reference"));
        kernels.addAll(NativeLibrary.instructionSets());
        List<Case> cases = new ArrayList<>();
        for (String kernel : kernels)
            for (int hidden : new int[] {5, 17}) cases.add(new Case(kernel, hidden));
        return cases;
    }

    @ParameterizedTest @MethodSource("cases")
    void statesAreOnnxRuntimes(Case c) {
        Fixture f = new Fixture("/onnxruntime/lstm-peepholes-hidden-" + c.hidden + ".tsv");
        int input = (int) f.number("input"), batch = (int) f.number("batch"), seqLen = (int) f.number("seqLen"), H = c.hidden;
        Network network = new Network(0, input, Cell.PEEPHOLE, H, 1, false, new Head(true, Loss.SQUARED_ERROR, 1), false);
        float[] parameters = new float[network.parameterCount()], peepholes = new float[3 * H];
        String[] gates = {"i", "f", "o"};
        for (int q = 0; q < 3; q++) System.arraycopy(f.floats("parameters/peephole_" + gates[q] + "_l0"), 0, peepholes, q * H, H);
        for (Tensor t : network.tensors())
            if (!t.name().startsWith("output."))
                System.arraycopy(t.name().equals("peephole_l0") ? peepholes : f.floats("parameters/" + t.name()), 0, parameters, t.offset(), t.size());
        try (Kernel kernel = Kernel.open(c.kernel, Layout.forScoring(network, batch, seqLen))) {
            Layout.Recurrent layer = kernel.layout().layers.get(0).directions().get(0);
            kernel.load(Block.PARAMETERS, parameters);
            kernel.write(f.floats("x"), 0, layer.x());
            kernel.write(f.floats("initial/h"), 0, layer.before(layer.h()));
            kernel.write(f.floats("initial/c"), 0, layer.before(layer.c()));
            kernel.recurrentForward(layer, null);
            assertClose(f.floats("y"), kernel, layer.out());
            assertClose(f.floats("final/h"), kernel, layer.after(layer.h()));
            assertClose(f.floats("final/c"), kernel, layer.after(layer.c()));
        }
    }

    /** Sums of at most 35 terms of order 1, in float on both sides: 2 * 35 * 2^-24 = 4e-6 at worst. */
    private static void assertClose(float[] expected, Kernel kernel, Matrix m) {
        float[] came = new float[expected.length];
        kernel.read(m, came, 0);
        for (int i = 0; i < came.length; i++) assertEquals(expected[i], came[i], 70 * 0x1p-24, m.name() + "[" + i + "]");
    }
}
