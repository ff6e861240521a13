/*
 * tree: the fixed binary tree of additions over grains. Pure integers, no communication.
 *
 * The sum over grains [0, n) is T(0, n), where T(a, b) = T(a, m) + T(m, b) and m = a +
 * the largest power of two < b - a; T(a, a + 1) is grain a's own vector. The tree depends
 * on n alone. Whoever owns a contiguous range of grains can evaluate the maximal nodes
 * inside it; they decide only who adds, never what is added to what. IEEE addition
 * commutes, so the two sides of a node may come in either order.
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

/* Rank `rank` of `size` (or thread of threads) owns grains [*begin, *end) of n:
   contiguous, in order, lengths differing by at most one. Empty ranges are [x, x). */
void tree_share(int n, int size, int rank, int *begin, int *end);

#endif
