/* ping: how fast messages go between two ranks, sent as the sums send theirs. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/timer.h"
#include "tree_impl.h"

#define LONG_PINGS 5
#define LONG_LEAST 16384   /* floats */
#define LONG_MOST  1048576 /* floats */
#define LONG_SHARE 0.125   /* of its time, at least, is not the way's: else it is noise */

static void finish(struct tree_piece *piece)
{
    MPI_WAIT(MPI_Waitall(piece->requests, piece->request, MPI_STATUSES_IGNORE));
    piece->requests = 0;
}

/* To the other and back; half of the time. */
static double ping_once(struct comm *comm, struct tree_piece *piece, float *data,
                        size_t floats)
{
    double begin = timer_now();
    for (int turn = 0; turn < 2; turn++) {
        if (turn == piece->group.self)
            tree_send(comm, piece, data, floats, 1 - turn);
        else
            tree_receive(comm, piece, data, floats, turn);
        finish(piece);
    }
    return (timer_now() - begin) / 2;
}

/* The fastest of `pings` as rank 0 sees it, told to all. The first one, which connects,
   does not count. */
static double ping(struct comm *comm, int other, size_t floats, int pings)
{
    int ranks[] = {0, other};
    double least = INFINITY;
    if (comm->rank == 0 || comm->rank == other) {
        struct tree_piece piece = {
            .group = {.size = 2, .self = comm->rank == other, .rank = ranks}};
        float *data = mem_zeroed(floats, sizeof *data);
        ping_once(comm, &piece, data, floats);
        for (int i = 0; i < pings; i++)
            least = fmin(least, ping_once(comm, &piece, data, floats));
        free(piece.request);
        free(data);
    }
    comm_bcast(comm, &least, sizeof least, 0);
    return least;
}

struct comm_link comm_measure_link(struct comm *comm, int other, int pings,
                                   double seconds)
{
    struct comm_link link = {.latency = ping(comm, other, 1, pings)};
    size_t floats = LONG_LEAST; /* until that takes as long as the way does */
    double once = ping(comm, other, floats, 1) - link.latency;
    for (; floats < LONG_MOST && 2 * once < fmax(seconds, link.latency); once *= 2)
        floats *= 2;
    double longer = ping(comm, other, floats, LONG_PINGS);
    link.bandwidth = (double)(floats * sizeof(float)) /
                     fmax(longer - link.latency, LONG_SHARE * longer);
    return link;
}
