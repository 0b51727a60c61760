package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.registry.Entry;
import org.rondo.driver.registry.Registry;

/** The job {@code retrain} in this JVM, nights of a tagger and a classifier on tiny data: what it prints, how it ends, and what the registry has then. */
class RetrainTest extends Terminal {
    private static final Configuration CONF = new Configuration();
    private static final String PEOPLE = "anna boris clara", PLACES = "moscow paris", OTHERS = "read in the saw of";
    private static final String SMALL = " --hidden 8 --layers 1 --averaging parameters --outerOptimizer mean --windowsPerRound 1000 --batchTokens 50 --learningRate 0.03 --warmUp 0 --leastTokens 100 --validation 0",
            TAGGER = " --task tagging --embedding 8 --characterHidden 0" + SMALL;

    @BeforeAll static void data() throws IOException {
        tags("people", 1, 80, PEOPLE, "PER", OTHERS);
        tags("people-holdout", 2, 20, PEOPLE, "PER", OTHERS);
        tags("places", 3, 80, PEOPLE, "PER", OTHERS, PLACES, "LOC");
        tags("places-only", 4, 80, PLACES, "LOC", OTHERS);
        tags("places-holdout", 5, 20, PEOPLE, "PER", OTHERS, PLACES, "LOC");
        tags("confused", 6, 80, OTHERS, "PER", PEOPLE);
        tags("foreign", 7, 80, "x1 x2 x3 x4 x5 x6 x7 x8", "PER", "in x9 x10 x11 x12 x13 x14 x15");
        features("noise", 8, 0.5);
        features("right", 9, 0);
        features("features-holdout", 10, 0);
    }

    /** Sentences of five words.
     *  @param words of a type, and its name; the words of no type are at {@code [2]} */
    private static void tags(String name, int seed, int sentences, String... words) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder text = new StringBuilder();
        for (int s = 0; s < sentences; s++, text.append('\n'))
            for (int w = 0; w < 5; w++) {
                int of = random.nextInt(2) == 0 ? 2 : words.length > 3 && random.nextInt(2) == 0 ? 3 : 0;
                String[] choice = words[of].split(" ");
                text.append(choice[random.nextInt(choice.length)]).append(' ').append(of == 2 ? "O" : "B-" + words[of + 1]).append('\n');
            }
        Files.writeString(folder.resolve(name + ".conll"), text);
    }

    /** Of two vectors of two numbers; the label says whether the first number of the first is positive.
     *  @param wrong share of labels that are not so */
    private static void features(String name, int seed, double wrong) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder text = new StringBuilder();
        for (int s = 0; s < 80; s++) {
            double first = random.nextDouble(-1, 1);
            text.append("{\"features\": [[").append(first).append(", 0.5], [").append(random.nextDouble(-1, 1)).append(", 1]], \"label\": \"")
                    .append(first > 0 != random.nextDouble() < wrong ? "up" : "down").append("\"}\n");
        }
        Files.writeString(folder.resolve(name + ".json"), text);
    }

    private int night(String name, String data, String holdout, String more) {
        return run("retrain --registry DIR/R --name " + name + " --newData DIR/" + data + " --holdout DIR/" + holdout + " --date 2026-03-01" + more);
    }

    private static Entry entry(String name) {
        return Registry.open(folder + "/R", CONF).entry(name);
    }

    private static Model current(String name) {
        return Model.load(entry(name).directory(entry(name).current().orElseThrow().version()).toString(), CONF);
    }

    private JsonNode lastLine() throws IOException {
        List<String> lines = out().lines().toList();
        return new ObjectMapper().readTree(lines.get(lines.size() - 1));
    }

    private static List<String> fields(JsonNode json) {
        List<String> names = new ArrayList<>();
        json.fieldNames().forEachRemaining(names::add);
        return names;
    }

    @Test void aTaggerLearnsNewWordsAndLabelsAndIsKeptFromWorseOnes() throws IOException {
        assertEquals(Rondo.DONE, night("tagger", "people.conll", "people-holdout.conll", " --epochs 6" + TAGGER), err());
        JsonNode first = lastLine();
        assertEquals(List.of("exit", "name", "version", "verdict", "reason", "metric", "value", "champion", "parent", "night", "data"), fields(first));
        assertEquals("0 tagger 1 promoted f1 null null 2026-03-01", Stream.of("exit", "name", "version", "verdict", "metric", "champion", "parent", "night").map(field -> first.get(field).asText())
                .reduce((a, b) -> a + " " + b).orElseThrow());
        Model old = current("tagger");

        assertEquals(Rondo.DONE, night("tagger", "places.conll", "places-holdout.conll", " --epochs 6" + TAGGER), err());
        JsonNode second = lastLine();
        assertEquals(List.of("exit", "name", "version", "verdict", "reason", "metric", "value", "champion", "parent", "night", "data", "drift"), fields(second));
        assertEquals("2 promoted 1", second.get("version") + " " + second.get("verdict").asText() + " " + second.get("parent"));
        assertTrue(second.get("value").asDouble() > second.get("champion").asDouble(), "it alone knows places: " + second);
        assertTrue(second.get("reason").asText().matches("f1 [0-9.]+, the champion's [0-9.]+"), second.toString());
        assertEquals("promoted version 2: " + second.get("reason").asText(), last());
        double unknown = second.get("drift").get("unknown").asDouble();
        assertTrue(unknown > 0.2 && unknown < 0.35, "a quarter of the words are places: " + second);
        assertTrue(err().contains("drift: share of unknown tokens is "), err());
        Model grown = current("tagger");
        assertGrown(old.lexicon().labels(), grown.lexicon().labels(), "LOC");
        assertGrown(words(old), words(grown), "paris");

        assertEquals(Rondo.KEPT, night("tagger", "confused.conll", "places-holdout.conll", " --epochs 6 --labelLimits 1,1" + TAGGER), err());
        JsonNode worse = lastLine();
        assertEquals("3 3 rejected 2", worse.get("exit") + " " + worse.get("version") + " " + worse.get("verdict").asText() + " " + worse.get("parent"));
        assertTrue(worse.get("value").asDouble() < worse.get("champion").asDouble() && worse.get("reason").asText().endsWith(": not better"), worse.toString());
        assertEquals("kept the champion, and not version 3: " + worse.get("reason").asText(), last());

        assertEquals(Rondo.BAD_INPUT, night("tagger", "foreign.conll", "places-holdout.conll", TAGGER), out());
        assertTrue(last().startsWith("rondo: ") && last().contains("share of unknown tokens is 0.9") && last().contains("past 0.5000 (unknownLimits)"), err());
        assertFalse(err().contains("\tat "), err());
        assertEquals("", out());

        assertEquals(Rondo.DONE, run("models --registry DIR/R --name tagger"), err());
        List<String> states = new ArrayList<>();
        lastLine().path("models").path(0).path("versions").forEach(version -> states.add(version.get("version") + " " + version.get("state").asText()));
        assertEquals(List.of("3 rejected", "2 current", "1 previous"), states);
        assertEquals(grown.checksum(), current("tagger").checksum());
    }

    private static List<String> words(Model model) {
        List<String> words = new ArrayList<>();
        for (int id = 0; id < model.lexicon().words().size(); id++) words.add(model.lexicon().words().decode(new int[] {id}));
        return words;
    }

    /** That nothing has moved, and what is new comes after it. */
    private static void assertGrown(List<String> old, List<String> grown, String named) {
        assertEquals(old, grown.subList(0, old.size()));
        List<String> added = grown.subList(old.size(), grown.size());
        assertFalse(added.isEmpty());
        assertTrue(added.stream().anyMatch(word -> word.contains(named)), added.toString());
        assertTrue(old.stream().noneMatch(word -> word.contains(named)), old.toString());
    }

    /** Of the current version the model says what data it has learnt from. */
    @Test void historyIsHalfOfWhatALabelledModelLearnsFrom() throws IOException {
        assertEquals(Rondo.DONE, night("mixed", "people.conll", "people-holdout.conll", " --epochs 1" + TAGGER), err());
        night("mixed", "places-only.conll", "places-holdout.conll", " --epochs 1 --labelLimits 1,1 --unknownLimits 1,1 --history DIR/people.conll --historyShare 0.5" + TAGGER);
        assertEquals(2, lastLine().get("version").asInt(), err());
        JsonNode profile = Model.load(entry("mixed").directory(2).toString(), CONF).provenance().path("data").path("profile");
        assertEquals(160, profile.path("sequences").asInt(), profile.toString());
        for (String type : List.of("PER", "LOC"))
            assertTrue(fields(profile.path("labels")).stream().filter(label -> label.endsWith(type)).mapToInt(label -> profile.path("labels").path(label).asInt()).sum() > 100, profile.toString());
    }

    @Test void aClassifierOfFeaturesIsPromotedWhenItIsMoreAccurate() throws IOException {
        assertEquals(Rondo.DONE, night("features", "noise.json", "features-holdout.json", " --task classification --epochs 1" + SMALL), err());
        assertEquals(Rondo.DONE, night("features", "right.json", "features-holdout.json", " --task classification --epochs 8" + SMALL), err());
        JsonNode second = lastLine();
        assertEquals("accuracy", second.get("metric").asText());
        assertTrue(second.get("value").asDouble() > second.get("champion").asDouble(), second.toString());
        assertEquals(0, second.get("drift").get("unknown").asDouble(), "features are not words: " + second);
        assertEquals(2, entry("features").current().orElseThrow().version());
    }
}
