package org.rondo.driver.checkpoints;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.Storage;

/** A JSON object in a file of its own, on any file system of Hadoop's. */
public final class JsonFile {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Folder folder;
    private final String name;

    /** @throws IOException if there is no such file system */
    public JsonFile(Path path, Configuration conf) throws IOException {
        Path qualified = Storage.of(path, conf).makeQualified(path);
        if (qualified.isRoot()) throw new IOException(qualified + " is a directory");
        folder = new Folder(qualified.getParent(), conf);
        name = path.getName();
    }

    public Path path() {
        return new Path(folder.path, name);
    }

    /** What is there; missing where there is no file, or one that is no JSON object.
     *  @throws IOException if it is a directory, or there is a file where its directory would be */
    public JsonNode read() throws IOException {
        for (Path parent = folder.path; parent != null; parent = parent.getParent())
            if (folder.fs.exists(parent) && !folder.fs.getFileStatus(parent).isDirectory()) throw new FileAlreadyExistsException(parent + " is a file");
        if (!exists()) return MissingNode.getInstance();
        if (folder.fs.getFileStatus(path()).isDirectory()) throw new FileAlreadyExistsException(path() + " is a directory");
        try {
            return JSON.readTree(folder.read(name)) instanceof ObjectNode object ? object : MissingNode.getInstance();
        } catch (JsonProcessingException other) {
            return MissingNode.getInstance();
        }
    }

    public boolean exists() throws IOException {
        return folder.has(name);
    }

    public void delete() throws IOException {
        folder.fs.delete(path(), false);
    }

    /** In one piece, through to the disk; its directory is made if it is not there. */
    public void write(ObjectNode content) throws IOException {
        byte[] bytes = (JSON.writerWithDefaultPrettyPrinter().writeValueAsString(content) + "\n").getBytes(StandardCharsets.UTF_8);
        folder.fs.mkdirs(folder.path);
        folder.write(name, out -> out.write(bytes));
    }
}
