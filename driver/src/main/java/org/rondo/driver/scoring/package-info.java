/**
 * What a model makes of new text: {@link org.rondo.driver.scoring.Evaluation} says how well it predicts one,
 * {@link org.rondo.driver.scoring.Sampler} writes one. {@link org.rondo.driver.scoring.EntityScores} and
 * {@link org.rondo.driver.scoring.ClassScores} compare predicted tags and labels with the right ones.
 */
package org.rondo.driver.scoring;
