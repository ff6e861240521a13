/*
 * hash: 64-bit content hashes (XXH3). Only home of <xxhash.h>.
 * For data sets, checkpoints and the state= of the log. Not cryptographic.
 */
#ifndef LOCKSTEP_BASE_HASH_H
#define LOCKSTEP_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Hash of `bytes` bytes. To chain hashes, pass the previous one as `seed` (0 for the
   first). The value is the same on all little-endian machines. */
uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed);

/* The same of data that comes in pieces: open with the seed, add, and close for the hash
   that hash_bytes gives for all of it. */
struct hash_stream;
struct hash_stream *hash_stream_open(uint64_t seed);
void hash_stream_add(struct hash_stream *stream, const void *data, size_t bytes);
uint64_t hash_stream_close(struct hash_stream *stream);

/* Writes 16 lower-case hex digits and the terminating NUL. */
void hash_text(uint64_t hash, char text[17]);

#endif
