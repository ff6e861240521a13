/* tree_choice: the algorithms that there are, and which one sums a piece. */
#include <math.h>
#include <string.h>

#include "tree_impl.h"

/* --- by messages alone, among all ranks --- */

static bool flat_work(const struct tree_algorithm *algorithm, const struct comm *comm,
                      int n, size_t count, struct comm_work *work)
{
    *work = algorithm->exchange->work(comm, false, n, count);
    return true;
}

static void flat_start(struct comm *comm, struct tree_piece *piece)
{
    tree_group_make(comm, false, piece->n, &piece->group);
    piece->algorithm->exchange->begin(comm, piece);
}

static bool flat_next(struct comm *comm, struct tree_piece *piece)
{
    piece->done = !piece->algorithm->exchange->next(comm, piece);
    return true;
}

#define FLAT(algorithm_exchange)                                                  \
    {                                                                             \
        .exchange = (algorithm_exchange), .work = flat_work, .start = flat_start, \
        .next = flat_next,                                                        \
    }

static const struct tree_algorithm flat_slices = FLAT(&tree_slices),
                                   flat_halving = FLAT(&tree_halving),
                                   flat_doubling = FLAT(&tree_doubling);

/* --- all of them --- */

const char *const comm_tree_names[] = {"auto",           "shared",          "levels",
                                       "levels-halving", "levels-doubling", "slices",
                                       "halving",        "doubling",        NULL};
/* in the same order */
static const struct tree_algorithm *const algorithms[] = {NULL,
                                                          &tree_shared,
                                                          &tree_levels,
                                                          &tree_levels_halving,
                                                          &tree_levels_doubling,
                                                          &flat_slices,
                                                          &flat_halving,
                                                          &flat_doubling,
                                                          NULL};

void comm_tree_forget(struct comm *comm)
{
    for (int i = 0; comm->tree.piece && i < COMM_TREE_PIECES; i++)
        comm->tree.piece[i].algorithm = NULL;
}

static bool applies(const struct comm *comm, int n, size_t count)
{
    const struct tree_algorithm *wanted = comm->tree.wanted;
    return wanted && isfinite(tree_seconds(wanted, comm, n, count));
}

bool comm_tree_use(struct comm *comm, const char *name)
{
    int i = 0;
    while (comm_tree_names[i] && strcmp(comm_tree_names[i], name) != 0)
        i++;
    comm->tree.wanted = algorithms[i];
    comm_tree_forget(comm);
    if (!applies(comm, 1, 1))
        comm_know_link(comm);
    return comm_tree_names[i];
}

const char *tree_name(const struct tree_algorithm *algorithm)
{
    int i = 1;
    while (algorithms[i] != algorithm)
        i++;
    return comm_tree_names[i];
}

const struct tree_algorithm *tree_fastest(const struct comm *comm, int n, size_t count)
{
    const struct tree_algorithm *best = NULL;
    double least = INFINITY;
    for (int i = 1; algorithms[i]; i++) {
        double seconds = tree_seconds(algorithms[i], comm, n, count);
        if (seconds < least) {
            least = seconds;
            best = algorithms[i];
        }
    }
    return best;
}

static const struct tree_algorithm *choose(const struct comm *comm, int n, size_t count)
{
    return applies(comm, n, count) ? comm->tree.wanted : tree_fastest(comm, n, count);
}

const char *comm_tree_choice(const struct comm *comm, int n, size_t count)
{
    return comm->size == 1 ? NULL : tree_name(choose(comm, n, count));
}

/* One that cannot be prepared does not apply any more. */
void tree_decide(struct comm *comm, struct tree_piece *piece)
{
    do {
        piece->algorithm = choose(comm, piece->n, piece->count);
    } while (piece->algorithm->prepare && !piece->algorithm->prepare(comm, piece));
}
