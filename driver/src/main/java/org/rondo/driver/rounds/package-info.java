/**
 * Synchronous rounds. {@link org.rondo.driver.rounds.Plan} says what will happen, before it happens;
 * {@link org.rondo.driver.rounds.Trainer} makes it happen; {@link org.rondo.driver.rounds.Rounds} says what a round does, and
 * {@link org.rondo.driver.rounds.Exchange} does it, as one Spark job whose vectors stay on the executors: they take the mean
 * ({@link org.rondo.driver.rounds.Averaging}, {@link org.rondo.driver.rounds.Gathering}) and the step on it
 * ({@link org.rondo.driver.rounds.OuterOptimizer}). {@link org.rondo.driver.rounds.TrainingState} is all there is between two
 * rounds, and so what a checkpoint holds. {@link org.rondo.driver.rounds.Pace} measures what averaging costs here;
 * {@link org.rondo.driver.rounds.RoundTime} computes it for clusters that are not here.
 *
 * <p>Two ways to average. {@code gradients}: after every window, one step of the optimiser on the mean gradient of all
 * replicas, taken by every executor; the same as one replica with all streams. {@code parameters}: every replica takes
 * windowsPerRound steps of its own; the outer optimiser takes a step towards the mean of their parameters, which the plain mean is one of, and the
 * optimiser's moments become the mean over the replicas, or stay their own, or are reset. Both means are weighted by tokens, and both start every replica of a round from the
 * same model. With {@code gradientsUntil} the one comes first, the other after: a change is at the end of an epoch. With {@code emaDecay} the model that is
 * validated and saved is a mean over rounds as well; no round starts from that.
 */
package org.rondo.driver.rounds;
