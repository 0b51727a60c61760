package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.driver.registry.Entry;
import org.rondo.driver.registry.Lease;
import org.rondo.driver.registry.Registry;
import org.rondo.kernels.Network;

/** The job {@code models} and its own, in this JVM: results, errors and exit codes. */
class ModelsTest {
    private static final Configuration CONF = new Configuration();
    @TempDir Path folder;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();
    private Entry entry;

    @BeforeEach void twoVersions() throws IOException {
        entry = Registry.open(folder + "/R", CONF).entry("tagger");
        finish(1, 0.8125, "promoted", "nothing was current");
        entry.promote(1, "by hand");
        finish(2, 0.75, "rejected", "f1 0.7500 is not above the current version's 0.8125, on the same 1,000 sentences");
    }

    private void finish(int version, double value, String verdict, String reason) throws IOException {
        entry.claim(JsonNodeFactory.instance.objectNode());
        model().save(entry.directory(version), CONF);
        ObjectNode facts = JsonNodeFactory.instance.objectNode().put("date", "2026-03-0" + version + "T02:00:00Z").put("data", "hdfs://name/node/with/a/long/path/to/data/2026-03-0" + version + ".conll")
                .put("metric", "f1").put("value", value).put("champion", version == 1 ? null : 0.8125).put("parent", version == 1 ? null : 1);
        entry.finish(version, facts.put("verdict", verdict).put("reason", reason).put("request", "").put("serial", 1));
    }

    private static Model model() throws IOException {
        Network network = new Network(3, 2, 1, 1);
        return new Model(network, new float[network.parameterCount()], Lexicon.of(Vocabulary.read(new ByteArrayInputStream("<unk>\na\nb\n".getBytes(StandardCharsets.UTF_8)), "character", "test")),
                JsonNodeFactory.instance.objectNode());
    }

    @Test void versionsAreListedWithDateDataMetricParentAndState() throws IOException {
        entry.claim(JsonNodeFactory.instance.objectNode());
        assertEquals(Rondo.DONE, run("models --registry DIR/R"), err());
        List<String> lines = out().lines().toList();
        assertEquals("name    version  date                  data                                                metric  value   parent  state       reason", lines.get(0));
        assertTrue(lines.get(1).matches("tagger  3        20\\d\\d-\\S+Z  - +-  +-  +-  +unfinished  -"), lines.get(1));
        assertEquals("tagger  2        2026-03-02T02:00:00Z  .../node/with/a/long/path/to/data/2026-03-02.conll  f1      0.7500  1       rejected    f1 0.7500 is not above the current version's 0....", lines.get(2));
        assertEquals("tagger  1        2026-03-01T02:00:00Z  .../node/with/a/long/path/to/data/2026-03-01.conll  f1      0.8125  -       current     nothing was current", lines.get(3));
        JsonNode json = new ObjectMapper().readTree(lines.get(4)).path("models").path(0);
        assertEquals("tagger 1 1", json.path("name").asText() + " " + json.path("current") + " " + json.path("serial"));
        JsonNode second = json.path("versions").path(1);
        assertEquals(List.of("2", "\"rejected\"", "0.75", "0.8125", "1"), Stream.of("version", "state", "value", "champion", "parent").map(field -> second.get(field).toString()).toList());
        assertTrue(second.path("reason").asText().endsWith("the same 1,000 sentences"), "nothing is shortened");
        assertEquals(entry.directory(2).toString(), second.path("directory").asText());
        assertEquals(5, lines.size());
    }

    @Test void aVersionIsPromotedRolledBackPrunedAndAdded() throws IOException {
        assertEquals(Rondo.DONE, run("models promote --registry DIR/R --version 2"), err());
        assertTrue(out().startsWith(entry.path() + ": current is now version 2 (promote of "), out());
        assertEquals(Rondo.DONE, run("models promote --registry DIR/R --name tagger --version 2"), err());
        assertEquals(entry.path() + ": version 2 is current already; nothing was changed\n", out());
        assertEquals(Rondo.DONE, run("models rollback --registry DIR/R"), err());
        assertTrue(out().startsWith(entry.path() + ": current is now version 1 (rollback of "), out());
        model().save(new org.apache.hadoop.fs.Path(folder + "/mine"), CONF);
        assertEquals(Rondo.DONE, run("models add --registry DIR/R --name tagger --model DIR/mine"), err());
        assertEquals(entry.path() + ": added version 3, which is not current; to make it so:\n  bin/rondo models promote --registry " + folder + "/R --name tagger --version 3\n", out());
        assertEquals(Rondo.DONE, run("models prune --registry DIR/R --keep 1"), err());
        assertTrue(out().matches("(?s).*/R/tagger: deleted version 2, [0-9.]+ [a-zA-Z]+\n.*/R/tagger: deleted 1 version, [0-9.]+ [a-zA-Z]+\n"), out());
        assertEquals(List.of(3, 1), entry.versions().stream().map(version -> version.number()).toList());
    }

    @Test void anEntryIsAModelToAllJobs() {
        assertEquals(Rondo.DONE, run("generate --model DIR/R/tagger --length 3 --kernel reference"), err());
        assertTrue(err().startsWith("model " + entry.path() + ": version 1 (promote of "), err());
        String generated = out();
        assertEquals(Rondo.DONE, run("generate --model DIR/R/tagger/versions/1 --length 3 --kernel reference"), err());
        assertEquals(generated, out());
        Registry.open(folder + "/R", CONF).entry("empty").claim(JsonNodeFactory.instance.objectNode());
        assertEquals(Rondo.BAD_INPUT, run("generate --model DIR/R/empty"));
        assertTrue(err().contains("R/empty has no current version; promote one, or set --model to the directory of a version"), err());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            models                                            | registry is missing
            models --registry DIR/nowhere                     | there is no registry at file:DIR/nowhere, or it is empty
            models promote --registry DIR/nowhere --version 1 | there is no registry at file:DIR/nowhere, or it is empty
            models --registry DIR/R --name taggr             | registry file:DIR/R has no entry taggr; the nearest is tagger; set --name
            models rollback --registry DIR/R --name other    | registry file:DIR/R has no entry other; it has tagger; set --name
            models prune --registry DIR/R --name a/b         | 'a/b' cannot be an entry's name
            models promote --registry DIR/R                   | version is missing, expected the number of a version of file:DIR/R/tagger
            models promote --registry DIR/R --version two     | version is 'two', expected an integer from 0 to 999999999
            models promote --registry DIR/R --version 7       | file:DIR/R/tagger has no version 7; it has 2, 1: set --version to one of them
            models rollback --registry DIR/R                  | no version of file:DIR/R/tagger was current before version 1
            models rollback --registry DIR/R --version 2      | version 2 of file:DIR/R/tagger was never current
            models prune --registry DIR/R --keep 0            | keep is '0', expected an integer from 1
            models add --registry DIR/R --model DIR/R/tagger/versions/1 | name is missing, expected the name
            models add --registry DIR/R --name new --model DIR/nowhere | DIR/nowhere
            models --registry nowhere://x                     | cannot use registry 'nowhere://x'""")
    void whatCannotBeUsedIsNamed(String line, String expected) {
        assertEquals(Rondo.BAD_INPUT, run(line), out());
        assertTrue(err().contains(expected.replace("DIR", folder.toString())), err());
        assertEquals(1, err().lines().count(), err());
        assertEquals("", out());
    }

    @Test void whichOfSeveralMustBeSaid() {
        Registry.open(folder + "/R", CONF).entry("other").claim(JsonNodeFactory.instance.objectNode());
        assertEquals(Rondo.BAD_INPUT, run("models rollback --registry DIR/R"));
        assertTrue(err().contains("name is missing, expected one of other, tagger, which registry file:" + folder + "/R has; set --name"), err());
    }

    @Test void nothingIsPrunedWhileAnotherHoldsTheLease() {
        try (Lease lease = entry.lease("retrain", Duration.ofHours(1))) {
            assertEquals(Rondo.BAD_INPUT, run("models prune --registry DIR/R"));
            assertTrue(err().contains("R/tagger is held by retrain of ") && err().contains(", process " + ProcessHandle.current().pid()), err());
            lease.check();
        }
        assertTrue(Files.exists(folder.resolve("R/tagger/versions/2/model.json")));
    }

    private int run(String line) {
        out.reset();
        err.reset();
        return Rondo.run(Stream.of(line.split(" +")).map(word -> word.replace("DIR", folder.toString())).toArray(String[]::new), new SparkConf(false), new Console(print(out), print(err), 0));
    }

    private static PrintStream print(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }

    private String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }
}
