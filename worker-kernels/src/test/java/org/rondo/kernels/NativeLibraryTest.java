package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

    @Test void nothingIsLeftInTheTemporaryFolder() throws IOException {
        assertTrue(NativeLibrary.isLoaded());
        String mine = "rondo-" + ProcessHandle.current().pid() + "-";
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            List<Path> left = files.filter(f -> f.getFileName().toString().startsWith(mine)).toList();
            assertEquals(List.of(), left);
        }
    }
}
