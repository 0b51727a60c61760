package org.rondo.driver.registry;

import java.util.List;
import java.util.SortedMap;
import org.apache.hadoop.fs.Path;

/** What pruning has deleted: bytes by version. And the directories in which something is left that Rondo did not write. */
public record Pruned(SortedMap<Integer, Long> bytes, List<Path> left) { }
