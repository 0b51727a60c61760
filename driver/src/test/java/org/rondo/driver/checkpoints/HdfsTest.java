package org.rondo.driver.checkpoints;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.hdfs.client.HdfsAdmin;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Text;
import org.rondo.driver.corpus.Tokens;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Network;

/** The way from text to model on a real HDFS: a name node and a data node in this JVM, spoken to over sockets. */
class HdfsTest {
    @TempDir static java.nio.file.Path temp;
    private static MiniDFSCluster cluster;
    private static FileSystem hdfs;
    private static JavaSparkContext sc;

    @BeforeAll static void start() throws IOException {
        Configuration conf = new Configuration();
        conf.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, temp.toString());
        cluster = new MiniDFSCluster.Builder(conf).numDataNodes(1).build();
        hdfs = cluster.getFileSystem();
        sc = new JavaSparkContext(new SparkConf(false).setMaster("local[2]").setAppName("test").set("spark.ui.enabled", "false")
                .set("spark.hadoop.fs.defaultFS", hdfs.getUri().toString()));
    }

    @AfterAll static void stop() {
        if (sc != null) sc.close();
        if (cluster != null) cluster.shutdown();
    }

    @Test void textIsReadZippedOrNotFromFoldersAndGlobs() throws IOException {
        write("/text/a/1.txt", "ab\n");
        write("/text/b, c/2.gz", "ba\nab\n");
        write("/text/3.log", "zz\n");
        for (String path : List.of("/text/*/*.*", hdfs.getUri() + "/text/{a,b*}", "/text/a/../*/{1,2}.*")) {
            Text text = Text.open(sc, path);
            Vocabulary vocabulary = Vocabulary.count(text, Settings.of(Map.of()));
            assertEquals(4, vocabulary.size(), path);       // <unk> newline a b: 3 each
            try (Tokens tokens = Tokens.encode(text, vocabulary)) {
                assertEquals("ab\nba\nab\n", vocabulary.decode(first(tokens)), path);
            }
        }
        assertEquals("there is no " + hdfs.getUri() + "/none (given as '/none'), expected a file, a folder or a glob; check the path",
                assertThrows(BadInput.class, () -> Text.open(sc, "/none")).getMessage());
        assertEquals("nothing matches " + hdfs.getUri() + "/text/*.csv (given as '/text/*.csv'), expected at least one file; check the glob",
                assertThrows(BadInput.class, () -> Text.open(sc, "/text/*.csv")).getMessage());
    }

    @Test void checkpointsSurviveDamageAndAnUnfinishedWrite() throws IOException {
        Checkpoints checkpoints = new Checkpoints(new Path("/out/checkpoints"), sc.hadoopConfiguration(), 2);
        List<String> notes = new ArrayList<>();
        assertTrue(checkpoints.newest(notes::add).isEmpty());
        for (int round = 1; round <= 4; round++) checkpoints.write(checkpoint(round));
        assertEquals(2, hdfs.listStatus(new Path("/out/checkpoints")).length);
        assertArrayEquals(new float[] {4}, checkpoints.newest(notes::add).orElseThrow().vectors().get("parameters"));

        write("/out/checkpoints/round-00000004/state.safetensors", "short");
        assertEquals(3, checkpoints.newest(notes::add).orElseThrow().round());
        assertTrue(notes.get(0).startsWith("checkpoint " + hdfs.getUri() + "/out/checkpoints/round-00000004 is damaged ("), notes.get(0));
        notes.clear();
        hdfs.mkdirs(new Path("/out/checkpoints/round-00000005"));
        try (FSDataOutputStream open = hdfs.create(new Path("/out/checkpoints/round-00000005/state.safetensors"))) {
            open.write(1);      // another driver died here
            assertEquals(3, checkpoints.newest(notes::add).orElseThrow().round());
            assertEquals("checkpoint " + hdfs.getUri() + "/out/checkpoints/round-00000005 was not finished; resuming from round 3", notes.get(0));
            checkpoints.write(checkpoint(4));
            checkpoints.write(checkpoint(5));
        } catch (IOException lostItsFile) {
            assertTrue(lostItsFile.getMessage().contains("does not exist"), lostItsFile.getMessage());
        }
        notes.clear();
        assertEquals(5, checkpoints.newest(notes::add).orElseThrow().round());
        assertEquals(List.of(), notes);
        checkpoints.delete();
        assertFalse(hdfs.exists(new Path("/out/checkpoints")));
    }

    /** Of a driver that is killed the name node holds the file open; the next one writes another. */
    @Test void eventsAreReadWhileTheyAreWritten() throws IOException {
        Path directory = new Path("/watched");
        try (EventFile open = new EventFile(directory, sc.hadoopConfiguration(), 0)) {
            Path first = hdfs.listStatus(directory)[0].getPath();
            open.add(1, Map.of("a", 1.0));
            open.flush();
            assertEquals(3, events(first).size());
            open.add(2, Map.of("a", 1.0));
            new EventFile(directory, sc.hadoopConfiguration(), 1).close();
            assertEquals(2, hdfs.listStatus(directory).length);
            assertEquals(3, events(first).size(), "the third is not sent yet");
        }
        EventFile.deleteEarlier(directory, sc.hadoopConfiguration());
        assertEquals(2, hdfs.listStatus(directory).length, "both are of one training");
    }

    private static List<org.tensorflow.proto.Event> events(Path file) throws IOException {
        try (var in = hdfs.open(file)) {
            return TensorBoardReader.events(in.readAllBytes());
        }
    }

    @Test void aCheckpointThatDoesNotFitSaysSo() throws IOException {
        Checkpoints checkpoints = new Checkpoints(new Path("/full/checkpoints"), sc.hadoopConfiguration(), 2);
        checkpoints.write(checkpoint(1));
        HdfsAdmin admin = new HdfsAdmin(hdfs.getUri(), sc.hadoopConfiguration());
        admin.setSpaceQuota(new Path("/full"), 1);
        String message = assertThrows(UncheckedIOException.class, () -> checkpoints.write(checkpoint(2))).getMessage();
        assertTrue(message.startsWith("cannot write the checkpoint " + hdfs.getUri() + "/full/checkpoints/round-00000002: The DiskSpace quota of /full is exceeded"), message);
        admin.clearSpaceQuota(new Path("/full"));
        assertEquals(1, checkpoints.newest(note -> { }).orElseThrow().round());
        checkpoints.write(checkpoint(2));
        assertEquals(2, checkpoints.newest(note -> { }).orElseThrow().round());
    }

    @Test void aModelIsSavedAndLoaded() throws IOException {
        write("/small.txt", "ab\n");
        Vocabulary vocabulary = Vocabulary.count(Text.open(sc, "/small.txt"), Settings.of(Map.of()));
        Network network = new Network(4, 2, 3, 1);
        float[] parameters = new float[network.parameterCount()];
        for (int p = 0; p < parameters.length; p++) parameters[p] = 1f / p;
        assertFalse(Model.exists(new Path("/model"), sc.hadoopConfiguration()));
        new Model(network, parameters, Lexicon.of(vocabulary), new ObjectMapper().createObjectNode()).save(new Path("/model"), sc.hadoopConfiguration());
        assertTrue(Model.exists(new Path("/model"), sc.hadoopConfiguration()));
        assertArrayEquals(parameters, Model.load(hdfs.getUri() + "/model", sc.hadoopConfiguration()).parameters());
        hdfs.delete(new Path("/model/vocabulary.txt"), false);
        assertEquals(hdfs.getUri() + "/model/vocabulary.txt is missing; copy the whole directory again",
                assertThrows(BadInput.class, () -> Model.load("/model", sc.hadoopConfiguration())).getMessage());
    }

    private static int[] first(Tokens tokens) {
        var window = ((org.rondo.kernels.Streams) tokens.shards(1, 1).first()).window(0, (int) tokens.count() - 1);
        int[] ids = java.util.Arrays.copyOf(window.ids(), window.ids().length + 1);
        ids[ids.length - 1] = window.targets()[ids.length - 2];
        return ids;
    }

    private static Checkpoint checkpoint(int round) {
        return new Checkpoint(round, new ObjectMapper().createObjectNode().put("learningRate", 0.1), Map.of("parameters", new float[] {round}));
    }

    private static void write(String name, String text) throws IOException {
        try (OutputStream out = name.endsWith(".gz") ? new GZIPOutputStream(hdfs.create(new Path(name))) : hdfs.create(new Path(name))) {
            out.write(text.getBytes(StandardCharsets.UTF_8));
        }
    }
}
