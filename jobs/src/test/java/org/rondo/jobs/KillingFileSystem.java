package org.rondo.jobs;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/** The local disk as {@code killing:}, whose process is killed with SIGKILL before its {@code killing.at}-th change of a file or directory: a creation, a part that is written,
 *  the end of a file, a deletion, a directory. Every change is counted in the file {@code killing.log}, a byte each. */
public final class KillingFileSystem extends RawLocalFileSystem {
    private static final AtomicInteger CHANGES = new AtomicInteger();
    private java.nio.file.Path log;
    private int at;

    @Override public void initialize(URI uri, Configuration conf) throws IOException {
        super.initialize(uri, conf);
        at = conf.getInt("killing.at", 0);
        log = java.nio.file.Path.of(conf.get("killing.log"));
    }

    @Override public URI getUri() {
        return URI.create("killing:///");
    }

    @Override public String getScheme() {
        return "killing";
    }

    private void changes() throws IOException {
        if (CHANGES.incrementAndGet() == at) {
            new ProcessBuilder("kill", "-KILL", Long.toString(ProcessHandle.current().pid())).start();
            for (;;) Thread.onSpinWait();                           // not one step further
        }
        Files.write(log, new byte[1], java.nio.file.StandardOpenOption.CREATE, java.nio.file.StandardOpenOption.APPEND);
    }

    @Override public FSDataOutputStream create(Path file, boolean overwrite, int buffer, short replication, long block, Progressable progress) throws IOException {
        changes();
        return counted(super.create(file, overwrite, buffer, replication, block, progress));
    }

    @Override public FSDataOutputStream create(Path file, FsPermission permission, boolean overwrite, int buffer, short replication, long block, Progressable progress) throws IOException {
        changes();
        return counted(super.create(file, permission, overwrite, buffer, replication, block, progress));
    }

    private FSDataOutputStream counted(OutputStream out) throws IOException {
        return new FSDataOutputStream(new FilterOutputStream(out) {
            @Override public void write(byte[] bytes, int offset, int length) throws IOException {
                int half = length / 2;
                out.write(bytes, offset, half);
                out.flush();
                changes();
                out.write(bytes, offset + half, length - half);
            }

            @Override public void close() throws IOException {
                changes();
                super.close();
            }
        }, null);
    }

    @Override public boolean delete(Path path, boolean recursive) throws IOException {
        changes();
        return super.delete(path, recursive);
    }

    @Override public boolean mkdirs(Path path) throws IOException {
        changes();
        return super.mkdirs(path);
    }

    @Override public boolean rename(Path from, Path to) throws IOException {
        changes();
        return super.rename(from, to);
    }
}
