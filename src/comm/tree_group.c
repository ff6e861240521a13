/* tree_group: the ranks that an exchange is among, and its messages. */
#include <stdlib.h>

#include "base/mem.h"
#include "tree_impl.h"

static void resize(struct tree_group *group, int size)
{
    group->size = size;
    if (size <= group->capacity)
        return;
    group->rank = mem_resize(group->rank, (size_t)size, sizeof *group->rank);
    group->grain = mem_resize(group->grain, (size_t)size + 1, sizeof *group->grain);
    group->capacity = size;
}

int tree_members(const struct comm *comm, bool across)
{
    return across ? comm->nodes : comm->size;
}

int tree_member_grain(const struct comm *comm, bool across, int n, int member)
{
    int begin, end;
    if (member == tree_members(comm, across))
        return n;
    comm_share(comm, n, across ? comm->node_first[member] : member, &begin, &end);
    return begin;
}

void tree_group_make(const struct comm *comm, bool across, int n,
                     struct tree_group *group)
{
    resize(group, tree_members(comm, across));
    group->self = across ? comm->node_index : comm->rank;
    for (int i = 0; i < group->size; i++)
        group->rank[i] = across ? comm->node_first[i] + comm->node_rank : i;
    for (int i = 0; i <= group->size; i++)
        group->grain[i] = tree_member_grain(comm, across, n, i);
}

void tree_group_release(struct tree_group *group)
{
    free(group->rank);
    free(group->grain);
    *group = (struct tree_group){0};
}

int tree_group_parts(const struct tree_group *group, int n, int first, int last)
{
    return tree_cover_count(n, group->grain[first], group->grain[last]);
}

void tree_slice(size_t count, int size, int index, size_t *begin, size_t *end)
{
    const size_t line = MEM_ALIGN / sizeof(float);
    size_t lines = (count + line - 1) / line;
    *begin = lines * (size_t)index / (size_t)size * line;
    *end = lines * (size_t)(index + 1) / (size_t)size * line;
    *begin = *begin < count ? *begin : count;
    *end = *end < count ? *end : count;
}

float *tree_buffer(struct tree_piece *piece, int which, size_t floats)
{
    if (!piece->buffer[which] || floats > piece->capacity[which]) {
        free(piece->buffer[which]);
        piece->buffer[which] = mem_aligned(floats, sizeof(float));
        piece->capacity[which] = floats;
    }
    return piece->buffer[which];
}

/* Messages of a piece between two ranks are matched in their order. */
static MPI_Request *next_request(struct tree_piece *piece)
{
    if (piece->requests == piece->request_capacity) {
        int capacity = piece->request_capacity ? 2 * piece->request_capacity : 32;
        piece->request =
            mem_resize(piece->request, (size_t)capacity, sizeof *piece->request);
        piece->request_capacity = capacity;
    }
    return &piece->request[piece->requests++];
}

/* Over a network what is sent at once is sent eagerly, without asking the receiver, whose
   answer would queue behind what it sends itself. Open MPI's limit for TCP is 64 KiB with
   a header; each such message is copied once, so that long ones ask after all. */
#define EAGER_FLOATS 15360
#define EAGER_MOST   ((size_t)1 << 24)

static size_t most_at_once(const struct comm *comm, size_t count, int rank)
{
    int first = comm->rank - comm->node_rank;
    bool near = rank >= first && rank < first + comm->node_size;
    return near || count > EAGER_MOST ? count : EAGER_FLOATS;
}

void tree_receive(struct comm *comm, struct tree_piece *piece, float *to, size_t count,
                  int member)
{
    int rank = piece->group.rank[member];
    size_t most = most_at_once(comm, count, rank);
    for (size_t at = 0; at < count; at += most) {
        int floats = (int)(count - at < most ? count - at : most);
        MPI_CHECK(MPI_Irecv(to + at, floats, MPI_FLOAT, rank, TAG_TREE + piece->slot,
                            comm->all, next_request(piece)));
    }
}

void tree_send(struct comm *comm, struct tree_piece *piece, const float *from,
               size_t count, int member)
{
    int rank = piece->group.rank[member];
    size_t most = most_at_once(comm, count, rank);
    for (size_t at = 0; at < count; at += most) {
        int floats = (int)(count - at < most ? count - at : most);
        MPI_CHECK(MPI_Isend(from + at, floats, MPI_FLOAT, rank, TAG_TREE + piece->slot,
                            comm->all, next_request(piece)));
    }
}
