/* tree_sum: sums over ranks under way, piece by piece. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timer.h"
#include "base/trace.h"
#include "tree_impl.h"

#define SPINS 200 /* before another process gets the core */

void comm_tree_release(struct comm *comm)
{
    for (int i = 0; comm->tree.piece && i < COMM_TREE_PIECES; i++) {
        struct tree_piece *piece = &comm->tree.piece[i];
        tree_group_release(&piece->group);
        tree_held_release(&piece->held);
        tree_held_release(&piece->all);
        tree_window_release(piece);
        for (int b = 0; b < TREE_BUFFERS; b++)
            free(piece->buffer[b]);
        free(piece->request);
    }
    free(comm->tree.piece);
    comm->tree = (struct tree_sums){0};
}

/* --- pieces under way --- */

static struct tree_piece *next_piece(struct tree_sums *tree)
{
    if (!tree->piece) {
        tree->piece = mem_zeroed(COMM_TREE_PIECES, sizeof *tree->piece);
        for (int i = 0; i < COMM_TREE_PIECES; i++)
            tree->piece[i].slot = i;
    }
    if (tree->pieces == 0)
        tree->started = timer_now();
    ASSERT(tree->pieces < COMM_TREE_PIECES);
    return &tree->piece[tree->pieces++];
}

static void hold_parts(const struct comm *comm, struct tree_piece *piece,
                       float *const *parts)
{
    struct tree_node node[TREE_NODES_MAX];
    int begin, end;
    comm_share(comm, piece->n, comm->rank, &begin, &end);
    int count = tree_cover(piece->n, begin, end, node);
    piece->held.count = 0;
    for (int p = 0; p < count; p++)
        tree_hold(&piece->held, node[p], parts[p] + piece->begin);
}

void comm_tree_start(struct comm *comm, int n, float *const *parts, float *sum,
                     size_t begin, size_t end)
{
    struct tree_piece *piece = next_piece(&comm->tree);
    bool like_before =
        piece->algorithm && piece->n == n && piece->begin == begin && piece->end == end;
    piece->n = n;
    piece->begin = begin;
    piece->end = end;
    piece->count = end - begin;
    piece->sum = sum;
    piece->result = sum + begin;
    piece->requests = 0;
    piece->done = comm->size == 1 || begin == end;
    if (comm->size == 1)
        memcpy(sum + begin, parts[0] + begin, piece->count * sizeof *sum);
    if (piece->done)
        return;
    if (!like_before)
        tree_decide(comm, piece);
    piece->began = trace_begin();
    hold_parts(comm, piece, parts);
    piece->algorithm->start(comm, piece);
}

/* As far as it goes without waiting; false: not at all. */
static bool move_on(struct comm *comm, struct tree_piece *piece)
{
    bool moved = false;
    while (!piece->done) {
        int here = 1;
        if (piece->requests > 0)
            MPI_CHECK(
                MPI_Testall(piece->requests, piece->request, &here, MPI_STATUSES_IGNORE));
        if (!here)
            break;
        piece->requests = 0;
        if (!piece->algorithm->next(comm, piece))
            break;
        moved = true;
    }
    if (moved && piece->done)
        trace_async("sum over ranks", (piece->end - piece->begin) * sizeof(float),
                    piece->began);
    return moved;
}

void comm_tree_poll(struct comm *comm)
{
    for (int i = 0; i < comm->tree.pieces; i++)
        move_on(comm, &comm->tree.piece[i]);
}

/* Pieces are done in any order, for those of other ranks may wait for any of them. */
static void finish_all(struct comm *comm)
{
    struct tree_sums *tree = &comm->tree;
    int spins = 0, first = 0;
    while (first < tree->pieces) {
        bool moved = false;
        for (int i = first; i < tree->pieces; i++)
            moved = move_on(comm, &tree->piece[i]) || moved;
        while (first < tree->pieces && tree->piece[first].done)
            first++;
        spins = moved ? 0 : spins + 1;
        if (spins > SPINS)
            sched_yield();
    }
}

double comm_tree_wait(struct comm *comm)
{
    struct tree_sums *tree = &comm->tree;
    where_wait(true);
    finish_all(comm);
    where_wait(false);
    double seconds = tree->pieces ? timer_now() - tree->started : 0;
    tree->pieces = 0;
    return seconds;
}

void comm_tree_sum(struct comm *comm, int n, float *const *parts, float *sum,
                   size_t count)
{
    comm_tree_start(comm, n, parts, sum, 0, count);
    comm_tree_wait(comm);
}
