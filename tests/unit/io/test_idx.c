#include "../scratch.h"

#include <zlib.h>

#include "io/idx.h"

/* 3 images of 2 x 2 pixels */
static const uint8_t good[] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2,  0,  0,
                               0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/* One gzip member in out; returns its length. */
static size_t gzip(const void *data, size_t bytes, uint8_t *out, size_t room)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
    uint8_t *copy = malloc(bytes + 1);
    memcpy(copy, data, bytes);
    z.next_in = copy;
    z.avail_in = (uInt)bytes;
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t made = room - z.avail_out;
    deflateEnd(&z);
    free(copy);
    return made;
}

static void expect_good(const char *path)
{
    struct idx idx;
    assert_int_equal(idx_read(&idx, path), ST_OK);
    assert_int_equal(idx.ndims, 3);
    assert_int_equal(idx.dim[0], 3);
    assert_int_equal(idx.dim[1], 2);
    assert_int_equal(idx.dim[2], 2);
    assert_int_equal(idx.count, 12);
    assert_memory_equal(idx.data, good + 16, 12);
    idx_release(&idx);
    assert_null(idx.data);
}

static void expect_bad(const void *data, size_t bytes, const char *said)
{
    struct idx idx;
    assert_int_equal(idx_read(&idx, scratch_write("bad", data, bytes)), ST_FAIL);
    expect_said(said);
    assert_null(idx.data);
}

static void test_plain_and_gzip(void **state)
{
    (void)state;
    uint8_t packed[200];
    expect_good(scratch_write("plain", good, sizeof good));
    size_t n = gzip(good, sizeof good, packed, sizeof packed);
    expect_good(scratch_write("packed", packed, n));
    n = gzip(good, 10, packed, sizeof packed); /* two members, cut inside the header */
    n += gzip(good + 10, sizeof good - 10, packed + n, sizeof packed - n);
    expect_good(scratch_write("members", packed, n));
}

/* More than one block of everything, and labels: one dimension. */
static void test_large(void **state)
{
    (void)state;
    size_t count = 20000000;
    uint8_t *file = malloc(count + 8), *packed = malloc(count + 100);
    const uint8_t head[8] = {0, 0, 8, 1, 0x01, 0x31, 0x2d, 0x00};
    memcpy(file, head, 8);
    for (size_t i = 0; i < count; i++)
        file[8 + i] = (uint8_t)(i * i >> 3);
    size_t n = gzip(file, count + 8, packed, count + 100);
    struct idx idx;
    assert_int_equal(idx_read(&idx, scratch_write("large", packed, n)), ST_OK);
    assert_int_equal(idx.ndims, 1);
    assert_int_equal(idx.count, count);
    assert_memory_equal(idx.data, file + 8, count);
    idx_release(&idx);
    expect_bad(packed, n / 2, "gzip file '");
    expect_bad(file, count, "announces 20000000 bytes of data, it holds 19999992");
    free(packed);
    free(file);
}

static void test_every_truncation(void **state)
{
    (void)state;
    uint8_t packed[200];
    for (size_t n = 0; n < sizeof good; n++)
        expect_bad(good, n,
                   n == 0  ? "is an empty file, not an IDX file"
                   : n < 4 ? "is not an IDX file"
                           : "is cut short");
    size_t all = gzip(good, sizeof good, packed, sizeof packed);
    for (size_t n = 2; n < all; n++)
        expect_bad(packed, n, "gzip file '");
}

static void test_bytes_after_the_end(void **state)
{
    (void)state;
    uint8_t longer[sizeof good + 1] = {0}, packed[200];
    memcpy(longer, good, sizeof good);
    expect_bad(longer, sizeof longer, "continues after the 12 bytes of data");
    size_t n = gzip(longer, sizeof longer, packed, sizeof packed);
    expect_bad(packed, n, "continues after the 12 bytes of data");
    n = gzip(good, sizeof good, packed, sizeof packed);
    memcpy(packed + n, "junk", 4);
    expect_bad(packed, n + 4, "bytes after the end of the gzip data");
}

static void test_damage(void **state)
{
    (void)state;
    uint8_t packed[200];
    size_t n = gzip(good, sizeof good, packed, sizeof packed);
    packed[n - 6] ^= 1; /* the checksum */
    expect_bad(packed, n, "is damaged (incorrect data check)");
    packed[n - 6] ^= 1;
    packed[2] = 9; /* the method */
    expect_bad(packed, n, "is damaged (unknown compression method)");
}

static void test_headers(void **state)
{
    (void)state;
    uint8_t bad[sizeof good];
    const struct {
        int at, value;
        const char *said;
    } cases[] = {
        {0, 1, "is not an IDX file (wrong magic number)"},
        {1, 255, "is not an IDX file (wrong magic number)"},
        {2, 0x0d, "holds type 0x0d"},
        {3, 0, "has 0 dimensions"},
        {3, 5, "has 5 dimensions"},
        {4, 0xff, "announces 17112760332 bytes of data, it holds 12"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(bad, good, sizeof good);
        bad[cases[i].at] = (uint8_t)cases[i].value;
        expect_bad(bad, sizeof bad, cases[i].said);
    }
    /* 2^32 - 1 in each of four dimensions; must not be allocated */
    memset(bad, 0xff, sizeof bad);
    memcpy(bad, "\0\0\x08\x04", 4);
    expect_bad(bad, sizeof bad, "its header gives an impossible size");
}

static void test_not_a_file(void **state)
{
    (void)state;
    struct idx idx;
    assert_int_equal(idx_read(&idx, scratch_path("absent")), ST_FAIL);
    expect_said("absent': No such file or directory");
    assert_int_equal(idx_read(&idx, scratch_folder), ST_FAIL);
    expect_said("it is a folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_and_gzip),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_bytes_after_the_end),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_not_a_file),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
