/* tree_levels: ranks of one node read each other's vectors where they lie, in a window of
 * shared memory; nothing of theirs goes through MPI.
 *
 * Each of the node's ranks adds up one share of the elements for all its node ("channel":
 * as many as the smallest node has ranks). With one node (shared) that is the sum. With
 * several (levels) the ranks of equal numbers sum their share between the nodes, by
 * slices, halving or doubling: a float crosses the network once for what its machine
 * holds, however many ranks that has. All copy the shares from the window.
 *
 * Between ranks of a node there are two counters each: `given` says that the rank's
 * vectors may be read, `summed` that its share of the sum may. They count the pieces that
 * used the window, so nothing is ever reset, and nobody can be a whole piece ahead: the
 * next one needs everybody's vectors.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tree_impl.h"

enum { GIVEN, EXCHANGED, SUMMED };
enum { FOLDED = TREE_BUFFERS - 1 }; /* the other buffers are the exchange's */

/* What a rank shows the others of its node. */
struct shown {
    _Alignas(MEM_ALIGN) _Atomic uint64_t given;
    _Alignas(MEM_ALIGN) _Atomic uint64_t summed;
    _Alignas(MEM_ALIGN) uint64_t offset[TREE_NODES_MAX]; /* floats: where its parts are */
};

struct tree_window {
    struct window window; /* a rank's segment: struct shown, the sum, copies of parts */
    size_t count, copies; /* floats */
    uint64_t turn;
};

/* A rank of the node adds its share of all parts and copies the others'. */
static struct comm_work node_work(size_t count)
{
    return (struct comm_work){.meetings = 2, .touched = 2.0 * (double)count};
}

static bool shared_work(const struct tree_algorithm *algorithm, const struct comm *comm,
                        int n, size_t count, struct comm_work *work)
{
    (void)algorithm, (void)n;
    *work = node_work(count);
    return comm->nodes == 1 && !comm->no_windows;
}

static bool levels_work(const struct tree_algorithm *algorithm, const struct comm *comm,
                        int n, size_t count, struct comm_work *work)
{
    if (comm->nodes < 2 || comm->no_windows || comm->node_most < 2)
        return false;
    struct comm_work node = node_work(count);
    *work = algorithm->exchange->work(comm, true, n, count);
    work->meetings += node.meetings;
    work->touched += node.touched;
    return true;
}

/* --- the window --- */

static struct shown *shown_of(const struct tree_piece *piece, int node_rank)
{
    return piece->window->window.segment[node_rank];
}

static float *sum_of(const struct tree_piece *piece)
{
    return (float *)(shown_of(piece, 0) + 1);
}

static float *copies_of(const struct tree_piece *piece, int node_rank)
{
    return (float *)(shown_of(piece, node_rank) + 1) + piece->window->count;
}

/* Most parts that a rank, any, has to copy to where others can read them. */
static size_t copies_needed(const struct comm *comm, const struct tree_piece *piece)
{
    int most = 0, begin, end;
    if (comm->vectors.ranks > 0)
        return 0;
    for (int rank = 0; rank < comm->size; rank++) {
        comm_share(comm, piece->n, rank, &begin, &end);
        int parts = tree_cover_count(piece->n, begin, end);
        most = parts > most ? parts : most;
    }
    return (size_t)most * piece->count;
}

void tree_window_release(struct tree_piece *piece)
{
    if (piece->window)
        window_close(&piece->window->window);
    free(piece->window);
    piece->window = NULL;
}

static bool prepare(struct comm *comm, struct tree_piece *piece)
{
    size_t count = piece->count, copies = copies_needed(comm, piece);
    if (piece->window) {
        if (count <= piece->window->count && copies <= piece->window->copies)
            return true;
        count = count > piece->window->count ? count : piece->window->count;
        copies = copies > piece->window->copies ? copies : piece->window->copies;
        tree_window_release(piece);
    }
    struct tree_window *window = mem_zeroed(1, sizeof *window);
    size_t bytes = sizeof(struct shown) + (count + copies) * sizeof(float);
    if (!window_open(comm, bytes, &window->window)) {
        free(window);
        comm->no_windows = true;
        return false;
    }
    window->count = count;
    window->copies = copies;
    piece->window = window;
    return true;
}

/* --- stages --- */

/* The rank's vectors are there to be read, from element `begin` on. */
static void start(struct comm *comm, struct tree_piece *piece)
{
    struct shown *mine = shown_of(piece, comm->node_rank);
    const float *own =
        comm->vectors.ranks ? comm->vectors.segment[comm->node_rank] : NULL;
    float *copy = copies_of(piece, comm->node_rank);
    for (int p = 0; p < piece->held.count; p++) {
        if (own) {
            mine->offset[p] = (uint64_t)(piece->held.vector[p] - own);
            ASSERT(mine->offset[p] + piece->count <= comm->vectors.bytes / sizeof(float));
            continue;
        }
        mine->offset[p] = (uint64_t)p * piece->count;
        memcpy(copy + mine->offset[p], piece->held.vector[p],
               piece->count * sizeof(float));
    }
    piece->window->turn++;
    atomic_store_explicit(&mine->given, piece->window->turn, memory_order_release);
    piece->phase = GIVEN;
    piece->copied = 0;
}

static bool all_given(const struct comm *comm, const struct tree_piece *piece)
{
    for (int i = 0; i < comm->node_size; i++)
        if (atomic_load_explicit(&shown_of(piece, i)->given, memory_order_acquire) <
            piece->window->turn)
            return false;
    return true;
}

/* All that the node's ranks hold, in order; elements from `begin` of the piece on. */
static void hold_all(const struct comm *comm, struct tree_piece *piece, size_t begin,
                     struct tree_held *all)
{
    struct tree_node node[TREE_NODES_MAX];
    all->count = 0;
    for (int i = 0; i < comm->node_size; i++) {
        const float *base =
            comm->vectors.ranks ? comm->vectors.segment[i] : copies_of(piece, i);
        int first, end, rank = comm->rank - comm->node_rank + i;
        comm_share(comm, piece->n, rank, &first, &end);
        int parts = tree_cover(piece->n, first, end, node);
        for (int p = 0; p < parts; p++)
            tree_hold(all, node[p], base + shown_of(piece, i)->offset[p] + begin);
    }
}

static void show_sum(const struct comm *comm, struct tree_piece *piece)
{
    atomic_store_explicit(&shown_of(piece, comm->node_rank)->summed, piece->window->turn,
                          memory_order_release);
    piece->phase = SUMMED;
}

/* This rank's share of what its node holds: the sum, or what goes to other nodes. */
static void add_share(struct comm *comm, struct tree_piece *piece)
{
    struct tree_node node[TREE_NODES_MAX];
    float *out[TREE_NODES_MAX];
    size_t begin, end;
    tree_slice(piece->end - piece->begin, comm->channels, comm->node_rank, &begin, &end);
    hold_all(comm, piece, begin, &piece->all);
    piece->count = end - begin;
    piece->result = sum_of(piece) + begin;
    if (comm->nodes == 1) {
        tree_fold(piece->n, &piece->all, piece->count, &piece->result, 1);
        show_sum(comm, piece);
        return;
    }
    tree_group_make(comm, true, piece->n, &piece->group);
    const int *grain = piece->group.grain + comm->node_index;
    int parts = tree_cover(piece->n, grain[0], grain[1], node);
    float *to = tree_buffer(piece, FOLDED, (size_t)parts * piece->count);
    piece->held.count = 0;
    for (int p = 0; p < parts; p++) {
        out[p] = to + (size_t)p * piece->count;
        tree_hold(&piece->held, node[p], out[p]);
    }
    tree_fold(piece->n, &piece->all, piece->count, out, parts);
    piece->phase = EXCHANGED;
    piece->algorithm->exchange->begin(comm, piece);
}

/* The shares that have come since; each rank begins with its own. */
static bool copy_shares(const struct comm *comm, struct tree_piece *piece)
{
    bool moved = false;
    for (; piece->copied < comm->channels; piece->copied++, moved = true) {
        int channel = (comm->node_rank + piece->copied) % comm->channels;
        size_t begin, end;
        if (atomic_load_explicit(&shown_of(piece, channel)->summed,
                                 memory_order_acquire) < piece->window->turn)
            return moved;
        tree_slice(piece->end - piece->begin, comm->channels, channel, &begin, &end);
        memcpy(piece->sum + piece->begin + begin, sum_of(piece) + begin,
               (end - begin) * sizeof(float));
    }
    piece->done = true;
    return true;
}

static bool next(struct comm *comm, struct tree_piece *piece)
{
    if (piece->phase == SUMMED)
        return copy_shares(comm, piece);
    if (piece->phase == EXCHANGED) {
        if (!piece->algorithm->exchange->next(comm, piece))
            show_sum(comm, piece);
        return true;
    }
    if (!all_given(comm, piece))
        return false;
    if (comm->node_rank < comm->channels)
        add_share(comm, piece);
    else
        piece->phase = SUMMED;
    return true;
}

const struct tree_algorithm tree_shared = {
    .work = shared_work,
    .prepare = prepare,
    .start = start,
    .next = next,
};

#define LEVELS(algorithm_exchange)                                                 \
    {                                                                              \
        .exchange = (algorithm_exchange), .work = levels_work, .prepare = prepare, \
        .start = start, .next = next,                                              \
    }

const struct tree_algorithm tree_levels = LEVELS(&tree_slices),
                            tree_levels_halving = LEVELS(&tree_halving),
                            tree_levels_doubling = LEVELS(&tree_doubling);
