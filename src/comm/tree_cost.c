#include "tree_cost.h"

#include <math.h>

#include "comm/comm.h"
#include "tree_rounds.h"

const char *const comm_tree_names[TREE_ALGORITHMS + 1] = {
    [TREE_AUTO] = "auto",
    [TREE_SHARED] = "shared",
    [TREE_LEVELS] = "levels",
    [TREE_LEVELS_HALVING] = "levels-halving",
    [TREE_LEVELS_DOUBLING] = "levels-doubling",
    [TREE_SLICES] = "slices",
    [TREE_HALVING] = "halving",
    [TREE_DOUBLING] = "doubling",
};

const struct tree_spec tree_specs[TREE_ALGORITHMS] = {
    [TREE_SHARED] = {true, EXCHANGE_NONE},
    [TREE_LEVELS] = {true, EXCHANGE_SLICES},
    [TREE_LEVELS_HALVING] = {true, EXCHANGE_HALVING},
    [TREE_LEVELS_DOUBLING] = {true, EXCHANGE_DOUBLING},
    [TREE_SLICES] = {false, EXCHANGE_SLICES},
    [TREE_HALVING] = {false, EXCHANGE_HALVING},
    [TREE_DOUBLING] = {false, EXCHANGE_DOUBLING},
};

/* An exchange among a scope's members. Between nodes, smallest_node ranks of each node
   take part, each with an equal share of the elements. */
struct tree_exchange_size {
    const struct topology *topology;
    enum topology_scope scope;
    int n;
    size_t count;
};

/* Ranks of the largest node that take part: they use its link at the same time. */
static int cost_ranks_of_node(const struct tree_exchange_size *size)
{
    return size->scope == SCOPE_NODES ? size->topology->smallest_node
                                      : size->topology->largest_node;
}

/* Into how many shares the elements are cut, each with an exchange of its own. */
static int cost_shares(const struct tree_exchange_size *size)
{
    return size->scope == SCOPE_NODES ? size->topology->smallest_node : 1;
}

static int cost_terms(const struct tree_exchange_size *size, int first, int last)
{
    return topology_member_terms(size->topology, size->scope, size->n, first, last);
}

/* --- slices --- */

static struct comm_work cost_of_slices(const struct tree_exchange_size *size)
{
    int members = topology_members(size->topology, size->scope), most = 0, all = 0;
    for (int i = 0; i < members; i++) {
        int terms = cost_terms(size, i, i + 1);
        most = terms > most ? terms : most;
        all += terms;
    }
    int link = cost_ranks_of_node(size);
    int near = size->scope == SCOPE_NODES || size->topology->nodes == 1 ? 0 : link - 1;
    int others = members - 1 - near; /* members on other nodes */
    double slice = (double)size->count / members / cost_shares(size);
    double sent = most * others * slice;
    double received = (double)(all - all / members * (1 + near)) * slice;
    return (struct comm_work){
        .rounds = 2,
        .sent = (most + 1) * others,
        .messages = (double)(most + 1) * others * link,
        .floats = link * (fmax(sent, received) + others * slice),
        .touched = 2 * (most + 1) * near * slice,
    };
}

/* --- halving and doubling --- */

enum { COUPLING = -1 }; /* the round in which followers give all to their leaders */

/* Most nodes of the tree that one member sends in a round. */
static int cost_most_terms(const struct tree_exchange_size *size, int round)
{
    struct tree_rounds rounds =
        tree_rounds_of(topology_members(size->topology, size->scope), 0);
    int blocks = round == COUPLING ? rounds.couples : 1 << rounds.rounds >> round;
    int most = 0;
    for (int i = 0; i < blocks; i++) {
        int first =
            round == COUPLING ? 2 * i + 1 : tree_rounds_member(&rounds, i << round);
        int last =
            round == COUPLING ? first + 1 : tree_rounds_member(&rounds, (i + 1) << round);
        int terms = cost_terms(size, first, last);
        most = terms > most ? terms : most;
    }
    return most;
}

/* The member with which a member exchanges in a round; itself: with none. */
static int cost_partner(int members, int member, int round)
{
    struct tree_rounds rounds = tree_rounds_of(members, member);
    if (round == COUPLING)
        return member + rounds.leader - rounds.follower;
    if (rounds.follower)
        return member;
    return tree_rounds_member(&rounds, tree_rounds_partner(&rounds, round));
}

/* Most ranks of a node that exchange with another node in a round. */
static int cost_most_far(const struct tree_exchange_size *size, int round)
{
    const struct topology *topology = size->topology;
    int most = 0;
    if (size->scope == SCOPE_NODES || topology->nodes == 1)
        return cost_ranks_of_node(size);
    for (int node = 0; node < topology->nodes; node++) {
        int far = 0;
        for (int r = topology->node_first[node]; r < topology->node_first[node + 1]; r++)
            far += !topology_on_node(topology, node,
                                     cost_partner(topology->ranks, r, round));
        most = far > most ? far : most;
    }
    return most;
}

/* Adds a round in which every rank sends `messages` of `floats`; trips 2: there and back.
   Neighbours come first, so the first rounds may be within the nodes. */
static void cost_add_round(const struct tree_exchange_size *size, int round, int trips,
                           int messages, double floats, struct comm_work *work)
{
    int far = cost_most_far(size, round);
    *(far > 0 ? &work->rounds : &work->meetings) += trips;
    work->sent += far > 0 ? messages : 0;
    work->messages += far * messages;
    work->floats += far * messages * floats;
    work->touched += far < cost_ranks_of_node(size) ? 2 * messages * floats : 0;
}

static struct comm_work cost_of_pairs(const struct tree_exchange_size *size, bool halve)
{
    struct comm_work work = {0};
    struct tree_rounds rounds =
        tree_rounds_of(topology_members(size->topology, size->scope), 0);
    double floats = (double)size->count / cost_shares(size);
    if (rounds.couples > 0)
        cost_add_round(size, COUPLING, 2, cost_most_terms(size, COUPLING) + 1, floats,
                       &work);
    for (int round = 0; round < rounds.rounds; round++) {
        floats /= halve ? 2 : 1;
        cost_add_round(size, round, 1 + halve, cost_most_terms(size, round) + halve,
                       floats, &work);
    }
    return work;
}

static struct comm_work cost_of_halving(const struct tree_exchange_size *size)
{
    return cost_of_pairs(size, true);
}

static struct comm_work cost_of_doubling(const struct tree_exchange_size *size)
{
    return cost_of_pairs(size, false);
}

/* --- all of them --- */

static struct comm_work (*const exchange_cost[EXCHANGE_KINDS])(
    const struct tree_exchange_size *size) = {
    [EXCHANGE_SLICES] = cost_of_slices,
    [EXCHANGE_HALVING] = cost_of_halving,
    [EXCHANGE_DOUBLING] = cost_of_doubling,
};

bool tree_cost(enum tree_algorithm algorithm, const struct topology *topology, int n,
               size_t count, struct comm_work *work)
{
    struct tree_spec spec = tree_specs[algorithm];
    struct tree_exchange_size size = {topology, SCOPE_RANKS, n, count};
    *work = (struct comm_work){0};
    if (spec.shared_memory) {
        bool between_nodes = spec.exchange != EXCHANGE_NONE;
        if (topology->no_shared_memory || (topology->nodes > 1) != between_nodes ||
            (between_nodes && topology->largest_node < 2))
            return false;
        size.scope = SCOPE_NODES;
    }
    if (spec.exchange != EXCHANGE_NONE)
        *work = exchange_cost[spec.exchange](&size);
    if (spec.shared_memory) {
        /* each rank adds its share of all terms and copies the shares of the others */
        work->meetings += 2;
        work->touched += 2.0 * (double)count;
    }
    return true;
}

/* --- time --- */

/* Seconds. Only the ratios matter: they choose an algorithm. */
#define NODE_LATENCY    2e-6  /* of a message through MPI between ranks of a node */
#define NODE_MESSAGE    5e-7  /* for each message of the rank that sends most */
#define NODE_FLOAT      1e-9  /* for each float in these messages */
#define NETWORK_LATENCY 10e-6 /* between nodes, at least: messages queue */
#define NETWORK_SENT    15e-6 /* for each message: of the rank that sends it */
#define NETWORK_MESSAGE 1e-6  /* for each message: of the link of its node */
#define NETWORK_FLOAT   8e-9  /* through the link, if it was not measured */
#define MEETING         1e-6  /* of the ranks of a node, in shared memory */
#define TOUCHED_FLOAT   3e-10 /* added or copied in shared memory */

double tree_seconds(enum tree_algorithm algorithm, const struct topology *topology, int n,
                    size_t count)
{
    double latency = NODE_LATENCY, sent = 0, message = NODE_MESSAGE, each = NODE_FLOAT;
    struct comm_work work;
    if (!tree_cost(algorithm, topology, n, count, &work))
        return INFINITY;
    if (topology->nodes > 1) {
        double bandwidth = topology->link.bandwidth;
        latency = fmax(topology->link.latency, NETWORK_LATENCY);
        sent = NETWORK_SENT;
        message = NETWORK_MESSAGE;
        each = bandwidth > 0 ? sizeof(float) / bandwidth : NETWORK_FLOAT;
    }
    return work.rounds * latency + work.sent * sent + work.messages * message +
           work.floats * each + work.meetings * MEETING + work.touched * TOUCHED_FLOAT;
}

enum tree_algorithm tree_fastest(const struct topology *topology, int n, size_t count)
{
    enum tree_algorithm best = TREE_AUTO;
    double least = INFINITY;
    for (int i = TREE_AUTO + 1; i < TREE_ALGORITHMS; i++) {
        double seconds = tree_seconds((enum tree_algorithm)i, topology, n, count);
        if (seconds < least) {
            least = seconds;
            best = (enum tree_algorithm)i;
        }
    }
    return best;
}
