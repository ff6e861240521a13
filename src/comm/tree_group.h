/* tree_group: a sum over the members of a group by messages, and the messages. A group is
   all ranks, or one rank of each node. */
#ifndef LOCKSTEP_COMM_TREE_GROUP_H
#define LOCKSTEP_COMM_TREE_GROUP_H

#include "comm_impl.h"
#include "tree_fold.h"

/* Member i is rank rank[i] and owns grains [grain[i], grain[i + 1]). Arrays owned. */
struct tree_group {
    int size, self, capacity;
    int *rank, *grain;
};

enum { GROUP_BUFFERS = 3 };

/* One sum of the group under way, of elements [0, count). What it owns is kept for the
   next one. The caller sets the first part and `held`. */
struct tree_group_sum {
    const struct tree_exchange *exchange;
    struct tree_group group;
    int tag, n; /* n: grains */
    size_t count;
    float *result;         /* the sum, on all members */
    struct tree_held held; /* nodes of this member; replaced by sums */

    /* --- the exchange's --- */
    int phase;
    int round, held_buffer; /* pairs: held_buffer: in which the vectors held lie */
    size_t low, high;       /* pairs: elements that this member works on now */
    struct tree_held folded;
    struct tree_buffer buffer[GROUP_BUFFERS];

    /* --- messages under way --- */
    MPI_Request *request; /* owned */
    int requests, request_capacity;
};

/* How a group sums what its members hold. */
struct tree_exchange {
    void (*begin)(struct comm *comm, struct tree_group_sum *sum);
    /* All messages under way have arrived: does what follows. False: the sum is done. */
    bool (*next)(struct comm *comm, struct tree_group_sum *sum);
};

/* Sets the group: all ranks, or those with this rank's number in each node. */
void tree_group_find(struct tree_group_sum *sum, const struct comm *comm,
                     enum topology_scope scope, int n);
void tree_group_sum_release(struct tree_group_sum *sum);

/* Grains of members [first, last). */
struct tree_node tree_group_grains(const struct tree_group *group, int first, int last);

/* Elements [*begin, *end) of count that `index` of `size` has: whole cache lines. */
void tree_slice(size_t count, int size, int index, size_t *begin, size_t *end);

/* Start a message with a member. Messages between two members are matched in order. */
void tree_receive(struct comm *comm, struct tree_group_sum *sum, float *to, size_t count,
                  int member);
void tree_send(struct comm *comm, struct tree_group_sum *sum, const float *from,
               size_t count, int member);

/* Have all messages under way arrived? */
bool tree_messages_test(struct tree_group_sum *sum);
void tree_messages_wait(struct tree_group_sum *sum);

#endif
