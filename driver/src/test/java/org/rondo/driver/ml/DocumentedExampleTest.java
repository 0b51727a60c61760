package org.rondo.driver.ml;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java program of docs/spark-ml.md compiles, runs, and finds what is shown there. */
class DocumentedExampleTest {
    private static final Path DOC = Path.of("..", "docs", "spark-ml.md");
    @TempDir Path dir;

    @Test void theProgramPrintsWhatIsShown() throws Exception {
        Matcher code = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(DOC));
        assertTrue(code.find(), DOC + " has no Java in it");
        Path source = Files.writeString(dir.resolve("Places.java"), code.group(1));
        assertEquals(0, ToolProvider.getSystemJavaCompiler().run(null, null, null, "-d", dir.toString(), "-cp", System.getProperty("java.class.path"), source.toString()));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrintStream console = System.out;
        SparkSession spark = SparkSession.builder().master("local[2]").appName("places").config("spark.ui.enabled", false).config("spark.sql.shuffle.partitions", 2).getOrCreate();
        try (URLClassLoader classes = new URLClassLoader(new URL[] {dir.toUri().toURL()}, getClass().getClassLoader())) {
            System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
            classes.loadClass("Places").getMethod("main", String[].class).invoke(null, (Object) new String[] {dir.resolve("saved").toString()});
        } finally {
            System.setOut(console);
            spark.stop();
        }
        String printed = out.toString(StandardCharsets.UTF_8);
        assertTrue(printed.contains("hidden 16: F1 "), printed);
        assertTrue(printed.contains("|Carla lives in Cape Town |[O, O, O, B-PLACE, I-PLACE]|[{3, 5, PLACE, Cape Town}]|"), printed);
    }
}
