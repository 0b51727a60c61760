package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Registrator;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import scala.Tuple2;

/** What spark-submit runs: {@code JOB [--key value ...]}. Settings are the {@code spark.rondo.} keys of Spark's configuration,
 *  then the options over them. Results go to standard output, the rest to standard error.
 *
 *  <p>Exit codes: 0 done; 3 retrain is done, and has kept the version that was current; 2 what the user gave cannot be used, one plain line says what and where; 1 failed, a plain line
 *  and then the stack trace. */
public final class Rondo {
    static final int DONE = 0, FAILED = 1, BAD_INPUT = 2, KEPT = 3;
    private static volatile boolean interrupted;

    private Rondo() { }

    public static void main(String[] args) {
        SparkConf conf = new SparkConf();
        // In cluster mode the JVM is the application master's, which reports the failure and ends by itself.
        boolean own = !conf.get("spark.submit.deployMode", "client").equals("cluster");
        if (own) Runtime.getRuntime().addShutdownHook(new Thread(Rondo::quiet));
        int code = run(args, conf, Console.standard());
        if (own) System.exit(code);
        if (code != DONE && code != KEPT) throw new IllegalStateException("the job ended with exit code " + code + "; the line above says why");
    }

    static int run(String[] args, SparkConf conf, Console console) {
        boolean debug = Stream.of(args).skip(1).anyMatch(argument -> argument.matches("--debug(=true)?"));      // until the line is parsed
        try {
            Command command = Command.parse(args, console.width());
            debug = command.options().getOrDefault(Setting.DEBUG.key(), conf.get(Setting.DEBUG.sparkKey(), "false")).equals("true");
            if (command.help() != null) console.out().print(command.help());
            else if (command.bench() != null) bench(command.bench(), conf, console);
            else return execute(command, conf, console);
            return DONE;
        } catch (Throwable e) {
            return report(e, debug, console.err());
        }
    }

    private static void bench(Bench.Work work, SparkConf conf, Console console) {
        entries(conf).keySet().stream().filter(key -> key.startsWith(Settings.PREFIX)).sorted()
                .forEach(key -> console.err().println(key + " is given, but has no effect with bench, which reads no settings"));
        work.run(console);
    }

    private static int execute(Command command, SparkConf conf, Console console) throws Exception {
        Job job = command.job();
        Settings settings = Settings.of(entries(conf), command.options()).over(job.defaults());
        for (Setting<?> needed : job.settings()) if (needed.fallback() == null) settings.get(needed);
        Summary summary = Summary.of(job, settings, conf);
        ObjectNode figures = job.work().run(settings, conf, console);
        int code = figures.path("exit").asInt(DONE);
        summary.write(code, figures);
        return code;
    }

    /** Starts Spark, with what Rondo needs where the user has not said otherwise.
     *  @throws BadInput if a standalone master does not let it in */
    static JavaSparkContext spark(String job, Settings settings, SparkConf conf) {
        if (conf.get("spark.app.name", "rondo.jar").equals("rondo.jar")) conf.setAppName("rondo " + job);
        conf.setIfMissing("spark.master", "local[*]");
        conf.setIfMissing("spark.broadcast.compress", "false");            // floats do not compress
        conf.setIfMissing("spark.locality.wait", "0s");                    // else a replaced executor stays idle
        conf.setIfMissing("spark.driver.maxResultSize", "0");              // a model is fetched as a job's result
        conf.setIfMissing("spark.ui.showConsoleProgress", "false");        // Rondo has its own
        String registrators = conf.get("spark.kryo.registrator", "");
        conf.set("spark.kryo.registrator", registrators + (registrators.isEmpty() ? "" : ",") + Registrator.class.getName());
        JavaSparkContext sc = new JavaSparkContext(conf);
        if (!isLetIn(sc)) {
            sc.close();
            throw new BadInput("master " + sc.master() + " has not let this application in, and Spark has given up after a minute: either no master runs there, or it is of another version of "
                    + "Spark than " + sc.version() + ", or it wants a secret, and this driver has none or another; set --master, or --conf spark.authenticate=true and --conf spark.authenticate.secret. "
                    + "The master's log says more");
        }
        if (!settings.get(Setting.DEBUG)) FailedTasks.inOneLine(sc.master());      // after Spark has configured its log
        return sc;
    }

    /** A standalone master gives an id to those that it lets in. Of others Spark makes one up, and stops them under the job's feet. */
    private static boolean isLetIn(JavaSparkContext sc) {
        return !sc.master().startsWith("spark://") || !sc.sc().applicationId().startsWith("spark-application-");
    }

    private static Map<String, String> entries(SparkConf conf) {
        Map<String, String> entries = new HashMap<>();
        for (Tuple2<String, String> entry : conf.getAll()) entries.put(entry._1(), entry._2());
        return entries;
    }

    /** On Ctrl-C Spark stops under the job's feet, and would say so for every task. The job's own stream stays. */
    private static void quiet() {
        interrupted = true;
        System.setErr(new PrintStream(OutputStream.nullOutputStream()));
        Configurator.setAllLevels(LogManager.ROOT_LOGGER_NAME, Level.OFF);
    }

    static int report(Throwable failure, boolean debug, PrintStream err) {
        if (interrupted) {
            err.println("rondo: interrupted; the same command resumes from the last checkpoint, if there is one");
            return FAILED;
        }
        Throwable user = badInput(failure);
        if (user != null) {
            err.println("rondo: " + user.getMessage());
            if (debug) failure.printStackTrace(err);
            return BAD_INPUT;
        }
        Throwable root = failure;
        while (root.getCause() != null) root = root.getCause();
        err.println("rondo: failed: " + firstLine(root) + (root == failure ? "" : " (in: " + firstLine(failure) + ")"));
        failure.printStackTrace(err);
        return FAILED;
    }

    /** What the user can mend, under whatever Spark has wrapped around it; null if it is a failure of another kind. */
    private static Throwable badInput(Throwable failure) {
        for (Throwable e = failure; e != null; e = e.getCause()) {
            boolean ours = e.getStackTrace().length > 0 && e.getStackTrace()[0].getClassName().startsWith("org.rondo.");
            if (e instanceof BadInput || ours && (e instanceof IllegalArgumentException || e instanceof UnsatisfiedLinkError)) return e;
        }
        return null;
    }

    private static String firstLine(Throwable e) {
        return e.toString().lines().findFirst().orElse(e.getClass().getName());
    }
}
