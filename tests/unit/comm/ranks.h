/*
 * ranks: for tests that run on any number of ranks: one in the unit tests, several in
 * tests/mpi/comm.bats. A rank never fails alone, because the others would wait for it:
 * the ranks agree on each result first, and then all fail.
 */
#ifndef LOCKSTEP_TESTS_RANKS_H
#define LOCKSTEP_TESTS_RANKS_H

/* cmocka's own needs, in its order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/comm.h"

static struct comm *comm;
static int rank, size;

/* Collective: true everywhere, or all fail. */
#define ALL(cond) assert_true(all_good((cond), #cond, __LINE__))

static bool all_good(bool good, const char *what, int line)
{
    if (!good)
        fprintf(stderr, "# rank %d, line %d: false: %s\n", rank, line, what);
    return comm_agree(comm, good ? ST_OK : ST_FAIL) == ST_OK;
}

/* Only rank 0 prints results. */
static void ranks_start(int *argc, char ***argv)
{
    comm = comm_start(argc, argv);
    rank = comm_rank(comm);
    size = comm_size(comm);
    if (rank != 0 && !freopen("/dev/null", "w", stdout))
        abort();
}

#endif
