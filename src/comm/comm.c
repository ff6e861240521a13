#include "comm/comm.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "comm/watch.h"
#include "comm_impl.h"

#define BCAST_BLOCK   ((size_t)1 << 30) /* MPI-3 counts are int */
#define START_SECONDS 600               /* in which all ranks must have started */

static struct comm world;

static void abort_job(int code)
{
    comm_end_surely((enum status)code);
    MPI_Abort(MPI_COMM_WORLD, code);
}

void comm_check(int code, const char *what)
{
    if (code == MPI_SUCCESS)
        return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;
    MPI_Error_string(code, text, &length);
    fprintf(stderr, "[rank %d %s] %s failed: %s\n", world.rank, world.host, what, text);
    abort_job(ST_FAIL);
    abort();
}

static void release_ranks(struct comm *comm)
{
    comm_tree_release(comm);
    window_close(&comm->vectors);
    free(comm->private_vectors);
    free(comm->node_first);
    MPI_CHECK(MPI_Comm_free(&comm->node));
    MPI_CHECK(MPI_Comm_free(&comm->all));
}

struct comm *comm_split(struct comm *comm, int group)
{
    struct comm *part = mem_zeroed(1, sizeof *part);
    part->link = comm->link;
    MPI_WAIT(MPI_Comm_split(comm->all, group, comm->rank, &part->all));
    comm_find_ranks(part);
    part->node_parts = (int)comm_node_sum(comm, part->node_rank == 0);
    memcpy(part->host, comm->host, sizeof part->host);
    return part;
}

void comm_split_free(struct comm *part)
{
    if (!part)
        return;
    release_ranks(part);
    free(part);
}

struct comm *comm_start(int *argc, char ***argv)
{
    int provided;
    /* Alone, without mpirun, Open MPI would start a daemon for processes to be spawned
       later: there are none, and it takes time and may fail. In a step of srun's that has
       no PMI it would refuse to start at all. */
    if (!getenv("PMIX_RANK"))
        setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    if (!getenv("PMIX_RANK") && !getenv("PMI_RANK")) {
        unsetenv("SLURM_STEP_ID");
        /* All lone processes of a user would share one session folder, and two that start
           at the same moment can fail to make it. One process needs none. */
        setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
    }
    comm_end_within(START_SECONDS,
                    "lockstep: other ranks have not started; this one ends\n");
    MPI_CHECK(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided));
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    world.all = comm_node_by_node(MPI_COMM_WORLD);
    comm_find_ranks(&world);
    gethostname(world.host, sizeof world.host - 1);
    world.host[strcspn(world.host, ".")] = '\0';
    log_init(world.rank, world.host);
    status_set_abort_hook(abort_job);
    comm_go_on();
    return &world;
}

void comm_finish(struct comm *comm)
{
    comm_watch_stop(comm->watch);
    status_set_abort_hook(NULL);
    release_ranks(comm);
    MPI_Finalize();
}

int comm_rank(const struct comm *comm)
{
    return comm->rank;
}

int comm_size(const struct comm *comm)
{
    return comm->size;
}

int comm_node_rank(const struct comm *comm)
{
    return comm->node_rank;
}

int comm_node_size(const struct comm *comm)
{
    return comm->node_size;
}

const char *comm_host(const struct comm *comm)
{
    return comm->host;
}

const char *comm_version(void)
{
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_CHECK(MPI_Get_library_version(text, &length));
    if (strncmp(text, "Open MPI v", 10) == 0)
        memmove(text + 9, text + 10, strlen(text + 10) + 1);
    text[strcspn(text, ",\n")] = '\0';
    return text;
}

/* By weight, not by exit code: who fails is not to be hidden by who only stops early. */
enum status comm_agree(struct comm *comm, enum status st)
{
    enum { WEIGHTS = 5 };
    static const enum status by_weight[WEIGHTS] = {ST_OK, ST_AGAIN, ST_FAIL, ST_USAGE,
                                                   ST_BUG};
    int mine = 0, worst;
    while (mine < WEIGHTS - 1 && by_weight[mine] != st)
        mine++;
    MPI_WAIT(MPI_Allreduce(&mine, &worst, 1, MPI_INT, MPI_MAX, comm->all));
    return by_weight[worst];
}

void comm_barrier(struct comm *comm)
{
    MPI_WAIT(MPI_Barrier(comm->all));
}

void comm_rest(struct comm *comm)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    MPI_Request request;
    int here = 0;
    where_wait(true);
    MPI_CHECK(MPI_Ibarrier(comm->all, &request));
    for (;;) {
        MPI_CHECK(MPI_Test(&request, &here, MPI_STATUS_IGNORE));
        if (here)
            break;
        nanosleep(&moment, NULL);
    }
    where_wait(false);
}

void comm_bcast(struct comm *comm, void *data, size_t bytes, int root)
{
    for (size_t done = 0; done < bytes; done += BCAST_BLOCK) {
        size_t n = bytes - done < BCAST_BLOCK ? bytes - done : BCAST_BLOCK;
        MPI_WAIT(MPI_Bcast((char *)data + done, (int)n, MPI_BYTE, root, comm->all));
    }
}

void comm_sum_u64(struct comm *comm, uint64_t *values, int count)
{
    MPI_WAIT(
        MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_UINT64_T, MPI_SUM, comm->all));
}

uint64_t comm_node_sum(struct comm *comm, uint64_t value)
{
    MPI_WAIT(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_UINT64_T, MPI_SUM, comm->node));
    return value;
}

void comm_max_f64(struct comm *comm, double *values, int count)
{
    MPI_WAIT(MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_MAX, comm->all));
}

void comm_mpi_sum(struct comm *comm, const float *mine, float *sum, size_t count)
{
    MPI_WAIT(MPI_Allreduce(mine, sum, (int)count, MPI_FLOAT, MPI_SUM, comm->all));
}

void comm_merge(struct comm *comm, void *data, size_t bytes)
{
    ASSERT(bytes % 8 == 0);
    for (size_t done = 0; done < bytes; done += BCAST_BLOCK) {
        size_t n = bytes - done < BCAST_BLOCK ? bytes - done : BCAST_BLOCK;
        MPI_WAIT(MPI_Allreduce(MPI_IN_PLACE, (char *)data + done, (int)(n / 8),
                               MPI_UINT64_T, MPI_BOR, comm->all));
    }
}

void comm_allgather(struct comm *comm, const void *mine, void *all, size_t bytes)
{
    MPI_WAIT(
        MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, comm->all));
}

static void send_blocks(struct comm *comm, const void *data, size_t bytes, int to,
                        int tag)
{
    for (size_t done = 0; done < bytes; done += BCAST_BLOCK) {
        size_t n = bytes - done < BCAST_BLOCK ? bytes - done : BCAST_BLOCK;
        MPI_WAIT(
            MPI_Send((const char *)data + done, (int)n, MPI_BYTE, to, tag, comm->all));
    }
}

static void receive_blocks(struct comm *comm, void *data, size_t bytes, int from, int tag)
{
    for (size_t done = 0; done < bytes; done += BCAST_BLOCK) {
        size_t n = bytes - done < BCAST_BLOCK ? bytes - done : BCAST_BLOCK;
        MPI_WAIT(MPI_Recv((char *)data + done, (int)n, MPI_BYTE, from, tag, comm->all,
                          MPI_STATUS_IGNORE));
    }
}

void comm_send(struct comm *comm, const void *data, size_t bytes, int to)
{
    send_blocks(comm, data, bytes, to, TAG_SEND);
}

void comm_receive(struct comm *comm, void *data, size_t bytes, int from)
{
    receive_blocks(comm, data, bytes, from, TAG_SEND);
}

void comm_gather(struct comm *comm, const void *mine, size_t my_bytes, void *all,
                 const size_t *bytes)
{
    if (comm->rank != 0) {
        send_blocks(comm, mine, my_bytes, 0, TAG_GATHER);
        return;
    }
    memcpy(all, mine, my_bytes);
    char *to = (char *)all + my_bytes;
    for (int rank = 1; rank < comm->size; to += bytes[rank], rank++)
        receive_blocks(comm, to, bytes[rank], rank, TAG_GATHER);
}

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
    int unit;
    MPI_WAIT(MPI_Win_allocate_shared(size, 1, MPI_INFO_NULL, comm->node, &mine,
                                     &shared->window));
    MPI_CHECK(MPI_Win_shared_query(shared->window, 0, &size, &unit, data));
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
