package org.rondo.driver.formats;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.Storage;
import org.rondo.driver.checkpoints.Folder;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Network;

/** A model in a form for other programs: a directory with {@code model.safetensors} (PyTorch) or {@code model.onnx}, beside it {@code vocabulary.txt},
 *  {@code characters.txt} and {@code labels.txt} where the model has them, and {@code architecture.json}, which is written last: a directory without it is none. */
public final class Exported {
    static final String ARCHITECTURE = "architecture.json", TENSORS = "model.safetensors", GRAPH = "model.onnx", VOCABULARY = "vocabulary.txt", CHARACTERS = "characters.txt",
            LABELS = "labels.txt", SUMMARY = "summary.json";
    /** In the order in which they are deleted: without the first the others are nothing. */
    private static final List<String> OWN = List.of(ARCHITECTURE, TENSORS, GRAPH, VOCABULARY, CHARACTERS, LABELS, SUMMARY);
    /** Of architecture.json. */
    static final int FORMAT = 1;
    private static final ObjectMapper JSON = new ObjectMapper();

    private Exported() { }

    /** What a file of the directory is written by. */
    private record Part(String name, Folder.Writer writer) { }

    /** Writes a model to {@link Setting#OUTPUT} in {@link Setting#FORMAT}.
     *  @param notes hears what other programs may not know
     *  @return the file that others read
     *  @throws BadInput if the format is none of these, or cannot say what the model computes; or if the output is there and may not be replaced */
    public static Path write(Model model, Settings settings, Configuration conf, Consumer<String> notes) {
        String format = format(settings), given = settings.get(Setting.OUTPUT);
        List<Part> parts = parts(model, format, notes);
        try {
            Path path = new Path(given);
            check(Storage.of(path, conf), path, settings.get(Setting.OVERWRITE));
            Folder folder = new Folder(path, conf);
            for (String name : OWN) folder.fs.delete(new Path(folder.path, name), false);
            folder.fs.mkdirs(folder.path);
            for (Part part : parts) folder.write(part.name, part.writer);
            return new Path(path, parts.get(0).name);
        } catch (IOException | IllegalArgumentException e) {
            throw new BadInput("cannot write to output '" + given + "': " + e.getMessage() + "; check path and permissions, or set --output to another directory", e);
        }
    }

    private static String format(Settings settings) {
        String format = settings.has(Setting.FORMAT) ? settings.get(Setting.FORMAT).strip() : "missing";
        if (!format.equals("pytorch") && !format.equals("onnx")) throw new BadInput("format is '" + format + "', expected pytorch or onnx; set " + Setting.FORMAT.option());
        return format;
    }

    private static List<Part> parts(Model model, String format, Consumer<String> notes) {
        Lexicon lexicon = model.lexicon();
        List<Part> parts = new ArrayList<>();
        if (format.equals("pytorch")) {
            StateDict dict = StateDict.of(model);
            say(model.network(), notes);
            parts.add(new Part(TENSORS, dict::write));
        } else {
            OnnxNetwork onnx = OnnxNetwork.of(model);
            parts.add(new Part(GRAPH, onnx::write));
        }
        if (lexicon.words() != null) parts.add(new Part(VOCABULARY, lexicon.words()::write));
        if (lexicon.characters() != null) parts.add(new Part(CHARACTERS, lexicon.characters()::write));
        String labels = lexicon.labels().stream().map(label -> Vocabulary.escape(label) + "\n").collect(Collectors.joining());
        if (!labels.isEmpty()) parts.add(new Part(LABELS, out -> out.write(labels.getBytes(StandardCharsets.UTF_8))));
        ObjectNode json = JSON.createObjectNode().put("format", FORMAT).put("of", format).setAll(model.architecture());
        parts.add(new Part(ARCHITECTURE, out -> out.write((JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n").getBytes(StandardCharsets.UTF_8))));
        return parts;
    }

    /** What no module of PyTorch's reads by itself. */
    private static void say(Network network, Consumer<String> notes) {
        if (network.cell().peephole()) notes.accept("nn.LSTM has no peepholes: they are the tensors peephole_l0 and so on, which load_state_dict refuses unless a module of yours has them; docs/formats.md");
        if (network.head().crf()) notes.accept("the CRF's transitions are named as the package pytorch-crf has them, crf.transitions and so on; docs/formats.md");
    }

    /** Other programs name their files as we do: only architecture.json tells that the rest is ours.
     *  @throws BadInput if something is there that may not be replaced */
    private static void check(FileSystem fs, Path directory, boolean overwrite) throws IOException {
        FileStatus[] files;
        try {
            if (fs.getFileStatus(directory).isFile()) throw new BadInput("output " + directory + " is a file, expected a directory to write to; set --output to another path");
            files = fs.listStatus(directory);
        } catch (FileNotFoundException none) {
            return;
        }
        if (files.length == 0) return;
        List<String> names = Arrays.stream(files).map(file -> file.getPath().getName()).sorted().toList();
        for (String name : names) if (!OWN.contains(name)) throw new BadInput("output directory " + directory + " holds " + name + ", which export has not written; set --output to another directory");
        if (!names.contains(ARCHITECTURE)) throw new BadInput("output directory " + directory + " holds " + names.get(0) + " and no " + ARCHITECTURE
                + ", so it is another program's, or an export that was killed; set --output to another directory, or delete this one");
        if (!overwrite) throw new BadInput("output directory " + directory + " already holds an exported model; set --output to another directory, or --overwrite to replace it");
    }
}
