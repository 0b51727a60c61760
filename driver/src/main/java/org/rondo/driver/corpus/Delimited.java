package org.rondo.driver.corpus;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;

/** A line is a row of cells. csv has commas between them, and cells in double quotes where they have commas or, doubled, quotes
 *  (RFC 4180, but a cell ends on its line); tsv has tabs, and takes quotes for what they are. Keeps the cells. */
final class Delimited implements Format {
    private static final long serialVersionUID = 1;

    private final boolean quoted, header;
    private final String file;
    private final List<String> names;
    private final Columns columns;

    /** @param names of the columns, as {@link #names} has them
     *  @param file  that the names are from, for messages */
    Delimited(boolean quoted, boolean header, List<String> names, String file, Columns columns) {
        this.quoted = quoted;
        this.header = header;
        this.names = names;
        this.file = file;
        this.columns = columns;
        if (columns.form() == Example.Form.FEATURES) throw new BadInput("column " + columns.sequence() + " of " + file
                + " is to be features, expected a format with lists of lists, as json or parquet; set " + Setting.FORMAT.option());
    }

    /** Of a file with this first line.
     *  @throws BadInput if two are the same */
    static List<String> names(String line, boolean quoted, boolean header, String file) {
        try {
            List<String> cells = cells(line, quoted), names = new ArrayList<>();
            for (int n = 0; n < cells.size(); n++) {
                String name = !header ? "" + (n + 1) : cells.get(n).isBlank() ? "_c" + n : cells.get(n);      // as Spark names it
                if (names.contains(name)) throw new BadInput("the header of " + file + " has column '" + name
                        + "' twice, expected every name once; rename one, or set " + Setting.NO_HEADER.option());
                names.add(name);
            }
            return names;
        } catch (Broken e) {
            throw new BadInput(file + ", line 1: " + e.getMessage());
        }
    }

    @Override public List<Example> read(Records.Record record, boolean first) throws Broken {
        String line = record.lines().get(0);
        if (header && first) {
            List<String> own = names(line, quoted, true, "");
            if (!own.equals(names)) throw new Broken("header " + own + ", expected " + names + " as in " + file
                    + "; read files of one header at a time, or set " + Setting.NO_HEADER.option());
            return List.of();
        }
        if (line.isBlank()) return List.of();
        Object[] original = new Object[names.size()];
        try {
            List<String> cells = cells(line, quoted);
            if (cells.size() != names.size()) throw new Broken(Example.counted(cells.size(), "cell") + ", expected " + names.size() + " as in line 1 of " + file);
            cells.toArray(original);
            return List.of(columns.example(name -> value(name, cells.get(names.indexOf(name))), original));
        } catch (Broken e) {
            return List.of(Example.broken(e.getMessage(), 0, original));
        }
    }

    /** As in a table that has types. */
    private Object value(String name, String cell) {
        if (name.equals(columns.sequence())) return columns.form() == Example.Form.TOKENS ? words(cell) : cell;
        return switch (columns.target()) {
            case LABELS -> words(cell);
            case VALUE -> number(cell);
            case VALUES -> words(cell).stream().map(Delimited::number).toList();
            case LABEL, NONE, ITSELF -> cell;
        };
    }

    private static List<String> words(String cell) {
        return Arrays.asList(Vocabulary.words(cell));
    }

    private static Object number(String cell) {
        try {
            return Double.valueOf(cell.strip());
        } catch (NumberFormatException e) {
            return cell;
        }
    }

    static List<String> cells(String line, boolean quoted) throws Broken {
        if (!quoted) return Arrays.asList(line.split("\t", -1));
        List<String> cells = new ArrayList<>();
        int at = 0;
        do {
            if (at < line.length() && line.charAt(at) == '"') {
                StringBuilder cell = new StringBuilder();
                at = quotedInto(cell, line, at + 1, cells.size() + 1);
                cells.add(cell.toString());
            } else {
                int end = line.indexOf(',', at);
                cells.add(line.substring(at, at = end < 0 ? line.length() : end));
            }
        } while (at++ < line.length());
        return cells;
    }

    /** @return where the cell has ended: a comma, or the line's end */
    private static int quotedInto(StringBuilder cell, String line, int from, int number) throws Broken {
        for (int at = from; ; ) {
            int quote = line.indexOf('"', at);
            if (quote < 0) throw new Broken("the quotes of cell " + number + " are not closed, expected them closed on the same line");
            cell.append(line, at, quote);
            at = quote + 1;
            if (at == line.length() || line.charAt(at) == ',') return at;
            if (line.charAt(at) != '"') throw new Broken("'" + line.charAt(at) + "' after the quotes of cell " + number
                    + ", expected a comma; a quote within quotes is doubled");
            cell.append('"');
            at++;
        }
    }
}
