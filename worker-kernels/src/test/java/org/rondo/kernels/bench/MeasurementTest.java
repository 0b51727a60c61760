package org.rondo.kernels.bench;

import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.kernels.NativeLibrary;
import org.rondo.kernels.Network;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class MeasurementTest {
    private static Shape training(String name) {
        return find(Shape.TRAINING, name);
    }

    private static Shape find(List<Shape> shapes, String label) {
        return shapes.stream().filter(shape -> shape.label().equals(label)).findFirst().orElseThrow();
    }

    /** Worked by hand: 3 x (sum over layers of 8 H (I + H), plus 2 H outputs), less 8 H I for features. */
    @ParameterizedTest
    @CsvSource({"S1, 15_840_000", "S2, 79_560_000", "S3, 19_955_712", "S4, 1_414_656", "S5, 41_943_040", "S6, 163_840"})
    void operationsOfATokenAreThoseOfTheMatrixProducts(String name, String flops) {
        assertEquals(Double.parseDouble(flops.replace("_", "")), training(name).flops());
    }

    @Test void aMeasurementIsALineOfFiniteNumbers() {
        for (String isa : NativeLibrary.instructionSets()) {
            Measurement measured = Measurement.of(training("S6"), isa, 2, 0.001);
            String[] columns = measured.line().split("\t");
            assertEquals(Measurement.HEADER.split("\t").length, columns.length, measured.line());
            assertArrayEquals(new String[] {"S6", isa, "2"}, new String[] {columns[0], columns[1], columns[2]});
            double[] numbers = Stream.of(columns).skip(2).mapToDouble(Double::parseDouble).toArray();
            assertTrue(DoubleStream.of(numbers).allMatch(x -> x > 0 && Double.isFinite(x)), measured.line());
        }
    }

    @Test void sharesFollowFromTheTwoRates() {
        assertEquals("S6\tportable\t1\t2000000\t327.7\t655.4\t0.500", new Measurement(training("S6"), "portable", 1, 2e6, 655.36).line());
        assertEquals("S6\tportable\t2\t2000000\t327.7\t655.4\t0.250", new Measurement(training("S6"), "portable", 2, 2e6, 655.36).line());
    }

    /** A forward pass, a third of the training step. */
    @ParameterizedTest
    @CsvSource({"S2-scoring, 26_520_000", "S3-scoring, 6_651_904", "S4-scoring, 471_552"})
    void operationsOfAScoredTokenAreThoseForward(String label, String flops) {
        assertEquals(Double.parseDouble(flops.replace("_", "")), find(Shape.SCORING, label).flops());
    }

    /** Mean cross-entropy of random guesses at first; what a step returns afterwards is lower. */
    @ParameterizedTest @ValueSource(strings = {"S1", "S4", "S6"})
    void theStepsOfAShapeLearn(String name) {
        Shape shape = training(name);
        try (RondoSteps steps = new RondoSteps(shape, "native")) {
            double first = steps.step();
            if (!shape.isLayerAlone()) assertEquals(Math.log(shape.network().head().outputs()), first, 0.5);
            assertTrue(steps.step() < first, shape.name());
        }
    }

    /** Of another network than the one that is measured, small enough for the reference kernel. */
    @Test void aScoringStepGivesTheProbabilitiesOfEveryToken() {
        Shape small = new Shape("small", new Network(20, 5, 7, 2), 3, 4, true);
        float[][] scored = new float[2][];
        for (int k = 0; k < 2; k++)
            try (RondoSteps steps = new RondoSteps(small, k == 0 ? "reference" : "native")) {
                steps.step();
                scored[k] = steps.probabilities().clone();
                steps.step();
                assertArrayEquals(scored[k], steps.probabilities(), "from a zero state again");
            }
        assertEquals(small.tokens() * 20, scored[0].length);
        assertArrayEquals(scored[0], scored[1], 1e-6f);     // of 0.05; 4 * 2^-24 for each of the some 80 terms of its sums
    }

    @Test void scoringIsMeasured() {
        Shape small = new Shape("small", new Network(20, 5, 7, 2), 3, 4, true);
        assertTrue(Measurement.of(small, "portable", 1, 0.001).tokensPerSecond() > 0);
    }

    @Test void theMedianIsTheOneInTheMiddle() {
        assertEquals(3, Steps.median(new double[] {9, 1, 3}));
        assertEquals(7, Steps.median(new double[] {7, 1, 3, 9}));
    }
}
