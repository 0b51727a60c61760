package org.rondo.driver.checkpoints;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rondo.driver.BadInput;

class SafetensorsTest {
    /** Written by hand from the format's description: two tensors, a = [[1, -2]] and b = [0.5]. */
    private static final String HEADER = "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}   ";
    private static final byte[] BY_HAND = concat(
            HexFormat.of().parseHex("9000000000000000"),        // 144 bytes of header, three blanks of padding included
            HEADER.getBytes(StandardCharsets.US_ASCII),
            HexFormat.of().parseHex("0000803f" + "000000c0" + "0000003f"));

    @Test void whatIsWrittenIsTheFileWrittenByHand() throws IOException {
        assertEquals(144, HEADER.length());
        float[] flat = {9, 1, -2, 0.5f, 9};
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Safetensors.write(out, Map.of("format", "pt"), List.of(
                new Safetensors.Entry("a", List.of(1, 2), flat, 1), new Safetensors.Entry("b", List.of(1), flat, 3)));
        assertEquals(HexFormat.of().formatHex(BY_HAND), HexFormat.of().formatHex(out.toByteArray()));
    }

    @Test void theFileWrittenByHandIsRead() throws IOException {
        float[] flat = new float[3];
        Safetensors.read(new ByteArrayInputStream(BY_HAND), BY_HAND.length, "hand", (name, shape) ->
                new Safetensors.Entry(name, shape, flat, name.equals("a") ? 1 : 0));
        assertArrayEquals(new float[] {0.5f, 1, -2}, flat);
    }

    @Test void tensorsMayBeNamedInAnyOrderWithBlanksAndWithoutMetadata() throws IOException {
        Map<String, float[]> read = read(file("{ \"b\":{\"shape\":[],\"data_offsets\":[4,8],\"dtype\":\"F32\"}, \"a\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]} }  ", 1, 2));
        assertArrayEquals(new float[] {1}, read.get("a"));
        assertArrayEquals(new float[] {2}, read.get("b"));      // shape [] is one number
    }

    @Test void everyBitOfAFloatSurvivesAndVectorsLongerThanAChunkToo() throws IOException {
        float[] odd = {Float.NaN, Float.intBitsToFloat(0x7fc12345), -0f, Float.MIN_VALUE, Float.NEGATIVE_INFINITY, Float.MAX_VALUE};
        float[] large = new float[200_003];
        for (int n = 0; n < large.length; n++) large[n] = n * 0.1f;
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Safetensors.write(out, Map.of(), List.of(new Safetensors.Entry("none", new float[0]), new Safetensors.Entry("odd", odd),
                new Safetensors.Entry("nothing", List.of(3, 0), odd, 2), new Safetensors.Entry("large", large)));
        Map<String, float[]> read = read(out.toByteArray());
        assertEquals(List.of("none", "nothing", "odd", "large").stream().sorted().toList(), read.keySet().stream().sorted().toList());
        assertArrayEquals(bits(odd), bits(read.get("odd")));
        assertArrayEquals(large, read.get("large"));
        assertEquals(0, read.get("none").length);
        assertEquals(0, read.get("nothing").length);
    }

    @Test void aFileCutOffAnywhereIsRefused() {
        for (int n = 0; n < BY_HAND.length; n++) {
            byte[] cut = Arrays.copyOf(BY_HAND, n);
            String message = assertThrows(BadInput.class, () -> read(cut)).getMessage();
            assertTrue(message.startsWith("f is not a whole safetensors file: ") && message.endsWith("; it is damaged, copy or write it again"), message);
            assertEquals("f is not a whole safetensors file: it ends before its 164 bytes; it is damaged, copy or write it again", assertThrows(BadInput.class,
                    () -> Safetensors.read(new ByteArrayInputStream(cut), BY_HAND.length, "f", SafetensorsTest::fresh)).getMessage());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "[1]                                                                                 | 0 | f is not a whole safetensors file: the header is not a JSON object; it is damaged",
        "{}                                                                                  | 0 | ",
        "` {}`                                                                               | 0 | f is not a whole safetensors file: the header is not a JSON object; it is damaged",
        "{'a':                                                                               | 0 | f is not a whole safetensors file: the header is not JSON: ",
        "{'a':{},'a':{}}                                                                     | 0 | f is not a whole safetensors file: the header is not JSON: Duplicate ",
        "{'a':{'dtype':'F16','shape':[2],'data_offsets':[0,4]}}                              | 1 | f: a has dtype F16, expected F32; convert it to 32-bit floats",
        "{'a':{'shape':[1],'data_offsets':[0,4]}}                                            | 1 | f: a has dtype missing, expected F32; convert it to 32-bit floats",
        "{'a':{'dtype':'F32','data_offsets':[0,4]}}                                          | 1 | f is not a whole safetensors file: a has no shape; ",
        "{'a':{'dtype':'F32','shape':[1]}}                                                   | 1 | f is not a whole safetensors file: a has data_offsets , expected two integers; ",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,'4']}}                            | 1 | f is not a whole safetensors file: a has data_offsets [0,\"4\"], expected two integers; ",
        "{'a':{'dtype':'F32','shape':[-1],'data_offsets':[0,4]}}                             | 1 | f is not a whole safetensors file: a has shape [-1], expected integers from 0 to 2147483647; ",
        "{'a':{'dtype':'F32','shape':[65536,65536],'data_offsets':[0,4]}}                    | 1 | f: a has shape [65536,65536], expected at most 2147483647 floats",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}}                              | 1 | f is not a whole safetensors file: a has data_offsets [0,4], expected 8 bytes for shape [2] within 4; ",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}                              | 1 | f is not a whole safetensors file: a has data_offsets [0,8], expected 8 bytes for shape [2] within 4; ",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[-4,0]}}                             | 1 | f is not a whole safetensors file: a has data_offsets [-4,0], expected 4 bytes for shape [1] within 4; ",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'b':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | 2 | f is not a whole safetensors file: b begins at byte 4 of the data, expected 8, it overlaps another tensor; ",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}                              | 2 | f is not a whole safetensors file: a begins at byte 4 of the data, expected 0, there is a gap; ",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}                              | 2 | f is not a whole safetensors file: the tensors take 4 bytes, the file has 8 after its header; "})
    void aHeaderThatIsWrongIsRefused(String header, int floats, String expected) throws IOException {
        byte[] file = file(header.replace('\'', '"'), new float[floats]);
        if (expected == null) assertEquals(Map.of(), read(file));
        else assertTrue(assertThrows(BadInput.class, () -> read(file)).getMessage().startsWith(expected),
                () -> assertThrows(BadInput.class, () -> read(file)).getMessage());
    }

    @Test void aHeaderLengthThatIsWrongIsRefused() {
        byte[] huge = BY_HAND.clone();
        huge[7] = (byte) 0x80;
        assertTrue(assertThrows(BadInput.class, () -> read(huge)).getMessage().contains("the header's length is 9223372036854775952, expected 2 to 156"));
        byte[] zero = new byte[16];
        assertTrue(assertThrows(BadInput.class, () -> read(zero)).getMessage().contains("the header's length is 0, expected 2 to 8"));
    }

    /** Numbers by IEEE 754's tables: 1, -2, the largest and the smallest half, -0, infinity; bfloat16 is a float's upper half. */
    @Test void otherFloatsAreConverted() throws IOException {
        assertArrayEquals(bits(new float[] {1, -2, 65504, 0x1p-24f, -0f, Float.POSITIVE_INFINITY, 1365 / 4096f}), bits(converted("F16", "003c00c0ff7b01000080007c5535")));
        assertArrayEquals(bits(new float[] {1, -2, 3.140625f}), bits(converted("BF16", "803f00c04940")));
        assertArrayEquals(bits(new float[] {1, 0.1f}), bits(converted("F64", "000000000000f03f" + "9a9999999999b93f")));
        assertTrue(assertThrows(BadInput.class, () -> converted("I64", "0100000000000000")).getMessage().startsWith("f: a has dtype I64, expected F32 or F64 or F16 or BF16; "));
    }

    private static float[] converted(String type, String hex) throws IOException {
        byte[] numbers = HexFormat.of().parseHex(hex);
        int n = numbers.length / (type.endsWith("16") ? 2 : 8);
        byte[] file = concat(file("{\"a\":{\"dtype\":\"" + type + "\",\"shape\":[" + n + "],\"data_offsets\":[0," + numbers.length + "]}}"), numbers);
        float[] into = new float[n];
        Safetensors.readAny(new ByteArrayInputStream(file), file.length, "f", (name, shape) -> new Safetensors.Entry(name, into));
        return into;
    }

    private static Safetensors.Entry fresh(String name, List<Integer> shape) {
        return new Safetensors.Entry(name, shape, new float[shape.stream().reduce(1, (a, b) -> a * b)], 0);
    }

    private static Map<String, float[]> read(byte[] file) throws IOException {
        Map<String, float[]> tensors = new LinkedHashMap<>();
        Safetensors.read(new ByteArrayInputStream(file), file.length, "f", (name, shape) -> {
            Safetensors.Entry entry = fresh(name, shape);
            tensors.put(name, entry.vector());
            return entry;
        });
        return tensors;
    }

    private static byte[] file(String header, float... floats) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(8 + json.length + 4 * floats.length).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).put(json);
        for (float f : floats) file.putFloat(f);
        return file.array();
    }

    private static int[] bits(float[] floats) {
        int[] bits = new int[floats.length];
        for (int n = 0; n < bits.length; n++) bits[n] = Float.floatToRawIntBits(floats[n]);
        return bits;
    }

    private static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) all.writeBytes(part);
        return all.toByteArray();
    }
}
