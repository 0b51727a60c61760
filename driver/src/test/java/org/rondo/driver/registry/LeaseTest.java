package org.rondo.driver.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Folder;

class LeaseTest {
    private static final Duration HOUR = Duration.ofHours(1);
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
    void theSecondIsToldWhoTheFirstIs(String store) throws IOException {
        Ledger ledger = ledger(store + "/second");
        try (Lease first = Lease.take(ledger, "retrain", HOUR)) {
            String message = assertThrows(BadInput.class, () -> Lease.take(ledger, "other", HOUR)).getMessage();
            ObjectNode line = ledger.newest().orElseThrow().content();
            for (String said : List.of("/second is held by retrain of ", "process " + ProcessHandle.current().pid(), line.get("user").asText(), line.get("host").asText(),
                    "since " + line.get("since").asText(), "until " + line.get("expires").asText(), "run again after")) assertTrue(message.contains(said), said + " in " + message);
            first.check();
        }
        try (Lease next = Lease.take(ledger, "other", HOUR)) {
            next.check();
        }
    }

    @ParameterizedTest @MethodSource("stores")
    void ofTwoAtOnceOneHasIt(String store) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            for (int round = 0; round < 50; round++) {
                Ledger ledger = ledger(store + "/leases-" + round);
                CyclicBarrier together = new CyclicBarrier(2);
                List<Future<Lease>> both = Stream.generate(() -> threads.submit(() -> {
                    together.await();
                    return Lease.take(ledger, "retrain", HOUR);
                })).limit(2).toList();
                List<Lease> taken = new ArrayList<>();
                for (Future<Lease> one : both) {
                    try {
                        taken.add(one.get());
                    } catch (ExecutionException refused) {
                        assertTrue(refused.getCause() instanceof BadInput && refused.getCause().getMessage().contains("is held by retrain of"), refused.toString());
                    }
                }
                assertEquals(1, taken.size(), "round " + round);
                taken.get(0).check();
                taken.get(0).close();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @ParameterizedTest @MethodSource("stores")
    void oneThatExpiredIsTakenAndItsHolderIsTold(String store) throws IOException {
        Ledger ledger = ledger(store + "/expired");
        Lease still = Lease.take(ledger, "retrain", HOUR);
        expire(ledger);
        try (Lease next = Lease.take(ledger, "the next", HOUR)) {
            String message = assertThrows(BadInput.class, still::check).getMessage();
            assertTrue(message.contains("and the next of ") && message.contains("has taken it"), message);
            still.close();          // and does not release the other's
            next.check();
            assertThrows(BadInput.class, () -> Lease.take(ledger, "a third", HOUR));
        }
    }

    /** Stands still until its lease has expired, for all but itself: nobody has taken it, so it goes on. */
    @Test void oneThatExpiredAndThatNobodyTookIsRenewed() throws IOException {
        Ledger ledger = ledger(temp + "/alone");
        ledger.append(0, line("2001-01-01T00:00:00Z"));
        try (Lease taken = Lease.take(ledger, "retrain", Duration.ofMillis(60))) {
            await(() -> ledger.newest().orElseThrow().number() >= 4);
            taken.check();
            assertEquals(1, ledger.lines().stream().filter(line -> line.number() > 1).map(line -> line.content().get("lease").asText()).distinct().count());
        }
    }

    @Test void aRenewalExpiresLaterAndOldLinesGo() throws IOException {
        Ledger ledger = ledger(temp + "/renewed");
        try (Lease taken = Lease.take(ledger, "retrain", Duration.ofMillis(60))) {
            Instant first = expires(ledger.line(1).orElseThrow());
            await(() -> ledger.newest().orElseThrow().number() > 30);
            assertTrue(expires(ledger.newest().orElseThrow()).isAfter(first));
            await(() -> ledger.lines().size() <= 22);
            taken.check();
        }
        long released = ledger.newest().orElseThrow().number();
        assertTrue(ledger.newest().orElseThrow().content().get("released").asBoolean());
        assertEquals(released, ledger.newest().orElseThrow().number(), "nothing is renewed any more");
    }

    @Test void oneThatIsCutOffCountsAsHeldForItsLength() throws IOException {
        Ledger ledger = ledger(temp + "/cut");
        Lease.take(ledger, "retrain", HOUR).close();
        java.nio.file.Path cut = temp.resolve("cut/leases/000003.json");
        Files.writeString(cut, "{");
        String message = assertThrows(BadInput.class, () -> Lease.take(ledger, "retrain", HOUR)).getMessage();
        assertTrue(message.contains("is cut off; it counts as held until"), message);
        Files.setLastModifiedTime(cut, FileTime.from(Instant.now().minus(HOUR.plusSeconds(1))));
        Lease.take(ledger, "retrain", HOUR).close();
        assertFalse(ledger.cutOff().isPresent());
    }

    /** Of one that is told to end the line says that it is released; of one that is killed it does not, but that process is no more. */
    @ParameterizedTest @ValueSource(booleans = {true, false})
    void whatAProcessHadThatHasEndedIsTakenAtOnce(boolean told) throws Exception {
        Ledger ledger = ledger(temp + "/process-" + told);
        Process process = holding(temp + "/process-" + told);
        assertTrue(assertThrows(BadInput.class, () -> Lease.take(ledger, "retrain", HOUR)).getMessage().contains("process " + process.pid()));
        end(process, told);
        assertEquals(told, ledger.newest().orElseThrow().content().get("released").asBoolean());
        assertTrue(Instant.now().isBefore(expires(ledger.newest().orElseThrow())) != told);
        Lease.take(ledger, "retrain", HOUR).close();
    }

    /** As of another machine or container, of another user, whose processes may be hidden, or of one who could not tell when it began: the number says nothing. */
    @ParameterizedTest @ValueSource(strings = {"processes", "user", "startTicks"})
    void whereItCannotBeSeenThatTheHolderHasEndedItIsWaitedFor(String other) throws Exception {
        Ledger ledger = ledger(temp + "/unseen-" + other);
        end(holding(temp + "/unseen-" + other), false);
        Ledger.Line newest = ledger.newest().orElseThrow();
        assertFalse(newest.content().get(other).asText().isEmpty());
        ledger.append(newest.number(), newest.content().deepCopy().put(other, other.equals("startTicks") ? "" : "another")).orElseThrow();
        assertTrue(assertThrows(BadInput.class, () -> Lease.take(ledger, "retrain", HOUR)).getMessage().contains("is held by retrain of"));
        ledger.append(newest.number() + 1, newest.content()).orElseThrow();
        Lease.take(ledger, "retrain", HOUR).close();
    }

    /** This process's number, given to it after one that had it before: that one is gone. */
    @Test void aNumberThatAnotherProcessHasByNowIsNotTheHolder() throws IOException {
        Ledger ledger = ledger(temp + "/reused");
        Lease ours = Lease.take(ledger, "retrain", HOUR);
        assertThrows(BadInput.class, () -> Lease.take(ledger, "retrain", HOUR));
        Ledger.Line newest = ledger.newest().orElseThrow();
        assertTrue(newest.content().get("startTicks").asText().matches("[1-9][0-9]*"), newest.toString());
        ledger.append(newest.number(), newest.content().deepCopy().put("startTicks", "1")).orElseThrow();
        Lease.take(ledger, "retrain", HOUR).close();
        ours.close();
    }

    private static Process holding(String directory) throws IOException {
        Process process = new ProcessBuilder(ProcessHandle.current().info().command().orElseThrow(), "-cp", System.getProperty("java.class.path"), Holding.class.getName(),
                directory).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        assertEquals("taken\n", new String(process.getInputStream().readNBytes(6)));
        return process;
    }

    private static void end(Process process, boolean told) throws InterruptedException {
        if (told) process.destroy();
        else process.destroyForcibly();
        process.waitFor();
    }

    static final class Holding {
        public static void main(String[] args) throws Exception {
            Lease.take(ledger(args[0]), "retrain", HOUR).check();
            System.out.println("taken");
            new CountDownLatch(1).await();
        }
    }

    /** As if the newest had been written long ago. */
    static void expire(Ledger ledger) {
        Ledger.Line newest = ledger.newest().orElseThrow();
        ledger.append(newest.number(), newest.content().deepCopy().put("expires", "2001-01-01T00:00:00Z")).orElseThrow();
    }

    private static Instant expires(Ledger.Line line) {
        return Instant.parse(line.content().get("expires").asText());
    }

    private static ObjectNode line(String expires) {
        return JsonNodeFactory.instance.objectNode().put("expires", expires);
    }

    private interface Condition {
        boolean holds();
    }

    private static void await(Condition condition) {
        long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
        while (!condition.holds()) {
            assertTrue(System.nanoTime() < deadline, "waited a minute");
            Thread.onSpinWait();
        }
    }

    private static Ledger ledger(String directory) throws IOException {
        return new Ledger(new Folder(new Path(directory + "/leases"), new Configuration()));
    }
}
