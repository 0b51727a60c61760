package org.rondo.jobs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A page of documentation in Markdown.
 *  @param file   from the root of the project on
 *  @param blocks what is fenced, of each the lines
 *  @param prose  the lines that are not, in their order */
record Page(Path file, List<Block> blocks, List<String> prose) {
    static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)|(?:src|href|srcset)=\"([^\"]+)\""), CODE = Pattern.compile("`([^`]+)`"), HEADING = Pattern.compile("#+ +(.*)");

    /** @param language empty where none is said
     *  @param first    number of its first line, from 1 */
    record Block(String language, int first, List<String> lines) {
        /** Of a shell, or of nothing that is said. */
        boolean isShell() {
            return Set.of("", "sh", "bash", "console").contains(language);
        }

        /** One a line; those that end with a backslash go on. */
        List<String> commands() {
            return List.of(String.join("\n", lines).replace("\\\n", " ").split("\n")).stream().map(line -> line.replaceFirst("^\\$ ", "")).toList();
        }
    }

    static Page read(Path file) {
        try {
            List<Block> blocks = new ArrayList<>();
            List<String> prose = new ArrayList<>(), lines = Files.readAllLines(ROOT.resolve(file));
            for (int n = 0; n < lines.size(); n++) {
                if (!lines.get(n).startsWith("```")) {
                    prose.add(lines.get(n));
                    continue;
                }
                int first = n + 1;
                String language = lines.get(n).substring(3).strip();
                while (++n < lines.size() && !lines.get(n).startsWith("```")) { }
                blocks.add(new Block(language, first + 1, lines.subList(first, Math.min(n, lines.size()))));
            }
            return new Page(file, blocks, prose);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** README.md, CONTRIBUTING.md, and all below docs. */
    static List<Page> all() throws IOException {
        try (Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
            return Stream.concat(Stream.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")), docs.filter(file -> file.toString().endsWith(".md")).sorted())
                    .map(file -> read(ROOT.relativize(file))).toList();
        }
    }

    /** What stands in the text as code. */
    List<String> code() {
        return CODE.matcher(String.join("\n", prose)).results().map(found -> found.group(1).replace("\n", " ")).toList();
    }

    /** Targets as they are written. */
    List<String> links() {
        return LINK.matcher(CODE.matcher(String.join("\n", prose)).replaceAll("")).results().map(found -> found.group(1) == null ? found.group(2) : found.group(1)).toList();
    }

    /** Of the headings, as GitHub makes them. */
    Set<String> anchors() {
        Set<String> anchors = new HashSet<>();
        for (String line : prose) {
            Matcher heading = HEADING.matcher(line);
            if (!heading.matches()) continue;
            String anchor = heading.group(1).replaceAll("\\]\\([^)]*\\)", "").toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-');
            String unique = anchor;
            for (int n = 1; !anchors.add(unique); n++) unique = anchor + "-" + n;
        }
        return anchors;
    }

    /** The cells of the first column of tables. */
    List<String> firstColumn() {
        return prose.stream().filter(line -> line.startsWith("|")).map(line -> line.substring(1).split("(?<!\\\\)\\|")[0].strip()).collect(Collectors.toList());
    }
}
