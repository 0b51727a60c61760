package org.rondo.jobs;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.io.TempDir;

/** Where a test types its jobs, which run in this JVM, and reads what they print. */
abstract class Terminal {
    /** {@code DIR} in what is typed. */
    @TempDir static Path folder;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();

    /** @return exit code */
    int run(String line) {
        return run(Map.of(), line.split(" +"));
    }

    /** @param given of Spark's configuration */
    int run(Map<String, String> given, String... words) {
        out.reset();
        err.reset();
        SparkConf conf = new SparkConf(false).setMaster("local[2]").set("spark.ui.enabled", "false").set("spark.driver.host", "localhost").set("spark.sql.shuffle.partitions", "2");
        given.forEach(conf::set);
        return Rondo.run(Stream.of(words).map(word -> word.replace("DIR", folder.toString())).toArray(String[]::new), conf, console());
    }

    Console console() {
        return new Console(print(out), print(err), 0);
    }

    private static PrintStream print(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }

    /** Of the last job. */
    String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    /** The last line of errors. */
    String last() {
        List<String> said = err().lines().toList();
        return said.get(said.size() - 1);
    }

    /** What a table has in the row of that name. */
    static String row(String name, String table) {
        return table.lines().filter(line -> line.startsWith(name + " ")).map(line -> line.substring(17)).findFirst().orElse("");
    }
}
