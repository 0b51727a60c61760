package org.rondo.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExecutorMemoryTest {
    private static final long MIB = 1 << 20, TASK = 200 * MIB, SMALL = MIB;
    private static final String LOWER = "batch, hidden";

    /** As Spark counts it: a tenth of the heap, 384 MiB at least, unless it is set. */
    @ParameterizedTest @CsvSource({"1g, , 384", "8g, , 819", "1g, 500, 500", "1g, 1g, 1024"})
    void whatIsGivenIsAsSparkCountsIt(String heap, String overhead, long expected) {
        SparkConf conf = conf("yarn").set("spark.executor.memory", heap);
        if (overhead != null) conf.set("spark.executor.memoryOverhead", overhead);
        assertEquals(expected * MIB, ExecutorMemory.of(conf, 1, TASK, 0).given());
        assertEquals((384 + 3 * 200 + 7) * MIB, ExecutorMemory.of(conf, 3, TASK, 7 * MIB).needed());
    }

    /** Where executors are ended for it, Spark's default, which leaves nothing for kernels, is an error too. The value that the message
     *  names is enough. */
    @ParameterizedTest @ValueSource(strings = {"yarn", "k8s://https://cluster:443"})
    void tooLittleIsAnErrorThatSaysWhatToSet(String master) {
        SparkConf conf = conf(master).set("spark.executor.memory", "1g");
        String message = assertThrows(BadInput.class, () -> ExecutorMemory.of(conf, 4, TASK, 0).check(LOWER, note -> { })).getMessage();
        assertTrue(message.contains("memoryOverhead is 384 MiB (Spark's default); set --conf spark.executor.memoryOverhead="), message);
        String enough = message.replaceAll(".*memoryOverhead=(\\d+m).*", "$1");
        List<String> said = new ArrayList<>();
        ExecutorMemory.of(conf.set("spark.executor.memoryOverhead", enough), 4, TASK, 0).check(LOWER, said::add);
        assertTrue(said.get(0).matches("memory: a task takes \\d+ MiB outside the heap, an executor of 4 tasks at a time \\d+ MiB .*"), said.toString());
    }

    @Test void aStandaloneClusterEndsNoExecutorButWhatIsSetMustBeEnough() {
        List<String> said = new ArrayList<>();
        ExecutorMemory.of(conf("spark://master:7077"), 1, TASK, 0).check(LOWER, said::add);
        assertTrue(said.size() == 1 && said.get(0).contains(", more than Spark's 384; this cluster manager ends no executor for that"), said.toString());
        ExecutorMemory.of(conf("local[2]"), 1, TASK, 0).check(LOWER, said::add);
        assertTrue(said.get(1).endsWith(" MiB with what the JVM takes"), said.get(1));
        ExecutorMemory.of(conf("yarn"), 1, SMALL, 0).check(LOWER, said::add);       // a small model is no reason to refuse what Spark gives
        assertTrue(said.get(2).endsWith(" MiB with what the JVM takes"), said.get(2));
        ExecutorMemory less = ExecutorMemory.of(conf("spark://master:7077").set("spark.executor.memoryOverhead", "10m"), 1, TASK, 0);
        assertTrue(assertThrows(BadInput.class, () -> less.check(LOWER, said::add)).getMessage().contains("memoryOverhead is 10 MiB; set"));
    }

    /** What is known of usual data alone is no reason to refuse. */
    @Test void tooLittleIsSaidWhereItMayBeEnough() {
        List<String> said = new ArrayList<>();
        for (String master : List.of("yarn", "spark://master:7077", "local[2]")) ExecutorMemory.of(conf(master), 1, TASK, 0).warn(LOWER, said::add);
        ExecutorMemory.of(conf("yarn"), 1, SMALL, 0).warn(LOWER, said::add);
        String takes = "memory: a task takes 200 MiB outside the heap, an executor of 1 task 584 MiB with what the JVM takes";
        assertEquals(List.of(takes + ", but spark.executor.memoryOverhead is 384 MiB (Spark's default); set --conf spark.executor.memoryOverhead=584m, or lower batch, hidden or the tasks of an "
                + "executor (spark.executor.cores)", takes + ", more than Spark's 384; this cluster manager ends no executor for that, but where what it starts them in has a limit (a container, "
                + "a control group), leave room for it"), said);
    }

    private static SparkConf conf(String master) {
        return new SparkConf(false).setMaster(master);
    }
}
