/* tree_levels: the ranks of one node read each other's vectors where they lie, in a
 * window of shared memory, without MPI.
 *
 * Each of the first `smallest_node` ranks of a node adds up one share of the elements for
 * the whole node. With one node (shared) that is the sum. With several (levels) the ranks
 * of equal numbers sum their share between the nodes, by slices, halving or doubling: a
 * float crosses the network once for what its node holds, however many ranks that has.
 * Then all ranks copy the shares from the window.
 *
 * Each rank has two counters that the others of its node read: `given` says that its
 * vectors may be read, `summed` that its share of the sum may. They count the pieces that
 * used the window, so they are never reset, and no rank can be a whole piece ahead: the
 * next piece needs the vectors of all.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tree_impl.h"

/* What a piece waits for. */
enum levels_phase {
    LEVELS_GIVEN,    /* the vectors of all ranks of the node */
    LEVELS_EXCHANGE, /* messages between nodes */
    LEVELS_SUMMED,   /* the shares of other ranks of the node */
    LEVELS_PHASES
};

/* What a rank shows the others of its node. */
struct levels_shown {
    _Alignas(MEM_ALIGN) _Atomic uint64_t given;
    _Alignas(MEM_ALIGN) _Atomic uint64_t summed;
    _Alignas(MEM_ALIGN) uint64_t offset[TREE_NODES_MAX]; /* floats: where its terms are */
};

struct tree_window {
    struct window window; /* segment: struct levels_shown, the sum, copies of terms */
    size_t count, copies; /* floats */
    uint64_t turn;        /* pieces that have used it */
};

/* --- the window --- */

static struct levels_shown *levels_shown_of(const struct tree_piece *piece, int node_rank)
{
    return piece->window->window.segment[node_rank];
}

static float *levels_sum(const struct tree_piece *piece)
{
    return (float *)(levels_shown_of(piece, 0) + 1);
}

static float *levels_copies(const struct tree_piece *piece, int node_rank)
{
    return (float *)(levels_shown_of(piece, node_rank) + 1) + piece->window->count;
}

/* Floats of the terms that some rank has to copy to where others can read them; the most
   of any rank. */
static size_t levels_copies_needed(const struct comm *comm,
                                   const struct tree_piece *piece)
{
    int most = 0;
    if (comm->vectors.ranks > 0)
        return 0;
    for (int rank = 0; rank < comm->topology.ranks; rank++) {
        int terms =
            topology_member_terms(&comm->topology, SCOPE_RANKS, piece->n, rank, rank + 1);
        most = terms > most ? terms : most;
    }
    return (size_t)most * (piece->end - piece->begin);
}

void tree_window_release(struct tree_piece *piece)
{
    if (piece->window)
        window_close(&piece->window->window);
    free(piece->window);
    piece->window = NULL;
}

/* Opens a window, unless there is one that is large enough. */
static bool levels_prepare(struct comm *comm, struct tree_piece *piece)
{
    size_t count = piece->end - piece->begin, copies = levels_copies_needed(comm, piece);
    if (piece->window) {
        if (count <= piece->window->count && copies <= piece->window->copies)
            return true;
        count = count > piece->window->count ? count : piece->window->count;
        copies = copies > piece->window->copies ? copies : piece->window->copies;
        tree_window_release(piece);
    }
    struct tree_window *window = mem_zeroed(1, sizeof *window);
    size_t bytes = sizeof(struct levels_shown) + (count + copies) * sizeof(float);
    if (!window_open(comm, bytes, &window->window)) {
        free(window);
        comm->topology.no_shared_memory = true;
        return false;
    }
    window->count = count;
    window->copies = copies;
    piece->window = window;
    return true;
}

/* --- start: this rank's vectors may be read --- */

static void levels_start(struct comm *comm, struct tree_piece *piece, float *const *terms)
{
    struct levels_shown *mine = levels_shown_of(piece, comm->node_rank);
    const float *vectors =
        comm->vectors.ranks ? comm->vectors.segment[comm->node_rank] : NULL;
    float *copy = levels_copies(piece, comm->node_rank);
    size_t count = piece->end - piece->begin;
    int held = topology_member_terms(&comm->topology, SCOPE_RANKS, piece->n, comm->rank,
                                     comm->rank + 1);
    for (int p = 0; p < held; p++) {
        const float *term = terms[p] + piece->begin;
        if (vectors) {
            mine->offset[p] = (uint64_t)(term - vectors);
            ASSERT(mine->offset[p] + count <= comm->vectors.bytes / sizeof(float));
        } else {
            mine->offset[p] = (uint64_t)p * count;
            memcpy(copy + mine->offset[p], term, count * sizeof(float));
        }
    }
    piece->window->turn++;
    atomic_store_explicit(&mine->given, piece->window->turn, memory_order_release);
    piece->phase = LEVELS_GIVEN;
    piece->copied = 0;
}

/* --- this rank's share of what its node holds --- */

static void levels_show_sum(const struct comm *comm, struct tree_piece *piece)
{
    atomic_store_explicit(&levels_shown_of(piece, comm->node_rank)->summed,
                          piece->window->turn, memory_order_release);
    piece->phase = LEVELS_SUMMED;
}

/* All that the ranks of the node hold, in order; elements from piece->begin + `first`. */
static void levels_hold_all(const struct comm *comm, struct tree_piece *piece,
                            size_t first)
{
    const struct topology *topology = &comm->topology;
    struct tree_node node[TREE_NODES_MAX];
    piece->node_held.count = 0;
    for (int i = 0; i < comm->node_size; i++) {
        const float *base =
            comm->vectors.ranks ? comm->vectors.segment[i] : levels_copies(piece, i);
        int begin, end, rank = topology->node_first[comm->node_index] + i;
        topology_share(topology, piece->n, rank, &begin, &end);
        int terms = tree_cover(piece->n, begin, end, node);
        for (int p = 0; p < terms; p++)
            tree_hold(&piece->node_held, node[p],
                      base + levels_shown_of(piece, i)->offset[p] + first);
    }
}

/* Adds up the share and begins its sum between the nodes. */
static void levels_begin_exchange(struct comm *comm, struct tree_piece *piece,
                                  size_t count, float *result)
{
    struct tree_group_sum *sum = &piece->group_sum;
    struct tree_node node[TREE_NODES_MAX];
    float *out[TREE_NODES_MAX];
    tree_group_find(sum, comm, SCOPE_NODES, piece->n);
    sum->count = count;
    sum->result = result;
    sum->held.count = 0;
    struct tree_node grains =
        tree_group_grains(&sum->group, comm->node_index, comm->node_index + 1);
    int terms = tree_cover(piece->n, grains.begin, grains.end, node);
    float *folded = tree_buffer_reserve(&piece->folded, (size_t)terms * count);
    for (int p = 0; p < terms; p++) {
        out[p] = folded + (size_t)p * count;
        tree_hold(&sum->held, node[p], out[p]);
    }
    tree_fold(piece->n, &piece->node_held, count, out, terms);
    sum->exchange->begin(comm, sum);
    piece->phase = LEVELS_EXCHANGE;
}

static bool levels_after_given(struct comm *comm, struct tree_piece *piece)
{
    int shares = comm->topology.smallest_node;
    size_t begin, end;
    for (int i = 0; i < comm->node_size; i++)
        if (atomic_load_explicit(&levels_shown_of(piece, i)->given,
                                 memory_order_acquire) < piece->window->turn)
            return false;
    if (comm->node_rank >= shares) {
        piece->phase = LEVELS_SUMMED;
        return true;
    }
    tree_slice(piece->end - piece->begin, shares, comm->node_rank, &begin, &end);
    levels_hold_all(comm, piece, begin);
    float *result = levels_sum(piece) + begin;
    if (comm->topology.nodes > 1) {
        levels_begin_exchange(comm, piece, end - begin, result);
    } else {
        tree_fold(piece->n, &piece->node_held, end - begin, &result, 1);
        levels_show_sum(comm, piece);
    }
    return true;
}

/* --- what follows --- */

static bool levels_after_exchange(struct comm *comm, struct tree_piece *piece)
{
    if (!piece->group_sum.exchange->next(comm, &piece->group_sum))
        levels_show_sum(comm, piece);
    return true;
}

/* Copies the shares that have come since; each rank begins with its own. */
static bool levels_after_summed(struct comm *comm, struct tree_piece *piece)
{
    int shares = comm->topology.smallest_node;
    bool moved = false;
    for (; piece->copied < shares; piece->copied++, moved = true) {
        int share = (comm->node_rank + piece->copied) % shares;
        size_t begin, end;
        if (atomic_load_explicit(&levels_shown_of(piece, share)->summed,
                                 memory_order_acquire) < piece->window->turn)
            return moved;
        tree_slice(piece->end - piece->begin, shares, share, &begin, &end);
        memcpy(piece->sum + piece->begin + begin, levels_sum(piece) + begin,
               (end - begin) * sizeof(float));
    }
    piece->done = true;
    return true;
}

static bool levels_next(struct comm *comm, struct tree_piece *piece)
{
    static bool (*const after[LEVELS_PHASES])(struct comm * comm,
                                              struct tree_piece * piece) = {
        [LEVELS_GIVEN] = levels_after_given,
        [LEVELS_EXCHANGE] = levels_after_exchange,
        [LEVELS_SUMMED] = levels_after_summed,
    };
    return after[piece->phase](comm, piece);
}

const struct tree_method tree_in_shared_memory = {levels_prepare, levels_start,
                                                  levels_next};
