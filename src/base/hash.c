#include "base/hash.h"

#include <stdio.h>

#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h> /* uses the vectors that the CPU has; the same values */
#else
#include <xxhash.h>
#endif

#include "base/status.h"

uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, bytes, seed);
}

/* A name for XXH3's state: struct hash_stream is never defined. */
struct hash_stream *hash_stream_open(uint64_t seed)
{
    XXH3_state_t *state = XXH3_createState();
    ASSERT(state);
    XXH3_64bits_reset_withSeed(state, seed);
    return (struct hash_stream *)state;
}

void hash_stream_add(struct hash_stream *stream, const void *data, size_t bytes)
{
    XXH3_64bits_update((XXH3_state_t *)stream, data, bytes);
}

uint64_t hash_stream_close(struct hash_stream *stream)
{
    uint64_t hash = XXH3_64bits_digest((XXH3_state_t *)stream);
    XXH3_freeState((XXH3_state_t *)stream);
    return hash;
}

void hash_text(uint64_t hash, char text[17])
{
    snprintf(text, 17, "%016llx", (unsigned long long)hash);
}
