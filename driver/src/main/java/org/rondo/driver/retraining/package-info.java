/** From the current version of a model to the next, night after night: {@link org.rondo.driver.retraining.Retraining} is the file to read. */
package org.rondo.driver.retraining;
