/* tree_slices: every member adds one slice of the vectors for all, then all gather. Each
   float crosses the network once for each node that its rank holds, and once as a sum;
   everybody talks to everybody. */
#include <math.h>

#include "tree_impl.h"

enum { EXCHANGE, GATHER };

static bool work_of(const struct comm *comm, int n, size_t count, struct comm_work *work)
{
    struct tree_node ignored[TREE_NODES_MAX];
    int most = 0, all = 0, begin, end;
    for (int rank = 0; rank < comm->size; rank++) {
        comm_share(comm, n, rank, &begin, &end);
        int parts = tree_cover(n, begin, end, ignored);
        most = parts > most ? parts : most;
        all += parts;
    }
    int link = comm->node_most; /* that many ranks send through it */
    int near = comm->nodes > 1 ? link - 1 : 0, others = comm->size - 1 - near;
    double share = (double)count / comm->size;
    double sent = most * others * share;
    double received = (double)(all - all / comm->size * (1 + near)) * share;
    *work = (struct comm_work){
        .rounds = 2,
        .messages = (most + 1) * others * link,
        .floats = link * (fmax(sent, received) + others * share),
        .touched = 2 * (most + 1) * near * share,
    };
    return true;
}

static void exchange(struct comm *comm, struct tree_piece *piece)
{
    const struct tree_group *group = &piece->group;
    size_t begin, end, b, e, all = 0;
    tree_slice(piece->count, group->size, group->self, &begin, &end);
    for (int i = 0; i < group->size; i++)
        if (i != group->self)
            all += (size_t)tree_group_parts(group, piece->n, i, i + 1);
    float *next = tree_buffer(piece, 0, all * (end - begin));
    for (int i = 0; i < group->size; i++) {
        if (i == group->self)
            continue;
        int parts = tree_group_parts(group, piece->n, i, i + 1);
        for (int p = 0; p < parts; p++, next += end - begin)
            tree_receive(comm, piece, next, end - begin, i);
    }
    for (int shift = 1; shift < group->size; shift++) {
        int to = (group->self + shift) % group->size;
        tree_slice(piece->count, group->size, to, &b, &e);
        for (int p = 0; p < piece->held.count; p++)
            tree_send(comm, piece, piece->held.vector[p] + b, e - b, to);
    }
}

/* The tree over everyone's parts of this member's slice. */
static void add_slice(struct tree_piece *piece)
{
    const struct tree_group *group = &piece->group;
    struct tree_node node[TREE_NODES_MAX];
    const float *next = piece->buffer[0];
    size_t begin, end;
    tree_slice(piece->count, group->size, group->self, &begin, &end);
    piece->all.count = 0;
    for (int i = 0; i < group->size; i++) {
        if (i == group->self) {
            for (int p = 0; p < piece->held.count; p++)
                tree_hold(&piece->all, piece->held.node[p],
                          piece->held.vector[p] + begin);
            continue;
        }
        int parts = tree_cover(piece->n, group->grain[i], group->grain[i + 1], node);
        for (int p = 0; p < parts; p++, next += end - begin)
            tree_hold(&piece->all, node[p], next);
    }
    tree_fold(piece->n, &piece->all, end - begin, &(float *){piece->result + begin}, 1);
}

static void gather(struct comm *comm, struct tree_piece *piece)
{
    const struct tree_group *group = &piece->group;
    size_t b, e;
    for (int i = 0; i < group->size; i++) {
        tree_slice(piece->count, group->size, i, &b, &e);
        if (i != group->self)
            tree_receive(comm, piece, piece->result + b, e - b, i);
    }
    tree_slice(piece->count, group->size, group->self, &b, &e);
    for (int shift = 1; shift < group->size; shift++)
        tree_send(comm, piece, piece->result + b, e - b,
                  (group->self + shift) % group->size);
}

void tree_slices_begin(struct comm *comm, struct tree_piece *piece)
{
    piece->stage = EXCHANGE;
    exchange(comm, piece);
}

bool tree_slices_next(struct comm *comm, struct tree_piece *piece)
{
    if (piece->stage == GATHER)
        return false;
    piece->stage = GATHER;
    add_slice(piece);
    gather(comm, piece);
    return true;
}

static void start(struct comm *comm, struct tree_piece *piece)
{
    tree_group_all(comm, piece->n, &piece->group);
    tree_slices_begin(comm, piece);
}

static bool next(struct comm *comm, struct tree_piece *piece)
{
    piece->done = !tree_slices_next(comm, piece);
    return true;
}

const struct tree_algorithm tree_slices = {
    .work = work_of,
    .start = start,
    .next = next,
};
