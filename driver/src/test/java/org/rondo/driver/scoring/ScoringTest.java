package org.rondo.driver.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Text;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;

class ScoringTest {
    @TempDir static Path dir;
    private static JavaSparkContext sc;

    @BeforeAll static void start() throws IOException {
        sc = new JavaSparkContext(new SparkConf().setMaster("local[2]").setAppName("test").set("spark.ui.enabled", "false")
                .set("spark.driver.host", "127.0.0.1").set("spark.driver.bindAddress", "127.0.0.1"));
        Files.writeString(dir.resolve("text"), "ab ab\nba ba\n".repeat(50));
    }

    @AfterAll static void stop() {
        sc.stop();
    }

    /** All weights zero: every token has probability 1 / vocab, whatever came before. */
    @Test void aModelThatKnowsNothingHasThePerplexityOfItsVocabulary() {
        Settings characters = Settings.of(Map.of("shards", "3", "batch", "2", "seqLen", "7"));
        Evaluation e = Evaluation.of(sc, zero(characters), dir.resolve("text").toString(), characters, note -> { });
        assertEquals(12 * 50 - 1, e.targets());
        assertEquals(5, e.perplexity(), 1e-6);                    // a b blank newline, and the unknown token
        assertEquals(Math.log(5) / Math.log(2), e.bitsPerCharacter(), 1e-6);
        assertEquals(0, e.unknown());
    }

    /** 300 words and ends of lines, 600 characters; each but the first predicted with 2 bits: ab ba &lt;eos&gt;, and unknown. */
    @Test void wordsAreMeasuredPerCharacterToo() {
        Settings words = Settings.of(Map.of("unit", "word", "shards", "1", "batch", "1", "seqLen", "10"));
        Evaluation e = Evaluation.of(sc, zero(words), dir.resolve("text").toString(), words, note -> { });
        assertEquals(6 * 50 - 1, e.targets());
        assertEquals(4, e.perplexity(), 1e-6);
        assertEquals(600, e.characters());
        assertEquals(299 * 2.0 / 600, e.bitsPerCharacter(), 1e-6);
    }

    @Test void everyTokenIsScoredOnceHoweverTheTextIsCut() {
        Settings one = Settings.of(Map.of("shards", "1", "batch", "1", "seqLen", "600"));
        Model model = random(one);
        Evaluation whole = Evaluation.of(sc, model, dir.resolve("text").toString(), one, note -> { });
        Evaluation windows = Evaluation.of(sc, model, dir.resolve("text").toString(), Settings.of(Map.of("shards", "1", "batch", "1", "seqLen", "13")), note -> { });
        assertEquals(whole.targets(), windows.targets());
        assertEquals(whole.loss(), windows.loss(), 1e-6);         // the state is carried: windows change nothing but rounding
    }

    @Test void samplesDependOnTheSeedAndNothingElse() {
        Model model = random(Settings.of(Map.of()));
        String sample = Sampler.sample(model, "ab", 40, 1, 7, "auto");
        assertEquals(40, sample.length());
        assertEquals(sample, Sampler.sample(model, "ab", 40, 1, 7, "auto"));
        assertNotEquals(sample, Sampler.sample(model, "ab", 40, 1, 8, "auto"));
        assertTrue(sample.chars().allMatch(c -> "ab \n".indexOf(c) >= 0), sample);
    }

    @Test void atTemperatureZeroTheLikeliestTokenIsTaken() {
        Settings settings = Settings.of(Map.of());
        Model model = zero(settings);
        int b = model.lexicon().words().id("b");
        model.parameters()[model.network().tensor("output.bias").offset() + b] = 1;
        assertEquals("bbbbb", Sampler.sample(model, "", 5, 0, 1, "auto"));
    }

    /** p is proportional to exp(bias), so at temperature T to exp(bias / T). */
    @Test void drawsFollowTheProbabilitiesAtTheTemperature() {
        Model model = zero(Settings.of(Map.of()));
        int b = model.lexicon().words().id("b"), n = 4000;
        model.parameters()[model.network().tensor("output.bias").offset() + b] = 1;
        double share = Sampler.sample(model, "", n, 0.5, 3, "auto").chars().filter(c -> c == 'b').count() / (double) n;
        double expected = Math.exp(2) / (Math.exp(2) + 3);
        assertEquals(expected, share, 5 * Math.sqrt(expected * (1 - expected) / n));
    }

    @Test void aPromptOfUnknownTokensIsRefused() {
        BadInput e = assertThrows(BadInput.class, () -> Sampler.sample(zero(Settings.of(Map.of())), "xyz", 5, 1, 1, "auto"));
        assertTrue(e.getMessage().contains("--prompt"), e.getMessage());
    }

    private static Model zero(Settings settings) {
        Model model = random(settings);
        java.util.Arrays.fill(model.parameters(), 0);
        return model;
    }

    private static Model random(Settings settings) {
        Vocabulary vocabulary = Vocabulary.count(Text.open(sc, dir.resolve("text").toString()), settings);
        Network network = new Network(vocabulary.size(), 3, 5, 2);
        return new Model(network, Parameters.initial(network, 1), Lexicon.of(vocabulary), new ObjectMapper().createObjectNode());
    }
}
