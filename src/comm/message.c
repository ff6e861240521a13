#include "comm/message.h"

#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "comm_impl.h"

struct messages {
    struct comm *comm;
    int slots;
    MPI_Request *request; /* owned: (slots) */
};

struct messages *messages_create(struct comm *comm, int slots)
{
    struct messages *messages = mem_zeroed(1, sizeof *messages);
    messages->comm = comm;
    messages->slots = slots;
    messages->request = mem_zeroed((size_t)slots, sizeof *messages->request);
    for (int i = 0; i < slots; i++)
        messages->request[i] = MPI_REQUEST_NULL;
    return messages;
}

void messages_free(struct messages *messages)
{
    if (!messages)
        return;
    for (int i = 0; i < messages->slots; i++)
        ASSERT(messages->request[i] == MPI_REQUEST_NULL);
    free(messages->request);
    free(messages);
}

static MPI_Request *message_slot(const struct messages *messages, int slot, size_t count,
                                 int kind)
{
    ASSERT(slot >= 0 && slot < messages->slots && kind >= 0 && kind < MESSAGE_KINDS);
    ASSERT(messages->request[slot] == MPI_REQUEST_NULL && count <= INT_MAX);
    return &messages->request[slot];
}

void message_send(struct messages *messages, int slot, const float *from, size_t count,
                  int to, int kind)
{
    MPI_Request *request = message_slot(messages, slot, count, kind);
    MPI_CHECK(MPI_Isend(from, (int)count, MPI_FLOAT, to, TAG_MESSAGE + kind,
                        messages->comm->all, request));
}

void message_receive(struct messages *messages, int slot, float *to, size_t count,
                     int from, int kind)
{
    MPI_Request *request = message_slot(messages, slot, count, kind);
    MPI_CHECK(MPI_Irecv(to, (int)count, MPI_FLOAT, from, TAG_MESSAGE + kind,
                        messages->comm->all, request));
}

void message_wait(struct messages *messages, int slot)
{
    MPI_Request *request = &messages->request[slot];
    if (*request != MPI_REQUEST_NULL)
        comm_wait(request);
}
