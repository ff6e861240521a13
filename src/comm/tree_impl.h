/* tree_impl: what the algorithms of the tree's exchange share. Each is a table of
   functions; tree_choice.c chooses among them, tree_sum.c runs them. They differ in who
   adds which elements and in what is sent, never in what is added to what. */
#ifndef LOCKSTEP_COMM_TREE_IMPL_H
#define LOCKSTEP_COMM_TREE_IMPL_H

#include <mpi.h>

#include "comm/tree.h"
#include "comm/world.h"
#include "comm_impl.h"

/* Nodes of the tree in order, each with its vector. Arrays owned. */
struct tree_held {
    struct tree_node *node;
    const float **vector;
    int count, capacity;
};

/* Ranks among which vectors are exchanged: member i is rank[i] and owns grains
   [grain[i], grain[i + 1]). Arrays owned. */
struct tree_group {
    int size, self, capacity;
    int *rank, *grain;
};

enum { TREE_BUFFERS = 4 };

/* One piece of a sum under way. What it owns is kept for the next one. */
struct tree_piece {
    const struct tree_algorithm *algorithm;
    int slot;          /* its place among the pieces */
    int n;             /* grains */
    size_t begin, end; /* elements of the vectors */
    float *sum;        /* the caller's, from element 0 */
    bool done;
    double began; /* for the trace */

    /* --- the algorithm's --- */
    int phase;               /* levels */
    int stage;               /* of the exchange */
    int held_buffer;         /* pairs: that the vectors held lie in */
    struct tree_group group; /* who sends to whom */
    struct tree_held held;   /* this rank's nodes, elements of interest */
    struct tree_held all;    /* those that are folded */
    size_t count;            /* elements that the group sums */
    float *result;           /* and where they go */
    size_t low, high;        /* pairs: of these, what this rank works on now */
    float *buffer[TREE_BUFFERS];
    size_t capacity[TREE_BUFFERS]; /* floats */
    struct tree_window *window;    /* of the node's ranks */
    int copied;                    /* channels whose elements are in `sum` */

    MPI_Request *request;
    int requests, request_capacity;
};

/* How a group sums what its members hold, elements [0, count) of the piece, to
   piece->result on all of them, by messages. The group is of all ranks, or (across) of
   one rank of each node. */
struct tree_exchange {
    /* Across: of all groups together, which sum equal shares of `count`. */
    struct comm_work (*work)(const struct comm *comm, bool across, int n, size_t count);
    void (*begin)(struct comm *comm, struct tree_piece *piece);
    /* All messages are here. False: there are no more. */
    bool (*next)(struct comm *comm, struct tree_piece *piece);
};

extern const struct tree_exchange tree_slices, tree_doubling, tree_halving;

struct tree_algorithm {
    const char *name;
    const struct tree_exchange *exchange; /* NULL: without messages */
    /* What it takes, the same on all ranks; false: it does not apply. */
    bool (*work)(const struct tree_algorithm *algorithm, const struct comm *comm, int n,
                 size_t count, struct comm_work *work);
    /* Collective, before the first piece of a kind; false: it does not work here, on no
       rank. NULL: nothing to be prepared. */
    bool (*prepare)(struct comm *comm, struct tree_piece *piece);
    /* piece->held are the rank's parts from element `begin` on. */
    void (*start)(struct comm *comm, struct tree_piece *piece);
    /* All messages are here, if there were any: what comes next, without waiting. Sets
       `done`; returns false if it has to wait for more than messages. */
    bool (*next)(struct comm *comm, struct tree_piece *piece);
};

/* tree_levels.c */
extern const struct tree_algorithm tree_shared, tree_levels, tree_levels_halving,
    tree_levels_doubling;

/* --- tree_fold.c --- */

void tree_hold(struct tree_held *held, struct tree_node node, const float *vector);
void tree_held_release(struct tree_held *held);

/* Adds siblings as long as there are any, in elements [0, count) of the vectors: what is
   left, in order, goes to out[0], out[1] ... of which there are `outs`. */
void tree_fold(int n, const struct tree_held *held, size_t count, float *const *out,
               int outs);

/* How many nodes cover grains [begin, end). */
int tree_cover_count(int n, int begin, int end);

/* --- tree_group.c --- */

/* A group's members and their grains: [grain of member i, that of i + 1). */
int tree_members(const struct comm *comm, bool across);
int tree_member_grain(const struct comm *comm, bool across, int n, int member);
/* All ranks, or those with this rank's number in each node, which is one of the channels.
 */
void tree_group_make(const struct comm *comm, bool across, int n,
                     struct tree_group *group);
void tree_group_release(struct tree_group *group);
/* Nodes that cover the grains of members [first, last). */
int tree_group_parts(const struct tree_group *group, int n, int first, int last);

/* Elements [*begin, *end) of count that `index` of `size` has: whole cache lines. */
void tree_slice(size_t count, int size, int index, size_t *begin, size_t *end);

/* --- tree_choice.c --- */

/* The fastest, by world.c's count of seconds. */
const struct tree_algorithm *tree_fastest(const struct comm *comm, int n, size_t count);
/* The one that sums this piece, prepared. Collective. */
void tree_decide(struct comm *comm, struct tree_piece *piece);

/* About how long it takes; INFINITY: it does not apply. world.c */
double tree_seconds(const struct tree_algorithm *algorithm, const struct comm *comm,
                    int n, size_t count);

/* --- messages, with members of the piece's group --- */

/* At least so many floats, contents undefined. */
float *tree_buffer(struct tree_piece *piece, int which, size_t floats);
void tree_receive(struct comm *comm, struct tree_piece *piece, float *to, size_t count,
                  int member);
void tree_send(struct comm *comm, struct tree_piece *piece, const float *from,
               size_t count, int member);

/* --- tree_levels.c --- */
void tree_window_release(struct tree_piece *piece);

#endif
