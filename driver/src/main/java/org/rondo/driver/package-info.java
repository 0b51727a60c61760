/**
 * Training on Spark. The packages are the stages of the data's way: {@code corpus} (text or labelled sequences to shards), {@code rounds}
 * (shards to a model; {@link org.rondo.driver.rounds.Trainer} is the file to read), {@code checkpoints} (what is written and read again),
 * {@code scoring} (what a model makes of new data); {@code ml} has the same as stages of Spark ML. {@link org.rondo.driver.Setting} is the table of all settings.
 */
package org.rondo.driver;
