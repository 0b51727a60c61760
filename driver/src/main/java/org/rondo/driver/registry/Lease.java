package org.rondo.driver.registry;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.hadoop.util.ShutdownHookManager;
import org.rondo.driver.BadInput;

/** The right to change an entry, alone and for a while: a line of its ledger of leases, and another for every renewal, so that a renewal by who stood still and
 *  the taking by who found it expired cannot both succeed. A thread renews it six times in its length. Others take it once it is released, or has expired by their clock, or once its holder is gone, where they can see that. */
public final class Lease implements AutoCloseable {
    /** A lease of the shortest length is renewed six times in it. */
    private static final Duration SHORTEST = Duration.ofMillis(60);
    private static final Path PROC = Path.of("/proc");
    private static final int RENEWALS = 6, KEEP = 20, BEFORE_FILE_SYSTEMS_CLOSE = FileSystem.SHUTDOWN_HOOK_PRIORITY + 50;

    private final Ledger ledger;
    private final ObjectNode holder;
    private final Duration length;
    private final ScheduledExecutorService renewing;
    /** So that a process that is told to end leaves no lease that others have to wait for. */
    private final Runnable atEnd = this::close;
    /** The newest line, while it is ours. */
    private long number;
    private Instant expires;
    private long renewed;
    private boolean closed;

    private Lease(Ledger ledger, ObjectNode holder, Duration length) {
        this.ledger = ledger;
        this.holder = holder;
        this.length = length;
        this.renewing = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "lease of " + ledger.path(0).getParent());
            thread.setDaemon(true);
            return thread;
        });
    }

    /** @throws BadInput if another has it; the message says who */
    static Lease take(Ledger ledger, String job, Duration length) {
        if (length.compareTo(SHORTEST) < 0) throw new IllegalArgumentException("a lease of " + length + ", expected at least " + SHORTEST);
        Lease lease = new Lease(ledger, holder(job), length);
        for (;;) {
            Optional<Ledger.Line> newest = ledger.newest();
            newest.ifPresent(line -> refuse(ledger, line));
            ledger.cutOff().map(Instant::ofEpochMilli).filter(written -> Instant.now().isBefore(written.plus(length))).ifPresent(written -> {
                throw new BadInput("a lease in " + ledger.path(0).getParent() + " was being written at " + written + " and is cut off; it counts as held until "
                        + written.plus(length) + ": run again then");
            });
            if (lease.append(newest.map(Ledger.Line::number).orElse(0L), false)) break;
        }
        long period = length.toMillis() / RENEWALS;
        lease.renewing.scheduleWithFixedDelay(lease::renewed, period, period, TimeUnit.MILLISECONDS);
        ShutdownHookManager.get().addShutdownHook(lease.atEnd, BEFORE_FILE_SYSTEMS_CLOSE);
        return lease;
    }

    private static void refuse(Ledger ledger, Ledger.Line line) {
        ObjectNode c = line.content();
        if (c.path("released").asBoolean() || !Instant.now().isBefore(Instant.parse(c.path("expires").asText())) || isGone(c)) return;
        throw new BadInput(ledger.path(0).getParent().getParent() + " is held by " + name(c) + ", until " + c.path("expires").asText()
                + " if it is not renewed; wait for it to end, or, if it was killed, run again after that time");
    }

    private static String name(ObjectNode line) {
        return line.path("job").asText() + " of " + line.path("user").asText() + " on " + line.path("host").asText() + ", process " + line.path("pid").asText()
                + ", since " + line.path("since").asText();
    }

    /** To be called before every step that matters; renews if that is due.
     *  @throws BadInput if another has the lease by now */
    public synchronized void check() {
        if (closed) throw new IllegalStateException("the lease is closed, or this process was told to end");
        if (isDue() && !append(number, false) || ledger.newest().filter(line -> line.number() == number).isEmpty()) throw lost();
    }

    private boolean isDue() {
        return System.nanoTime() - renewed > length.toNanos() / 2 || !Instant.now().isBefore(expires);
    }

    private BadInput lost() {
        Optional<Ledger.Line> now = ledger.newest();
        org.apache.hadoop.fs.Path entry = ledger.path(0).getParent().getParent();
        return new BadInput("this process stood still for longer than its lease of " + entry + " lasts (" + length.toMillis() + " ms), and "
                + now.map(line -> name(line.content())).orElse("somebody") + " has taken it; nothing of " + entry + " was changed since, run again");
    }

    /** What fails now is tried again a sixth later; {@link #check} says so if it never succeeds. */
    private synchronized void renewed() {
        if (closed) return;
        try {
            if (append(number, false)) ledger.trim(KEEP);
            else renewing.shutdown();
        } catch (RuntimeException unreachable) {
            System.getLogger(Lease.class.getName()).log(System.Logger.Level.WARNING, "cannot renew the lease, trying again", unreachable);
        }
    }

    private boolean append(long after, boolean released) {
        long start = System.nanoTime();
        Instant until = released ? Instant.now() : Instant.now().plus(length);
        Optional<Ledger.Line> line = ledger.append(after, holder.deepCopy().put("expires", until.toString()).put("released", released));
        line.ifPresent(ours -> {
            number = ours.number();
            expires = until;
            renewed = start;
        });
        return line.isPresent();
    }

    /** Releases it. If that fails it expires by itself. */
    @Override public synchronized void close() {
        if (closed) return;
        closed = true;
        renewing.shutdownNow();
        try {
            append(number, true);
        } catch (RuntimeException unreachable) {
            System.getLogger(Lease.class.getName()).log(System.Logger.Level.WARNING, "cannot release the lease, which expires at " + expires, unreachable);
        }
        if (!ShutdownHookManager.get().isShutdownInProgress()) ShutdownHookManager.get().removeShutdownHook(atEnd);
    }

    /** Whether the holder was a process of those that this one sees, and is none any more: then nobody needs to wait. A process is told by its number and when it began: another
     *  may have its number by now. Where /proc does not say, it is taken to live. */
    private static boolean isGone(ObjectNode line) {
        String seen = processes(), began = line.path("startTicks").asText();
        if (seen.isEmpty() || began.isEmpty() || !line.path("processes").asText().equals(seen) || !line.path("user").asText().equals(user())) return false;
        try {
            return !startTicks(line.path("pid").asLong()).equals(began);
        } catch (NoSuchFileException gone) {
            return true;
        } catch (IOException unreadable) {
            return false;
        }
    }

    /** Which processes this one sees: of a start of the machine, and of a container on it, those of a user, because /proc may hide those of others (hidepid).
     *  Empty where it is not Linux, or /proc is another container's. */
    private static String processes() {
        try {
            if (!Files.readSymbolicLink(PROC.resolve("self")).toString().equals(Long.toString(ProcessHandle.current().pid()))) return "";
            return Files.readString(PROC.resolve("sys/kernel/random/boot_id")).strip() + " " + Files.readSymbolicLink(PROC.resolve("self/ns/pid"))
                    + " uid:" + Files.getAttribute(PROC.resolve("self"), "unix:uid");
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException unknown) {
            return "";
        }
    }

    /** When a process began, in ticks since the machine's start, which no setting of a clock moves: field 22 of its stat (proc(5)), of which the second is its name,
     *  in parentheses, and may have anything in it.
     *  @throws NoSuchFileException if there is none of that number */
    private static String startTicks(long pid) throws IOException {
        String stat = Files.readString(PROC.resolve(pid + "/stat"), StandardCharsets.ISO_8859_1);
        String[] fromThird = stat.substring(stat.lastIndexOf(')') + 1).strip().split(" ");
        if (fromThird.length < 20) throw new IOException("/proc/" + pid + "/stat is '" + stat + "', expected 22 fields or more");
        return fromThird[19];
    }

    private static ObjectNode holder(String job) {
        return JsonNodeFactory.instance.objectNode().put("job", job).put("user", user()).put("host", host()).put("pid", ProcessHandle.current().pid())
                .put("startTicks", ownStartTicks()).put("processes", processes())
                .put("lease", UUID.randomUUID().toString()).put("since", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    }

    private static String ownStartTicks() {
        try {
            return startTicks(ProcessHandle.current().pid());
        } catch (IOException notLinux) {
            return "";
        }
    }

    private static String user() {
        try {
            return UserGroupInformation.getCurrentUser().getShortUserName();
        } catch (IOException e) {
            throw new UncheckedIOException("Hadoop does not say who this user is: " + e.getMessage(), e);
        }
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "unknown";
        }
    }
}
