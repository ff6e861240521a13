/* step: one step of training: forward and backward of the rank's grains, the tree, the
   update. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/stop.h"
#include "base/trace.h"
#include "base/where.h"
#include "kernels/vector.h"
#include "trainer_impl.h"

struct job {
    struct trainer *trainer;
    struct step *step;
    struct optim_update update; /* set by thread 0 once the gradient's norm is known */
    bool stop, checkpoint;      /* this rank's flags */
};

static struct grain_pass grain_pass(const struct trainer *trainer,
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

/* Backward of a lane's last grain, with what is final on its way to the other ranks. */
static void backward_last(struct trainer *trainer, const struct lane *lane, int thread,
                          int grain, const struct grain_pass *pass)
{
    struct overlap_lane overlap;
    overlap_lane_begin(&overlap, &trainer->overlap, lane->index, thread, grain);
    model_backward(trainer->setup.model, lane->ws, pass, overlap_ready, &overlap);
}

/* The times of thread 0 are counted. */
static void take_grain(const struct job *job, const struct lane *lane, int thread,
                       int grain)
{
    struct trainer *trainer = job->trainer;
    const struct model *model = trainer->setup.model;
    struct phases ignored = {{0}};
    struct phases *to = thread == 0 ? &trainer->phases : &ignored;
    double t = timer_now();
    where_mark(WHERE_LOAD);
    trainer_load_grain(trainer, job->step, lane, grain);
    t = phases_add(to, PHASE_LOAD, t);
    struct grain_pass pass = grain_pass(trainer, job->step, lane, grain);
    struct grain_result result;
    model_forward(model, lane->ws, &pass);
    t = phases_add(to, PHASE_FORWARD, t);
    pass.grads = reduce_top(&trainer->reduce, lane->index);
    model_loss(model, lane->ws, &pass, &result);
    if (lane->team.index == 0) {
        float *tail = pass.grads + model->params;
        memset(tail, 0, TAIL_COUNT * sizeof *tail);
        tail[TAIL_LOSS] = result.loss;
        tail[TAIL_CORRECT] = (float)result.correct;
        tail[TAIL_STOP] = job->stop;
        tail[TAIL_CHECKPOINT] = job->checkpoint;
    }
    if (trainer->overlap.on && grain == lane->end - 1) {
        backward_last(trainer, lane, thread, grain, &pass);
        phases_add(to, PHASE_BACKWARD, t);
        return;
    }
    model_backward(model, lane->ws, &pass, NULL, NULL);
    t = phases_add(to, PHASE_BACKWARD, t);
    where_mark(WHERE_REDUCE);
    reduce_push(&trainer->reduce, lane->index, &lane->team, grain);
    phases_add(to, PHASE_REDUCE, t);
}

static void compute(void *context, int thread)
{
    const struct job *job = context;
    struct trainer *trainer = job->trainer;
    const struct step *step = job->step;
    struct lane lane =
        crew_lane(&trainer->crew, step->lanes, thread, step->begin, step->end);
    trace_lane("thread", thread);
    for (int g = lane.begin; lane.index >= 0 && g < lane.end; g++)
        take_grain(job, &lane, thread, g);
    struct team all = crew_all(&trainer->crew, thread);
    double t = timer_now();
    team_barrier(&all);
    trace_end("wait", NULL, t);
    t = timer_now();
    overlap_join(&trainer->overlap, &all);
    struct phases ignored = {{0}};
    phases_add(thread == 0 ? &trainer->phases : &ignored, PHASE_REDUCE, t);
}

/* This thread's part of the flat vectors, in whole chunks. */
static void chunk_range(const struct trainer *trainer, int thread, size_t *begin,
                        size_t *end)
{
    size_t params = trainer->setup.model->params;
    struct team all = crew_all(&trainer->crew, thread);
    int first, last;
    team_split(&all, (int)((params + OPTIM_CHUNK - 1) / OPTIM_CHUNK), &first, &last);
    *begin = (size_t)first * OPTIM_CHUNK;
    *end = (size_t)last * OPTIM_CHUNK < params ? (size_t)last * OPTIM_CHUNK : params;
}

/* The averaged weights forget the random start: the decay grows with the steps done. */
static double ema_decay(double decay, uint64_t step)
{
    double early = (1.0 + (double)step) / (10.0 + (double)step);
    return early < decay ? early : decay;
}

static struct optim_update plan_update(const struct trainer *trainer,
                                       const struct step *step)
{
    const struct run_options *options = trainer->setup.options;
    uint64_t done = trainer->progress.step;
    double scale = 1.0 / step->samples;
    if (options->train.clip > 0 && step->grad_norm > options->train.clip)
        scale *= options->train.clip / step->grad_norm;
    struct optim_update update = {
        .params = trainer->state.params,
        .grads = trainer->sum,
        .decay_mask = trainer->decay_mask,
        .ema = trainer->state.ema,
        .ema_decay = ema_decay(options->train.ema, done),
        .lr = step->lr,
        .grad_scale = scale,
        .step = done + 1,
    };
    for (int i = 0; i < trainer->state.optims; i++)
        update.state[i] = trainer->state.optim[i];
    return update;
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

static void read_sums(struct trainer *trainer, struct step *step)
{
    size_t params = trainer->setup.model->params;
    const float *tail = trainer->sum + params;
    double squares = 0;
    for (size_t c = 0; c * OPTIM_CHUNK < params; c++)
        squares += trainer->square_sums[c];
    step->grad_norm = sqrt(squares) / step->samples;
    step->loss = (double)tail[TAIL_LOSS];
    step->correct = (uint64_t)tail[TAIL_CORRECT];
    step->stop = tail[TAIL_STOP] > 0;
    step->checkpoint = tail[TAIL_CHECKPOINT] > 0;
    step->bad = !isfinite(step->loss) || !isfinite(step->grad_norm);
}

/* Norm, then update: each thread on its chunks, thread 0 on what lies between. */
static void apply(void *context, int thread)
{
    struct job *job = context;
    struct trainer *trainer = job->trainer;
    struct team all = crew_all(&trainer->crew, thread);
    size_t begin, end;
    double t = trace_begin();
    chunk_range(trainer, thread, &begin, &end);
    optim_square_sums(trainer->sum, begin, end, trainer->square_sums);
    team_barrier(&all);
    if (thread == 0) {
        read_sums(trainer, job->step);
        job->update = plan_update(trainer, job->step);
    }
    team_barrier(&all);
    if (!job->step->bad)
        optim_apply(&trainer->setup.options->optim, &job->update, begin, end);
    trace_end("update", "own part", t);
}

/* An evaluation that would not be done in time is not begun, once one was timed. */
static bool time_is_up(const struct trainer *trainer)
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
    const struct comm *comm = trainer->setup.comm;
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
        .stop = stop_requested() || time_is_up(trainer),
        .checkpoint = checkpoint_clock(trainer),
    };
    where_step(trainer->progress.step + 1);
    TRY(trainer_prepare(trainer));
    bool idle = step->end == step->begin;
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
    phases_add(&trainer->phases, PHASE_UPDATE, t);
    if (someone_idle(trainer, step))
        share_flags(&job);
    trace_end("step", NULL, begin);
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
        trainer_load_grain(trainer, step, &lane, g);
        struct grain_pass pass = grain_pass(trainer, step, &lane, g);
        pass.train = false;
        model_forward(trainer->setup.model, lane.ws, &pass);
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

/* --- bad numbers --- */

/* Forward again, one thread, over this rank's grains: the first layer with bad output. */
static bool find_layer(struct trainer *trainer, const struct step *step, int *grain,
                       int *layer)
{
    struct lane lane = {.team = {.size = 1}, .ws = &trainer->crew.workspace[0]};
    for (int g = step->begin; g < step->end; g++) {
        trainer_load_grain(trainer, step, &lane, g);
        struct grain_pass pass = grain_pass(trainer, step, &lane, g);
        model_forward(trainer->setup.model, lane.ws, &pass);
        *grain = g;
        *layer = model_find_bad(trainer->setup.model, lane.ws, pass.n);
        if (*layer >= 0)
            return true;
    }
    return false;
}

const char *trainer_bad_layer(const struct trainer *trainer, const float *vector)
{
    const struct model *model = trainer->setup.model;
    for (int l = model->layers - 1; l >= 0; l--) {
        const struct layer *layer = model->layer[l];
        for (int t = 0; t < layer->tensors; t++)
            if (!vector_finite(vector + layer->tensor[t].offset, layer->tensor[t].count))
                return layer->name;
    }
    return NULL;
}

void trainer_explain_bad(struct trainer *trainer, const struct step *step)
{
    const struct model *model = trainer->setup.model;
    int grain = 0, layer = 0;
    double first = -1e300; /* the largest of -(grain, layer) is the first of all ranks */
    if (find_layer(trainer, step, &grain, &layer))
        first = -((double)grain * MODEL_LAYERS + layer);
    comm_max_f64(trainer->setup.comm, &first, 1);
    unsigned long long number = trainer->progress.step + 1;
    log_set_replicated(true);
    if (first > -1e300) {
        log_error("step %llu: loss is %g: bad numbers first in the output of layer '%s'; "
                  "lower optim.lr or set train.clip and go on by --resume (from an "
                  "older checkpoint, if the newest is of diverged weights: remove it)",
                  number, fabs(step->loss) / step->samples, /* not "-nan" */
                  model->step[(long long)-first % MODEL_LAYERS]->name);
    } else {
        const char *name = trainer_bad_layer(trainer, trainer->sum);
        log_error("step %llu: the gradient is not finite, first in layer '%s'; lower "
                  "optim.lr or set train.clip, then go on from the last checkpoint",
                  number, name ? name : "(norm)");
    }
    log_set_replicated(false);
}
