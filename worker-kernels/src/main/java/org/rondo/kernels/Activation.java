package org.rondo.kernels;

/** A nonlinearity, applied element by element. The order is the native kernel's. */
public enum Activation { TANH, RELU, SIGMOID }
