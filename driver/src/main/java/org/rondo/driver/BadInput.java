package org.rondo.driver;

/** What the user gave cannot be used: a path, a setting, a file's content. The message says what came, what was expected,
 *  where, and what to do. Jobs print it as one line and exit with 2. */
public final class BadInput extends RuntimeException {
    private static final long serialVersionUID = 1;

    public BadInput(String message) {
        super(message);
    }

    public BadInput(String message, Throwable cause) {
        super(message, cause);
    }
}
