/*
 * fetch: brings memory into the caches in the order of its addresses, ahead of a kernel
 * that reads several rows of it at the same time.
 *
 * A processor foresees one ascending stream, not the rows of a tile: six rows read side
 * by side come from memory at less than half of its speed. fetch_rows reads a byte of
 * each cache line: loads do what prefetch instructions do not. Where the lines are in a
 * cache already that costs a product 2 to 3 %, so callers ask fetch_pays first.
 */
#ifndef LOCKSTEP_KERNELS_FETCH_H
#define LOCKSTEP_KERNELS_FETCH_H

#include <stdbool.h>
#include <stddef.h>

/* Is an array of so many floats larger than what a second-level cache holds? */
bool fetch_pays(size_t floats);
/* Row i is from[at[i]] and the `columns` - 1 floats behind it. Rows of less than four
   cache lines are not fetched: tiles of them are nearly one stream. */
void fetch_rows(const float *from, const ptrdiff_t *at, int rows, int columns);

#endif
