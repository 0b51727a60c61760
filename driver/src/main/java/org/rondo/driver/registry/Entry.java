package org.rondo.driver.registry;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Folder;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.checkpoints.SealedJson;

/** A model that lives on: {@code versions/<n>/}, model directories with a sealed {@code version.json} once the verdict is known, and three ledgers: {@code current/}, whose
 *  newest line says which version is current, {@code requests/}, where numbers are claimed, and {@code leases/}. Whatever is killed and whoever runs at once, the current
 *  version is the one of the newest pointer, whole; it changes only by {@link #point}, and is never deleted. */
public final class Entry {
    static final String VERSION = "version.json", NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}";
    private static final String VERSIONS = "versions", CURRENT = "current", ROLLBACK = "rollback";
    /** Pointers that are kept. */
    private static final int KEEP = 100;

    final Configuration conf;
    private final Folder folder, versions;
    private final Ledger pointers, requests, leases;

    Entry(Folder folder, Configuration conf) {
        this.folder = folder;
        this.conf = conf;
        this.versions = new Folder(folder, VERSIONS);
        this.pointers = new Ledger(new Folder(folder, CURRENT));
        this.requests = new Ledger(new Folder(folder, "requests"));
        this.leases = new Ledger(new Folder(folder, "leases"));
    }

    public String name() {
        return folder.path.getName();
    }

    public Path path() {
        return folder.path;
    }

    boolean exists() {
        try {
            return folder.has(VERSIONS) || folder.has(CURRENT);
        } catch (IOException e) {
            throw failed("look for", e);
        }
    }

    /** The pointer that counts; empty while nothing was ever promoted.
     *  @throws BadInput if it is damaged */
    public Optional<Pointer> current() {
        return pointers.newest().map(Pointer::of);
    }

    /** The last hundred pointers and the first, from the newest to the oldest. */
    public List<Pointer> history() {
        return pointers.lines().stream().map(Pointer::of).toList();
    }

    /** Of a version's model. */
    public Path directory(int version) {
        return folder(version).path;
    }

    Folder folder(int version) {
        return new Folder(versions, Integer.toString(version));
    }

    /** Takes a number for a version, and makes its directory, which is empty. No number is ever given twice. */
    public int claim(ObjectNode request) {
        ObjectNode line = JsonNodeFactory.instance.objectNode().put("date", now().toString());
        line.set("request", request);
        int version = Math.toIntExact(requests.add(line));
        try {
            folder.fs.mkdirs(directory(version));
            return version;
        } catch (IOException e) {
            throw failed("make version " + version + " of", e);
        }
    }

    /** What a version was claimed with. */
    public Optional<ObjectNode> request(int version) {
        return requests.line(version).flatMap(line -> line.content().get("request") instanceof ObjectNode request ? Optional.of(request) : Optional.empty());
    }

    /** Writes down what has become of a version, once. Saying the same again is no error.
     *  @throws BadInput if something else was written */
    public void finish(int version, ObjectNode facts) {
        ObjectNode all = facts.deepCopy().put("number", version);
        try {
            Folder own = folder(version);
            if (SealedJson.create(own, VERSION, all)) return;
            if (!SealedJson.isFinished(own, VERSION)) SealedJson.write(own, VERSION, all);      // cut off by a file system that cannot create whole ones
            else if (!facts(version).equals(SealedJson.asRead(all)))
                throw new BadInput("version " + version + " of " + path() + " was finished before with other facts, " + facts(version) + ", now they are " + all
                        + "; a version is finished once: claim another");
        } catch (IOException e) {
            throw failed("finish version " + version + " of", e);
        }
    }

    private ObjectNode facts(int version) throws IOException {
        ObjectNode facts = SealedJson.read(folder(version), VERSION);
        facts.remove("format");
        return facts;
    }

    /** Those that are not pruned, from the newest to the oldest. */
    public List<Version> versions() {
        Optional<Pointer> current = current();
        try {
            List<Version> found = new ArrayList<>();
            for (int number : numbers()) if (current.isEmpty() || !current.get().pruned().contains(number)) found.add(version(number, current));
            found.sort((a, b) -> b.number() - a.number());
            return found;
        } catch (IOException e) {
            throw failed("list the versions of", e);
        }
    }

    /** Of all directories, those half deleted among them. */
    Set<Integer> numbers() throws IOException {
        Set<Integer> numbers = new TreeSet<>();
        for (FileStatus status : versions.list())
            if (status.isDirectory() && status.getPath().getName().matches("[1-9]\\d{0,8}")) numbers.add(Integer.parseInt(status.getPath().getName()));
        return numbers;
    }

    private Version version(int number, Optional<Pointer> current) throws IOException {
        ObjectNode facts = JsonNodeFactory.instance.objectNode();
        if (!SealedJson.isFinished(folder(number), VERSION)) {
            requests.line(number).ifPresent(line -> facts.set("date", line.content().get("date")));
            return new Version(number, Version.State.UNFINISHED, facts);
        }
        try {
            facts.setAll(facts(number));
        } catch (BadInput damaged) {
            return new Version(number, Version.State.DAMAGED, facts.put("reason", damaged.getMessage()));
        }
        String verdict = facts.path("verdict").asText();
        if (!verdict.equals("rejected") && !Model.exists(directory(number), conf)) return new Version(number, Version.State.DAMAGED, facts);
        Version.State state = current.filter(c -> c.version() == number).isPresent() ? Version.State.CURRENT
                : current.flatMap(Pointer::before).filter(before -> before == number).isPresent() ? Version.State.PREVIOUS
                : verdict.equals("promoted") ? Version.State.PROMOTED : verdict.equals("imported") ? Version.State.IMPORTED : Version.State.REJECTED;
        return new Version(number, state, facts);
    }

    /** Makes a version current, if the pointer is still the one that was read: compare-and-swap.
     *  @throws BadInput if it has moved, or the version is unfinished, pruned or has no whole model; nothing is changed then */
    public Pointer point(Optional<Pointer> expected, int version, String by, String reason) {
        usable(version, expected);
        Optional<Integer> before = expected.filter(e -> e.version() == version).map(Pointer::before).orElse(expected.map(Pointer::version));
        if (by.equals(ROLLBACK)) before = pointers.lines().stream().map(Pointer::of).filter(p -> p.version() == version).findFirst().flatMap(Pointer::before)
                .filter(b -> !expected.orElseThrow().pruned().contains(b));
        return append(expected, new Pointer(0, 0, version, now(), by, reason, before, expected.map(Pointer::pruned).orElse(Set.of())));
    }

    /** Makes a version current that can be loaded.
     *  @return empty if it is current already
     *  @throws BadInput as {@link #point}, and if the model is damaged */
    public Optional<Pointer> promote(int version, String reason) {
        return change(current(), version, "promote", reason);
    }

    /** Makes current again what was current before: before the current version was promoted, so that the second of two rollbacks goes further back.
     *  @param version another that was current once
     *  @return empty if it is current already
     *  @throws BadInput as {@link #promote}, and if there is none to go back to */
    public Optional<Pointer> rollback(Optional<Integer> version, String reason) {
        Pointer current = current().orElseThrow(() -> new BadInput(path() + " has no current version, so there is none to go back to; promote one"));
        int to = version.or(current::before).orElseThrow(() -> new BadInput("no version of " + path() + " was current before version " + current.version()
                + ", or it was pruned; promote another, of those that rondo models lists"));
        if (history().stream().noneMatch(pointer -> pointer.version() == to))
            throw new BadInput("version " + to + " of " + path() + " was never current, expected one that was; promote it instead, or set --version to another");
        return change(Optional.of(current), to, ROLLBACK, reason);
    }

    private Optional<Pointer> change(Optional<Pointer> current, int version, String by, String reason) {
        if (current.filter(c -> c.version() == version).isPresent()) return Optional.empty();
        usable(version, current);
        Model.load(directory(version).toString(), conf);
        return Optional.of(point(current, version, by, reason));
    }

    /** Copies a model in, as a version that is not current.
     *  @throws BadInput if there is no whole model
     *  @return its number */
    public int add(String model) {
        Model loaded = Model.load(model, conf);
        ObjectNode request = JsonNodeFactory.instance.objectNode().put("job", "models add").put("model", model);
        int version = claim(request);
        loaded.save(directory(version), conf);
        ObjectNode facts = JsonNodeFactory.instance.objectNode().put("date", now().toString()).put("data", loaded.provenance().path("data").path("input").asText());
        for (String unknown : List.of("metric", "value", "champion", "parent")) facts.putNull(unknown);
        finish(version, facts.put("verdict", "imported").put("reason", "copied from " + model).put("request", "").put("serial", current().map(Pointer::serial).orElse(0L)));
        return version;
    }

    /** Deletes old versions, never the current one, nor what a rollback would go to, nor unfinished ones of the last day.
     *  @param keep the newest finished versions that stay, and all that is newer than these
     *  @throws BadInput if a retraining is under way, or nothing is current */
    public Pruned prune(int keep) {
        try (Lease lease = lease("models prune", Duration.ofMinutes(2))) {
            return new Pruning(this, keep).run(lease);
        } catch (IOException e) {
            throw failed("prune", e);
        }
    }

    /** Says that versions are pruned: from here on none of them can become current, however long their deletion takes. */
    Pointer pruned(Pointer current, Set<Integer> pruned) {
        return append(Optional.of(current), new Pointer(0, current.serial(), current.version(), current.date(), current.by(), current.reason(), current.before(), pruned));
    }

    private Pointer append(Optional<Pointer> expected, Pointer next) {
        long after = expected.map(Pointer::line).orElse(0L);
        Optional<Ledger.Line> line = pointers.append(after, next.json());
        if (line.isEmpty()) throw new BadInput("the current version of " + path() + " has changed since it was read: it was "
                + expected.map(Pointer::toString).orElse("none") + ", and is " + current().map(Pointer::toString).orElse("none") + "; nothing was changed, look at it and run again");
        pointers.trim(KEEP);
        return Pointer.of(line.get());
    }

    private void usable(int version, Optional<Pointer> current) {
        try {
            boolean pruned = current.filter(c -> c.pruned().contains(version)).isPresent();
            if (pruned || !folder.fs.exists(directory(version))) throw new BadInput(path() + " has no version " + version + (pruned ? ", it was pruned" : "") + "; it has "
                    + String.join(", ", versions().stream().map(v -> "" + v.number()).toList()) + ": set --version to one of them");
            if (!SealedJson.isFinished(folder(version), VERSION)) throw new BadInput("version " + version + " of " + path()
                    + " is unfinished: its training is under way, or was killed and goes on with the same request; expected a finished one, set --version to another");
            facts(version);
            if (!Model.exists(directory(version), conf)) throw new BadInput("version " + version + " of " + path() + " has no whole model; set --version to another");
        } catch (IOException e) {
            throw failed("look at version " + version + " of", e);
        }
    }

    /** The exclusive right to retrain or prune, until it is closed or, if this process is killed or stands still, has not been renewed for its length.
     *  @throws BadInput if another has it; the message says who */
    public Lease lease(String job, Duration length) {
        return Lease.take(leases, job, length);
    }

    private static Instant now() {
        return Instant.now().truncatedTo(ChronoUnit.SECONDS);
    }

    private UncheckedIOException failed(String what, IOException e) {
        return new UncheckedIOException("cannot " + what + " " + path() + ": " + e.getMessage(), e);
    }
}
