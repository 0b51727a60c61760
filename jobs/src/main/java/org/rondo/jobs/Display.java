package org.rondo.jobs;

import java.io.PrintStream;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressState;

/** How far a training is, in tokens, as rounds may differ: a bar at the foot of a terminal, or plain lines where there is none. Other lines pass above. */
abstract sealed class Display implements AutoCloseable {

    private final OptionalLong rounds;

    private Display(OptionalLong rounds) {
        this.rounds = rounds;
    }

    /** Starts after round {@code round}, and {@code done} of {@code all} tokens.
     *  @param rounds of the whole training, if that is known */
    static Display of(Console console, long round, OptionalLong rounds, long done, long all) {
        return console.isTerminal() ? new Bar(console, round, rounds, done, all) : new Lines(console.err(), rounds, done, all, System::nanoTime);
    }

    /** @param round   that is done, from 1
     *  @param tokens  done
     *  @param message on one line, what else there is to say */
    abstract void step(long round, long tokens, String message);

    String head(long round) {
        return "round " + round + (rounds.isPresent() ? "/" + rounds.getAsLong() : "");
    }

    /** A line that stays. */
    abstract void line(String line);

    @Override public void close() { }

    /** At most one line in {@link #SECONDS} seconds: for logs. */
    static final class Lines extends Display {
        static final int SECONDS = 5;
        private final PrintStream err;
        private final long first, all, started;
        private final LongSupplier nanoTime;
        private long shown;

        Lines(PrintStream err, OptionalLong rounds, long done, long all, LongSupplier nanoTime) {
            super(rounds);
            this.err = err;
            this.first = done;
            this.all = all;
            this.nanoTime = nanoTime;
            this.started = shown = nanoTime.getAsLong();
        }

        @Override void step(long round, long tokens, String message) {
            long now = nanoTime.getAsLong();
            if (now - shown < SECONDS * 1_000_000_000L) return;
            shown = now;
            double left = (now - started) * 1e-9 / (tokens - first) * (all - tokens);
            err.println(head(round) + " (" + 100 * tokens / all + " %)  " + message + "  " + Units.duration(left) + " left");
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
        private volatile long round;

        Bar(Console console, long round, OptionalLong rounds, long done, long all) {
            super(rounds);
            this.round = round;
            this.err = console.err();
            int width = console.columns() - 1;      // the last column would wrap on some terminals
            this.bar = new ProgressBarBuilder().setTaskName("tokens").setInitialMax(all).startsFrom(done, java.time.Duration.ZERO)
                    .setRenderer(this::render).setUpdateIntervalMillis(EVERY_MILLIS).setConsumer(new Foot(err, width)).build();
        }

        @Override void step(long round, long tokens, String message) {
            this.round = round;
            bar.setExtraMessage(message);
            bar.stepTo(tokens);
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

        private String render(ProgressState state, int width) {
            long done = state.getCurrent() - state.getStart();
            double left = done <= 0 ? 0 : state.getElapsedAfterStart().toMillis() * 1e-3 / done * (state.getMax() - state.getCurrent());
            String message = state.getExtraMessage() == null ? "" : state.getExtraMessage();
            return render(head(round), state.getCurrent() / (double) Math.max(1, state.getMax()), message + (done <= 0 ? "" : "  " + Units.duration(left) + " left"), width);
        }

        /** The figures matter more than the bar, which has what room they leave. */
        static String render(String head, double share, String figures, int width) {
            int room = width - head.length() - figures.length() - 5;
            if (room < LEAST_BAR) {
                String all = head + "  " + figures;
                return all.length() <= width ? all : all.replace("  ", " ").replaceFirst(" left$", "");
            }
            int full = (int) (share * Math.min(room, MOST_BAR));
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
