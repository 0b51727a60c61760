package org.rondo.driver.formats;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.AttributeProto.AttributeType;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto.Dimension;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;

/** A graph of ONNX's operators as it is put together; each value has the name that the method which makes it returns. See https://onnx.ai/onnx/operators. */
final class OnnxGraph {
    /** The lowest of the operators used, so that old runtimes read it: that of LSTM and RNN. */
    static final int OPSET = 14;
    private static final int IR_VERSION = 7;
    /** An input of an operator that is not given. */
    static final String NONE = "";

    private final GraphProto.Builder graph = GraphProto.newBuilder().setName("rondo");

    /** @param shape sizes, or names of those that are not known before the graph runs */
    String input(String name, DataType type, Object... shape) {
        graph.addInput(value(name, type, shape));
        return name;
    }

    /** Gives a value a name, and to the outside. */
    void output(String name, String value, Object... shape) {
        node("Identity", name, List.of(value), Map.of());
        graph.addOutput(value(name, DataType.FLOAT, shape));
    }

    /** The floats from {@code from} on. */
    String part(String name, float[] values, int from, int count, long... shape) {
        ByteBuffer raw = ByteBuffer.allocate(Math.multiplyExact(Float.BYTES, count)).order(ByteOrder.LITTLE_ENDIAN);
        raw.asFloatBuffer().put(values, from, count);
        return constant(name, DataType.FLOAT, raw, shape);
    }

    String constant(String name, float[] values, long... shape) {
        return part(name, values, 0, values.length, shape);
    }

    /** A vector. */
    String constant(String name, long... values) {
        return integers(name, values, values.length);
    }

    String scalar(String name, long value) {
        return integers(name, new long[] {value});
    }

    private String integers(String name, long[] values, long... shape) {
        ByteBuffer raw = ByteBuffer.allocate(Long.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
        raw.asLongBuffer().put(values);
        return constant(name, DataType.INT64, raw, shape);
    }

    private String constant(String name, DataType type, ByteBuffer raw, long... shape) {
        TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(type.getNumber()).setRawData(UnsafeByteOperations.unsafeWrap(raw));
        for (long size : shape) tensor.addDims(size);
        graph.addInitializer(tensor);
        return name;
    }

    /** @param name of the only output that is used
     *  @return the name */
    String node(String operator, String name, List<String> inputs, Map<String, ?> attributes) {
        return node(operator, List.of(name), inputs, attributes).get(0);
    }

    String node(String operator, String name, String... inputs) {
        return node(operator, name, List.of(inputs), Map.of());
    }

    /** @param attributes whole numbers, texts, long[] or lists of texts
     *  @return the names of the outputs */
    List<String> node(String operator, List<String> outputs, List<String> inputs, Map<String, ?> attributes) {
        NodeProto.Builder node = NodeProto.newBuilder().setName(outputs.get(0)).setOpType(operator).addAllInput(inputs).addAllOutput(outputs);
        attributes.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(a -> node.addAttribute(attribute(a.getKey(), a.getValue())));
        graph.addNode(node);
        return outputs;
    }

    private static AttributeProto attribute(String name, Object value) {
        AttributeProto.Builder attribute = AttributeProto.newBuilder().setName(name);
        if (value instanceof Integer number) return attribute.setType(AttributeType.INT).setI(number).build();
        if (value instanceof String text) return attribute.setType(AttributeType.STRING).setS(bytes(text)).build();
        if (value instanceof List<?> texts) {
            texts.forEach(text -> attribute.addStrings(bytes((String) text)));
            return attribute.setType(AttributeType.STRINGS).build();
        }
        for (long number : (long[]) value) attribute.addInts(number);
        return attribute.setType(AttributeType.INTS).build();
    }

    private static ByteString bytes(String text) {
        return ByteString.copyFromUtf8(text);
    }

    private static ValueInfoProto value(String name, DataType type, Object... shape) {
        TensorShapeProto.Builder sizes = TensorShapeProto.newBuilder();
        for (Object size : shape) sizes.addDim(size instanceof String known ? Dimension.newBuilder().setDimParam(known) : Dimension.newBuilder().setDimValue((int) size));
        return ValueInfoProto.newBuilder().setName(name).setType(TypeProto.newBuilder().setTensorType(TypeProto.Tensor.newBuilder().setElemType(type.getNumber()).setShape(sizes))).build();
    }

    /** @param metadata for whoever opens it */
    ModelProto model(Map<String, String> metadata) {
        ModelProto.Builder model = ModelProto.newBuilder().setIrVersion(IR_VERSION).setProducerName("rondo").setGraph(graph)
                .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(OPSET));
        metadata.forEach((key, value) -> model.addMetadataProps(StringStringEntryProto.newBuilder().setKey(key).setValue(value)));
        return model.build();
    }
}
