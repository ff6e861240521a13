/*
 * golden: hashes of results that must be the same on every CPU with fused multiply-adds.
 *
 * tests/golden.txt has them, a line `NAME HASH` each. A change of one is a change of the
 * bits: tests/golden.sh writes the file anew.
 */
#ifndef LOCKSTEP_TESTS_GOLDEN_H
#define LOCKSTEP_TESTS_GOLDEN_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_START 0xcbf29ce484222325u

/* FNV-1a */
static inline uint64_t golden_hash(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

/* The hash that the file has for the name; 0: none. */
static inline uint64_t golden_stored(const char *name)
{
    FILE *file = fopen("tests/golden.txt", "r");
    char line[64];
    uint64_t hash = 0;
    while (file && fscanf(file, "%63s", line) == 1)
        if (strcmp(line, name) == 0 && fscanf(file, "%" SCNx64, &hash) == 1)
            break;
    if (file)
        fclose(file);
    return hash;
}

/* With GOLDEN_PRINT set prints the line of the file instead. */
static inline void golden_check(const char *name, uint64_t hash)
{
    if (getenv("GOLDEN_PRINT")) {
        printf("golden: %s %016" PRIx64 "\n", name, hash);
        return;
    }
    if (golden_stored(name) != hash)
        fail_msg("%s: %016" PRIx64 " is not %016" PRIx64
                 " of tests/golden.txt; if the bits were meant to change, run "
                 "tests/golden.sh",
                 name, hash, golden_stored(name));
}

#endif
