/* ping: what a message between two ranks takes, sent as the sums send theirs. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/timer.h"
#include "tree_impl.h"

static void finish(struct tree_piece *piece)
{
    MPI_WAIT(MPI_Waitall(piece->requests, piece->request, MPI_STATUSES_IGNORE));
    piece->requests = 0;
}

double comm_ping(struct comm *comm, int other, size_t floats, bool both)
{
    int ranks[] = {0, other}, mine = comm->rank == 0 ? 0 : 1;
    struct tree_piece piece = {.group = {.size = 2, .self = mine, .rank = ranks}};
    float *from = mem_zeroed(floats, sizeof *from), *to = mem_zeroed(floats, sizeof *to);
    double begin = timer_now();
    if (both || mine == 1)
        tree_receive(comm, &piece, to, floats, 1 - mine);
    if (mine == 1 && !both)
        finish(&piece);
    tree_send(comm, &piece, from, floats, 1 - mine);
    finish(&piece);
    if (mine == 0 && !both) {
        tree_receive(comm, &piece, to, floats, 1 - mine);
        finish(&piece);
    }
    double seconds = timer_now() - begin;
    free(piece.request);
    free(from);
    free(to);
    return both ? seconds : seconds / 2;
}
