package org.rondo.driver.checkpoints;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;

/** All that training needs to go on.
 *
 *  @param round   rounds that are done
 *  @param facts   anything small, as JSON; NaN and infinity are no JSON, and come back as text
 *  @param vectors by name, in the order in which they are written; may be empty vectors */
public record Checkpoint(long round, ObjectNode facts, Map<String, float[]> vectors) { }
