package org.rondo.driver.rounds;

/** How long averaging takes in a round: a model of it, for clusters that nobody has here. A sum of four parts, each with the
 *  constants that follow: jobs are launched, executors ask one another where the means are, each works on vectors of its own, and
 *  means are moved.
 *
 *  <p>The constants were measured on a virtual machine of two cores (Zen 5) that was driver and all executors, so that what they
 *  sent each other went over loopback. {@link #JOB}, {@link #ROUND}, {@link #OWN} with {@link #HANDLED}, and {@link #MERGED} are fitted to the
 *  quiet figures of docs/decisions/0007; the others, and how what OWN and HANDLED cost together is divided between them, were measured
 *  while other work took most of both cores, and are upper bounds. docs/scale.md says how far the model is off, and what it leaves out.
 *
 *  @param floats         of the mean that an executor leaves: parameters, and moments where they are averaged
 *  @param executors      1: a local master, where nothing is moved
 *  @param tasks          of an executor in a round
 *  @param replicas       of an executor
 *  @param bytesPerSecond that the network carries into an executor, and out of it at the same time */
public record RoundTime(Design design, double floats, int executors, int tasks, int replicas, double bytesPerSecond) {
    /** Seconds of an empty job, without its tasks: 39 to 54 ms with two tasks, median 47. */
    static final double JOB = 0.046;
    /** The same with a local master: 6 ms. */
    static final double LOCAL_JOB = 0.006;
    /** Seconds that a task more takes in a job, most of it at the driver, which launches one after the other: 1,024 tasks on two executors
     *  take 0.35 to 0.55 s. */
    static final double TASK = 0.0004;
    /** Seconds that a round takes beyond an empty job, whatever its size and as soon as there are two executors. */
    static final double ROUND = 0.028;
    /** Seconds until an executor has what a task elsewhere has left, but for its vectors: it asks the driver where that is, then fetches it,
     *  one after the other. 16 and 64 tasks on two executors differ by 78 ms, of which 24 such questions and 48 launches. */
    static final double ASK = 0.0025;
    /** Seconds that the driver takes for an answer, one after the other: 58 us each, asked by 16 threads at once. */
    static final double ANSWER = 58e-6;
    /** Bytes a second of what an executor does once with a vector, whatever others do: makes blocks of its mean and reads them again. 28 ms
     *  for 20 M floats on one executor. */
    static final double OWN = 2.9e9;
    /** Bytes a second of a replica's vector that is merged with the one before, in the same executor: 8 replicas against 2. */
    static final double MERGED = 3.0e9;
    /** Bytes a second of means that an executor, on one core, receives, adds, and sends others as many: over loopback, which costs
     *  processor time and nothing else. */
    static final double HANDLED = 6.6e8;

    /** Who fetches what. {@link #MEANS} is what Rondo does; the others are for comparison, and send with the tasks where the means are,
     *  so that the driver is not asked. */
    public enum Design {
        /** Every executor fetches the means of all others. */
        MEANS,
        /** The same. */
        PLACED,
        /** Every executor reduces a slice of the vector, then fetches the other slices, reduced: two jobs. */
        SLICES,
        /** Executors stand in rows of equal length. Each fetches the means of its row, then those of the other rows, of one executor each: two
         *  jobs. */
        TREE;

        private static int side(int executors) {
            return (int) Math.ceil(Math.sqrt(executors));
        }

        private static int rows(int executors) {
            return (executors + side(executors) - 1) / side(executors);
        }

        int jobs(int executors) {
            return this == SLICES || this == TREE && rows(executors) > 1 ? 2 : 1;
        }

        /** Executors that each hears from. */
        int contacts(int executors) {
            return switch (this) {
                case MEANS, PLACED -> executors - 1;
                case SLICES -> 2 * (executors - 1);
                case TREE -> side(executors) - 1 + rows(executors) - 1;
            };
        }

        /** That each receives, in means. */
        double means(int executors) {
            return this == SLICES ? 2.0 * (executors - 1) / executors : contacts(executors);
        }
    }

    /** Of a plan's rounds. Of states that replicas keep it counts the bytes, as those of means.
     *  @param slots of an executor */
    public static RoundTime of(Plan plan, int executors, int slots, double bytesPerSecond) {
        int size = Exchange.groupSize(plan.shards(), (int) Math.min(Integer.MAX_VALUE, (long) executors * slots)), groups = Exchange.divideUp(plan.shards(), size);
        int busy = Math.min(executors, groups);
        double floats = busy == 1 ? plan.averagedFloats() : (double) plan.bytesPerRound(executors, slots) / Float.BYTES / (busy - 1) / busy;
        return new RoundTime(Design.MEANS, floats, busy, Exchange.divideUp(groups, busy), Exchange.divideUp(plan.shards(), busy), bytesPerSecond);
    }

    /** Seconds of a round without its windows. */
    public double seconds() {
        return launching() + asking() + own() + moving();
    }

    /** Seconds for Spark's jobs, one or two, and their tasks. */
    public double launching() {
        return design.jobs(executors) * ((executors == 1 ? LOCAL_JOB : JOB) + TASK * executors * tasks);
    }

    /** Seconds until executors know where the means are: each in its turn, or the driver with all of them, whichever is later. */
    public double asking() {
        if (executors == 1) return 0;
        double contacts = design.contacts(executors) * (design == Design.MEANS ? tasks : 1.0);
        double atTheDriver = design == Design.MEANS ? ANSWER * executors * contacts : 0;
        return design.jobs(executors) * ROUND + Math.max(ASK * contacts, atTheDriver);
    }

    /** Seconds for an executor's vectors in its own memory. */
    public double own() {
        return Float.BYTES * floats * (1 / OWN + (replicas - 1) / MERGED);
    }

    /** Seconds for means from executor to executor. They are added as they arrive, so the slower of network and processor counts. */
    public double moving() {
        return bytesIn() / Math.min(bytesPerSecond, HANDLED);
    }

    /** Into each executor. */
    public double bytesIn() {
        return Float.BYTES * floats * design.means(executors);
    }
}
