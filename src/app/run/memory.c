#include "app/run/memory.h"

#include <math.h>
#include <stdio.h>

#include "app/run/agree.h"
#include "app/run/tuning.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "train/evaluate.h"

/* What a process is about to do, in numbers and in words for the message. */
struct memory_need {
    const char *task;
    size_t bytes;
    const struct stage *stage;
    int lanes;
    const char *first_advice;
    const char *stages_option; /* raises the number of stages */
};

/* A network has at most as many stages as units. */
static void memory_advise(const struct memory_need *need, double excess, char advice[128])
{
    const struct stage *stage = need->stage;
    int stages = (int)fmin(ceil(stage->count * excess), stage->whole->units);
    int used = snprintf(advice, 128, "%s", need->first_advice);
    if (need->lanes > 1)
        used += snprintf(advice + used, 128 - (size_t)used, ", give it fewer threads");
    if (stage->count < stages)
        snprintf(advice + used, 128 - (size_t)used,
                 ", or let more ranks share its layers (%s %d)", need->stages_option,
                 stages);
}

static enum status memory_check_here(const struct memory_need *need)
{
    double wanted = (double)need->bytes, limit = (double)mem_limit();
    char advice[128];
    if (wanted <= limit)
        return ST_OK;
    memory_advise(need, wanted / limit, advice);
    FAIL(ST_USAGE, "%s takes %s in this process, which may have %s (%s); %s", need->task,
         bytes_text(wanted).text, bytes_text(limit).text, mem_limit_source(), advice);
}

static enum status memory_check_all(struct comm *comm, const struct memory_need *need)
{
    struct agree agree;
    agree_begin(&agree);
    return agree_end(&agree, comm, memory_check_here(need));
}

enum status memory_check(const struct trainer_setup *setup, int threads)
{
    struct trainer_setup ruled = *setup;
    struct parallel_plan plan;
    tuning_by_rule(setup, threads, &plan);
    ruled.plan = &plan;
    const struct memory_need need = {
        .task = "training",
        .bytes = trainer_bytes(&ruled),
        .stage = setup->stage,
        .lanes = plan.lanes,
        .first_advice = "make the network smaller",
        .stages_option = "parallel.pipeline =",
    };
    return memory_check_all(setup->comm, &need);
}

enum status memory_check_evaluation(struct comm *comm, const struct stage *stage,
                                    int lanes, size_t bytes)
{
    const struct memory_need need = {
        .task = "evaluating",
        .bytes = bytes,
        .stage = stage,
        .lanes = lanes,
        .first_advice = "give it more memory",
        .stages_option = "--pipeline",
    };
    return memory_check_all(comm, &need);
}

void memory_note(struct comm *comm, size_t bytes)
{
    double wanted = (double)comm_node_sum(comm, bytes);
    double limit = (double)mem_shared_limit();
    double worst[] = {wanted / limit};
    comm_max_f64(comm, worst, 1);
    if (worst[0] > 1)
        log_note("the ranks of a node take %.2f times the memory that they may have "
                 "together, so the system may kill some; start fewer ranks per node",
                 worst[0]);
}
