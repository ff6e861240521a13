/*
 * tree: the fixed binary tree of additions over grains. Pure integers: no vectors, no
 * communication.
 *
 * The sum over grains [0, n) is T(0, n), where T(a, b) = T(a, m) + T(m, b) and m = a +
 * the largest power of two < b - a; T(a, a + 1) is the vector of grain a. The tree
 * depends on n alone. The owner of a contiguous range of grains can evaluate the maximal
 * nodes inside it. Owners decide only who adds, never what is added to what. IEEE
 * addition commutes, so the two sides of a node may be added in either order.
 *
 * The order of additions is written down here alone (tree_stack). Everything that adds
 * asks it: the lanes of a rank (train/reduce.h), the sums over ranks (comm/comm.h) and
 * the laboratory.
 */
#ifndef LOCKSTEP_COMM_TREE_H
#define LOCKSTEP_COMM_TREE_H

#include <stdbool.h>

#define TREE_NODES_MAX 64 /* no range is covered by more maximal nodes than this */

/* Grains [begin, end). */
struct tree_node {
    int begin, end;
};

/* The split point m of T(begin, end); end - begin >= 2. */
int tree_split(int begin, int end);

/* Are `left` and `right` the two sides of one node of T(0, n)? */
bool tree_siblings(int n, struct tree_node left, struct tree_node right);

/* The maximal nodes of T(0, n) inside [begin, end), left to right; returns how many
   (0 for an empty range). */
int tree_cover(int n, int begin, int end, struct tree_node nodes[TREE_NODES_MAX]);
int tree_cover_count(int n, int begin, int end); /* only how many */

/* Rank `rank` of `size` (or thread of threads) owns grains [*begin, *end) of n:
   contiguous, in order, lengths differing by at most one. Empty ranges are [x, x). */
void tree_share(int n, int size, int rank, int *begin, int *end);

/* Nodes of T(0, n) are pushed from left to right, without gaps; as long as the two on top
 * are siblings, they are added and become one. The nodes left after [begin, end) has been
 * pushed are its cover. A user keeps one vector for each level of the stack:
 *
 *   struct tree_chain chain = tree_stack_push(&stack, node);
 *   vector[chain.top] = the node's vector;
 *   while (tree_chain_next(&chain, &to, &from))
 *       vector[to] += vector[from];
 */
struct tree_stack {
    int n, depth;
    struct tree_node node[TREE_NODES_MAX]; /* [level] */
};

/* The additions that follow one push: the vector at each level above `bottom`, from `top`
   on, is added to the one below it. None if they are equal. */
struct tree_chain {
    int top, bottom; /* levels; top < TREE_NODES_MAX */
};

void tree_stack_init(struct tree_stack *stack, int n);

/* Pushes the node, which becomes part of the node at level `bottom` of the result. */
struct tree_chain tree_stack_push(struct tree_stack *stack, struct tree_node node);

/* What tree_stack_push would return. */
struct tree_chain tree_stack_peek(const struct tree_stack *stack, struct tree_node node);

/* The next addition: level *from is added to level *to = *from - 1. False: none left. */
static inline bool tree_chain_next(struct tree_chain *chain, int *to, int *from)
{
    if (chain->top == chain->bottom)
        return false;
    *from = chain->top--;
    *to = chain->top;
    return true;
}

#endif
