package org.rondo.driver.registry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Checkpoint;
import org.rondo.driver.checkpoints.Checkpoints;
import org.rondo.driver.checkpoints.Folder;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Network;

class RegistryTest {
    private static final Configuration CONF = new Configuration();
    @TempDir static java.nio.file.Path temp;
    private static Site site;
    private static int entries;

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
    void aVersionIsClaimedFinishedPromotedAndRolledBack(String store) {
        Registry registry = Registry.open(store + "/life", CONF);
        assertEquals(List.of(), registry.names());
        Entry entry = registry.entry("tagger-1");
        assertEquals(Optional.empty(), entry.current());
        assertEquals(1, entry.claim(object().put("id", "monday").put("night", 1)));
        assertEquals(Optional.of(object().put("id", "monday").put("night", 1)), entry.request(1));
        assertEquals(Optional.empty(), entry.request(2));
        assertEquals(List.of("1 unfinished"), states(entry));
        model(1).save(entry.directory(1), CONF);
        assertEquals(List.of("1 unfinished"), states(entry));
        entry.finish(1, facts("promoted"));
        assertEquals(List.of("1 promoted"), states(entry));
        Pointer first = entry.point(Optional.empty(), 1, "retrain", "the first");
        assertEquals(List.of(1L, 1, "retrain", "the first"), List.of(first.serial(), first.version(), first.by(), first.reason()));
        finished(entry, 2, "rejected");
        finished(entry, 3, "promoted");
        assertEquals(3, entry.promote(3, "by hand").orElseThrow().version());
        assertEquals(List.of("3 current", "2 rejected", "1 previous"), states(entry));
        assertEquals(Optional.empty(), entry.promote(3, "again"));
        assertEquals(1, entry.rollback(Optional.empty(), "worse").orElseThrow().version());
        assertEquals(List.of("3 promoted", "2 rejected", "1 current"), states(entry));
        assertEquals(List.of("rollback", "promote", "retrain"), entry.history().stream().map(Pointer::by).toList());
        assertEquals(List.of("tagger-1"), registry.names());
        assertEquals(3, entry.versions().get(0).facts().get("number").asInt());
    }

    @Test void aSecondRollbackGoesFurtherBack() {
        Entry entry = entry();
        for (int version = 1; version <= 4; version++) {
            finished(entry, version, "promoted");
            entry.promote(version, "");
        }
        assertEquals(3, entry.rollback(Optional.empty(), "").orElseThrow().version());
        assertEquals(2, entry.rollback(Optional.empty(), "").orElseThrow().version());
        assertEquals(4, entry.rollback(Optional.of(4), "").orElseThrow().version());
        assertEquals(3, entry.rollback(Optional.empty(), "").orElseThrow().version());
        entry.rollback(Optional.of(1), "");
        assertEquals("no version of " + entry.path() + " was current before version 1, or it was pruned; promote another, of those that rondo models lists",
                message(() -> entry.rollback(Optional.empty(), "")));
        finished(entry, 5, "rejected");
        assertTrue(message(() -> entry.rollback(Optional.of(5), "")).contains("version 5 of " + entry.path() + " was never current"));
        assertEquals(Optional.empty(), entry.rollback(Optional.of(1), ""));
    }

    /** Fencing: one that stood still while another promoted comes with the pointer it once read. */
    @ParameterizedTest @MethodSource("stores")
    void aStaleHolderCannotMoveThePointer(String store) throws IOException {
        Entry entry = entry(store);
        for (int version = 1; version <= 3; version++) finished(entry, version, "promoted");
        entry.promote(1, "");
        Optional<Pointer> read = entry.current();
        Lease stale = entry.lease("retrain", Duration.ofHours(1));
        LeaseTest.expire(new Ledger(new Folder(new Path(entry.path(), "leases"), CONF)));
        try (Lease next = entry.lease("retrain", Duration.ofHours(1))) {
            next.check();
            entry.point(read, 2, "retrain", "");
            String message = message(() -> entry.point(read, 3, "retrain", ""));
            assertTrue(message.startsWith("the current version of " + entry.path() + " has changed since it was read: it was version 1 (promote of ")
                    && message.contains(", and is version 2 (retrain of "), message);
            assertThrows(BadInput.class, stale::check);
            assertEquals(2, entry.current().orElseThrow().version());
        }
    }

    @ParameterizedTest @MethodSource("stores")
    void ofTwoThatPromoteAtOnceOnePassesAndNumbersAreClaimedOnce(String store) throws Exception {
        Entry entry = entry(store);
        for (int version = 1; version <= 2; version++) finished(entry, version, "promoted");
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            for (int round = 0; round < 50; round++) {
                Optional<Pointer> read = entry.current();
                CyclicBarrier together = new CyclicBarrier(2);
                List<Future<Pointer>> both = IntStream.of(1, 2).mapToObj(version -> threads.submit(() -> {
                    together.await();
                    return entry.point(read, version, "retrain", "");
                })).toList();
                List<Pointer> passed = new ArrayList<>();
                for (Future<Pointer> one : both) {
                    try {
                        passed.add(one.get());
                    } catch (ExecutionException refused) {
                        assertTrue(refused.getCause() instanceof BadInput, refused.toString());
                    }
                }
                assertEquals(1, passed.size(), "round " + round);
                assertEquals(passed.get(0), entry.current().orElseThrow());
            }
            List<Future<Integer>> claims = Stream.generate(() -> threads.submit(() -> entry.claim(object()))).limit(50).toList();
            Set<Integer> numbers = claims.stream().map(RegistryTest::get).collect(Collectors.toSet());
            assertEquals(IntStream.rangeClosed(3, 52).boxed().collect(Collectors.toSet()), numbers);
        } finally {
            threads.shutdownNow();
        }
    }

    @Test void whatIsUnfinishedDamagedOrMissingDoesNotBecomeCurrent() throws IOException {
        Entry entry = entry();
        finished(entry, 1, "promoted");
        entry.promote(1, "");
        entry.claim(object());
        model(2).save(entry.directory(2), CONF);
        assertTrue(message(() -> entry.promote(2, "")).contains("version 2 of " + entry.path() + " is unfinished"));
        finished(entry, 3, "promoted");
        java.nio.file.Path tensors = local(entry, 3).resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(tensors);
        bytes[bytes.length - 1] ^= 1;
        Files.write(tensors, bytes);
        assertTrue(message(() -> entry.promote(3, "")).contains("sha256 of "));
        Files.delete(local(entry, 3).resolve("model.json"));
        assertTrue(message(() -> entry.promote(3, "")).contains("version 3 of " + entry.path() + " has no whole model"));
        assertEquals(entry.path() + " has no version 9; it has 3, 2, 1: set --version to one of them", message(() -> entry.promote(9, "")));
        finished(entry, 4, "rejected");
        java.nio.file.Path facts = local(entry, 4).resolve("version.json");
        Files.writeString(facts, Files.readString(facts).replace("0.5", "0.9"));
        assertEquals(List.of("4 damaged", "3 damaged", "2 unfinished", "1 current"), states(entry));
        assertTrue(message(() -> entry.promote(4, "")).contains("sha256 of the content of"));
        assertEquals(1, entry.current().orElseThrow().version());
    }

    @Test void aVersionIsFinishedOnce() throws IOException {
        Entry entry = entry();
        finished(entry, 1, "promoted");
        entry.finish(1, facts("promoted"));
        assertTrue(message(() -> entry.finish(1, facts("rejected"))).contains("version 1 of " + entry.path() + " was finished before with other facts"));
        java.nio.file.Path file = local(entry, 1).resolve("version.json");
        byte[] whole = Files.readAllBytes(file);
        for (int length = 0; length < whole.length; length++) {
            Files.write(file, java.util.Arrays.copyOf(whole, length));
            assertEquals(List.of("1 unfinished"), states(entry), length + " bytes");
        }
        entry.finish(1, facts("promoted"));
        assertArrayEquals(whole, Files.readAllBytes(file));
    }

    @ParameterizedTest @MethodSource("stores")
    void pruningKeepsWhatIsOfUse(String store) throws IOException {
        Entry entry = entry(store);
        for (int version = 1; version <= 8; version++) finished(entry, version, version == 7 ? "rejected" : "promoted");
        for (int version : new int[] {1, 2, 4}) entry.promote(version, "");
        entry.claim(object());
        new Checkpoints(new Path(entry.directory(9), "checkpoints"), CONF, 1).write(new Checkpoint(1, object(), java.util.Map.of("p", new float[] {1})));
        new Checkpoints(new Path(entry.directory(3), "checkpoints"), CONF, 1).write(new Checkpoint(1, object(), java.util.Map.of("p", new float[] {1})));
        FileSystem fs = entry.path().getFileSystem(CONF);
        fs.create(new Path(entry.directory(5), "notes.txt")).close();
        long bytes = fs.getContentSummary(entry.directory(1)).getLength();
        Pruned pruned = entry.prune(2);
        assertEquals(Set.of(1, 3, 5, 6), pruned.bytes().keySet());
        assertEquals(bytes, pruned.bytes().get(1));
        assertEquals(List.of(entry.directory(5)), pruned.left());
        assertEquals(List.of("9 unfinished", "8 promoted", "7 rejected", "4 current", "2 previous"), states(entry));
        assertEquals(1, fs.listStatus(entry.directory(5)).length);
        assertFalse(fs.exists(entry.directory(3)));
        assertEquals(entry.path() + " has no version 5, it was pruned; it has 9, 8, 7, 4, 2: set --version to one of them", message(() -> entry.promote(5, "")));
        assertEquals(2, entry.rollback(Optional.empty(), "").orElseThrow().version());
        assertTrue(message(() -> entry.rollback(Optional.empty(), "")).contains("or it was pruned"), "1 was before 2");
        assertEquals(10, entry.claim(object()));
        assertEquals(Set.of(4, 7), entry.prune(1).bytes().keySet().stream().filter(v -> v != 5).collect(Collectors.toSet()));
        assertEquals(List.of("10 unfinished", "9 unfinished", "8 promoted", "2 current"), states(entry));
    }

    /** A promotion that read the pointer before the pruning named its version. */
    @Test void whatIsBeingPrunedDoesNotBecomeCurrent() {
        Entry entry = entry();
        for (int version = 1; version <= 4; version++) finished(entry, version, "promoted");
        entry.promote(3, "");
        Optional<Pointer> read = entry.current();
        Pointer pruned = entry.pruned(read.orElseThrow(), Set.of(1, 2));       // and was killed before it deleted any
        assertEquals(read.get().toString(), pruned.toString(), "the version is current since the same time");
        assertEquals(pruned, entry.current().orElseThrow());
        assertTrue(message(() -> entry.point(read, 1, "promote", "")).contains("has changed since it was read"));
        assertTrue(message(() -> entry.promote(1, "")).contains("has no version 1, it was pruned"));
        assertEquals(List.of("4 promoted", "3 current"), states(entry));
        assertEquals(Set.of(1, 2), entry.prune(9).bytes().keySet(), "the next ends it");
        entry.promote(4, "");
        assertTrue(message(() -> entry.promote(2, "")).contains("it was pruned"));
    }

    @Test void nothingIsPrunedWithinARetrainingOrWhereNothingIsCurrent() {
        Entry entry = entry();
        finished(entry, 1, "promoted");
        assertTrue(message(() -> entry.prune(1)).contains("has no current version, so nothing says which are of use"));
        entry.promote(1, "");
        try (Lease lease = entry.lease("retrain", Duration.ofHours(1))) {
            assertTrue(message(() -> entry.prune(1)).contains("is held by retrain of "));
            lease.check();
        }
        assertEquals(0, entry.prune(1).bytes().size());
    }

    @ParameterizedTest @MethodSource("stores")
    void aModelIsCopiedIn(String store) {
        Model model = model(3);
        model.save(new Path(store, "elsewhere"), CONF);
        Entry entry = entry(store);
        assertEquals(1, entry.add(store + "/elsewhere"));
        assertEquals(List.of("1 imported"), states(entry));
        assertEquals(Optional.empty(), entry.current());
        assertArrayEquals(model.parameters(), Model.load(entry.directory(1).toString(), CONF).parameters());
        assertEquals("the text", entry.versions().get(0).facts().get("data").asText());
        entry.promote(1, "");
        assertEquals(entry.path(), Registry.entryAt(entry.path().toString(), CONF).orElseThrow().path());
        assertEquals(Optional.empty(), Registry.entryAt(entry.directory(1).toString(), CONF));
        assertEquals(Optional.empty(), Registry.entryAt(store + "/elsewhere", CONF));
        assertThrows(BadInput.class, () -> entry.add(store + "/nowhere"));
        assertEquals(List.of("1 current"), states(entry), "no number was taken");
    }

    @Test void whatIsNotThereIsNamed() throws IOException {
        Registry registry = Registry.open(temp + "/named", CONF);
        assertEquals("registry " + registry.directory() + " has no entry tager; it has none; set --name", message(() -> registry.existing("tager")));
        registry.entry("tagger").claim(object());
        registry.entry("other").claim(object());
        assertEquals("registry " + registry.directory() + " has no entry tager; the nearest is tagger; set --name", message(() -> registry.existing("tager")));
        assertEquals("registry " + registry.directory() + " has no entry x; it has other, tagger; set --name", message(() -> registry.existing("x")));
        for (String name : List.of("", ".", "..", "a/b", "a b", "-x", "a".repeat(101))) assertTrue(message(() -> registry.entry(name)).contains("cannot be an entry's name"), name);
        java.nio.file.Path file = Files.writeString(temp.resolve("file"), "x");
        assertEquals("registry file:" + file + " is a file, expected a directory; set --registry to another path", message(() -> Registry.open(file.toString(), CONF)));
        assertTrue(message(() -> Registry.open("nowhere://x/y", CONF)).startsWith("cannot use registry 'nowhere://x/y': No FileSystem"));
    }

    private static Entry entry() {
        return entry(temp.toString());
    }

    private static Entry entry(String store) {
        return Registry.open(store + "/registry", CONF).entry("entry-" + ++entries);
    }

    private static void finished(Entry entry, int version, String verdict) {
        assertEquals(version, entry.claim(object()));
        model(version).save(entry.directory(version), CONF);
        entry.finish(version, facts(verdict));
    }

    private static ObjectNode facts(String verdict) {
        return object().put("date", "2026-03-01T02:00:00Z").put("data", "the text").put("metric", "f1").put("value", 0.5).put("verdict", verdict).put("reason", "");
    }

    private static List<String> states(Entry entry) {
        return entry.versions().stream().map(version -> version.number() + " " + version.state().key()).toList();
    }

    private static String message(org.junit.jupiter.api.function.Executable bad) {
        return assertThrows(BadInput.class, bad).getMessage();
    }

    private static int get(Future<Integer> future) {
        try {
            return future.get();
        } catch (InterruptedException | ExecutionException e) {
            throw new AssertionError(e);
        }
    }

    private static java.nio.file.Path local(Entry entry, int version) {
        return java.nio.file.Path.of(entry.directory(version).toUri().getPath());
    }

    private static Model model(int value) {
        Network network = new Network(3, 2, 1, 1);
        float[] parameters = new float[network.parameterCount()];
        java.util.Arrays.fill(parameters, value);
        ObjectNode provenance = object();
        provenance.putObject("data").put("input", "the text");
        try {
            return new Model(network, parameters, Lexicon.of(Vocabulary.read(new ByteArrayInputStream("<unk>\na\nb\n".getBytes(StandardCharsets.UTF_8)), "character", "test")), provenance);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static ObjectNode object() {
        return JsonNodeFactory.instance.objectNode();
    }
}
