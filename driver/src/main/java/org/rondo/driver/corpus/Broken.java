package org.rondo.driver.corpus;

/** Why a record is no example. It never leaves the task: {@link Example} carries it on as data. */
final class Broken extends Exception {
    private static final long serialVersionUID = 1;
    /** Of the line, in a record of several. */
    final int line;

    Broken(String message) {
        this(message, 0);
    }

    Broken(String message, int line) {
        super(message, null, false, false);
        this.line = line;
    }
}
