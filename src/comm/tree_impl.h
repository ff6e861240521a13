/* tree_impl: a piece of a sum over ranks, and the algorithms. They differ in who adds
   which elements and in what is sent, never in what is added to what. What there is to
   choose from, and by which cost: tree_cost.h. */
#ifndef LOCKSTEP_COMM_TREE_IMPL_H
#define LOCKSTEP_COMM_TREE_IMPL_H

#include "comm_impl.h"
#include "tree_group.h"

/* One piece of a sum under way. What it owns is kept for the next one. */
struct tree_piece {
    const struct tree_method *method; /* NULL: to be chosen */
    int n;                            /* grains */
    size_t begin, end;                /* elements of the vectors */
    float *sum;                       /* the caller's, from element 0 */
    bool done;
    double trace; /* when it began, for the trace */

    struct tree_group_sum group_sum; /* by messages */

    /* --- in shared memory --- */
    struct tree_window *window; /* owned */
    int phase;
    int copied;                 /* shares whose elements are in `sum` */
    struct tree_held node_held; /* what the ranks of the node hold */
    struct tree_buffer folded;  /* what is left of that, this rank's share */
};

/* How a piece is summed. */
struct tree_method {
    /* Collective, before the first piece of a kind. False: it does not work here, on no
       rank. */
    bool (*prepare)(struct comm *comm, struct tree_piece *piece);
    /* terms: as of comm_tree_start. */
    void (*start)(struct comm *comm, struct tree_piece *piece, float *const *terms);
    /* All messages under way have arrived: does what follows, without waiting. Sets
       `done`; returns false if it has to wait for something else than messages. */
    bool (*next)(struct comm *comm, struct tree_piece *piece);
};

extern const struct tree_exchange tree_slices, tree_halving, tree_doubling;

/* --- tree_levels.c --- */

extern const struct tree_method tree_in_shared_memory;
void tree_window_release(struct tree_piece *piece);

/* --- tree_choice.c --- */

/* Chooses and prepares the method. Collective. */
void tree_decide(struct comm *comm, struct tree_piece *piece);
/* The next piece of each kind chooses again. */
void tree_forget_choices(struct comm *comm);

/* --- tree_sum.c --- */

void comm_tree_release(struct comm *comm); /* and the vectors */

#endif
