package org.rondo.driver.checkpoints;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.net.URI;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/** The local disk without rename, whose process dies after so many bytes; a deletion counts as {@link #STEP} of them. */
public final class Dying extends RawLocalFileSystem {
    /** Deaths so far apart miss no deletion. */
    static final int STEP = 29;
    private long left = -1;

    static Configuration after(long bytes) {
        Configuration conf = new Configuration();
        conf.set("fs.dying.impl", Dying.class.getName());
        conf.setBoolean("fs.dying.impl.disable.cache", true);
        conf.setLong("dying.after", bytes);
        return conf;
    }

    static Path path(java.nio.file.Path path) {
        return new Path("dying://" + path);
    }

    @Override public String getScheme() {
        return "dying";
    }

    @Override public URI getUri() {
        return URI.create("dying:///");
    }

    @Override public FSDataOutputStream create(Path f, FsPermission permission, boolean overwrite, int bufferSize, short replication,
                                               long blockSize, Progressable progress) throws IOException {
        spend(0);
        return dying(super.create(f, permission, overwrite, bufferSize, replication, blockSize, progress));
    }

    @Override public FSDataOutputStream create(Path f, boolean overwrite, int bufferSize, short replication, long blockSize,
                                               Progressable progress) throws IOException {
        spend(0);
        return dying(super.create(f, overwrite, bufferSize, replication, blockSize, progress));
    }

    @Override public boolean delete(Path path, boolean recursive) throws IOException {
        spend(STEP);
        return super.delete(path, recursive);
    }

    @Override public boolean rename(Path from, Path to) throws IOException {
        throw new IOException("no rename here");
    }

    private void spend(int bytes) throws IOException {
        if (left < 0) left = getConf().getLong("dying.after", 0);
        if (left < bytes) throw new IOException("no more bytes");
        left -= bytes;
    }

    private FSDataOutputStream dying(FSDataOutputStream out) throws IOException {
        return new FSDataOutputStream(new FilterOutputStream(out) {
            @Override public void write(int b) throws IOException {
                spend(1);
                out.write(b);
            }

            @Override public void close() throws IOException {
                out.close();
            }
        }, null);
    }
}
