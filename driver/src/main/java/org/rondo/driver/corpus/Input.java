package org.rondo.driver.corpus;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.mapreduce.Job;
import org.apache.hadoop.mapreduce.JobContext;
import org.apache.hadoop.mapreduce.lib.input.FileInputFormat;
import org.apache.hadoop.mapreduce.lib.input.InvalidInputException;
import org.apache.hadoop.mapreduce.lib.input.TextInputFormat;
import org.apache.spark.api.java.JavaNewHadoopRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Storage;

/** Files to read: one, a folder (with all that is below it) or a glob; an existing file wins over a glob. Names that start with
 *  _ or . are left out, as Hadoop does. */
final class Input {
    private final JavaSparkContext sc;
    private final Path path;
    private final Job job;

    private Input(JavaSparkContext sc, Path path, Job job) {
        this.sc = sc;
        this.path = path;
        this.job = job;
    }

    /** @throws BadInput if there is no such path */
    static Input of(JavaSparkContext sc, String path) {
        for (String silent : List.of("spark.files.ignoreCorruptFiles", "spark.files.ignoreMissingFiles"))
            if (sc.getConf().getBoolean(silent, false)) throw ignores(silent);
        try {
            Job job = Job.getInstance(conf(sc));
            Configuration conf = job.getConfiguration();
            Path qualified = Storage.of(new Path(path), conf).makeQualified(new Path(path));
            FileInputFormat.setInputPaths(job, glob(qualified, path, conf));
            FileInputFormat.setInputDirRecursive(job, true);
            return new Input(sc, qualified, job);
        } catch (IOException | IllegalArgumentException e) {
            throw cannotRead(path, e);
        }
    }

    static BadInput ignores(String key) {
        return new BadInput(key + " is true: a file that cannot be read would be left out without a word, and the model would be of other data "
                + "than its provenance says; set it to false");
    }

    static BadInput cannotRead(String path, Exception e) {
        return new BadInput("cannot read '" + path + "': " + e.getMessage() + "; check the path and the file system's configuration", e);
    }

    /** Absolute, with its file system. */
    Path path() {
        return path;
    }

    Configuration conf() {
        return job.getConfiguration();
    }

    /** Hadoop's, in which lines are lines. */
    static Configuration conf(JavaSparkContext sc) {
        Configuration conf = new Configuration(sc.hadoopConfiguration());
        conf.unset("textinputformat.record.delimiter");                      // would change what a line is
        conf.unset("mapreduce.input.linerecordreader.line.maxlength");       // would drop longer lines without a word
        return conf;
    }

    /** @throws BadInput if there is no file with something in it */
    <K, V, F extends FileInputFormat<K, V>> JavaNewHadoopRDD<K, V> splits(Class<F> format, Class<K> key, Class<V> value) {
        var splits = (JavaNewHadoopRDD<K, V>) sc.newAPIHadoopRDD(conf(), format, key, value);
        try {
            if (countSplits(splits) == 0) throw empty();
            return splits;
        } catch (IOException e) {
            throw cannotRead(path.toString(), e);
        }
    }

    /** By path.
     *  @throws BadInput if there is none */
    List<Path> files() {
        try {
            return new Listing().files(job).stream().map(FileStatus::getPath).sorted(Comparator.comparing(Path::toString)).toList();
        } catch (InvalidInputException e) {
            throw empty();
        } catch (IOException e) {
            throw cannotRead(path.toString(), e);
        }
    }

    /** A hundred thousand small files are not as many tasks. */
    <T> JavaRDD<T> inFewTasks(JavaRDD<T> rdd) {
        int most = Math.max(64, 16 * sc.defaultParallelism());
        return rdd.getNumPartitions() > most ? rdd.coalesce(most) : rdd;
    }

    private BadInput empty() {
        return new BadInput("no text in " + path + ", expected at least one file that is not empty and whose name does not start with _ or .");
    }

    private static Path glob(Path path, String given, Configuration conf) throws IOException {
        FileSystem fs = Storage.of(path, conf);
        if (fs.exists(path)) return new Path(path.toString().replaceAll("[*?\\[\\]{}\\\\]", "\\\\$0"));     // a name, and no glob
        FileStatus[] matches = fs.globStatus(path);
        if (matches == null) throw new BadInput("there is no " + path + " (given as '" + given + "'), expected a file, a folder or a glob; check the path");
        if (matches.length == 0) throw new BadInput("nothing matches " + path + " (given as '" + given + "'), expected at least one file; check the glob");
        return path;
    }

    private static int countSplits(JavaNewHadoopRDD<?, ?> splits) throws IOException {
        try {
            return splits.getNumPartitions();
        } catch (Exception e) {
            if (e instanceof InvalidInputException) return 0;       // Spark's Scala throws it undeclared: only hidden names match
            if (e instanceof IOException io) throw io;
            throw e;
        }
    }

    /** Hadoop's own idea of what is read. */
    private static final class Listing extends TextInputFormat {
        List<FileStatus> files(JobContext job) throws IOException {
            return listStatus(job);
        }
    }
}
