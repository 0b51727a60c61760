/** Models that live on: a {@link org.rondo.driver.registry.Registry} is a directory with an {@link org.rondo.driver.registry.Entry} for each, which has numbered
 *  versions and a pointer to the current one. Pointers, claims of numbers and leases are all lines of a {@link org.rondo.driver.registry.Ledger}: numbered files
 *  that are created whole, once, and never changed. Why, and what it assumes, is in docs/decisions/0010-registry.md. */
package org.rondo.driver.registry;
