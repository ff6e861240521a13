/* Processes whose mapped memory fails end with one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"

#define PAGES ((size_t)1 << 20)
#define LACKS 99 /* exit code: the test needs a right that we do not have */

static char said[8192];

/* Runs `process` with its stderr in `said`; returns how it ended, as waitpid. */
static int end_of(void (*process)(void))
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        fault_install();
        process();
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t n = 1; n > 0; used += (size_t)n)
        n = read(ends[0], said + used, sizeof said - 1 - used);
    said[used] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void expect_line(const char *text)
{
    if (!strstr(said, text) || strchr(said, '\n') != said + strlen(said) - 1)
        fail_msg("expected one line with '%s', heard: '%s'", text, said);
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

static void read_cut_file(void)
{
    volatile char *memory = mapped(cut_path, PAGES);
    memory[PAGES - 1] = 1;
    if (truncate(cut_path, 0) != 0)
        _exit(4);
    memory[0] = memory[PAGES - 1];
}

static void test_cut_file(void **state)
{
    (void)state;
    int fd = mkstemp(cut_path);
    assert_true(fd >= 0);
    close(fd);
    int status = end_of(read_cut_file);
    unlink(cut_path);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    expect_line(cut_path);
    expect_line("' cannot be read: the file was cut short, or its storage fails");
}

static void write_full_memory(void)
{
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/dev/shm", "tmpfs", 0, "size=64k") != 0)
        _exit(LACKS);
    volatile char *memory = mapped("/dev/shm/segment", PAGES);
    for (size_t i = 0; i < PAGES; i++)
        memory[i] = 1;
}

static void test_full_shared_memory(void **state)
{
    (void)state;
    int status = end_of(write_full_memory);
    if (WIFEXITED(status) && WEXITSTATUS(status) == LACKS)
        skip();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    expect_line("lockstep: /dev/shm is full: no room is left for '/dev/shm/segment'");
}

static void raise_bus_error(void)
{
    raise(SIGBUS);
    raise(SIGBUS);
}

static void test_other_bus_errors_kill(void **state)
{
    (void)state;
    int status = end_of(raise_bus_error);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    assert_string_equal(said, "");
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
