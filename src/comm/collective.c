/* collective: calls in which all ranks, or two of them, take part. */
#include <string.h>
#include <time.h>

#include "base/wait.h"
#include "comm_impl.h"

#define MESSAGE_BYTES ((size_t)1 << 30) /* of one MPI call: MPI-3 counts are int */
#define NAP_NS        1000000           /* between two looks at an idle barrier */

void comm_wait(MPI_Request *request)
{
    struct wait_turns turns = {0};
    int complete = 0;
    where_wait(true);
    for (;;) {
        MPI_CHECK(MPI_Test(request, &complete, MPI_STATUS_IGNORE));
        if (complete)
            break;
        wait_turn(&turns);
    }
    where_wait(false);
}

/* Starts a call that has a `request` and waits until it is over. The same call without a
   request would spin in MPI as long as the other ranks take. */
#define MPI_FINISH(call)     \
    do {                     \
        MPI_Request request; \
        MPI_CHECK(call);     \
        comm_wait(&request); \
    } while (0)

/* By weight, not by exit code: a rank that stops early must not hide one that failed. */
enum status comm_agree(struct comm *comm, enum status st)
{
    static const enum status by_weight[] = {ST_OK,   ST_PARTIAL, ST_AGAIN,
                                            ST_FAIL, ST_USAGE,   ST_BUG};
    enum { WEIGHTS = sizeof by_weight / sizeof *by_weight };
    int mine = 0, worst;
    if (comm->alone)
        return st;
    while (mine < WEIGHTS - 1 && by_weight[mine] != st)
        mine++;
    MPI_FINISH(MPI_Iallreduce(&mine, &worst, 1, MPI_INT, MPI_MAX, comm->all, &request));
    return by_weight[worst];
}

void comm_barrier(struct comm *comm)
{
    MPI_FINISH(MPI_Ibarrier(comm->all, &request));
}

void comm_barrier_idle(struct comm *comm)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};
    MPI_Request request;
    int complete = 0;
    where_wait(true);
    MPI_CHECK(MPI_Ibarrier(comm->all, &request));
    for (;;) {
        MPI_CHECK(MPI_Test(&request, &complete, MPI_STATUS_IGNORE));
        if (complete)
            break;
        nanosleep(&nap, NULL);
    }
    where_wait(false);
}

void comm_bcast(struct comm *comm, void *data, size_t bytes, int root)
{
    if (comm->alone)
        return;
    for (size_t done = 0; done < bytes; done += MESSAGE_BYTES) {
        size_t n = bytes - done < MESSAGE_BYTES ? bytes - done : MESSAGE_BYTES;
        MPI_FINISH(
            MPI_Ibcast((char *)data + done, (int)n, MPI_BYTE, root, comm->all, &request));
    }
}

void comm_sum_u64(struct comm *comm, uint64_t *values, int count)
{
    if (comm->alone)
        return;
    MPI_FINISH(MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_UINT64_T, MPI_SUM,
                              comm->all, &request));
}

uint64_t comm_node_sum(struct comm *comm, uint64_t value)
{
    if (comm->alone)
        return value;
    MPI_FINISH(MPI_Iallreduce(MPI_IN_PLACE, &value, 1, MPI_UINT64_T, MPI_SUM, comm->node,
                              &request));
    return value;
}

void comm_max_f64(struct comm *comm, double *values, int count)
{
    if (comm->alone)
        return;
    MPI_FINISH(MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_MAX, comm->all,
                              &request));
}

void comm_mpi_sum(struct comm *comm, const float *mine, float *sum, size_t count)
{
    MPI_WAIT(MPI_Allreduce(mine, sum, (int)count, MPI_FLOAT, MPI_SUM, comm->all));
}

void comm_merge(struct comm *comm, void *data, size_t bytes)
{
    ASSERT(bytes % 8 == 0);
    for (size_t done = 0; done < bytes; done += MESSAGE_BYTES) {
        size_t n = bytes - done < MESSAGE_BYTES ? bytes - done : MESSAGE_BYTES;
        MPI_WAIT(MPI_Allreduce(MPI_IN_PLACE, (char *)data + done, (int)(n / 8),
                               MPI_UINT64_T, MPI_BOR, comm->all));
    }
}

void comm_allgather(struct comm *comm, const void *mine, void *all, size_t bytes)
{
    if (comm->alone) {
        memcpy(all, mine, bytes);
        return;
    }
    MPI_FINISH(MPI_Iallgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE,
                              comm->all, &request));
}

static void comm_send_blocks(struct comm *comm, const void *data, size_t bytes, int to,
                             int tag)
{
    for (size_t done = 0; done < bytes; done += MESSAGE_BYTES) {
        size_t n = bytes - done < MESSAGE_BYTES ? bytes - done : MESSAGE_BYTES;
        MPI_FINISH(MPI_Isend((const char *)data + done, (int)n, MPI_BYTE, to, tag,
                             comm->all, &request));
    }
}

static void comm_receive_blocks(struct comm *comm, void *data, size_t bytes, int from,
                                int tag)
{
    for (size_t done = 0; done < bytes; done += MESSAGE_BYTES) {
        size_t n = bytes - done < MESSAGE_BYTES ? bytes - done : MESSAGE_BYTES;
        MPI_FINISH(MPI_Irecv((char *)data + done, (int)n, MPI_BYTE, from, tag, comm->all,
                             &request));
    }
}

void comm_send(struct comm *comm, const void *data, size_t bytes, int to)
{
    comm_send_blocks(comm, data, bytes, to, TAG_SEND);
}

void comm_receive(struct comm *comm, void *data, size_t bytes, int from)
{
    comm_receive_blocks(comm, data, bytes, from, TAG_SEND);
}

void comm_gather(struct comm *comm, const void *mine, size_t my_bytes, void *all,
                 const size_t *bytes)
{
    if (comm->rank != 0) {
        comm_send_blocks(comm, mine, my_bytes, 0, TAG_GATHER);
        return;
    }
    memcpy(all, mine, my_bytes);
    char *to = (char *)all + my_bytes;
    for (int rank = 1; rank < comm->topology.ranks; to += bytes[rank], rank++)
        comm_receive_blocks(comm, to, bytes[rank], rank, TAG_GATHER);
}
