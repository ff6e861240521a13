/*
 * fuzz: what the programs of tests/fuzz share (clang's libFuzzer; scripts/fuzz.sh runs
 * them).
 *
 * Each hands an input to the reader that the program itself uses, through files in
 * TMPDIR. A crash, a leak, an allocation beyond the limit, and our own ASSERT or "out of
 * memory" are failures; that a reader refuses its input is not.
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

/* What the program itself must not do with any input. */
#define FUZZ_CHECK(cond) ((cond) ? (void)0 : fuzz_wrong(#cond))

static _Noreturn void fuzz_wrong(const char *what)
{
    fprintf(stderr, "expected %s\n", what);
    abort();
}

/* libFuzzer sees an abort, but not the quiet _Exit of a bug or of a lack of memory. */
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

/* A path below TMPDIR. Eight of them are good at a time. */
static const char *fuzz_path(const char *name)
{
    static char path[8][FS_PATH];
    static int turn;
    const char *folder = getenv("TMPDIR");
    turn = (turn + 1) % 8;
    FUZZ_CHECK(fs_join(path[turn], folder ? folder : ".", name) == ST_OK);
    return path[turn];
}

/* A file of these bytes. */
FUZZ_UNUSED static const char *fuzz_file(const char *name, const void *data, size_t size)
{
    const char *path = fuzz_path(name);
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file);
    FUZZ_CHECK(fwrite(data, 1, size, file) == size);
    FUZZ_CHECK(fclose(file) == 0);
    return path;
}

/* The bytes of an input that has several parts, taken from its beginning. */
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

/* A part whose length, three bytes, stands before it. */
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
