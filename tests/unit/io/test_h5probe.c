/* The child process is this program, which ends as the name of the file says. */
#include "../base/capture.h"
#include "../scratch.h"

#include <signal.h>
#include <sys/mman.h>

#include "io/h5file.h"
#include "io/h5probe.h"

static void make(const char *name)
{
    struct h5file *file;
    const size_t three = 3;
    assert_int_equal(h5file_create(&file, scratch_path(name)), ST_OK);
    assert_int_equal(h5file_write(file, "/x", H5FILE_U8, 1, &three, "abc"), ST_OK);
    assert_int_equal(h5file_commit(file), ST_OK);
    h5file_close(file);
}

/* As when Ctrl-C goes to all processes of a terminal. */
static void raise_all(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    raise(SIGINT);
    raise(SIGTERM);
    raise(SIGUSR1);
    raise(SIGUSR2);
}

/* The child process; appends a byte to FILE.probes. */
static int probe_file(const char *path)
{
    char count[FS_PATH];
    snprintf(count, sizeof count, "%s.probes", path);
    FILE *file = fopen(count, "a");
    fputc('.', file);
    fclose(file);
    const char *what = strrchr(path, '/') + 1;
    if (strcmp(what, "crash.h5") == 0)
        abort();
    if (strcmp(what, "killed.h5") == 0)
        raise(SIGKILL);
    if (strcmp(what, "bug.h5") == 0)
        return ST_BUG;
    if (strcmp(what, "greedy.h5") == 0) /* allocated, never touched, freed */
        munmap(mmap(NULL, (size_t)4 << 30, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
               (size_t)4 << 30);
    if (strcmp(what, "signals.h5") == 0)
        raise_all();
    while (strcmp(what, "endless.h5") == 0)
        ;
    return ST_FAIL; /* an ordinary failure */
}

static void expect_refused(const char *name, const char *message)
{
    struct h5file *file;
    make(name);
    assert_int_equal(h5file_open(&file, scratch_path(name)), ST_FAIL);
    assert_null(file);
    expect_said(message);
}

static size_t probes(const char *name)
{
    char path[64];
    size_t count;
    snprintf(path, sizeof path, "%s.probes", name);
    free(scratch_read(scratch_path(path), &count));
    return count;
}

static void open_it(const char *name)
{
    struct h5file *file;
    assert_int_equal(h5file_open(&file, scratch_path(name)), ST_OK);
    h5file_close(file);
}

static void test_refused(void **state)
{
    (void)state;
    expect_refused("crash.h5",
                   "crash.h5' is damaged or malicious: a process that tried to "
                   "read it ended with 'Aborted'");
    expect_refused("bug.h5", "ended with exit code 3");
    expect_refused("greedy.h5", "takes far more memory than its size");
    expect_refused("endless.h5", "ended with 'CPU time limit exceeded'");
}

static int open_killed(void)
{
    struct h5file *file;
    return h5file_open(&file, scratch_path("killed.h5")) == ST_FAIL ? 10 : 11;
}

/* As by the kernel when memory is short: not taken for damage, but the process ends. */
static void test_killed(void **state)
{
    (void)state;
    make("killed.h5");
    struct captured c = capture(open_killed);
    assert_int_equal(c.code, ST_FAIL);
    assert_null(strstr(c.err, "damaged"));
    assert_non_null(strstr(c.err, "killed.h5' could not be probed: "));
}

static void test_once(void **state)
{
    (void)state;
    make("fine.h5");
    for (int i = 0; i < 3; i++)
        open_it("fine.h5");
    assert_int_equal(probes("fine.h5"), 1);
    make("fine.h5"); /* another file under the same name */
    open_it("fine.h5");
    assert_int_equal(probes("fine.h5"), 2);
    struct h5file *file; /* a refused file is probed again */
    expect_refused("crash.h5", "Aborted");
    assert_int_equal(h5file_open(&file, scratch_path("crash.h5")), ST_FAIL);
    expect_said("Aborted");
    assert_int_equal(probes("crash.h5"), 3);
}

/* Signals to the job say nothing about the file. */
static void test_signals_to_the_job(void **state)
{
    (void)state;
    make("signals.h5");
    open_it("signals.h5");
    assert_int_equal(probes("signals.h5"), 1);
}

int main(int argc, char **argv)
{
    h5probe_start("probe");
    if (argc == 4)
        return probe_file(argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_signals_to_the_job),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
