/* tree_slices: every member adds one slice of the vectors for all, then all gather. Each
   float crosses the network once for each node that its rank holds, and once as a sum;
   everybody talks to everybody. */
#include <math.h>

#include "tree_impl.h"

enum { EXCHANGE, GATHER };

static struct comm_work work_of(const struct comm *comm, bool across, int n, size_t count)
{
    int members = tree_members(comm, across), most = 0, all = 0;
    for (int i = 0; i < members; i++) {
        int parts = tree_cover_count(n, tree_member_grain(comm, across, n, i),
                                     tree_member_grain(comm, across, n, i + 1));
        most = parts > most ? parts : most;
        all += parts;
    }
    int link = across ? comm->channels : comm->node_most; /* that many send through it */
    int near = across || comm->nodes == 1 ? 0 : link - 1, others = members - 1 - near;
    double share = (double)count / members / (across ? comm->channels : 1);
    double sent = most * others * share;
    double received = (double)(all - all / members * (1 + near)) * share;
    return (struct comm_work){
        .rounds = 2,
        .sent = (most + 1) * others,
        .messages = (double)(most + 1) * others * link,
        .floats = link * (fmax(sent, received) + others * share),
        .touched = 2 * (most + 1) * near * share,
    };
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

static void begin(struct comm *comm, struct tree_piece *piece)
{
    piece->stage = EXCHANGE;
    exchange(comm, piece);
}

static bool next(struct comm *comm, struct tree_piece *piece)
{
    if (piece->stage == GATHER)
        return false;
    piece->stage = GATHER;
    add_slice(piece);
    gather(comm, piece);
    return true;
}

const struct tree_exchange tree_slices = {
    .work = work_of,
    .begin = begin,
    .next = next,
};
