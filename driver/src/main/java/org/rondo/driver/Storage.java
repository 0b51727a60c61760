package org.rondo.driver;

import java.io.IOException;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.util.VersionInfo;

/** Where files are: whatever Hadoop has a client for. */
public final class Storage {
    /** Hadoop's own modules by scheme, which Spark does not bring though Hadoop is configured for them. */
    private static final Map<String, String> MODULES = Map.of("s3a", "hadoop-aws", "abfs", "hadoop-azure", "abfss", "hadoop-azure");

    private Storage() { }

    /** The file system that a path is on.
     *  @throws BadInput if its client, or what the client needs, is not on the class path
     *  @throws IOException if Hadoop does not know the scheme, or the client refuses */
    public static FileSystem of(Path path, Configuration conf) throws IOException {
        try {
            return path.getFileSystem(conf);
        } catch (NoClassDefFoundError e) {
            throw missing(path, e);
        } catch (RuntimeException e) {
            if (e.getCause() instanceof ClassNotFoundException client) throw missing(path, client);     // Hadoop wraps it in a plain one
            throw e;
        }
    }

    private static BadInput missing(Path path, Throwable cause) {
        String module = MODULES.get(String.valueOf(path.toUri().getScheme()));
        return new BadInput("no client for the file system of " + path + " (" + cause + "), expected it on the class path; add "
                + (module == null ? "its jars with --packages or --jars" : "--packages org.apache.hadoop:" + module + ":" + VersionInfo.getVersion()), cause);
    }
}
