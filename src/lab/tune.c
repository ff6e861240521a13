#include "lab/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/div.h"
#include "base/grain.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "comm/tree.h"
#include "lab/trial.h"

enum { ROUNDS = 5 };
#define TUNE_TEAM_SECONDS 0.25

/* A search under way. */
struct tune_search {
    const struct trainer_setup *setup;
    const struct parallel_plan *rule;
    struct comm *comm;
    const struct model *model;
    int grains, share; /* of a batch; of a rank, at most */
    struct tune_result *result;
};

bool tune_matters(struct comm *comm, const struct parallel_plan *rule)
{
    return rule->threads > 1 || comm_size(comm) > 1;
}

/* --- candidates --- */

/* Do two plans run the same where a rank has this number of grains? */
static bool tune_plans_alike(const struct parallel_plan *a, const struct parallel_plan *b,
                             int grains)
{
    int members = plan_members(a, grains);
    return a->bucket == b->bucket && a->align == b->align &&
           strcmp(a->reduce, b->reduce) == 0 && members == plan_members(b, grains) &&
           plan_lanes(a, grains) == plan_lanes(b, grains) &&
           (members == 1 || memcmp(&a->split, &b->split, sizeof a->split) == 0) &&
           (members == 1 || a->threads == b->threads);
}

/* Adds a candidate unless there is one that runs the same. */
static void tune_candidate_add(const struct tune_search *search, const char *name,
                               const struct parallel_plan *plan)
{
    struct tune_result *result = search->result;
    for (int i = 0; i < result->candidates; i++)
        if (tune_plans_alike(&result->candidate[i].plan, plan, search->share))
            return;
    if (result->candidates < TUNE_CANDIDATES)
        result->candidate[result->candidates++] =
            (struct tune_candidate){.name = name, .plan = *plan};
}

/* The team of a plan's lanes; each size is measured once. NULL: too many sizes. */
static const struct tune_team *tune_team_for(const struct tune_search *search,
                                             int members)
{
    struct tune_result *result = search->result;
    for (int i = 0; i < result->teams; i++)
        if (result->team[i].members == members)
            return &result->team[i];
    if (result->teams == TUNE_TEAMS)
        return NULL;
    struct tune_team *team = &result->team[result->teams++];
    uint64_t batch = (uint64_t)search->setup->options->train.batch;
    *team = (struct tune_team){.members = members,
                               .n = grain_samples(batch, search->grains, 0)};
    tune_measure_team(search->comm, search->model, team, TUNE_TEAM_SECONDS);
    return team;
}

/* Lanes of several threads: with the kernels' own splits, and with the measured ones. */
static void tune_lane_candidates(const struct tune_search *search,
                                 struct parallel_plan plan, const char *name,
                                 const char *by_layer)
{
    int members = plan_members(&plan, search->share);
    tune_candidate_add(search, name, &plan);
    const struct tune_team *team = members > 1 ? tune_team_for(search, members) : NULL;
    for (int o = 0; team && o < search->model->ops; o++) {
        plan.split.forward[o] = (unsigned char)team->forward[o].best;
        plan.split.backward[o] = (unsigned char)team->backward[o].best;
    }
    if (team)
        tune_candidate_add(search, by_layer, &plan);
}

/* The rule comes first; then plans with all threads, then one thread alone, which wins
   where a batch is too small to be divided. */
static void tune_list_candidates(const struct tune_search *search)
{
    int threads = search->rule->threads;
    struct parallel_plan plan = *search->rule;
    tune_candidate_add(search, "rule", &plan);
    plan.teams = true;
    plan.lanes = threads;
    tune_lane_candidates(search, plan, "batch", "batch, by layer");
    for (int lanes = threads / 2; lanes > 1; lanes /= 2) {
        plan.lanes = lanes;
        tune_lane_candidates(search, plan, "hybrid", "hybrid, by layer");
    }
    plan.lanes = 1;
    tune_lane_candidates(search, plan, "channel", "channel, by layer");
    plan.threads = 1;
    tune_candidate_add(search, "sequential", &plan);
}

/* --- timing --- */

/* The fastest of the candidates from `first` on becomes the chosen one, if it is faster
   by more than chance. */
static void tune_choose_from(struct tune_result *result, int first)
{
    double limit = result->candidate[result->chosen].seconds * (1 - TUNE_GAIN);
    for (int i = first; i < result->candidates; i++) {
        if (result->candidate[i].seconds >= limit)
            continue;
        result->chosen = i;
        limit = result->candidate[i].seconds;
    }
}

/* Times the candidates from `first` on, which take turns, and chooses. */
static enum status tune_time_candidates(const struct tune_search *search, int first)
{
    struct tune_result *result = search->result;
    double seconds[TUNE_CANDIDATES][ROUNDS];
    for (int round = 0; round < ROUNDS; round++)
        for (int i = first; i < result->candidates; i++)
            TRY(trial_step_seconds(search->setup, &result->candidate[i].plan,
                                   &seconds[i][round]));
    for (int i = first; i < result->candidates; i++) {
        comm_max_f64(search->comm, seconds[i], ROUNDS);
        result->candidate[i].seconds = timer_median(seconds[i], ROUNDS);
    }
    tune_choose_from(result, first);
    return ST_OK;
}

/* Adds the chosen candidate once more: it is timed again, together with those that are
   added next. */
static struct parallel_plan tune_repeat_chosen(struct tune_result *result)
{
    const struct tune_candidate best = result->candidate[result->chosen];
    result->chosen = result->candidates++;
    result->candidate[result->chosen] = best;
    return best.plan;
}

/* --- several ranks --- */

/* Sums in larger or smaller pieces. */
static enum status tune_buckets(const struct tune_search *search)
{
    const size_t sizes[] = {PLAN_BUCKET / 4, 4 * PLAN_BUCKET, SIZE_MAX / 2};
    int first = search->result->candidates;
    if (first + 4 > TUNE_CANDIDATES)
        return ST_OK;
    const struct parallel_plan best = tune_repeat_chosen(search->result);
    for (int i = 0; i < 3; i++) {
        struct parallel_plan plan = best;
        size_t params = search->model->params;
        plan.bucket = sizes[i] < params ? sizes[i] : params;
        tune_candidate_add(search, "buckets", &plan);
    }
    return tune_time_candidates(search, first);
}

/* Other algorithms than the one that comm chooses, unless the rule names one. */
static enum status tune_algorithms(const struct tune_search *search)
{
    int first = search->result->candidates, algorithms = 0;
    while (comm_tree_names[algorithms + 1])
        algorithms++;
    if (first + 1 + algorithms > TUNE_CANDIDATES ||
        strcmp(search->rule->reduce, "auto") != 0)
        return ST_OK;
    struct parallel_plan plan = tune_repeat_chosen(search->result);
    size_t params = search->model->params;
    size_t bucket = plan.bucket < params ? plan.bucket : params;
    comm_tree_use(search->comm, "auto");
    const char *choice = comm_tree_choice(search->comm, search->grains, bucket);
    for (int i = 1; i <= algorithms; i++) {
        const char *name = comm_tree_names[i];
        comm_tree_use(search->comm, name);
        bool applies = comm_tree_choice(search->comm, search->grains, bucket) == name;
        snprintf(plan.reduce, sizeof plan.reduce, "%s", name);
        if (applies && name != choice)
            tune_candidate_add(search, name, &plan);
    }
    return tune_time_candidates(search, first);
}

/* The most nodes of the tree that a rank holds, with shares of multiples of `align`. */
static int tune_most_terms(const struct tune_search *search, int align)
{
    struct tree_node ignored[TREE_NODES_MAX];
    int most = 0, begin, end;
    comm_align(search->comm, align);
    for (int rank = 0; rank < comm_size(search->comm); rank++) {
        comm_share(search->comm, search->grains, rank, &begin, &end);
        int terms = tree_cover(search->grains, begin, end, ignored);
        most = terms > most ? terms : most;
    }
    return most;
}

/* Shares of unequal length, of which less is sent: faster on slow networks. */
static enum status tune_shares(const struct tune_search *search)
{
    struct tune_result *result = search->result;
    int first = result->candidates, chosen = result->chosen;
    int least = tune_most_terms(search, 1);
    if (first + 4 > TUNE_CANDIDATES)
        return ST_OK;
    struct parallel_plan plan = tune_repeat_chosen(result);
    for (int align = 2; align * comm_size(search->comm) <= search->grains; align *= 2) {
        int terms = tune_most_terms(search, align);
        if (terms >= least || result->candidates == first + 4)
            continue;
        least = terms;
        plan.align = align;
        tune_candidate_add(search, "uneven shares", &plan);
    }
    if (result->candidates > first + 1)
        return tune_time_candidates(search, first);
    result->candidates = first;
    result->chosen = chosen;
    return ST_OK;
}

enum status tune_search(const struct trainer_setup *setup,
                        const struct parallel_plan *rule, struct tune_result *result)
{
    int ranks = comm_size(setup->comm);
    int grains = grain_count((uint64_t)setup->options->train.batch, setup->model->grain);
    const struct tune_search search = {
        .setup = setup,
        .rule = rule,
        .comm = setup->comm,
        .model = setup->model,
        .grains = grains,
        .share = div_up(grains, ranks),
        .result = result,
    };
    *result = (struct tune_result){.chosen = 0};
    tune_list_candidates(&search);
    TRY(tune_time_candidates(&search, 0));
    if (ranks == 1)
        return ST_OK;
    TRY(tune_buckets(&search));
    TRY(tune_algorithms(&search));
    return tune_shares(&search);
}

void tune_result_release(struct tune_result *result)
{
    for (int i = 0; i < result->teams; i++) {
        free(result->team[i].forward);
        free(result->team[i].backward);
    }
    *result = (struct tune_result){.chosen = 0};
}
