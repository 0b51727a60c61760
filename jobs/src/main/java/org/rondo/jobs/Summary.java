package org.rondo.jobs;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.Versions;
import org.rondo.driver.checkpoints.JsonFile;

/** What a job has done, for programs: a JSON file that is written last, and only by a job that ends well. */
final class Summary {
    /** In the directory of a model, or of pictures. */
    static final String NAME = "summary.json";
    private static final String JOB = "job";

    private final Instant started = Instant.now();
    private final Job job;
    private final Settings settings;
    /** Null where none is to be written. */
    private final JsonFile file;

    private Summary(Job job, Settings settings, JsonFile file) {
        this.job = job;
        this.settings = settings;
        this.file = file;
    }

    /** Before the job. A summary of an earlier job that {@code --summary} names goes: if this one fails there is none.
     *  @throws BadInput if that cannot be written to, or is something else */
    static Summary of(Job job, Settings settings, SparkConf conf) {
        String given = settings.get(Setting.SUMMARY), path = given.isEmpty() ? job.summary(settings) : given;
        if (path == null) return new Summary(job, settings, null);
        try {
            JsonFile file = new JsonFile(new Path(path), SparkHadoopUtil.get().newConfiguration(conf));
            if (!given.isEmpty()) clear(file);
            return new Summary(job, settings, file);
        } catch (IOException | IllegalArgumentException e) {
            if (given.isEmpty()) return new Summary(job, settings, null);           // the job says what is wrong with its output
            throw new BadInput("cannot write a summary to '" + given + "': " + e.getMessage() + "; set " + Setting.SUMMARY.option() + " to a file that can be written", e);
        }
    }

    private static void clear(JsonFile file) throws IOException {
        if (file.read().has(JOB)) file.delete();
        else if (file.exists()) throw new BadInput("summary " + file.path() + " is there already, and is no summary of a job; set " + Setting.SUMMARY.option() + " to another file");
    }

    /** @param code    that the job ends with
     *  @param figures of the job */
    void write(int code, ObjectNode figures) {
        if (file == null) return;
        Instant ended = Instant.now();
        ObjectNode summary = figures.objectNode().put(JOB, job.name()).put("exit", code).put("started", started.truncatedTo(ChronoUnit.MILLIS).toString())
                .put("ended", ended.truncatedTo(ChronoUnit.MILLIS).toString()).put("seconds", Duration.between(started, ended).toMillis() * 1e-3);
        summary.set("versions", new ObjectMapper().valueToTree(Versions.all()));
        summary.set("settings", new ObjectMapper().valueToTree(settings.given()));
        summary.set("figures", figures);
        try {
            file.write(summary);
        } catch (IOException e) {
            throw new UncheckedIOException(job.name() + " is done, but its summary cannot be written to " + file.path() + ": " + e.getMessage(), e);
        }
    }
}
