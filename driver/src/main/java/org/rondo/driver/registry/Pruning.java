package org.rondo.driver.registry;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Checkpoints;
import org.rondo.driver.checkpoints.Folder;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.registry.Version.State;

/** Deletes old versions. They are first named in a pointer, by compare-and-swap, and then deleted: a promotion at the same time either comes first, and then this
 *  gives way, or reads the names. So a process that stood still for days may go on deleting, and deletes nothing that is current. The next run ends what a killed one left. */
final class Pruning {
    private static final Duration YOUNG = Duration.ofDays(1);

    private final Entry entry;
    private final int keep;

    Pruning(Entry entry, int keep) {
        this.entry = entry;
        this.keep = keep;
    }

    Pruned run(Lease lease) throws IOException {
        Pointer current = entry.current().orElseThrow(() -> new BadInput(entry.path() + " has no current version, so nothing says which are of use; promote one first"));
        Set<Integer> old = old(current), pruned = new TreeSet<>(current.pruned());
        lease.check();
        if (pruned.addAll(old)) entry.pruned(current, pruned);
        pruned.retainAll(entry.numbers());
        SortedMap<Integer, Long> bytes = new TreeMap<>();
        List<Path> left = new ArrayList<>();
        for (int version : pruned) {
            long before = bytes(version);
            delete(entry.folder(version));
            bytes.put(version, before - bytes(version));
            if (entry.folder(version).fs.exists(entry.directory(version))) left.add(entry.directory(version));
        }
        return new Pruned(bytes, left);
    }

    private Set<Integer> old(Pointer current) {
        Set<Integer> old = new TreeSet<>();
        int finished = 0;
        for (Version version : entry.versions()) {
            boolean used = version.number() == current.version() || current.before().filter(before -> before == version.number()).isPresent();
            if (finished >= keep && !used && !(version.state() == State.UNFINISHED && isYoung(version))) old.add(version.number());
            if (version.state() != State.UNFINISHED && version.state() != State.DAMAGED) finished++;
        }
        return old;
    }

    /** Or not claimed, and so not ours to delete. */
    private static boolean isYoung(Version version) {
        return !version.facts().path("date").isTextual() || Instant.parse(version.facts().get("date").asText()).plus(YOUNG).isAfter(Instant.now());
    }

    private long bytes(int version) throws IOException {
        Folder folder = entry.folder(version);
        return folder.fs.exists(folder.path) ? folder.fs.getContentSummary(folder.path).getLength() : 0;
    }

    /** The model first, then what says that it is finished. */
    private void delete(Folder version) throws IOException {
        Model.delete(version.path, entry.conf);
        version.fs.delete(new Path(version.path, Entry.VERSION), false);
        new Checkpoints(new Path(version.path, "checkpoints"), entry.conf, 1).delete();
        for (FileStatus file : version.list())
            if (file.isFile() && file.getPath().getName().startsWith("events")) version.fs.delete(file.getPath(), false);
        version.sweep();
        if (version.isEmpty()) version.fs.delete(version.path, false);
    }
}
