package org.rondo.driver.checkpoints;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.rondo.driver.BadInput;

/** The safetensors format: 8 bytes with the header's length, a JSON header with the type, shape and bytes of every tensor, then the
 *  tensors, row-major; all little-endian. Floats of 32 bits are written, and the same tensors give the same bytes; others may be read.
 *  See https://github.com/huggingface/safetensors#format. */
public final class Safetensors {
    /** What other readers accept; a longer header is not one. */
    private static final long MAX_HEADER = 100_000_000;
    private static final int CHUNK = 1 << 16;
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    /** A named tensor: the floats of {@code vector} from {@code offset}. */
    public record Entry(String name, List<Integer> shape, float[] vector, int offset) {

        /** A whole vector. */
        public Entry(String name, float[] vector) {
            this(name, List.of(vector.length), vector, 0);
        }

        public int size() {
            return shape.stream().reduce(1, Math::multiplyExact);
        }
    }

    /** Where a tensor that is read goes; its shape is to be checked here. */
    @FunctionalInterface
    public interface Destination {
        /** @return an entry with at least the shape's floats from its offset */
        Entry of(String name, List<Integer> shape);
    }

    /** What a number is made of. F16 and BF16 are floats of 32 bits exactly; F64 is rounded to the nearest. */
    private enum Type {
        F32(4), F64(8), F16(2), BF16(2);

        final int bytes;

        Type(int bytes) {
            this.bytes = bytes;
        }

        void read(ByteBuffer from, float[] into, int offset, int n) {
            if (this == F32) from.asFloatBuffer().get(into, offset, n);
            else for (int i = 0; i < n; i++) into[offset + i] = switch (this) {
                case F64 -> (float) from.getDouble(8 * i);
                case F16 -> half(from.getShort(2 * i));
                default -> Float.intBitsToFloat(from.getShort(2 * i) << 16);
            };
        }

        /** IEEE 754's binary16. */
        private static float half(short bits) {
            int sign = (bits & 0x8000) << 16, exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
            if (exponent == 0) return Math.copySign(fraction * 0x1p-24f, sign | 1);
            return Float.intBitsToFloat(sign | (exponent == 0x1F ? 0xFF : exponent + 127 - 15) << 23 | fraction << 13);
        }
    }

    private record Extent(String name, Type type, List<Integer> shape, long begin, long end) {
        int numbers() {
            return (int) ((end - begin) / type.bytes);
        }
    }

    private Safetensors() { }

    public static void write(OutputStream out, Map<String, String> metadata, List<Entry> entries) throws IOException {
        ObjectNode header = JSON.createObjectNode();
        if (!metadata.isEmpty()) header.set("__metadata__", JSON.valueToTree(metadata));
        long at = 0;
        for (Entry e : entries) {
            ObjectNode tensor = header.putObject(e.name).put("dtype", "F32");
            e.shape.forEach(tensor.withArray("shape")::add);
            tensor.putArray("data_offsets").add(at).add(at += 4L * e.size());
        }
        byte[] json = JSON.writeValueAsBytes(header);
        byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
        Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(padded.length).array());
        out.write(padded);
        for (Entry e : entries) writeFloats(out, e);
    }

    /** Reads every tensor, in the order of their bytes.
     *  @param length of the file in bytes
     *  @param file   its name, for messages
     *  @throws BadInput if the file is not what the format says, or has something else than floats of 32 bits */
    public static void read(InputStream in, long length, String file, Destination destination) throws IOException {
        read(in, length, file, EnumSet.of(Type.F32), destination);
    }

    /** As {@link #read}, and converts numbers of 64 bits, rounded to the nearest, and of 16 bits. */
    public static void readAny(InputStream in, long length, String file, Destination destination) throws IOException {
        read(in, length, file, EnumSet.allOf(Type.class), destination);
    }

    private static void read(InputStream in, long length, String file, Set<Type> types, Destination destination) throws IOException {
        try {
            if (length < 8) throw damaged(file, "it has " + length + " bytes, expected at least 8");
            long headerLength = ByteBuffer.wrap(bytes(in, 8)).order(ByteOrder.LITTLE_ENDIAN).getLong();
            if (headerLength < 2 || headerLength > Math.min(MAX_HEADER, length - 8))
                throw damaged(file, "the header's length is " + Long.toUnsignedString(headerLength) + ", expected 2 to " + Math.min(MAX_HEADER, length - 8));
            for (Extent e : extents(header(bytes(in, (int) headerLength), file), length - 8 - headerLength, file, types))
                readNumbers(in, e, destination.of(e.name, e.shape));
        } catch (EOFException e) {
            throw damaged(file, "it ends before its " + length + " bytes");
        }
    }

    private static JsonNode header(byte[] bytes, String file) {
        try {
            JsonNode header = JSON.readTree(bytes);
            if (bytes[0] != '{' || !header.isObject()) throw damaged(file, "the header is not a JSON object");
            return header;
        } catch (IOException e) {
            throw damaged(file, "the header is not JSON: " + e.getMessage().lines().findFirst().orElse(""));
        }
    }

    /** The tensors in the order of their bytes, which they fill without gaps. */
    private static List<Extent> extents(JsonNode header, long length, String file, Set<Type> types) {
        List<Extent> extents = new ArrayList<>();
        header.properties().forEach(field -> {
            if (!field.getKey().equals("__metadata__")) extents.add(extent(field.getKey(), field.getValue(), length, file, types));
        });
        extents.sort(Comparator.comparingLong(Extent::begin).thenComparingLong(Extent::end));
        long at = 0;
        for (Extent e : extents) {
            if (e.begin != at) throw damaged(file, e.name + " begins at byte " + e.begin + " of the data, expected " + at
                    + (e.begin < at ? ", it overlaps another tensor" : ", there is a gap"));
            at = e.end;
        }
        if (at != length) throw damaged(file, "the tensors take " + at + " bytes, the file has " + length + " after its header");
        return extents;
    }

    private static Extent extent(String name, JsonNode tensor, long length, String file, Set<Type> types) {
        String dtype = tensor.path("dtype").asText("missing");
        Type type = types.stream().filter(t -> t.name().equals(dtype)).findFirst().orElseThrow(() -> new BadInput(file + ": " + name + " has dtype " + dtype + ", expected "
                + types.stream().map(Type::name).collect(Collectors.joining(" or ")) + "; convert it to 32-bit floats"));
        JsonNode shape = tensor.path("shape"), offsets = tensor.path("data_offsets");
        if (!shape.isArray()) throw damaged(file, name + " has no shape");
        if (offsets.size() != 2 || !offsets.get(0).isIntegralNumber() || !offsets.get(1).isIntegralNumber())
            throw damaged(file, name + " has data_offsets " + offsets + ", expected two integers");
        List<Integer> sizes = new ArrayList<>();
        long floats = 1;
        for (JsonNode size : shape) {
            if (!size.canConvertToInt() || size.asInt() < 0) throw damaged(file, name + " has shape " + shape + ", expected integers from 0 to 2147483647");
            sizes.add(size.asInt());
            floats *= size.asInt();
            if (floats > Integer.MAX_VALUE) throw new BadInput(file + ": " + name + " has shape " + shape + ", expected at most " + Integer.MAX_VALUE + " floats");
        }
        long begin = offsets.get(0).asLong(), end = offsets.get(1).asLong();
        if (begin < 0 || end > length || end - begin != type.bytes * floats)
            throw damaged(file, name + " has data_offsets " + offsets + ", expected " + type.bytes * floats + " bytes for shape " + shape + " within " + length);
        return new Extent(name, type, List.copyOf(sizes), begin, end);
    }

    private static void writeFloats(OutputStream out, Entry e) throws IOException {
        ByteBuffer chunk = ByteBuffer.allocate(4 * CHUNK).order(ByteOrder.LITTLE_ENDIAN);
        for (int done = 0, n; done < e.size(); done += n) {
            n = Math.min(CHUNK, e.size() - done);
            chunk.asFloatBuffer().put(e.vector, e.offset + done, n);
            out.write(chunk.array(), 0, 4 * n);
        }
    }

    private static void readNumbers(InputStream in, Extent extent, Entry into) throws IOException {
        int bytes = extent.type.bytes, size = extent.numbers();
        ByteBuffer chunk = ByteBuffer.allocate(bytes * CHUNK).order(ByteOrder.LITTLE_ENDIAN);
        for (int done = 0, n; done < size; done += n) {
            n = Math.min(CHUNK, size - done);
            if (in.readNBytes(chunk.array(), 0, bytes * n) < bytes * n) throw new EOFException();
            extent.type.read(chunk, into.vector, into.offset + done, n);
        }
    }

    private static byte[] bytes(InputStream in, int n) throws IOException {
        byte[] bytes = in.readNBytes(n);
        if (bytes.length < n) throw new EOFException();
        return bytes;
    }

    private static BadInput damaged(String file, String why) {
        return new BadInput(file + " is not a whole safetensors file: " + why + "; it is damaged, copy or write it again");
    }
}
