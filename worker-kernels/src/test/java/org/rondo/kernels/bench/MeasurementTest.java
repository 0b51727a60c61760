package org.rondo.kernels.bench;

import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.NativeLibrary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class MeasurementTest {
    static Stream<Shape> trainedShapes() {
        return Shape.TRAINING.stream();
    }

    private static Shape training(String name) {
        return trainedShapes().filter(shape -> shape.name().equals(name)).findFirst().orElseThrow();
    }

    /** Worked by hand: 3 x (sum over layers of 8 H (I + H), plus 2 H outputs), less 8 H I for features. */
    @ParameterizedTest
    @CsvSource({"S1, 15_840_000", "S2, 79_560_000", "S3, 19_955_712", "S4, 1_414_656", "S5, 41_943_040", "S6, 163_840"})
    void operationsOfATokenAreThoseOfTheMatrixProducts(String name, String flops) {
        assertEquals(Double.parseDouble(flops.replace("_", "")), training(name).flops());
    }

    @Test void aMeasurementIsALineOfFiniteNumbers() {
        for (String isa : NativeLibrary.instructionSets()) {
            Measurement measured = Measurement.of(training("S6"), isa, 0.001);
            String[] columns = measured.line().split("\t");
            assertEquals(Measurement.HEADER.split("\t").length, columns.length, measured.line());
            assertArrayEquals(new String[] {"S6", isa}, new String[] {columns[0], columns[1]});
            double[] numbers = Stream.of(columns).skip(2).mapToDouble(Double::parseDouble).toArray();
            assertTrue(DoubleStream.of(numbers).allMatch(x -> x > 0 && Double.isFinite(x)), measured.line());
        }
    }

    @Test void sharesFollowFromTheTwoRates() {
        assertEquals("S6\tportable\t2000000\t327.7\t655.4\t0.500", new Measurement(training("S6"), "portable", 2e6, 655.36).line());
    }

    /** Mean cross-entropy of random guesses at first; what a step returns afterwards is lower. */
    @ParameterizedTest @MethodSource("trainedShapes")
    void theStepsOfAShapeLearn(Shape shape) {
        try (RondoSteps steps = new RondoSteps(shape, "native")) {
            double first = steps.step();
            if (!shape.isLayerAlone()) assertEquals(Math.log(shape.network().head().outputs()), first, 0.5);
            assertTrue(steps.step() < first, shape.name());
        }
    }

    @Test void theMedianIsTheOneInTheMiddle() {
        assertEquals(3, Steps.median(new double[] {9, 1, 3}));
        assertEquals(7, Steps.median(new double[] {7, 1, 3, 9}));
    }
}
