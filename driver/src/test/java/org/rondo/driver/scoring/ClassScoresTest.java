package org.rondo.driver.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.SparkConf;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.serializer.SerializerInstance;
import org.junit.jupiter.api.Test;
import org.rondo.driver.Registrator;
import scala.reflect.ClassTag$;

class ClassScoresTest {
    /** Of a: 2 of 3 are found, and 2 of 2 found are right: F1 4/5. Of b: 1 of 1, 1 of 3 found: 1/2. Of c: 0 of 1, none found: 0. Of d, never gold
     *  and once predicted: 0. */
    private static ClassScores worked() {
        ClassScores scores = new ClassScores();
        scores.add(List.of("a", "a", "a", "b", "c"), List.of("a", "a", "b", "b", "b"));
        scores.add("c", "d");
        return scores;
    }

    @Test void figuresByHand() {
        ClassScores scores = worked();
        assertEquals(Map.of("a", new Score(3, 2, 2), "b", new Score(1, 3, 1), "c", new Score(2, 0, 0), "d", new Score(0, 1, 0)), scores.classes());
        assertEquals(3 / 6.0, scores.accuracy());
        assertEquals(scores.accuracy(), scores.microF1());
        assertEquals((4 / 5.0 + 2 / 4.0 + 0 + 0) / 4, scores.macroF1());
        assertEquals(List.of(2L, 1L, 0L, 0L), List.of(scores.count("a", "a"), scores.count("c", "b"), scores.count("b", "a"), scores.count("d", "a")));
    }

    @Test void fewClassesHaveTheirConfusionTable() {
        assertEquals("""
                6 examples of 4 classes; accuracy (micro F1) 50.00 %, macro F1 32.50 %
                class  precision   recall       F1        gold       found     correct
                a         100.00    66.67    80.00           3           2           2
                b          33.33   100.00    50.00           1           3           1
                c           0.00     0.00     0.00           2           0           0
                d           0.00     0.00     0.00           0           1           0
                gold \\ predicted          a          b          c          d
                a                         2          1          0          0
                b                         0          1          0          0
                c                         0          1          0          1
                d                         0          0          0          0
                """, worked().table());
    }

    @Test void manyClassesHaveTheMostFrequentMistakes() {
        ClassScores scores = new ClassScores();
        for (int c = 0; c < 50; c++) {
            String name = String.format("c%02d", c);
            scores.add(name, name);
            for (int n = 0; n < c % 13; n++) scores.add(name, "other");
        }
        String table = scores.table();
        assertTrue(table.contains("\nc38  "), table);
        assertTrue(table.endsWith("""
                c39       100.00   100.00   100.00           1           1           1
                and 11 more, in the JSON
                most frequent mistakes
                     times  gold  predicted
                        12  c12   other
                        12  c25   other
                        12  c38   other
                        11  c11   other
                        11  c24   other
                        11  c37   other
                        10  c10   other
                        10  c23   other
                        10  c36   other
                        10  c49   other
                """), table);
        assertEquals(50, scores.json().get("confusion").size());
        assertEquals(12, scores.json().get("confusion").get("c38").get("other").asLong());
    }

    @Test void theJsonHasEverything() {
        assertEquals("{\"count\":6,\"accuracy\":0.5,\"microF1\":0.5,\"macroF1\":0.325,\"classes\":{"
                + "\"a\":{\"precision\":1.0,\"recall\":0.6666666666666666,\"f1\":0.8,\"gold\":3,\"found\":2,\"correct\":2},"
                + "\"b\":{\"precision\":0.3333333333333333,\"recall\":1.0,\"f1\":0.5,\"gold\":1,\"found\":3,\"correct\":1},"
                + "\"c\":{\"precision\":0.0,\"recall\":0.0,\"f1\":0.0,\"gold\":2,\"found\":0,\"correct\":0},"
                + "\"d\":{\"precision\":0.0,\"recall\":0.0,\"f1\":0.0,\"gold\":0,\"found\":1,\"correct\":0}},"
                + "\"confusion\":{\"a\":{\"a\":2,\"b\":1},\"b\":{\"b\":1},\"c\":{\"b\":1,\"d\":1}}}", worked().json().toString());
    }

    /** False positives and false negatives counted by a loop over all pairs, class by class. */
    @Test void randomLabelsAreCountedAsByALoopOverClasses() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        for (int n = 0; n < 1000; n++) {
            int classes = 1 + random.nextInt(5), examples = 1 + random.nextInt(30);
            int[] gold = random.ints(examples, 0, classes).toArray(), predicted = random.ints(examples, 0, classes).toArray();
            ClassScores scores = new ClassScores();
            for (int i = 0; i < examples; i++) scores.add("c" + gold[i], "c" + predicted[i]);
            double f1 = 0, present = 0, right = 0;
            for (int c = 0; c < classes; c++) {
                double truePositives = 0, falsePositives = 0, falseNegatives = 0;
                for (int i = 0; i < examples; i++) {
                    if (gold[i] == c && predicted[i] == c) truePositives++;
                    if (gold[i] != c && predicted[i] == c) falsePositives++;
                    if (gold[i] == c && predicted[i] != c) falseNegatives++;
                }
                right += truePositives;
                if (truePositives + falsePositives + falseNegatives == 0) continue;
                present++;
                f1 += truePositives / (truePositives + (falsePositives + falseNegatives) / 2);
            }
            assertEquals(right / examples, scores.accuracy(), 1e-12);
            assertEquals(f1 / present, scores.macroF1(), 1e-12);
        }
    }

    @Test void nothingIsZero() {
        ClassScores scores = new ClassScores();
        assertEquals(List.of(0.0, 0.0, 0.0), List.of(scores.accuracy(), scores.microF1(), scores.macroF1()));
        assertTrue(scores.table().startsWith("0 examples of 0 classes"), scores.table());
    }

    @Test void partsAddUpToTheWhole() throws Exception {
        ClassScores first = new ClassScores(), second = new ClassScores();
        first.add(List.of("a", "c"), List.of("b", "d"));
        second.add(List.of("a", "a", "b", "c"), List.of("a", "a", "b", "b"));
        SerializerInstance kryo = new KryoSerializer(new SparkConf(false).set("spark.kryo.registrationRequired", "true").set("spark.kryo.registrator", Registrator.class.getName())).newInstance();
        ClassScores merged = kryo.deserialize(kryo.serialize(first, ClassTag$.MODULE$.apply(ClassScores.class)), ClassTag$.MODULE$.apply(ClassScores.class));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ObjectOutputStream java = new ObjectOutputStream(out)) {
            java.writeObject(second);
        }
        merged.merge((ClassScores) new ObjectInputStream(new ByteArrayInputStream(out.toByteArray())).readObject());
        assertEquals(worked().json(), merged.json());
    }

    @Test void labelsWithoutAPredictionAreRefused() {
        assertEquals("a sequence has 2 gold labels and 1 predicted, expected one of each for every token",
                assertThrows(IllegalArgumentException.class, () -> new ClassScores().add(List.of("a", "b"), List.of("a"))).getMessage());
    }
}
