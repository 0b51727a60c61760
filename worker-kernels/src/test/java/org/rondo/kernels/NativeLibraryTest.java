package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryTest {
    @Test void theLibraryOfThisBuildIsLoaded() {
        assertTrue(NativeLibrary.isLoaded());
        assertTrue(NativeLibrary.instructionSets().contains("portable"));
        assertEquals("native " + NativeLibrary.instructionSets().get(0), description("native"));
        assertEquals(description("native"), description("auto"));
    }

    private static String description(String choice) {
        try (Kernel kernel = Kernel.open(choice, Layout.forScoring(new Network(3, 2, 2, 1), 1, 1))) {
            return kernel.description();
        }
    }

    @Test void anInstructionSetThatIsNotThereIsAnErrorThatNamesThoseThatAre() {
        String message = assertThrows(IllegalArgumentException.class, () -> NativeLibrary.find("sve")).getMessage();
        assertTrue(message.contains("sve") && message.contains(NativeLibrary.instructionSets().toString()), message);
    }

    @Test void thePeakOfNothingIsRefused() {
        assertTrue(assertThrows(IllegalArgumentException.class, () -> NativeLibrary.fmaPeak(null, 1)).getMessage().startsWith("kernel null is not available"));
        String message = assertThrows(IllegalArgumentException.class, () -> NativeLibrary.fmaPeak("portable", -1)).getMessage();
        assertEquals("iterations is -1, expected 0 or more", message);
    }

    @Test void aMissingOverrideIsNamedWithWhatToDo(@TempDir Path folder) {
        String file = folder.resolve("librondo-gone.so").toString();
        String problem = NativeLibrary.load(file, "/native/unused", "unused");
        for (String expected : List.of(file, NativeLibrary.OVERRIDE, "spark.rondo.kernel=reference", "./mvnw package", "g++ and cmake"))
            assertTrue(problem.contains(expected), problem);
    }

    @Test void aFileThatIsNoLibraryIsAProblemAndNotACrash(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("librondo.so"), "not a library");
        String problem = NativeLibrary.load(file.toString(), "/native/unused", "unused");
        assertTrue(problem.contains(file.toString()) && problem.contains("spark.rondo.kernel=reference"), problem);
    }

    @Test void aJarForAnotherSystemIsNamed() {
        String problem = NativeLibrary.load(null, "/native/plan9-mips", System.getProperty("java.io.tmpdir"));
        assertTrue(problem.contains("/native/plan9-mips/") && problem.contains("another kind of machine"), problem);
    }

    @Test void theLibraryIsUnpackedWhereOneSaysAndNotLeftThere(@TempDir Path folder) {
        String resources = NativeLibrary.resourceFolder(System.getProperty("os.name"), System.getProperty("os.arch"));
        Path made = folder.resolve("made/for/it");
        assertEquals("", NativeLibrary.load(null, resources, made.toString()));
        assertArrayEquals(new String[0], made.toFile().list());
    }

    @Test void aFolderThatCannotBeIsNamedWithWhatToDo(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "no folder");
        String resources = NativeLibrary.resourceFolder(System.getProperty("os.name"), System.getProperty("os.arch"));
        String problem = NativeLibrary.load(null, resources, file.toString());
        assertTrue(problem.contains("unpacked to " + file) && problem.contains("set -D" + NativeLibrary.FOLDER), problem);
    }

    @Test void aLibraryOfAnotherVersionIsRefused() {
        assertEquals("", NativeLibrary.mismatch("here", "1.0", "1.0"));
        String problem = NativeLibrary.mismatch("here", "1.0", "1.1");
        assertTrue(problem.contains("from here are of version 1.0, but these classes expect 1.1"), problem);
    }

    @Test void systemsAreNamedAsTheBuildNamesThem() {
        assertEquals("/native/linux-x86_64", NativeLibrary.resourceFolder("Linux", "amd64"));
        assertEquals("/native/linux-aarch64", NativeLibrary.resourceFolder("Linux", "aarch64"));
        assertEquals("/native/macos-aarch64", NativeLibrary.resourceFolder("Mac OS X", "aarch64"));
    }

    /** A shell or an application server loads classes twice. */
    @Test void aSecondClassLoaderLoadsItToo() throws ReflectiveOperationException, IOException {
        assertTrue(NativeLibrary.isLoaded());
        List<URL> path = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) path.add(Path.of(entry).toUri().toURL());
        try (URLClassLoader second = new URLClassLoader(path.toArray(new URL[0]), ClassLoader.getPlatformClassLoader())) {
            Class<?> library = second.loadClass(NativeLibrary.class.getName());
            assertNotSame(NativeLibrary.class, library);
            Method sets = library.getMethod("instructionSets");
            assertEquals(NativeLibrary.instructionSets(), sets.invoke(null));
        }
    }

    @Test void onlyWhatJavaCallsIsExported() throws Exception {
        List<String> exported = symbols().filter(s -> !s.contains(" UND ")).map(NativeLibraryTest::name).toList();
        assertTrue(exported.contains("Java_org_rondo_kernels_NativeKernel_allocate"), exported::toString);
        assertEquals(List.of(), exported.stream().filter(s -> !s.matches("Java_org_rondo_kernels_\\w+|JNI_On(Load|Unload)")).toList());
    }

    /** Memory is had by allocate, through posix_memalign; what else there is of the C library does not allocate. */
    @Test void nothingElseOfTheCLibraryIsNeeded() throws Exception {
        Set<String> needed = symbols().filter(s -> s.contains(" UND ")).map(NativeLibraryTest::name).collect(Collectors.toCollection(TreeSet::new));
        assertTrue(needed.contains("posix_memalign"), needed::toString);
        needed.removeAll(List.of("posix_memalign", "free", "madvise", "memcpy", "memmove", "memset", "memcmp", "bcmp", "__stack_chk_fail"));
        needed.removeIf(s -> s.matches("|__cxa_finalize|__gmon_start__|_ITM_\\w+"));      // the compiler's own start and end
        assertEquals(Set.of(), needed);
    }

    /** docs/jobs.md says which. */
    @Test void noNewerCLibraryIsNeededThanIsSaid() throws Exception {
        String machine = System.getProperty("os.arch").equals("amd64") ? "x86-64" : System.getProperty("os.arch");
        String said = first("glibc ([0-9.]+) on " + machine, Files.readString(Path.of("../docs/jobs.md")));
        String needed = readelf("--version-info").flatMap(line -> Pattern.compile("GLIBC_([0-9.]+)").matcher(line).results()).map(m -> m.group(1))
                .max(Comparator.comparing(Runtime.Version::parse)).orElseThrow();
        assertTrue(Runtime.Version.parse(needed).compareTo(Runtime.Version.parse(said)) <= 0, "glibc " + needed + " is needed, docs/jobs.md says " + said);
    }

    private static Stream<String> symbols() throws Exception {
        return readelf("--dyn-syms").filter(line -> line.matches("\\s*\\d+:.*"));
    }

    private static String name(String symbol) {
        String[] fields = symbol.strip().split("\\s+");
        return fields.length < 8 ? "" : fields[7].replaceAll("@.*", "");
    }

    /** What readelf says of the library of this build. */
    private static Stream<String> readelf(String what) throws Exception {
        assumeTrue(System.getProperty("os.name").equals("Linux"), "libraries are of another form here");
        String folder = NativeLibrary.resourceFolder(System.getProperty("os.name"), System.getProperty("os.arch"));
        String version = new String(NativeLibrary.class.getResourceAsStream("/native/version").readAllBytes(), StandardCharsets.UTF_8).strip();
        Path library = Path.of(NativeLibrary.class.getResource(folder + "/" + System.mapLibraryName("rondo-" + version)).toURI());
        return run("readelf", "-W", what, library.toString()).lines();
    }

    @Test void whereTemporaryFilesMayNotBeExecutedAnotherFolderIsNamedAndTaken(@TempDir Path folder) throws Exception {
        Path noexec = Files.createDirectory(folder.resolve("noexec")), other = folder.resolve("other");
        List<String> mounted = List.of("unshare", "-rm", "sh", "-c", "mount -t tmpfs -o noexec none \"$0\" && exec \"$@\"", noexec.toString());
        assumeTrue(System.getProperty("os.name").equals("Linux") && succeeds(mounted, "true"), "this user may not mount a folder noexec");
        String problem = run(mounted, java("-Djava.io.tmpdir=" + noexec));
        assertTrue(problem.contains("unpacked to " + noexec) && problem.contains("set -D" + NativeLibrary.FOLDER), problem);
        assertEquals(description("native"), run(mounted, java("-Djava.io.tmpdir=" + noexec, "-D" + NativeLibrary.FOLDER + "=" + other)).strip());
    }

    /** Prints what the native kernel says of itself, or why there is none. */
    public static void main(String[] none) {
        try {
            System.out.println(description("native"));
        } catch (IllegalArgumentException e) {
            System.out.println(e.getMessage());
        }
    }

    private static String[] java(String... options) {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(List.of(options));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), NativeLibraryTest.class.getName()));
        return command.toArray(new String[0]);
    }

    private static boolean succeeds(List<String> prefix, String... command) throws InterruptedException {
        try {
            return start(prefix, command).waitFor() == 0;
        } catch (IOException e) {
            return false;           // there is no such program
        }
    }

    private static String run(String... command) throws Exception {
        return run(List.of(), command);
    }

    private static String run(List<String> prefix, String... command) throws Exception {
        Process process = start(prefix, command);
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        return output;
    }

    private static Process start(List<String> prefix, String... command) throws IOException {
        return new ProcessBuilder(Stream.concat(prefix.stream(), Stream.of(command)).toList()).redirectErrorStream(true).start();
    }

    private static String first(String pattern, String text) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        assertTrue(matcher.find(), pattern + " is not there");
        return matcher.group(1);
    }

    @Test void nothingIsLeftInTheTemporaryFolder() throws IOException {
        assertTrue(NativeLibrary.isLoaded());
        String mine = "rondo-" + ProcessHandle.current().pid() + "-";
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            List<Path> left = files.filter(f -> f.getFileName().toString().startsWith(mine)).toList();
            assertEquals(List.of(), left);
        }
    }
}
