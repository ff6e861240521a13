#include "lab/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grain.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "comm/tree.h"

enum { ROUNDS = 5 };
#define TEAM_SECONDS 0.25

static int grains_of_rank(const struct tune_job *job)
{
    int size = comm_size(job->comm);
    return (job->grains + size - 1) / size;
}

bool tune_matters(const struct tune_job *job)
{
    return job->rule.threads > 1 || comm_size(job->comm) > 1;
}

/* Two plans that come to the same for this rank's grains. */
static bool same_work(const struct parallel_plan *a, const struct parallel_plan *b,
                      int grains)
{
    int members = plan_members(a, grains);
    return a->bucket == b->bucket && a->align == b->align &&
           strcmp(a->reduce, b->reduce) == 0 && members == plan_members(b, grains) &&
           plan_lanes(a, grains) == plan_lanes(b, grains) &&
           (members == 1 || memcmp(&a->split, &b->split, sizeof a->split) == 0) &&
           (members == 1 || a->threads == b->threads);
}

static void add(struct tune_result *result, const char *name,
                const struct parallel_plan *plan, int grains)
{
    for (int i = 0; i < result->candidates; i++)
        if (same_work(&result->candidate[i].plan, plan, grains))
            return;
    if (result->candidates < TUNE_CANDIDATES)
        result->candidate[result->candidates++] =
            (struct tune_candidate){.name = name, .plan = *plan};
}

static void best_splits(const struct tune_team *team, int ops, struct split_plan *plan)
{
    for (int o = 0; o < ops; o++) {
        plan->forward[o] = (unsigned char)team->forward[o].best;
        plan->backward[o] = (unsigned char)team->backward[o].best;
    }
}

/* The team that a plan's lanes are, measured once for each size. */
static const struct tune_team *team_for(const struct tune_job *job,
                                        struct tune_result *result, int members)
{
    for (int i = 0; i < result->teams; i++)
        if (result->team[i].members == members)
            return &result->team[i];
    if (result->teams == TUNE_TEAMS)
        return NULL;
    struct tune_team *team = &result->team[result->teams++];
    *team = (struct tune_team){
        .members = members, .n = grain_samples((uint64_t)job->samples, job->grains, 0)};
    tune_measure_team(job->comm, job->model, team, TEAM_SECONDS);
    return team;
}

/* Lanes of several threads: as the kernels choose, and as measured. */
static void add_teams(const struct tune_job *job, struct tune_result *result,
                      struct parallel_plan plan, const char *name, const char *by_layer)
{
    int grains = grains_of_rank(job), members = plan_members(&plan, grains);
    add(result, name, &plan, grains);
    const struct tune_team *team = members > 1 ? team_for(job, result, members) : NULL;
    if (!team)
        return;
    best_splits(team, job->model->ops, &plan.split);
    add(result, by_layer, &plan, grains);
}

/* The rule comes first; the others with all threads, then one thread alone, which wins
   where a batch is too small to be shared. */
static void list_candidates(const struct tune_job *job, struct tune_result *result)
{
    int grains = grains_of_rank(job), threads = job->rule.threads;
    struct parallel_plan plan = job->rule;
    add(result, "rule", &plan, grains);
    plan.teams = true;
    plan.lanes = threads;
    add_teams(job, result, plan, "batch", "batch, by layer");
    for (int lanes = threads / 2; lanes > 1; lanes /= 2) {
        plan.lanes = lanes;
        add_teams(job, result, plan, "hybrid", "hybrid, by layer");
    }
    plan.lanes = 1;
    add_teams(job, result, plan, "channel", "channel, by layer");
    plan.threads = 1;
    add(result, "sequential", &plan, grains);
}

/* Candidates [first, end) take turns. */
static enum status time_candidates(const struct tune_job *job, struct tune_result *result,
                                   int first)
{
    double seconds[TUNE_CANDIDATES][ROUNDS];
    for (int round = 0; round < ROUNDS; round++)
        for (int i = first; i < result->candidates; i++)
            TRY(job->step(job->context, &result->candidate[i].plan, &seconds[i][round]));
    for (int i = first; i < result->candidates; i++) {
        comm_max_f64(job->comm, seconds[i], ROUNDS);
        result->candidate[i].seconds = timer_median(seconds[i], ROUNDS);
    }
    return ST_OK;
}

/* The fastest of [first, end), if it is that by more than chance. */
static void choose(struct tune_result *result, int first)
{
    double limit = result->candidate[result->chosen].seconds * (1 - TUNE_GAIN);
    for (int i = first; i < result->candidates; i++) {
        if (result->candidate[i].seconds >= limit)
            continue;
        result->chosen = i;
        limit = result->candidate[i].seconds;
    }
}

/* The one so far is timed again beside others that come next. */
static struct parallel_plan start_again(struct tune_result *result)
{
    const struct tune_candidate best = result->candidate[result->chosen];
    result->chosen = result->candidates++;
    result->candidate[result->chosen] = best;
    return best.plan;
}

/* Sums in larger or smaller pieces. */
static enum status tune_buckets(const struct tune_job *job, struct tune_result *result)
{
    const size_t sizes[] = {PLAN_BUCKET / 4, 4 * PLAN_BUCKET, SIZE_MAX / 2};
    int first = result->candidates;
    if (first + 4 > TUNE_CANDIDATES)
        return ST_OK;
    const struct parallel_plan best = start_again(result);
    for (int i = 0; i < 3; i++) {
        struct parallel_plan plan = best;
        plan.bucket = sizes[i] < job->model->params ? sizes[i] : job->model->params;
        add(result, "buckets", &plan, grains_of_rank(job));
    }
    TRY(time_candidates(job, result, first));
    choose(result, first);
    return ST_OK;
}

/* By another algorithm than the one that is chosen by rule, unless one was asked for. */
static enum status tune_exchange(const struct tune_job *job, struct tune_result *result)
{
    int first = result->candidates, algorithms = 0;
    while (comm_tree_names[algorithms + 1])
        algorithms++;
    if (first + 1 + algorithms > TUNE_CANDIDATES || strcmp(job->rule.reduce, "auto") != 0)
        return ST_OK;
    struct parallel_plan plan = start_again(result);
    size_t params = job->model->params;
    size_t bucket = plan.bucket < params ? plan.bucket : params;
    comm_tree_use(job->comm, "auto");
    const char *choice = comm_tree_choice(job->comm, job->grains, bucket);
    for (int i = 1; i <= algorithms; i++) {
        const char *name = comm_tree_names[i];
        comm_tree_use(job->comm, name);
        bool applies = comm_tree_choice(job->comm, job->grains, bucket) == name;
        snprintf(plan.reduce, sizeof plan.reduce, "%s", name);
        if (applies && name != choice)
            add(result, name, &plan, grains_of_rank(job));
    }
    TRY(time_candidates(job, result, first));
    choose(result, first);
    return ST_OK;
}

/* The most parts of the tree that a rank holds. */
static int most_parts(const struct tune_job *job, int unit)
{
    struct tree_node ignored[TREE_NODES_MAX];
    int most = 0, begin, end;
    comm_align(job->comm, unit);
    for (int rank = 0; rank < comm_size(job->comm); rank++) {
        comm_share(job->comm, job->grains, rank, &begin, &end);
        int parts = tree_cover(job->grains, begin, end, ignored);
        most = parts > most ? parts : most;
    }
    return most;
}

/* Shares of unequal length, of which less has to be sent: worth it on slow networks. */
static enum status tune_shares(const struct tune_job *job, struct tune_result *result)
{
    int first = result->candidates, chosen = result->chosen, least = most_parts(job, 1);
    if (first + 4 > TUNE_CANDIDATES)
        return ST_OK;
    struct parallel_plan plan = start_again(result);
    for (int unit = 2; unit * comm_size(job->comm) <= job->grains; unit *= 2) {
        int parts = most_parts(job, unit);
        if (parts >= least || result->candidates == first + 4)
            continue;
        least = parts;
        plan.align = unit;
        add(result, "uneven shares", &plan, grains_of_rank(job));
    }
    if (result->candidates == first + 1) {
        result->candidates = first;
        result->chosen = chosen;
        return ST_OK;
    }
    TRY(time_candidates(job, result, first));
    choose(result, first);
    return ST_OK;
}

void tune_result_release(struct tune_result *result)
{
    for (int i = 0; i < result->teams; i++) {
        free(result->team[i].forward);
        free(result->team[i].backward);
    }
    *result = (struct tune_result){.chosen = 0};
}

enum status tune_search(const struct tune_job *job, struct tune_result *result)
{
    *result = (struct tune_result){.chosen = 0};
    list_candidates(job, result);
    TRY(time_candidates(job, result, 0));
    choose(result, 0);
    if (comm_size(job->comm) == 1)
        return ST_OK;
    TRY(tune_buckets(job, result));
    TRY(tune_exchange(job, result));
    return tune_shares(job, result);
}
