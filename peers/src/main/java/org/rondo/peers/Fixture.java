package org.rondo.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Named arrays in a text file that a person can read and git can compare: lines of name, shape ({@code 4x3}; empty for a single
 *  number) and values, separated by tabs, the values by spaces. Floats are written with the digits that they need to be read back
 *  to the bit. Lines that begin with # say where the file comes from. */
final class Fixture {
    private final Map<String, String> lines = new LinkedHashMap<>();
    private final String origin;

    /** @param origin one line: what computed the numbers, and how */
    Fixture(String origin) {
        this.origin = origin;
    }

    void put(String name, float[] values, long... shape) {
        line(name, IntStream.range(0, values.length).mapToObj(i -> decimal(values[i])).toList().toArray(String[]::new), shape);
    }

    void put(String name, int[] values, long... shape) {
        line(name, Arrays.stream(values).mapToObj(Integer::toString).toArray(String[]::new), shape);
    }

    void put(String name, int value) {
        put(name, new int[] {value});
    }

    void write(Path file) throws IOException {
        Files.createDirectories(file.getParent());
        String head = "# " + origin + "\n# name, shape, values\n";
        Files.writeString(file, head + String.join("\n", lines.values()) + "\n");
        System.out.println(file + ": " + Files.size(file) + " bytes");
    }

    /** Numbers within {@code bound} of zero, of few digits, so that the file stays small. */
    static float[] uniform(Random random, int count, double bound) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = Math.round(1000 * bound * (2 * random.nextDouble() - 1)) / 1000f;
        return values;
    }

    private void line(String name, String[] values, long... shape) {
        if (LongStream.of(shape).reduce(1, Math::multiplyExact) != values.length)
            throw new IllegalArgumentException(name + " has " + values.length + " values, expected " + Arrays.toString(shape));
        String sizes = LongStream.of(shape).mapToObj(Long::toString).collect(Collectors.joining("x"));
        if (lines.put(name, name + "\t" + sizes + "\t" + String.join(" ", values)) != null)
            throw new IllegalArgumentException(name + " is there already");
    }

    private static String decimal(float value) {
        if (!Float.isFinite(value)) throw new IllegalArgumentException("a fixture holds finite numbers only, got " + value);
        return value == 0 ? "0" : Float.toString(value);
    }
}
