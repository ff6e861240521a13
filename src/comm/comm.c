#include "comm/comm.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "comm/watch.h"
#include "comm_impl.h"
#include "hello.h"
#include "ranks.h"
#include "tree_impl.h"

#define START_SECONDS 600 /* in which all ranks must have started */

static struct comm world;

static void comm_release(struct comm *comm)
{
    comm_tree_release(comm);
    comm_release_ranks(comm);
}

struct comm *comm_split(struct comm *comm, int group)
{
    struct comm *split = mem_zeroed(1, sizeof *split);
    MPI_WAIT(MPI_Comm_split(comm->all, group, comm->rank, &split->all));
    comm_find_ranks(split);
    split->topology.link = comm->topology.link;
    memcpy(split->host, comm->host, sizeof split->host);
    return split;
}

void comm_split_free(struct comm *split)
{
    if (!split)
        return;
    comm_release(split);
    free(split);
}

/* No launcher that Open MPI understands: by itself it would start a daemon, for processes
   to be spawned later; there are none, and the daemon takes time and may fail. In a shell
   or step of SLURM it may refuse to start at all. And all lone processes of a user would
   share one session folder, and two that start at the same moment can fail to make it:
   one process needs none. */
static void comm_prepare_lone(void)
{
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
    unsetenv("SLURM_STEP_ID");
    unsetenv("SLURM_NODELIST");
}

struct comm *comm_start(int *argc, char ***argv)
{
    int provided;
    if (!getenv("PMIX_NAMESPACE") || !getenv("PMIX_RANK"))
        comm_prepare_lone();
    /* Open MPI's own waits, as in MPI_Init, offer the CPU to others. */
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
    comm_deadline_set(START_SECONDS, "lockstep: the other ranks have not started; this "
                                     "rank ends\n");
    MPI_CHECK(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided));
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    comm_hello(MPI_COMM_WORLD);
    world.all = comm_order_ranks(MPI_COMM_WORLD);
    comm_find_ranks(&world);
    comm_name_host(&world);
    comm_abort_name(world.rank, world.host);
    log_init(world.rank, world.host);
    status_set_abort_hook(comm_abort_job);
    comm_deadline_clear();
    return &world;
}

struct comm *comm_start_alone(void)
{
    world = (struct comm){
        .alone = true, .all = MPI_COMM_NULL, .node = MPI_COMM_NULL, .node_size = 1};
    topology_init_even(&world.topology, 1, 1);
    gethostname(world.host, sizeof world.host - 1);
    log_init(0, world.host);
    return &world;
}

void comm_finish(struct comm *comm)
{
    if (comm->alone) {
        topology_release(&comm->topology);
        return;
    }
    comm_watch_stop(comm->watch);
    status_set_abort_hook(NULL);
    comm_release(comm);
    MPI_Finalize();
}

int comm_rank(const struct comm *comm)
{
    return comm->rank;
}

int comm_size(const struct comm *comm)
{
    return comm->topology.ranks;
}

int comm_node_rank(const struct comm *comm)
{
    return comm->node_rank;
}

int comm_node_size(const struct comm *comm)
{
    return comm->node_size;
}

int comm_far_rank(const struct comm *comm)
{
    return comm->topology.nodes > 1 ? comm->topology.node_first[1] : 0;
}

void comm_share(const struct comm *comm, int n, int rank, int *begin, int *end)
{
    topology_share(&comm->topology, n, rank, begin, end);
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
