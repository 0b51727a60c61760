package org.rondo.driver.corpus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.rondo.driver.corpus.TagSchemeTest.seeded;
import static org.rondo.driver.corpus.TagSchemeTest.spans;
import static org.rondo.driver.corpus.TagSchemeTest.split;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import org.apache.spark.SparkConf;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.serializer.SerializerInstance;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Registrator;
import scala.reflect.ClassTag$;

class SeenTagsTest {
    private static final String SET = "; set --tagScheme (spark.rondo.tagScheme) to one of iob1, iob2, iobes, io, or to none for plain classes";

    @ParameterizedTest
    @CsvSource({
        "IOB1,  I-A I-A B-A / O O",
        "IOB1,  O I-A I-B O I-B B-B",
        "IOB2,  O O / B-A",                     // entities of one token alone
        "IOB2,  B-A I-A O B-B / B-A B-A",
        "IOBES, S-A",
        "IOBES, O S-A B-B E-B",
        "IOBES, B-A M-A E-A O S-A",
        "IOBES, B-A I-A L-A U-A",
        "IO,    O I-A I-A I-B",                 // legal in IOB1 too, with the same entities
        "NONE,  DET NOUN VERB",
        "NONE,  I S Nc"})                       // letters alone beside other classes
    void theSchemeIsRecognised(TagScheme scheme, String corpus) {
        SeenTags seen = see(corpus);
        assertEquals(scheme, seen.recognise("data"));
        assertEquals(scheme == TagScheme.IO ? EnumSet.of(TagScheme.IO, TagScheme.IOB1, TagScheme.NONE) : EnumSet.of(scheme, TagScheme.NONE), seen.fitting());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "O O / O         | train has 3 tags, all of them O, expected some entities to recognise the scheme by",
        "NN B-A / O      | train has the tag 'NN' (NN B-A) beside 'B-A' (NN B-A), expected either entities, each tag O or one of B I E S, a hyphen and a type, or plain classes",
        "O PER PER O     | train has the tag 'PER' (O PER PER O) beside O, expected either entities, each tag O or one of B I E S, a hyphen and a type, or plain classes",
        "O B I           | train has the letter alone 'B' (O B I), which may be an entity without a type or a class, expected a hyphen and a type after it",
        "B E S           | train has the letter alone 'E' (B E S), which may be an entity without a type or a class, expected a hyphen and a type after it",
        "B-A I           | train has the letter alone 'I' (B-A I), which may be an entity without a type or a class, expected a hyphen and a type after it"})
    void whatMayMeanThisOrThatIsRefused(String corpus, String message) {
        String found = assertThrows(BadInput.class, () -> see(corpus).recognise("train")).getMessage();
        assertEquals(message + SET + (message.contains("beside") ? ", or mend the tags" : ""), found);
    }

    @Test void noTagsAreRefused() {
        assertEquals("train has no tags, expected some to recognise their scheme by" + SET,
                assertThrows(BadInput.class, () -> new SeenTags().recognise("train")).getMessage());
    }

    @Test void whatFitsNoSchemeIsToldForEachOfThem() {
        SeenTags seen = see("O O O O B-LOC I-LOC O / O I-PER O O O / B-LOC");
        assertEquals("the tags of train fit no scheme: IOB1 does not allow 'B-LOC' first (B-LOC); IOB2 does not allow 'I-PER' after 'O' (O I-PER O ...); "
                + "IOBES does not allow 'I-PER' after 'O' (O I-PER O ...); IO does not allow 'B-LOC' first (B-LOC); set --tagScheme (spark.rondo.tagScheme) "
                + "to the one that is meant, and what breaks it is read as conlleval does, or mend the tags", assertThrows(BadInput.class, () -> seen.recognise("train")).getMessage());
        seen.check(TagScheme.IOB2, "train");
        assertEquals("train: tags are IOB2, 13 in 3 sequences; not all are legal, such as 'I-PER' after 'O' (O I-PER O ...), and are read as conlleval does", seen.says(TagScheme.IOB2, "train"));
        assertEquals("train has the tag 'B-LOC' first (B-LOC), expected O, or I with a hyphen and a type in io; set --tagScheme (spark.rondo.tagScheme) to the scheme of the tags, or mend them",
                assertThrows(BadInput.class, () -> seen.check(TagScheme.IO, "train")).getMessage());
    }

    @Test void anEndWithoutItsLetterIsTold() {
        String message = assertThrows(BadInput.class, () -> see("S-A B-A E-A / B-A I-A").recognise("train")).getMessage();
        assertEquals("IOBES does not allow 'I-A' last (B-A I-A)", message.split("; ")[2]);
    }

    @Test void theSchemeIsSaid() {
        assertEquals("train: tags are IOB2, 4 in 2 sequences", see("B-A I-A O / O").says(TagScheme.IOB2, "train"));
        assertEquals("train: tags are plain classes, 1 in 1 sequences", see("NN").says(TagScheme.NONE, "train"));
    }

    @ParameterizedTest
    @EnumSource(names = {"IOB1", "IOB2", "IOBES", "IO"})
    void aCorpusOfAnySchemeIsRecognised(TagScheme scheme) {
        Random random = seeded();
        for (int n = 0; n < 200; n++) {
            SeenTags seen = new SeenTags();
            seen.add(scheme.tags(List.of(new Span(1, 2, "A"), new Span(2, 3, "A")), 4));
            for (int sequence = 0; sequence < 5; sequence++) {
                int length = random.nextInt(12);
                seen.add(scheme.tags(spans(random, length), length));
            }
            assertEquals(scheme, seen.recognise("data"));
        }
    }

    /** Any tags, in any parts, merged in any order: the same answer, whatever it is, with the same examples. */
    @Test void howTheCorpusIsCutDoesNotMatter() {
        Random random = seeded();
        List<String> tags = new ArrayList<>(List.of("O", "B-A", "I-A", "E-A", "S-B", "I-LONG", "B-B", "NN", "I"));
        for (int n = 0; n < 500; n++) {
            int kinds = 1 + random.nextInt(tags.size()), parts = 1 + random.nextInt(4);
            Collections.shuffle(tags, random);
            SeenTags whole = new SeenTags();
            List<SeenTags> cut = new ArrayList<>();
            for (int part = 0; part < parts; part++) cut.add(new SeenTags());
            for (int sequence = 0; sequence < 10; sequence++) {
                List<String> drawn = new ArrayList<>();
                for (int t = random.nextInt(8); t > 0; t--) drawn.add(tags.get(random.nextInt(kinds)));
                whole.add(drawn);
                cut.get(random.nextInt(parts)).add(drawn);
            }
            Collections.shuffle(cut, random);
            SeenTags merged = new SeenTags();
            cut.forEach(merged::merge);
            assertEquals(answer(whole), answer(merged));
        }
    }

    private static String answer(SeenTags seen) {
        StringBuilder answer = new StringBuilder();
        for (TagScheme scheme : TagScheme.values()) answer.append(seen.says(scheme, "data")).append('\n');
        try {
            return answer.append(seen.recognise("data")).toString();
        } catch (BadInput e) {
            return answer.append(e.getMessage()).toString();
        }
    }

    @Test void itTravelsWithBothOfSparksSerialisers() throws Exception {
        SeenTags seen = see("B-A I-A O / I-A");
        TagScheme.Allowed allowed = TagScheme.IOB2.allowed(split("O B-A I-A"));
        SerializerInstance kryo = kryo();
        assertEquals(answer(seen), answer(kryo.deserialize(kryo.serialize(seen, ClassTag$.MODULE$.apply(SeenTags.class)), ClassTag$.MODULE$.apply(SeenTags.class))));
        TagScheme.Allowed viaKryo = kryo.deserialize(kryo.serialize(allowed, ClassTag$.MODULE$.apply(TagScheme.Allowed.class)), ClassTag$.MODULE$.apply(TagScheme.Allowed.class));
        assertEquals(List.of(2, 3, 8), List.of(count(viaKryo.start()), count(viaKryo.end()), count(viaKryo.transitions())));     // all but O I-A
        Span span = new Span(1, 3, "A");
        assertEquals(span, kryo.deserialize(kryo.serialize(span, ClassTag$.MODULE$.apply(Span.class)), ClassTag$.MODULE$.apply(Span.class)));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ObjectOutputStream java = new ObjectOutputStream(out)) {
            java.writeObject(seen);
            java.writeObject(allowed);
            java.writeObject(span);
        }
        ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(out.toByteArray()));
        assertEquals(answer(seen), answer((SeenTags) in.readObject()));
        assertEquals(8, count(((TagScheme.Allowed) in.readObject()).transitions()));
        assertEquals(span, in.readObject());
    }

    private static SerializerInstance kryo() {
        return new KryoSerializer(new SparkConf(false).set("spark.kryo.registrationRequired", "true").set("spark.kryo.registrator", Registrator.class.getName())).newInstance();
    }

    private static int count(boolean[] flags) {
        int count = 0;
        for (boolean flag : flags) if (flag) count++;
        return count;
    }

    /** Published as IOB2; sequences, tokens and entities are as many as their folders' SOURCE.txt counts sentences, tokens and B, but for
     *  a sentence of h.conll that is a row without a word. */
    @ParameterizedTest
    @CsvSource({
        "wnut17/wnut17train.conll, 1, 3394, 62730, 1975",
        "wnut17/emerging.dev.conll, 1, 1009, 15733, 836",
        "wnut17/emerging.test.annotated, 1, 1287, 23394, 1079",
        "broad_twitter_corpus/a.conll, 1, 1000, 16612, 521",
        "broad_twitter_corpus/b.conll, 1, 2000, 30825, 1610",
        "broad_twitter_corpus/e.conll, 1, 200, 3981, 325",
        "broad_twitter_corpus/f.conll, 1, 2001, 35426, 4376",
        "broad_twitter_corpus/g.conll, 1, 2138, 34062, 4685",
        "broad_twitter_corpus/h.conll, 1, 2000, 29477, 3368",
        "uner_english-ewt/en_ewt-ud-dev.iob2, 2, 2001, 25149, 966",
        "uner_english-ewt/en_ewt-ud-test.iob2, 2, 2077, 25097, 1088"})
    void publishedCorporaAreRecognisedAndConvertedWithoutLoss(String file, int column, int sequences, int tokens, int entities) throws IOException {
        List<List<String>> corpus = read(file, column);
        SeenTags seen = new SeenTags();
        corpus.forEach(seen::add);
        assertEquals(TagScheme.IOB2, seen.recognise(file));
        int spans = 0;
        for (List<String> tags : corpus) {
            spans += TagScheme.IOB2.spans(tags).size();
            for (TagScheme other : List.of(TagScheme.IOBES, TagScheme.IOB1)) {
                List<String> converted = TagScheme.IOB2.convert(tags, other);
                assertEquals(other.spans(converted), TagScheme.IOB2.spans(tags));
                assertEquals(tags, other.convert(converted, TagScheme.IOB2));
            }
        }
        assertEquals(List.of(sequences, tokens, entities), List.of(corpus.size(), corpus.stream().mapToInt(List::size).sum(), spans));
    }

    @ParameterizedTest
    @ValueSource(strings = {"train", "dev", "test"})
    void partsOfSpeechAreClasses(String part) throws IOException {
        SeenTags seen = new SeenTags();
        read("ud_english-ewt/en_ewt-ud-" + part + ".conllu", 3).forEach(seen::add);
        assertEquals(TagScheme.NONE, seen.recognise(part));
    }

    /** Columns by tabs, sequences parted by lines that are blank; comments begin with # and a blank; rows without a word are left out. */
    private static List<List<String>> read(String file, int column) throws IOException {
        List<List<String>> sequences = new ArrayList<>();
        List<String> tags = new ArrayList<>();
        for (String line : (Files.readString(data(file)) + "\n\n").split("\n", -1)) {
            if (line.startsWith("# ")) continue;
            if (line.isBlank()) {
                if (!tags.isEmpty()) sequences.add(tags);
                tags = new ArrayList<>();
                continue;
            }
            String[] fields = line.split("\t");
            if (!fields[0].isEmpty()) tags.add(fields[column]);
        }
        return sequences;
    }

    /** Beside the project's folder, or that of one that holds it. */
    private static Path data(String name) {
        Path folder = Path.of("").toAbsolutePath();
        while (folder != null && !Files.exists(folder.resolve("shared/data"))) folder = folder.getParent();
        assumeTrue(folder != null && Files.exists(folder.resolve("shared/data").resolve(name)), "there is no ../shared/data/" + name);
        return folder.resolve("shared/data").resolve(name);
    }

    /** Sequences are parted by a slash. */
    private static SeenTags see(String corpus) {
        SeenTags seen = new SeenTags();
        for (String sequence : corpus.split("/")) seen.add(split(sequence));
        return seen;
    }
}
