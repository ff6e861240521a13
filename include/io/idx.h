/*
 * idx: reads files in the MNIST format, plain or gzip-compressed (found by content, not
 * by name).
 *
 * Format: big-endian magic 00 00 TYPE NDIMS, NDIMS 32-bit sizes, then the data; here TYPE
 * is 08 (unsigned byte). Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database",
 * section "File formats".
 */
#ifndef LOCKSTEP_IO_IDX_H
#define LOCKSTEP_IO_IDX_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct idx {
    int ndims;
    size_t dim[4];
    size_t count;  /* product of dim */
    uint8_t *data; /* owned */
};

/* Reads a whole file. ST_FAIL, with idx released and the fault reported: not IDX, wrong
   type, truncated, bytes after the end, damaged gzip. */
enum status idx_read(struct idx *idx, const char *path) MUST_CHECK;
void idx_release(struct idx *idx);

#endif
