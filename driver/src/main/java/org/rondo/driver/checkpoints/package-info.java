/** What training leaves on a Hadoop file system: {@link org.rondo.driver.checkpoints.Checkpoints} while it runs, a
 *  {@link org.rondo.driver.checkpoints.Model} at its end. In both, a small JSON file is written last and holds the SHA-256 of
 *  all that it commits: a directory without it is nothing, and no step needs an atomic rename. */
package org.rondo.driver.checkpoints;
