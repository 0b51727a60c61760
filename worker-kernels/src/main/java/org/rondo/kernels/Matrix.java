package org.rondo.kernels;

/** A block of a kernel's memory. Rows lie {@code stride} floats apart, a multiple of 16 (one AVX-512 register), and the
 *  columns from {@code cols} to {@code stride} are zero and stay zero: no loop has a tail.
 *  @param offset floats from the start of the kernel's memory, a multiple of 16 */
public record Matrix(String name, long offset, int rows, int cols, int stride) {

    public long floats() {
        return (long) rows * stride;
    }

    /** The first rows, as a matrix of their own. */
    public Matrix first(int count) {
        return new Matrix(name, offset, count, cols, stride);
    }

    /** The rows from {@code first} on, as a matrix of their own. */
    public Matrix fromRow(int first) {
        return new Matrix(name, offset + (long) first * stride, rows - first, cols, stride);
    }
}
