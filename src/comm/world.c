#include "comm/world.h"

#include "comm/comm.h"
#include "tree_cost.h"

struct comm_work comm_work_of(const struct topology *world, int n, size_t count)
{
    struct comm_work work = {0};
    if (world->ranks == 1)
        return work;
    enum tree_algorithm chosen = tree_fastest(world, n, count);
    tree_cost(chosen, world, n, count, &work);
    work.name = comm_tree_names[chosen];
    return work;
}
