package org.rondo.kernels;

import java.util.List;

/** One named block of the flat parameter vector, row-major.
 *  @param offset floats from the start of the vector to the tensor's first element */
public record Tensor(String name, List<Integer> shape, int offset) {

    public int size() {
        return shape.stream().reduce(1, Math::multiplyExact);
    }

    public int end() {
        return offset + size();
    }
}
