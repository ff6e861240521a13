/* step: one step of training: forward and backward of the rank's grains, the tree, the
   update. */
#include <string.h>

#include "base/stop.h"
#include "base/trace.h"
#include "base/where.h"
#include "trainer_impl.h"

struct job {
    struct trainer *trainer;
    struct step *step;
    struct optim_update update;
    bool stop, checkpoint; /* this rank's flags */
};

struct grain_pass trainer_grain_pass(const struct trainer *trainer,
                                     const struct step *step, const struct lane *lane,
                                     int grain)
{
    return (struct grain_pass){
        .team = lane->team,
        .plan = &trainer->crew.plan.split,
        .n = trainer_grain_samples(trainer, step, grain),
        .train = true,
        .seed = trainer->setup.options->train.seed,
        .step = trainer->progress.step,
        .params = trainer->state.params,
        .label_smoothing = (float)trainer->setup.options->train.label_smoothing,
    };
}

/* The times of thread 0 are counted. */
static struct phases *phases_of(struct trainer *trainer, int thread,
                                struct phases *ignored)
{
    *ignored = (struct phases){{0}};
    return thread == 0 ? &trainer->phases : ignored;
}

static void forward_grain(const struct job *job, const struct lane *lane, int thread,
                          int round)
{
    struct trainer *trainer = job->trainer;
    struct workspace *ws = crew_workspace(&trainer->crew, lane->index, round);
    struct phases ignored, *to = phases_of(trainer, thread, &ignored);
    int grain = lane->begin + round;
    double t = timer_now();
    where_mark(WHERE_LOAD);
    trainer_load_grain(trainer, job->step, lane, ws, grain);
    t = phases_add(to, PHASE_LOAD, t);
    struct grain_pass pass = trainer_grain_pass(trainer, job->step, lane, grain);
    model_forward(trainer->model, ws, &pass);
    phases_add(to, PHASE_FORWARD, t);
}

/* What the grain adds to the step's other sums. The loss is known to the last stage. */
static void fill_tail(const struct job *job, const struct grain_result *result,
                      float *tail)
{
    memset(tail, 0, TAIL_COUNT * sizeof *tail);
    tail[TAIL_LOSS] = result->loss;
    tail[TAIL_CORRECT] = (float)result->correct;
    tail[TAIL_STOP] = job->stop;
    tail[TAIL_CHECKPOINT] = job->checkpoint;
}

static void backward_grain(const struct job *job, const struct lane *lane, int thread,
                           int round)
{
    struct trainer *trainer = job->trainer;
    const struct model *model = trainer->model;
    struct workspace *ws = crew_workspace(&trainer->crew, lane->index, round);
    struct phases ignored, *to = phases_of(trainer, thread, &ignored);
    int grain = lane->begin + round;
    double t = timer_now();
    struct grain_pass pass = trainer_grain_pass(trainer, job->step, lane, grain);
    struct grain_result result = {0};
    pass.grads = reduce_top(&trainer->reduce, lane->index);
    if (stage_last(trainer->stage))
        model_loss(model, ws, &pass, &result);
    if (lane->team.index == 0)
        fill_tail(job, &result, pass.grads + model->params);
    if (trainer->overlap.on && grain == lane->end - 1) {
        struct overlap_lane overlap;
        overlap_lane_begin(&overlap, &trainer->overlap, lane->index, thread, grain);
        model_backward(model, ws, &pass, overlap_ready, &overlap);
        phases_add(to, PHASE_BACKWARD, t);
        return;
    }
    model_backward(model, ws, &pass, NULL, NULL);
    t = phases_add(to, PHASE_BACKWARD, t);
    where_mark(WHERE_REDUCE);
    reduce_push(&trainer->reduce, lane->index, &lane->team, grain);
    phases_add(to, PHASE_REDUCE, t);
}

/* Those who come first wait, as is seen in the trace. */
static void meet(const struct team *all)
{
    double t = trace_begin();
    team_barrier(all);
    trace_end("wait", NULL, t);
}

/* --- between other stages --- */

/* What thread 0 does with messages, and when all of it is over. */
static void exchange(struct trainer *trainer, void (*what)(struct flow *, int), int round)
{
    double t = timer_now();
    where_mark(WHERE_STAGE);
    what(&trainer->flow, round);
    phases_add(&trainer->phases, PHASE_STAGE, t);
}

static void close_flow(struct flow *flow, int round)
{
    (void)round;
    flow_close(flow);
}

/* All lanes go through the rounds together. */
static void take_rounds(const struct job *job, const struct lane *lane, int thread)
{
    struct trainer *trainer = job->trainer;
    struct team all = crew_all(&trainer->crew, thread);
    int rounds = trainer->flow.rounds;
    if (thread == 0)
        flow_open(&trainer->flow);
    for (int i = 0; i < 2 * rounds; i++) {
        struct stage_op op = stage_op(trainer->stage, rounds, i);
        bool mine = lane->index >= 0 && lane->begin + op.round < lane->end;
        if (thread == 0)
            exchange(trainer, op.backward ? flow_before_backward : flow_before_forward,
                     op.round);
        meet(&all);
        if (mine && op.backward)
            backward_grain(job, lane, thread, op.round);
        else if (mine)
            forward_grain(job, lane, thread, op.round);
        meet(&all);
        if (thread == 0)
            exchange(trainer, op.backward ? flow_after_backward : flow_after_forward,
                     op.round);
    }
    if (thread == 0)
        exchange(trainer, close_flow, 0);
}

/* --- all of a rank's grains --- */

static void compute(void *context, int thread)
{
    const struct job *job = context;
    struct trainer *trainer = job->trainer;
    const struct step *step = job->step;
    struct lane lane =
        crew_lane(&trainer->crew, step->lanes, thread, step->begin, step->end);
    trace_lane("thread", thread);
    if (trainer->stage->count > 1)
        take_rounds(job, &lane, thread);
    for (int round = 0;
         trainer->stage->count == 1 && lane.index >= 0 && lane.begin + round < lane.end;
         round++) {
        forward_grain(job, &lane, thread, round);
        backward_grain(job, &lane, thread, round);
    }
    struct team all = crew_all(&trainer->crew, thread);
    struct phases ignored, *to = phases_of(trainer, thread, &ignored);
    meet(&all);
    double t = timer_now();
    overlap_join(&trainer->overlap, &all);
    phases_add(to, PHASE_REDUCE, t);
}

static void apply(void *context, int thread)
{
    struct job *job = context;
    trainer_update(job->trainer, job->step, &job->update, thread);
}

static void plan(struct trainer *trainer, struct step *step)
{
    const struct run_options *options = trainer->setup.options;
    uint64_t done = trainer->progress.step;
    trainer_share(trainer, done, step);
    step->lanes = plan_lanes(&trainer->crew.plan, step->end - step->begin);
    step->lr = schedule_lr(&options->schedule, options->optim.lr, done,
                           trainer->total_steps, (double)trainer->epoch_steps);
}

/* An evaluation that would not be done in time is not begun, once one was timed. */
bool trainer_time_is_up(const struct trainer *trainer)
{
    return timer_now() + 2 * trainer->slowest_evaluation > trainer_latest(trainer);
}

static bool checkpoint_clock(const struct trainer *trainer)
{
    double minutes = trainer->setup.options->checkpoint.every_minutes;
    return minutes > 0 && comm_rank(trainer->setup.comm) == 0 &&
           timer_now() - trainer->saved_at > 60 * minutes;
}

static bool someone_idle(const struct trainer *trainer, const struct step *step)
{
    const struct comm *comm = trainer->stage->peers;
    int begin, end;
    comm_share(comm, step->grains, comm_size(comm) - 1, &begin, &end);
    return begin == end;
}

/* Ranks without a grain add nothing to the sum that carries the flags. */
static void share_flags(struct job *job)
{
    double flags[] = {job->stop, job->checkpoint};
    comm_max_f64(job->trainer->setup.comm, flags, 2);
    job->step->stop = flags[0] > 0;
    job->step->checkpoint = flags[1] > 0;
}

enum status trainer_do_step(struct trainer *trainer, struct step *step)
{
    double begin = trace_begin();
    plan(trainer, step);
    struct job job = {
        .trainer = trainer,
        .step = step,
        .stop = stop_requested() || trainer_time_is_up(trainer),
        .checkpoint = checkpoint_clock(trainer),
    };
    where_step(trainer->progress.step + 1);
    TRY(trainer_prepare(trainer));
    bool idle = step->end == step->begin;
    flow_plan(&trainer->flow, step->begin, step->end, step->lanes,
              (uint64_t)step->samples, true);
    reduce_begin(&trainer->reduce, step->grains);
    overlap_begin(&trainer->overlap, step->grains, step->lanes,
                  plan_members(&trainer->crew.plan, step->end - step->begin));
    if (!idle)
        team_run(trainer->crew.plan.threads, compute, &job);
    /* What thread 0 did for the sums during backward was not backward. */
    trainer->phases.seconds[PHASE_BACKWARD] -= trainer->overlap.seconds;
    trainer->phases.seconds[PHASE_REDUCE] += trainer->overlap.seconds;
    double t = timer_now();
    where_mark(WHERE_REDUCE);
    overlap_finish(&trainer->overlap, idle);
    t = phases_add(&trainer->phases, PHASE_REDUCE, t);
    where_mark(WHERE_UPDATE);
    team_run(trainer->crew.plan.threads, apply, &job);
    t = phases_add(&trainer->phases, PHASE_UPDATE, t);
    if (someone_idle(trainer, step)) {
        where_mark(WHERE_REDUCE);
        share_flags(&job);
        phases_add(&trainer->phases, PHASE_REDUCE, t);
    }
    trace_step(trainer->progress.step + 1, begin);
    return ST_OK;
}

static void forward_only(void *context, int thread)
{
    const struct job *job = context;
    struct trainer *trainer = job->trainer;
    const struct step *step = job->step;
    struct lane lane =
        crew_lane(&trainer->crew, step->lanes, thread, step->begin, step->end);
    for (int g = lane.begin; lane.index >= 0 && g < lane.end; g++) {
        trainer_load_grain(trainer, step, &lane, lane.ws, g);
        struct grain_pass pass = trainer_grain_pass(trainer, step, &lane, g);
        pass.train = false;
        model_forward(trainer->model, lane.ws, &pass);
    }
}

/* Only forward, as in use, for the same batch; nothing is changed. */
static enum status do_forward(struct trainer *trainer, struct step *step)
{
    plan(trainer, step);
    struct job job = {.trainer = trainer, .step = step};
    TRY(trainer_prepare(trainer));
    if (step->end > step->begin)
        team_run(trainer->crew.plan.threads, forward_only, &job);
    return ST_OK;
}

enum status trainer_time_steps(struct trainer *trainer, int count, bool forward,
                               double *seconds)
{
    comm_barrier(trainer->setup.comm);
    double begin = timer_now();
    for (int i = 0; i < count; i++, trainer->progress.step++) {
        struct step step;
        if (forward)
            TRY(do_forward(trainer, &step));
        else
            TRY(trainer_do_step(trainer, &step));
        if (step.bad)
            FAIL(ST_FAIL, "the numbers went bad while they were timed");
    }
    comm_barrier(trainer->setup.comm);
    *seconds = timer_now() - begin;
    return ST_OK;
}
