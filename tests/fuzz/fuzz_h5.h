/*
 * fuzz_h5: what the programs share that read HDF5 files.
 *
 * An attacker computes every checksum anew after having changed a file: here all of them
 * are right. HDF5's own are not compared, or are 0 where they cannot but be; and what
 * lockstep hashes has the hash 0. That is what the seeds say (make_corpus.py).
 */
#ifndef LOCKSTEP_TESTS_FUZZ_H5_H
#define LOCKSTEP_TESTS_FUZZ_H5_H

#include <string.h>

#include "base/hash.h"
#include "fuzz.h"

/* HDF5's, which calls it through the dynamic linker. */
int H5F_get_checksums(const uint8_t *data, size_t bytes, uint32_t *stored,
                      uint32_t *computed);

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

/* A block of a heap is compared elsewhere. */
uint32_t H5_checksum_metadata(const void *data, size_t bytes, uint32_t seed);

uint32_t H5_checksum_metadata(const void *data, size_t bytes, uint32_t seed)
{
    (void)data;
    (void)bytes;
    (void)seed;
    return 0;
}

uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed)
{
    (void)data;
    (void)bytes;
    (void)seed;
    return 0;
}

void hash_text(uint64_t hash, char text[17])
{
    snprintf(text, 17, "%016llx", (unsigned long long)hash);
}

#endif
