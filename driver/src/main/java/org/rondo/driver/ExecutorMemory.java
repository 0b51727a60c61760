package org.rondo.driver;

import java.util.function.Consumer;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.status.api.v1.ExecutorSummary;
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
public record ExecutorMemory(long perTask, int tasks, long needed, long given, boolean set, boolean ends, boolean local) {
    /** What a JVM takes beside heap and kernels: metaspace, code cache, thread stacks, Netty's buffers. Spark's own least. */
    public static final long JVM = 384L << 20;
    private static final long MIB = 1 << 20;
    /** Of what is reckoned for a JVM, what small ones do without: they take 256 MiB beside heap and kernels, not 384. */
    private static final long SPARE = 128 * MIB;
    private static final String OVERHEAD = "spark.executor.memoryOverhead";

    /** Of the executors that there are.
     *  @param perTask     bytes that the kernels of a task take
     *  @param perExecutor bytes of a kernel that its tasks share */
    public static ExecutorMemory of(JavaSparkContext sc, long perTask, long perExecutor) {
        int cores = CollectionConverters.asJava(sc.sc().statusStore().executorList(true)).stream().mapToInt(ExecutorSummary::totalCores).max().orElse(1);
        return of(sc.getConf(), Math.max(1, sc.getConf().getInt("spark.executor.cores", cores) / sc.getConf().getInt("spark.task.cpus", 1)), perTask, perExecutor);
    }

    /** Spark's own default is a share of the heap, and not less than {@code spark.executor.minMemoryOverhead}. */
    static ExecutorMemory of(SparkConf conf, int tasks, long perTask, long perExecutor) {
        String master = conf.get("spark.master");
        long heap = conf.getSizeAsMb("spark.executor.memory", "1g");
        long usual = Math.max((long) (heap * conf.getDouble("spark.executor.memoryOverheadFactor", 0.1)), conf.getSizeAsMb("spark.executor.minMemoryOverhead", "384m"));
        long given = conf.contains(OVERHEAD) ? conf.getSizeAsMb(OVERHEAD) : usual;
        return new ExecutorMemory(perTask, tasks, needed(perTask, perExecutor, tasks), given * MIB, conf.contains(OVERHEAD), master.equals("yarn") || master.startsWith("k8s"),
                master.matches("local(\\[.*)?"));
    }

    /** Bytes to set as spark.executor.memoryOverhead for {@code tasks} tasks at a time in an executor. */
    public static long needed(long perTask, long perExecutor, int tasks) {
        return JVM + tasks * perTask + perExecutor;
    }

    /** Logs it.
     *  @param lower what takes less when it is lowered
     *  @throws BadInput if executors would be ended for what they take, or were given less than that in so many words */
    public void check(String lower, Consumer<String> log) {
        if (isTooLittle() && (ends || set)) throw new BadInput(tooLittle(lower));
        log.accept(isTooLittle() && !local ? tooLittle(lower) : takes());
    }

    /** Logs it where it is too little, and refuses nothing: for what is known of usual data alone. */
    public void warn(String lower, Consumer<String> log) {
        if (isTooLittle() && !local) log.accept(tooLittle(lower));
    }

    private boolean isTooLittle() {
        return needed - SPARE > given;
    }

    private String takes() {
        return "memory: a task takes " + mebibytes(perTask) + " MiB outside the heap, an executor of " + tasks + (tasks == 1 ? " task " : " tasks at a time ")
                + mebibytes(needed) + " MiB with what the JVM takes";
    }

    private String tooLittle(String lower) {
        if (!ends && !set) return takes() + ", more than Spark's " + given / MIB + "; this cluster manager ends no executor for that, but where what it starts them in has a limit (a container, "
                + "a control group), leave room for it";
        return takes() + ", but " + OVERHEAD + " is " + given / MIB + " MiB" + (set ? "" : " (Spark's default)") + "; set --conf " + OVERHEAD + "=" + mebibytes(needed)
                + "m, or lower " + lower + " or the tasks of an executor (spark.executor.cores)";
    }

    /** Rounded up. */
    private static long mebibytes(long bytes) {
        return (bytes + MIB - 1) / MIB;
    }
}
