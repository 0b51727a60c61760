package org.rondo.driver.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Folder;

/** On a local disk and on a real HDFS. */
class LedgerTest {
    private static final Configuration CONF = new Configuration();
    @TempDir static java.nio.file.Path temp;
    private static Site site;

    @BeforeAll static void start() throws IOException {
        site = new Site(temp);
    }

    @AfterAll static void stop() {
        site.close();
    }

    static Stream<String> stores() {
        return site.stores();
    }

    @ParameterizedTest @MethodSource("stores")
    void aLineIsAddedOnlyAfterTheOneThatWasRead(String store) throws IOException {
        Ledger ledger = ledger(store + "/swap");
        assertEquals(Optional.empty(), ledger.newest());
        assertEquals(1, ledger.append(0, value(7)).orElseThrow().number());
        assertEquals(Optional.empty(), ledger.append(0, value(8)));
        assertEquals(2, ledger.append(1, value(8)).orElseThrow().number());
        assertEquals(Optional.empty(), ledger.append(1, value(9)));
        assertEquals(new Ledger.Line(2, value(8)), ledger.newest().orElseThrow());
        assertEquals(List.of(value(8), value(7)), ledger.lines().stream().map(Ledger.Line::content).toList());
    }

    @ParameterizedTest @MethodSource("stores")
    void ofFourAtOnceOneAlonePassesAndEachAddsALineOfItsOwn(String store) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            for (int round = 0; round < 50; round++) {
                Ledger ledger = ledger(store + "/race-" + round);
                CyclicBarrier together = new CyclicBarrier(4);
                List<Future<Boolean>> passed = LongStream.range(0, 4).mapToObj(i -> threads.submit(() -> {
                    together.await();
                    return ledger.append(0, value(i)).isPresent();
                })).toList();
                int winners = 0;
                for (Future<Boolean> one : passed) if (one.get()) winners++;
                assertEquals(1, winners, "round " + round);
            }
            Ledger ledger = ledger(store + "/added");
            Set<Long> numbers = new ConcurrentSkipListSet<>();
            List<Future<Boolean>> added = Stream.generate(() -> threads.submit(() -> numbers.add(ledger.add(value(1))))).limit(20).toList();
            for (Future<Boolean> one : added) assertTrue(one.get(), "a number was given twice");
            assertEquals(new TreeSet<>(LongStream.rangeClosed(1, 20).boxed().toList()), numbers);
        } finally {
            threads.shutdownNow();
        }
    }

    @ParameterizedTest @MethodSource("stores")
    void whoReadsWhileLinesComeAndGoSeesEachWholeAndNeverAnOlderOne(String store) throws Exception {
        Ledger ledger = ledger(store + "/reading");
        ledger.append(0, value(1));
        ExecutorService threads = Executors.newSingleThreadExecutor();
        try {
            Future<?> writing = threads.submit(() -> {
                for (long number = 1; number < 150; number++) {
                    ledger.append(number, value(number + 1)).orElseThrow();
                    ledger.trim(2);
                }
            });
            long last = 0;
            while (!writing.isDone()) {
                Ledger.Line line = ledger.newest().orElseThrow();
                assertEquals(line.number(), line.content().get("value").asLong());
                assertTrue(line.number() >= last, line.number() + " after " + last);
                last = line.number();
            }
            writing.get();
            assertEquals(List.of(150L, 149L, 1L), ledger.lines().stream().map(Ledger.Line::number).toList());
        } finally {
            threads.shutdownNow();
        }
    }

    @Test void whereverTheNewestIsCutOffTheOneBeforeCountsAndItsNumberIsNotUsedAgain() throws IOException {
        Ledger ledger = ledger(temp + "/cut");
        ledger.append(0, value(1));
        ledger.append(1, value(2));
        java.nio.file.Path file = temp.resolve("cut/000002.json");
        byte[] whole = Files.readAllBytes(file);
        for (int length = 0; length < whole.length; length++) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertEquals(1, ledger.newest().orElseThrow().number(), length + " bytes");
            assertTrue(ledger.cutOff().isPresent());
        }
        assertEquals(3, ledger.append(1, value(3)).orElseThrow().number());
        assertEquals(Optional.empty(), ledger.cutOff());
        Files.write(file, whole);           // were it written to its end after all
        assertEquals(3, ledger.newest().orElseThrow().number());
    }

    @Test void aDamagedLineIsNotPassedOver() throws IOException {
        Ledger ledger = ledger(temp + "/damaged");
        ledger.append(0, value(1));
        ledger.append(1, value(2));
        java.nio.file.Path file = temp.resolve("damaged/000002.json");
        Files.writeString(file, Files.readString(file).replace("\"value\" : 2", "\"value\" : 3"));
        String message = assertThrows(BadInput.class, ledger::newest).getMessage();
        assertTrue(message.startsWith("sha256 of the content of file:" + file) && message.endsWith("or delete it: then the file before it counts"), message);
        assertThrows(BadInput.class, () -> ledger.append(1, value(3)));
        Files.delete(file);
        assertEquals(1, ledger.newest().orElseThrow().number());
    }

    @ParameterizedTest @MethodSource("stores")
    void whoStoodStillWhileLinesWereTrimmedAddsNothing(String store) throws IOException {
        Ledger ledger = ledger(store + "/still");
        for (long number = 0; number < 9; number++) ledger.append(number, value(number + 1));
        ledger.trim(3);
        Folder folder = new Folder(new Path(store + "/still"), CONF);
        assertEquals(4, folder.list().length);
        // After 4 comes 5, which is gone: one who listed the directory before would create it.
        assertEquals(Optional.empty(), ledger.append(4, 5, value(5)));
        assertFalse(folder.has("000005.json"));
        assertEquals(9, ledger.newest().orElseThrow().number());
    }

    @Test void whatAKilledWriterLeftIsSweptAfterADay() throws IOException {
        Ledger ledger = ledger(temp + "/left");
        ledger.append(0, value(1));
        java.nio.file.Path old = Files.writeString(temp.resolve("left/.writing-old"), "{"), young = Files.writeString(temp.resolve("left/.writing-young"), "{");
        Files.setLastModifiedTime(old, java.nio.file.attribute.FileTime.fromMillis(System.currentTimeMillis() - 90_000_000));
        assertEquals(1, ledger.newest().orElseThrow().number());
        ledger.trim(1);
        assertFalse(Files.exists(old));
        assertTrue(Files.exists(young));
    }

    /** Each process counts up by compare-and-swap; had two ever passed at once, or one been lost, the sum would be less. */
    @ParameterizedTest @MethodSource("stores")
    void twoProcessesCountTogether(String store) throws Exception {
        List<Process> processes = List.of(counting(store + "/counted"), counting(store + "/counted"));
        for (Process process : processes) assertEquals("25\n", new String(process.getInputStream().readAllBytes()));
        Set<Long> values = new TreeSet<>();
        for (Ledger.Line line : ledger(store + "/counted").lines()) values.add(line.content().get("value").asLong());
        assertEquals(new TreeSet<>(LongStream.rangeClosed(1, 50).boxed().toList()), values);
        assertEquals(50, ledger(store + "/counted").newest().orElseThrow().number());
    }

    private static Process counting(String directory) throws IOException {
        return new ProcessBuilder(ProcessHandle.current().info().command().orElseThrow(), "-cp", System.getProperty("java.class.path"), Counting.class.getName(), directory)
                .redirectError(ProcessBuilder.Redirect.DISCARD).start();
    }

    static final class Counting {
        public static void main(String[] args) throws IOException {
            Ledger ledger = ledger(args[0]);
            int counted = 0;
            while (counted < 25) {
                Optional<Ledger.Line> newest = ledger.newest();
                long value = newest.map(line -> line.content().get("value").asLong()).orElse(0L);
                if (ledger.append(newest.map(Ledger.Line::number).orElse(0L), value(value + 1)).isPresent()) counted++;
            }
            System.out.println(counted);
        }
    }

    private static Ledger ledger(String directory) throws IOException {
        return new Ledger(new Folder(new Path(directory), CONF));
    }

    private static ObjectNode value(long value) {
        return JsonNodeFactory.instance.objectNode().put("value", (int) value);
    }
}
