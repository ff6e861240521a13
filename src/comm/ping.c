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

double comm_ping(struct comm *comm, int other, size_t floats)
{
    int ranks[] = {0, other}, mine = comm->rank == 0 ? 0 : 1;
    struct tree_piece piece = {.group = {.size = 2, .self = mine, .rank = ranks}};
    float *data = mem_zeroed(floats, sizeof *data);
    double begin = timer_now();
    for (int turn = 0; turn < 2; turn++) {
        if (turn == mine)
            tree_send(comm, &piece, data, floats, 1 - mine);
        else
            tree_receive(comm, &piece, data, floats, 1 - mine);
        finish(&piece);
    }
    double seconds = (timer_now() - begin) / 2;
    free(piece.request);
    free(data);
    return seconds;
}
