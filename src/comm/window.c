#include "window.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "comm_impl.h"

/* Collective over all ranks of `comm`: they all get memory on their nodes, or none does.
   Returns 0 or an errno, the same on all. */
static int window_region(struct comm *comm, size_t bytes, struct region *region)
{
    int error = region_open(region, comm->node, bytes);
    MPI_WAIT(MPI_Allreduce(MPI_IN_PLACE, &error, 1, MPI_INT, MPI_MAX, comm->all));
    if (error)
        region_close(region);
    return error;
}

bool window_open(struct comm *comm, size_t bytes, struct window *window)
{
    *window = (struct window){.ranks = 0};
    if (comm->topology.largest_node < 2 ||
        window_region(comm, bytes, &window->region) != 0)
        return false;
    window->ranks = comm->node_size;
    window->segment = window->region.part;
    window->bytes = bytes;
    return true;
}

void window_close(struct window *window)
{
    if (window->ranks == 0)
        return;
    region_close(&window->region);
    *window = (struct window){.ranks = 0};
}

/* --- one copy for a node --- */

struct comm_shared {
    struct region region;
};

struct comm_shared *comm_shared_create(struct comm *comm, size_t bytes, void **data)
{
    struct region region;
    int error = window_region(comm, comm->node_rank == 0 ? bytes : 0, &region);
    if (error) {
        errno = error;
        return NULL;
    }
    struct comm_shared *shared = mem_zeroed(1, sizeof *shared);
    shared->region = region;
    *data = region.part[0];
    return shared;
}

void comm_shared_sync(struct comm_shared *shared)
{
    atomic_thread_fence(memory_order_seq_cst);
    MPI_WAIT(MPI_Barrier(shared->region.node));
    atomic_thread_fence(memory_order_seq_cst);
}

void comm_shared_free(struct comm_shared *shared)
{
    if (!shared)
        return;
    region_close(&shared->region);
    free(shared);
}
