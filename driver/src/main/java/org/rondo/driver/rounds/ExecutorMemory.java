package org.rondo.driver.rounds;

import java.util.function.Consumer;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.status.api.v1.ExecutorSummary;
import org.rondo.driver.BadInput;
import scala.jdk.javaapi.CollectionConverters;

/** What an executor needs outside its heap, and what it has been given: Spark counts that as its memory overhead, and whoever starts the
 *  executors, but for a standalone cluster, ends those that take more.
 *
 *  @param perTask bytes that the kernels of a task take
 *  @param tasks   at a time in an executor
 *  @param needed  bytes of an executor
 *  @param given   bytes of its memory overhead, by setting or by Spark's own default
 *  @param set     whether by setting
 *  @param ends    whether an executor that takes more is ended
 *  @param local   whether the executor is the driver, which has no such limit */
record ExecutorMemory(long perTask, int tasks, long needed, long given, boolean set, boolean ends, boolean local) {
    private static final long MIB = 1 << 20;
    /** Of what is reckoned for a JVM, what small ones do without: they take 256 MiB beside heap and kernels, not 384. */
    private static final long SPARE = 128 * MIB;
    private static final String OVERHEAD = "spark.executor.memoryOverhead";

    /** Of the executors that there are. */
    static ExecutorMemory of(JavaSparkContext sc, Plan plan) {
        int cores = CollectionConverters.asJava(sc.sc().statusStore().executorList(true)).stream().mapToInt(ExecutorSummary::totalCores).max().orElse(1);
        return of(sc.getConf(), Math.max(1, sc.getConf().getInt("spark.executor.cores", cores) / sc.getConf().getInt("spark.task.cpus", 1)), plan);
    }

    /** Spark's own default is a share of the heap, and not less than {@code spark.executor.minMemoryOverhead}. */
    static ExecutorMemory of(SparkConf conf, int tasks, Plan plan) {
        String master = conf.get("spark.master");
        long heap = conf.getSizeAsMb("spark.executor.memory", "1g");
        long usual = Math.max((long) (heap * conf.getDouble("spark.executor.memoryOverheadFactor", 0.1)), conf.getSizeAsMb("spark.executor.minMemoryOverhead", "384m"));
        long given = conf.contains(OVERHEAD) ? conf.getSizeAsMb(OVERHEAD) : usual;
        return new ExecutorMemory(plan.bytesPerTask(), tasks, plan.memoryOverhead(tasks), given * MIB, conf.contains(OVERHEAD), master.equals("yarn") || master.startsWith("k8s"),
                master.matches("local(\\[.*)?"));
    }

    /** Logs it.
     *  @throws BadInput if executors would be ended for what they take, or were given less than that in so many words */
    void check(Consumer<String> log) {
        String takes = "a task takes " + mebibytes(perTask) + " MiB outside the heap, an executor of " + tasks + (tasks == 1 ? " task " : " tasks at a time ")
                + mebibytes(needed) + " MiB with what the JVM takes";
        boolean tooLittle = needed - SPARE > given;
        if (tooLittle && (ends || set))
            throw new BadInput("memory: " + takes + ", but " + OVERHEAD + " is " + given / MIB + " MiB" + (set ? "" : " (Spark's default)") + "; set --conf " + OVERHEAD + "="
                    + mebibytes(needed) + "m, or lower batch, seqLen, hidden or the tasks of an executor (spark.executor.cores)");
        log.accept("memory: " + takes + (!tooLittle || local ? "" : ", more than Spark's " + given / MIB + "; this cluster manager ends no executor for that, but where what it starts them "
                + "in has a limit (a container, a control group), leave room for it"));
    }

    /** Rounded up. */
    private static long mebibytes(long bytes) {
        return (bytes + MIB - 1) / MIB;
    }
}
