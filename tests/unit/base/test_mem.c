#include "capture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/mem.h"

static void expect_zero(const unsigned char *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(p[i], 0);
}

/* Memory that is reused after free is zeroed, too. */
static void test_zeroed_and_aligned(void **state)
{
    (void)state;
    for (int round = 0; round < 30; round++) {
        size_t size = (size_t)(round / 3) * 1777 + 1;
        unsigned char *p = mem_zeroed(3, size), *q = mem_aligned(3, size);
        expect_zero(p, 3 * size);
        expect_zero(q, 3 * size);
        assert_int_equal((uintptr_t)q % MEM_ALIGN, 0);
        memset(p, 0xff, 3 * size);
        memset(q, 0xff, 3 * size);
        free(p);
        free(q);
    }
    void *p = mem_zeroed(0, 8), *q = mem_aligned(0, 8);
    assert_non_null(p);
    assert_non_null(q);
    free(p);
    free(q);
}

/* Large blocks begin at a huge page, and are zeroed to their last byte. */
static void test_huge(void **state)
{
    (void)state;
    const size_t sizes[] = {MEM_HUGE_LEAST - 1, MEM_HUGE_LEAST, MEM_HUGE_LEAST + 1,
                            3 * MEM_HUGE + 4097};
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char *p = mem_aligned(sizes[i], 1);
            bool huge = sizes[i] > MEM_HUGE_LEAST - MEM_ALIGN;
            assert_int_equal((uintptr_t)p % (huge ? MEM_HUGE : MEM_ALIGN), 0);
            expect_zero(p, 1);
            expect_zero(p + sizes[i] / 2, sizes[i] - sizes[i] / 2);
            memset(p, 0xff, sizes[i]);
            free(p);
        }
}

static void test_resize(void **state)
{
    (void)state;
    int *p = NULL;
    for (int n = 1; n <= 1000; n++) {
        p = mem_resize(p, (size_t)n, sizeof *p);
        p[n - 1] = n;
    }
    for (int n = 1; n <= 1000; n++)
        assert_int_equal(p[n - 1], n);
    free(p);
}

static void test_text(void **state)
{
    (void)state;
    char *copy = mem_strdup("copy"), *empty = mem_strdup("");
    assert_string_equal(copy, "copy");
    assert_string_equal(empty, "");
    char *text = mem_format("%s=%d", copy, 42), *wide = mem_format("%09000d", 7);
    assert_string_equal(text, "copy=42");
    assert_int_equal(strlen(wide), 9000);
    assert_int_equal(strspn(wide, "0"), 8999);
    mem_append(&text, "%s", "");
    assert_string_equal(text, "copy=42");
    mem_append(&text, ", %s=%d", copy, 43);
    assert_string_equal(text, "copy=42, copy=43");
    mem_append(&empty, "%s", wide);
    assert_string_equal(empty, wide);
    free(copy);
    free(empty);
    free(text);
    free(wide);
}

static int overflow(void)
{
    return mem_zeroed(SIZE_MAX / 2, 3) != NULL;
}

static int overflow_aligned(void)
{
    return mem_aligned(SIZE_MAX - 10, 1) != NULL;
}

static int overflow_resize(void)
{
    return mem_resize(NULL, SIZE_MAX / 4, 8) != NULL;
}

static void test_too_much(void **state)
{
    (void)state;
    int (*const bodies[])(void) = {overflow, overflow_aligned, overflow_resize};
    for (int i = 0; i < 3; i++) {
        struct captured c = capture(bodies[i]);
        assert_int_equal(c.code, 1);
        assert_non_null(
            strstr(c.err, "lockstep: out of memory: cannot allocate 1844674"));
    }
}

/* Bytes that count against RLIMIT_DATA; many under a sanitizer. */
static size_t reserved(void)
{
    char line[256];
    size_t kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmData: %zu", &kilobytes) == 1)
            break;
    if (file)
        fclose(file);
    return 1024 * kilobytes;
}

/* mem_limit leaves out what is already reserved. */
static int limited_by_rlimit(void)
{
    const size_t some = (size_t)1 << 28, all = reserved() + 4 * some;
    const struct rlimit most = {all, all};
    size_t before, after;
    if (setrlimit(RLIMIT_DATA, &most) != 0)
        return 1;
    before = mem_limit();
    void *p = mem_zeroed(some, 1);
    after = mem_limit();
    free(p);
    return !(before <= 4 * some && after <= before - some &&
             strcmp(mem_limit_source(), "ulimit -d") == 0);
}

#ifndef __SANITIZE_ADDRESS__ /* keeps freed memory, to detect its use */

/* Freed memory counts as free, although a small block lies above it. */
static int freed(void)
{
    enum { SMALL = 100000, REPEATS = 5 };
    const size_t large = (size_t)20 << 20, all = reserved() + 16 * large;
    const struct rlimit most = {all, all};
    void *small[REPEATS];
    mem_start();
    if (setrlimit(RLIMIT_DATA, &most) != 0)
        return 1;
    size_t before = mem_limit();
    for (int i = 0; i < REPEATS; i++) {
        void *first = mem_aligned(large, 1), *second = mem_zeroed(large, 1);
        small[i] = mem_zeroed(SMALL, 1);
        free(first);
        free(second);
    }
    size_t after = mem_limit();
    for (int i = 0; i < REPEATS; i++)
        free(small[i]);
    return !(after > before - large / 2);
}

static void test_freed(void **state)
{
    (void)state;
    assert_int_equal(capture(freed).code, 0);
}

#endif

static void test_limit(void **state)
{
    (void)state;
    assert_true(mem_limit() <= mem_shared_limit());
    assert_true(mem_shared_limit() <= mem_machine());
    assert_true(mem_available() > 0 && mem_available() <= mem_machine());
    size_t bytes, left;
    mem_shm_room(&bytes, &left);
    assert_true(left <= bytes);
    assert_int_equal(capture(limited_by_rlimit).code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_and_aligned),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_limit),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(test_freed),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
