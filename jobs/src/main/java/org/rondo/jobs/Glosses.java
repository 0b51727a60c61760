package org.rondo.jobs;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** The definitions in WordNet's data files (format: wndb(5WN)). A line is a synset; its gloss follows {@code " | "}: a
 *  definition, then examples in quotes, all separated by {@code "; "}. The licence at a file's head has leading blanks. */
final class Glosses {
    private static final List<String> PARTS_OF_SPEECH = List.of("noun", "verb", "adj", "adv");
    private static final String FOLDER = "net/sf/extjwnl/data/wordnet/wn31/data.";
    private static final String MARK = " | ";

    private Glosses() { }

    /** One definition a line, nouns first, examples left out.
     *  @param archive that has WordNet's files under extjwnl's names
     *  @throws UncheckedIOException if it is not such an archive */
    static List<String> read(java.nio.file.Path archive) {
        List<String> definitions = new ArrayList<>();
        for (String part : PARTS_OF_SPEECH) definitions.addAll(read(new StringReader(data(archive, part))));
        return definitions;
    }

    /** WordNet's licence, as it heads every data file, without its line numbers. */
    static List<String> licence(java.nio.file.Path archive) {
        return data(archive, PARTS_OF_SPEECH.get(0)).lines().takeWhile(line -> line.startsWith(" "))
                .map(line -> line.replaceFirst("^ +[0-9]+ ?", "").stripTrailing()).toList();
    }

    private static String data(java.nio.file.Path archive, String part) {
        try (ZipFile zip = new ZipFile(archive.toFile())) {
            ZipEntry entry = zip.getEntry(FOLDER + part);
            if (entry == null) throw new IOException("no entry " + FOLDER + part + " in " + archive);
            try (InputStream in = zip.getInputStream(entry)) {
                return new String(in.readAllBytes(), StandardCharsets.UTF_8);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("WordNet's definitions cannot be read: " + e.getMessage(), e);
        }
    }

    /** The definitions of one data file, in its order. */
    static List<String> read(Reader data) {
        return new BufferedReader(data).lines().flatMap(line -> definition(line).stream()).toList();
    }

    /** What a synset means; nothing for a line of the licence, or a gloss of examples only. */
    static Optional<String> definition(String line) {
        int mark = line.indexOf(MARK);
        if (line.startsWith(" ") || mark < 0) return Optional.empty();
        String gloss = line.substring(mark + MARK.length()).strip();
        int examples = gloss.startsWith("\"") ? 0 : gloss.indexOf("; \"");
        String definition = (examples < 0 ? gloss : gloss.substring(0, examples)).strip();
        return definition.isEmpty() ? Optional.empty() : Optional.of(definition);
    }
}
