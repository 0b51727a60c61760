package org.rondo.driver.checkpoints;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tensorflow.proto.Event;
import org.tensorflow.proto.SessionLog;
import org.tensorflow.proto.Summary;

/** What is written is read by {@link TensorBoardReader}, with TensorFlow's own messages. */
class EventFileTest {
    private static final Configuration CONF = new Configuration();
    @TempDir Path temp;
    private Path dir;

    private org.apache.hadoop.fs.Path hadoop() {
        dir = temp.resolve("not yet there");
        return new org.apache.hadoop.fs.Path(dir.toUri());
    }

    @Test void tensorFlowReadsWhatWasWritten() throws IOException {
        double before = System.currentTimeMillis() * 1e-3;
        try (EventFile file = new EventFile(hadoop(), CONF, 40)) {
            file.add(41, Map.of("loss/training", 0.1));
            file.add(1L << 40, new HashMap<>(Map.of("b", -1e30, "c", Double.NaN, "d", Double.POSITIVE_INFINITY)));
        }
        Path file = only();
        assertTrue(file.getFileName().toString().matches("events\\.out\\.tfevents\\.\\d{10}\\..+\\.40\\.rondo"), file.toString());
        List<Event> events = TensorBoardReader.events(Files.readAllBytes(file));
        assertEquals(4, events.size());
        assertEquals("brain.Event:2", events.get(0).getFileVersion());
        assertEquals(SessionLog.SessionStatus.START, events.get(1).getSessionLog().getStatus());
        assertEquals(41, events.get(1).getStep());
        assertEquals(41, events.get(2).getStep());
        assertEquals("loss/training", events.get(2).getSummary().getValue(0).getTag());
        assertEquals(0.1f, events.get(2).getSummary().getValue(0).getSimpleValue());
        assertEquals(1L << 40, events.get(3).getStep());
        assertEquals(List.of("b"), events.get(3).getSummary().getValueList().stream().map(Summary.Value::getTag).toList());
        for (Event event : events) assertTrue(event.getWallTime() >= before && event.getWallTime() <= System.currentTimeMillis() * 1e-3, "" + event.getWallTime());
    }

    /** A driver that is killed leaves half of a record; TensorBoard waits for the rest. */
    @Test void aFileThatIsCutOffIsReadUpToThere() throws IOException {
        try (EventFile file = new EventFile(hadoop(), CONF, 0)) {
            for (int step = 1; step <= 3; step++) file.add(step, Map.of("loss/training", 1.0 / step));
        }
        byte[] whole = Files.readAllBytes(only());
        int before = -1;
        for (int length = 0; length <= whole.length; length++) {
            int read = TensorBoardReader.events(Arrays.copyOf(whole, length)).size();
            assertTrue(read == before || read == before + 1, "at " + length);
            before = read;
        }
        assertEquals(5, before);
    }

    @Test void othersReadWhatWasFlushed() throws IOException {
        try (EventFile file = new EventFile(hadoop(), CONF, 0)) {
            assertEquals(2, TensorBoardReader.events(Files.readAllBytes(only())).size());
            file.add(1, Map.of("a", 1.0));
            file.flush();
            assertEquals(3, TensorBoardReader.events(Files.readAllBytes(only())).size());
        }
        assertEquals(1, names().size(), "and no file of checksums");
    }

    @Test void aLaterFileHasALaterNameThoughItBeginsInTheSameSecond() throws IOException {
        for (int round : new int[] {0, 40, 80}) new EventFile(hadoop(), CONF, round).close();
        assertEquals(List.of("0", "40", "80"), names().stream().sorted().map(name -> name.replaceAll(".*\\.(\\d+)\\.rondo", "$1")).toList());
    }

    @Test void filesOfEarlierTrainingsGoAndOthersStay() throws IOException {
        for (int round : new int[] {0, 40, 0, 0, 20, 30}) new EventFile(hadoop(), CONF, round).close();
        String other = "events.out.tfevents.1." + InetAddress.getLoopbackAddress().getHostName();
        Files.writeString(dir.resolve(other), "mine");
        EventFile.deleteEarlier(hadoop(), CONF);
        assertEquals(List.of("0", "20", "30"), names().stream().filter(EventFile::isOne).sorted().map(name -> name.replaceAll(".*\\.(\\d+)\\.rondo", "$1")).toList());
        assertFalse(EventFile.isOne(other));
        assertEquals("mine", Files.readString(dir.resolve(other)));
    }

    private Path only() throws IOException {
        assertEquals(1, names().size());
        return dir.resolve(names().get(0));
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(dir)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }
}
