package org.rondo.driver.corpus;

import java.io.Serializable;
import java.util.List;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** How the records of a text file are examples. */
interface Format extends Serializable {
    /** @param first whether the record begins its file
     *  @return none for what is no example, as a blank line or a header; of a broken one, what is wrong
     *  @throws Broken if the file cannot be read on */
    List<Example> read(Records.Record record, boolean first) throws Broken;

    /** A line is a sequence, its words are the tokens; one of them may be the label. Keeps the line. */
    static Format text(Examples.Target target, Settings settings) {
        boolean labelled = target == Examples.Target.LABEL;
        if (target.column() != null && !(labelled && settings.has(Setting.LABEL_COLUMN)))
            throw new BadInput("format text has no " + target.column() + ", expected "
                    + (labelled ? "--labelColumn 1 or -1 where the first or last word of a line is its label, or " : "")
                    + "another format; set " + (labelled ? Setting.LABEL_COLUMN.option() + " or " : "") + Setting.FORMAT.option());
        int column = labelled ? number(Setting.LABEL_COLUMN, settings) : 0;
        return (record, first) -> {
            String line = record.lines().get(0);
            if (target == Examples.Target.ITSELF) return List.of(new Example(line, null, new Object[] {line}, null, 0));
            String[] words = Vocabulary.words(line);
            if (words.length == 0) return List.of();
            if (!labelled) return List.of(new Example(words, null, new Object[] {line}, null, 0));
            int at = column > 0 ? column - 1 : words.length + column;
            if (words.length < 2 || at < 0 || at >= words.length) return List.of(Example.broken(Example.counted(words.length, "word") + ", expected at least "
                    + Math.max(2, Math.abs(column)) + ", of which number " + column + " is the label", 0, line));
            String[] tokens = new String[words.length - 1];
            System.arraycopy(words, 0, tokens, 0, at);
            System.arraycopy(words, at + 1, tokens, at, tokens.length - at);
            return List.of(new Example(tokens, words[at], new Object[] {line}, null, 0));
        };
    }

    /** The number of a column.
     *  @throws BadInput if the setting is none */
    static int number(Setting<String> setting, Settings settings) {
        String set = settings.get(setting).strip();
        if (!set.matches("-?[1-9]\\d{0,5}")) throw new BadInput(setting.key() + " is '" + set
                + "', expected the number of a column, from 1 or, from the end, -1; set " + setting.option());
        return Integer.parseInt(set);
    }
}
