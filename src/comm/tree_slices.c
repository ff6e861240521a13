/* tree_slices: every member adds one slice of the elements for all members, then all
   gather the sums. A float crosses the network once for each node of the tree that its
   rank holds, and once as a sum; all members exchange with all. */
#include "tree_impl.h"

enum slices_phase { SLICES_EXCHANGE, SLICES_GATHER }; /* of the messages under way */

static int slices_terms(const struct tree_group_sum *sum, int member)
{
    struct tree_node grains = tree_group_grains(&sum->group, member, member + 1);
    return tree_cover_count(sum->n, grains.begin, grains.end);
}

/* The terms of the others come one after the other in the buffer, in member order. */
static void slices_exchange(struct comm *comm, struct tree_group_sum *sum)
{
    const struct tree_group *group = &sum->group;
    size_t begin, end, b, e, terms_of_others = 0;
    tree_slice(sum->count, group->size, group->self, &begin, &end);
    for (int i = 0; i < group->size; i++)
        if (i != group->self)
            terms_of_others += (size_t)slices_terms(sum, i);
    float *next = tree_buffer_reserve(&sum->buffer[0], terms_of_others * (end - begin));
    for (int i = 0; i < group->size; i++) {
        if (i == group->self)
            continue;
        int terms = slices_terms(sum, i);
        for (int p = 0; p < terms; p++, next += end - begin)
            tree_receive(comm, sum, next, end - begin, i);
    }
    for (int shift = 1; shift < group->size; shift++) {
        int to = (group->self + shift) % group->size;
        tree_slice(sum->count, group->size, to, &b, &e);
        for (int p = 0; p < sum->held.count; p++)
            tree_send(comm, sum, sum->held.vector[p] + b, e - b, to);
    }
}

/* The tree over the terms of all members, on this member's slice. */
static void slices_add(struct tree_group_sum *sum)
{
    const struct tree_group *group = &sum->group;
    struct tree_node node[TREE_NODES_MAX];
    const float *next = sum->buffer[0].data;
    size_t begin, end;
    tree_slice(sum->count, group->size, group->self, &begin, &end);
    sum->folded.count = 0;
    for (int i = 0; i < group->size; i++) {
        if (i == group->self) {
            for (int p = 0; p < sum->held.count; p++)
                tree_hold(&sum->folded, sum->held.node[p], sum->held.vector[p] + begin);
            continue;
        }
        int terms = tree_cover(sum->n, group->grain[i], group->grain[i + 1], node);
        for (int p = 0; p < terms; p++, next += end - begin)
            tree_hold(&sum->folded, node[p], next);
    }
    tree_fold(sum->n, &sum->folded, end - begin, &(float *){sum->result + begin}, 1);
}

static void slices_gather(struct comm *comm, struct tree_group_sum *sum)
{
    const struct tree_group *group = &sum->group;
    size_t b, e;
    for (int i = 0; i < group->size; i++) {
        tree_slice(sum->count, group->size, i, &b, &e);
        if (i != group->self)
            tree_receive(comm, sum, sum->result + b, e - b, i);
    }
    tree_slice(sum->count, group->size, group->self, &b, &e);
    for (int shift = 1; shift < group->size; shift++)
        tree_send(comm, sum, sum->result + b, e - b, (group->self + shift) % group->size);
}

static void slices_begin(struct comm *comm, struct tree_group_sum *sum)
{
    sum->phase = SLICES_EXCHANGE;
    slices_exchange(comm, sum);
}

static bool slices_next(struct comm *comm, struct tree_group_sum *sum)
{
    if (sum->phase == SLICES_GATHER)
        return false;
    sum->phase = SLICES_GATHER;
    slices_add(sum);
    slices_gather(comm, sum);
    return true;
}

const struct tree_exchange tree_slices = {slices_begin, slices_next};
