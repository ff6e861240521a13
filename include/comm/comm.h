/*
 * comm: the processes (ranks) of a run. The only home of <mpi.h>.
 *
 * Unless stated otherwise, a function is collective over all ranks of its communicator
 * and is called from the main thread. A failed MPI call is printed and ends the job: no
 * function returns an MPI error. Without mpirun there is one rank.
 */
#ifndef LOCKSTEP_COMM_COMM_H
#define LOCKSTEP_COMM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "comm/topology.h"

struct comm;

/* The communicator of all ranks; owned by comm, valid until comm_finish. Installs the
   abort hook. Call once. */
struct comm *comm_start(int *argc, char ***argv);
/* The same for a process that no launcher started, without MPI, which would take longer
   to start than a small command to run. There is one rank; of the functions below it may
   call those about its number and its host, comm_agree, comm_bcast, comm_sum_u64,
   comm_max_f64, comm_node_sum, comm_allgather and comm_gather. */
struct comm *comm_start_alone(void);
void comm_finish(struct comm *comm);

/* A communicator of the ranks that pass the same `group` (>= 0), in the order of their
   ranks. Its nodes are found anew; only the whole run has a watch. It inherits what is
   known about the network: call comm_tree_use on `comm` first, because splits that
   measured the network at the same time would disturb each other. Owned by the caller,
   freed before comm_finish. */
struct comm *comm_split(struct comm *comm, int group);
void comm_split_free(struct comm *split); /* NULL is fine */

/* Not collective. Ranks are numbered node by node, in whatever order MPI numbers them. */
int comm_rank(const struct comm *comm);
int comm_size(const struct comm *comm);
int comm_node_rank(const struct comm *comm); /* among the ranks that share memory */
int comm_node_size(const struct comm *comm);
/* The first rank that is not on rank 0's node; 0: there is none. */
int comm_far_rank(const struct comm *comm);
/* Up to the first dot, unless two nodes are the same up to there. */
const char *comm_host(const struct comm *comm);
const char *comm_version(void); /* "Open MPI 4.1.4" */

/* The worst status of any rank; any failure is worse than ST_AGAIN. Makes rank-local
   trouble known to all ranks before the next collective. */
enum status comm_agree(struct comm *comm, enum status st) MUST_CHECK;

void comm_barrier(struct comm *comm);
/* For long waits: sleeps between two looks, so that others can use the CPU. */
void comm_barrier_idle(struct comm *comm);
void comm_bcast(struct comm *comm, void *data, size_t bytes, int root);

/* Elementwise over ranks, in place, result on every rank. Only integer sums and maxima:
   the order of a sum of reals would depend on the number of ranks (use comm_tree_sum). */
void comm_sum_u64(struct comm *comm, uint64_t *values, int count);
void comm_max_f64(struct comm *comm, double *values, int count);
/* Over the ranks that share memory with this one. */
uint64_t comm_node_sum(struct comm *comm, uint64_t value);
/* Elementwise bitwise or: merges arrays of any type of which each rank has filled in a
   part and left the rest zero. bytes must be a multiple of 8. */
void comm_merge(struct comm *comm, void *data, size_t bytes);

/* Blocks of equal size from all ranks, in rank order, on every rank: `all` has
   size * bytes bytes. */
void comm_allgather(struct comm *comm, const void *mine, void *all, size_t bytes);

/* Blocks of different sizes to rank 0, in rank order. bytes (one for each rank) and `all`
   are used on rank 0 only. */
void comm_gather(struct comm *comm, const void *mine, size_t my_bytes, void *all,
                 const size_t *bytes);

/* Between two ranks, in order. comm_send returns when `data` may be overwritten,
   comm_receive when it has arrived. Not collective. */
void comm_send(struct comm *comm, const void *data, size_t bytes, int to);
void comm_receive(struct comm *comm, void *data, size_t bytes, int from);

/* Memory shared by the ranks of a node: one copy, zeroed, all of it reserved; *data is
   valid on every rank, readable and writable. NULL, on all ranks, if a node has no room
   for it; errno says why. Collective over all ranks, as comm_shared_free. After writing,
   all ranks of the node call comm_shared_sync before others read. */
struct comm_shared;
struct comm_shared *comm_shared_create(struct comm *comm, size_t bytes, void **data);
void comm_shared_sync(struct comm_shared *shared);
void comm_shared_free(struct comm_shared *shared); /* NULL is fine */

/* Rank `rank` owns grains [*begin, *end) of n: contiguous, in order, the first rank the
   most, the last one the fewest; empty ranges are [x, x). comm_align makes the borders
   multiples of `grains` (1 unless it was called): less is sent, but the lengths may
   differ by that many. Not collective; comm_align is called between sums, alike on all
   ranks. */
void comm_align(struct comm *comm, int grains);
void comm_share(const struct comm *comm, int n, int rank, int *begin, int *end);

/* Sum over all grains of a batch, in the order of the fixed tree (comm/tree.h), so that
 * its bits do not depend on the ranks.
 *
 * terms[i] is the float vector of the i-th maximal node of the rank's share of n grains
 * (i < tree_cover of the share). The sum is T(0, n), with the same bits on every rank.
 * terms are not changed and must not overlap sum; a rank without grains has none.
 *
 * A sum is made in pieces, elements [begin, end) of the vectors, so that it can overlap
 * with the computation of later pieces. Every rank starts the same pieces in the same
 * order, at most COMM_TREE_PIECES of them. comm_tree_poll advances the pieces under way
 * without waiting; comm_tree_wait finishes them. Nothing is allocated after the first
 * step of each size. */
#define COMM_TREE_PIECES 8
void comm_tree_start(struct comm *comm, int n, float *const *terms, float *sum,
                     size_t begin, size_t end);
void comm_tree_poll(struct comm *comm);
/* Returns the seconds from the first comm_tree_start to now, hidden behind computation or
   not; 0 if there was none. */
double comm_tree_wait(struct comm *comm);

/* One piece, elements [0, count): started and waited for. */
void comm_tree_sum(struct comm *comm, int n, float *const *terms, float *sum,
                   size_t count);

/* Selects the algorithm of the sums; all give the same bits (src/comm/tree_*.c). "auto",
   the first of the names, chooses the fastest for each piece, by its size, the ranks and
   their nodes; another one is used wherever it applies. False: the name is unknown, and
   "auto" is selected. Collective, between sums: the choice needs to know the network,
   which is measured once (comm_measure_link). */
extern const char *const comm_tree_names[]; /* ends with NULL */
bool comm_tree_use(struct comm *comm, const char *name);
/* The algorithm for a piece of `count` floats of a sum over n grains; NULL with one rank,
   which has nothing to sum. */
const char *comm_tree_choice(const struct comm *comm, int n, size_t count);

/* Zeroed, aligned memory for this rank's terms, in which the other ranks of its node can
   read them; terms elsewhere are first copied to shared memory. Owned by comm and valid
   until the next call; if all ranks ask for 0 floats, none (returns NULL). After a call
   all terms must lie in this memory. */
float *comm_vectors(struct comm *comm, size_t floats);

/* Measures messages between rank 0 and `other`, sent as those of the sums are, while all
   other ranks wait. The fastest of `pings` counts, because other work only slows them
   down. The bandwidth is that of a few long messages, of 256 KiB to 4 MiB: long enough to
   take about `seconds`, or as long as the latency. */
struct comm_link comm_measure_link(struct comm *comm, int other, int pings,
                                   double seconds);

/* For comparison only: MPI's own sum, whose bits depend on the number of ranks. */
void comm_mpi_sum(struct comm *comm, const float *mine, float *sum, size_t count);

#endif
