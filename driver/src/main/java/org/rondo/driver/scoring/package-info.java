/**
 * What a model makes of new data: {@link org.rondo.driver.scoring.Scorer} says it row by row, {@link org.rondo.driver.scoring.Evaluation} how
 * well it predicts what is right, {@link org.rondo.driver.scoring.Sampler} writes a text. {@link org.rondo.driver.scoring.EntityScores} and
 * {@link org.rondo.driver.scoring.ClassScores} compare predicted tags and labels with the right ones.
 */
package org.rondo.driver.scoring;
