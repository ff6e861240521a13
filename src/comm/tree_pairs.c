/* tree_pairs: in log2(size) rounds blocks of 1, 2, 4 ... neighbours exchange what they
 * hold and add it up (tree_rounds.h). A block holds the nodes that cover its grains, so
 * any shares will do.
 *
 * doubling: whole vectors; fewest rounds, for few bytes.
 *
 * halving: one half of the elements in each round, and back again; fewest bytes if shares
 * are aligned, so that each block holds one node. After R. Rabenseifner, "Optimization of
 * Collective Reduction Operations", ICCS 2004, but nearest neighbours come first, because
 * a block has to consist of neighbouring grains.
 */
#include "tree_impl.h"
#include "tree_rounds.h"

enum { PAIRS_RECEIVED, PAIRS_HELD, PAIRS_HELD_NEXT }; /* buffers */

/* Which messages are under way. */
enum pairs_phase {
    PAIRS_FOLLOW,     /* a follower's: all to its leader, the sum back */
    PAIRS_COUPLE,     /* a follower's vectors to its leader */
    PAIRS_REDUCE,     /* round by round, what blocks hold */
    PAIRS_DISTRIBUTE, /* halving: round by round backwards, halves of the sum */
    PAIRS_RETURN,     /* a leader's: the sum to its follower */
    PAIRS_PHASES
};

static bool pairs_halve(const struct tree_group_sum *sum)
{
    return sum->exchange == &tree_halving;
}

static struct tree_rounds pairs_rounds(const struct tree_group_sum *sum)
{
    return tree_rounds_of(sum->group.size, sum->group.self);
}

/* Grains of the block of 1 << round positions that `position` is in. */
static struct tree_node pairs_block(const struct tree_group_sum *sum,
                                    const struct tree_rounds *rounds, int position,
                                    int round)
{
    int first = position >> round << round;
    return tree_group_grains(&sum->group, tree_rounds_member(rounds, first),
                             tree_rounds_member(rounds, first + (1 << round)));
}

/* Elements on which `position` works after `done` rounds. */
static void pairs_range(const struct tree_group_sum *sum, int position, int done,
                        size_t *low, size_t *high)
{
    *low = 0;
    *high = sum->count;
    for (int round = 0; pairs_halve(sum) && round < done; round++) {
        size_t begin, end;
        tree_slice(*high - *low, 2, position >> round & 1, &begin, &end);
        *high = *low + end;
        *low += begin;
    }
}

/* --- what is done in a round --- */

static void pairs_receive(struct comm *comm, struct tree_group_sum *sum,
                          struct tree_node theirs, size_t count, int member)
{
    int terms = tree_cover_count(sum->n, theirs.begin, theirs.end);
    float *to = tree_buffer_reserve(&sum->buffer[PAIRS_RECEIVED], (size_t)terms * count);
    for (int p = 0; p < terms; p++)
        tree_receive(comm, sum, to + (size_t)p * count, count, member);
}

static void pairs_hold_received(struct tree_group_sum *sum, struct tree_node theirs,
                                size_t count)
{
    struct tree_node node[TREE_NODES_MAX];
    int terms = tree_cover(sum->n, theirs.begin, theirs.end, node);
    for (int p = 0; p < terms; p++)
        tree_hold(&sum->folded, node[p],
                  sum->buffer[PAIRS_RECEIVED].data + (size_t)p * count);
}

/* The member's own nodes and those received become the nodes of `both`, which it then
   holds, on elements [low, high). */
static void pairs_fold(struct tree_group_sum *sum, struct tree_node theirs,
                       struct tree_node both, size_t low, size_t high)
{
    struct tree_node node[TREE_NODES_MAX];
    float *out[TREE_NODES_MAX];
    size_t count = high - low;
    bool own_first = theirs.begin > both.begin;
    sum->folded.count = 0;
    if (!own_first)
        pairs_hold_received(sum, theirs, count);
    for (int p = 0; p < sum->held.count; p++)
        tree_hold(&sum->folded, sum->held.node[p],
                  sum->held.vector[p] + (low - sum->low));
    if (own_first)
        pairs_hold_received(sum, theirs, count);

    int outs = tree_cover(sum->n, both.begin, both.end, node);
    bool last = outs == 1 && both.begin == 0 && both.end == sum->n;
    sum->held_buffer = sum->held_buffer == PAIRS_HELD ? PAIRS_HELD_NEXT : PAIRS_HELD;
    float *to =
        last ? NULL
             : tree_buffer_reserve(&sum->buffer[sum->held_buffer], (size_t)outs * count);
    sum->held.count = 0;
    for (int i = 0; i < outs; i++) {
        out[i] = last ? sum->result + low : to + (size_t)i * count;
        tree_hold(&sum->held, node[i], out[i]);
    }
    tree_fold(sum->n, &sum->folded, count, out, outs);
    sum->low = low;
    sum->high = high;
}

/* Sends the elements that the partner works on from now on, and receives one's own. */
static void pairs_start_reduce(struct comm *comm, struct tree_group_sum *sum,
                               const struct tree_rounds *rounds)
{
    int partner = tree_rounds_partner(rounds, sum->round);
    int member = tree_rounds_member(rounds, partner);
    size_t low, high, their_low, their_high;
    pairs_range(sum, rounds->position, sum->round + 1, &low, &high);
    pairs_range(sum, partner, sum->round + 1, &their_low, &their_high);
    pairs_receive(comm, sum, pairs_block(sum, rounds, partner, sum->round), high - low,
                  member);
    for (int p = 0; p < sum->held.count; p++)
        tree_send(comm, sum, sum->held.vector[p] + (their_low - sum->low),
                  their_high - their_low, member);
    sum->phase = PAIRS_REDUCE;
}

/* Exchanges the halves of the sum that were split in this round. */
static void pairs_start_distribute(struct comm *comm, struct tree_group_sum *sum,
                                   const struct tree_rounds *rounds)
{
    int partner = tree_rounds_partner(rounds, sum->round);
    int member = tree_rounds_member(rounds, partner);
    size_t low, high;
    pairs_range(sum, partner, sum->round + 1, &low, &high);
    tree_receive(comm, sum, sum->result + low, high - low, member);
    pairs_range(sum, rounds->position, sum->round + 1, &low, &high);
    tree_send(comm, sum, sum->result + low, high - low, member);
    sum->phase = PAIRS_DISTRIBUTE;
}

/* --- what follows the messages of each phase --- */

/* PAIRS_FOLLOW and PAIRS_RETURN are the last phase of their member. */
static bool pairs_after_last(struct comm *comm, struct tree_group_sum *sum)
{
    (void)comm, (void)sum;
    return false;
}

static bool pairs_after_couple(struct comm *comm, struct tree_group_sum *sum)
{
    struct tree_rounds rounds = pairs_rounds(sum);
    int follower = sum->group.self + 1;
    pairs_fold(sum, tree_group_grains(&sum->group, follower, follower + 1),
               pairs_block(sum, &rounds, rounds.position, 0), 0, sum->count);
    pairs_start_reduce(comm, sum, &rounds);
    return true;
}

/* The member has the whole sum. */
static bool pairs_start_return(struct comm *comm, struct tree_group_sum *sum,
                               const struct tree_rounds *rounds)
{
    if (!rounds->leader)
        return false;
    tree_send(comm, sum, sum->result, sum->count, sum->group.self + 1);
    sum->phase = PAIRS_RETURN;
    return true;
}

static bool pairs_after_reduce(struct comm *comm, struct tree_group_sum *sum)
{
    struct tree_rounds rounds = pairs_rounds(sum);
    int partner = tree_rounds_partner(&rounds, sum->round);
    size_t low, high;
    pairs_range(sum, rounds.position, sum->round + 1, &low, &high);
    pairs_fold(sum, pairs_block(sum, &rounds, partner, sum->round),
               pairs_block(sum, &rounds, rounds.position, sum->round + 1), low, high);
    if (sum->round + 1 < rounds.rounds) {
        sum->round++;
        pairs_start_reduce(comm, sum, &rounds);
        return true;
    }
    if (!pairs_halve(sum))
        return pairs_start_return(comm, sum, &rounds);
    pairs_start_distribute(comm, sum, &rounds);
    return true;
}

static bool pairs_after_distribute(struct comm *comm, struct tree_group_sum *sum)
{
    struct tree_rounds rounds = pairs_rounds(sum);
    if (sum->round == 0)
        return pairs_start_return(comm, sum, &rounds);
    sum->round--;
    pairs_start_distribute(comm, sum, &rounds);
    return true;
}

static void pairs_begin(struct comm *comm, struct tree_group_sum *sum)
{
    struct tree_rounds rounds = pairs_rounds(sum);
    int self = sum->group.self;
    sum->low = 0;
    sum->high = sum->count;
    sum->held_buffer = PAIRS_HELD;
    sum->round = 0;
    if (rounds.follower) {
        for (int p = 0; p < sum->held.count; p++)
            tree_send(comm, sum, sum->held.vector[p], sum->count, self - 1);
        tree_receive(comm, sum, sum->result, sum->count, self - 1);
        sum->phase = PAIRS_FOLLOW;
    } else if (rounds.leader) {
        pairs_receive(comm, sum, tree_group_grains(&sum->group, self + 1, self + 2),
                      sum->count, self + 1);
        sum->phase = PAIRS_COUPLE;
    } else {
        pairs_start_reduce(comm, sum, &rounds);
    }
}

static bool pairs_next(struct comm *comm, struct tree_group_sum *sum)
{
    static bool (*const after[PAIRS_PHASES])(struct comm * comm,
                                             struct tree_group_sum * sum) = {
        [PAIRS_FOLLOW] = pairs_after_last,   [PAIRS_COUPLE] = pairs_after_couple,
        [PAIRS_REDUCE] = pairs_after_reduce, [PAIRS_DISTRIBUTE] = pairs_after_distribute,
        [PAIRS_RETURN] = pairs_after_last,
    };
    return after[sum->phase](comm, sum);
}

const struct tree_exchange tree_doubling = {pairs_begin, pairs_next},
                           tree_halving = {pairs_begin, pairs_next};
