package org.rondo.driver.checkpoints;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.StreamCapabilities;

/** A file of scalars that TensorBoard reads while it is written: {@code events.out.tfevents.<seconds>.<host>.<round>.rondo}, where the
 *  round is the one that the file begins with. It is a TFRecord file (tensorflow/core/lib/io/record_writer.h) of Event messages
 *  (tensorflow/core/util/event.proto, framework/summary.proto), whose field numbers are those below. The first says the version; the
 *  second is a SessionLog START, at which TensorBoard drops what earlier files of the directory have from its step on: the rounds that a
 *  killed driver did after its last checkpoint. Files in a directory are read in the order of their names, so seconds are later than those
 *  of any file that is there. One driver writes at a time. */
public final class EventFile implements AutoCloseable {
    private static final Pattern NAME = Pattern.compile("events\\.out\\.tfevents\\.(\\d{10,18})\\..*\\.(\\d+)\\.rondo");
    private static final int WALL_TIME = 1, STEP = 2, FILE_VERSION = 3, SUMMARY = 5, SESSION_LOG = 7;        // of an Event
    private static final int VALUE = 1, TAG = 1, SIMPLE_VALUE = 2;                                           // of a Summary, and its values
    private static final int STATUS = 1, START = 1;                                                          // of a SessionLog
    private static final long FLUSH_NANOS = 5_000_000_000L;

    private final FSDataOutputStream out;
    private long flushed;

    /** Fields of a message. */
    private interface Fields {
        void write(CodedOutputStream message) throws IOException;
    }

    /** A file of this kind.
     *  @param round the first in it */
    private record Named(Path path, long seconds, long round) { }

    /** @param directory made if it is not there
     *  @param round     the first that is to come, from 0 */
    public EventFile(Path directory, Configuration conf, long round) throws IOException {
        Folder folder = new Folder(directory, conf);
        long last = files(folder).mapToLong(Named::seconds).max().orElse(0), seconds = Math.max(System.currentTimeMillis() / 1000, last + 1);
        out = folder.fs.create(new Path(folder.path, String.format(Locale.ROOT, "events.out.tfevents.%010d.%s.%d.rondo", seconds, host(), round)), false);
        write(event -> event.writeString(FILE_VERSION, "brain.Event:2"));
        write(event -> {
            event.writeInt64(STEP, step(round));
            message(event, SESSION_LOG, log -> log.writeEnum(STATUS, START));
        });
        flush();
    }

    /** TensorBoard's step of a round: the rounds that are done with it. */
    public static long step(long round) {
        return round + 1;
    }

    /** Adds what is known of a step by tag; what is no finite number is left out. Others can read it within seconds. */
    public void add(long step, Map<String, Double> scalars) throws IOException {
        write(event -> {
            event.writeInt64(STEP, step);
            message(event, SUMMARY, summary -> {
                for (Map.Entry<String, Double> scalar : scalars.entrySet())
                    if (Double.isFinite(scalar.getValue())) message(summary, VALUE, value -> {
                        value.writeString(TAG, scalar.getKey());
                        value.writeFloat(SIMPLE_VALUE, scalar.getValue().floatValue());
                    });
            });
        });
        if (System.nanoTime() - flushed > FLUSH_NANOS) flush();
    }

    /** When it returns, others can read all that was added, where the file system can show a file that is being written; elsewhere, in
     *  object stores, once the file is closed. */
    public void flush() throws IOException {
        if (out.hasCapability(StreamCapabilities.HSYNC)) out.hflush();
        else out.flush();
        flushed = System.nanoTime();
    }

    @Override public void close() throws IOException {
        out.close();
    }

    /** Whether the file is one of these, by its name; not those of other programs, which end otherwise. */
    public static boolean isOne(String name) {
        return NAME.matcher(name).matches();
    }

    /** Deletes the files of earlier trainings: those before the last that begins with round 0. */
    public static void deleteEarlier(Path directory, Configuration conf) throws IOException {
        Folder folder = new Folder(directory, conf);
        List<Named> files = files(folder).sorted(Comparator.comparingLong(Named::seconds)).toList();
        int first = 0;
        for (int f = 0; f < files.size(); f++) if (files.get(f).round == 0) first = f;
        for (Named earlier : files.subList(0, first)) folder.fs.delete(earlier.path, false);
    }

    private static Stream<Named> files(Folder folder) throws IOException {
        return Stream.of(folder.list()).flatMap(file -> {
            Matcher name = NAME.matcher(file.getPath().getName());
            return name.matches() ? Stream.of(new Named(file.getPath(), Long.parseLong(name.group(1)), Long.parseLong(name.group(2)))) : Stream.empty();
        });
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName().replaceAll("[^A-Za-z0-9.-]", "-");
        } catch (UnknownHostException none) {
            return "localhost";
        }
    }

    /** A record: its length, a checksum of that, the message, a checksum of that. */
    private void write(Fields fields) throws IOException {
        byte[] event = bytes(message -> {
            message.writeDouble(WALL_TIME, System.currentTimeMillis() * 1e-3);
            fields.write(message);
        });
        ByteBuffer frame = ByteBuffer.allocate(Long.BYTES + Integer.BYTES + event.length + Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        frame.putLong(event.length).putInt(checksum(frame.array(), Long.BYTES)).put(event).putInt(checksum(event, event.length));
        out.write(frame.array());
    }

    private static void message(CodedOutputStream out, int field, Fields fields) throws IOException {
        out.writeByteArray(field, bytes(fields));
    }

    private static byte[] bytes(Fields fields) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream message = CodedOutputStream.newInstance(bytes);
        fields.write(message);
        message.flush();
        return bytes.toByteArray();
    }

    /** CRC-32C, masked, because checksums of data that hold checksums are weak (tensorflow/core/lib/hash/crc32c.h). */
    private static int checksum(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
    }
}
