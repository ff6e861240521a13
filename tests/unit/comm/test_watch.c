/*
 * The thread of the watch on a single rank, whose main thread stands still and then
 * moves. Each case runs MPI in a process of its own. Several ranks: tests/mpi/stall.bats.
 */
#include "../base/capture.h"

#include <fcntl.h>
#include <mpi.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/thread.h"
#include "base/where.h"
#include "comm/watch.h"

static struct comm *comm;

static struct comm_watch *start(double warn, double timeout)
{
    static char name[] = "test_watch", *words[] = {name, NULL}, **argv = words;
    int argc = 1;
    comm = comm_start(&argc, &argv);
    return comm_watch_start(comm, warn, timeout);
}

/* Makes no move until stderr (a file) has grown past *size. */
static void until_it_reports(off_t *size)
{
    struct stat now;
    do {
        usleep(10000);
        fstat(STDERR_FILENO, &now);
    } while (now.st_size <= *size);
    *size = now.st_size;
}

static int stand_and_go(void)
{
    off_t size = 0;
    struct comm_watch *watch = start(1, 1000);
    where_name_layer(2, "conv3");
    for (uint64_t step = 7; step < 9; step++) {
        where_step(step);
        where_layer(WHERE_FORWARD, 2);
        until_it_reports(&size);
        where_mark(WHERE_UPDATE);
        until_it_reports(&size);
    }
    comm_watch_stop(watch);
    comm_finish(comm);
    return 0;
}

static void test_warned_and_taken_back(void **state)
{
    (void)state;
    struct captured c = capture(stand_and_go);
    assert_int_equal(c.code, 0);
    assert_string_equal(c.out, "");
    int lines = 0;
    for (char *line = strtok(c.err, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        if (lines % 2) {
            assert_ptr_equal(strstr(line, "note: rank 0 ("), line);
            assert_non_null(strstr(line, ") moves again: it held the job up for "));
        } else {
            assert_ptr_equal(strstr(line, "note: rank 0 ("), line);
            assert_non_null(strstr(line, lines ? ") has been at step 8, layer conv3 "
                                                 "forward, for "
                                               : ") has been at step 7, layer conv3 "
                                                 "forward, for "));
            assert_non_null(strstr(line, "; the job is ended after 1000 s"));
        }
    }
    assert_int_equal(lines, 4);
}

static int stand(void)
{
    start(0.3, 0.6);
    where_step(3);
    where_mark(WHERE_CHECKPOINT);
    pause();
    return 4;
}

static void test_ended(void **state)
{
    (void)state;
    struct captured c = capture(stand);
    assert_int_equal(c.code, 1);
    assert_non_null(strstr(c.err, ") has been at step 3, checkpoint, for "));
    assert_non_null(strstr(c.err, "; ending the job (--stall-timeout 1)\n"));
}

/* A full pipe without a reader: writing to it blocks for ever. */
static int full_pipe(void)
{
    static char block[4096];
    int ends[2];
    if (pipe(ends) != 0)
        _exit(5);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], block, sizeof block) > 0)
        continue;
    fcntl(ends[1], F_SETFL, 0);
    return ends[1];
}

/* The main thread blocks in a line of the log, as after Ctrl-S. */
static int stuck_in_the_log(void)
{
    start(0.3, 0.6);
    where_step(5);
    dup2(full_pipe(), STDOUT_FILENO);
    log_out("a line that nobody reads\n");
    return 4;
}

static int silenced(void)
{
    int full = full_pipe();
    start(0.3, 0.6);
    dup2(full, STDOUT_FILENO);
    dup2(full, STDERR_FILENO);
    log_error("a line that nobody reads");
    return 4;
}

static void test_ended_though_the_log_is_stuck(void **state)
{
    (void)state;
    struct captured c = capture(stuck_in_the_log);
    assert_int_equal(c.code, 1);
    assert_non_null(strstr(c.err, ") has been at step 5, for "));
    assert_non_null(strstr(c.err, "; ending the job (--stall-timeout 1)\n"));
    assert_int_equal(capture(silenced).code, 1);
}

/* MPI_Abort of this program hangs when it is told to. */
static bool abort_hangs;

int MPI_Abort(MPI_Comm world, int code)
{
    while (abort_hangs)
        pause();
    return PMPI_Abort(world, code);
}

static void *find_a_bug(void *context)
{
    (void)context;
    status_bug("here", 1, "none");
}

static void *use_up_memory(void *context)
{
    (void)context;
    status_out_of_memory(123);
}

/* As in the thread that writes checkpoints. */
static int no_memory_in_a_thread(void)
{
    pthread_t thread;
    start(1000, 2000);
    abort_hangs = true;
    thread_start(&thread, use_up_memory, NULL);
    pthread_join(thread, NULL);
    return 4;
}

static int bug_in_a_thread_at_the_end(void)
{
    pthread_t thread;
    struct comm_watch *watch = start(1000, 2000);
    abort_hangs = true;
    thread_start(&thread, find_a_bug, NULL);
    usleep(300000);
    comm_watch_stop(watch); /* its deadline of 2010 s must not replace that of the bug */
    pthread_join(thread, NULL);
    return 4;
}

static void test_ended_though_mpi_hangs(void **state)
{
    (void)state;
    struct captured c = capture(no_memory_in_a_thread);
    assert_int_equal(c.code, ST_FAIL);
    assert_non_null(strstr(c.err, "out of memory: cannot allocate 123 bytes\n"));
    c = capture(bug_in_a_thread_at_the_end);
    assert_int_equal(c.code, ST_BUG);
}

static int never_leave(void)
{
    comm_watch_stop(start(1000, 2000));
    raise(SIGALRM); /* as after 2010 seconds in MPI_Finalize */
    return 0;
}

static void test_ended_while_it_leaves(void **state)
{
    (void)state;
    struct captured c = capture(never_leave);
    assert_int_equal(c.code, 1);
    assert_non_null(strstr(c.err, "[rank 0 "));
    assert_non_null(strstr(c.err,
                           "] the other ranks have not come to the end of the job; "
                           "this rank ends (--stall-timeout 2000)\n"));
}

static int again_and_again(void)
{
    struct comm_watch *watch = start(1000, 2000);
    for (int i = 0; i < 20; i++) {
        comm_watch_stop(watch);
        watch = comm_watch_start(comm, 1000, 2000);
        where_step((uint64_t)i);
        comm_barrier(comm);
    }
    comm_watch_stop(watch);
    comm_watch_stop(NULL);
    comm_finish(comm);
    return (int)alarm(0) > 0 ? 0 : 4; /* the deadline of the last stop is set */
}

static void test_started_and_stopped(void **state)
{
    (void)state;
    struct captured c = capture(again_and_again);
    assert_string_equal(c.err, "");
    assert_int_equal(c.code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warned_and_taken_back),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_ended_though_the_log_is_stuck),
        cmocka_unit_test(test_ended_though_mpi_hangs),
        cmocka_unit_test(test_ended_while_it_leaves),
        cmocka_unit_test(test_started_and_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
