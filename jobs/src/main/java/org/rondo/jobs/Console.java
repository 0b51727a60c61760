package org.rondo.jobs;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Where a job writes.
 *  @param columns width of the terminal behind {@code err}; 0 if there is none */
record Console(PrintStream out, PrintStream err, int columns) {
    private static final int USUAL_WIDTH = 100;

    /** Text is UTF-8, whatever the locale. bin/rondo knows whether standard error is a terminal; Java can tell only for standard output. */
    static Console standard() {
        String columns = System.getenv("RONDO_COLUMNS");
        return new Console(new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8),
                new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8),
                columns != null && columns.matches("[0-9]{1,5}") ? Integer.parseInt(columns) : System.console() == null ? 0 : USUAL_WIDTH);
    }

    boolean isTerminal() {
        return columns > 0;
    }

    /** Columns for text that is wrapped. */
    int width() {
        return isTerminal() ? Math.max(60, Math.min(columns, 140)) : USUAL_WIDTH;
    }
}
