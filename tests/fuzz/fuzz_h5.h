/*
 * fuzz_h5: what the programs that read HDF5 files share.
 *
 * An attacker recomputes every checksum after changing a file, so here all of them are
 * valid: HDF5's own are not compared, or must be 0 where they always are compared, and
 * lockstep's hash of anything is 0. The seeds are written accordingly (make_corpus.py).
 */
#ifndef LOCKSTEP_TESTS_FUZZ_H5_H
#define LOCKSTEP_TESTS_FUZZ_H5_H

#include <string.h>

#include "base/hash.h"
#include "forged.h"
#include "fuzz.h"

uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed)
{
    (void)data;
    (void)bytes;
    (void)seed;
    return 0;
}

struct hash_stream *hash_stream_open(uint64_t seed)
{
    (void)seed;
    return NULL;
}

void hash_stream_add(struct hash_stream *stream, const void *data, size_t bytes)
{
    (void)stream;
    (void)data;
    (void)bytes;
}

uint64_t hash_stream_close(struct hash_stream *stream)
{
    (void)stream;
    return 0;
}

void hash_text(uint64_t hash, char text[17])
{
    snprintf(text, 17, "%016llx", (unsigned long long)hash);
}

#endif
