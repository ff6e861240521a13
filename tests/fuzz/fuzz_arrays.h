/*
 * fuzz_arrays: what the programs that read files of named arrays share.
 */
#ifndef LOCKSTEP_TESTS_FUZZ_ARRAYS_H
#define LOCKSTEP_TESTS_FUZZ_ARRAYS_H

#include <string.h>

#include "fuzz.h"
#include "io/arrays.h"

#define FUZZ_NUMBERS ((size_t)1 << 22) /* that are read of a file */
#define FUZZ_RATIO   2000 /* numbers that can be read, for each byte of the file */

static void fuzz_give(void *context, int i, float *values)
{
    const struct arrays_request *request = context;
    for (size_t j = 0; j < request->array[i].count; j++)
        values[j] = (float)i;
}

/* What can be named and measured can be written, and is the same when it is read. */
static void fuzz_write_back(const struct arrays *file)
{
    size_t numbers = 0;
    struct array *array = calloc((size_t)arrays_count(file) + 1, sizeof *array);
    struct arrays_request request = {
        .array = array, .give = fuzz_give, .context = &request};
    FUZZ_CHECK(array);
    for (int i = 0; i < arrays_count(file); i++) {
        const struct array *one = arrays_at(file, i);
        if (one->count > FUZZ_NUMBERS - numbers || strcmp(one->name, "__metadata__") == 0)
            continue;
        numbers += one->count;
        array[request.arrays++] = *one;
    }
    const char *path = fuzz_path("out.safetensors");
    struct arrays *back;
    FUZZ_CHECK(arrays_write(path, &request) == ST_OK);
    FUZZ_CHECK(arrays_open(&back, path) == ST_OK);
    FUZZ_CHECK(arrays_count(back) == request.arrays);
    for (int i = 0; i < request.arrays; i++)
        FUZZ_CHECK(arrays_find(back, array[i].name) >= 0);
    arrays_close(back);
    free(array);
}

FUZZ_UNUSED static void fuzz_arrays(const uint8_t *data, size_t size)
{
    struct arrays *file;
    size_t numbers = 0;
    if (arrays_open(&file, fuzz_file("arrays", data, size)) != ST_OK)
        return;
    for (int i = 0; i < arrays_count(file); i++) {
        const struct array *array = arrays_at(file, i);
        FUZZ_CHECK(arrays_find(file, array->name) == i);
        if (array->type == ARRAY_OTHER) {
            FUZZ_CHECK(arrays_read(file, i, NULL) == ST_FAIL);
            continue;
        }
        FUZZ_CHECK(array->count <= FUZZ_RATIO * size);
        if (array->count > FUZZ_NUMBERS - numbers)
            continue;
        numbers += array->count;
        float *values = malloc(array->count * sizeof *values + 1);
        FUZZ_CHECK(values);
        (void)!arrays_read(file, i, values);
        free(values);
    }
    fuzz_write_back(file);
    arrays_close(file);
}

#endif
