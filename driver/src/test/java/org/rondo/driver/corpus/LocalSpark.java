package org.rondo.driver.corpus;

import java.util.Map;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/** A Spark in this JVM, for one block of a test. */
final class LocalSpark {
    private LocalSpark() { }

    /** @param settings Spark's, e.g. spark.serializer, or with spark.hadoop. before them Hadoop's */
    static <T> T with(String master, Map<String, String> settings, Function<JavaSparkContext, T> block) {
        SparkConf conf = new SparkConf(false).setMaster(master).setAppName("test").set("spark.ui.enabled", "false");
        settings.forEach(conf::set);
        try (JavaSparkContext sc = new JavaSparkContext(conf)) {
            return block.apply(sc);
        }
    }
}
