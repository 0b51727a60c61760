package org.rondo.driver.registry;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Folder;
import org.rondo.driver.checkpoints.Model;

/** A directory of models that live on, on any Hadoop file system: an {@link Entry} for each, by name. */
public final class Registry {
    private final Folder folder;
    private final Configuration conf;

    private Registry(Folder folder, Configuration conf) {
        this.folder = folder;
        this.conf = conf;
    }

    /** @param directory need not be there yet
     *  @throws BadInput if there is no such file system, or a file is there */
    public static Registry open(String directory, Configuration conf) {
        try {
            Folder folder = new Folder(new Path(directory), conf);
            if (folder.fs.exists(folder.path) && !folder.fs.getFileStatus(folder.path).isDirectory())
                throw new BadInput("registry " + folder.path + " is a file, expected a directory; set --registry to another path");
            return new Registry(folder, conf);
        } catch (IOException | IllegalArgumentException e) {
            throw new BadInput("cannot use registry '" + directory + "': " + e.getMessage() + "; check path and permissions, or set --registry", e);
        }
    }

    public Path directory() {
        return folder.path;
    }

    /** Of the entries that there are, in order. */
    public List<String> names() {
        try {
            return Stream.of(folder.list()).filter(FileStatus::isDirectory).map(status -> status.getPath().getName())
                    .filter(name -> name.matches(Entry.NAME)).filter(name -> entry(name).exists()).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the registry " + folder.path + ": " + e.getMessage(), e);
        }
    }

    /** The entry of this name, which need not be there yet.
     *  @throws BadInput if it cannot be a name */
    public Entry entry(String name) {
        if (!name.matches(Entry.NAME)) throw new BadInput("'" + name + "' cannot be an entry's name, expected up to 100 letters, digits and - _ . , a letter or digit first; set --name");
        return new Entry(new Folder(folder, name), conf);
    }

    /** @throws BadInput if there is none of this name; the message has the nearest */
    public Entry existing(String name) {
        Entry entry = entry(name);
        if (entry.exists()) return entry;
        List<String> names = names();
        throw new BadInput("registry " + folder.path + " has no entry " + name + "; " + Settings.nearest(name, names).map(near -> "the nearest is " + near)
                .orElse(names.isEmpty() ? "it has none" : "it has " + String.join(", ", names)) + "; set --name");
    }

    /** The entry that a directory is, if it is one and no model. */
    public static Optional<Entry> entryAt(String directory, Configuration conf) {
        try {
            Folder folder = new Folder(new Path(directory), conf);
            Entry entry = new Entry(folder, conf);
            return entry.exists() && !Model.exists(folder.path, conf) ? Optional.of(entry) : Optional.empty();
        } catch (IOException | IllegalArgumentException e) {
            return Optional.empty();                        // loading says why
        }
    }
}
