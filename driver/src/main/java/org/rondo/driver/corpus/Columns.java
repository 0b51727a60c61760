package org.rondo.driver.corpus;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** Which columns of a table, or keys of JSON lines, make an example.
 *  @param labelled the target's column; null where none is wanted */
record Columns(Example.Form form, String sequence, Examples.Target target, String labelled) implements Serializable {
    private static final List<Example.Form> CHOICE = List.of(Example.Form.TOKENS, Example.Form.TEXT, Example.Form.FEATURES);

    /** @param there names to choose from
     *  @param where of what, for messages
     *  @throws BadInput if there is no column of a sequence, or more than one is set */
    static Columns of(List<String> there, Examples.Target target, Settings settings, String where, Consumer<String> notes) {
        if (target == Examples.Target.ITSELF) return new Columns(Example.Form.LINE, line(there, settings, where, notes), target, null);
        Example.Form form = form(there, settings, where, notes);
        return new Columns(form, name(form, settings), target, name(target, settings));
    }

    /** The column of a text, rather than of its tokens. */
    private static String line(List<String> there, Settings settings, String where, Consumer<String> notes) {
        String text = name(Example.Form.TEXT, settings);
        if (!settings.has(Setting.TOKENS_COLUMN) && there.contains(text)) return text;
        Example.Form form = form(there, settings, where, notes);
        if (form == Example.Form.FEATURES) throw new BadInput("no column text or tokens in " + where + ", which has " + listed(there)
                + "; a language model reads one of them; set " + Setting.TEXT_COLUMN.option() + " or " + Setting.TOKENS_COLUMN.option());
        return name(form, settings);
    }

    private static Example.Form form(List<String> there, Settings settings, String where, Consumer<String> notes) {
        List<Example.Form> set = CHOICE.stream().filter(form -> settings.has(setting(form))).toList();
        if (set.size() > 1) throw new BadInput(setting(set.get(0)).key() + " and " + setting(set.get(1)).key()
                + " are both set, expected one of them: a sequence has one column; leave one out");
        if (set.size() == 1) {
            String name = name(set.get(0), settings);
            if (!there.contains(name)) throw missing(name, there, where, setting(set.get(0)));
            return set.get(0);
        }
        List<Example.Form> found = CHOICE.stream().filter(form -> there.contains(name(form, settings))).toList();
        if (found.isEmpty()) throw new BadInput("no column tokens, text or features in " + where + ", which has " + listed(there) + "; set "
                + Setting.TOKENS_COLUMN.option() + ", " + Setting.TEXT_COLUMN.option() + " or " + Setting.FEATURES_COLUMN.option());
        Example.Form form = found.get(0);
        if (found.size() > 1) notes.accept("sequences are column " + form.column + " of " + where + ", and not " + found.get(1).column + " (--"
                + setting(found.get(1)).key() + ")");
        return form;
    }

    /** @throws BadInput if the target's column is not there */
    Columns requireTarget(List<String> there, String where) {
        if (labelled != null && !there.contains(labelled)) throw missing(labelled, there, where, setting(target));
        return this;
    }

    static void require(String name, List<String> there, String where, Setting<?> setting) {
        if (!there.contains(name)) throw missing(name, there, where, setting);
    }

    private static BadInput missing(String name, List<String> there, String where, Setting<?> setting) {
        return new BadInput("no column '" + name + "' in " + where + ", which has " + listed(there)
                + Settings.nearest(name, there).map(near -> "; the nearest is '" + near + "'").orElse("") + "; set " + setting.option());
    }

    private static String listed(List<String> names) {
        return String.join(", ", names.subList(0, Math.min(20, names.size()))) + (names.size() > 20 ? ", ..." : "");
    }

    /** The same columns, by the names of those numbers, from 1 or, negative, from the end. */
    static Settings numbered(Settings settings, int columns) {
        for (Setting<String> setting : List.of(Setting.TOKENS_COLUMN, Setting.TEXT_COLUMN, Setting.LABELS_COLUMN, Setting.LABEL_COLUMN, Setting.VALUES_COLUMN))
            if (settings.has(setting) && settings.get(setting).matches("-\\d{1,9}"))
                settings = settings.with(setting, columns + 1 + Integer.parseInt(settings.get(setting)));
        return settings;
    }

    static Setting<String> setting(Example.Form form) {
        return switch (form) {
            case TOKENS -> Setting.TOKENS_COLUMN;
            case TEXT, LINE -> Setting.TEXT_COLUMN;
            case FEATURES -> Setting.FEATURES_COLUMN;
        };
    }

    static Setting<String> setting(Examples.Target target) {
        return switch (target) {
            case NONE, ITSELF -> null;
            case LABELS -> Setting.LABELS_COLUMN;
            case LABEL, VALUE -> Setting.LABEL_COLUMN;
            case VALUES -> Setting.VALUES_COLUMN;
        };
    }

    private static String name(Example.Form form, Settings settings) {
        String set = settings.get(setting(form));
        return set.equals("auto") ? form.column : set;
    }

    private static String name(Examples.Target target, Settings settings) {
        if (target.column() == null) return null;
        String set = settings.get(setting(target));
        return set.equals("auto") ? target.column() : set;
    }

    /** @param field    the value of a column, as {@link Example.Form#read} takes it
     *  @param original what the row keeps */
    Example example(Function<String, Object> field, Object... original) {
        try {
            Object read = form.read(present(field, sequence), "column " + sequence);
            return new Example(read, labelled == null ? null : Example.target(target, present(field, labelled), "column " + labelled, read), original, null, 0);
        } catch (Broken e) {
            return Example.broken(e.getMessage(), e.line, original);
        }
    }

    private static Object present(Function<String, Object> field, String column) throws Broken {
        Object value = field.apply(column);
        if (value == null) throw new Broken("column " + column + " is missing or null");
        return value;
    }

    /** Both, without repeating one. */
    List<String> needed() {
        List<String> needed = new ArrayList<>(List.of(sequence));
        if (labelled != null && !labelled.equals(sequence)) needed.add(labelled);
        return needed;
    }
}
