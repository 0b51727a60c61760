package org.rondo.driver.scoring;

import java.io.IOException;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SaveMode;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.Storage;

/** A corpus that a {@link Scorer} has been over, in files. Spark's committer moves them to their place once all are whole; what is there is
 *  replaced only with {@code overwrite}, and only where it is of that kind. */
public final class ScoredCorpus {
    /** What the job that wrote it says of it; hidden from Spark's readers by its first letter. */
    public static final String SUMMARY = "_summary.json";

    private final Path directory;
    private final FileSystem fs;

    /** So far, or in all.
     *  @param errors  rows that have no predictions
     *  @param tokens  scored: of a language model with the ends of lines
     *  @param done    tasks, of {@code tasks} */
    public record Count(long rows, long tokens, long errors, int done, int tasks, double seconds) {
        public double tokensPerSecond() {
            return tokens / Math.max(1e-9, seconds);
        }
    }

    private ScoredCorpus(Settings settings, Configuration conf) throws IOException {
        Path given = new Path(settings.get(Setting.OUTPUT));
        this.fs = Storage.of(given, conf);
        this.directory = fs.makeQualified(given);
    }

    /** From {@link Setting#INPUT} to {@link Setting#OUTPUT}.
     *  @param notes    hears what was chosen
     *  @param progress hears what is done, on a thread of Spark's
     *  @throws BadInput if the output cannot be written to, or something is there that may not be replaced; or as {@link Scorer#score} */
    public static Count write(JavaSparkContext sc, Scorer scorer, Settings settings, Consumer<String> notes, Consumer<Count> progress) {
        String input = settings.get(Setting.INPUT), format = settings.get(Setting.OUTPUT_FORMAT);
        try {
            ScoredCorpus output = new ScoredCorpus(settings, sc.hadoopConfiguration());
            output.check(settings);
            try (Tally tally = new Tally(sc, progress)) {
                var rows = scorer.score(sc, input, tally.sums(), notes);
                scorer.warnOfMemory(sc, notes);
                sc.setJobGroup("scoring", "score " + input, true);
                tally.listen();
                // a column has its name in every row of JSON, also where it is null
                rows.write().mode(SaveMode.Overwrite).format(format).options(Map.of("ignoreNullFields", "false")).save(output.directory.toString());
                return tally.all();
            } catch (Throwable failed) {         // Spark throws checked exceptions too
                try {
                    output.dropIfEmpty();
                } catch (IOException e) {
                    failed.addSuppressed(e);
                }
                throw failed;
            } finally {
                sc.clearJobGroup();
            }
        } catch (IOException e) {
            throw new BadInput("cannot write to output '" + settings.get(Setting.OUTPUT) + "': " + e.getMessage() + "; check path and permissions, or set --output to another directory", e);
        }
    }

    private void check(Settings settings) throws IOException {
        for (Setting<String> read : Stream.of(Setting.MODEL, Setting.INPUT).filter(settings::has).toList()) checkApart(settings.get(read), read);
        if (!fs.exists(directory)) return;
        if (!fs.getFileStatus(directory).isDirectory()) throw new BadInput("output " + directory + " is a file, expected a directory to write to; set --output to another path");
        boolean empty = true;
        for (FileStatus file : fs.listStatus(directory)) {
            String name = file.getPath().getName();
            if (name.equals("_temporary")) continue;      // of a job that was killed
            empty = false;
            if (!name.startsWith("part-") && !name.equals("_SUCCESS") && !name.equals(SUMMARY) && !name.startsWith("."))
                throw new BadInput("output directory " + directory + " holds " + name + ", which score has not written; set --output to another directory");
        }
        if (!empty && !settings.get(Setting.OVERWRITE))
            throw new BadInput("output directory " + directory + " already holds a scored corpus; set --output to another directory, or --overwrite to replace it");
    }

    /** What is read must not lie where everything is replaced. */
    private void checkApart(String given, Setting<String> setting) {
        String own = directory + "/", read;
        try {
            Path path = new Path(given);
            read = path.getFileSystem(fs.getConf()).makeQualified(path) + "/";
        } catch (IOException | IllegalArgumentException none) {
            return;      // a table's name, or what reading it has more to say about
        }
        boolean within = setting == Setting.INPUT && own.startsWith(read);      // folders are read with all that is in them
        if (within) throw new BadInput("output " + directory + " is within input " + given + ", which would then be read with it; set --output to another directory");
        if (read.startsWith(own)) throw new BadInput("output " + directory + " is or contains " + setting.key() + " " + given + ", expected a directory apart; set --output to another");
    }

    private void dropIfEmpty() throws IOException {
        if (fs.exists(directory) && fs.listStatus(directory).length == 0) fs.delete(directory, false);
    }
}
