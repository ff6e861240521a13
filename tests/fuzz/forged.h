/*
 * forged: makes every checksum in an HDF5 file valid, as if an attacker had recomputed
 * them. HDF5 calls these functions through the dynamic linker, so that these definitions,
 * in a program or a preloaded library, replace its own.
 */
#ifndef LOCKSTEP_TESTS_FORGED_H
#define LOCKSTEP_TESTS_FORGED_H

#include <stddef.h>
#include <stdint.h>

int H5F_get_checksums(const uint8_t *data, size_t bytes, uint32_t *stored,
                      uint32_t *computed);
uint32_t H5_checksum_metadata(const void *data, size_t bytes, uint32_t seed);

int H5F_get_checksums(const uint8_t *data, size_t bytes, uint32_t *stored,
                      uint32_t *computed)
{
    (void)data;
    (void)bytes;
    if (stored)
        *stored = 0;
    if (computed)
        *computed = 0;
    return 0;
}

/* The checksums of heap blocks are compared by other code: in the file they must be 0. */
uint32_t H5_checksum_metadata(const void *data, size_t bytes, uint32_t seed)
{
    (void)data;
    (void)bytes;
    (void)seed;
    return 0;
}

#endif
