package org.rondo.jobs;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** A line as a shell cuts it up: the commands of it, each its words. Knows quotes, comments, pipes and redirections; variables stay as they stand. */
final class ShellLine {
    private static final Set<String> BEFORE = Set.of("taskset", "time", "env", "exec", "if", "then", "else", "do", "!");
    private final List<List<String>> commands = new ArrayList<>(List.of(new ArrayList<>()));
    private StringBuilder word;

    private ShellLine() { }

    static List<List<String>> commands(String line) {
        ShellLine shell = new ShellLine();
        shell.read(line);
        shell.commands.removeIf(List::isEmpty);
        return shell.commands;
    }

    /** The first of the commands that runs a program whose path ends so: its words after the program's name; null where there is none. */
    static List<String> arguments(String line, String program) {
        for (List<String> words : commands(line)) {
            int at = 0;
            while (at < words.size() && (BEFORE.contains(words.get(at)) || words.get(at).matches("[A-Za-z_]+=.*") || words.get(at).matches("-c|[0-9]+"))) at++;
            if (at < words.size() && (words.get(at).equals(program) || words.get(at).endsWith("/" + program))) return words.subList(at + 1, words.size());
        }
        return null;
    }

    private void read(String line) {
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (c == '#' && word == null) break;
            if (c == '\'' || c == '"') {
                int end = line.indexOf(c, i + 1);
                if (end < 0) throw new IllegalArgumentException("a quote is not closed in: " + line);
                append(line.substring(i + 1, end));
                i = end;
            } else if (c == '\\' && i + 1 < line.length()) append(line.substring(++i, i + 1));
            else if (c == ' ' || c == '\t') endWord();
            else if (c == '>' || c == '<') i = redirection(line, i);
            else if (c == '|' || c == ';' || c == '&') {
                endWord();
                commands.add(new ArrayList<>());
            } else append(String.valueOf(c));
        }
        endWord();
    }

    /** Where the file's name ends. */
    private int redirection(String line, int i) {
        if (word != null && word.toString().matches("[0-9]")) word = null;      // 2>
        endWord();
        while (i + 1 < line.length() && "<>& ".indexOf(line.charAt(i + 1)) >= 0) i++;
        while (i + 1 < line.length() && " |;&".indexOf(line.charAt(i + 1)) < 0) i++;
        return i;
    }

    private void append(String text) {
        if (word == null) word = new StringBuilder();
        word.append(text);
    }

    private void endWord() {
        if (word != null) commands.get(commands.size() - 1).add(word.toString());
        word = null;
    }
}
