/*
 * comm: the processes of a run. Only home of <mpi.h>.
 *
 * Every function is collective over all ranks unless it says otherwise, and is called
 * from the main thread only. A failed MPI call is printed and ends the job: nothing here
 * returns an MPI error. Without mpirun there is one rank.
 */
#ifndef LOCKSTEP_COMM_COMM_H
#define LOCKSTEP_COMM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "comm/topology.h"

struct comm;

/* The run's communicator (all ranks); owned by comm, valid until comm_finish. Installs
   the abort hook. Call once. */
struct comm *comm_start(int *argc, char ***argv);
void comm_finish(struct comm *comm);

/* The ranks that name the same `group` (>= 0), in their order: a communicator of their
   own, for everything below. Nodes are found anew; the watch stays the run's. What is
   known of the network is known to it, too: parts that measure it at once would disturb
   each other, so let comm_tree_use do it before. Owned by the caller, freed before
   comm_finish. */
struct comm *comm_split(struct comm *comm, int group);
void comm_split_free(struct comm *part); /* NULL is fine */

/* Not collective. Ranks are numbered node by node, whatever numbers MPI gave them. */
int comm_rank(const struct comm *comm);
int comm_size(const struct comm *comm);
int comm_node_rank(const struct comm *comm); /* rank among those that share memory */
int comm_node_size(const struct comm *comm);
/* The first rank on another node than rank 0's; 0: there is none. */
int comm_far_rank(const struct comm *comm);
const char *comm_host(const struct comm *comm);
const char *comm_version(void); /* "Open MPI 4.1.4" */

/* The worst status of all ranks (any failure is worse than ST_AGAIN): rank-local trouble
   becomes everyone's trouble before the next collective. */
enum status comm_agree(struct comm *comm, enum status st) MUST_CHECK;

void comm_barrier(struct comm *comm);
/* For long waits: sleeps between two looks, so that others can use the CPU. */
void comm_barrier_idle(struct comm *comm);
void comm_bcast(struct comm *comm, void *data, size_t bytes, int root);

/* Elementwise over ranks, in place, result on every rank. Integer sums and maxima only:
   sums of reals go through the tree: here their order would depend on the rank count. */
void comm_sum_u64(struct comm *comm, uint64_t *values, int count);
void comm_max_f64(struct comm *comm, double *values, int count);
/* Over the ranks that share memory with this one. */
uint64_t comm_node_sum(struct comm *comm, uint64_t value);
/* Elementwise bitwise or: with zeros everywhere else this merges arrays that ranks filled
   in part, whatever their type. bytes must be a multiple of 8. */
void comm_merge(struct comm *comm, void *data, size_t bytes);

/* Equal-sized blocks from every rank, in rank order, on every rank: all has
   size * bytes bytes. */
void comm_allgather(struct comm *comm, const void *mine, void *all, size_t bytes);

/* Blocks of different sizes to rank 0, in rank order: bytes[size] is known on rank 0
   only; all is used on rank 0 only. */
void comm_gather(struct comm *comm, const void *mine, size_t my_bytes, void *all,
                 const size_t *bytes);

/* Between two ranks, in order: returns when it has arrived, or may be overwritten. Not
   collective. */
void comm_send(struct comm *comm, const void *data, size_t bytes, int to);
void comm_receive(struct comm *comm, void *data, size_t bytes, int from);

/* Memory shared by the ranks of one node (MPI-3 shared window): one copy, allocated on
   the node's rank 0; *data is valid on every rank, readable and writable. Writers call
   comm_shared_sync (collective over the node) before others read. */
struct comm_shared;
struct comm_shared *comm_shared_create(struct comm *comm, size_t bytes, void **data);
void comm_shared_sync(struct comm_shared *shared);
void comm_shared_free(struct comm_shared *shared); /* NULL is fine */

/* Rank `rank` owns grains [*begin, *end) of n: contiguous, in order, the first rank the
   most, the last one the fewest; empty ranges are [x, x). comm_align: their borders are
   multiples of so many grains (1 unless it was called): less is sent, but lengths differ
   by up to as many. Between sums only. Not collective, but the same on all ranks. */
void comm_align(struct comm *comm, int grains);
void comm_share(const struct comm *comm, int n, int rank, int *begin, int *end);

/* Sum over all grains of a batch, in the order of the fixed tree, whatever the ranks.
 *
 * Rank r holds, in parts[i] (i < tree_cover of its share [begin, end) of n grains), the
 * float vectors of its maximal nodes. The sum is T(0, n) on every rank, the same bits on
 * all. parts are not changed and must not overlap sum; ranks without grains have none.
 *
 * It is done in pieces, elements [begin, end) of the vectors, so that it can go on behind
 * the computing of other pieces: every rank starts the same pieces in the same order, at
 * most COMM_TREE_PIECES of them. comm_tree_poll moves on what is under way without
 * waiting, comm_tree_wait finishes it all. Not allocating after the first step of each
 * size. */
#define COMM_TREE_PIECES 8
void comm_tree_start(struct comm *comm, int n, float *const *parts, float *sum,
                     size_t begin, size_t end);
void comm_tree_poll(struct comm *comm);
/* Returns the seconds from the first start to the arrival of the last piece: what was
   under way, hidden or not. */
double comm_tree_wait(struct comm *comm);

/* One piece from 0 to count, started and waited for. */
void comm_tree_sum(struct comm *comm, int n, float *const *parts, float *sum,
                   size_t count);

/* How: one of several algorithms (src/comm/tree_*.c), all with the same bits. "auto", the
   first of the names, chooses for each piece by its size, the ranks and their nodes; any
   other is used wherever it applies. False: there is none of this name, and it is auto.
   Collective, between sums only: what chooses has to know the network and measures it
   once (comm_measure_link). */
extern const char *const comm_tree_names[]; /* then NULL */
bool comm_tree_use(struct comm *comm, const char *name);
/* The one that would sum such a piece; NULL with one rank, which has nothing to sum. */
const char *comm_tree_choice(const struct comm *comm, int n, size_t count);

/* Zeroed, aligned memory for the parts, this rank's own, which others of its node may
   read where it is: parts that are not there are copied to where they can. Owned by comm,
   until the next call, which is told 0 floats for none. From then on all parts must lie
   in it. */
float *comm_vectors(struct comm *comm, size_t floats);

/* Collective: how messages go from rank 0 to `other` and back, sent as sums are, while
   all others wait. The fastest of `pings` counts, for other work only slows them down.
   Long messages, a few, are of 256 KiB to 4 MiB: as many as take about so many seconds,
   or as long as the latency. */
struct comm_link comm_measure_link(struct comm *comm, int other, int pings,
                                   double seconds);

/* For comparison: MPI's own sum, whose bits depend on the number of ranks. */
void comm_mpi_sum(struct comm *comm, const float *mine, float *sum, size_t count);

#endif
