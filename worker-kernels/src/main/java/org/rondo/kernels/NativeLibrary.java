package org.rondo.kernels;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;

/** The shared library {@code librondo}: found in the jar, unpacked, its version checked, loaded; or the reason why not.
 *
 *  <p>Many executors start at once on one machine, and a library can be loaded from one path by one class loader only: so
 *  every process and class loader unpacks a copy of its own, and deletes it as soon as it is mapped.
 *
 *  <p>The system property {@value #OVERRIDE} names a library to load instead of the jar's; {@value #FOLDER} a folder to
 *  unpack the jar's to, made if it is not there, where java.io.tmpdir lets no libraries be loaded (mounted noexec). */
public final class NativeLibrary {
    static final String OVERRIDE = "rondo.native.library", FOLDER = "rondo.native.folder";

    /** Instruction sets are few. */
    private static final int MOST_KERNELS = 8;
    private static final AtomicBoolean WARNED = new AtomicBoolean();

    /** Loads once, when first asked for. */
    private static final class Loaded {
        /** Empty if the library is loaded, else all that was tried and what came of it. */
        static final String PROBLEM = load(System.getProperty(OVERRIDE), resourceFolder(System.getProperty("os.name"), System.getProperty("os.arch")),
                System.getProperty(FOLDER, System.getProperty("java.io.tmpdir")));
    }

    private NativeLibrary() { }

    /** Whether the native kernels can be used. If not, the reason is logged, once. */
    public static boolean isLoaded() {
        boolean loaded = Loaded.PROBLEM.isEmpty();
        if (!loaded && WARNED.compareAndSet(false, true))
            System.getLogger(NativeLibrary.class.getName()).log(System.Logger.Level.WARNING, Loaded.PROBLEM);
        return loaded;
    }

    /** The instruction sets that this library was built with and this processor has, best first.
     *  @throws IllegalArgumentException if the library cannot be loaded; the message says all that was tried */
    public static List<String> instructionSets() {
        requireLoaded();
        List<String> names = new ArrayList<>();
        for (int i = 0; i < MOST_KERNELS && kernels(i) != 0; i++) names.add(name(kernels(i)));
        return names;
    }

    /** Address of the operations of an instruction set, {@code best} standing for the first available.
     *  @throws IllegalArgumentException if this machine does not have it, or the library cannot be loaded: the message says all
     *  that was tried */
    static long find(String instructionSet) {
        List<String> available = instructionSets();
        int index = "best".equals(instructionSet) ? 0 : available.indexOf(instructionSet);
        if (index < 0)
            throw new IllegalArgumentException("kernel " + instructionSet + " is not available on this machine, which has "
                    + available + "; set spark.rondo.kernel=native for the best of them");
        return kernels(index);
    }

    /** Fused multiply-adds on registers alone: what the processor can do at most on an instruction set.
     *  @param iterations 0 or more
     *  @return floating point operations done
     *  @throws IllegalArgumentException as {@link #find} */
    public static double fmaPeak(String instructionSet, long iterations) {
        if (iterations < 0) throw new IllegalArgumentException("iterations is " + iterations + ", expected 0 or more");
        return fmaPeak(find(instructionSet), iterations);
    }

    private static void requireLoaded() {
        if (!Loaded.PROBLEM.isEmpty()) throw new IllegalArgumentException(Loaded.PROBLEM);
    }

    /** Loads the library at {@code override}, or else the one in {@code folder} of the jar, through a copy in {@code unpackTo}.
     *  @return empty, or what was tried, what came, what was expected and what to do */
    static String load(String override, String folder, String unpackTo) {
        String tried = override == null ? "resource " + folder + ", unpacked to " + unpackTo : "file " + override + " (system property " + OVERRIDE + ")";
        try {
            String expected = expectedVersion();
            if (override == null) tried = loadResource(folder, expected, Path.of(unpackTo));
            else System.load(Path.of(override).toAbsolutePath().toString());
            return mismatch(tried, compiledVersion(), expected);
        } catch (IOException | UnsatisfiedLinkError | SecurityException e) {
            return "the native kernels of Rondo cannot be loaded on " + System.getProperty("os.name") + " " + System.getProperty("os.arch")
                    + ". Tried " + tried + ": " + e.getMessage()
                    + ". Rebuild with ./mvnw package on this kind of machine (it needs g++ and cmake), set -D" + FOLDER + " to a folder from which"
                    + " libraries may be loaded, or set spark.rondo.kernel=reference to go on slowly without them";
        }
    }

    /** Empty if the versions agree. */
    static String mismatch(String tried, String compiled, String expected) {
        return compiled.equals(expected) ? "" : "the native kernels of Rondo from " + tried + " are of version " + compiled + ", but these classes expect "
                + expected + ". Two versions of Rondo are mixed: submit one jar only, or rebuild with ./mvnw clean package";
    }

    /** Where in the jar the library for a system lies, {@code /native/linux-x86_64}. */
    static String resourceFolder(String osName, String osArch) {
        String os = osName.toLowerCase(Locale.ROOT);
        String system = os.startsWith("mac") ? "macos" : os.startsWith("windows") ? "windows" : os;
        String machine = switch (osArch) {
            case "amd64", "x86-64" -> "x86_64";
            case "arm64" -> "aarch64";
            default -> osArch;
        };
        return "/native/" + system + "-" + machine;
    }

    private static String expectedVersion() throws IOException {
        try (InputStream in = NativeLibrary.class.getResourceAsStream("/native/version")) {
            if (in == null) throw new IOException("this jar was built without native kernels: it has no resource /native/version");
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
        }
    }

    private static String loadResource(String folder, String version, Path unpackTo) throws IOException {
        String file = System.mapLibraryName("rondo-" + version), resource = folder + "/" + file;
        Path copy = Files.createTempFile(Files.createDirectories(unpackTo), "rondo-" + ProcessHandle.current().pid() + "-", "-" + file);
        try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
            if (in == null) throw new IOException("this jar has no resource " + resource + ", so it was built on another kind of machine");
            Files.copy(in, copy, StandardCopyOption.REPLACE_EXISTING);
            System.load(copy.toString());
        } finally {
            Files.deleteIfExists(copy);
        }
        return "resource " + resource;
    }

    private static native String compiledVersion();

    private static native long kernels(int index);

    private static native String name(long kernels);

    private static native double fmaPeak(long kernels, long iterations);
}
