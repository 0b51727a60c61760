package org.rondo.driver.registry;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Which version is current, since when and why. Pruning writes all of it anew, with more that is pruned: only the line differs.
 *  @param line    number in the ledger; to replace a pointer, it must still be the newest
 *  @param serial  number of the line by which the version became current
 *  @param by      promote, rollback or retrain
 *  @param before  the version that a rollback would go to
 *  @param pruned  versions that are deleted, though a part of them may still be there; they stay named, so that none can ever become current */
public record Pointer(long line, long serial, int version, Instant date, String by, String reason, Optional<Integer> before, Set<Integer> pruned) {

    static Pointer of(Ledger.Line line) {
        ObjectNode json = line.content();
        Set<Integer> pruned = new TreeSet<>();
        json.path("pruned").forEach(version -> pruned.add(version.asInt()));
        return new Pointer(line.number(), json.path("serial").asLong(line.number()), json.path("version").asInt(), Instant.parse(json.path("date").asText()), json.path("by").asText(), json.path("reason").asText(),
                json.path("before").isInt() ? Optional.of(json.path("before").asInt()) : Optional.empty(), pruned);
    }

    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        if (serial > 0) json.put("serial", serial);
        json.put("version", version).put("date", date.toString()).put("by", by).put("reason", reason)
                .put("before", before.orElse(null));
        pruned.forEach(json.putArray("pruned")::add);
        return json;
    }

    @Override public String toString() {
        return "version " + version + " (" + by + " of " + date + ", serial " + serial + ")";
    }
}
