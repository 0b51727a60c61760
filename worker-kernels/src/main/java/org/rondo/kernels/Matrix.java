package org.rondo.kernels;

/** A block of a kernel's memory. Rows lie {@code stride} floats apart, a multiple of 16 (one AVX-512 register), and the
 *  columns from {@code cols} to {@code stride} are zero and stay zero: no loop has a tail.
 *  @param offset floats from the start of the kernel's memory, a multiple of 16 */
public record Matrix(String name, long offset, int rows, int cols, int stride) {

    public Matrix {
        if (offset < 0 || offset % Layout.VECTOR != 0 || rows < 0 || cols < 1 || stride != (cols + Layout.VECTOR - 1L) / Layout.VECTOR * Layout.VECTOR)
            throw new IllegalArgumentException("matrix " + name + " of " + rows + " x " + cols + " at " + offset + ", its rows " + stride
                    + " apart; expected 0 rows or more of 1 column or more, columns rounded up to " + Layout.VECTOR + " apart, at a multiple of "
                    + Layout.VECTOR);
    }

    public long floats() {
        return (long) rows * stride;
    }

    /** The first rows, as a matrix of their own. */
    public Matrix first(int count) {
        return slice(0, count);
    }

    /** The rows from {@code first} on, as a matrix of their own. */
    public Matrix fromRow(int first) {
        return slice(first, rows - first);
    }

    private Matrix slice(int first, int count) {
        if (first < 0 || count < 0 || count > rows - first)
            throw new IllegalArgumentException(count + " rows from row " + first + " on of " + name + ", expected some of its " + rows);
        return new Matrix(name, offset + (long) first * stride, count, cols, stride);
    }
}
