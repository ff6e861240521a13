/* tree_choice: which algorithm sums a piece. */
#include <math.h>
#include <string.h>

#include "ping.h"
#include "tree_impl.h"

/* --- by messages alone, among all ranks --- */

static bool flat_prepare(struct comm *comm, struct tree_piece *piece)
{
    (void)comm, (void)piece;
    return true;
}

static void flat_start(struct comm *comm, struct tree_piece *piece, float *const *terms)
{
    struct tree_group_sum *sum = &piece->group_sum;
    struct tree_node node[TREE_NODES_MAX];
    tree_group_find(sum, comm, SCOPE_RANKS, piece->n);
    sum->count = piece->end - piece->begin;
    sum->result = piece->sum + piece->begin;
    sum->held.count = 0;
    struct tree_node grains =
        tree_group_grains(&sum->group, sum->group.self, sum->group.self + 1);
    int count = tree_cover(piece->n, grains.begin, grains.end, node);
    for (int p = 0; p < count; p++)
        tree_hold(&sum->held, node[p], terms[p] + piece->begin);
    sum->exchange->begin(comm, sum);
}

static bool flat_next(struct comm *comm, struct tree_piece *piece)
{
    piece->done = !piece->group_sum.exchange->next(comm, &piece->group_sum);
    return true;
}

static const struct tree_method tree_flat = {flat_prepare, flat_start, flat_next};

/* --- the choice --- */

void tree_forget_choices(struct comm *comm)
{
    for (int i = 0; comm->tree.piece && i < COMM_TREE_PIECES; i++)
        comm->tree.piece[i].method = NULL;
}

void comm_align(struct comm *comm, int grains)
{
    ASSERT(grains >= 1);
    comm->topology.share_align = grains;
    tree_forget_choices(comm);
}

static bool tree_wanted_applies(const struct comm *comm, int n, size_t count)
{
    return comm->tree.wanted != TREE_AUTO &&
           isfinite(tree_seconds(comm->tree.wanted, &comm->topology, n, count));
}

bool comm_tree_use(struct comm *comm, const char *name)
{
    int i = 0;
    while (comm_tree_names[i] && strcmp(comm_tree_names[i], name) != 0)
        i++;
    comm->tree.wanted = comm_tree_names[i] ? (enum tree_algorithm)i : TREE_AUTO;
    tree_forget_choices(comm);
    if (!tree_wanted_applies(comm, 1, 1))
        comm_know_link(comm);
    return comm_tree_names[i] != NULL;
}

static enum tree_algorithm tree_choose(const struct comm *comm, int n, size_t count)
{
    return tree_wanted_applies(comm, n, count) ? comm->tree.wanted
                                               : tree_fastest(&comm->topology, n, count);
}

const char *comm_tree_choice(const struct comm *comm, int n, size_t count)
{
    return comm->topology.ranks == 1 ? NULL
                                     : comm_tree_names[tree_choose(comm, n, count)];
}

/* An algorithm that cannot be prepared does not apply any more. */
void tree_decide(struct comm *comm, struct tree_piece *piece)
{
    static const struct tree_exchange *const exchange[EXCHANGE_KINDS] = {
        [EXCHANGE_SLICES] = &tree_slices,
        [EXCHANGE_HALVING] = &tree_halving,
        [EXCHANGE_DOUBLING] = &tree_doubling,
    };
    do {
        struct tree_spec spec =
            tree_specs[tree_choose(comm, piece->n, piece->end - piece->begin)];
        piece->method = spec.shared_memory ? &tree_in_shared_memory : &tree_flat;
        piece->group_sum.exchange = exchange[spec.exchange];
    } while (!piece->method->prepare(comm, piece));
}
