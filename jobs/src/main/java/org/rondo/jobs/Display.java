package org.rondo.jobs;

import java.io.PrintStream;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressState;

/** How far a training is: a bar at the foot of a terminal, or plain lines where there is none. Other lines pass above. */
abstract sealed class Display implements AutoCloseable {

    /** Starts at {@code done} of {@code rounds}. */
    static Display of(Console console, long done, long rounds) {
        return console.isTerminal() ? new Bar(console, done, rounds) : new Lines(console.err(), rounds, System::nanoTime);
    }

    /** @param done    rounds
     *  @param message on one line, what else there is to say */
    abstract void step(long done, String message);

    /** A line that stays. */
    abstract void line(String line);

    @Override public void close() { }

    /** At most one line in {@link #SECONDS} seconds: for logs. */
    static final class Lines extends Display {
        static final int SECONDS = 5;
        private final PrintStream err;
        private final long rounds, started;
        private final LongSupplier nanoTime;
        private long shown, first = -1;

        Lines(PrintStream err, long rounds, LongSupplier nanoTime) {
            this.err = err;
            this.rounds = rounds;
            this.nanoTime = nanoTime;
            this.started = shown = nanoTime.getAsLong();
        }

        @Override void step(long done, String message) {
            if (first < 0) first = done - 1;
            long now = nanoTime.getAsLong();
            if (now - shown < SECONDS * 1_000_000_000L) return;
            shown = now;
            double left = (now - started) * 1e-9 / (done - first) * (rounds - done);
            err.println("round " + done + "/" + rounds + " (" + 100 * done / rounds + " %)  " + message + "  " + Units.duration(left) + " left");
        }

        @Override void line(String line) {
            err.println(line);
        }
    }

    /** Redrawn in place. Two threads write: the library's, which redraws, and the trainer's. */
    static final class Bar extends Display {
        private static final String CLEAR = "\r\033[K";
        private static final int EVERY_MILLIS = 250;
        private static final int LEAST_BAR = 6, MOST_BAR = 40;
        private final PrintStream err;
        private final ProgressBar bar;

        Bar(Console console, long done, long rounds) {
            this.err = console.err();
            int width = console.columns() - 1;      // the last column would wrap on some terminals
            this.bar = new ProgressBarBuilder().setTaskName("round").setInitialMax(rounds).startsFrom(done, java.time.Duration.ZERO)
                    .setRenderer(Bar::render).setUpdateIntervalMillis(EVERY_MILLIS).setConsumer(new Foot(err, width)).build();
        }

        @Override void step(long done, String message) {
            bar.setExtraMessage(message);
            bar.stepTo(done);
        }

        @Override void line(String line) {
            synchronized (err) {
                err.println(CLEAR + line);
            }
            bar.refresh();
        }

        @Override public void close() {
            bar.close();
        }

        private static String render(ProgressState state, int width) {
            long done = state.getCurrent() - state.getStart(), rounds = Math.max(1, state.getMax());
            double left = done <= 0 ? 0 : state.getElapsedAfterStart().toMillis() * 1e-3 / done * (state.getMax() - state.getCurrent());
            String message = state.getExtraMessage() == null ? "" : state.getExtraMessage();
            return render(state.getCurrent(), rounds, message + (done <= 0 ? "" : "  " + Units.duration(left) + " left"), width);
        }

        /** The figures matter more than the bar, which has what room they leave. */
        static String render(long done, long rounds, String figures, int width) {
            String head = "round " + done + "/" + rounds;
            int room = width - head.length() - figures.length() - 5;
            if (room < LEAST_BAR) {
                String all = head + "  " + figures;
                return all.length() <= width ? all : all.replace("  ", " ").replaceFirst(" left$", "");
            }
            int full = (int) (done * Math.min(room, MOST_BAR) / rounds);
            return head + " [" + "=".repeat(full) + " ".repeat(Math.min(room, MOST_BAR) - full) + "]  " + figures;
        }

        /** The terminal's last line. */
        private record Foot(PrintStream err, int width) implements ProgressBarConsumer {
            @Override public int getMaxRenderedLength() {
                return width;
            }

            @Override public void accept(String rendered) {
                synchronized (err) {
                    err.print(CLEAR + (rendered.length() > width ? rendered.substring(0, width) : rendered));
                    err.flush();
                }
            }

            @Override public void close() {
                synchronized (err) {
                    err.print(CLEAR);
                    err.flush();
                }
            }
        }
    }
}
