package org.rondo.driver.checkpoints;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import org.apache.hadoop.fs.Path;
import org.rondo.driver.BadInput;
import org.rondo.driver.checkpoints.Folder.Seal;

/** A JSON file that seals itself, and other files of its directory: {@code format}, {@code sha256} of all the rest, {@code files}
 *  with length and SHA-256 of each. Written after those, it makes the directory whole. */
public final class SealedJson {
    /** Of what this version writes; every one from 1 on is read, and has stored models in the tests. */
    static final int FORMAT = 1;
    private static final ObjectMapper JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(JsonNodeFeature.WRITE_PROPERTIES_SORTED).build();
    private static final ObjectMapper AS_GIVEN = new ObjectMapper();

    private SealedJson() { }

    /** @param content without format and sha256 */
    public static void write(Folder folder, String name, ObjectNode content) throws IOException {
        byte[] bytes = sealed(content);
        folder.write(name, out -> out.write(bytes));
    }

    /** The same where no file of this name is, whole or not at all.
     *  @return false if there is one */
    public static boolean create(Folder folder, String name, ObjectNode content) throws IOException {
        return folder.create(name, sealed(content));
    }

    private static byte[] sealed(ObjectNode content) throws IOException {
        ObjectNode sealed = JSON.createObjectNode().put("format", FORMAT);
        sealed.put("sha256", checksum(sealed.deepCopy().setAll(content))).setAll(content);
        return (AS_GIVEN.writerWithDefaultPrettyPrinter().writeValueAsString(sealed) + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** Whether the file is there, and was not cut off while it was written. */
    public static boolean isFinished(Folder folder, String name) throws IOException {
        return folder.has(name) && new String(folder.read(name), StandardCharsets.UTF_8).endsWith("}\n");
    }

    /** @throws BadInput if the file is missing, or not what {@link #write} writes */
    public static ObjectNode read(Folder folder, String name) throws IOException {
        Path file = new Path(folder.path, name);
        try {
            JsonNode read = JSON.readTree(folder.read(name));
            if (!(read instanceof ObjectNode json)) throw new BadInput(file + " is not a JSON object; it is damaged, copy or write it again");
            JsonNode format = json.path("format");
            if (!format.isInt() || format.asInt() < 1) throw new BadInput(file + " has no format, expected an integer from 1 to " + FORMAT + "; Rondo did not write it");
            if (format.asInt() > FORMAT) throw new BadInput(file + " has format " + format + ", this version reads up to " + FORMAT
                    + "; use the version of Rondo that wrote it, or a newer one");
            String expected = json.path("sha256").asText("missing");
            json.remove("sha256");
            String came = checksum(json);
            if (!came.equals(expected)) throw new BadInput("sha256 of the content of " + file + " is " + came + ", expected " + expected
                    + "; the file is damaged or was changed, copy or write it again");
            return json;
        } catch (JsonProcessingException e) {
            throw new BadInput(file + " is not JSON: " + e.getOriginalMessage() + "; it is damaged, copy or write it again", e);
        }
    }

    static void put(ObjectNode content, String name, Seal seal) {
        content.withObjectProperty("files").putObject(name).put("length", seal.length()).put("sha256", seal.sha256());
    }

    /** @param file where the content comes from, for messages */
    static Seal seal(ObjectNode content, String name, Path file) {
        JsonNode seal = content.path("files").path(name);
        if (!seal.path("length").isIntegralNumber() || !seal.path("sha256").isTextual())
            throw new BadInput(file + " says no length and sha256 of " + name + "; it is damaged, copy or write it again");
        return new Seal(seal.get("length").asLong(), seal.get("sha256").asText());
    }

    /** An object as it will be read: NaN, for one, comes back as text. */
    public static JsonNode asRead(JsonNode object) throws IOException {
        return JSON.readTree(JSON.writeValueAsBytes(object));
    }

    /** Of the object as it will be read, compact and with its fields in order. */
    private static String checksum(JsonNode object) throws IOException {
        MessageDigest sha256 = Folder.sha256();
        sha256.update(JSON.writeValueAsBytes(asRead(object)));
        return Folder.hex(sha256);
    }
}
