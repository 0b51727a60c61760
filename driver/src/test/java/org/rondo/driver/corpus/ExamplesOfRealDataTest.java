package org.rondo.driver.corpus;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Examples.Target;

/** Counts are those of the data's own SOURCE.txt, taken with another program. */
class ExamplesOfRealDataTest {
    private static final Path DATA = Path.of(System.getProperty("rondo.data", "../../shared/data"));
    private static JavaSparkContext sc;
    private final List<String> notes = new ArrayList<>();

    @BeforeAll static void start() {
        assumeTrue(Files.isDirectory(DATA), DATA.toAbsolutePath() + " is not there: no real data to read (-Drondo.data=...)");
        sc = new JavaSparkContext(new SparkConf(false).setMaster("local[2]").setAppName("test").set("spark.ui.enabled", "false").set("spark.sql.shuffle.partitions", "2")
                .set("spark.hadoop.mapreduce.input.fileinputformat.split.maxsize", "70001"));      // so that files are cut
    }

    @AfterAll static void stop() {
        if (sc != null) sc.close();
    }

    @Test void universalDependenciesHaveTheirWordsAndNothingElse() {
        Map<String, Long> upos = read("ud_english-ewt/en_ewt-ud-train.conllu", 12_544, 204_577, 0);
        assertEquals(17, upos.size());
        read("ud_english-ewt/en_ewt-ud-dev.conllu", 2001, 25_147, 0);
        assertEquals(48, read("ud_english-ewt/en_ewt-ud-test.conllu", 2077, 25_094, 0, "labelsColumn", "xpos").size());
    }

    @Test void wnut17HasBlankLinesWithATabWithin() {
        assertEquals("{B-corporation=221, B-creative-work=140, B-group=264, B-location=548, B-person=660, B-product=142, I-corporation=46, I-creative-work=206, "
                + "I-group=150, I-location=245, I-person=335, I-product=203, O=59570}", read("wnut17/wnut17train.conll", 3394, 62_730, 0, "columnsBy", "tab").toString());
        read("wnut17/emerging.dev.conll", 1009, 15_733, 0);
        assertEquals("{B-corporation=66, B-creative-work=142, B-group=165, B-location=150, B-person=429, B-product=127, I-corporation=22, I-creative-work=218, "
                + "I-group=70, I-location=94, I-person=131, I-product=126, O=21654}", read("wnut17/emerging.test.annotated", 1287, 23_394, 0, "format", "conll").toString());
    }

    @Test void universalNerHasCommentsAndItsTokensInTheMiddle() {
        String[] settings = {"comment", "#", "columnsBy", "tab", "tokensColumn", "2", "labelsColumn", "3"};
        read("uner_english-ewt/en_ewt-ud-dev.iob2", 2001, 25_149, 0, settings);
        assertEquals("{B-LOC=317, B-ORG=322, B-PER=449, I-LOC=72, I-ORG=276, I-PER=243, O=23418}", read("uner_english-ewt/en_ewt-ud-test.iob2", 2077, 25_097, 0, settings).toString());
    }

    /** Of f and h, whose SOURCE.txt counts sentences without such tokens, the whole ones were counted with awk. */
    @Test void theBroadTwitterCorpusHasSomeTokensThatAreNone() {
        String[] settings = {"columnsBy", "tab", "badLines", "skip"};
        read("broad_twitter_corpus/a.conll", 1000, 16_612, 0, settings);
        read("broad_twitter_corpus/b.conll", 2000, 30_825, 0, settings);
        read("broad_twitter_corpus/e.conll", 200, 3981, 0, settings);
        read("broad_twitter_corpus/g.conll", 2138, 34_062, 0, settings);
        assertEquals(List.of(), notes.stream().filter(note -> note.startsWith("left out")).toList());
        read("broad_twitter_corpus/f.conll", 1999, 35_392, 2, settings);
        assertEquals(List.of("f.conll, line 13046" + EMPTY, "f.conll, line 16303" + EMPTY), told(2));
        read("broad_twitter_corpus/h.conll", 1998, 29_431, 3, settings);
        assertEquals(List.of("h.conll, line 22918" + EMPTY, "h.conll, line 30879" + EMPTY, "h.conll, line 30881" + EMPTY), told(3));
    }

    private static final String EMPTY = ": column 1, the token, is empty";

    private List<String> told(int last) {
        return notes.subList(notes.size() - last, notes.size()).stream().map(note -> note.replaceFirst(".*/", "")).toList();
    }

    /** How often there is each label. */
    private Map<String, Long> read(String name, long sentences, long tokens, long broken, String... settings) {
        Map<String, String> map = new TreeMap<>(Map.of("tagScheme", "none"));
        for (int n = 0; n < settings.length; n += 2) map.put(settings[n], settings[n + 1]);
        try (Examples examples = Examples.read(sc, DATA.resolve(name).toString(), Target.LABELS, Settings.of(map), note -> {
            if (!note.contains(": tags are ")) notes.add(note);
        })) {
            assertEquals(List.of(sentences, broken), List.of(examples.count(), examples.broken()), name);
            Map<String, Long> labels = new TreeMap<>();
            for (Row row : examples.rows().select(explode(col("labels")).as("label")).groupBy("label").count().collectAsList()) labels.put(row.getString(0), row.getLong(1));
            assertEquals(tokens, labels.values().stream().mapToLong(n -> n).sum(), name);
            return labels;
        }
    }
}
