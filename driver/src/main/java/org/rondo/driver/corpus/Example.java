package org.rondo.driver.corpus;

import java.util.ArrayList;
import java.util.List;

/** A sequence and what it is labelled with, or why it is none; in the forms in which a row takes them.
 *  @param sequence tokens: String[]; features: Float[steps][width]; line: String
 *  @param target   labels: String[]; label: String; value: Double; values: Double[]; null where none is wanted
 *  @param original what else of the record its row keeps, column by column
 *  @param error    null for a good one
 *  @param line     of a record of several, the one to name: the first, or the broken one */
record Example(Object sequence, Object target, Object[] original, String error, int line) {

    static Example broken(String error, int line, Object... original) {
        return new Example(null, null, original, error, line);
    }

    /** What a sequence is in a column: a list of tokens, one text to split at white space, a list of vectors, or one text. */
    enum Form {
        TOKENS("tokens", "array<string>") {
            @Override Object read(Object given, String column) throws Broken {
                return texts(list(given, column, "tokens"), column);
            }
        },
        TEXT("text", "string") {
            @Override Object read(Object given, String column) throws Broken {
                if (!(given instanceof String text)) throw unexpected(column, given, "a text");
                String[] words = Vocabulary.words(text);
                if (words.length == 0) throw new Broken(column + " has no token, expected at least one");
                return words;
            }
        },
        FEATURES("features", "array<array<float>>") {
            @Override Object read(Object given, String column) throws Broken {
                List<?> steps = list(given, column, "lists of numbers");
                Float[][] features = new Float[steps.size()][];
                for (int n = 0; n < features.length; n++) {
                    String step = column + ", step " + (n + 1);
                    features[n] = floats(list(steps.get(n), step, "numbers"), step);
                    if (features[n].length != features[0].length) throw new Broken(step + " has " + features[n].length + " numbers, expected "
                            + features[0].length + " as step 1 has");
                }
                return features;
            }
        },
        /** What a language model reads: the text as it stands, or tokens with blanks between. */
        LINE("text", "string or array<string>") {
            @Override Object read(Object given, String column) throws Broken {
                return given instanceof String text ? text : line(texts(list(given, column, "tokens"), column), column);
            }
        };

        final String column, type;

        Form(String column, String type) {
            this.column = column;
            this.type = type;
        }

        /** @param given  a String, Number, Boolean, List or null
         *  @param column for messages */
        abstract Object read(Object given, String column) throws Broken;
    }

    /** The target of a sequence of so many steps.
     *  @param given a String, Number, Boolean, List or null */
    static Object target(Examples.Target target, Object given, String column, Object sequence) throws Broken {
        return switch (target) {
            case NONE, ITSELF -> null;
            case LABELS -> labels(given, column, sequence);
            case LABEL -> label(given, column);
            case VALUE -> number(given, column);
            case VALUES -> doubles(list(given, column, "numbers"), column);
        };
    }

    private static String[] labels(Object given, String column, Object sequence) throws Broken {
        List<?> list = list(given, column, "labels");
        int steps = ((Object[]) sequence).length;
        if (list.size() != steps) throw new Broken(column + " has " + counted(list.size(), "label") + ", expected " + steps + ", one for every "
                + (sequence instanceof String[] ? "token" : "step"));
        return texts(list, column);
    }

    private static String label(Object given, String column) throws Broken {
        boolean exact = given instanceof String || given instanceof Boolean || given instanceof Long || given instanceof Integer
                || given instanceof Short || given instanceof Byte || given instanceof java.math.BigInteger;
        if (!exact) throw unexpected(column, given, "a text or an integer");
        if (given.toString().isBlank()) throw new Broken(column + " is empty, expected a label");
        return given.toString();
    }

    private static List<?> list(Object given, String column, String of) throws Broken {
        if (!(given instanceof List<?> list)) throw unexpected(column, given, "a list of " + of);
        if (list.isEmpty()) throw new Broken(column + " is empty, expected at least one of its " + of);
        return list;
    }

    private static String[] texts(List<?> list, String column) throws Broken {
        String[] texts = new String[list.size()];
        for (int n = 0; n < texts.length; n++) {
            if (!(list.get(n) instanceof String text)) throw unexpected(column + ", number " + (n + 1) + " of " + texts.length + ",", list.get(n), "a text");
            if (text.isEmpty()) throw new Broken(column + ", number " + (n + 1) + " of " + texts.length + ", is empty, expected a text");
            texts[n] = text;
        }
        return texts;
    }

    /** One that has them again where it is split at blanks. */
    static String line(String[] tokens, String column) throws Broken {
        for (int n = 0; n < tokens.length; n++) {
            String[] words = Vocabulary.words(tokens[n]);
            if (words.length != 1 || !words[0].equals(tokens[n])) throw new Broken(column + ", number " + (n + 1) + " of " + tokens.length + ", is '" + brief(tokens[n])
                    + "', expected a token without a blank: a language model reads tokens with blanks between");
        }
        return String.join(" ", tokens);
    }

    private static Float[] floats(List<?> list, String column) throws Broken {
        Float[] floats = new Float[list.size()];
        for (int n = 0; n < floats.length; n++) {
            String where = column + ", number " + (n + 1) + " of " + floats.length + ",";
            floats[n] = (float) number(list.get(n), where);
            if (floats[n].isInfinite()) throw unexpected(where, list.get(n), "at most " + Float.MAX_VALUE + ", the greatest float");
        }
        return floats;
    }

    private static Double[] doubles(List<?> list, String column) throws Broken {
        List<Double> doubles = new ArrayList<>();
        for (Object given : list) doubles.add(number(given, column + ", number " + (doubles.size() + 1) + " of " + list.size() + ","));
        return doubles.toArray(Double[]::new);
    }

    private static double number(Object given, String where) throws Broken {
        if (!(given instanceof Number number) || !Double.isFinite(number.doubleValue())) throw unexpected(where, given, "a finite number");
        return number.doubleValue();
    }

    private static Broken unexpected(String where, Object given, String expected) {
        String came = given instanceof String text ? "'" + brief(text) + "'" : given instanceof List<?> ? "a list" : String.valueOf(given);
        return new Broken(where + " is " + came + ", expected " + expected);
    }

    static String brief(String text) {
        return text.codePointCount(0, text.length()) <= 40 ? text : text.substring(0, text.offsetByCodePoints(0, 40)) + "...";
    }

    static String counted(long count, String of) {
        return count + " " + of + (count == 1 ? "" : "s");
    }
}
