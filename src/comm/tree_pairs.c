/* tree_pairs: in log2(size) rounds blocks of 1, 2, 4 ... neighbours exchange what they
 * hold and add it up: the nodes that cover a block's grains, so any shares will do.
 *
 * doubling: whole vectors; least rounds, for few bytes.
 * halving: each round one half of the elements, and back again; fewest bytes for aligned
 * shares, where each block holds one node. After R. Rabenseifner, "Optimization of
 * Collective Reduction Operations", ICCS 2004, but nearest neighbours first, for blocks
 * have to be of neighbouring grains.
 *
 * With a number of ranks that is no power of two, the first few are couples: the second
 * one (follower) gives all to the first (leader) and gets the sum from it.
 */
#include <math.h>

#include "tree_impl.h"

enum { RECEIVED, HELD, HELD_TOO }; /* buffers */

struct pairs {
    int levels, couples;
    int self;      /* among the leaders and those who are alone */
    bool follower; /* self is its leader's */
    bool leader;
    bool halve;
};

static struct pairs pairs_among(int size, int member)
{
    struct pairs pairs = {0};
    while (2 << pairs.levels <= size)
        pairs.levels++;
    pairs.couples = size - (1 << pairs.levels);
    bool coupled = member < 2 * pairs.couples;
    pairs.leader = coupled && member % 2 == 0;
    pairs.follower = coupled && member % 2 == 1;
    pairs.self = coupled ? member / 2 : member - pairs.couples;
    return pairs;
}

static struct pairs pairs_of(const struct tree_piece *piece)
{
    struct pairs pairs = pairs_among(piece->group.size, piece->group.self);
    pairs.halve = piece->algorithm->exchange == &tree_halving;
    return pairs;
}

/* The first member of block number `first` of those who are left; also one past all. */
static int member_of(const struct pairs *pairs, int first)
{
    return first < pairs->couples ? 2 * first : first + pairs->couples;
}

/* Grains of the block of 1 << level that `self` is in. */
static struct tree_node block(const struct tree_piece *piece, const struct pairs *pairs,
                              int self, int level)
{
    int first = self >> level << level;
    const int *grain = piece->group.grain;
    return (struct tree_node){grain[member_of(pairs, first)],
                              grain[member_of(pairs, first + (1 << level))]};
}

/* Elements that this rank works on before the exchange of a level: those after it. */
static void range_at(const struct tree_piece *piece, const struct pairs *pairs, int level,
                     size_t *low, size_t *high)
{
    *low = 0;
    *high = piece->count;
    for (int l = 0; pairs->halve && l < level; l++) {
        size_t begin, end;
        tree_slice(*high - *low, 2, pairs->self >> l & 1, &begin, &end);
        *high = *low + end;
        *low += begin;
    }
}

/* --- what comes next --- */

static void receive_nodes(struct comm *comm, struct tree_piece *piece,
                          struct tree_node theirs, size_t count, int member)
{
    int parts = tree_cover_count(piece->n, theirs.begin, theirs.end);
    float *to = tree_buffer(piece, RECEIVED, (size_t)parts * count);
    for (int p = 0; p < parts; p++)
        tree_receive(comm, piece, to + (size_t)p * count, count, member);
}

/* Elements [low, high) of what this rank holds, with those received, are now held. */
static void fold(struct tree_piece *piece, struct tree_node theirs, size_t low,
                 size_t high, struct tree_node both)
{
    struct tree_node node[TREE_NODES_MAX];
    float *out[TREE_NODES_MAX];
    size_t count = high - low;
    int parts = tree_cover(piece->n, theirs.begin, theirs.end, node);
    bool theirs_first =
        piece->held.count == 0 || theirs.begin < piece->held.node[0].begin;
    piece->all.count = 0;
    for (int turn = 0; turn < 2; turn++) {
        bool received = theirs_first == (turn == 0);
        for (int p = 0; received && p < parts; p++)
            tree_hold(&piece->all, node[p], piece->buffer[RECEIVED] + (size_t)p * count);
        for (int p = 0; !received && p < piece->held.count; p++)
            tree_hold(&piece->all, piece->held.node[p],
                      piece->held.vector[p] + (low - piece->low));
    }
    int outs = tree_cover(piece->n, both.begin, both.end, node);
    piece->held_buffer = piece->held_buffer == HELD ? HELD_TOO : HELD;
    bool last = outs == 1 && both.begin == 0 && both.end == piece->n;
    float *to =
        last ? NULL : tree_buffer(piece, piece->held_buffer, (size_t)outs * count);
    piece->held.count = 0;
    for (int i = 0; i < outs; i++) {
        out[i] = last ? piece->result + low : to + (size_t)i * count;
        tree_hold(&piece->held, node[i], out[i]);
    }
    tree_fold(piece->n, &piece->all, count, out, outs);
    piece->low = low;
    piece->high = high;
}

static void exchange(struct comm *comm, struct tree_piece *piece,
                     const struct pairs *pairs, int level)
{
    int other = pairs->self ^ 1 << level, member = member_of(pairs, other);
    struct pairs their = *pairs;
    size_t low, high, from, to;
    their.self = other;
    range_at(piece, pairs, level + 1, &low, &high);
    range_at(piece, &their, level + 1, &from, &to);
    receive_nodes(comm, piece, block(piece, pairs, other, level), high - low, member);
    for (int p = 0; p < piece->held.count; p++)
        tree_send(comm, piece, piece->held.vector[p] + (from - piece->low), to - from,
                  member);
}

static void add_up(struct tree_piece *piece, const struct pairs *pairs, int level)
{
    size_t low, high;
    range_at(piece, pairs, level + 1, &low, &high);
    fold(piece, block(piece, pairs, pairs->self ^ 1 << level, level), low, high,
         block(piece, pairs, pairs->self, level + 1));
}

/* The two halves of the elements that were exchanged at this level. */
static void give_back(struct comm *comm, struct tree_piece *piece,
                      const struct pairs *pairs, int level)
{
    int other = pairs->self ^ 1 << level, member = member_of(pairs, other);
    struct pairs their = *pairs;
    size_t low, high;
    their.self = other;
    range_at(piece, &their, level + 1, &low, &high);
    tree_receive(comm, piece, piece->result + low, high - low, member);
    range_at(piece, pairs, level + 1, &low, &high);
    tree_send(comm, piece, piece->result + low, high - low, member);
}

/* --- stages: couples, then the levels, then back --- */

static void begin(struct comm *comm, struct tree_piece *piece)
{
    struct pairs pairs = pairs_of(piece);
    const int *grain = piece->group.grain;
    int self = piece->group.self;
    piece->low = 0;
    piece->high = piece->count;
    piece->held_buffer = HELD;
    piece->stage = 0;
    if (pairs.follower) {
        for (int p = 0; p < piece->held.count; p++)
            tree_send(comm, piece, piece->held.vector[p], piece->count, self - 1);
        tree_receive(comm, piece, piece->result, piece->count, self - 1);
    } else if (pairs.leader) {
        struct tree_node theirs = {grain[self + 1], grain[self + 2]};
        receive_nodes(comm, piece, theirs, piece->count, self + 1);
    }
}

static bool next(struct comm *comm, struct tree_piece *piece)
{
    struct pairs pairs = pairs_of(piece);
    const int *grain = piece->group.grain;
    int turns = pairs.halve ? 2 * pairs.levels : pairs.levels;
    int stage = piece->stage++, self = piece->group.self;
    if (pairs.follower || stage > turns)
        return false;
    if (stage == 0 && pairs.leader)
        fold(piece, (struct tree_node){grain[self + 1], grain[self + 2]}, 0, piece->count,
             block(piece, &pairs, pairs.self, 0));
    if (stage > 0 && stage <= pairs.levels)
        add_up(piece, &pairs, stage - 1);
    if (stage < pairs.levels)
        exchange(comm, piece, &pairs, stage);
    else if (stage < turns)
        give_back(comm, piece, &pairs, turns - 1 - stage);
    else if (pairs.leader)
        tree_send(comm, piece, piece->result, piece->count, self + 1);
    return true;
}

/* --- what it costs --- */

/* Most nodes of the tree that a block of 1 << level holds; level -1: a follower. */
static int most_parts(const struct comm *comm, bool across, int n, int level)
{
    struct pairs pairs = pairs_among(tree_members(comm, across), 0);
    int most = 0, blocks = level < 0 ? pairs.couples : 1 << pairs.levels >> level;
    for (int i = 0; i < blocks; i++) {
        int first = level < 0 ? 2 * i + 1 : member_of(&pairs, i << level);
        int last = level < 0 ? 2 * i + 2 : member_of(&pairs, (i + 1) << level);
        int parts = tree_cover_count(n, tree_member_grain(comm, across, n, first),
                                     tree_member_grain(comm, across, n, last));
        most = parts > most ? parts : most;
    }
    return most;
}

/* With whom a member exchanges at a level; itself: with nobody. */
static int partner_of(int size, int member, int level)
{
    struct pairs pairs = pairs_among(size, member);
    if (level < 0)
        return member + pairs.leader - pairs.follower;
    return pairs.follower ? member : member_of(&pairs, pairs.self ^ 1 << level);
}

/* Most ranks of a machine that exchange with another one at this level. */
static int most_far(const struct comm *comm, bool across, int level)
{
    int most = 0;
    if (across)
        return comm->channels;
    if (comm->nodes == 1)
        return comm->node_most;
    for (int i = 0; i < comm->nodes; i++) {
        int begin = comm->node_first[i], end = comm->node_first[i + 1], far = 0;
        for (int rank = begin; rank < end; rank++) {
            int partner = partner_of(comm->size, rank, level);
            far += partner < begin || partner >= end;
        }
        most = far > most ? far : most;
    }
    return most;
}

/* A round, or one there and one back: so many messages of each rank. Neighbours come
   first: the first rounds may well be within the machines. */
static void add_round(struct comm_work *work, int far, int ranks, int rounds,
                      int messages, double floats)
{
    *(far > 0 ? &work->rounds : &work->meetings) += rounds;
    work->sent += far > 0 ? messages : 0;
    work->messages += far * messages;
    work->floats += far * messages * floats;
    work->touched += far < ranks ? 2 * messages * floats : 0;
}

static struct comm_work work_of(const struct comm *comm, bool across, int n, size_t count,
                                bool halve)
{
    struct comm_work work = {0};
    struct pairs pairs = pairs_among(tree_members(comm, across), 0);
    int ranks = across ? comm->channels : comm->node_most;
    double share = across ? (double)count / comm->channels : (double)count;
    if (pairs.couples > 0)
        add_round(&work, most_far(comm, across, -1), ranks, 2,
                  most_parts(comm, across, n, -1) + 1, share);
    for (int level = 0; level < pairs.levels; level++) {
        share /= halve ? 2 : 1;
        add_round(&work, most_far(comm, across, level), ranks, 1 + halve,
                  most_parts(comm, across, n, level) + halve, share);
    }
    return work;
}

static struct comm_work doubling_work(const struct comm *comm, bool across, int n,
                                      size_t count)
{
    return work_of(comm, across, n, count, false);
}

static struct comm_work halving_work(const struct comm *comm, bool across, int n,
                                     size_t count)
{
    return work_of(comm, across, n, count, true);
}

const struct tree_exchange tree_doubling = {
    .work = doubling_work,
    .begin = begin,
    .next = next,
};

const struct tree_exchange tree_halving = {
    .work = halving_work,
    .begin = begin,
    .next = next,
};
