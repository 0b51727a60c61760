package org.rondo.driver.checkpoints;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.StandardOpenOption;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.StreamCapabilities;
import org.rondo.driver.BadInput;
import org.rondo.driver.Storage;

/** A directory whose files are written through to the disk and read against a seal. */
public final class Folder {
    /** Where a rename is atomic, and refuses a name that is taken: a name node does it. */
    private static final Set<String> RENAMING = Set.of("hdfs", "viewfs", "webhdfs", "swebhdfs");
    private static final String UNNAMED = ".writing-";

    public final Path path;
    public final FileSystem fs;

    /** What a file must be: its length in bytes and its SHA-256. */
    public record Seal(long length, String sha256) { }

    @FunctionalInterface
    public interface Writer {
        void write(OutputStream out) throws IOException;
    }

    @FunctionalInterface
    public interface Reader<T> {
        T read(InputStream in, long length) throws IOException;
    }

    public Folder(Path path, Configuration conf) throws IOException {
        FileSystem given = Storage.of(path, conf);
        // Hadoop's checksummed local files cannot be synced, and leave .crc files behind; the seals do what those are for.
        this.fs = given instanceof LocalFileSystem local ? local.getRawFileSystem() : given;
        this.path = fs.makeQualified(path);
    }

    public Folder(Folder parent, String name) {
        this.fs = parent.fs;
        this.path = new Path(parent.path, name);
    }

    /** Nothing where it is not there. */
    public FileStatus[] list() throws IOException {
        try {
            return fs.listStatus(path);
        } catch (FileNotFoundException none) {
            return new FileStatus[0];
        }
    }

    /** Of all that is there, at one moment: {@link #list} of a local disk looks at each file too, and leaves out those that have gone by then. */
    public List<String> names() throws IOException {
        if (!(fs instanceof RawLocalFileSystem local)) return Stream.of(list()).map(file -> file.getPath().getName()).toList();
        try (Stream<java.nio.file.Path> files = Files.list(local.pathToFile(path).toPath())) {
            return files.map(file -> file.getFileName().toString()).toList();
        } catch (NoSuchFileException none) {
            return List.of();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** There, a directory, and with nothing in it. */
    public boolean isEmpty() throws IOException {
        return list().length == 0 && fs.exists(path);
    }

    public boolean has(String name) throws IOException {
        return fs.exists(new Path(path, name));
    }

    /** When it returns, the file is where a killed process or, where the file system can sync, a power cut leaves it. */
    public Seal write(String name, Writer writer) throws IOException {
        Path file = new Path(path, name);
        MessageDigest sha256 = sha256();
        try (FSDataOutputStream out = fs.create(file, true)) {
            OutputStream buffered = new BufferedOutputStream(new DigestOutputStream(out, sha256), 1 << 16);
            try {
                writer.write(buffered);
                buffered.flush();
                if (out.hasCapability(StreamCapabilities.HSYNC)) out.hsync();
            } catch (IOException e) {
                throw new IOException(e.getMessage(), e);       // HDFS throws the very same from close, and none may suppress itself
            }
        }
        return new Seal(fs.getFileStatus(file).getLen(), hex(sha256));
    }

    /** Creates a file whole, where there is none of this name: of those who try only one succeeds, and nobody sees a part of it, whatever is killed when.
     *  On a local disk and HDFS it is written under another name, which is then linked or renamed (both refuse a name that is taken); elsewhere the store
     *  must publish a file when it is closed, and refuse it then.
     *  @return false if there is one already */
    public boolean create(String name, byte[] content) throws IOException {
        Path file = new Path(path, name);
        boolean local = fs instanceof RawLocalFileSystem;
        if (!local && !RENAMING.contains(fs.getUri().getScheme())) return createOnClose(file, content);
        fs.mkdirs(path);
        String unnamed = UNNAMED + UUID.randomUUID();
        try {
            write(unnamed, out -> out.write(content));
            return local ? link(new Path(path, unnamed), file) : rename(new Path(path, unnamed), file);
        } finally {
            fs.delete(new Path(path, unnamed), false);
        }
    }

    private boolean link(Path written, Path file) throws IOException {
        java.nio.file.Path target = ((RawLocalFileSystem) fs).pathToFile(file).toPath();
        try {
            Files.createLink(target, ((RawLocalFileSystem) fs).pathToFile(written).toPath());
        } catch (FileAlreadyExistsException taken) {
            return false;
        } catch (UnsupportedOperationException | FileSystemException noLinks) {         // FAT, some network drives: whole unless it is killed
            try {
                Files.write(target, read(written.getName()), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SYNC);
            } catch (FileAlreadyExistsException taken) {
                return false;
            }
        }
        try (FileChannel directory = FileChannel.open(target.getParent())) {
            directory.force(true);                      // its name is a part of the directory
        }
        return true;
    }

    private boolean rename(Path written, Path file) throws IOException {
        if (fs.rename(written, file)) return true;
        if (fs.exists(file)) return false;
        throw new IOException("the file system does not rename " + written + " to " + file + ", and does not say why");
    }

    private boolean createOnClose(Path file, byte[] content) throws IOException {
        if (fs.exists(file)) return false;
        FSDataOutputStreamBuilder<?, ?> builder = fs.createFile(file).recursive().overwrite(false);
        if (fs.getUri().getScheme().equals("s3a")) builder = builder.must(Options.CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE, true);
        try (FSDataOutputStream out = builder.build()) {
            out.write(content);
        } catch (IOException e) {
            if (fs.exists(file)) return false;          // whatever the store calls it
            throw new IOException(e.getMessage(), e);
        }
        return true;
    }

    /** Deletes what a killed {@link #create} has left, once it is a day old. */
    public void sweep() throws IOException {
        long old = System.currentTimeMillis() - Duration.ofDays(1).toMillis();
        for (FileStatus file : list())
            if (file.getPath().getName().startsWith(UNNAMED) && file.getModificationTime() < old) fs.delete(file.getPath(), false);
    }

    /** What {@link #write} would return, without writing. */
    static Seal seal(Writer writer) throws IOException {
        MessageDigest sha256 = sha256();
        long[] length = new long[1];
        OutputStream count = new OutputStream() {
            @Override public void write(int b) {
                length[0]++;
            }

            @Override public void write(byte[] bytes, int offset, int n) {
                length[0] += n;
            }
        };
        try (OutputStream out = new BufferedOutputStream(new DigestOutputStream(count, sha256), 1 << 16)) {
            writer.write(out);
        }
        return new Seal(length[0], hex(sha256));
    }

    /** Reads a file and checks all its bytes.
     *  @throws BadInput if it is missing, or not what the seal says */
    <T> T read(String name, Seal seal, Reader<T> reader) throws IOException {
        Path file = new Path(path, name);
        long length = length(file);
        if (length != seal.length) throw new BadInput(file + " has " + length + " bytes, expected " + seal.length
                + (length < seal.length ? "; it is truncated" : "; it is another file") + ", copy or write it again");
        MessageDigest sha256 = sha256();
        try (InputStream in = new BufferedInputStream(new DigestInputStream(fs.open(file), sha256), 1 << 16)) {
            T value = null;
            RuntimeException refused = null;
            try {
                value = reader.read(in, length);
            } catch (RuntimeException e) {
                refused = e;                            // the checksum says more
            }
            in.transferTo(OutputStream.nullOutputStream());
            String came = hex(sha256);
            if (!came.equals(seal.sha256)) throw new BadInput("sha256 of " + file + " is " + came + ", expected " + seal.sha256
                    + "; the file is damaged or was changed, copy or write it again");
            if (refused != null) throw refused;
            return value;
        }
    }

    /** @throws BadInput if the file is missing */
    byte[] read(String name) throws IOException {
        Path file = new Path(path, name);
        length(file);
        try (InputStream in = fs.open(file)) {
            return in.readAllBytes();
        }
    }

    private long length(Path file) throws IOException {
        try {
            return fs.getFileStatus(file).getLen();
        } catch (FileNotFoundException e) {
            throw new BadInput(file + " is missing; copy the whole directory again", e);
        }
    }

    static String hex(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest());
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java has no SHA-256, which every Java must have", e);
        }
    }
}
