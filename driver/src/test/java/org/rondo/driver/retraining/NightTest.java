package org.rondo.driver.retraining;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Profile;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.scoring.ClassScores;
import org.rondo.driver.scoring.Evaluation;

/** What a night is about, how far its data may have drifted, and who wins. */
class NightTest {
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-03-01T04:00:00Z"), ZoneOffset.UTC);
    @TempDir Path dir;

    @ParameterizedTest @CsvSource(delimiter = '|', value = {
        "logs/{yyyy-MM-dd}/part*.txt | 1 | logs/2026-02-28/part*.txt",
        "logs/{yyyy-MM-dd}.txt       | 3 | logs/{2026-02-26,2026-02-27,2026-02-28}.txt",
        "logs/{yyyy/MM/dd}/*         | 2 | logs/{2026/02/27,2026/02/28}/*",
        "logs/{yyyy-MM}/*            | 3 | logs/2026-02/*",
        "logs/{a,b}/*                | 3 | logs/{a,b}/*"})
    void datesAreFilledIn(String pattern, int days, String expected) {
        assertEquals(expected, night("newData", pattern, "days", "" + days).data());
    }

    /** 28 days of history end where the newest two days begin. */
    @Test void historyEndsWhereTheNewDataBegin() throws IOException {
        String days = dir + "/{yyyy-MM-dd}";
        assertEquals("", night("newData", days, "days", "2", "history", days).history(), "there is none yet");
        Files.writeString(dir.resolve("2026-02-01"), "some text");
        String history = night("newData", days, "days", "2", "history", days, "historyDays", "28").history();
        assertTrue(history.startsWith(dir + "/{2026-01-30,") && history.endsWith(",2026-02-26}"), history);
        assertEquals("logs", night("history", "logs").history(), "a path without a date must be there: reading it says so");
    }

    @ParameterizedTest @CsvSource(delimiter = '|', value = {
        "newData | {yyyy-QQQQQQ} | is no pattern of a date",
        "newData | a{yyyy}/b{yyyy} | with two dates",
        "date    | 28.2.2026 | expected today, yesterday or a date as 2026-11-28"})
    void whatIsNoDateIsRefused(String key, String value, String says) {
        String message = assertThrows(BadInput.class, () -> night(key, value)).getMessage();
        assertTrue(message.contains(says), message);
    }

    @Test void theRequestIsThatOfTheSameFilesAndSettings() throws IOException {
        Path file = Files.writeString(dir.resolve("2026-02-28.txt"), "some text");
        String pattern = dir + "/{yyyy-MM-dd}.txt";
        ObjectNode one = night("newData", pattern).request();
        assertEquals(one, night("newData", pattern, "date", "2026-02-28", "leaseMinutes", "3", "debug", "true").request());
        assertNotEquals(one, night("newData", pattern, "learningRate", "0.1").request());
        assertNotEquals(one, night("newData", pattern, "date", "2026-02-27").request());
        Files.setLastModifiedTime(file, FileTime.from(Instant.parse("2026-02-28T10:00:00Z")));
        assertNotEquals(one, night("newData", pattern).request());
    }

    private static Night night(String... pairs) {
        return Night.of(settings(pairs), new Configuration(false), CLOCK);
    }

    private static Settings settings(String... pairs) {
        Map<String, String> all = new HashMap<>(Map.of("newData", "new", "holdout", "held"));
        for (int i = 0; i < pairs.length; i += 2) all.put(pairs[i], pairs[i + 1]);
        return Settings.of(all);
    }

    /** By hand: labels 3 : 1 there and 1 : 1 here differ by (1/4 + 1/4) / 2; sequences of 10 there and of 4 here. */
    @Test void driftIsWorkedByHand() {
        Profile then = new Profile(10, 100, 0.01, Map.of("a", 75L, "b", 25L)), now = new Profile(25, 100, 0.3, Map.of("a", 50L, "b", 50L));
        assertEquals(0.25, now.labelDistance(then), 1e-12);
        assertEquals(1, now.labelDistance(new Profile(1, 1, 0, Map.of("c", 3L))), 1e-12);
        Drift drift = Drift.of(now, Optional.of(then), settings("leastTokens", "100"));
        assertEquals(3, drift.warnings().size(), drift.warnings().toString());
        assertEquals("share of unknown tokens is 0.3000, of the champion's data 0.01000, past 0.2000 (unknownLimits)", drift.warnings().get(0));
        assertEquals("distance of the labels' distribution is 0.2500, past 0.1000 (labelLimits)", drift.warnings().get(1));
        assertEquals("ratio of the sequences' length is 2.500, past 1.500 (lengthLimits)", drift.warnings().get(2));
        assertEquals(0, drift.stops().size());
        assertEquals(4, Drift.of(now, Optional.of(then), settings("leastTokens", "101", "unknownLimits", "0,0.2", "labelLimits", "0,0.2", "lengthLimits", "1,2")).stops().size());
        assertEquals(Optional.of(now), Profile.of(now.json()));
    }

    @ParameterizedTest @CsvSource({
        // right of 100, macro F1 and loss of champion and challenger are made by scores(); gain 0.05
        "90, 85, 0,    '',             true",
        "90, 85, 0.05, '',             true",
        "90, 85, 0.06, '',             false",
        "85, 85, 0,    '',             false",
        "80, 85, 0,    '',             false",
        "90, 85, 0,    'loss:0',       true",
        "90, 85, 0,    'macroF1:0.001', true"})
    void theMarginAndTheGuardsDecide(int challenger, int champion, double margin, String guards, boolean promoted) {
        Judge judge = Judge.of(settings("margin", "" + margin, "guards", guards), classifier());
        assertEquals(promoted, judge.verdict(scores(challenger, 0.5), scores(champion, 0.5)).promoted());
    }

    @Test void aGuardThatIsPassedKeepsTheChampion() {
        Judge judge = Judge.of(settings("guards", "loss:0.1"), classifier());
        assertTrue(judge.verdict(scores(90, 0.59), scores(80, 0.5)).promoted());
        Judge.Verdict kept = judge.verdict(scores(90, 0.61), scores(80, 0.5));
        assertEquals(new Judge.Verdict(false, "accuracy 0.900000, the champion's 0.800000, but loss 0.610000 is worse than the champion's 0.500000 by more than 0.100000"), kept);
        assertEquals(false, Judge.of(settings("metric", "loss"), classifier()).verdict(scores(90, Double.NaN), null).promoted());
    }

    private static Lexicon classifier() {
        return new Lexicon(Task.CLASSIFICATION, null, null, false, 3, List.of("a", "b"), null, 0);
    }

    private static Evaluation scores(int right, double loss) {
        ClassScores classes = new ClassScores();
        for (int n = 0; n < 100; n++) classes.add(n % 2 == 0 ? "a" : "b", (n % 2 == 0) == (n < right) ? "a" : "b");
        return new Evaluation(Task.CLASSIFICATION, 100, loss, 0, 0, null, classes, null, Set.of());
    }
}
