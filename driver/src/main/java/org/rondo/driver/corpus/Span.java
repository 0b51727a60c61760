package org.rondo.driver.corpus;

import java.io.Serializable;

/** An entity: the tokens from start to before end, and what they are. A class and not a record, so that Spark's Kryo can write it. */
public final class Span implements Serializable {
    private static final long serialVersionUID = 1;

    private final int start, end;
    private final String type;

    /** @param end  exclusive
     *  @param type empty where tags are letters alone */
    public Span(int start, int end, String type) {
        if (start < 0 || end <= start) throw new IllegalArgumentException("a span from " + start + " to before " + end + " has no tokens, expected 0 <= start < end");
        this.start = start;
        this.end = end;
        this.type = type;
    }

    public int start() {
        return start;
    }

    public int end() {
        return end;
    }

    public String type() {
        return type;
    }

    @Override public boolean equals(Object other) {
        return other instanceof Span span && start == span.start && end == span.end && type.equals(span.type);
    }

    @Override public int hashCode() {
        return 31 * (31 * start + end) + type.hashCode();
    }

    @Override public String toString() {
        return type + "[" + start + ", " + end + ")";
    }
}
