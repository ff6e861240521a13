/* tree_sum: runs the sums over ranks, piece by piece. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timer.h"
#include "base/trace.h"
#include "base/wait.h"
#include "tree_impl.h"

static void tree_close_vectors(struct comm *comm)
{
    free(comm->private_vectors);
    comm->private_vectors = NULL;
    window_close(&comm->vectors);
}

void comm_tree_release(struct comm *comm)
{
    for (int i = 0; comm->tree.piece && i < COMM_TREE_PIECES; i++) {
        struct tree_piece *piece = &comm->tree.piece[i];
        tree_group_sum_release(&piece->group_sum);
        tree_held_release(&piece->node_held);
        tree_buffer_release(&piece->folded);
        tree_window_release(piece);
    }
    free(comm->tree.piece);
    comm->tree = (struct tree_sums){0};
    tree_close_vectors(comm);
}

float *comm_vectors(struct comm *comm, size_t floats)
{
    double most = (double)floats;
    tree_close_vectors(comm);
    tree_forget_choices(comm);
    comm_max_f64(comm, &most, 1);
    comm->topology.no_shared_memory = false;
    if (most <= 0)
        return NULL;
    comm->topology.no_shared_memory =
        !window_open(comm, (size_t)most * sizeof(float), &comm->vectors);
    if (!comm->topology.no_shared_memory)
        return comm->vectors.segment[comm->node_rank];
    comm->private_vectors = mem_aligned(floats, sizeof(float));
    return comm->private_vectors;
}

/* --- pieces under way --- */

static struct tree_piece *tree_next_piece(struct tree_sums *tree)
{
    if (!tree->piece) {
        tree->piece = mem_zeroed(COMM_TREE_PIECES, sizeof *tree->piece);
        for (int i = 0; i < COMM_TREE_PIECES; i++)
            tree->piece[i].group_sum.tag = TAG_TREE + i;
    }
    if (tree->pieces == 0)
        tree->started = timer_now();
    ASSERT(tree->pieces < COMM_TREE_PIECES);
    return &tree->piece[tree->pieces++];
}

void comm_tree_start(struct comm *comm, int n, float *const *terms, float *sum,
                     size_t begin, size_t end)
{
    struct tree_piece *piece = tree_next_piece(&comm->tree);
    bool like_before =
        piece->method && piece->n == n && piece->begin == begin && piece->end == end;
    piece->n = n;
    piece->begin = begin;
    piece->end = end;
    piece->sum = sum;
    piece->done = comm->topology.ranks == 1 || begin == end;
    if (comm->topology.ranks == 1)
        memcpy(sum + begin, terms[0] + begin, (end - begin) * sizeof *sum);
    if (piece->done)
        return;
    if (!like_before)
        tree_decide(comm, piece);
    piece->trace = trace_begin();
    piece->method->start(comm, piece, terms);
}

/* Goes on as far as possible without waiting; false: not at all. */
static bool tree_move_on(struct comm *comm, struct tree_piece *piece)
{
    bool moved = false;
    while (!piece->done && tree_messages_test(&piece->group_sum) &&
           piece->method->next(comm, piece))
        moved = true;
    if (moved && piece->done)
        trace_async("sum over ranks", (piece->end - piece->begin) * sizeof(float),
                    piece->trace);
    return moved;
}

void comm_tree_poll(struct comm *comm)
{
    for (int i = 0; i < comm->tree.pieces; i++)
        tree_move_on(comm, &comm->tree.piece[i]);
}

/* In any order: other ranks may wait for any of the pieces. */
static void tree_finish_all(struct comm *comm)
{
    struct tree_sums *tree = &comm->tree;
    struct wait_turns turns = {0};
    int first = 0;
    while (first < tree->pieces) {
        bool moved = false;
        for (int i = first; i < tree->pieces; i++)
            moved = tree_move_on(comm, &tree->piece[i]) || moved;
        while (first < tree->pieces && tree->piece[first].done)
            first++;
        if (moved)
            turns = (struct wait_turns){0};
        else
            wait_turn(&turns);
    }
}

double comm_tree_wait(struct comm *comm)
{
    struct tree_sums *tree = &comm->tree;
    where_wait(true);
    tree_finish_all(comm);
    where_wait(false);
    double seconds = tree->pieces ? timer_now() - tree->started : 0;
    tree->pieces = 0;
    return seconds;
}

void comm_tree_sum(struct comm *comm, int n, float *const *terms, float *sum,
                   size_t count)
{
    comm_tree_start(comm, n, terms, sum, 0, count);
    comm_tree_wait(comm);
}
