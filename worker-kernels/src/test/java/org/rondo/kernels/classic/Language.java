package org.rondo.kernels.classic;

/** Strings that are to be predicted symbol by symbol. */
interface Language {
    /** The alphabet; a symbol's token id is its place here. */
    String symbols();

    /** The symbols that may follow each proper prefix of {@code string}, the prefix of one symbol first; empty where the prefix
     *  cannot be continued. */
    String[] successors(String string);
}
