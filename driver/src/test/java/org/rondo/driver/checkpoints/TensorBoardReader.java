package org.rondo.driver.checkpoints;

import com.google.protobuf.InvalidProtocolBufferException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.tensorflow.proto.Event;
import org.tensorflow.proto.SessionLog;
import org.tensorflow.proto.Summary;

/** Reads events as TensorBoard does, written after its documents and not after ours: the framing of tfrecord.md with a CRC-32C taken bit by
 *  bit, TensorFlow's generated messages, and what event_accumulator.py drops. */
public final class TensorBoardReader {
    private TensorBoardReader() { }

    /** Whole records; what is cut off at the end is left. */
    static List<Event> events(byte[] file) {
        List<Event> events = new ArrayList<>();
        ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        while (in.remaining() >= 12) {
            byte[] header = new byte[8];
            in.get(in.position(), header);
            long length = in.getLong();
            if (in.getInt() != masked(header)) throw new AssertionError("checksum of a length");
            if (in.remaining() < length + 4) break;
            byte[] data = new byte[(int) length];
            in.get(data);
            if (in.getInt() != masked(data)) throw new AssertionError("checksum of a record");
            try {
                events.add(Event.parseFrom(data));
            } catch (InvalidProtocolBufferException e) {
                throw new AssertionError(e);
            }
        }
        return events;
    }

    /** masked_crc = ((crc >> 15) | (crc << 17)) + 0xa282ead8; polynomial of Castagnoli, reversed. */
    private static int masked(byte[] bytes) {
        int crc = -1;
        for (byte b : bytes) {
            crc ^= b & 0xff;
            for (int bit = 0; bit < 8; bit++) crc = crc >>> 1 ^ ((crc & 1) == 0 ? 0 : 0x82f63b78);
        }
        crc = ~crc;
        return (crc >>> 15 | crc << 17) + 0xa282ead8;
    }

    /** What TensorBoard shows of a directory: values by tag and step. */
    public static Map<String, TreeMap<Long, Float>> scalars(Path directory) throws IOException {
        Map<String, TreeMap<Long, Float>> scalars = new TreeMap<>();
        List<Path> files;
        try (Stream<Path> all = Files.list(directory)) {
            files = all.filter(file -> file.getFileName().toString().contains("tfevents")).sorted().toList();
        }
        for (Path file : files)
            for (Event event : events(Files.readAllBytes(file))) {
                if (event.getSessionLog().getStatus() == SessionLog.SessionStatus.START) scalars.values().forEach(curve -> curve.tailMap(event.getStep(), true).clear());
                for (Summary.Value value : event.getSummary().getValueList()) {
                    Float before = scalars.computeIfAbsent(value.getTag(), tag -> new TreeMap<>()).put(event.getStep(), value.getSimpleValue());
                    if (before != null) throw new AssertionError(value.getTag() + " is told twice of step " + event.getStep() + " in " + Arrays.toString(files.toArray()));
                }
            }
        return scalars;
    }
}
