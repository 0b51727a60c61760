package org.rondo.jobs;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** The files in conf/, and docs/settings.md. {@code -Drondo.rewrite=true} writes reference.conf and the page anew from the tables. */
class ReferenceConfTest {
    private static final Path CONF = Path.of("../conf");
    private static final String HEAD = """
            # Every setting of Rondo, with its default. Of Setting.java; a test keeps the two the same.
            # A file of your own has the lines you change, and goes to bin/rondo (or spark-submit) as --properties-file.
            # On the command line a setting is --key value, which wins.
            """;

    static Stream<Path> recipes() throws IOException {
        return Files.list(CONF.resolve("recipes")).filter(file -> file.toString().endsWith(".conf"));
    }

    @Test void referenceConfIsTheTable() throws IOException {
        StringBuilder expected = new StringBuilder(HEAD);
        for (Setting<?> setting : Setting.ALL)
            expected.append("\n# ").append(setting.doc()).append(setting.fallback() == null ? " (must be given)" : "")
                    .append(setting.expected().equals("a text") ? "" : "\n# " + setting.expected())
                    .append(String.format("%n#%-32s %s", setting.sparkKey(), setting.fallback() == null ? "" : setting.fallback()).stripTrailing()).append("\n");
        isWritten(CONF.resolve("reference.conf"), expected.toString());
    }

    @Test void thePageOfSettingsIsTheTable() throws IOException {
        isWritten(Path.of("../docs/settings.md"), SettingsPage.text());
    }

    private static void isWritten(Path file, String expected) throws IOException {
        if (Boolean.getBoolean("rondo.rewrite")) Files.writeString(file, expected);
        assertEquals(expected, Files.readString(file), file + "; to write it anew: ./mvnw test -pl jobs -am "
                + "-Dtest=ReferenceConfTest -Dsurefire.failIfNoSpecifiedTests=false -Drondo.rewrite=true");
    }

    @ParameterizedTest @MethodSource("recipes")
    void aRecipeHasOnlySettingsInRange(Path recipe) throws IOException {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(recipe)) {
            properties.load(reader);
        }
        Map<String, String> entries = new TreeMap<>();
        properties.forEach((key, value) -> entries.put(key.toString(), value.toString()));
        Settings.of(entries, Map.of());
    }
}
