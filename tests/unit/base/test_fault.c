/* Processes whose mapped memory fails end with one line. */
#include "capture.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "base/fault.h"

#define PAGES ((size_t)1 << 20)
#define LACKS 99 /* exit code: the test needs a right that we do not have */

static void expect_line(const struct captured *c, const char *text)
{
    if (c->code != 1 || !strstr(c->err, text) ||
        strchr(c->err, '\n') != c->err + strlen(c->err) - 1)
        fail_msg("exit code %d, expected a line with '%s', heard: '%s'", c->code, text,
                 c->err);
}

static volatile char *mapped(const char *path, size_t bytes)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
        _exit(2);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        _exit(3);
    close(fd);
    return memory;
}

static char cut_path[] = "/tmp/lockstep-cut.XXXXXX";

static int read_cut_file(void)
{
    fault_install();
    volatile char *memory = mapped(cut_path, PAGES);
    memory[PAGES - 1] = 1;
    if (truncate(cut_path, 0) != 0)
        _exit(4);
    memory[0] = memory[PAGES - 1];
    return 0;
}

static void test_cut_file(void **state)
{
    (void)state;
    int fd = mkstemp(cut_path);
    assert_true(fd >= 0);
    close(fd);
    struct captured c = capture(read_cut_file);
    unlink(cut_path);
    expect_line(&c, cut_path);
    expect_line(&c, "' cannot be read: the file was cut short, or its storage fails");
}

static int write_full_memory(void)
{
    fault_install();
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/dev/shm", "tmpfs", 0, "size=64k") != 0)
        return LACKS;
    volatile char *memory = mapped("/dev/shm/segment", PAGES);
    for (size_t i = 0; i < PAGES; i++)
        memory[i] = 1;
    return 0;
}

static void test_full_shared_memory(void **state)
{
    (void)state;
    struct captured c = capture(write_full_memory);
    if (c.code == LACKS)
        skip();
    expect_line(&c, "lockstep: /dev/shm is full: no room is left for '/dev/shm/segment'");
}

static int raise_bus_error(void)
{
    fault_install();
    raise(SIGBUS);
    raise(SIGBUS);
    return 0;
}

static void test_other_bus_errors_kill(void **state)
{
    (void)state;
    struct captured c = capture(raise_bus_error);
    assert_int_equal(c.code, -1);
    assert_string_equal(c.err, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_file),
        cmocka_unit_test(test_full_shared_memory),
        cmocka_unit_test(test_other_bus_errors_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
