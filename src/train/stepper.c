#include "stepper.h"

#include <stdlib.h>
#include <string.h>

#include "base/div.h"
#include "base/mem.h"
#include "base/trace.h"
#include "base/where.h"
#include "comm/comm.h"

/* --- memory --- */

static void stepper_create_vectors(struct stepper *stepper)
{
    const struct model *model = stepper->run->model;
    const struct run_options *options = stepper->run->setup.options;
    size_t params = model->params;
    struct run_state *state = &stepper->state;
    state->params = mem_aligned(params, sizeof(float));
    if (options->train.ema > 0)
        state->ema = mem_aligned(params, sizeof(float));
    state->optims = optim_states(&options->optim);
    for (int i = 0; i < state->optims; i++) {
        state->optim[i] = mem_aligned(params, sizeof(float));
        state->optim_name[i] = optim_state_name(&options->optim, i);
    }
    stepper->sum = mem_aligned(params + TAIL_COUNT, sizeof(float));
    norm_init(&stepper->norm, model);
    optim_init(&stepper->optim, &options->optim, model);
    stepper->replica_sums =
        mem_zeroed(1, replica_sums_bytes(stepper->run->setup.model->units));
}

struct reduce_size stepper_reduce_size(const struct model *model, int lanes, int grains,
                                       int most)
{
    return (struct reduce_size){
        .params = model->params,
        .begin = model->learn_begin,
        .lanes = lanes,
        .grains = div_up(most, lanes),
        .all = most == grains,
    };
}

/* The vectors that ranks exchange lie where those of the same node can read them. The
   first rank of a stage has the most grains. */
static void stepper_create_reduce(struct stepper *stepper)
{
    const struct train_run *run = stepper->run;
    const struct parallel_plan *plan = run->setup.plan;
    struct comm *peers = run->stage->peers;
    int grains = train_run_grains(run), begin, most;
    comm_align(peers, plan->align);
    comm_share(peers, grains, 0, &begin, &most);
    struct reduce_size size = stepper_reduce_size(run->model, plan->lanes, grains, most);
    float *memory = comm_vectors(peers, reduce_floats(size));
    reduce_init(&stepper->reduce, size, memory);
    comm_tree_use(peers, plan->reduce);
}

void stepper_init(struct stepper *stepper, struct train_run *run)
{
    const struct trainer_setup *setup = &run->setup;
    *stepper = (struct stepper){.run = run};
    crew_init(&stepper->crew, run->stage, setup->plan);
    flow_init(&stepper->flow, &stepper->crew);
    stepper_create_reduce(stepper);
    train_input_init(&stepper->input, run);
    stepper_create_vectors(stepper);
    overlap_init(&stepper->overlap, run->stage->peers, &stepper->reduce, run->model,
                 setup->plan, setup->options->parallel.overlap, stepper->sum);
}

void stepper_release(struct stepper *stepper)
{
    train_input_release(&stepper->input);
    flow_release(&stepper->flow);
    crew_release(&stepper->crew);
    reduce_release(&stepper->reduce);
    free(stepper->state.params);
    free(stepper->state.ema);
    for (int i = 0; i < stepper->state.optims; i++)
        free(stepper->state.optim[i]);
    free(stepper->sum);
    norm_release(&stepper->norm);
    optim_release(&stepper->optim);
    free(stepper->replica_sums);
}

/* --- a grain --- */

/* What the threads of a step share. */
struct step_job {
    struct stepper *stepper;
    struct train_step *step;
    struct step_flags flags; /* this rank's */
    struct optim_update update;
};

struct grain_pass stepper_grain_pass(const struct stepper *stepper,
                                     const struct train_batch *batch,
                                     const struct lane *lane, int grain)
{
    const struct train_run *run = stepper->run;
    const struct train_options *options = &run->setup.options->train;
    return (struct grain_pass){
        .team = lane->team,
        .plan = &stepper->crew.plan.split,
        .n = grain_samples(batch->grains.samples, batch->grains.count, grain),
        .from = stepper->crew.begin,
        .train = true,
        .seed = options->seed,
        .step = run->progress.step,
        .params = stepper->state.params,
        .packed = stepper->crew.packed,
        .loss = {.label_smoothing = (float)options->label_smoothing,
                 .focal = (float)(options->loss == LOSS_FOCAL ? options->focal : 0),
                 .class_weight = run->setup.class_weight},
    };
}

/* Thread 0's times are those of the process. */
static struct phases *step_phases(struct stepper *stepper, int thread,
                                  struct phases *ignored)
{
    *ignored = (struct phases){{0}};
    return thread == 0 ? &stepper->run->phases : ignored;
}

static void step_forward_grain(const struct step_job *job, const struct lane *lane,
                               int thread, int round)
{
    struct stepper *stepper = job->stepper;
    const struct train_batch *batch = &job->step->batch;
    struct workspace *ws = crew_workspace(&stepper->crew, lane->index, round);
    struct phases ignored, *phases = step_phases(stepper, thread, &ignored);
    int grain = lane->begin + round;
    double t = timer_now();
    where_mark(WHERE_LOAD);
    train_input_load(&stepper->input, batch, lane, ws, grain);
    t = phases_add(phases, PHASE_LOAD, t);
    struct grain_pass pass = stepper_grain_pass(stepper, batch, lane, grain);
    model_forward(stepper->run->model, ws, &pass);
    phases_add(phases, PHASE_FORWARD, t);
}

/* What the grain adds to the step's other sums. The loss is known to the last stage. */
static void step_fill_tail(const struct step_job *job, const struct grain_result *result,
                           float *tail)
{
    memset(tail, 0, TAIL_COUNT * sizeof *tail);
    tail[TAIL_LOSS] = result->loss;
    tail[TAIL_CORRECT] = (float)result->correct;
    tail[TAIL_STOP] = job->flags.stop;
    tail[TAIL_CHECKPOINT] = job->flags.checkpoint;
    tail[TAIL_UNREADABLE] = dataset_failed(job->stepper->run->setup.dataset);
}

/* The gradient of a lane's last grain is summed over the ranks bucket by bucket, between
   the layers of backward. */
static void step_backward_grain(const struct step_job *job, const struct lane *lane,
                                int thread, int round)
{
    struct stepper *stepper = job->stepper;
    const struct model *model = stepper->run->model;
    struct workspace *ws = crew_workspace(&stepper->crew, lane->index, round);
    struct phases ignored, *phases = step_phases(stepper, thread, &ignored);
    int grain = lane->begin + round;
    bool overlapped = stepper->overlap.on && grain == lane->end - 1;
    double t = timer_now();
    struct grain_pass pass = stepper_grain_pass(stepper, &job->step->batch, lane, grain);
    struct grain_result result = {0};
    struct overlap_lane overlap = {0};
    pass.grads = reduce_top(&stepper->reduce, lane->index);
    if (stage_last(stepper->run->stage))
        model_loss(model, ws, &pass, &result);
    if (lane->team.index == 0)
        step_fill_tail(job, &result, pass.grads + model->params);
    if (overlapped)
        overlap_lane_begin(&overlap, &stepper->overlap, lane->index, thread, grain);
    model_backward(model, ws, &pass, overlapped ? overlap_ready : NULL, &overlap);
    t = phases_add(phases, PHASE_BACKWARD, t);
    phases_move(phases, PHASE_BACKWARD, PHASE_REDUCE, overlap.seconds);
    if (overlapped)
        return;
    where_mark(WHERE_REDUCE);
    reduce_push(&stepper->reduce, lane->index, &lane->team, grain);
    phases_add(phases, PHASE_REDUCE, t);
}

/* --- the grains of a rank, by all its threads --- */

/* The trace shows how long a thread waits for the others. */
static void step_meet(const struct team *all)
{
    double t = trace_begin();
    team_barrier(all);
    trace_end("wait", NULL, t);
}

/* The whole network: each lane takes its grains one after the other. */
static void step_run_grains(const struct step_job *job, const struct lane *lane,
                            int thread)
{
    for (int round = 0; lane->index >= 0 && lane->begin + round < lane->end; round++) {
        step_forward_grain(job, lane, thread, round);
        step_backward_grain(job, lane, thread, round);
    }
}

/* Thread 0 exchanges messages with the neighbouring stages. */
static void step_exchange(struct stepper *stepper, void (*exchange)(struct flow *, int),
                          int round)
{
    double t = timer_now();
    where_mark(WHERE_STAGE);
    exchange(&stepper->flow, round);
    phases_add(&stepper->run->phases, PHASE_STAGE, t);
}

static void step_close_flow(struct flow *flow, int round)
{
    (void)round;
    flow_close(flow);
}

/* A stage of a pipeline: all lanes go through the passes of the schedule together. */
static void step_run_rounds(const struct step_job *job, const struct lane *lane,
                            int thread)
{
    struct stepper *stepper = job->stepper;
    struct team all = crew_all(&stepper->crew, thread);
    int rounds = stepper->flow.rounds;
    if (thread == 0)
        flow_open(&stepper->flow);
    for (int i = 0; i < 2 * rounds; i++) {
        struct stage_pass pass = stage_pass_at(stepper->run->stage, rounds, i);
        bool mine = lane->index >= 0 && lane->begin + pass.round < lane->end;
        if (thread == 0)
            step_exchange(stepper,
                          pass.backward ? flow_before_backward : flow_before_forward,
                          pass.round);
        step_meet(&all);
        if (mine && pass.backward)
            step_backward_grain(job, lane, thread, pass.round);
        else if (mine)
            step_forward_grain(job, lane, thread, pass.round);
        step_meet(&all);
        if (thread == 0)
            step_exchange(stepper,
                          pass.backward ? flow_after_backward : flow_after_forward,
                          pass.round);
    }
    if (thread == 0)
        step_exchange(stepper, step_close_flow, 0);
}

static void step_compute(void *context, int thread)
{
    const struct step_job *job = context;
    struct stepper *stepper = job->stepper;
    const struct grain_range *grains = &job->step->batch.grains;
    struct lane lane =
        crew_lane(&stepper->crew, job->step->lanes, thread, grains->begin, grains->end);
    struct team all = crew_all(&stepper->crew, thread);
    struct phases ignored, *phases = step_phases(stepper, thread, &ignored);
    trace_lane("thread", thread);
    crew_pack_in_thread(&stepper->crew, thread, stepper->state.params);
    if (stepper->run->stage->count > 1)
        step_run_rounds(job, &lane, thread);
    else
        step_run_grains(job, &lane, thread);
    step_meet(&all);
    double t = timer_now();
    overlap_join(&stepper->overlap, &all);
    phases_add(phases, PHASE_REDUCE, t);
}

/* --- a step --- */

static void step_begin(struct stepper *stepper, struct train_step *step)
{
    const struct train_run *run = stepper->run;
    const struct run_options *options = run->setup.options;
    uint64_t done = run->progress.step;
    *step = (struct train_step){.batch = train_run_batch(run, done)};
    const struct grain_range *grains = &step->batch.grains;
    step->lanes = plan_lanes(&stepper->crew.plan, grains->end - grains->begin);
    step->lr = stepper->rate ? *stepper->rate
                             : schedule_lr(&options->schedule, options->optim.lr, done,
                                           run->total_steps, (double)run->epoch_steps);
}

/* The gradient of the rank's grains; parts of it may already be summed over the ranks. */
static void step_compute_gradient(struct step_job *job)
{
    struct stepper *stepper = job->stepper;
    const struct train_step *step = job->step;
    const struct grain_range *grains = &step->batch.grains;
    int share = grains->end - grains->begin;
    flow_plan(&stepper->flow, grains, step->lanes, true);
    reduce_begin(&stepper->reduce, grains->count);
    overlap_begin(&stepper->overlap, grains->count, step->lanes,
                  plan_members(&stepper->crew.plan, share));
    if (share > 0)
        team_run(stepper->crew.plan.threads, step_compute, job);
}

static void step_finish_sum(struct stepper *stepper, const struct train_step *step)
{
    const struct grain_range *grains = &step->batch.grains;
    double t = timer_now();
    where_mark(WHERE_REDUCE);
    overlap_finish(&stepper->overlap, grains->begin == grains->end);
    phases_add(&stepper->run->phases, PHASE_REDUCE, t);
}

static void step_apply(void *context, int thread)
{
    struct step_job *job = context;
    stepper_update(job->stepper, job->step, &job->update, thread);
}

static void step_update_weights(struct step_job *job)
{
    double t = timer_now();
    where_mark(WHERE_UPDATE);
    team_run(job->stepper->crew.plan.threads, step_apply, job);
    phases_add(&job->stepper->run->phases, PHASE_UPDATE, t);
}

static bool step_leaves_ranks_idle(const struct stepper *stepper,
                                   const struct train_step *step)
{
    const struct comm *peers = stepper->run->stage->peers;
    int begin, end;
    comm_share(peers, step->batch.grains.count, comm_size(peers) - 1, &begin, &end);
    return begin == end;
}

/* Ranks without a grain add nothing to the sum that carries the flags. */
static void step_share_flags(struct step_job *job)
{
    struct train_run *run = job->stepper->run;
    double t = timer_now();
    double flags[] = {job->flags.stop, job->flags.checkpoint};
    where_mark(WHERE_REDUCE);
    comm_max_f64(run->setup.comm, flags, 2);
    job->step->flags = (struct step_flags){flags[0] > 0, flags[1] > 0};
    phases_add(&run->phases, PHASE_REDUCE, t);
}

enum status stepper_step(struct stepper *stepper, struct step_flags flags,
                         struct train_step *step)
{
    uint64_t number = stepper->run->progress.step + 1;
    double begin = trace_begin();
    step_begin(stepper, step);
    struct step_job job = {.stepper = stepper, .step = step, .flags = flags};
    where_step(number);
    TRY(train_input_prepare(&stepper->input));
    step_compute_gradient(&job);
    step_finish_sum(stepper, step);
    step_update_weights(&job);
    if (step_leaves_ranks_idle(stepper, step))
        step_share_flags(&job);
    trace_step(number, begin);
    return ST_OK;
}

/* --- forward only --- */

static void step_forward_only(void *context, int thread)
{
    const struct step_job *job = context;
    struct stepper *stepper = job->stepper;
    const struct train_batch *batch = &job->step->batch;
    struct lane lane = crew_lane(&stepper->crew, job->step->lanes, thread,
                                 batch->grains.begin, batch->grains.end);
    for (int g = lane.begin; lane.index >= 0 && g < lane.end; g++) {
        train_input_load(&stepper->input, batch, &lane, lane.ws, g);
        struct grain_pass pass = stepper_grain_pass(stepper, batch, &lane, g);
        pass.train = false;
        model_forward(stepper->run->model, lane.ws, &pass);
    }
}

enum status stepper_forward(struct stepper *stepper, struct train_step *step)
{
    step_begin(stepper, step);
    struct step_job job = {.stepper = stepper, .step = step};
    TRY(train_input_prepare(&stepper->input));
    crew_pack(&stepper->crew, stepper->state.params);
    if (step->batch.grains.end > step->batch.grains.begin)
        team_run(stepper->crew.plan.threads, step_forward_only, &job);
    return ST_OK;
}
