/*
 * arrays_file: what the tests of io/arrays.h share.
 */
#ifndef LOCKSTEP_TESTS_ARRAYS_FILE_H
#define LOCKSTEP_TESTS_ARRAYS_FILE_H

#include "../scratch.h"

#include "io/arrays.h"

#define ARRAYS_FILE_UNUSED __attribute__((unused))

ARRAYS_FILE_UNUSED static struct arrays *open_arrays(const char *path)
{
    struct arrays *file;
    assert_int_equal(arrays_open(&file, path), ST_OK);
    return file;
}

/* safetensors: a file with this header and `bytes` bytes of data, byte i of them i %
   251. */
ARRAYS_FILE_UNUSED static const char *make_header(const char *header, size_t bytes)
{
    size_t length = strlen(header), all = 8 + length + bytes;
    uint8_t *data = calloc(1, all);
    assert_non_null(data);
    for (int i = 0; i < 8; i++)
        data[i] = (uint8_t)(length >> 8 * i);
    memcpy(data + 8, header, length);
    for (size_t i = 0; i < bytes; i++)
        data[8 + length + i] = (uint8_t)(i % 251);
    const char *path = scratch_write("some.safetensors", data, all);
    free(data);
    return path;
}

/* In one line, with this text in it. */
ARRAYS_FILE_UNUSED static void expect_refused(const char *path, const char *message)
{
    struct arrays *file;
    assert_int_equal(arrays_open(&file, path), ST_FAIL);
    assert_null(file);
    expect_said(message);
}

/* Array i has this name, type and extent: dim ends with -1. */
ARRAYS_FILE_UNUSED static void expect_array(const struct arrays *file, int i,
                                            const char *name, enum array_type type,
                                            const int *dim)
{
    const struct array *array = arrays_at(file, i);
    size_t count = 1;
    int dims = 0;
    assert_string_equal(array->name, name);
    assert_int_equal(array->type, type);
    for (; dim[dims] >= 0; dims++) {
        assert_true(dims < array->dims);
        assert_int_equal(array->dim[dims], dim[dims]);
        count *= (size_t)dim[dims];
    }
    assert_int_equal(array->dims, dims);
    assert_int_equal(array->count, count);
    assert_int_equal(arrays_find(file, name), i);
}

/* Array i has these numbers, bit for bit. */
ARRAYS_FILE_UNUSED static void expect_values(struct arrays *file, int i,
                                             const float *expected, size_t count)
{
    assert_int_equal(arrays_at(file, i)->count, count);
    float *values = malloc((count + 1) * sizeof *values);
    assert_non_null(values);
    memset(values, 0x5a, (count + 1) * sizeof *values);
    assert_int_equal(arrays_read(file, i, values), ST_OK);
    assert_memory_equal(values, expected, count * sizeof *values);
    uint32_t after;
    memcpy(&after, values + count, sizeof after);
    assert_int_equal(after, 0x5a5a5a5a);
    free(values);
}

#endif
