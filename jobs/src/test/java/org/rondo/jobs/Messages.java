package org.rondo.jobs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What the sources say when something is wrong: the argument of {@code new BadInput(...)} and of its like, with an ellipsis for whatever is no text. */
final class Messages {
    static final String SOMETHING = "…";

    /** @param place file and line
     *  @param type  of the exception; {@code die} in bin/rondo
     *  @param text  "output … is a file, expected a directory" */
    record Message(String place, String type, String text) {
        /** Words that are letters alone. */
        int words() {
            return (int) Stream.of(text.split("[^A-Za-z']+")).filter(word -> word.length() > 1).count();
        }
    }

    private Messages() { }

    /** @param types  simple names, with bars between
     *  @param module below which Java is read */
    static List<Message> of(String types, String module) throws IOException {
        return found("new (" + types + ")\\(", module);
    }

    /** Texts that a method returns, to be thrown by another. */
    static List<Message> returned(String module) throws IOException {
        return found("(return|:) (?=\"[a-z])", module);
    }

    private static List<Message> found(String before, String module) throws IOException {
        List<Message> messages = new ArrayList<>();
        try (Stream<Path> files = Files.walk(Page.ROOT.resolve(module).resolve("src/main/java"))) {
            for (Path file : files.filter(file -> file.toString().endsWith(".java")).sorted().toList()) {
                String source = Files.readString(file);
                Matcher made = Pattern.compile(before).matcher(source);
                while (made.find())
                    messages.add(new Message(file.getFileName() + ":" + source.substring(0, made.start()).lines().count(), made.group(1), argument(source, made.end())));
            }
        }
        return messages;
    }

    /** Of bin/rondo. */
    static List<Message> ofTheScript() throws IOException {
        List<Message> messages = new ArrayList<>();
        Matcher made = Pattern.compile("\\bdie \"([^\"]+)\"").matcher(Files.readString(Page.ROOT.resolve("bin/rondo")));
        while (made.find()) messages.add(new Message("bin/rondo", "die", made.group(1).replaceAll("\\$\\{[^}]*}|\\$\\w+", SOMETHING)));
        return messages;
    }

    /** The first argument of a call, whose operands of + at the top are read. */
    private static String argument(String source, int from) {
        StringBuilder text = new StringBuilder(), other = new StringBuilder();
        int depth = 0;
        for (int i = from; ; i++) {
            char c = source.charAt(i);
            if (c == '"' || c == '\'') {
                int end = i + 1;
                while (source.charAt(end) != c) end += source.charAt(end) == '\\' ? 2 : 1;
                if (c == '"' && depth == 0 && other.toString().isBlank() && isOperand(source, end + 1)) text.append(source, i + 1, end);
                else other.append('x');
                i = end;
                continue;
            }
            boolean ends = depth == 0 && "),;".indexOf(c) >= 0;
            if (ends || depth == 0 && c == '+') {
                if (!other.toString().isBlank() && !text.toString().endsWith(SOMETHING)) text.append(SOMETHING);
                other.setLength(0);
                if (ends) return text.toString().replace("\\\"", "\"").replace("\\\\", "\\");
                continue;
            }
            if ("([{".indexOf(c) >= 0) depth++;
            if (")]}".indexOf(c) >= 0) depth--;
            other.append(c);
        }
    }

    /** Whether what ends here is an operand by itself: no method is called on it. */
    private static boolean isOperand(String source, int at) {
        while (Character.isWhitespace(source.charAt(at))) at++;
        return "+,);".indexOf(source.charAt(at)) >= 0;
    }
}
