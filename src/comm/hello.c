#include "hello.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "abort.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"

#define HELLO_SECONDS 10      /* until it is said who is missing */
#define HELLO_HURRY   0.01    /* seconds without naps */
#define HELLO_NAP_NS  1000000 /* between two looks */
#define HELLO_NAMED   16      /* ranks that are named, at most */
enum { HELLO_TAG = 1 };

struct hello {
    int rank, others; /* others: ranks to be heard */
    bool *heard;      /* (others); rank 0 hears rank i + 1 as the i-th */
    char host[64];
};

static void hello_say_missing(const struct hello *hello)
{
    char *text = mem_format("%d s after the start, rank 0 on %s waits for ranks",
                            HELLO_SECONDS, hello->host);
    int named = 0;
    for (int i = 0; i < hello->others; i++)
        if (!hello->heard[i] && named++ < HELLO_NAMED)
            mem_append(&text, " %d", i + 1);
    mem_append(&text,
               "%s: the network that Open MPI has chosen does not lead to their hosts; "
               "use scripts/launch.sh, or --mca btl_tcp_if_include NETWORK",
               named > HELLO_NAMED ? " ..." : "");
    log_urgent("note: ", text);
    free(text);
}

/* One rank of each host is enough. */
static void hello_say_waiting(const struct hello *hello)
{
    const char *local = getenv("OMPI_COMM_WORLD_LOCAL_RANK");
    if (local && strcmp(local, "0") != 0)
        return;
    char *text = mem_format("rank %d on %s waits, too", hello->rank, hello->host);
    log_urgent("note: ", text);
    free(text);
}

/* Waits until all requests are complete; the first ones are those of hello->heard. */
static void hello_wait(struct hello *hello, MPI_Request *request, int count)
{
    const struct timespec nap = {.tv_nsec = HELLO_NAP_NS};
    double begin = timer_now(), late = begin + HELLO_SECONDS;
    for (int left = count; left > 0;) {
        left = 0;
        for (int i = 0; i < count; i++) {
            int complete = 0;
            MPI_CHECK(MPI_Test(&request[i], &complete, MPI_STATUS_IGNORE));
            left += !complete;
            if (i < hello->others)
                hello->heard[i] = complete;
        }
        if (left > 0 && timer_now() > begin + HELLO_HURRY)
            nanosleep(&nap, NULL);
        if (left > 0 && timer_now() > late) {
            late = INFINITY;
            if (hello->rank == 0)
                hello_say_missing(hello);
            else
                hello_say_waiting(hello);
        }
    }
}

void comm_hello(MPI_Comm ranks)
{
    struct hello hello = {.rank = 0};
    int size, count = 0;
    char word = 0;
    MPI_CHECK(MPI_Comm_rank(ranks, &hello.rank));
    MPI_CHECK(MPI_Comm_size(ranks, &size));
    gethostname(hello.host, sizeof hello.host - 1);
    hello.others = hello.rank == 0 ? size - 1 : 1;
    hello.heard = mem_zeroed((size_t)size, sizeof *hello.heard);
    char *words = mem_zeroed((size_t)size, 1);
    MPI_Request *request = mem_zeroed((size_t)size + 1, sizeof(MPI_Request));
    for (; count < hello.others; count++)
        MPI_CHECK(MPI_Irecv(&words[count], 1, MPI_BYTE, hello.rank == 0 ? count + 1 : 0,
                            HELLO_TAG, ranks, &request[count]));
    if (hello.rank != 0)
        MPI_CHECK(MPI_Isend(&word, 1, MPI_BYTE, 0, HELLO_TAG, ranks, &request[count++]));
    hello_wait(&hello, request, count);
    for (int i = 1; hello.rank == 0 && i < size; i++)
        MPI_CHECK(MPI_Send(&word, 1, MPI_BYTE, i, HELLO_TAG, ranks));
    free(hello.heard);
    free(words);
    free(request);
}
