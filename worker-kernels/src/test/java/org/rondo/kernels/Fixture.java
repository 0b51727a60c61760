package org.rondo.kernels;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** Named arrays that another implementation computed, read from a resource: lines of name, shape and values; # begins a comment.
 *  The programs of the module {@code peers} write them and say there what the names mean. */
final class Fixture {
    private final String resource;
    private final Map<String, float[]> arrays = new LinkedHashMap<>();

    Fixture(String resource) {
        this.resource = resource;
        try (InputStream in = Fixture.class.getResourceAsStream(resource)) {
            if (in == null) throw new IllegalArgumentException("no resource " + resource);
            new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8)).lines().filter(line -> !line.startsWith("#")).forEach(this::read);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    boolean has(String name) {
        return arrays.containsKey(name);
    }

    float[] floats(String name) {
        float[] values = arrays.get(name);
        if (values == null) throw new IllegalArgumentException("no " + name + " in " + resource + "; it has " + arrays.keySet());
        return values;
    }

    float number(String name) {
        float[] values = floats(name);
        if (values.length != 1) throw new IllegalArgumentException(name + " of " + resource + " has " + values.length + " values, expected 1");
        return values[0];
    }

    int[] ints(String name) {
        float[] values = floats(name);
        int[] ints = new int[values.length];
        for (int i = 0; i < ints.length; i++) ints[i] = (int) values[i];
        return ints;
    }

    @Override public String toString() {
        return resource;
    }

    private void read(String line) {
        String[] fields = line.split("\t");
        String[] words = fields[2].split(" ");
        int expected = 1;
        for (String size : fields[1].isEmpty() ? new String[0] : fields[1].split("x")) expected *= Integer.parseInt(size);
        if (words.length != expected)
            throw new IllegalArgumentException(fields[0] + " of " + resource + " has " + words.length + " values, expected " + fields[1]);
        float[] values = new float[words.length];
        for (int i = 0; i < values.length; i++) values[i] = Float.parseFloat(words[i]);
        arrays.put(fields[0], values);
    }
}
