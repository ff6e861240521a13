#include "window.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "comm_impl.h"

/* Where Open MPI puts windows. Those who touch more than there is are killed, so half of
   it is left free for others. */
#define SHARED_MEMORY "/dev/shm"

/* A folder that is not there leaves it to MPI, which takes another. */
static bool room_for(double bytes)
{
    struct statvfs shm;
    return statvfs(SHARED_MEMORY, &shm) != 0 ||
           (double)shm.f_bavail * (double)shm.f_frsize > 2 * bytes;
}

/* Windows lie in whole pages everywhere, so all ranks find the same place. */
static void *aligned(void *segment)
{
    uintptr_t odd = (uintptr_t)segment % MEM_ALIGN;
    return odd ? (char *)segment + (MEM_ALIGN - odd) : segment;
}

bool window_open(struct comm *comm, size_t bytes, struct window *window)
{
    *window = (struct window){.ranks = 0};
    bool room = comm->node_most > 1;
    int parts = comm->node_parts > 1 ? comm->node_parts : 1; /* may all ask just now */
    if (room && comm->node_rank == 0)
        room = room_for((double)bytes * comm->node_size * parts);
    if (comm_agree(comm, room ? ST_OK : ST_FAIL) != ST_OK)
        return false;
    MPI_Info info;
    MPI_Aint size;
    void *mine;
    int unit;
    MPI_CHECK(MPI_Info_create(&info));
    /* each segment in pages of its own, on its rank's side of the machine */
    MPI_CHECK(MPI_Info_set(info, "alloc_shared_noncontig", "true"));
    MPI_WAIT(MPI_Win_allocate_shared((MPI_Aint)(bytes + MEM_ALIGN), 1, info, comm->node,
                                     &mine, &window->window));
    MPI_CHECK(MPI_Info_free(&info));
    window->ranks = comm->node_size;
    window->bytes = bytes;
    window->segment = mem_zeroed((size_t)comm->node_size, sizeof *window->segment);
    for (int i = 0; i < comm->node_size; i++) {
        MPI_CHECK(MPI_Win_shared_query(window->window, i, &size, &unit, &mine));
        window->segment[i] = aligned(mine);
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
