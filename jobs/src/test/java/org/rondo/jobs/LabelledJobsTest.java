package org.rondo.jobs;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Stream;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

/** Jobs on labelled sequences in this JVM, on files of a few lines: results, errors and exit codes. */
class LabelledJobsTest extends Terminal {
    private static final String SMALL = " --hidden 4 --layers 1 --embedding 3 --epochs 2 --averaging parameters --outerOptimizer mean --windowsPerRound 1000 --characterHidden 2 --characterEmbedding 2";

    @BeforeAll static void data() throws IOException {
        write("tags.conll", "Anna B-PER\nKarenina I-PER\nread O\n\nin O\nMoscow B-LOC\n\n".repeat(10));
        write("classes.json", "{\"text\": \"good film\", \"label\": \"yes\"}\n{\"text\": \"bad\", \"label\": \"no\"}\n".repeat(10));
        write("numbers.json", "{\"text\": \"a a b\", \"label\": 2, \"values\": [2, 1]}\n{\"text\": \"b\", \"label\": 0, \"values\": [0, 1]}\n".repeat(10));
        write("features.json", "{\"features\": [[0.5, 1], [1, 2]], \"label\": 1}\n{\"features\": [[0, -1]], \"label\": 0}\n".repeat(10));
        write("text", "the quick brown fox\n".repeat(40));
        write("columns.conll", "a x O\nb B-X\n");
        write("broken.conll", "a O\n\n" + "b\n\n".repeat(7) + "c B-X\n");
        write("unlabelled.json", "{\"text\": \"a\"}\n");
        write("mixed.conll", "a B-X\nb NOUN\n");
        write("outside.conll", "a O\n");
        write("letters.conll", "a I-X\nb S-X\nc L-X\nd B-X\n");
        write("empty.conll", "");
        write("widths.json", "{\"features\": [[1, 2]], \"label\": 1}\n{\"features\": [[1, 2, 3]], \"label\": 1}\n");
        write("several.json", "{\"text\": \"a\", \"values\": [1, 2]}\n{\"text\": \"a\", \"values\": [1]}\n");
        write("plain.conll", "a N\nb V\n");
    }

    private static void write(String name, String text) throws IOException {
        Files.writeString(folder.resolve(name), text);
    }

    /** On files of 20 sequences, of which 4 are held out. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "tagging        | tags.conll    |                        | entities | 50 | token",
            "classification | classes.json  |                        | classes  | 20 | sequence",
            "classification | features.json |                        | classes  | 20 | sequence",
            "regression     | numbers.json  |                        | values   | 20 | sequence",
            "regression     | numbers.json  | --valuesColumn values  | values   | 20 | sequence"})
    void aModelIsPlannedTrainedAndMeasured(String task, String file, String more, String scores, int targets, String unit) throws IOException {
        String options = " --task " + task + " --input DIR/" + file + (more == null ? "" : " " + more), model = "DIR/model-" + task + file + (more == null ? "" : "-values");
        assertEquals(Rondo.DONE, run("plan --validation 0.2" + options + SMALL), err());
        assertTrue(row("data", out()).matches("\\d+ " + unit + "s to learn from, 4 sequences to validate on"), out());
        assertTrue(row("window", out()).contains(" ms of a replica on one core"), out());
        assertFalse(Files.exists(folder.resolve(model.substring(4))));

        assertEquals(Rondo.DONE, run("train --validation 0.2 --output " + model + options + SMALL), err());
        assertTrue(err().contains(" " + unit + "s to learn from, ") && err().contains("epoch 2/2") && err().contains("keeping the model of epoch "), err());
        assertFalse(out().contains("generate"), out());
        assertTrue(out().contains("bin/rondo evaluate --model ") && out().contains(" --input DATA"), out());

        assertEquals(Rondo.DONE, run("evaluate --model " + model + " --input DIR/" + file + (more == null ? "" : " " + more)), err());
        List<String> lines = out().lines().toList();
        JsonNode json = new ObjectMapper().readTree(lines.get(lines.size() - 1));
        assertEquals(task, json.get("task").asText());
        assertEquals(targets, json.get("targets").asInt());
        assertTrue(json.has(scores) && json.get("loss").isNumber(), out());
        assertTrue(lines.get(0).startsWith("loss "), out());

        assertEquals(Rondo.BAD_INPUT, run("generate --model " + model), err());
        assertTrue(last().startsWith("rondo: the model is for " + task + ", expected a language model, which "), err());
        assertEquals(Rondo.BAD_INPUT, run("gradient-flow --input DIR/text --output DIR/flow --model " + model), err());
        assertEquals("rondo: the model is for " + task + ", expected a language model, which the flow of gradients is of; set --model to one", last());
    }

    @Test void planNamesCharactersDirectionsAndCrf() {
        assertEquals(Rondo.DONE, run("plan --task tagging --input DIR/tags.conll" + SMALL), err());
        // of five words; <unk> and A n a K r e i d M o s c w; O, and B E I S of PER and LOC
        assertTrue(row("network", out()).equals("vocabulary 6, embedding 3, words' 14 characters read by a layer of 2 x 2, 1 LSTM layer of 2 x 4, a CRF of 9 labels"), out());
        assertTrue(row("windows", out()).startsWith("1 per shard and epoch, the one that needs most memory 3 steps of 18 sequences = 54 tokens"), out());
        assertEquals(Rondo.DONE, run("plan --task tagging --input DIR/tags.conll --head softmax --directions forward" + SMALL.replace("--characterHidden 2", "--characterHidden 0")), err());
        assertEquals("vocabulary 6, embedding 3, 1 LSTM layer of 4", row("network", out()));
        assertEquals(Rondo.DONE, run("plan --task classification --input DIR/features.json" + SMALL), err());
        assertEquals("2 features, 1 LSTM layer of 2 x 4", row("network", out()));
    }

    static Stream<Arguments> badInput() {
        String tagging = " --task tagging --input DIR/", classification = " --task classification --input DIR/";
        return Stream.of(
                arguments(tagging + "columns.conll", "file:DIR/columns.conll, line 2: 2 columns, expected 3 as in the lines of its sequence before; mend it, or set --badLines"),
                arguments(tagging + "broken.conll", "file:DIR/broken.conll, line 3: 1 column, expected at least 2"),
                arguments(tagging + "mixed.conll", "file:DIR/mixed.conll has the tag 'NOUN' (B-X NOUN) beside 'B-X' (B-X NOUN), expected either entities"),
                arguments(tagging + "outside.conll", "file:DIR/outside.conll has 1 tags, all of them O, expected some entities to recognise the scheme by; set --tagScheme"),
                arguments(tagging + "letters.conll", "the tags of file:DIR/letters.conll fit no scheme: "),
                arguments(tagging + "empty.conll", "no text in file:DIR/empty.conll, expected at least one file that is not empty"),
                arguments(tagging + "nowhere.conll", "there is no file:DIR/nowhere.conll"),
                arguments(tagging + "classes.json", "labels"),
                arguments(tagging + "text", "set --format"),
                arguments(classification + "unlabelled.json", "label"),
                arguments(classification + "classes.json --labelColumn stars", "stars"),
                arguments(classification + "classes.json --textColumn body", "body"),
                arguments(classification + "widths.json --validation 0", "sequence 0 has vectors of 2 numbers, sequence 1 of 3 (counted from 0), expected as many in all; mend the data"),
                arguments(" --task regression --input DIR/classes.json", "file:DIR/classes.json, line 1: column label is 'yes', expected a finite number (the first of 20 sequences with something wrong)"),
                arguments(" --task regression --valuesColumn values --validation 0 --input DIR/several.json", "targets of 1 numbers"),
                arguments(tagging + "tags.conll --validation DIR/plain.conll", "the tags of file:DIR/plain.conll are none, those that are learnt iobes: classes are no entities"),
                arguments(classification + "features.json --validation DIR/classes.json", "file:DIR/classes.json has tokens, expected vectors of 2, as the model reads"),
                arguments(tagging + "tags.conll --metric none --stopAfter 2", "stopAfter is 2, but metric is none"),
                arguments(tagging + "tags.conll --validation 0 --stopAfter 2", "but nothing is held out to measure"),
                arguments(tagging + "tags.conll --metric perplexity", "metric is perplexity, which is no figure of tagging of entities"),
                arguments(" --input DIR/text --directions both", "directions is both, but a language model must not read what it is to predict"));
    }

    @ParameterizedTest @MethodSource("badInput")
    void badInputIsOnePlainLineAndCode2(String line, String named) {
        assertEquals(Rondo.BAD_INPUT, run("train --output DIR/model-of-bad-input" + line + SMALL.replace(" --characterHidden 2 --characterEmbedding 2", "")), err());
        assertTrue(last().startsWith("rondo: ") && last().contains(named.replace("DIR", folder.toString())), err());
        assertFalse(err().contains("\tat "), "a stack trace: " + err());
        assertEquals("", out());
        assertFalse(Files.exists(folder.resolve("model-of-bad-input")), "an empty directory is left");
    }

    @Test void whatIsLeftOutIsCountedAndTheFirstAreNamed() {
        assertEquals(Rondo.DONE, run("plan --task tagging --badLines skip --input DIR/broken.conll --validation 0" + SMALL), err());
        List<String> said = err().lines().toList();
        assertTrue(said.contains("left out 7 sequences of file:" + folder + "/broken.conll with something wrong; the first 5:"), err());
        assertEquals(5, said.stream().filter(note -> note.startsWith("  file:" + folder + "/broken.conll, line ")).count(), err());
    }

    @Test void whatOtherSettingsMakeUselessIsSaid() {
        run("plan --task tagging --input DIR/tags.conll --unit word --batch 3 --seqLen 4" + SMALL);
        String why = " is given, but has no effect with task tagging, which reads whole sequences, in batches of batchTokens";
        assertEquals(List.of("unit" + why, "batch" + why, "seqLen" + why), err().lines().filter(line -> line.contains("no effect")).toList());
        run("plan --task classification --input DIR/classes.json --head crf --learntScheme io --valuesColumn v --characterEmbedding 3 --hidden 4");
        assertEquals(List.of("characterEmbedding is given, but has no effect without --characterHidden above 0", "learntScheme is given, but has no effect without task tagging",
                "head is given, but has no effect without task tagging", "valuesColumn is given, but has no effect without task regression"),
                err().lines().filter(line -> line.contains("no effect")).toList());
        run("plan --task tagging --input DIR/tags.conll --labelColumn 2 --head crf --labelsColumn 2 --characterEmbedding 3 --hidden 4");
        assertEquals(List.of("labelColumn is given, but has no effect with task tagging, which reads labelsColumn"), err().lines().filter(line -> line.contains("no effect")).toList());
        run("plan --input DIR/text --batch 2 --seqLen 8 --head crf --batchTokens 7 --labelsColumn 2 --badLines skip --hidden 4 --embedding 2");
        why = " is given, but has no effect without another --task: a language model reads lines of text, or tokens";
        assertEquals(List.of("labelsColumn" + why, "head" + why, "batchTokens" + why, "badLines is given, but has no effect: file:" + folder + "/text is read as text"),
                err().lines().filter(line -> line.contains("no effect")).toList());
    }

    /** Of JSON with a text, which has labels too. What is measured may be in another format than what was learnt from. */
    @Test void aLanguageModelIsPlannedTrainedAndMeasuredOnAnyFormat() {
        String small = " --hidden 4 --layers 1 --embedding 3 --epochs 1 --batch 2 --seqLen 4 --validation 0.2";
        assertEquals(Rondo.DONE, run("plan --input DIR/classes.json" + small), err());
        assertTrue(err().contains("format is json, by the name of file:" + folder + "/classes.json"), err());
        assertEquals("112 characters to learn from, 28 to validate on", row("data", out()));      // of 10 times "good film" and "bad", each with the end of its line
        assertEquals(Rondo.DONE, run("train --output DIR/of-json --input DIR/classes.json" + small), err());
        assertEquals(Rondo.DONE, run("evaluate --model DIR/of-json --input DIR/tags.conll --badLines skip --tagScheme iob2"), err());
        assertTrue(out().contains("\"task\":\"language-model\""), out());
        assertEquals(List.of("format is conll, by the name of file:" + folder + "/tags.conll", "tagScheme is given, but has no effect with a language model, which reads lines of text, or tokens"),
                err().lines().filter(line -> line.contains("format") || line.contains("no effect")).sorted().toList());
        assertEquals(Rondo.BAD_INPUT, run("train --output DIR/none --input DIR/features.json" + small));
        assertTrue(last().startsWith("rondo: no column text or tokens in file:" + folder + "/features.json, which has features, label; a language model reads one of them"), err());
    }

    @Test void aModelIsMeasuredOnDataOfItsKindAlone() throws IOException {
        assertEquals(Rondo.DONE, run("train --task classification --validation 0 --output DIR/kind --input DIR/classes.json" + SMALL), err());
        assertFalse(err().contains("keeping the model"), err());
        assertEquals(Rondo.BAD_INPUT, run("evaluate --model DIR/kind --input DIR/features.json"));
        assertEquals("rondo: file:" + folder + "/features.json has vectors of 2 numbers, expected tokens, as the model reads; check the columns", last());
        assertEquals(Rondo.BAD_INPUT, run("evaluate --model DIR/kind --input DIR/unlabelled.json"));
        assertTrue(last().startsWith("rondo: ") && last().contains("label"), err());
        write("others.json", "{\"text\": \"good\", \"label\": \"maybe\"}\n");
        assertEquals(Rondo.BAD_INPUT, run("evaluate --model DIR/kind --input DIR/others.json"));
        assertTrue(last().contains("none whose labels are all among those learnt, [no, yes]"), err());
    }
}
