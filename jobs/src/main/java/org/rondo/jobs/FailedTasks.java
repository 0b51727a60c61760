package org.rondo.jobs;

import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.config.Property;
import org.apache.logging.log4j.core.impl.Log4jLogEvent;
import org.apache.logging.log4j.message.SimpleMessage;

/** What Spark logs of a task that fails: by itself its stack, twice, before the job can say in one line what is wrong. */
final class FailedTasks {
    private static final String EXECUTOR = "org.apache.spark.executor.Executor", DRIVER = "org.apache.spark.scheduler.TaskSetManager",
            STAGES = "org.apache.spark.scheduler.DAGScheduler", SCHEDULER = "org.apache.spark.scheduler.TaskSchedulerImpl";
    private static final String FIRST_LINES = "first lines";

    private FailedTasks() { }

    /** Nothing where the first failure ends the job, which reports it; elsewhere the task is tried again, and its loss is a line. */
    static void inOneLine(String master) {
        Configurator.setLevel(EXECUTOR, Level.OFF);                            // in a local master; the driver says the same
        if (master.matches("local(\\[[^,]*])?")) Configurator.setLevel(DRIVER, Level.OFF);
        else firstLines(DRIVER);
        firstLines(STAGES);                                                    // these two: where Spark's log is at info
        firstLines(SCHEDULER);
    }

    /** Spark puts the stack into the message, where no pattern of log4j leaves it out. */
    private static void firstLines(String logger) {
        LoggerContext context = LoggerContext.getContext(false);
        Configuration configuration = context.getConfiguration();
        LoggerConfig whole = configuration.getLoggerConfig(logger);
        if (whole.getAppenders().containsKey(FIRST_LINES)) return;
        AbstractAppender cut = new AbstractAppender(FIRST_LINES, null, null, false, Property.EMPTY_ARRAY) {
            @Override public void append(LogEvent event) {
                String first = event.getMessage().getFormattedMessage().lines().findFirst().orElse("");
                whole.log(Log4jLogEvent.newBuilder().setLoggerName(event.getLoggerName()).setLevel(event.getLevel())
                        .setThreadName(event.getThreadName()).setTimeMillis(event.getTimeMillis()).setMessage(new SimpleMessage(first)).build());
            }
        };
        cut.start();
        LoggerConfig brief = new LoggerConfig(logger, whole.getLevel(), false);
        brief.addAppender(cut, null, null);
        configuration.removeLogger(logger);
        configuration.addLogger(logger, brief);
        context.updateLoggers();
    }
}
