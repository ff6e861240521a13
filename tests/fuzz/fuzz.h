/*
 * fuzz: what the programs of tests/fuzz share (clang's libFuzzer; scripts/fuzz.sh runs
 * them).
 *
 * Each passes an input to one of lockstep's readers, through files in TMPDIR. Failures
 * are a crash, a leak, an allocation above the limit, a failed ASSERT and "out of
 * memory"; that a reader refuses its input is none.
 */
#ifndef LOCKSTEP_TESTS_FUZZ_H
#define LOCKSTEP_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/status.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

#define FUZZ_UNUSED __attribute__((unused))

/* Must hold for any input. */
#define FUZZ_CHECK(cond) ((cond) ? (void)0 : fuzz_wrong(#cond))

static _Noreturn void fuzz_wrong(const char *what)
{
    fprintf(stderr, "expected %s\n", what);
    abort();
}

/* libFuzzer detects an abort, but not the _Exit after a bug or when memory runs out. */
static void fuzz_abort(int code)
{
    fprintf(stderr, "exit code %d\n", code);
    abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    status_set_abort_hook(fuzz_abort);
    return 0;
}

/* A path below TMPDIR, valid until the eighth call after this one. */
static const char *fuzz_path(const char *name)
{
    static char path[8][FS_PATH];
    static int turn;
    const char *folder = getenv("TMPDIR");
    turn = (turn + 1) % 8;
    FUZZ_CHECK(fs_join(path[turn], folder ? folder : ".", name) == ST_OK);
    return path[turn];
}

/* Writes a file and returns its path. */
FUZZ_UNUSED static const char *fuzz_file(const char *name, const void *data, size_t size)
{
    const char *path = fuzz_path(name);
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file);
    FUZZ_CHECK(fwrite(data, 1, size, file) == size);
    FUZZ_CHECK(fclose(file) == 0);
    return path;
}

/* The rest of an input that has several parts. */
struct fuzz_bytes {
    const uint8_t *data;
    size_t size;
};

FUZZ_UNUSED static uint8_t fuzz_byte(struct fuzz_bytes *bytes)
{
    if (bytes->size == 0)
        return 0;
    bytes->size--;
    return *bytes->data++;
}

/* Takes a part, which begins with its length in three bytes. */
FUZZ_UNUSED static struct fuzz_bytes fuzz_part(struct fuzz_bytes *bytes)
{
    size_t length = (size_t)fuzz_byte(bytes) << 16;
    length |= (size_t)fuzz_byte(bytes) << 8;
    length |= fuzz_byte(bytes);
    if (length > bytes->size)
        length = bytes->size;
    struct fuzz_bytes part = {bytes->data, length};
    bytes->data += length;
    bytes->size -= length;
    return part;
}

#endif
