package org.rondo.driver.registry;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Folder;
import org.rondo.driver.checkpoints.SealedJson;

/** A directory of numbered lines, {@code 000012.json}, each a sealed file that is created whole and once; what counts is the one with the highest number.
 *  To append after the line that one has read is compare-and-swap: the next number is created by one process alone, and only if nothing has come since.
 *
 *  <p>A file that is cut off (copied by halves, or a file system that cannot create whole ones) is passed over, and its number is not used again. One that ends
 *  well and does not agree with its seal is damaged, which is said and not passed over: what was live would go back in silence. */
final class Ledger {
    private static final String ID = "id";

    private final Folder folder;

    /** @param content without the id that tells this line from any other of the same content */
    record Line(long number, ObjectNode content) { }

    Ledger(Folder folder) {
        this.folder = folder;
    }

    Path path(long number) {
        return new Path(folder.path, name(number));
    }

    /** The line that counts.
     *  @throws BadInput if it is damaged */
    Optional<Line> newest() {
        return reading(() -> {
            List<Long> numbers = numbers();
            for (int i = 0; i < numbers.size(); i++) {
                Optional<Line> line = read(numbers.get(i));
                if (line.isPresent()) return line;
                if (!folder.has(name(numbers.get(i)))) {        // trimmed since it was listed: there are newer ones
                    numbers = numbers();
                    i = -1;
                }
            }
            return Optional.empty();
        });
    }

    /** The whole ones, from the newest to the oldest; those that are trimmed meanwhile may be missing.
     *  @throws BadInput if one is damaged */
    List<Line> lines() {
        return reading(() -> {
            List<Line> lines = new ArrayList<>();
            for (long number : numbers()) read(number).ifPresent(lines::add);
            return lines;
        });
    }

    Optional<Line> line(long number) {
        return reading(() -> read(number));
    }

    /** When the file with the highest number was last written to, if that one is cut off. */
    Optional<Long> cutOff() {
        return reading(() -> {
            List<Long> numbers = numbers();
            if (numbers.isEmpty() || read(numbers.get(0)).isPresent() || !folder.has(name(numbers.get(0)))) return Optional.empty();
            return Optional.of(folder.fs.getFileStatus(path(numbers.get(0))).getModificationTime());
        });
    }

    /** Adds a line, if the one that counts is still the one that was read.
     *  @param after its number, 0 where there was none
     *  @return empty if another has come since, or comes first */
    Optional<Line> append(long after, ObjectNode content) {
        return reading(() -> {
            List<Long> numbers = numbers();
            for (long number : numbers) if (number > after && read(number).isPresent()) return Optional.empty();
            return append(after, Math.max(after, numbers.isEmpty() ? 0 : numbers.get(0)) + 1, content);
        });
    }

    /** @param number the first that is free, as listed; this process may have stood still since */
    Optional<Line> append(long after, long number, ObjectNode content) throws IOException {
        if (!create(number, content)) return Optional.empty();
        if (after == 0 || folder.has(name(after))) return Optional.of(new Line(number, content));
        folder.fs.delete(path(number), false);              // the line before was trimmed, so this number had been there, and was trimmed after it
        return Optional.empty();
    }

    /** Adds a line after whatever is there.
     *  @return its number */
    long add(ObjectNode content) {
        return reading(() -> {
            for (;;) {
                List<Long> numbers = numbers();
                long number = (numbers.isEmpty() ? 0 : numbers.get(0)) + 1;
                if (create(number, content)) return number;
            }
        });
    }

    /** Deletes all but the newest, and the first: without its predecessor no number can be created anew by a process that stood still, and the first has none. */
    void trim(int keep) {
        reading(() -> {
            List<Long> numbers = numbers();
            for (int i = numbers.size() - 2; i >= keep; i--) folder.fs.delete(path(numbers.get(i)), false);
            folder.sweep();
            return null;
        });
    }

    /** Of a file system that says no after it has done it (a reply that was lost), the file itself tells whose it is. */
    private boolean create(long number, ObjectNode content) throws IOException {
        String id = UUID.randomUUID().toString();
        ObjectNode line = content.deepCopy().put(ID, id);
        if (SealedJson.create(folder, name(number), line)) return true;
        return SealedJson.isFinished(folder, name(number)) && SealedJson.read(folder, name(number)).path(ID).asText().equals(id);
    }

    /** Empty if it is cut off, or gone. */
    private Optional<Line> read(long number) throws IOException {
        try {
            if (!SealedJson.isFinished(folder, name(number))) return Optional.empty();
            ObjectNode content = SealedJson.read(folder, name(number));
            content.remove(List.of(ID, "format"));
            return Optional.of(new Line(number, content));
        } catch (BadInput | IOException e) {
            if (!folder.has(name(number))) return Optional.empty();
            if (e instanceof BadInput) throw new BadInput(e.getMessage() + "; or delete it: then the file before it counts", e);
            throw e;
        }
    }

    /** From the highest to the lowest. */
    private List<Long> numbers() throws IOException {
        List<Long> numbers = new ArrayList<>();
        for (String name : folder.names()) if (name.matches("\\d{6,15}\\.json")) numbers.add(Long.parseLong(name.substring(0, name.indexOf('.'))));
        numbers.sort(Comparator.reverseOrder());
        return numbers;
    }

    private static String name(long number) {
        return String.format(Locale.ROOT, "%06d.json", number);
    }

    private interface Access<T> {
        T run() throws IOException;
    }

    private <T> T reading(Access<T> access) {
        try {
            return access.run();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot use " + folder.path + ": " + e.getMessage(), e);
        }
    }
}
