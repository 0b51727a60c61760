/**
 * What a model makes of new text: {@link org.rondo.driver.scoring.Evaluation} says how well it predicts one,
 * {@link org.rondo.driver.scoring.Sampler} writes one.
 */
package org.rondo.driver.scoring;
