/* tree_fold: adds up nodes of the tree that a rank holds, as far as they are siblings. */
#ifndef LOCKSTEP_COMM_TREE_FOLD_H
#define LOCKSTEP_COMM_TREE_FOLD_H

#include <stddef.h>

#include "comm/tree.h"

/* Memory that grows and is kept for the next piece. */
struct tree_buffer {
    float *data; /* owned */
    size_t capacity;
};

/* Memory of at least `floats` floats, aligned, contents undefined. */
float *tree_buffer_reserve(struct tree_buffer *buffer, size_t floats);
void tree_buffer_release(struct tree_buffer *buffer);

/* Nodes of the tree, left to right without gaps, each with its vector. */
struct tree_held {
    int count, capacity;
    struct tree_node *node; /* owned, as are the arrays below */
    const float **vector;
    /* --- tree_fold's --- */
    struct tree_chain *chain; /* the additions that follow each node */
    struct tree_buffer scratch;
};

void tree_hold(struct tree_held *held, struct tree_node node, const float *vector);
void tree_held_release(struct tree_held *held);

/* The additions of T(0, n) among the nodes held, for elements [0, count). The `outs`
   nodes that are left are written to out[0], out[1] ... in their order; the vectors held
   are not changed. */
void tree_fold(int n, struct tree_held *held, size_t count, float *const *out, int outs);

#endif
