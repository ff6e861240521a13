#include "tree_group.h"

#include <stdlib.h>

#include "base/div.h"
#include "base/mem.h"

/* --- members --- */

static void tree_group_resize(struct tree_group *group, int size)
{
    group->size = size;
    if (size <= group->capacity)
        return;
    group->rank = mem_resize(group->rank, (size_t)size, sizeof *group->rank);
    group->grain = mem_resize(group->grain, (size_t)size + 1, sizeof *group->grain);
    group->capacity = size;
}

void tree_group_find(struct tree_group_sum *sum, const struct comm *comm,
                     enum topology_scope scope, int n)
{
    const struct topology *topology = &comm->topology;
    struct tree_group *group = &sum->group;
    bool nodes = scope == SCOPE_NODES;
    tree_group_resize(group, topology_members(topology, scope));
    group->self = nodes ? comm->node_index : comm->rank;
    for (int i = 0; i < group->size; i++)
        group->rank[i] = nodes ? topology->node_first[i] + comm->node_rank : i;
    for (int i = 0; i <= group->size; i++)
        group->grain[i] = topology_member_grain(topology, scope, n, i);
    sum->n = n;
}

void tree_group_sum_release(struct tree_group_sum *sum)
{
    free(sum->group.rank);
    free(sum->group.grain);
    tree_held_release(&sum->held);
    tree_held_release(&sum->folded);
    for (int i = 0; i < GROUP_BUFFERS; i++)
        tree_buffer_release(&sum->buffer[i]);
    free(sum->request);
    *sum = (struct tree_group_sum){0};
}

struct tree_node tree_group_grains(const struct tree_group *group, int first, int last)
{
    return (struct tree_node){group->grain[first], group->grain[last]};
}

void tree_slice(size_t count, int size, int index, size_t *begin, size_t *end)
{
    const size_t line = MEM_ALIGN / sizeof(float);
    size_t lines = div_up_u64(count, line);
    *begin = lines * (size_t)index / (size_t)size * line;
    *end = lines * (size_t)(index + 1) / (size_t)size * line;
    *begin = *begin < count ? *begin : count;
    *end = *end < count ? *end : count;
}

/* --- messages --- */

static MPI_Request *tree_next_request(struct tree_group_sum *sum)
{
    if (sum->requests == sum->request_capacity) {
        int capacity = sum->request_capacity ? 2 * sum->request_capacity : 32;
        sum->request = mem_resize(sum->request, (size_t)capacity, sizeof *sum->request);
        sum->request_capacity = capacity;
    }
    return &sum->request[sum->requests++];
}

/* A message over a network is cut into chunks that Open MPI sends eagerly: without asking
   the receiver, whose answer would queue behind what it sends itself. The limit for TCP
   is 64 KiB with a header. An eager chunk is copied once, so a very long message is not
   cut. */
#define EAGER_FLOATS 15360
#define EAGER_MOST   ((size_t)1 << 24)

static size_t tree_message_floats(const struct comm *comm, size_t count, int rank)
{
    bool near = topology_on_node(&comm->topology, comm->node_index, rank);
    return near || count > EAGER_MOST ? count : EAGER_FLOATS;
}

void tree_receive(struct comm *comm, struct tree_group_sum *sum, float *to, size_t count,
                  int member)
{
    int rank = sum->group.rank[member];
    size_t most = tree_message_floats(comm, count, rank);
    for (size_t at = 0; at < count; at += most) {
        int floats = (int)(count - at < most ? count - at : most);
        MPI_CHECK(MPI_Irecv(to + at, floats, MPI_FLOAT, rank, sum->tag, comm->all,
                            tree_next_request(sum)));
    }
}

void tree_send(struct comm *comm, struct tree_group_sum *sum, const float *from,
               size_t count, int member)
{
    int rank = sum->group.rank[member];
    size_t most = tree_message_floats(comm, count, rank);
    for (size_t at = 0; at < count; at += most) {
        int floats = (int)(count - at < most ? count - at : most);
        MPI_CHECK(MPI_Isend(from + at, floats, MPI_FLOAT, rank, sum->tag, comm->all,
                            tree_next_request(sum)));
    }
}

bool tree_messages_test(struct tree_group_sum *sum)
{
    int arrived = 1;
    if (sum->requests > 0)
        MPI_CHECK(
            MPI_Testall(sum->requests, sum->request, &arrived, MPI_STATUSES_IGNORE));
    if (arrived)
        sum->requests = 0;
    return arrived;
}

void tree_messages_wait(struct tree_group_sum *sum)
{
    MPI_WAIT(MPI_Waitall(sum->requests, sum->request, MPI_STATUSES_IGNORE));
    sum->requests = 0;
}
