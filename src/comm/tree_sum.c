/* tree_sum: the fixed tree across ranks, as a reduce-scatter by slices and an allgather.
 */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "comm/tree.h"
#include "comm_impl.h"

/* Slices are whole cache lines. */
#define SLICE_ALIGN 16

static void slice_of(size_t count, int size, int rank, size_t *begin, size_t *end)
{
    size_t lines = (count + SLICE_ALIGN - 1) / SLICE_ALIGN;
    *begin = lines * (size_t)rank / (size_t)size * SLICE_ALIGN;
    *end = lines * (size_t)(rank + 1) / (size_t)size * SLICE_ALIGN;
    if (*begin > count)
        *begin = count;
    if (*end > count)
        *end = count;
}

static int parts_of(int n, int size, int rank, struct tree_node nodes[TREE_NODES_MAX])
{
    int begin, end;
    tree_share(n, size, rank, &begin, &end);
    return tree_cover(n, begin, end, nodes);
}

static void reserve_ranks(struct comm *comm)
{
    if (!comm->tree.first)
        comm->tree.first = mem_zeroed((size_t)comm->size + 1, sizeof(size_t));
}

static void reserve(struct tree_buffers *tree, size_t floats, int requests)
{
    if (floats > tree->capacity) {
        free(tree->received);
        tree->received = mem_aligned(floats, sizeof(float));
        tree->capacity = floats;
    }
    if (requests > tree->requests) {
        tree->request = mem_resize(tree->request, (size_t)requests, sizeof(MPI_Request));
        tree->requests = requests;
    }
}

void comm_tree_release(struct comm *comm)
{
    free(comm->tree.received);
    free(comm->tree.request);
    free(comm->tree.first);
    comm->tree = (struct tree_buffers){0};
}

/* One evaluation of the tree: vectors are pushed left to right and siblings are added. */
struct stack {
    int n, depth;
    struct tree_node node[TREE_NODES_MAX];
    float *vector[TREE_NODES_MAX];
};

static void push(struct stack *stack, struct tree_node node, float *vector, size_t count)
{
    stack->node[stack->depth] = node;
    stack->vector[stack->depth++] = vector;
    while (stack->depth >= 2) {
        int top = stack->depth - 1;
        if (!tree_siblings(stack->n, stack->node[top - 1], stack->node[top]))
            return;
        float *restrict left = stack->vector[top - 1];
        const float *restrict right = stack->vector[top];
        for (size_t i = 0; i < count; i++)
            left[i] += right[i];
        stack->node[top - 1].end = stack->node[top].end;
        stack->depth = top;
    }
}

/* Every rank's parts of this rank's slice arrive in `received`, rank after rank. */
static int exchange(struct comm *comm, int n, float *const *parts, size_t count,
                    const size_t *first)
{
    struct tree_node nodes[TREE_NODES_MAX];
    size_t begin, end;
    int requests = 0;
    slice_of(count, comm->size, comm->rank, &begin, &end);
    for (int rank = 0; rank < comm->size; rank++) {
        size_t k = first[rank + 1] - first[rank];
        for (size_t p = 0; rank != comm->rank && p < k; p++)
            MPI_CHECK(MPI_Irecv(comm->tree.received + (first[rank] + p) * (end - begin),
                                (int)(end - begin), MPI_FLOAT, rank, TAG_TREE, comm->all,
                                &comm->tree.request[requests++]));
    }
    int mine = parts_of(n, comm->size, comm->rank, nodes);
    for (int shift = 1; shift < comm->size; shift++) {
        int rank = (comm->rank + shift) % comm->size;
        size_t b, e;
        slice_of(count, comm->size, rank, &b, &e);
        for (int p = 0; p < mine; p++)
            MPI_CHECK(MPI_Isend(parts[p] + b, (int)(e - b), MPI_FLOAT, rank, TAG_TREE,
                                comm->all, &comm->tree.request[requests++]));
    }
    for (int p = 0; p < mine; p++)
        memcpy(comm->tree.received + (first[comm->rank] + (size_t)p) * (end - begin),
               parts[p] + begin, (end - begin) * sizeof(float));
    return requests;
}

static void gather_slices(struct comm *comm, float *sum, size_t count)
{
    size_t b, e;
    int requests = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        if (rank == comm->rank)
            continue;
        slice_of(count, comm->size, rank, &b, &e);
        MPI_CHECK(MPI_Irecv(sum + b, (int)(e - b), MPI_FLOAT, rank, TAG_TREE, comm->all,
                            &comm->tree.request[requests++]));
    }
    slice_of(count, comm->size, comm->rank, &b, &e);
    for (int shift = 1; shift < comm->size; shift++) {
        int rank = (comm->rank + shift) % comm->size;
        MPI_CHECK(MPI_Isend(sum + b, (int)(e - b), MPI_FLOAT, rank, TAG_TREE, comm->all,
                            &comm->tree.request[requests++]));
    }
    MPI_CHECK(MPI_Waitall(requests, comm->tree.request, MPI_STATUSES_IGNORE));
}

void comm_tree_sum(struct comm *comm, int n, float *const *parts, float *sum,
                   size_t count)
{
    if (comm->size == 1) {
        memcpy(sum, parts[0], count * sizeof(float));
        return;
    }
    struct tree_node nodes[TREE_NODES_MAX];
    reserve_ranks(comm);
    size_t *first = comm->tree.first;
    for (int rank = 0; rank < comm->size; rank++)
        first[rank + 1] = first[rank] + (size_t)parts_of(n, comm->size, rank, nodes);
    size_t begin, end;
    slice_of(count, comm->size, comm->rank, &begin, &end);
    int most = (int)first[comm->size] + comm->size * TREE_NODES_MAX;
    reserve(&comm->tree, first[comm->size] * (end - begin), most);
    int requests = exchange(comm, n, parts, count, first);
    MPI_CHECK(MPI_Waitall(requests, comm->tree.request, MPI_STATUSES_IGNORE));
    struct stack stack = {.n = n};
    for (int rank = 0; rank < comm->size; rank++) {
        int k = parts_of(n, comm->size, rank, nodes);
        for (int p = 0; p < k; p++)
            push(&stack, nodes[p],
                 comm->tree.received + (first[rank] + (size_t)p) * (end - begin),
                 end - begin);
    }
    ASSERT(stack.depth == 1);
    memcpy(sum + begin, stack.vector[0], (end - begin) * sizeof(float));
    gather_slices(comm, sum, count);
}
