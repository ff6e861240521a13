#include "window.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "comm_impl.h"

/* Where Open MPI puts windows. A process is killed if it writes to a page for which the
   folder has no room, so a window takes at most half of what is free. */
#define WINDOW_FOLDER "/dev/shm"

/* If there is no such folder, MPI uses another one, of which nothing is known here. */
static bool window_has_room(double bytes)
{
    struct statvfs shm;
    return statvfs(WINDOW_FOLDER, &shm) != 0 ||
           (double)shm.f_bavail * (double)shm.f_frsize > 2 * bytes;
}

/* Windows are mapped by pages, so all ranks find the same place. */
static void *window_aligned(void *segment)
{
    uintptr_t odd = (uintptr_t)segment % MEM_ALIGN;
    return odd ? (char *)segment + (MEM_ALIGN - odd) : segment;
}

bool window_open(struct comm *comm, size_t bytes, struct window *window)
{
    *window = (struct window){.ranks = 0};
    bool room = comm->topology.largest_node > 1;
    /* all splits of the node may ask at the same time */
    int splits = comm->splits_on_node > 1 ? comm->splits_on_node : 1;
    if (room && comm->node_rank == 0)
        room = window_has_room((double)bytes * comm->node_size * splits);
    if (comm_agree(comm, room ? ST_OK : ST_FAIL) != ST_OK)
        return false;
    MPI_Info info;
    MPI_Aint size;
    void *mine;
    int displacement_unit;
    MPI_CHECK(MPI_Info_create(&info));
    /* each segment in pages of its own, on the NUMA node of its rank */
    MPI_CHECK(MPI_Info_set(info, "alloc_shared_noncontig", "true"));
    MPI_WAIT(MPI_Win_allocate_shared((MPI_Aint)(bytes + MEM_ALIGN), 1, info, comm->node,
                                     &mine, &window->window));
    MPI_CHECK(MPI_Info_free(&info));
    window->ranks = comm->node_size;
    window->bytes = bytes;
    window->segment = mem_zeroed((size_t)comm->node_size, sizeof *window->segment);
    for (int i = 0; i < comm->node_size; i++) {
        MPI_CHECK(
            MPI_Win_shared_query(window->window, i, &size, &displacement_unit, &mine));
        window->segment[i] = window_aligned(mine);
    }
    memset(window->segment[comm->node_rank], 0, bytes);
    MPI_WAIT(MPI_Barrier(comm->node));
    return true;
}

void window_close(struct window *window)
{
    if (window->ranks == 0)
        return;
    MPI_WAIT(MPI_Win_free(&window->window));
    free(window->segment);
    *window = (struct window){.ranks = 0};
}

/* --- one copy for a node --- */

struct comm_shared {
    MPI_Win window;
    MPI_Comm node;
};

struct comm_shared *comm_shared_create(struct comm *comm, size_t bytes, void **data)
{
    struct comm_shared *shared = mem_zeroed(1, sizeof *shared);
    shared->node = comm->node;
    void *mine;
    MPI_Aint size = comm->node_rank == 0 ? (MPI_Aint)(bytes ? bytes : 1) : 0;
    int displacement_unit;
    MPI_WAIT(MPI_Win_allocate_shared(size, 1, MPI_INFO_NULL, comm->node, &mine,
                                     &shared->window));
    MPI_CHECK(MPI_Win_shared_query(shared->window, 0, &size, &displacement_unit, data));
    MPI_CHECK(MPI_Win_lock_all(MPI_MODE_NOCHECK, shared->window));
    return shared;
}

void comm_shared_sync(struct comm_shared *shared)
{
    MPI_CHECK(MPI_Win_sync(shared->window));
    MPI_WAIT(MPI_Barrier(shared->node));
    MPI_CHECK(MPI_Win_sync(shared->window));
}

void comm_shared_free(struct comm_shared *shared)
{
    if (!shared)
        return;
    MPI_CHECK(MPI_Win_unlock_all(shared->window));
    MPI_WAIT(MPI_Win_free(&shared->window));
    free(shared);
}
