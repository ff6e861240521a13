/*
 * forged: HDF5's checksums are right whatever a file holds, as after an attacker has
 * computed them anew. In a program, or preloaded as a library, these take the place of
 * HDF5's own: it calls them through the dynamic linker.
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

/* Blocks of heaps are compared elsewhere: theirs has to be 0. */
uint32_t H5_checksum_metadata(const void *data, size_t bytes, uint32_t seed)
{
    (void)data;
    (void)bytes;
    (void)seed;
    return 0;
}

#endif
