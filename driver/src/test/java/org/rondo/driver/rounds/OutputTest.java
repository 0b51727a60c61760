package org.rondo.driver.rounds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Checkpoint;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Network;

class OutputTest {
    private static JavaSparkContext sc;
    @TempDir Path temp;
    private Path dir;
    private final List<String> notes = new ArrayList<>();

    @BeforeAll static void start() {
        sc = new JavaSparkContext(TrainerTest.conf("local[1]"));
    }

    @AfterAll static void stop() {
        sc.close();
    }

    @BeforeEach void name() {
        dir = temp.resolve("out");
    }

    @Test void aDirectoryThatIsMadeIsFoundAgain() {
        open();
        assertTrue(Files.isDirectory(dir));
        open();
    }

    @Test void whatWasMadeAndStayedEmptyGoes() throws IOException {
        Path parents = temp.resolve("not/yet");
        dir = parents.resolve("there");
        open().close();
        assertFalse(Files.exists(temp.resolve("not")));

        Files.createDirectories(parents);
        open().close();
        assertTrue(Files.exists(parents) && !Files.exists(dir), "what was there before stays");

        Output written = open();
        written.write(initial().toCheckpoint(plan().moments(), new ObjectMapper().createObjectNode()));
        written.close();
        assertTrue(Files.exists(dir.resolve("checkpoints/round-00000000/commit.json")));
    }

    @Test void aFolderNamedCheckpointsIsNotOursByItsName() throws IOException {
        Path weights = write("checkpoints/epoch-1/weights.bin"), notes = write("checkpoints/notes.txt");
        String expected = "output directory file:" + dir + " exists and holds neither a model nor checkpoints of Rondo; "
                + "set --output to another directory, or --overwrite to write into it";
        assertEquals(expected, refused());
        Output output = open("overwrite", "true");
        output.write(initial().toCheckpoint(plan().moments(), new ObjectMapper().createObjectNode()));
        output.finish(model());
        assertEquals("mine", Files.readString(weights));
        assertEquals("mine", Files.readString(notes));
        assertFalse(Files.exists(dir.resolve("checkpoints/round-00000000")));
        Files.delete(dir.resolve("model.json"));
        assertEquals(expected, refused());
    }

    @Test void eventsOfOthersAreNotOurs() throws IOException {
        write("events.out.tfevents.1764321000.host.rondo");
        assertTrue(refused().contains(" holds neither a model nor checkpoints of Rondo; "));
        Files.delete(dir.resolve("events.out.tfevents.1764321000.host.rondo"));
        write("events.out.tfevents.1764321000.host.40.rondo");
        open();
    }

    @Test void aFinishedTrainingLeavesTheModelAlone() throws IOException {
        Output output = open();
        output.write(initial().toCheckpoint(plan().moments(), new ObjectMapper().createObjectNode()));
        output.finish(model());
        try (var files = Files.list(dir)) {
            assertEquals(List.of("model.json", "model.safetensors", "vocabulary.txt"), files.map(f -> f.getFileName().toString()).sorted().toList());
        }
        assertTrue(refused().contains(" already holds a model; "));
        open("overwrite", "true");
    }

    @Test void aModelThatWasNotFinishedIsTakenUp() throws IOException {
        Output output = open();
        output.write(initial().toCheckpoint(plan().moments(), new ObjectMapper().createObjectNode()));
        write("model.safetensors");
        Files.writeString(dir.resolve("model.json"), "{ \"format\" : 1,");       // killed here
        open();
    }

    @Test void whatCannotBeWrittenToIsFoundAtOnce() throws IOException {
        Path file = Files.writeString(temp.resolve("file"), "mine");
        for (String overwrite : List.of("false", "true")) {
            dir = file;
            assertEquals("output file:" + file + " is a file, expected a directory to write the model to; set --output to another path", refused("overwrite", overwrite));
            dir = file.resolve("below");
            assertTrue(refused("overwrite", overwrite).startsWith("cannot write to output '" + dir + "': "), refused());
            dir = Path.of("/proc/nope");        // nobody may write there, root included
            assertEquals("cannot write to output '/proc/nope': directory file:/proc/nope/checkpoints cannot be made; check path and permissions, "
                    + "or set --output to another directory", refused("overwrite", overwrite));
        }
        assertEquals("mine", Files.readString(file));
        assertTrue(refused("output", "nowhere://x/y").startsWith("cannot write to output 'nowhere://x/y': No FileSystem for scheme \"nowhere\""));
        dir = temp.resolve("with a file");
        write("checkpoints");
        assertTrue(refused("overwrite", "true").startsWith("cannot write to output '" + dir + "': "));
    }

    @Test void aCheckpointIsDueAfterEveryEpochTheLastIncluded() {
        Plan plan = plan();
        assertEquals(5, plan.roundsPerEpoch());
        assertEquals(List.of(5L, 10L, 15L), due(plan, "0"));
        assertEquals(List.of(4L, 5L, 8L, 10L, 12L, 15L), due(plan, "4"));
    }

    private List<Long> due(Plan plan, String every) {
        Output output = open("checkpointEvery", every);
        return LongStream.rangeClosed(1, plan.rounds().getAsLong()).filter(round -> output.isDue(new TrainingState.Cursor(round, (int) (round / 5), (int) (round % 5), null, 0, 0))).boxed().toList();
    }

    /** Its rates depend on where it ends; elsewhere more epochs are the same training, for longer. */
    @Test void onlyACosineIsBoundToItsEpochs() throws IOException {
        assertEquals(Map.of(), differencesWithMoreEpochs("none"));
        assertEquals(Map.of(), differencesWithMoreEpochs("plateau"));
        assertEquals(Map.of("epochs", "3 there, 5 here"), differencesWithMoreEpochs("cosine"));
    }

    private TrainingState initial() {
        return TrainingState.initial(plan(), new Origin(Optional.empty(), settings()).parameters(plan().network(), null), LearningRate.start(settings(), true), Selection.LAST);
    }

    private Map<String, String> differencesWithMoreEpochs(String decay) {
        try (Corpus corpus = Corpus.read(sc, settings(), note -> { })) {
            Checkpoint three = initial()
                    .toCheckpoint(plan().moments(), new Provenance(new Origin(Optional.empty(), settings("decay", decay)), plan(), corpus, null).checkpointFacts());
            return new Provenance(new Origin(Optional.empty(), settings("decay", decay, "epochs", "5")), plan(), corpus, null).differences(three);
        }
    }

    @Test void damagedCheckpointsAreDroppedOnlyIfAsked() throws IOException {
        try (Corpus corpus = Corpus.read(sc, settings(), note -> { })) {
            Provenance provenance = new Provenance(new Origin(Optional.empty(), settings()), plan(), corpus, null);
            open().write(initial().toCheckpoint(plan().moments(), provenance.checkpointFacts()));
            assertEquals(0, open().resume(provenance, Selection.LAST).orElseThrow().cursor().round());
            Files.write(dir.resolve("checkpoints/round-00000000/state.safetensors"), new byte[1]);
            notes.clear();
            String message = assertThrows(BadInput.class, () -> open().resume(provenance, Selection.LAST)).getMessage();
            assertTrue(message.endsWith("; set --overwrite or delete the directory to start from the beginning"), message);
            assertEquals(List.of(), notes);
            assertTrue(open("overwrite", "true").resume(provenance, Selection.LAST).isEmpty());
            assertEquals(List.of("dropping the checkpoints in file:" + dir + "/checkpoints: " + message), notes);
            assertTrue(open().resume(provenance, Selection.LAST).isEmpty());
        }
    }

    private Output open(String... given) {
        return Output.open(sc, settings(given), new Progress() {
            @Override public void begin(Plan plan, long firstRound, long tokens) { }

            @Override public void round(Round round) { }

            @Override public void epoch(Epoch epoch, Model model) { }

            @Override public void note(String message) {
                notes.add(message);
            }
        });
    }

    private String refused(String... given) {
        return assertThrows(BadInput.class, () -> open(given)).getMessage();
    }

    private Settings settings(String... given) {
        Map<String, String> all = new HashMap<>(Map.of("input", text().toString(), "output", dir.toString(), "shards", "1", "batch", "1", "seqLen", "2",
                "hidden", "1", "embedding", "1", "layers", "1", "windowsPerRound", "1", "epochs", "3"));
        for (int i = 0; i < given.length; i += 2) all.put(given[i], given[i + 1]);
        return Settings.of(all);
    }

    private Plan plan() {
        return PlanTest.plan(settings(), 3, 11);
    }

    private Path text() {
        try {
            return Files.writeString(temp.resolve("text.txt"), "abababababababababab\n");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private Path write(String name) throws IOException {
        Files.createDirectories(dir.resolve(name).getParent());
        return Files.writeString(dir.resolve(name), "mine");
    }

    private static Model model() throws IOException {
        Network network = new Network(2, 1, 1, 1);
        return new Model(network, new float[network.parameterCount()],
                Lexicon.of(Vocabulary.read(new ByteArrayInputStream("<unk>\na\n".getBytes(StandardCharsets.UTF_8)), "character", "test")), new ObjectMapper().createObjectNode());
    }
}
