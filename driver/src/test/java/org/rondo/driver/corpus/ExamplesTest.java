package org.rondo.driver.corpus;

import static org.apache.spark.sql.functions.col;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.GZIPOutputStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Examples.Target;

class ExamplesTest {
    private static JavaSparkContext sc;
    private static SparkSession spark;
    private static final AtomicInteger failures = new AtomicInteger();
    private final List<String> notes = new ArrayList<>();
    @TempDir Path dir;

    @BeforeAll static void start() {
        sc = new JavaSparkContext(new SparkConf(false).setMaster("local[2,4]").setAppName("test").set("spark.ui.enabled", "false")
                .set("spark.sql.shuffle.partitions", "3").set("spark.sql.codegen.wholeStage", "false")     // compiling takes longer than these few rows
                .set("spark.hadoop.textinputformat.record.delimiter", "|")                  // what a cluster may have set
                .set("spark.hadoop.mapreduce.input.fileinputformat.split.maxsize", "40"));  // so that files are cut
        spark = SparkSession.builder().getOrCreate();
        sc.sc().addSparkListener(new SparkListener() {
            @Override public void onTaskEnd(SparkListenerTaskEnd end) {
                if (!end.taskInfo().successful()) failures.incrementAndGet();
            }
        });
    }

    @AfterAll static void stop() {
        sc.close();
        assertEquals(0, failures.get(), "tasks that failed, and so were tried again: what is broken is data");
    }

    // text

    @Test void aLineOfTextIsASequenceOfItsWords() throws IOException {
        Path file = write("a.txt", "eins  zwei\tdrei\n \n\nvier\u3000f\u00fcnf \r\nsechs");
        assertEquals(List.of("eins zwei drei", "vier f\u00fcnf", "sechs"), read(file, Target.NONE));
        assertEquals(List.of("format is text, by the name of file:" + file), notes);
    }

    @Test void aWordOfALineOfTextMayBeItsLabel() throws IOException {
        Path file = write("a.txt", "join board as director V\nis chairman of company N\n");
        assertEquals(List.of("join board as director | V", "is chairman of company | N"), read(file, Target.LABEL, "labelColumn", "-1"));
        assertEquals(List.of("board as director V | join", "chairman of company N | is"), read(file, Target.LABEL, "labelColumn", "1"));
        assertEquals("file:" + write("b.txt", "a b N\nV\n") + ", line 2: 1 word, expected at least 2, of which number -1 is the label"
                + MEND, refused("b.txt", Target.LABEL, "labelColumn", "-1"));
        assertEquals("format text has no label, expected --labelColumn 1 or -1 where the first or last word of a line is its label, or another format; "
                + "set --labelColumn (spark.rondo.labelColumn) or --format (spark.rondo.format)", refused("a.txt", Target.LABEL));
        assertEquals("format text has no labels, expected another format; set --format (spark.rondo.format)", refused("a.txt", Target.LABELS));
        assertEquals("labelColumn is '0', expected the number of a column, from 1 or, from the end, -1; set --labelColumn (spark.rondo.labelColumn)",
                refused("a.txt", Target.LABEL, "labelColumn", "0"));
    }

    // conll

    @Test void conllIsColumnsAndBlankLines() throws IOException {
        Path file = write("a.conll", "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\r\n \t \n\n\nPeter NNP B-NP B-PER\n-DOCSTART- -X- -X- O\nZ\u00fcrich NNP I-NP B-LOC\n\n");
        assertEquals(List.of("EU rejects | B-ORG O", "Peter | B-PER", "Z\u00fcrich | B-LOC"), read(file, Target.LABELS));
        assertEquals(List.of("NNP VBZ | B-NP B-VP", "NNP | B-NP", "NNP | I-NP"), read(file, Target.LABELS, "tokensColumn", "2", "labelsColumn", "-2"));
        assertEquals(List.of("EU rejects", "Peter", "Z\u00fcrich"), read(file, Target.NONE));
    }

    @Test void columnsByTabMayHaveBlanksWithin() throws IOException {
        Path file = write("a.conll", "New York\tB-LOC\n\ud83d\ude4f \tO\n");
        assertEquals(List.of("New York_\ud83d\ude4f | B-LOC O"), read(file, Target.LABELS, "columnsBy", "tab").stream().map(s -> s.replaceFirst("k ", "k_")).toList());
        assertEquals("file:" + file + ", line 2: 2 columns, expected 3 as in the lines of its sequence before" + MEND, refused("a.conll", Target.LABELS));
    }

    @Test void commentsAreLeftOutWhereTheyAreSet() throws IOException {
        Path file = write("a.iob2", "# sent_id = 1\n# text = a b\n1\ta\tB-X\t-\n2\t#b\tO\t-\n");
        assertEquals(List.of("a #b | B-X O"), read(file, Target.LABELS, "comment", "#", "tokensColumn", "2", "labelsColumn", "3"));
        assertEquals("file:" + file + ", line 2: 5 columns, expected 4 as in the lines of its sequence before; where it is a comment, set --comment (spark.rondo.comment) #" + MEND,
                refused("a.iob2", Target.LABELS));
        assertEquals("file:" + file + ", line 1: 1 column, expected at least 3: the token is number 2, the label number 3 (columnsBy tab); where it is a comment, "
                + "set --comment (spark.rondo.comment) #" + MEND, refused("a.iob2", Target.LABELS, "columnsBy", "tab", "tokensColumn", "2", "labelsColumn", "3"));
        write("b.conll", "#MH17\tO\n");
        assertEquals(List.of("#MH17 | O"), read(dir.resolve("b.conll"), Target.LABELS));
    }

    @Test void aBrokenLineOfConllIsNamed() throws IOException {
        Path one = write("one.conll", "a O\nb O\n\nc\n");
        assertEquals("file:" + one + ", line 4: 1 column, expected at least 2: the token is number 1, the label number -1 (columnsBy blanks)" + MEND, refused("one.conll", Target.LABELS));
        assertEquals(List.of("a b", "c"), read(one, Target.NONE));
        Path empty = write("empty.conll", "a\tO\n\t O\n\nb\t \nc\tO\n");
        assertEquals("file:" + empty + ", line 2: column 1, the token, is empty (the first of 2 sequences with something wrong)" + MEND, refused("empty.conll", Target.LABELS, "columnsBy", "tab"));
        write("label.conll", "b\t \nc\tO\n");
        assertTrue(refused("label.conll", Target.LABELS, "columnsBy", "tab").contains("label.conll, line 1: column 2, the label, is empty"));
        assertEquals("tokensColumn is 'form', expected the number of a column, from 1 or, from the end, -1; set --tokensColumn (spark.rondo.tokensColumn)",
                refused("one.conll", Target.LABELS, "tokensColumn", "form"));
        assertEquals("format conll has labels of tokens, expected a format with a label for every sequence, as json or csv; set --format (spark.rondo.format)", refused("one.conll", Target.LABEL));
    }

    // conllu

    private static final String UD = """
            # sent_id = 1
            # text = I don't
            1\tI\tI\tPRON\tPRP\tCase=Nom\t4\tnsubj\t_\t_
            2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
            2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t_\t_
            3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_
            3.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t4:conj\t_

            # sent_id = 2
            1\t10 000\t10000\tNUM\t_\t_\t0\troot\t_\t_
            """;

    @Test void conlluHasWordsOnly() throws IOException {
        Path file = write("a.conllu", UD);
        assertEquals(List.of("I do n't | PRON AUX PART", "10 000 | NUM"), read(file, Target.LABELS));
        assertEquals(List.of("I do n't | PRP VBP RB", "10 000 | _"), read(file, Target.LABELS, "labelsColumn", "xpos"));
        assertEquals(List.of("I do not | Case=Nom _ _", "10000 | _"), read(file, Target.LABELS, "labelsColumn", "feats", "tokensColumn", "lemma"));
        assertEquals("labelsColumn is 'pos', expected one of id, form, lemma, upos, xpos, feats, head, deprel, deps, misc; set --labelsColumn (spark.rondo.labelsColumn)",
                refused("a.conllu", Target.LABELS, "labelsColumn", "pos"));
    }

    @Test void aBrokenRowOfConlluIsNamed() throws IOException {
        Path file = write("a.conllu", UD.replace("\tNUM\t_", "\tNUM"));
        assertEquals("file:" + file + ", line 10: 9 columns, expected the 10 of CoNLL-U with tabs between" + MEND, refused("a.conllu", Target.LABELS));
        write("a.conllu", UD.replace("\n3\t", "\nx\t"));
        assertEquals("file:" + file + ", line 6: ID 'x', expected a number, or one as 3-4 or 8.1" + MEND, refused("a.conllu", Target.LABELS));
        write("a.conllu", UD.replace("\n\n", "\n"));
        assertEquals("file:" + file + ", line 9: ID 1, expected 4, the next of its sentence" + MEND, refused("a.conllu", Target.LABELS));
    }

    // json

    @Test void linesOfJsonHaveTokensAndLabels() throws IOException {
        Path file = write("a.jsonl", "{\"id\": 7, \"tokens\": [\"a\", \"b c\"], \"labels\": [\"O\", \"B\"]}\n\n{\"tokens\": [\"d\"], \"labels\": [\"O\"]}\n");
        assertEquals(List.of("a b c | O B", "d | O"), read(file, Target.LABELS));
        write("b.json", "{\"words\": \"a  b\", \"class\": 3, \"y\": 1.5, \"ys\": [1, 2.5]}\n");
        assertEquals(List.of("a b | 3"), read(dir.resolve("b.json"), Target.LABEL, "textColumn", "words", "labelColumn", "class"));
        assertEquals(List.of("a b | 1.5"), read(dir.resolve("b.json"), Target.VALUE, "textColumn", "words", "labelColumn", "y"));
        assertEquals(List.of("a b | 1.0 2.5"), read(dir.resolve("b.json"), Target.VALUES, "textColumn", "words", "valuesColumn", "ys"));
        write("c.json", "{\"features\": [[1, 2.5], [3, -4e-1]], \"labels\": [\"x\", \"y\"]}\n");
        assertEquals(List.of("[1.0 2.5] [3.0 -0.4] | x y"), read(dir.resolve("c.json"), Target.LABELS));
    }

    @Test void whatIsWrongWithALineOfJsonIsNamed() throws IOException {
        String[][] wrong = {
            {"[1]", "'[1]', expected a JSON object"},
            {"null", "'null', expected a JSON object"},
            {"{\"tokens\": [\"a\"]} x", "no JSON: Unrecognized token 'x': was expecting (JSON String, Number (or 'NaN'/'+INF'/'-INF'), Array, Object or token 'null', 'true' or 'false') at column 20"},
            {"{\"tokens\": [\"a\"], \"tokens\": []}", "no JSON: Duplicate field 'tokens' at column 27"},
            {"{\"labels\": [\"a\"]}", "column tokens is missing or null"},
            {"{\"tokens\": null}", "column tokens is missing or null"},
            {"{\"tokens\": \"a b\"}", "column tokens is 'a b', expected a list of tokens"},
            {"{\"tokens\": []}", "column tokens is empty, expected at least one of its tokens"},
            {"{\"tokens\": [\"a\", 5]}", "column tokens, number 2 of 2, is 5, expected a text"},
            {"{\"tokens\": [\"a\", null]}", "column tokens, number 2 of 2, is null, expected a text"},
            {"{\"tokens\": [\"\"]}", "column tokens, number 1 of 1, is empty, expected a text"},
            {"{\"tokens\": [\"a\"]}", "column labels is missing or null"},
            {"{\"tokens\": [\"a\", \"b\"], \"labels\": [\"O\"]}", "column labels has 1 label, expected 2, one for every token"},
            {"{\"tokens\": [\"a\"], \"labels\": [\"O\", \"O\"]}", "column labels has 2 labels, expected 1, one for every token"},
            {"{\"tokens\": [\"a\"], \"labels\": [\"\"]}", "column labels, number 1 of 1, is empty, expected a text"},
            {"{\"tokens\": [\"a\"], \"labels\": \"O\"}", "column labels is 'O', expected a list of labels"}};
        StringBuilder file = new StringBuilder("{\"tokens\": [\"a\"], \"labels\": [\"O\"]}\n");
        for (String[] line : wrong) file.append(line[0]).append('\n');
        Path path = write("a.json", file.toString());
        assertEquals("file:" + path + ", line 2: '[1]', expected a JSON object (the first of " + wrong.length + " sequences with something wrong)" + MEND, refused("a.json", Target.LABELS));
        for (String[] line : wrong) assertEquals(line[1], json(Target.LABELS, line[0]));
    }

    private static String json(Target target, String line) {
        String sequence = line.contains("features") ? "features" : "tokens";
        return error(new JsonLines(Columns.of(List.of(sequence), target, settings(), "a test", note -> { })), line);
    }

    private static String error(Format format, String line) {
        try {
            return format.read(new Records.Record(1, 100, List.of(line), -1, null), false).get(0).error();
        } catch (Broken e) {
            throw new AssertionError(e);
        }
    }

    @Test void whatIsWrongWithNumbersIsNamed() {
        String[][] wrong = {
            {"{\"features\": [[1, 2], [3]], \"label\": 1}", "column features, step 2 has 1 numbers, expected 2 as step 1 has"},
            {"{\"features\": [[1, NaN]], \"label\": 1}", "column features, step 1, number 2 of 2, is NaN, expected a finite number"},
            {"{\"features\": [[1, 2], [-Infinity, 1]], \"label\": 1}", "column features, step 2, number 1 of 2, is -Infinity, expected a finite number"},
            {"{\"features\": [[1e39]], \"label\": 1}", "column features, step 1, number 1 of 1, is 1.0E39, expected at most 3.4028235E38, the greatest float"},
            {"{\"features\": [[1, null]], \"label\": 1}", "column features, step 1, number 2 of 2, is null, expected a finite number"},
            {"{\"features\": [1, 2], \"label\": 1}", "column features, step 1 is 1, expected a list of numbers"},
            {"{\"features\": [], \"label\": 1}", "column features is empty, expected at least one of its lists of numbers"},
            {"{\"features\": [[]], \"label\": 1}", "column features, step 1 is empty, expected at least one of its numbers"},
            {"{\"features\": [[1]], \"label\": \"1\"}", "column label is '1', expected a finite number"},
            {"{\"features\": [[1]], \"label\": NaN}", "column label is NaN, expected a finite number"},
            {"{\"features\": [[1]], \"label\": null}", "column label is missing or null"}};
        for (String[] line : wrong) assertEquals(line[1], json(Target.VALUE, line[0]));
        assertEquals("column label is 1.5, expected a text or an integer", json(Target.LABEL, "{\"features\": [[1]], \"label\": 1.5}"));
        assertEquals("column label is empty, expected a label", json(Target.LABEL, "{\"features\": [[1]], \"label\": \" \"}"));
        assertEquals("column values, number 2 of 2, is 'x', expected a finite number", json(Target.VALUES, "{\"features\": [[1]], \"values\": [1, \"x\"]}"));
    }

    @Test void aFileThatIsNoJsonSaysSo() throws IOException {
        Path file = write("a.json", "plain\ntext\n");
        assertEquals("no JSON object in the first 2 lines of file:" + file + ", expected one on every line; check --format (spark.rondo.format)", refused("a.json", Target.LABELS));
    }

    // csv, tsv

    @Test void csvHasQuotesAndTsvHasNone() throws IOException {
        Path csv = write("a.csv", "\uFEFFid,text,label\r\n1,\"He said \"\"no\"\", twice\",neg\r\n2,plain \"text\",pos\r\n\r\n3,\"\"\"q\"\"\",pos\r\n");
        assertEquals(List.of("He said \"no\", twice | neg", "plain \"text\" | pos", "\"q\" | pos"), read(csv, Target.LABEL));
        Path tsv = write("a.tsv", "text\tlabel\n\"Hello there\tpos\nbye\tneg\n");
        assertEquals(List.of("\"Hello there | pos", "bye | neg"), read(tsv, Target.LABEL));
    }

    @Test void columnsOfACsvMayBeNumbers() throws IOException {
        Path file = write("a.csv", "1,a b,B O,0.5\n2,c,O,-3\n");
        assertEquals(List.of("a b | B O", "c | O"), read(file, Target.LABELS, "noHeader", "true", "tokensColumn", "2", "labelsColumn", "-2"));
        assertEquals(List.of("a b | 0.5", "c | -3.0"), read(file, Target.VALUE, "noHeader", "true", "textColumn", "2", "labelColumn", "-1"));
        assertEquals(List.of("B O | 1.0", "O | 2.0"), read(file, Target.VALUES, "noHeader", "true", "textColumn", "3", "valuesColumn", "1"));
        assertEquals("no column tokens, text or features in file:" + file + ", which has 1, 2, 3, 4; set --tokensColumn (spark.rondo.tokensColumn), "
                + "--textColumn (spark.rondo.textColumn) or --featuresColumn (spark.rondo.featuresColumn)", refused("a.csv", Target.NONE, "noHeader", "true"));
        assertEquals("no column '5' in file:" + file + ", which has 1, 2, 3, 4; the nearest is '1'; set --labelColumn (spark.rondo.labelColumn)",
                refused("a.csv", Target.VALUE, "noHeader", "true", "textColumn", "2", "labelColumn", "5"));
    }

    @Test void whatIsWrongWithACsvIsNamed() throws IOException {
        String[][] wrong = {
            {"a", "1 cell, expected 2 as in line 1 of file:" + dir + "/a.csv"},
            {"a,b,c", "3 cells, expected 2 as in line 1 of file:" + dir + "/a.csv"},
            {"\"a,b", "the quotes of cell 1 are not closed, expected them closed on the same line"},
            {"\"a\"b,c", "'b' after the quotes of cell 1, expected a comma; a quote within quotes is doubled"},
            {" ,x", "column text has no token, expected at least one"},
            {"a,", "column label is empty, expected a label"}};
        for (String[] line : wrong) assertEquals(line[1], csv(Target.LABEL, line[0]));
        assertEquals("column label is 'abc', expected a finite number", csv(Target.VALUE, "x,abc"));
        Path a = write("a.csv", "text,label\na,b\n\na,b,c\n");
        assertEquals("file:" + a + ", line 4: " + wrong[1][1] + MEND, refused("a.csv", Target.LABEL));
        Path file = write("b.csv", "text,text\n");
        assertEquals("the header of file:" + file + " has column 'text' twice, expected every name once; rename one, or set --noHeader (spark.rondo.noHeader)", refused("b.csv", Target.NONE));
        Path typo = write("c.csv", "text,lable\na,b\n");
        assertEquals("no column 'label' in file:" + typo + ", which has text, lable; the nearest is 'lable'; set --labelColumn (spark.rondo.labelColumn)", refused("c.csv", Target.LABEL));
        assertEquals("no sequence in file:" + write("d.csv", "text,label\n") + ", expected at least one; check it and --format (spark.rondo.format)", refused("d.csv", Target.LABEL));
        assertTrue(refused("c.csv", Target.NONE, "featuresColumn", "text").contains("is to be features, expected a format with lists of lists, as json or parquet"));
    }

    private String csv(Target target, String line) {
        List<String> names = List.of("text", "label");
        return error(new Delimited(true, true, names, "file:" + dir + "/a.csv", Columns.of(names, target, settings(), "a test", note -> { })), line);
    }

    @Test void filesOfAFolderHaveOneHeader() throws IOException {
        write("t/a.csv", "text,label\na,1\n");
        write("t/b.csv", "text,label\nb,2\n");
        assertEquals(List.of("a | 1", "b | 2"), read(dir.resolve("t"), Target.LABEL));
        Path other = write("t/c.csv", "label,text\n3,c\n");
        for (String badLines : List.of("fail", "skip"))
            assertEquals("file:" + other + ": header [label, text], expected [text, label] as in file:" + dir + "/t/a.csv; read files of one header at a time, or set --noHeader (spark.rondo.noHeader)",
                    refused("t", Target.LABEL, "badLines", badLines));
    }

    // tables

    private static final StructType TAGGED = new StructType().add("id", DataTypes.IntegerType).add("tokens", DataTypes.createArrayType(DataTypes.StringType))
            .add("labels", DataTypes.createArrayType(DataTypes.StringType)).add("text", DataTypes.StringType);

    private static Row tagged(int id, String tokens, String labels) {
        return org.apache.spark.sql.RowFactory.create(id, tokens == null ? null : tokens.split(" "), labels == null ? null : labels.split(" "), "text " + id);
    }

    @Test void aParquetIsCheckedBeforeAnythingRuns() {
        String path = dir + "/t.parquet";
        spark.createDataFrame(List.of(tagged(1, "a b", "O B"), tagged(2, "c", "O")), TAGGED).coalesce(1).write().parquet(path);
        assertEquals(List.of("a b | O B", "c | O"), read(Path.of(path), Target.LABELS));
        assertEquals(List.of("format is parquet, by the name of file:" + path, "sequences are column tokens of " + path + ", and not text (--textColumn)"), notes);
        assertEquals("column text of " + path + " is string, expected array<string>; set --tokensColumn (spark.rondo.tokensColumn) to another column, "
                + "or --textColumn (spark.rondo.textColumn) to this one, to split it at blanks", refused("t.parquet", Target.LABELS, "tokensColumn", "text"));
        assertEquals("column tokens of " + path + " is array<string>, expected string; set --textColumn (spark.rondo.textColumn) to another column", refused("t.parquet", Target.LABELS, "textColumn", "tokens"));
        assertEquals("column tokens of " + path + " is array<string>, expected array<array<float>>; set --featuresColumn (spark.rondo.featuresColumn) to another column",
                refused("t.parquet", Target.LABELS, "featuresColumn", "tokens"));
        assertEquals("column id of " + path + " is int, expected array<string>; set --labelsColumn (spark.rondo.labelsColumn) to another column", refused("t.parquet", Target.LABELS, "labelsColumn", "id"));
        assertEquals("column text of " + path + " is string, expected a number; set --labelColumn (spark.rondo.labelColumn) to another column", refused("t.parquet", Target.VALUE, "labelColumn", "text"));
        assertEquals("column labels of " + path + " is array<string>, expected string, or an integer; set --labelColumn (spark.rondo.labelColumn) to another column",
                refused("t.parquet", Target.LABEL, "labelColumn", "labels"));
        assertEquals("no column 'label' in " + path + ", which has id, tokens, labels, text; the nearest is 'labels'; set --labelColumn (spark.rondo.labelColumn)", refused("t.parquet", Target.LABEL));
        assertEquals("tokensColumn and textColumn are both set, expected one of them: a sequence has one column; leave one out",
                refused("t.parquet", Target.NONE, "tokensColumn", "tokens", "textColumn", "text"));
        assertEquals(List.of("a b | 1", "c | 2"), read(Path.of(path), Target.LABEL, "labelColumn", "id"));
        assertEquals(List.of("text 1 | 1.0", "text 2 | 2.0"), read(Path.of(path), Target.VALUE, "textColumn", "text", "labelColumn", "id"));
    }

    @Test void aBrokenRowOfAParquetIsNamedByItsNumber() throws IOException {
        spark.createDataFrame(List.of(tagged(1, "a b", "O B"), tagged(2, "c d", "O"), tagged(3, null, "O")), TAGGED).coalesce(1).write().parquet(dir + "/t.parquet");
        String file;
        try (var files = Files.list(dir.resolve("t.parquet"))) {
            file = files.map(Path::toString).filter(f -> f.endsWith(".parquet")).findFirst().orElseThrow();
        }
        assertEquals("file:" + file + ", row 2: column labels has 1 label, expected 2, one for every token (the first of 2 sequences with something wrong)" + MEND, refused("t.parquet", Target.LABELS));
        assertEquals(List.of("a b | O B"), read(dir.resolve("t.parquet"), Target.LABELS, "badLines", "skip"));
        assertEquals("  file:" + file + ", row 3: column tokens is missing or null", notes.get(notes.size() - 1));
    }

    @Test void otherSourcesOfSparkAreTables() {
        Dataset<Row> table = spark.createDataFrame(List.of(tagged(2, "c", "O"), tagged(1, "a b", "O B")), TAGGED);
        table.coalesce(1).write().format("orc").save(dir + "/t");
        assertEquals(List.of("c | O", "a b | O B"), read(dir.resolve("t"), Target.LABELS, "format", "orc"));
        table.createOrReplaceTempView("tagged_words");
        try (Examples examples = Examples.read(sc, "tagged_words", Target.LABELS, Settings.of(Map.of("format", "table")), notes::add)) {
            assertEquals(List.of("a b | O B", "c | O"), shown(examples, Target.LABELS).stream().sorted().toList());
        }
        assertTrue(refused("none", Target.LABELS, "format", "table").startsWith("cannot read '" + dir + "/none': "));
        assertTrue(refused("none.parquet", Target.LABELS, "format", "parquet").startsWith("cannot read '" + dir + "/none.parquet' as parquet: "), refused("none.parquet", Target.LABELS, "format", "parquet"));
        assertTrue(refused("t", Target.LABELS, "format", "nonsense").startsWith("cannot read '" + dir + "/t' as nonsense: "), refused("t", Target.LABELS, "format", "nonsense"));
    }

    @Test void theOrderOfATableWithoutFilesIsThatOfItsContents() {
        List<Row> rows = new ArrayList<>();
        for (int n = 0; n < 50; n++) rows.add(tagged(n, "w" + n % 20 + " x", "O O"));
        List<String> first = null;
        for (int partitions : new int[] {1, 3, 7}) {
            java.util.Collections.shuffle(rows, new java.util.Random(partitions));
            try (Examples examples = Examples.read(spark.createDataFrame(rows, TAGGED).repartition(partitions), "a table", Target.LABELS, Settings.of(Map.of()), notes::add)) {
                if (first == null) first = shown(examples, Target.LABELS);
                assertEquals(first, shown(examples, Target.LABELS));
            }
        }
        assertEquals(50, first.size());
    }

    @Test void numericSequencesOfDoublesAreFloats() {
        StructType schema = new StructType().add("features", DataTypes.createArrayType(DataTypes.createArrayType(DataTypes.DoubleType))).add("label", DataTypes.LongType);
        spark.createDataFrame(List.of(org.apache.spark.sql.RowFactory.create(new Double[][] {{1.5, 2.0}, {0.25, -1.0}}, 9L)), schema).write().parquet(dir + "/f.parquet");
        assertEquals(List.of("[1.5 2.0] [0.25 -1.0] | 9"), read(dir.resolve("f.parquet"), Target.LABEL));
        assertEquals(List.of("[1.5 2.0] [0.25 -1.0] | 9.0"), read(dir.resolve("f.parquet"), Target.VALUE));
    }

    // any

    @Test void theFormatIsToldOrAskedFor() throws IOException {
        Path unknown = write("emerging.test.annotated", "a\tO\n");
        assertEquals("the name of file:" + unknown + " does not say what its format is, expected one that ends with .avro, .bio, .conll, .conllu, .csv, .iob, .iob2, .json, .jsonl, .ndjson, "
                + ".orc, .parquet, .text, .tsv, .txt; set --format (spark.rondo.format)", refused("emerging.test.annotated", Target.LABELS));
        assertEquals(List.of("a | O"), read(unknown, Target.LABELS, "format", "conll"));
        write("t/a.conll", "a O\n");
        write("t/b/c.csv", "text\n");
        assertEquals("by their names, file:" + dir + "/t/a.conll is conll and file:" + dir + "/t/b/c.csv is csv, expected one format; give files of one, or set --format (spark.rondo.format)",
                refused("t", Target.LABELS));
    }

    @Test void theOrderIsThatOfPathAndOffsetHoweverFilesAreCut() throws IOException {
        List<String> expected = new ArrayList<>();
        for (String name : List.of("a.conll", "b.conll", "c/a.conll")) {
            StringBuilder file = new StringBuilder();
            for (int n = 0; n < 40; n++) {
                file.append(name.charAt(0)).append(n).append(" O\nx B\n\n").append(n % 7 == 0 ? "\n \n" : "");
                expected.add(name.charAt(0) + "" + n + " x | O B");
            }
            write("t/" + name, file.toString());
        }
        for (String size : List.of("7", "40", "100000")) {
            sc.hadoopConfiguration().set("mapreduce.input.fileinputformat.split.maxsize", size);
            try {
                assertEquals(expected, read(dir.resolve("t"), Target.LABELS), size);
            } finally {
                sc.hadoopConfiguration().set("mapreduce.input.fileinputformat.split.maxsize", "40");
            }
        }
    }

    @Test void compressionGoesByName() throws IOException {
        write("a.conll.gz", gzip("a O\nb O\n\nc B\n"));
        assertEquals(List.of("a b | O O", "c | B"), read(dir.resolve("a.conll.gz"), Target.LABELS));
        assertEquals(List.of("format is conll, by the name of file:" + dir + "/a.conll.gz"), notes);
    }

    @Test void brokenSequencesAreCountedAndTheFirstAreNamedWithTheirLines() throws IOException {
        StringBuilder text = new StringBuilder();
        for (int n = 0; n < 30; n++) text.append(n % 4 == 3 ? "w" + n + "\n\n" : "w" + n + " O\n\n");      // line 7, 15, 23 ... have one column
        Path file = write("a.conll", text.toString());
        try (Examples examples = Examples.read(sc, file.toString(), Target.LABELS, Settings.of(Map.of("badLines", "skip")), notes::add)) {
            assertEquals(23, examples.count());
            assertEquals(7, examples.broken());
            assertEquals("w0 | O", shown(examples, Target.LABELS).get(0));
        }
        String wrong = ": 1 column, expected at least 2: the token is number 1, the label number -1 (columnsBy blanks)";
        List<String> expected = new ArrayList<>(List.of("format is conll, by the name of file:" + file, "left out 7 sequences of file:" + file + " with something wrong; the first 5:"));
        for (int line : new int[] {7, 15, 23, 31, 39}) expected.add("  file:" + file + ", line " + line + wrong);
        assertEquals(expected, notes);
    }

    @Test void whatIsNotUtf8IsNamedOrLeftOut() throws IOException {
        byte[] text = "a O\n\nb O\nG\u00fc B\n\nc B\n".getBytes(StandardCharsets.ISO_8859_1);
        Path file = write("a.conll", text);
        assertEquals("file:" + file + ", line 4: not UTF-8: byte 0xFC, number 1 of the line; convert the file, e.g. iconv -f ISO-8859-1 -t UTF-8" + MEND, refused("a.conll", Target.LABELS));
        assertEquals(List.of("a | O", "c | B"), read(file, Target.LABELS, "badLines", "skip"));
    }

    @Test void aDamagedFileIsNeverLeftOut() throws IOException {
        StringBuilder text = new StringBuilder();
        for (int n = 0; n < 20_000; n++) text.append(n * 7919L % 10_007).append(" O\n\n");
        byte[] whole = gzip(text.toString());
        Path file = write("a.conll.gz", Arrays.copyOf(whole, whole.length / 2));
        for (String badLines : List.of("fail", "skip"))
            assertTrue(refused("a.conll.gz", Target.LABELS, "badLines", badLines).startsWith("cannot decompress file:" + file + " after byte "));
    }

    @Test void nothingToReadIsNamed() throws IOException {
        assertTrue(refused("none.conll", Target.LABELS).startsWith("there is no file:" + dir + "/none.conll"));
        Path blank = write("blank.conll", "\n \n");
        assertEquals("no sequence in file:" + blank + ", expected at least one; check it and --format (spark.rondo.format)", refused("blank.conll", Target.LABELS));
        Path broken = write("broken.conll", "a\n");
        assertEquals("no sequence in file:" + broken + " but broken ones, 1, expected at least one; check it and --format (spark.rondo.format)", refused("broken.conll", Target.LABELS, "badLines", "skip"));
        assertTrue(sc.getPersistentRDDs().isEmpty(), "what was read is let go");
    }

    // scoring

    @Test void scoringKeepsColumnsAndNamesWhatIsBroken() throws IOException {
        write("a.json", "{\"id\": 7, \"tokens\": [\"a\", \"b\"], \"deep\": {\"x\": 1.5}}\nnonsense\n{\"id\": 8, \"tokens\": []}\n");
        Dataset<Row> rows = score("a.json");
        assertEquals("struct<deep:struct<x:double>,id:bigint,tokens:array<string>,_sequence:array<string>,error:string>", rows.schema().simpleString());
        List<Row> read = rows.collectAsList();
        assertEquals("[[1.5],7,a b,a b,null]", flat(read.get(0)));
        assertEquals("[null,null,null,null,file:" + dir + "/a.json, from offset 52: 'nonsense', expected a JSON object]", flat(read.get(1)));    // in the second split
        assertTrue(flat(read.get(2)).endsWith(": column tokens is empty, expected at least one of its tokens]"), flat(read.get(2)));

        write("b.csv", "id,text\n007,a b\n8\n");
        assertEquals(List.of("[007,a b,a b,null]", "[null,null,null,file:" + dir + "/b.csv, line 3: 1 cell, expected 2 as in line 1 of file:" + dir + "/b.csv]"),
                score("b.csv").collectAsList().stream().map(ExamplesTest::flat).toList());

        write("c.conll", "a O\nb B\n\nc\n\nd\ne f\n");
        assertEquals(List.of("[a b,O B,a b,null]", "[c,null,c,null]", "[null,null,null,file:" + dir + "/c.conll, line 7: 2 columns, expected 1 as in the lines of its sequence before]"),
                score("c.conll").collectAsList().stream().map(ExamplesTest::flat).toList());

        write("d.txt", "a  b\n\n");
        assertEquals(List.of("[a  b,a b,null]"), score("d.txt").collectAsList().stream().map(ExamplesTest::flat).toList());
    }

    @Test void scoringATableKeepsItsColumnsAndItsRows() {
        spark.createDataFrame(List.of(tagged(1, "a b", null), tagged(2, null, "O")), TAGGED).coalesce(1).write().parquet(dir + "/t.parquet");
        Dataset<Row> rows = score("t.parquet");
        assertEquals(List.of("id", "tokens", "labels", "text", "_sequence", "error"), List.of(rows.columns()));
        assertEquals(List.of("[1,a b,null,text 1,a b,null]", "[2,null,O,text 2,null,column tokens is missing or null]"), rows.collectAsList().stream().map(ExamplesTest::flat).toList());
        rows.write().parquet(dir + "/scored.parquet");
        assertEquals(dir + "/scored.parquet has a column '_sequence', which is what scoring adds; rename it", assertThrows(BadInput.class, () -> score("scored.parquet")).getMessage());
    }

    @Test void scoringAStreamIsTheSame() throws Exception {
        spark.createDataFrame(List.of(tagged(1, "a b", null), tagged(2, null, "O")), TAGGED).coalesce(1).write().parquet(dir + "/in");
        Dataset<Row> stream = spark.readStream().schema(TAGGED).parquet(dir + "/in");
        StreamingQuery query = Examples.score(stream, "a stream", Task.TAGGING, Settings.of(Map.of()), notes::add).writeStream().format("parquet")
                .option("checkpointLocation", dir + "/checkpoint").option("path", dir + "/out").start();
        query.processAllAvailable();
        query.stop();
        assertEquals(List.of("[1,a b,null,text 1,a b,null]", "[2,null,O,text 2,null,column tokens is missing or null]"),
                spark.read().parquet(dir + "/out").orderBy("id").collectAsList().stream().map(ExamplesTest::flat).toList());
    }

    @Test void anExampleOfATableIsMadeOnceForAllColumns() {
        spark.createDataFrame(List.of(tagged(1, "a b", null)), TAGGED).write().parquet(dir + "/t.parquet");
        String plan = score("t.parquet").filter(col("error").isNull()).queryExecution().executedPlan().toString();
        assertEquals(1, plan.split("UDF\\(", -1).length - 1, plan);
    }

    private static final String MEND = "; mend it, or set --badLines (spark.rondo.badLines) skip to leave such sequences out";

    private Dataset<Row> score(String name) {
        return Examples.score(sc, dir.resolve(name).toString(), Task.TAGGING, Settings.of(Map.of()), notes::add);
    }

    /** Tokens with blanks between, then the target, in the order of the numbers. */
    private List<String> read(Path path, Target target, String... settings) {
        notes.clear();
        try (Examples examples = Examples.read(sc, path.toString(), target, settings(settings), notes::add)) {
            return shown(examples, target);
        }
    }

    private static List<String> shown(Examples examples, Target target) {
        List<Row> rows = examples.rows().orderBy(Examples.NUMBER).collectAsList();
        assertEquals(examples.count(), rows.size());
        for (int n = 0; n < rows.size(); n++) assertEquals(n, rows.get(n).getLong(0));
        return rows.stream().map(row -> text(row.get(1), true) + (target == Target.NONE ? "" : " | " + text(row.get(2), true))).toList();
    }

    private static String text(Object value, boolean outer) {
        if (!(value instanceof scala.collection.Seq<?> list)) return String.valueOf(value);
        String text = String.join(" ", scala.jdk.javaapi.CollectionConverters.asJava(list).stream().map(v -> text(v, false)).toList());
        return outer ? text : "[" + text + "]";
    }

    private static String flat(Row row) {
        List<String> cells = new ArrayList<>();
        for (int n = 0; n < row.size(); n++) cells.add(text(row.get(n), true));
        return "[" + String.join(",", cells) + "]";
    }

    private String refused(String name, Target target, String... settings) {
        return assertThrows(BadInput.class, () -> Examples.read(sc, dir.resolve(name).toString(), target, settings(settings), notes::add)).getMessage();
    }

    private static Settings settings(String... pairs) {
        Map<String, String> map = new TreeMap<>();
        for (int n = 0; n < pairs.length; n += 2) map.put(pairs[n], pairs[n + 1]);
        return Settings.of(map);
    }

    private Path write(String name, String text) throws IOException {
        return write(name, text.getBytes(StandardCharsets.UTF_8));
    }

    private Path write(String name, byte[] bytes) throws IOException {
        Path file = dir.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.write(file, bytes);
    }

    private static byte[] gzip(String text) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(text.getBytes(StandardCharsets.UTF_8));
        }
        return out.toByteArray();
    }
}
