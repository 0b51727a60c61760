package org.rondo.driver.corpus;

import org.rondo.driver.Settings;
import org.rondo.kernels.Network;
import org.rondo.kernels.Window;

/** Data that have been read, to learn from or to measure with: a text's tokens, or labelled sequences. */
public sealed interface Data extends AutoCloseable permits Tokens, Examples {

    /** Tokens of a text, or sequences. */
    long count();

    /** In 32 hexadecimal digits, the same however the data are cut. Data that differ by accident or by an edit differ here; it is no
     *  signature. */
    String checksum();

    /** Of {@link org.rondo.driver.Setting#SHARDS} parts, for a network that reads and says what {@code lexicon} has. They are in memory or on
     *  disk, once made, until they are closed. */
    Shards shards(Network network, Lexicon lexicon, Settings settings);

    /** Of the window that needs most memory when they are measured with.
     *  @throws org.rondo.driver.BadInput if they cannot be: they are of another kind, or none of their labels is known */
    Window.Size largest(Network network, Lexicon lexicon, Settings settings);

    @Override void close();
}
