/** How fast the kernels are, at fixed {@link org.rondo.kernels.bench.Shape shapes}, beside what the processor can do at most. The
 *  job {@code bench} prints it; the Maven profile {@code peers} measures other implementations at the same shapes. */
package org.rondo.kernels.bench;
