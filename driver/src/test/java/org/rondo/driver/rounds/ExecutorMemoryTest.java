package org.rondo.driver.rounds;

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
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;

class ExecutorMemoryTest {
    private static final Plan PLAN = PlanTest.plan(PlanTest.SETTINGS.with(Setting.HIDDEN, 1536), 20, 32_001);
    private static final long MIB = 1 << 20;

    /** As Spark counts it: a tenth of the heap, 384 MiB at least, unless it is set. */
    @ParameterizedTest @CsvSource({"1g, , 384", "8g, , 819", "1g, 500, 500", "1g, 1g, 1024"})
    void whatIsGivenIsAsSparkCountsIt(String heap, String overhead, long expected) {
        SparkConf conf = conf("yarn").set("spark.executor.memory", heap);
        if (overhead != null) conf.set("spark.executor.memoryOverhead", overhead);
        assertEquals(expected * MIB, ExecutorMemory.of(conf, 1, PLAN).given());
        assertEquals(PLAN.memoryOverhead(3), ExecutorMemory.of(conf, 3, PLAN).needed());
    }

    /** Where executors are ended for it, Spark's default, which leaves nothing for kernels, is an error too. The value that the message
     *  names is enough. */
    @ParameterizedTest @ValueSource(strings = {"yarn", "k8s://https://cluster:443"})
    void tooLittleIsAnErrorThatSaysWhatToSet(String master) {
        SparkConf conf = conf(master).set("spark.executor.memory", "1g");
        String message = assertThrows(BadInput.class, () -> ExecutorMemory.of(conf, 4, PLAN).check(note -> { })).getMessage();
        assertTrue(message.contains("memoryOverhead is 384 MiB (Spark's default); set --conf spark.executor.memoryOverhead="), message);
        String enough = message.replaceAll(".*memoryOverhead=(\\d+m).*", "$1");
        List<String> said = new ArrayList<>();
        ExecutorMemory.of(conf.set("spark.executor.memoryOverhead", enough), 4, PLAN).check(said::add);
        assertTrue(said.get(0).matches("memory: a task takes \\d+ MiB outside the heap, an executor of 4 tasks at a time \\d+ MiB .*"), said.toString());
    }

    @Test void aStandaloneClusterEndsNoExecutorButWhatIsSetMustBeEnough() {
        List<String> said = new ArrayList<>();
        ExecutorMemory.of(conf("spark://master:7077"), 1, PLAN).check(said::add);
        assertTrue(said.size() == 1 && said.get(0).contains(", more than Spark's 384; this cluster manager ends no executor for that"), said.toString());
        ExecutorMemory.of(conf("local[2]"), 1, PLAN).check(said::add);
        assertTrue(said.get(1).endsWith(" MiB with what the JVM takes"), said.get(1));
        ExecutorMemory.of(conf("yarn"), 1, PlanTest.plan(PlanTest.SETTINGS, 20, 32_001)).check(said::add);       // a small model is no reason to refuse what Spark gives
        assertTrue(said.get(2).endsWith(" MiB with what the JVM takes"), said.get(2));
        ExecutorMemory less = ExecutorMemory.of(conf("spark://master:7077").set("spark.executor.memoryOverhead", "10m"), 1, PLAN);
        assertTrue(assertThrows(BadInput.class, () -> less.check(said::add)).getMessage().contains("memoryOverhead is 10 MiB; set"));
    }

    private static SparkConf conf(String master) {
        return new SparkConf(false).setMaster(master);
    }
}
