#include "capture.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "../scratch.h"
#include "base/lockfile.h"

static char path[FS_PATH];

static bool no_locks;

/* Replaces libc's: fails as on a file system without locks. */
int flock(int fd, int operation)
{
    if (!no_locks)
        return (int)syscall(SYS_flock, fd, operation);
    errno = ENOSYS;
    return -1;
}

/* Replaces libc's: without locks, every process has read the file before the first one
   writes it. */
int ftruncate(int fd, off_t size)
{
    if (no_locks)
        usleep(300000);
    return (int)syscall(SYS_ftruncate, fd, size);
}

static int hold_until_killed(int ready)
{
    struct lockfile lock;
    if (lockfile_take(&lock, path, "run", 0) != ST_OK)
        return 1;
    if (write(ready, "x", 1) != 1)
        return 2;
    pause();
    return 0;
}

/* A child that holds the lock until it is killed. */
static pid_t start_holder(void)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(hold_until_killed(ends[1]));
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return child;
}

static void stop_holder(pid_t child)
{
    int status;
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
}

static int take_at_once(void)
{
    struct lockfile lock;
    enum status st = lockfile_take(&lock, path, "runs/x", 0);
    lockfile_release(&lock);
    return st;
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    pid_t child = start_holder();
    struct captured c = capture(take_at_once);
    assert_int_equal(c.code, ST_USAGE);
    char wanted[256], host[64] = "";
    gethostname(host, sizeof host - 1);
    snprintf(wanted, sizeof wanted,
             "lockstep: 'runs/x' is in use by another lockstep: host %s, pid %d, job ",
             host, (int)child);
    assert_memory_equal(c.err, wanted, strlen(wanted));
    assert_ptr_equal(strchr(c.err, '\n'), c.err + strlen(c.err) - 1);
    stop_holder(child);
}

/* The holder was killed: its file exists, its lock does not. */
static void test_survives_a_crash(void **state)
{
    (void)state;
    struct lockfile lock;
    stop_holder(start_holder());
    assert_true(fs_is_file(path));
    assert_int_equal(lockfile_take(&lock, path, "run", 0), ST_OK);
    lockfile_release(&lock);
    assert_false(fs_is_file(path));
    lockfile_release(&lock);
}

static void test_waits_for_a_dying_holder(void **state)
{
    (void)state;
    pid_t child = start_holder(), killer = fork();
    if (killer == 0) {
        usleep(300000);
        kill(child, SIGKILL);
        _exit(0);
    }
    struct lockfile lock;
    assert_int_equal(lockfile_take(&lock, path, "run", 60), ST_OK);
    lockfile_release(&lock);
    stop_holder(child);
    stop_holder(killer);
}

/* The folder was deleted during the run and made again: the lock is taken again, unless
   another process was faster. */
static void test_taken_anew(void **state)
{
    (void)state;
    struct lockfile lock;
    assert_int_equal(lockfile_take(&lock, path, "run", 0), ST_OK);
    assert_int_equal(lockfile_keep(&lock, "run"), ST_OK);
    unlink(path);
    assert_int_equal(lockfile_keep(&lock, "run"), ST_OK);
    assert_true(fs_is_file(path));
    unlink(path);
    pid_t child = start_holder();
    char text[STATUS_TEXT];
    status_capture(text);
    assert_int_equal(lockfile_keep(&lock, "run"), ST_USAGE);
    status_capture(NULL);
    assert_non_null(strstr(text, "'run' is in use"));
    stop_holder(child);
    assert_int_equal(lockfile_keep(&lock, "run"), ST_OK);
    lockfile_release(&lock);
}

/* Several processes at once, without flock: one gets the lock. */
static void test_without_locks(void **state)
{
    enum { PROCESSES = 8 };
    (void)state;
    int ends[2], winners = 0;
    char byte;
    pid_t child[PROCESSES];
    assert_int_equal(pipe(ends), 0);
    no_locks = true;
    for (int i = 0; i < PROCESSES; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            char text[STATUS_TEXT];
            status_capture(text);
            _exit(hold_until_killed(ends[1]));
        }
    }
    close(ends[1]);
    sleep(4); /* longer than it takes to settle */
    for (int i = 0; i < PROCESSES; i++)
        stop_holder(child[i]);
    while (read(ends[0], &byte, 1) == 1)
        winners++;
    close(ends[0]);
    assert_int_equal(winners, 1);
    struct lockfile lock;
    assert_int_equal(lockfile_take(&lock, path, "run", 0),
                     ST_OK); /* its holder is dead */
    lockfile_release(&lock);
    assert_false(fs_is_file(path));
    no_locks = false;
}

/* In a pid namespace of its own, as in a container, where the holder's pid is unknown. */
static int take_in_a_container(void)
{
    if (unshare(CLONE_NEWPID) != 0)
        return 77;
    pid_t child = fork();
    int status;
    if (child == 0)
        _exit(take_at_once());
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                    : 70;
}

static void test_without_locks_in_a_container(void **state)
{
    (void)state;
    no_locks = true;
    pid_t child = start_holder();
    struct captured c = capture(take_in_a_container), here = capture(take_at_once);
    stop_holder(child);
    unlink(path);
    no_locks = false;
    assert_int_equal(here.code, ST_USAGE);
    if (c.code == 77)
        skip(); /* not root */
    assert_int_equal(c.code, ST_USAGE);
    assert_non_null(strstr(c.err, "if it is dead, remove "));
}

static void test_no_folder(void **state)
{
    (void)state;
    struct lockfile lock;
    char text[STATUS_TEXT];
    status_capture(text);
    assert_int_equal(lockfile_take(&lock, "/nowhere/at/all", "run", 0), ST_FAIL);
    status_capture(NULL);
    assert_string_equal(text,
                        "cannot write '/nowhere/at/all': No such file or directory");
}

static int make_path(void **state)
{
    int bad = scratch_setup(state);
    snprintf(path, sizeof path, "%s", scratch_path("lock"));
    return bad;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_survives_a_crash),
        cmocka_unit_test(test_waits_for_a_dying_holder),
        cmocka_unit_test(test_taken_anew),
        cmocka_unit_test(test_without_locks),
        cmocka_unit_test(test_without_locks_in_a_container),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, make_path, scratch_teardown);
}
