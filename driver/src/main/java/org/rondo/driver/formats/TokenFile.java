package org.rondo.driver.formats;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.Storage;
import org.rondo.driver.corpus.Vocabulary;

/** A file of tokens as another program has numbered them, a line each. Ours begin with {@code <unk>}, which theirs may have anywhere: it is moved to the front, and rows of numbers with it.
 *
 *  @param name    of the file
 *  @param unknown the line of {@code <unk>}, from 0 */
record TokenFile(String name, Vocabulary tokens, int unknown) {

    /** What reads a file of so many bytes. */
    interface Reader<T> {
        T read(InputStream in, long length, String name) throws IOException;
    }

    /** @return null where the setting is not given
     *  @throws BadInput if the file cannot be read, or has not what a vocabulary of that unit has */
    static TokenFile read(Settings settings, Setting<String> setting, String unit, Configuration conf) {
        if (settings.get(setting).isEmpty()) return null;
        return open(settings, setting, conf, "a token a line", (in, length, name) -> {
            List<String> lines = lines(in, name);
            int unknown = lines.indexOf(Vocabulary.UNK);
            if (unknown < 0) throw new BadInput(name + " has no line " + Vocabulary.UNK + ", which stands for all that is not in a vocabulary; rename the token that the model has for it");
            if (unit.equals(Vocabulary.WORD) && !lines.contains(Vocabulary.EOS))
                throw new BadInput(name + " has no line " + Vocabulary.EOS + ", with which a line of words ends; rename the token that the model has for it, or set " + Setting.UNIT.option());
            lines.add(0, lines.remove(unknown));
            byte[] bytes = (String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8);
            return new TokenFile(name, Vocabulary.read(new ByteArrayInputStream(bytes), unit, name), unknown);
        });
    }

    /** Empty where there is no file. */
    static List<String> labels(Settings settings, Configuration conf) {
        if (settings.get(Setting.LABELS).isEmpty()) return List.of();
        return open(settings, Setting.LABELS, conf, "a label a line", (in, length, name) -> {
            List<String> labels = new ArrayList<>();
            for (String line : lines(in, name)) labels.add(Vocabulary.unescape(line, name + ", line " + (labels.size() + 1) + ": "));
            TreeSet<String> distinct = new TreeSet<>();
            for (String label : labels) if (!distinct.add(label)) throw new BadInput(name + " has the label '" + label + "' twice, expected every label once");
            return List.copyOf(labels);
        });
    }

    /** Opens what a setting names, on any file system.
     *  @param what it is, for messages */
    static <T> T open(Settings settings, Setting<String> setting, Configuration conf, String what, Reader<T> reader) {
        String given = settings.get(setting);
        try {
            Path path = new Path(given);
            FileSystem fs = Storage.of(path, conf);
            FileStatus file = fs.getFileStatus(path);
            if (file.isDirectory()) throw new BadInput(setting.key() + " " + given + " is a directory, expected a file, " + what + "; set " + setting.option() + " to the file in it");
            try (InputStream in = new BufferedInputStream(fs.open(path), 1 << 16)) {
                in.mark(4);
                byte[] start = in.readNBytes(4);
                in.reset();
                if (setting == Setting.INPUT && start.length == 4 && start[0] == 'P' && start[1] == 'K' && start[2] == 3 && start[3] == 4) throw new BadInput(given + " is a zip archive, as torch.save writes, expected "
                        + what + "; write it with safetensors.torch.save_file(model.state_dict(), ...)");
                return reader.read(in, file.getLen(), given);
            }
        } catch (FileNotFoundException e) {
            throw new BadInput(setting.key() + " " + given + " is not there, expected " + what + "; set " + setting.option(), e);
        } catch (IOException | IllegalArgumentException e) {
            throw new BadInput("cannot read " + setting.key() + " '" + given + "': " + e.getMessage() + "; check the path", e);
        }
    }

    private static List<String> lines(InputStream in, String name) throws IOException {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(in.readAllBytes())).toString();
        } catch (CharacterCodingException e) {
            throw new BadInput(name + " is not UTF-8; convert it", e);
        }
        if (text.isEmpty()) throw new BadInput(name + " is empty, expected something on every line");
        List<String> lines = new ArrayList<>();
        for (String line : (text.endsWith("\n") ? text.substring(0, text.length() - 1) : text).split("\n", -1))
            lines.add(line.endsWith("\r") ? line.substring(0, line.length() - 1) : line);
        return lines;
    }

    /** A row for every token in our order.
     *  @param rows in the file's */
    float[] inOrder(float[] rows) {
        int width = rows.length / tokens.size();
        float[] ordered = new float[rows.length];
        System.arraycopy(rows, unknown * width, ordered, 0, width);
        System.arraycopy(rows, 0, ordered, width, unknown * width);
        System.arraycopy(rows, (unknown + 1) * width, ordered, (unknown + 1) * width, rows.length - (unknown + 1) * width);
        return ordered;
    }
}
