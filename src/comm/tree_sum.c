/* tree_sum: the fixed tree across ranks, as a reduce-scatter by slices and an allgather.
 */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timer.h"
#include "comm/tree.h"
#include "comm_impl.h"

#define SLICE_ALIGN 16 /* floats: slices are whole cache lines */

/* Elements [*begin, *end) of the piece that `rank` adds up. */
static void slice_of(const struct comm *comm, const struct tree_piece *piece, int rank,
                     size_t *begin, size_t *end)
{
    size_t count = piece->end - piece->begin;
    size_t lines = (count + SLICE_ALIGN - 1) / SLICE_ALIGN, size = (size_t)comm->size;
    *begin = lines * (size_t)rank / size * SLICE_ALIGN;
    *end = lines * (size_t)(rank + 1) / size * SLICE_ALIGN;
    *begin = piece->begin + (*begin < count ? *begin : count);
    *end = piece->begin + (*end < count ? *end : count);
}

static int parts_of(const struct comm *comm, int n, int rank,
                    struct tree_node nodes[TREE_NODES_MAX])
{
    int begin, end;
    tree_share(n, comm->size, rank, &begin, &end);
    return tree_cover(n, begin, end, nodes);
}

/* Returns the number of parts of all ranks. */
static size_t count_parts(struct comm *comm, int n)
{
    struct tree_node nodes[TREE_NODES_MAX];
    struct tree_sums *tree = &comm->tree;
    if (!tree->first)
        tree->first = mem_zeroed((size_t)comm->size + 1, sizeof *tree->first);
    for (int rank = 0; rank < comm->size; rank++)
        tree->first[rank + 1] =
            tree->first[rank] + (size_t)parts_of(comm, n, rank, nodes);
    return tree->first[comm->size];
}

static void reserve(struct tree_piece *piece, size_t floats, int requests)
{
    if (!piece->received || floats > piece->capacity) { /* a slice may be empty */
        free(piece->received);
        piece->received = mem_aligned(floats, sizeof *piece->received);
        piece->capacity = floats;
    }
    if (requests > piece->request_capacity) {
        piece->request =
            mem_resize(piece->request, (size_t)requests, sizeof *piece->request);
        piece->request_capacity = requests;
    }
}

void comm_tree_release(struct comm *comm)
{
    for (int i = 0; i < COMM_TREE_PIECES; i++) {
        free(comm->tree.piece[i].received);
        free(comm->tree.piece[i].request);
    }
    free(comm->tree.first);
    comm->tree = (struct tree_sums){0};
}

static int tag_of(const struct comm *comm, const struct tree_piece *piece)
{
    return TAG_TREE + 2 * (int)(piece - comm->tree.piece) + (int)piece->stage;
}

static void receive(struct comm *comm, struct tree_piece *piece, float *to, size_t count,
                    int rank)
{
    MPI_CHECK(MPI_Irecv(to, (int)count, MPI_FLOAT, rank, tag_of(comm, piece), comm->all,
                        &piece->request[piece->requests++]));
}

static void send(struct comm *comm, struct tree_piece *piece, const float *from,
                 size_t count, int rank)
{
    MPI_CHECK(MPI_Isend(from, (int)count, MPI_FLOAT, rank, tag_of(comm, piece), comm->all,
                        &piece->request[piece->requests++]));
}

/* Every rank's parts of this rank's slice come to `received`, rank after rank. */
static void exchange(struct comm *comm, struct tree_piece *piece, float *const *parts)
{
    const size_t *first = comm->tree.first;
    size_t mine = first[comm->rank + 1] - first[comm->rank], begin, end;
    slice_of(comm, piece, comm->rank, &begin, &end);
    size_t count = end - begin;
    for (int rank = 0; rank < comm->size; rank++)
        for (size_t p = first[rank]; rank != comm->rank && p < first[rank + 1]; p++)
            receive(comm, piece, piece->received + p * count, count, rank);
    for (int shift = 1; shift < comm->size; shift++) {
        int rank = (comm->rank + shift) % comm->size;
        size_t b, e;
        slice_of(comm, piece, rank, &b, &e);
        for (size_t p = 0; p < mine; p++)
            send(comm, piece, parts[p] + b, e - b, rank);
    }
    for (size_t p = 0; p < mine; p++)
        memcpy(piece->received + (first[comm->rank] + p) * count, parts[p] + begin,
               count * sizeof(float));
}

/* The tree over everyone's parts: vectors are pushed left to right, and as long as the
   two on top are siblings the upper is added to the lower. */
static void add_slice(struct comm *comm, struct tree_piece *piece)
{
    struct tree_node node[TREE_NODES_MAX], parts[TREE_NODES_MAX];
    float *vector[TREE_NODES_MAX], *next = piece->received;
    int depth = 0;
    size_t begin, end;
    slice_of(comm, piece, comm->rank, &begin, &end);
    for (int rank = 0; rank < comm->size; rank++) {
        int count = parts_of(comm, piece->n, rank, parts);
        for (int p = 0; p < count; p++, next += end - begin) {
            node[depth] = parts[p];
            vector[depth++] = next;
            while (depth >= 2 &&
                   tree_siblings(piece->n, node[depth - 2], node[depth - 1])) {
                float *restrict left = vector[depth - 2];
                const float *restrict right = vector[depth - 1];
                for (size_t i = 0; i < end - begin; i++)
                    left[i] += right[i];
                node[depth - 2].end = node[depth - 1].end;
                depth--;
            }
        }
    }
    ASSERT(depth == 1);
    memcpy(piece->sum + begin, vector[0], (end - begin) * sizeof(float));
}

static void gather(struct comm *comm, struct tree_piece *piece)
{
    size_t b, e;
    piece->requests = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        slice_of(comm, piece, rank, &b, &e);
        if (rank != comm->rank)
            receive(comm, piece, piece->sum + b, e - b, rank);
    }
    slice_of(comm, piece, comm->rank, &b, &e);
    for (int shift = 1; shift < comm->size; shift++)
        send(comm, piece, piece->sum + b, e - b, (comm->rank + shift) % comm->size);
}

void comm_tree_start(struct comm *comm, int n, float *const *parts, float *sum,
                     size_t begin, size_t end)
{
    struct tree_sums *tree = &comm->tree;
    if (tree->pieces == 0)
        tree->started = timer_now();
    ASSERT(tree->pieces < COMM_TREE_PIECES);
    struct tree_piece *piece = &tree->piece[tree->pieces++];
    piece->n = n;
    piece->begin = begin;
    piece->end = end;
    piece->sum = sum;
    piece->requests = 0;
    piece->stage = PIECE_DONE;
    if (comm->size == 1) {
        memcpy(sum + begin, parts[0] + begin, (end - begin) * sizeof *sum);
        return;
    }
    piece->stage = PIECE_EXCHANGE;
    size_t all = count_parts(comm, n), b, e;
    size_t mine = tree->first[comm->rank + 1] - tree->first[comm->rank];
    slice_of(comm, piece, comm->rank, &b, &e);
    reserve(piece, all * (e - b), (int)(all + (size_t)comm->size * (mine + 2)));
    exchange(comm, piece, parts);
}

static void next_stage(struct comm *comm, struct tree_piece *piece)
{
    if (piece->stage == PIECE_EXCHANGE) {
        piece->stage = PIECE_GATHER;
        add_slice(comm, piece);
        gather(comm, piece);
    } else {
        piece->stage = PIECE_DONE;
    }
}

void comm_tree_poll(struct comm *comm)
{
    for (int i = 0; i < comm->tree.pieces; i++) {
        struct tree_piece *piece = &comm->tree.piece[i];
        int here = 1;
        while (piece->stage != PIECE_DONE && here) {
            MPI_CHECK(
                MPI_Testall(piece->requests, piece->request, &here, MPI_STATUSES_IGNORE));
            if (here)
                next_stage(comm, piece);
        }
    }
}

double comm_tree_wait(struct comm *comm)
{
    struct tree_sums *tree = &comm->tree;
    for (int stage = PIECE_EXCHANGE; stage < PIECE_DONE; stage++) {
        for (int i = 0; i < tree->pieces; i++) {
            struct tree_piece *piece = &tree->piece[i];
            if ((int)piece->stage != stage)
                continue;
            MPI_WAIT(MPI_Waitall(piece->requests, piece->request, MPI_STATUSES_IGNORE));
            next_stage(comm, piece);
        }
    }
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
