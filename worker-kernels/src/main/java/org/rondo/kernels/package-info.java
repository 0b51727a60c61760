/**
 * Recurrent networks and the kernels that compute them. Nothing here knows Spark.
 *
 * <p>Read in this order: this page, {@link org.rondo.kernels.Network} (the architecture and its table of tensors),
 * {@link org.rondo.kernels.ReferenceKernel} (the equations as loops: the specification; those of the CRF are in ReferenceCrf),
 * {@link org.rondo.kernels.UnrolledNetwork} (forward and backward over a window), {@link org.rondo.kernels.Replica} (windows
 * after windows: truncated back-propagation through time). {@link org.rondo.kernels.NativeKernel} and {@code src/main/native}
 * compute the same, fast.
 *
 * <h2>Forward</h2>
 * For step t of a window, sigma being the logistic function, * the product element by element, and gates always in the order
 * i f g o (input, forget, candidate, output):
 * <pre>
 *  (1)  x_t = E[id_t]                                    token embedding; for layer l > 0, x_t is h_t of the layer below
 *  (2)  x_t = x_t * mask / (1 - rate)                    dropout of what layers above the first read, and the head: only on the
 *                                                        way up, never on the way from t to t+1
 *  (3)  i = sigma(Wx_i x_t + Wh_i h_{t-1} + b_i)
 *  (4)  f = sigma(Wx_f x_t + Wh_f h_{t-1} + b_f)
 *  (5)  g =  tanh(Wx_g x_t + Wh_g h_{t-1} + b_g)
 *  (6)  o = sigma(Wx_o x_t + Wh_o h_{t-1} + b_o)
 *  (7)  c_t = f * c_{t-1} + i * g                        the memory cell
 *  (8)  h_t = o * tanh(c_t)
 *  (9)  z_t = W h_t + b,   p_t = softmax(z_t),   E = - sum over t of log p_t[y_t]
 * </pre>
 * Other cells and losses change single lines:
 * <pre>
 *  (17)  h_t = tanh(Wx x_t + Wh h_{t-1} + b)             the vanilla RNN, in place of (3) to (8); or max(0, ...)
 *  (18)  E = sum over t of |z_t - y_t|^2 / outputs       the squared error, in place of the softmax
 *  (19)  (3) and (4) with + p_i * c_{t-1}, + p_f * c_{t-1}, (6) with + p_o * c_t       peepholes
 *        (5) with sigma in place of tanh                 candidateActivation
 * </pre>
 * A CRF (Lafferty, McCallum and Pereira 2001) scores the labels y_1 to y_T of a sequence together, which has a label at every step
 * and ends with its window; A[x][y] is the score of label y after label x:
 * <pre>
 *  (20)  s(y) = start[y_1] + sum over t of z_t[y_t] + sum over t > 1 of A[y_{t-1}][y_t] + end[y_T]
 *        E = log Z - s(y),   Z = sum of exp(s(y')) over all y'
 *  (21)  alpha_1[y] = exp(start[y] + z_1[y]),   alpha_t[y] = exp(z_t[y]) * sum over x of alpha_{t-1}[x] exp(A[x][y])
 *        Z = sum over y of alpha_T[y] exp(end[y])
 *  (22)  delta_1[y] = start[y] + z_1[y],   delta_t[y] = z_t[y] + max over x of (delta_{t-1}[x] + A[x][y])
 *        the best y: y_T has the largest delta_T + end, y_{t-1} the largest delta_{t-1}[x] + A[x][y_t]; of equals the lowest
 * </pre>
 * A layer may run in reverse, from the last step to the first; two directions read the same x_t, and the layer above reads
 * their h_t side by side. Steps at and past a sequence's length leave h and c as they are, in either direction.
 *
 * <h2>Backward through time</h2>
 * {@code dq} is dE/dq. E is a sum over steps, so every gradient of a weight is a sum over steps; what reaches step k from the
 * loss at step t has passed the product of the Jacobians dh_j/dh_{j-1}, j = k+1..t. That product is computed here one factor
 * at a time, from the window's last step to its first, where it is cut off: "truncated".
 * <pre>
 *  (10)  dz_t = p_t - onehot(y_t),   dW = sum dz_t h_t^T,   db = sum dz_t,   dh_t = W^T dz_t
 *  (11)  dh_t += Wh^T dG_{t+1}                           dG: the gradients before the gates' nonlinearity, i f g o
 *  (12)  do = dh_t * tanh(c_t),   dc += dh_t * o * (1 - tanh(c_t)^2)
 *  (13)  di = dc * g,   df = dc * c_{t-1},   dg = dc * i
 *  (14)  dG = (di * i(1-i),  df * f(1-f),  dg * (1-g^2),  do * o(1-o))
 *  (15)  dc_{t-1} = dc * f                               no matrix here: this is why the cell's gradient does not vanish
 *        with peepholes: dc += do' * p_o before (13), dc_{t-1} += di' * p_i + df' * p_f after (15), where q' is dG's part,
 *        and dp_i = sum di' * c_{t-1},  dp_f = sum df' * c_{t-1},  dp_o = sum do' * c_t
 *        vanilla RNN: dG = dh_t * (1 - h_t^2), in place of (12) to (15)
 *  (16)  dWx = sum dG_t x_t^T,   dWh = sum dG_t h_{t-1}^T,   db = sum dG_t,   dx_t = Wx^T dG_t
 * </pre>
 * For a CRF, in place of dz_t in (10), with p_t the probabilities of the labels at step t and p_t[x, y] those of labels at t-1 and t:
 * <pre>
 *  (23)  beta_T[y] = exp(end[y]),   beta_{t-1}[x] = sum over y of exp(A[x][y] + z_t[y]) beta_t[y]
 *  (24)  p_t[y] = alpha_t[y] beta_t[y] / Z,   p_t[x, y] = alpha_{t-1}[x] exp(A[x][y] + z_t[y]) beta_t[y] / Z
 *  (25)  dz_t = p_t - onehot(y_t),   dstart = p_1 - onehot(y_1),   dend = p_T - onehot(y_T)
 *        dA[x][y] = sum over t > 1 of p_t[x, y] - 1 where y_{t-1} = x and y_t = y
 * </pre>
 *
 * <h2>Layouts</h2>
 * Outside a kernel there is one flat float vector, in the order of {@link org.rondo.kernels.Network#tensors()}. Inside, see
 * {@link org.rondo.kernels.Layout}.
 *
 * <h2>Threads</h2>
 * A task may have several cores, and its native kernel as many threads ({@link org.rondo.kernels.Kernel#open}). They share out what
 * is independent: sequences where an operation goes through time, rows of a product, columns of a gradient. No sum is ever
 * split, so the bits are those of one thread; nor does a kernel take more memory. The threads are Java's; {@code src/main/native}
 * only knows parts of an operation and phases between which all parts meet (kernel.h).
 */
package org.rondo.kernels;
