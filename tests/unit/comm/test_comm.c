/*
 * Collectives, on any number of ranks.
 *   test_comm --bug    the last rank finds a bug: the whole job must end
 */
#include "ranks.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

static bool no_nameless_memory; /* kernels and sandboxes may lack it */
static bool no_room;            /* as if others had filled it */

/* Replace libc's. */
int memfd_create(const char *name, unsigned int flags)
{
    if (!no_nameless_memory)
        return (int)syscall(SYS_memfd_create, name, flags);
    errno = ENOSYS;
    return -1;
}

int posix_fallocate(int fd, off_t offset, off_t bytes)
{
    static int calls;
    if (calls++ % 2 == 0)
        return EINTR;
    if (no_room)
        return ENOSPC;
    return syscall(SYS_fallocate, fd, 0, offset, bytes) == 0 ? 0 : errno;
}

static void test_identity(void **state)
{
    (void)state;
    char *expected = getenv("EXPECTED_RANKS");
    ALL(rank >= 0 && rank < size);
    ALL(!expected || atoi(expected) == size);
    ALL(comm_node_rank(comm) >= 0 && comm_node_rank(comm) < comm_node_size(comm));
    ALL(comm_node_size(comm) <= size);
    ALL(*comm_host(comm) && !strchr(comm_host(comm), '.'));
    ALL(*comm_version() && !strchr(comm_version(), '\n'));
}

/* Each rank in turn has trouble; all get the worst status. */
static void test_agree(void **state)
{
    (void)state;
    ALL(comm_agree(comm, ST_OK) == ST_OK);
    for (int i = 0; i < size; i++)
        ALL(comm_agree(comm, rank == i ? ST_FAIL : ST_OK) == ST_FAIL);
    const enum status failure[] = {ST_FAIL, ST_USAGE, ST_BUG};
    for (int i = 0; i < 3; i++) { /* not hidden by ranks that stop early */
        enum status st = rank == size - 1 ? failure[i] : ST_AGAIN;
        ALL(comm_agree(comm, st) == failure[i]);
    }
    enum status worst = comm_agree(comm, rank == size - 1 ? ST_AGAIN : ST_OK);
    ALL(worst == ST_AGAIN);
}

static void test_bcast(void **state)
{
    (void)state;
    for (int root = 0; root < size; root++) {
        unsigned char data[1001];
        memset(data, rank, sizeof data);
        comm_bcast(comm, data, 1000, root);
        bool good = data[1000] == rank;
        for (int i = 0; i < 1000; i++)
            good = good && data[i] == root;
        ALL(good);
        comm_bcast(comm, data, 0, root);
    }
    comm_barrier(comm);
}

static void test_sum_and_max(void **state)
{
    (void)state;
    const uint64_t large = 1ull << 53; /* a double cannot hold one more */
    uint64_t n[3] = {(uint64_t)rank, large + 1, rank == 0};
    comm_sum_u64(comm, n, 3);
    ALL(n[0] == (uint64_t)(size * (size - 1) / 2));
    ALL(n[1] == (uint64_t)size * (large + 1) && n[2] == 1);
    double x[2] = {-1.0 - rank, rank};
    comm_max_f64(comm, x, 2);
    ALL(x[0] == -1.0 && x[1] == size - 1);
}

/* The bits of floats survive, with signs and infinities. */
static void test_merge(void **state)
{
    (void)state;
    enum { N = 50 };
    float merged[N] = {0}, whole[N];
    for (int i = 0; i < N; i++) {
        whole[i] = i % 7 == 0 ? -1.0f / 0.0f : (float)(i - 20) * 1.7e-30f;
        if (i % size == rank)
            merged[i] = whole[i];
    }
    comm_merge(comm, merged, sizeof merged);
    ALL(memcmp(merged, whole, sizeof whole) == 0);
    comm_merge(comm, merged, 0);
}

static void test_allgather(void **state)
{
    (void)state;
    int mine[2] = {rank, rank * rank};
    int *all = mem_zeroed((size_t)size, sizeof mine);
    comm_allgather(comm, mine, all, sizeof mine);
    bool good = true;
    for (int i = 0; i < size; i++)
        good = good && all[2 * i] == i && all[2 * i + 1] == i * i;
    free(all);
    ALL(good);
}

/* Rank r sends 100 r bytes, every third rank nothing. */
static size_t gather_bytes(int r)
{
    return r % 3 == 2 ? 0 : 100 * (size_t)r + (r == 0 ? 7 : 0);
}

static void test_gather(void **state)
{
    (void)state;
    size_t *bytes = mem_zeroed((size_t)size, sizeof *bytes), total = 0;
    for (int i = 0; i < size; i++)
        total += bytes[i] = gather_bytes(i);
    unsigned char *mine = mem_zeroed(gather_bytes(rank), 1);
    unsigned char *all = rank == 0 ? mem_zeroed(total, 1) : NULL;
    memset(mine, rank + 1, gather_bytes(rank));
    comm_gather(comm, mine, gather_bytes(rank), all, rank == 0 ? bytes : NULL);
    bool good = true;
    for (size_t i = 0, at = 0; rank == 0 && i < (size_t)size; at += bytes[i], i++)
        for (size_t j = 0; j < bytes[i]; j++)
            good = good && all[at + j] == i + 1;
    free(mine);
    free(all);
    free(bytes);
    ALL(good);
}

static bool shared_works(void)
{
    enum { N = 1000 };
    void *data;
    struct comm_shared *shared = comm_shared_create(comm, N * sizeof(int), &data);
    if (!shared)
        return false;
    volatile int *number = data;
    bool good = (uintptr_t)data % MEM_ALIGN == 0;
    for (int i = 0; i < N; i++)
        good = good && number[i] == 0;
    comm_shared_sync(shared);
    for (int i = 0; comm_node_rank(comm) == 0 && i < N; i++)
        number[i] = i * i;
    comm_shared_sync(shared);
    for (int i = 0; i < N; i++)
        good = good && number[i] == i * i;
    comm_shared_sync(shared);
    number[comm_node_rank(comm)] = -1 - comm_node_rank(comm); /* all may write */
    comm_shared_sync(shared);
    for (int i = 0; i < comm_node_size(comm); i++)
        good = good && number[i] == -1 - i;
    comm_shared_free(shared);
    return good;
}

static void test_shared(void **state)
{
    (void)state;
    void *data = NULL;
    ALL(shared_works());
    struct comm_shared *shared = comm_shared_create(comm, 0, &data);
    ALL(shared && data);
    comm_shared_free(shared);
    comm_shared_free(NULL);
}

static void test_shared_in_a_file(void **state)
{
    (void)state;
    no_nameless_memory = true;
    ALL(shared_works());
    no_nameless_memory = rank == 0;
    ALL(shared_works());
    no_nameless_memory = false;
}

/* The sums over ranks then use messages. */
static void test_no_room_to_share(void **state)
{
    (void)state;
    void *data;
    float mine[] = {1, 2}, sum[2];
    for (int who = 0; who < size; who++) {
        no_room = rank == who;
        struct comm_shared *shared = comm_shared_create(comm, (size_t)100 << 20, &data);
        int error = errno;
        ALL(who > 0 || (!shared && error == ENOSPC));
        comm_shared_free(shared);
        no_room = rank == who;
        float *vectors = comm_vectors(comm, 2);
        memcpy(vectors, mine, sizeof mine);
        comm_tree_start(comm, size, (float *[]){vectors}, sum, 0, 2);
        comm_tree_wait(comm);
        ALL(sum[0] == (float)size && sum[1] == 2 * (float)size);
        no_room = false;
    }
    ALL(shared_works());
}

static void find_a_bug(void)
{
    ASSERT(rank < size - 1);
    for (;;) /* without the abort hook the other ranks would wait for ever */
        comm_barrier(comm);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_agree),
        cmocka_unit_test(test_bcast),
        cmocka_unit_test(test_sum_and_max),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_allgather),
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_shared_in_a_file),
        cmocka_unit_test(test_no_room_to_share),
    };
    ranks_start(&argc, &argv);
    if (argc > 1 && strcmp(argv[1], "--bug") == 0)
        find_a_bug();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_finish(comm);
    return failed;
}
