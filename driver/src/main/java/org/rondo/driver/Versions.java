package org.rondo.driver;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;

/** Of what runs here. */
public final class Versions {
    private Versions() { }

    /** By name: {@code rondo}, the {@code commit} it was built from, {@code spark}, {@code java}. */
    public static Map<String, String> all() {
        Properties build = new Properties();
        try (InputStream in = Versions.class.getResourceAsStream("/org/rondo/driver/build.properties")) {
            build.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Map<String, String> all = new LinkedHashMap<>();
        all.put("rondo", build.getProperty("version"));
        all.put("commit", build.getProperty("commit"));
        all.put("spark", org.apache.spark.package$.MODULE$.SPARK_VERSION());
        all.put("java", System.getProperty("java.version"));
        return all;
    }
}
