package org.rondo.driver.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.serializer.SerializerInstance;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.rondo.driver.Registrator;
import org.rondo.driver.corpus.Span;
import org.rondo.driver.corpus.TagScheme;
import scala.reflect.ClassTag$;

class EntityScoresTest {
    /** Counts worked by hand: entities in gold, in the prediction, and in both. */
    @ParameterizedTest
    @CsvSource({
        "B-A I-A O B-B,       B-A I-A O B-B,       2, 2, 2",
        "B-A I-A O,           B-A O O,             1, 1, 0",     // too short
        "B-A O O,             B-A I-A O,           1, 1, 0",     // too long
        "B-A I-A,             B-A B-A,             1, 2, 0",     // cut in two
        "B-A I-A,             B-B I-B,             1, 1, 0",     // of another type
        "B-A I-A I-A,         B-A I-A I-B,         1, 2, 0",
        "B-A I-A,             I-A I-A,             1, 1, 1",     // an I with nothing before it starts one
        "B-A O B-A,           I-A O I-A,           2, 2, 2",
        "B-A B-B,             I-A I-B,             2, 2, 2",     // another type is another entity
        "B-A B-A,             I-A I-A,             2, 1, 0",     // the same type is not
        "O O,                 O O,                 0, 0, 0",
        "O O,                 B-A O,               0, 1, 0",
        "O B-A,               O O,                 1, 0, 0",
        "B-A,                 B-A,                 1, 1, 1",     // the end of a sequence is one of entities
        "B-A E-A E-A,         B-A E-A E-A,         2, 2, 2",     // E: what comes after it, unless B, is new
        "B-A E-A I-A,         B-A E-A O,           2, 1, 1",
        "B-A E-A B-A,         B-A E-A B-A,         1, 1, 1",     // the script's, as it is
        "[-A ]-A,             [-A ]-A,             2, 2, 2",     // brackets are of one token
        "[-A [-A,             B-A B-A,             2, 2, 2",
        "B-A [-A,             B-A B-A,             2, 2, 1",     // a bracket starts one and does not end the last: 1 at the end
        "B-A .,               B-A O,               1, 1, 1",     // a full stop is as O, where types are given
        "B-x-y I-x-y,         B-x-y I-x-y,         1, 1, 1",     // cut at the first hyphen
        "B I O I,             B I O B,             2, 2, 2"})    // a letter alone
    void countsByHand(String gold, String predicted, int golds, int found, int correct) {
        assertEquals(new Score(golds, found, correct), score(TagScheme.IOB2, gold, predicted).overall());
    }

    /** What conlleval.pl of 2004-01-26 itself printed for 20,000 sequences in one file: its tokens, phrases, found and correct, its accuracy, and
     *  its FB1 by type. */
    @ParameterizedTest
    @CsvSource({
        "1, B I,               A B-c, 130800, 74949, 74951, 59801, 84.37 A 79.91 B-c 79.66",
        "1, B I E,             A B,   130800, 73576, 73562, 57513, 83.61 A 78.17 B 78.18",
        "2, B I E S X L [ ] ., A B,   129171, 63511, 63565, 47392, 82.77 A 74.73 B 74.45",
        "3, B I,               A -,   130068, 74750, 74594, 59633, 84.45  80.03 A 79.69"})
    void theScriptsOwnNumbers(long seed, String letters, String types, int tokens, int gold, int found, int correct, String printed) {
        Random random = new Random(seed);       // java.util.Random's numbers are specified
        EntityScores scores = new EntityScores(TagScheme.IOB2);
        for (int n = 0; n < 20_000; n++) {
            List<String> is = new ArrayList<>(), guess = new ArrayList<>();
            for (int t = 1 + random.nextInt(12); t > 0; t--) {
                is.add(tag(random, letters.split(" "), types.split(" ")));
                guess.add(random.nextInt(5) == 0 ? tag(random, letters.split(" "), types.split(" ")) : is.get(is.size() - 1));
            }
            scores.add(is, guess);
        }
        assertEquals(tokens, scores.tokens());
        assertEquals(new Score(gold, found, correct), scores.overall());
        StringBuilder figures = new StringBuilder(String.format(Locale.ROOT, "%.2f", 100 * scores.tokenAccuracy()));
        scores.types().forEach((type, score) -> figures.append(String.format(Locale.ROOT, " %s %.2f", type, 100 * score.f1())));
        assertEquals(printed, figures.toString());
    }

    /** As if each sequence were a file. */
    @Test void anEntityEndsWithItsSequence() {
        EntityScores scores = new EntityScores(TagScheme.IOB2);
        scores.add(split("O B-A"), split("O B-A"));
        scores.add(split("I-A O"), split("I-A O"));
        scores.add(List.of(), List.of());
        assertEquals(new Score(2, 2, 2), scores.overall());
        assertEquals(4, scores.tokens());
    }

    /** gold 3, found 4, correct 2: precision 1/2, recall 2/3, F1 = 2 (1/2)(2/3) / (1/2 + 2/3) = 4/7. */
    @Test void figuresByHand() {
        EntityScores scores = score(TagScheme.IOB2, "B-PER I-PER O B-LOC O B-LOC", "B-PER I-PER B-ORG B-LOC B-LOC O");
        assertEquals(new Score(3, 4, 2), scores.overall());
        assertEquals(0.5, scores.overall().precision());
        assertEquals(2 / 3.0, scores.overall().recall());
        assertEquals(4 / 7.0, scores.overall().f1());
        assertEquals(3 / 6.0, scores.tokenAccuracy());
        assertEquals(Map.of("LOC", new Score(2, 2, 1), "ORG", new Score(0, 1, 0), "PER", new Score(1, 1, 1)), scores.types());
        assertEquals("""
                6 tokens with 3 entities; found 4, of which 2 are correct; token accuracy 50.00 %
                entities  precision   recall       F1        gold       found     correct
                all           50.00    66.67    57.14           3           4           2
                LOC           50.00    50.00    50.00           2           2           1
                ORG            0.00     0.00     0.00           0           1           0
                PER          100.00   100.00   100.00           1           1           1
                """, scores.table());
        assertEquals("{\"tokens\":6,\"tokenAccuracy\":0.5,\"precision\":0.5,\"recall\":0.6666666666666666,\"f1\":0.5714285714285714,\"gold\":3,\"found\":4,\"correct\":2,\"types\":{"
                + "\"LOC\":{\"precision\":0.5,\"recall\":0.5,\"f1\":0.5,\"gold\":2,\"found\":2,\"correct\":1},"
                + "\"ORG\":{\"precision\":0.0,\"recall\":0.0,\"f1\":0.0,\"gold\":0,\"found\":1,\"correct\":0},"
                + "\"PER\":{\"precision\":1.0,\"recall\":1.0,\"f1\":1.0,\"gold\":1,\"found\":1,\"correct\":1}}}", scores.json().toString());
    }

    /** conlleval's default, and not 1 or undefined. */
    @Test void nothingToFindAndNothingFoundIsZero() {
        for (EntityScores scores : List.of(new EntityScores(TagScheme.IOB2), score(TagScheme.IOB2, "O", "O"))) {
            assertEquals(0, scores.overall().precision());
            assertEquals(0, scores.overall().recall());
            assertEquals(0, scores.overall().f1());
        }
        assertEquals(0, new EntityScores(TagScheme.IOB2).tokenAccuracy());
        assertEquals(1, score(TagScheme.IOB2, "O", "O").tokenAccuracy());
    }

    /** Entities as a regular expression finds them in the whole line; what is correct is in both sets. */
    @ParameterizedTest
    @EnumSource(names = {"IOB1", "IOB2", "IO"})
    void randomTagsOfBAndIAreCountedAsARegularExpressionFindsThem(TagScheme scheme) {
        Random random = seeded();
        String[] letters = scheme == TagScheme.IO ? new String[] {"I"} : new String[] {"B", "I"};
        EntityScores all = new EntityScores(scheme);
        long gold = 0, found = 0, correct = 0;
        for (int n = 0; n < 3000; n++) {
            List<String> is = draw(random, letters, "A B-c B LONG".split(" ")), guess = alter(random, is, draw(random, letters, "A B-c B LONG".split(" ")));
            Set<Span> truth = find(is), predicted = find(guess), both = new HashSet<>(truth);
            both.retainAll(predicted);
            EntityScores one = new EntityScores(scheme);
            one.add(is, guess);
            assertEquals(new Score(truth.size(), predicted.size(), both.size()), one.overall(), is + " " + guess);
            assertEquals(truth, new HashSet<>(scheme.spans(is)));
            for (String type : one.types().keySet())
                assertEquals(new Score(count(truth, type), count(predicted, type), count(both, type)), one.types().get(type), is + " " + guess);
            all.merge(one);
            gold += truth.size();
            found += predicted.size();
            correct += both.size();
        }
        assertEquals(new Score(gold, found, correct), all.overall());
        assertTrue(correct > 1000 && correct < gold * 0.9, "too easy or too hard: " + all.overall());
    }

    private static final Pattern ENTITY = Pattern.compile("(?<!\\S)[BI]-(\\S+)((?: I-\\1(?!\\S))*)");

    private static Set<Span> find(List<String> tags) {
        String line = String.join(" ", tags);
        Set<Span> spans = new HashSet<>();
        for (Matcher m = ENTITY.matcher(line); m.find(); ) {
            int start = (int) line.substring(0, m.start()).chars().filter(c -> c == ' ').count();
            spans.add(new Span(start, start + 1 + (int) m.group(2).chars().filter(c -> c == ' ').count(), m.group(1)));
        }
        return spans;
    }

    private static int count(Set<Span> spans, String type) {
        return (int) spans.stream().filter(span -> span.type().equals(type)).count();
    }

    /** All letters of the script and others, of types or none. The rules as patterns of "before|after"; then, of the positions where gold
     *  and prediction start or end together, each end is correct that has such a start before it and between them no end of either. */
    @ParameterizedTest
    @CsvSource({"B I E, A B", "B I E [ ] ., A B", "B I E S [ ] . X, A", "B I E [ ] . S, A -"})
    void randomTagsOfAnyLettersAreCountedAsTheRulesSay(String letters, String types) {
        Random random = seeded();
        for (int n = 0; n < 3000; n++) {
            List<String> is = draw(random, letters.split(" "), types.split(" ")), guess = alter(random, is, draw(random, letters.split(" "), types.split(" ")));
            EntityScores scores = new EntityScores(TagScheme.IOB2);
            scores.add(is, guess);
            assertEquals(byRules(is, guess), new TreeMap<>(scores.types()), is + " " + guess);
        }
    }

    private static final Pattern
            STARTS = Pattern.compile("[BIO]/.*\\|B/.*|[OE]/.*\\|[IE]/.*|.*\\|[\\[\\]]/.*|[^/]*/(.*)\\|(?![O.]/)[^/]*/(?!\\1$).*"),
            ENDS = Pattern.compile("[BI]/.*\\|[BO]/.*|E/.*\\|[EIO]/.*|[\\[\\]]/.*|(?![O.]/)[^/]*/(.*)\\|[^/]*/(?!\\1$).*");

    private static Map<String, Score> byRules(List<String> gold, List<String> predicted) {
        List<String> is = pairs(gold), guess = pairs(predicted);
        Map<String, Score> types = new TreeMap<>();
        for (String pair : is) if (STARTS.matcher(pair).matches()) types.merge(type(pair, 1), new Score(1, 0, 0), Score::plus);
        for (String pair : guess) if (STARTS.matcher(pair).matches()) types.merge(type(pair, 1), new Score(0, 1, 0), Score::plus);
        for (int end = 1; end <= is.size(); end++) {
            boolean last = end == is.size();            // whatever is still open then
            if (!last && !(ENDS.matcher(is.get(end)).matches() && ENDS.matcher(guess.get(end)).matches())) continue;
            for (int start = end - 1; start >= 0; start--) {
                boolean together = STARTS.matcher(is.get(start)).matches() && STARTS.matcher(guess.get(start)).matches() && type(is.get(start), 1).equals(type(guess.get(start), 1));
                if (together) types.merge(last ? type(is.get(end - 1), 0) : type(is.get(end), 0), new Score(0, 0, 1), Score::plus);
                if (together || ENDS.matcher(is.get(start)).matches() || ENDS.matcher(guess.get(start)).matches() || !type(is.get(start), 1).equals(type(guess.get(start), 1))) break;
            }
        }
        return types;
    }

    /** letter/type|letter/type, from the start of the sequence to its end. */
    private static List<String> pairs(List<String> tags) {
        List<String> pairs = new ArrayList<>();
        for (int t = 0; t <= tags.size(); t++) pairs.add(slash(t == 0 ? "O" : tags.get(t - 1)) + "|" + slash(t == tags.size() ? "O" : tags.get(t)));
        return pairs;
    }

    private static String slash(String tag) {
        return tag.contains("-") ? tag.replaceFirst("-", "/") : tag + "/";
    }

    private static String type(String pair, int of) {
        return pair.split("\\|")[of].split("/", 2)[1];
    }

    /** The script, given the same with E for I at an entity's end and S for B alone, would count others. */
    @Test void iobesIsCountedAsTheSameEntitiesInIob2() {
        Random random = seeded();
        EntityScores iob2 = new EntityScores(TagScheme.IOB2), iobes = new EntityScores(TagScheme.IOBES);
        for (int n = 0; n < 1000; n++) {
            List<String> is = draw(random, new String[] {"B", "I"}, new String[] {"A", "B"}), guess = alter(random, is, draw(random, new String[] {"B", "I"}, new String[] {"A", "B"}));
            iob2.add(is, guess);
            iobes.add(TagScheme.IOB2.convert(is, TagScheme.IOBES), TagScheme.IOB2.convert(guess, TagScheme.IOBES));
        }
        assertEquals(iob2.types(), iobes.types());
        assertEquals(new Score(2, 2, 2), score(TagScheme.IOBES, "S-A S-A", "S-A S-A").overall());
        assertEquals(new Score(1, 1, 1), score(TagScheme.IOB2, "S-A S-A", "S-A S-A").overall());
        assertEquals(new Score(2, 2, 1), score(TagScheme.IOBES, "B-A L-A U-A", "B-A E-A B-B").overall());
    }

    @Test void partsAddUpToTheWhole() throws Exception {
        Random random = seeded();
        EntityScores whole = new EntityScores(TagScheme.IOB2);
        EntityScores[] parts = {new EntityScores(TagScheme.IOB2), new EntityScores(TagScheme.IOB2), new EntityScores(TagScheme.IOB2)};
        for (int n = 0; n < 100; n++) {
            List<String> is = draw(random, new String[] {"B", "I"}, new String[] {"A", "B"}), guess = alter(random, is, is);
            whole.add(is, guess);
            parts[random.nextInt(2)].add(is, guess);
        }
        EntityScores merged = viaKryo(parts[2]);
        merged.merge(viaKryo(parts[1]));
        merged.merge(viaJava(parts[0]));
        assertEquals(whole.json(), merged.json());
        assertEquals("scores of IOB2 and of IOB1 cannot be merged, expected one scheme",
                assertThrows(IllegalArgumentException.class, () -> whole.merge(new EntityScores(TagScheme.IOB1))).getMessage());
    }

    private static EntityScores viaKryo(EntityScores scores) {
        SerializerInstance kryo = new KryoSerializer(new SparkConf(false).set("spark.kryo.registrationRequired", "true").set("spark.kryo.registrator", Registrator.class.getName())).newInstance();
        return kryo.deserialize(kryo.serialize(scores, ClassTag$.MODULE$.apply(EntityScores.class)), ClassTag$.MODULE$.apply(EntityScores.class));
    }

    private static EntityScores viaJava(EntityScores scores) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ObjectOutputStream java = new ObjectOutputStream(out)) {
            java.writeObject(scores);
        }
        return (EntityScores) new ObjectInputStream(new ByteArrayInputStream(out.toByteArray())).readObject();
    }

    @Test void whatCannotBeScoredIsRefused() {
        assertEquals("a sequence has 2 gold tags and 1 predicted, expected one of each for every token",
                assertThrows(IllegalArgumentException.class, () -> score(TagScheme.IOB2, "O O", "O")).getMessage());
        assertEquals("plain classes have no entities to score; use ClassScores",
                assertThrows(IllegalArgumentException.class, () -> new EntityScores(TagScheme.NONE)).getMessage());
    }

    /** Of 0 to 11 tags, a third of them O; a hyphen for a type makes a letter alone. */
    private static List<String> draw(Random random, String[] letters, String[] types) {
        List<String> tags = new ArrayList<>();
        for (int t = random.nextInt(12); t > 0; t--) tags.add(tag(random, letters, types));
        return tags;
    }

    private static String tag(Random random, String[] letters, String[] types) {
        if (random.nextInt(3) == 0) return "O";
        String letter = letters[random.nextInt(letters.length)], type = types[random.nextInt(types.length)];
        return type.equals("-") || letter.equals(".") ? letter : letter + "-" + type;
    }

    /** The tags with a sixth of them from another draw. */
    private static List<String> alter(Random random, List<String> tags, List<String> others) {
        List<String> altered = new ArrayList<>(tags);
        for (int t = 0; t < tags.size(); t++) if (random.nextInt(6) == 0) altered.set(t, t < others.size() ? others.get(t) : "O");
        return altered;
    }

    private static EntityScores score(TagScheme scheme, String gold, String predicted) {
        EntityScores scores = new EntityScores(scheme);
        scores.add(split(gold), split(predicted));
        return scores;
    }

    private static List<String> split(String tags) {
        return Arrays.asList(tags.split(" "));
    }

    private static Random seeded() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        return new Random(seed);
    }
}
