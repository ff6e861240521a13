#include "app/run/memory.h"

#include <math.h>
#include <stdio.h>

#include "app/run/placement.h"
#include "app/run/tuning.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "train/evaluate.h"

/* What a process of a stage is about to do, and the words for it. */
struct need {
    const char *what;
    size_t bytes;
    const struct stage *stage;
    int lanes;
    const char *first;  /* of what would help */
    const char *stages; /* the option for more of them */
};

/* What would help: a network has no more stages than layers with parameters. */
static void advise(const struct need *need, double excess, char advice[128])
{
    const struct stage *stage = need->stage;
    int stages = (int)fmin(ceil(stage->count * excess), stage->whole->units);
    int used = snprintf(advice, 128, "%s", need->first);
    if (need->lanes > 1)
        used += snprintf(advice + used, 128 - (size_t)used, ", give it fewer threads");
    if (stage->count < stages)
        snprintf(advice + used, 128 - (size_t)used,
                 ", or let more ranks share its layers (%s %d)", need->stages, stages);
}

static enum status check(struct comm *comm, const struct need *need)
{
    double wanted = (double)need->bytes, limit = (double)mem_limit();
    char why[STATUS_TEXT], advice[128];
    enum status st = ST_OK;
    advise(need, wanted / limit, advice);
    status_capture(why);
    if (wanted > limit)
        st = status_fail(ST_USAGE,
                         "%s takes %.2f GB in this process, which may have %.2f; %s",
                         need->what, wanted / 1e9, limit / 1e9, advice);
    status_capture(NULL);
    return run_agree(comm, st, why);
}

enum status memory_check(const struct trainer_setup *setup, int threads)
{
    struct trainer_setup ruled = *setup;
    struct parallel_plan plan;
    tuning_by_rule(setup, threads, &plan);
    ruled.plan = &plan;
    const struct need need = {
        .what = "training",
        .bytes = trainer_bytes(&ruled),
        .stage = setup->stage,
        .lanes = plan.lanes,
        .first = "make the network smaller",
        .stages = "parallel.pipeline =",
    };
    return check(setup->comm, &need);
}

enum status memory_check_evaluation(struct comm *comm, const struct stage *stage,
                                    int lanes, uint64_t samples)
{
    const struct need need = {
        .what = "evaluating",
        .bytes = evaluation_bytes(stage, lanes, samples),
        .stage = stage,
        .lanes = lanes,
        .first = "give it more memory",
        .stages = "--pipeline",
    };
    return check(comm, &need);
}

void memory_note(struct comm *comm, size_t bytes)
{
    double wanted = (double)comm_node_sum(comm, bytes);
    double limit = (double)mem_shared_limit();
    double worst[] = {wanted / limit};
    comm_max_f64(comm, worst, 1);
    if (worst[0] > 1)
        log_note("the ranks of a node take %.2f times the memory that they may have "
                 "together: some may be killed; start fewer of them on each",
                 worst[0]);
}
