/** From text on any Hadoop file system to shards: {@link org.rondo.driver.corpus.Text} (lines, strictly UTF-8), then
 *  {@link org.rondo.driver.corpus.Vocabulary} (counted), then {@link org.rondo.driver.corpus.Tokens} (ids, and the shards);
 *  {@link org.rondo.driver.corpus.Corpus} is what a training has of them.
 *
 *  <p>Labelled sequences are {@link org.rondo.driver.corpus.Examples}: of text files, whose {@link org.rondo.driver.corpus.Records}
 *  are read by a {@link org.rondo.driver.corpus.Format}, or of a {@link org.rondo.driver.corpus.Table}.
 *  {@link org.rondo.driver.corpus.Lexicon} turns their words, characters and labels into numbers, and goes with the model.
 *  {@link org.rondo.driver.corpus.TagScheme} says how tags mean entities, {@link org.rondo.driver.corpus.SeenTags} which scheme a corpus has.
 *
 *  <p>{@link org.rondo.driver.corpus.WordVectors} are what an embedding may start from.
 *
 *  <p>Everything is in the order (path, offset); how Spark cuts the files into tasks is never seen in a result. */
package org.rondo.driver.corpus;
