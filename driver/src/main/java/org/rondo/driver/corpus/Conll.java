package org.rondo.driver.corpus;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** A line is a token with its labels in columns, and a block of lines a sequence; or several, where -DOCSTART- begins another
 *  document. CoNLL-U besides has rows that are no tokens: those of several words ({@code 3-4}) and empty nodes ({@code 8.1}).
 *  Keeps tokens and labels. */
final class Conll implements Format {
    private static final long serialVersionUID = 1;
    private static final List<String> UNIVERSAL = List.of("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc");
    private static final Pattern ID = Pattern.compile("(\\d+)(-\\d+|\\.\\d+)?");

    private final boolean universal, byTab, labelled, joined;
    private final int tokenColumn, labelColumn;     // from 1, negative from the end
    private final String comment;

    private Conll(boolean universal, Examples.Target target, int tokenColumn, int labelColumn, boolean byTab, String comment) {
        this.universal = universal;
        this.labelled = labelled(target, universal ? "conllu" : "conll");
        this.joined = target == Examples.Target.ITSELF;
        this.tokenColumn = tokenColumn;
        this.labelColumn = labelColumn;
        this.byTab = byTab;
        this.comment = comment;
    }

    static Conll columns(Examples.Target target, Settings settings) {
        return new Conll(false, target, auto(Setting.TOKENS_COLUMN, settings) ? 1 : Format.number(Setting.TOKENS_COLUMN, settings),
                auto(Setting.LABELS_COLUMN, settings) ? -1 : Format.number(Setting.LABELS_COLUMN, settings),
                settings.get(Setting.COLUMNS_BY).equals("tab"), settings.get(Setting.COMMENT));
    }

    static Conll universal(Examples.Target target, Settings settings) {
        return new Conll(true, target, named(Setting.TOKENS_COLUMN, "form", settings), named(Setting.LABELS_COLUMN, "upos", settings),
                true, "#");
    }

    private static boolean labelled(Examples.Target target, String format) {
        if (target.column() != null && target != Examples.Target.LABELS) throw new BadInput("format " + format
                + " has labels of tokens, expected a format with a " + target.column() + " for every sequence, as json or csv; set " + Setting.FORMAT.option());
        return target == Examples.Target.LABELS;
    }

    private static boolean auto(Setting<String> setting, Settings settings) {
        return settings.get(setting).equals("auto");
    }

    private static int named(Setting<String> setting, String auto, Settings settings) {
        String name = auto(setting, settings) ? auto : settings.get(setting);
        if (!UNIVERSAL.contains(name)) throw new BadInput(setting.key() + " is '" + name + "', expected one of " + String.join(", ", UNIVERSAL) + "; set "
                + setting.option());
        return UNIVERSAL.indexOf(name) + 1;
    }

    @Override public List<Example> read(Records.Record record, boolean first) {
        List<Example> examples = new ArrayList<>();
        Sentence sentence = new Sentence();
        for (int n = 0; n < record.lines().size(); n++) {
            String line = record.lines().get(n);
            if (!universal && line.startsWith("-DOCSTART-")) {
                sentence.endInto(examples);
                sentence = new Sentence();
            } else if (comment.isEmpty() || !line.startsWith(comment)) sentence.add(line, n);
        }
        sentence.endInto(examples);
        return examples;
    }

    private final class Sentence {
        private final List<String> tokens = new ArrayList<>(), labels = new ArrayList<>();
        private int line = -1, columns;
        private Broken broken;

        void add(String text, int number) {
            if (line < 0) line = number;
            try {
                if (broken == null) row(text, number);
            } catch (Broken e) {
                broken = e;
            }
        }

        private void row(String text, int number) throws Broken {
            String[] row = byTab ? Stream.of(text.split("\t", -1)).map(String::strip).toArray(String[]::new) : Vocabulary.words(text);
            if (universal && !isToken(row, number)) return;
            if (tokens.isEmpty()) columns = row.length;
            if (row.length != columns) throw new Broken(Example.counted(row.length, "column") + ", expected " + columns
                    + " as in the lines of its sequence before" + ifComment(text), number);
            int token = at(tokenColumn, row), label = at(labelColumn, row);
            if (token < 0 || labelled && (label < 0 || label == token)) throw new Broken(Example.counted(row.length, "column") + ", expected at least "
                    + Math.max(Math.abs(tokenColumn), Math.max(Math.abs(labelColumn), 2)) + ": the token is number " + tokenColumn + ", the label number "
                    + labelColumn + " (columnsBy " + (byTab ? "tab" : "blanks") + ")" + ifComment(text), number);
            tokens.add(filled(row[token], token, "token", number));
            if (labelled) labels.add(filled(row[label], label, "label", number));
            else if (label >= 0 && label != token && !row[label].isEmpty()) labels.add(row[label]);
        }

        private boolean isToken(String[] row, int number) throws Broken {
            if (row.length != UNIVERSAL.size()) throw new Broken(Example.counted(row.length, "column") + ", expected the 10 of CoNLL-U with tabs between", number);
            Matcher id = ID.matcher(row[0]);
            if (!id.matches()) throw new Broken("ID '" + Example.brief(row[0]) + "', expected a number, or one as 3-4 or 8.1", number);
            if (id.group(2) != null) return false;
            if (!id.group(1).equals("" + (tokens.size() + 1))) throw new Broken("ID " + row[0] + ", expected " + (tokens.size() + 1)
                    + ", the next of its sentence", number);
            return true;
        }

        private String ifComment(String text) {
            return text.startsWith("#") && comment.isEmpty() ? "; where it is a comment, set " + Setting.COMMENT.option() + " #" : "";
        }

        private static int at(int column, String[] row) {
            int at = column > 0 ? column - 1 : row.length + column;
            return at < row.length ? at : -1;
        }

        private static String filled(String cell, int at, String what, int number) throws Broken {
            if (cell.isEmpty()) throw new Broken("column " + (at + 1) + ", the " + what + ", is empty", number);
            return cell;
        }

        void endInto(List<Example> examples) {
            if (broken != null) examples.add(Example.broken(broken.getMessage(), broken.line, null, null));
            else if (!tokens.isEmpty()) {
                String[] sequence = tokens.toArray(String[]::new), known = labels.size() == tokens.size() ? labels.toArray(String[]::new) : null;
                Object[] original = {sequence, known};
                examples.add(joined ? joined(sequence, original) : new Example(sequence, labelled ? known : null, original, null, line));
            }
        }

        private Example joined(String[] sequence, Object[] original) {
            try {
                return new Example(Example.line(sequence, "the tokens"), null, original, null, line);
            } catch (Broken e) {
                return Example.broken(e.getMessage(), line, original);
            }
        }
    }
}
