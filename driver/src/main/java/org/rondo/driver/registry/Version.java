package org.rondo.driver.registry;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;

/** A numbered model of an entry.
 *  @param facts what was written when the verdict was known; of an unfinished one only the date on which its number was claimed */
public record Version(int number, State state, ObjectNode facts) {

    /** What has become of a version: {@code PREVIOUS} is what a rollback would go to, {@code DAMAGED} has no whole model or no whole facts. */
    public enum State {
        CURRENT, PREVIOUS, PROMOTED, REJECTED, IMPORTED, UNFINISHED, DAMAGED;

        public String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
