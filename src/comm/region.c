#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abort.h"
#include "base/div.h"
#include "base/mem.h"

#ifndef MADV_POPULATE_WRITE /* glibc before 2.35 */
#define MADV_POPULATE_WRITE 23
#endif

#define REGION_STEP ((size_t)64 << 20) /* at once: a signal interrupts no more */

/* Where the node's first rank has made the memory: the others open `path`, which may name
   something else where they are in another container. */
struct region_place {
    char path[64];
    dev_t device;
    ino_t inode;
    int error; /* errno; 0: it was made */
};

/* Memory of the kernel, without a name: no file system limits it, nobody else can fill
   it, and it goes with the last process that uses it. */
static int region_make_nameless(struct region_place *place)
{
    int fd = memfd_create("lockstep", MFD_CLOEXEC);
    snprintf(place->path, sizeof place->path, "/proc/%d/fd/%d", (int)getpid(), fd);
    return fd;
}

static int region_make_file(struct region_place *place)
{
    snprintf(place->path, sizeof place->path, "/dev/shm/lockstep.XXXXXX");
    return mkostemp(place->path, O_CLOEXEC);
}

/* In the order in which they are tried. The second one is for kernels and sandboxes that
   forbid the first, and for ranks in containers that do not see each other's
   processes. */
static const struct region_way {
    int (*make)(struct region_place *place); /* returns a descriptor, or -1 and errno */
    bool named;                              /* the file has to be removed */
} region_ways[] = {{region_make_nameless, false}, {region_make_file, true}};
enum { WAYS = sizeof region_ways / sizeof region_ways[0] };

static int region_make(const struct region_way *way, struct region_place *place)
{
    struct stat made;
    *place = (struct region_place){.error = 0};
    int fd = way->make(place);
    if (fd < 0 || fstat(fd, &made) != 0) {
        place->error = errno;
        return fd;
    }
    place->device = made.st_dev;
    place->inode = made.st_ino;
    return fd;
}

static int region_find(struct region_place *place)
{
    struct stat found;
    int fd = open(place->path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) != 0)
        place->error = errno;
    else if (found.st_dev != place->device || found.st_ino != place->inode)
        place->error = ENXIO;
    return fd;
}

/* Takes the pages [begin, end) from the system, which also makes the file as long: each
   rank those of its part, which then are near its CPUs. */
static int region_reserve(int fd, size_t begin, size_t end)
{
    while (begin < end) {
        size_t n = end - begin < REGION_STEP ? end - begin : REGION_STEP;
        int error = posix_fallocate(fd, (off_t)begin, (off_t)n);
        if (error == 0)
            begin += n;
        else if (error != EINTR)
            return error;
    }
    return 0;
}

/* Maps the pages [begin, end), which exist, at once: one fault for each costs more.
   Kernels before 5.14 cannot: the pages are then mapped when they are used. */
static void region_touch(char *base, size_t begin, size_t end)
{
    for (size_t n; begin < end; begin += n) {
        n = end - begin < REGION_STEP ? end - begin : REGION_STEP;
        while (madvise(base + begin, n, MADV_POPULATE_WRITE) != 0 && errno == EINTR)
            ;
    }
}

static int region_map(int fd, size_t begin, size_t end, size_t bytes, char **base)
{
    int error = region_reserve(fd, begin, end);
    if (error)
        return error;
    *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (*base == MAP_FAILED)
        return errno;
    region_touch(*base, begin, end);
    return 0;
}

/* end[i] is the end of rank i's part. */
static int region_try(const struct region_way *way, MPI_Comm node, int rank, int ranks,
                      const uint64_t *end, char **base)
{
    struct region_place place;
    size_t bytes = end[ranks - 1];
    int fd = rank == 0 ? region_make(way, &place) : -1;
    *base = MAP_FAILED;
    MPI_WAIT(MPI_Bcast(&place, sizeof place, MPI_BYTE, 0, node));
    if (!place.error && rank > 0)
        fd = region_find(&place);
    if (!place.error)
        place.error = region_map(fd, rank ? end[rank - 1] : 0, end[rank], bytes, base);
    int error = place.error;
    MPI_WAIT(MPI_Allreduce(MPI_IN_PLACE, &error, 1, MPI_INT, MPI_MAX, node));
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && rank == 0 && way->named)
        unlink(place.path);
    if (error && *base != MAP_FAILED)
        munmap(*base, bytes);
    return error;
}

int region_open(struct region *region, MPI_Comm node, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint64_t mine = div_round_up(bytes, page);
    int rank, ranks, error = 0;
    char *base;
    MPI_CHECK(MPI_Comm_rank(node, &rank));
    MPI_CHECK(MPI_Comm_size(node, &ranks));
    uint64_t *end = mem_zeroed((size_t)ranks, sizeof *end);
    MPI_WAIT(MPI_Allgather(&mine, 1, MPI_UINT64_T, end, 1, MPI_UINT64_T, node));
    for (int i = 1; i < ranks; i++)
        end[i] += end[i - 1];
    if (end[ranks - 1] == 0) /* no bytes have no address */
        end[ranks - 1] = page;
    *region = (struct region){.bytes = end[ranks - 1], .node = node};
    for (int way = 0; way < WAYS; way++) {
        error = region_try(&region_ways[way], node, rank, ranks, end, &base);
        if (!error)
            break;
    }
    if (!error)
        region->part = mem_zeroed((size_t)ranks, sizeof *region->part);
    for (int i = 0; !error && i < ranks; i++)
        region->part[i] = base + (i ? end[i - 1] : 0);
    free(end);
    return error;
}

void region_close(struct region *region)
{
    if (!region->part)
        return;
    MPI_WAIT(MPI_Barrier(region->node));
    munmap(region->part[0], region->bytes);
    free(region->part);
    *region = (struct region){.bytes = 0};
}
