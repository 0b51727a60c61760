package org.rondo.peers;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** An ONNX model, written down node by node; the numbers are the fields' of onnx.proto3. */
final class OnnxModel {
    /** A size that is not known before the model runs. */
    static final int ANY = -1;
    private static final int OPSET = 14, IR_VERSION = 7;
    private static final int FLOAT = 1, INT32 = 6, INT64 = 7;                   // TensorProto.DataType
    private static final int OF_INT = 2, OF_STRING = 3, OF_INTS = 7;            // AttributeProto.AttributeType
    /** Our gate in the place of each of the operator LSTM's, which are i o f c. */
    private static final int[] GATES = {0, 3, 1, 2};

    private final Message graph = new Message().put(2, "rondo");

    OnnxModel input(String name, long... shape) {
        graph.put(11, value(name, FLOAT, shape));
        return this;
    }

    /** An input of integers of 32 bits. */
    OnnxModel ids(String name, long... shape) {
        graph.put(11, value(name, INT32, shape));
        return this;
    }

    OnnxModel output(String name, long... shape) {
        graph.put(12, value(name, FLOAT, shape));
        return this;
    }

    OnnxModel constant(String name, float[] values, long... shape) {
        ByteBuffer raw = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        raw.asFloatBuffer().put(values);
        return constant(name, FLOAT, raw.array(), shape);
    }

    OnnxModel constant(String name, long... values) {
        ByteBuffer raw = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        raw.asLongBuffer().put(values);
        return constant(name, INT64, raw.array(), values.length);
    }

    private OnnxModel constant(String name, int type, byte[] raw, long... shape) {
        Message tensor = new Message();
        for (long size : shape) tensor.put(1, size);
        graph.put(5, tensor.put(2, type).put(8, name).put(9, raw));
        return this;
    }

    /** @param inputs     names; an empty one stands for an input that is not given
     *  @param attributes integers, texts or long[] */
    OnnxModel node(String operator, List<String> inputs, List<String> outputs, Map<String, ?> attributes) {
        Message node = new Message();
        inputs.forEach(name -> node.put(1, name));
        outputs.forEach(name -> node.put(2, name));
        node.put(4, operator);
        attributes.forEach((name, value) -> node.put(5, attribute(name, value)));
        graph.put(1, node);
        return this;
    }

    OnnxModel node(String operator, List<String> inputs, String output) {
        return node(operator, inputs, List.of(output), Map.of());
    }

    byte[] bytes() {
        return new Message().put(1, IR_VERSION).put(7, graph).put(8, new Message().put(1, "").put(2, OPSET)).bytes();
    }

    /** Our rows of weights or biases in the operator's order of gates.
     *  @param size floats of one gate */
    static float[] gates(float[] ours, int size) {
        float[] reordered = new float[ours.length];
        for (int gate = 0; gate < 4; gate++) System.arraycopy(ours, GATES[gate] * size, reordered, gate * size, size);
        return reordered;
    }

    private static Message attribute(String name, Object value) {
        Message attribute = new Message().put(1, name);
        if (value instanceof String text) return attribute.put(4, text).put(20, OF_STRING);
        if (value instanceof Integer number) return attribute.put(3, number).put(20, OF_INT);
        for (long number : (long[]) value) attribute.put(8, number);
        return attribute.put(20, OF_INTS);
    }

    private static Message value(String name, int type, long... sizes) {
        Message shape = new Message();
        for (long size : sizes) shape.put(1, size == ANY ? new Message() : new Message().put(1, size));
        return new Message().put(1, name).put(2, new Message().put(1, new Message().put(1, type).put(2, shape)));
    }

    /** A protocol buffer, as far as integers, strings, bytes and messages. */
    private static final class Message {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Message put(int field, long value) {
            varint((long) field << 3);
            varint(value);
            return this;
        }

        Message put(int field, String value) {
            return put(field, value.getBytes(StandardCharsets.UTF_8));
        }

        Message put(int field, Message value) {
            return put(field, value.bytes());
        }

        Message put(int field, byte[] value) {
            varint((long) field << 3 | 2);
            varint(value.length);
            out.writeBytes(value);
            return this;
        }

        byte[] bytes() {
            return out.toByteArray();
        }

        private void varint(long value) {
            for (; value >= 0x80; value >>>= 7) out.write((int) (value & 0x7F | 0x80));
            out.write((int) value);
        }
    }
}
