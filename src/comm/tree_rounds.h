/* tree_rounds: who exchanges with whom when blocks of 1, 2, 4 ... neighbours become one,
 * round by round. Pure integers.
 *
 * A power of two of positions takes part in log2(positions) rounds. If the number of
 * members is not one, the first few form couples: the first of a couple (leader) takes
 * part for both, the second (follower) gives it everything and gets the sum from it.
 */
#ifndef LOCKSTEP_COMM_TREE_ROUNDS_H
#define LOCKSTEP_COMM_TREE_ROUNDS_H

#include <stdbool.h>

struct tree_rounds {
    int rounds;   /* log2(positions) */
    int couples;  /* members 0 and 1, 2 and 3, ... */
    int position; /* the member's; a follower's is its leader's */
    bool leader, follower;
};

/* As one member sees it; members >= 1. */
struct tree_rounds tree_rounds_of(int members, int member);

/* The member at a position (a leader or a single one); `positions` is one past all. */
int tree_rounds_member(const struct tree_rounds *rounds, int position);

/* The position with which this member exchanges in round 0, 1, ... */
int tree_rounds_partner(const struct tree_rounds *rounds, int round);

#endif
