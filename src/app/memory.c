#include "app/memory.h"

#include <math.h>
#include <stdio.h>

#include "app/run.h"
#include "app/tuning.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"

/* What would help: a network has no more stages than layers with parameters. */
static void advise(const struct trainer_setup *setup, double excess, char advice[128])
{
    const struct stage *stage = setup->stage;
    int stages = (int)fmin(ceil(stage->count * excess), setup->model->units);
    int used = snprintf(advice, 128, "make the network smaller");
    if (setup->plan->lanes > 1)
        used += snprintf(advice + used, 128 - (size_t)used, ", give it fewer threads");
    if (stage->count < stages)
        snprintf(advice + used, 128 - (size_t)used,
                 ", or let more ranks share its layers (parallel.pipeline = %d)", stages);
}

enum status memory_check(const struct trainer_setup *setup, int threads)
{
    struct trainer_setup ruled = *setup;
    struct parallel_plan plan;
    tuning_by_rule(setup, threads, &plan);
    ruled.plan = &plan;
    double wanted = (double)trainer_bytes(&ruled), limit = (double)mem_limit();
    char why[STATUS_TEXT], advice[128];
    enum status st = ST_OK;
    advise(&ruled, wanted / limit, advice);
    status_capture(why);
    if (wanted > limit)
        st = status_fail(
            ST_USAGE, "training takes %.2f GB in this process, which may have %.2f; %s",
            wanted / 1e9, limit / 1e9, advice);
    status_capture(NULL);
    return run_agree(setup->comm, st, why);
}

void memory_note(const struct trainer_setup *setup)
{
    double wanted = (double)comm_node_sum(setup->comm, trainer_bytes(setup));
    double limit = (double)mem_shared_limit();
    double worst[] = {wanted / limit};
    comm_max_f64(setup->comm, worst, 1);
    if (worst[0] > 1)
        log_note("the ranks of a node take %.2f times the memory that they may have "
                 "together: some may be killed; start fewer of them on each",
                 worst[0]);
}
