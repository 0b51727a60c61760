package org.rondo.driver.rounds;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.NarrowDependency;
import org.apache.spark.rdd.RDD;
import scala.collection.Iterator;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** How a partition of a round looks as a block: a header, then vectors in slices. Bytes, because Spark copies those whole, with
 *  either serialiser, where it would write floats one by one. */
final class Blocks {
    /** Floats in a slice: Netty's and the collector's largest pieces stay small. */
    private static final int SLICE = 1 << 20;

    private Blocks() { }

    /** @param from, to the part of each vector that is written */
    static Iterator<byte[]> write(Serializable header, float[][] vectors, int from, int to) {
        List<byte[]> elements = new ArrayList<>();
        elements.add(bytes(header));
        for (float[] vector : vectors)
            for (int at = from; at < to; at += SLICE) {
                int length = Math.min(SLICE, to - at);
                ByteBuffer slice = ByteBuffer.allocate(Float.BYTES * length).order(ByteOrder.LITTLE_ENDIAN);
                slice.asFloatBuffer().put(vector, at, length);
                elements.add(slice.array());
            }
        return CollectionConverters.asScala(elements.iterator());
    }

    /** A header, and what there is to read after it, each in an element of its own. */
    static Iterator<byte[]> write(Serializable header, Serializable[] rest) {
        return CollectionConverters.asScala(Stream.concat(Stream.of(header), Stream.of(rest)).map(Blocks::bytes).iterator());
    }

    private static byte[] bytes(Serializable header) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(header);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    @SuppressWarnings("unchecked")
    static <H> H header(byte[] bytes) {
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes)) {
            @Override protected Class<?> resolveClass(ObjectStreamClass type) throws ClassNotFoundException {
                return Class.forName(type.getName(), false, Blocks.class.getClassLoader());
            }
        }) {
            return (H) in.readObject();
        } catch (IOException | ClassNotFoundException e) {
            throw new IllegalStateException("a block of a round cannot be read: " + e, e);
        }
    }

    /** Reads what {@link #write} wrote after the header. */
    static void read(Iterator<byte[]> elements, float[][] vectors, int from, int to) {
        for (float[] vector : vectors)
            for (int at = from; at < to; at += SLICE) {
                FloatBuffer slice = ByteBuffer.wrap(elements.next()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
                slice.get(vector, at, Math.min(SLICE, to - at));
            }
    }

    /** Every partition of an RDD reads those of its parent that {@code size} says. */
    static final class Reads<T> extends NarrowDependency<T> {
        private static final long serialVersionUID = 1;
        private final int size, all;

        /** @param size partitions of the parent that each partition reads, in their order; 0 for all */
        Reads(RDD<T> parent, int size) {
            super(parent);
            this.size = size;
            this.all = parent.getNumPartitions();
        }

        @Override public Seq<Object> getParents(int partition) {
            int from = partition * size, to = size == 0 ? all : Math.min(all, from + size);
            return seq(IntStream.range(from, to).<Object>mapToObj(p -> p).toList());
        }
    }

    static <T> Seq<T> seq(List<T> list) {
        return CollectionConverters.asScala(list).toSeq();
    }
}
