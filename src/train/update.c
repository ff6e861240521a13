/* update: what follows from a step's sums: the norm of the gradient, the new weights. */
#include <math.h>
#include <string.h>

#include "base/trace.h"
#include "base/where.h"
#include "comm/comm.h"
#include "stepper.h"

/* The average forgets the random start sooner: its decay grows with the steps done, up to
   the config's. */
static double update_ema_decay(double decay, uint64_t step)
{
    double early = (1.0 + (double)step) / (10.0 + (double)step);
    return early < decay ? early : decay;
}

static struct optim_update update_of_step(const struct stepper *stepper,
                                          const struct train_step *step)
{
    const struct run_options *options = stepper->run->setup.options;
    uint64_t done = stepper->run->progress.step;
    double scale = 1.0 / (double)step->batch.grains.samples;
    if (options->train.clip > 0 && step->grad_norm > options->train.clip)
        scale *= options->train.clip / step->grad_norm;
    struct optim_update update = {
        .params = stepper->state.params,
        .grads = stepper->sum,
        .statistics = &stepper->run->model->statistics,
        .samples = (double)step->batch.grains.samples,
        .ema = stepper->state.ema,
        .ema_decay = update_ema_decay(options->train.ema, done),
        .lr = step->lr,
        .grad_scale = scale,
        .step = done + 1,
        .total = stepper->run->total_steps,
        .epoch_steps = stepper->run->epoch_steps,
    };
    for (int i = 0; i < stepper->state.optims; i++)
        update.state[i] = stepper->state.optim[i];
    return update;
}

size_t replica_sums_bytes(int units)
{
    struct replica_sums *sums;
    return sizeof *sums + (size_t)units * sizeof sums->squares[0];
}

static void update_merge_stages(struct stepper *stepper, struct replica_sums *sums)
{
    struct train_run *run = stepper->run;
    if (run->stage->count == 1)
        return;
    double t = timer_now();
    where_mark(WHERE_STAGE);
    comm_merge(run->stage->line, sums, replica_sums_bytes(run->setup.model->units));
    /* the caller books all of the update: this is not part of it */
    run->phases.seconds[PHASE_UPDATE] -= timer_now() - t;
    phases_add(&run->phases, PHASE_STAGE, t);
    where_mark(WHERE_UPDATE);
}

static void update_read_sums(struct stepper *stepper, struct train_step *step)
{
    const struct train_run *run = stepper->run;
    const float *tail = stepper->sum + run->model->params;
    double samples = (double)step->batch.grains.samples;
    int units = run->setup.model->units;
    struct replica_sums *sums = stepper->replica_sums;
    memset(sums, 0, replica_sums_bytes(units));
    sums->loss = (double)tail[TAIL_LOSS];
    sums->correct = (uint64_t)tail[TAIL_CORRECT];
    sums->stop = tail[TAIL_STOP] > 0;
    sums->checkpoint = tail[TAIL_CHECKPOINT] > 0;
    sums->unreadable = tail[TAIL_UNREADABLE] > 0;
    norm_unit_sums(&stepper->norm, sums->squares + run->model->unit_before);
    update_merge_stages(stepper, sums);
    double squares = 0;
    for (int u = 0; u < units; u++)
        squares += sums->squares[u];
    step->grad_norm = sqrt(squares) / samples;
    step->loss = sums->loss;
    step->correct = sums->correct;
    step->flags = (struct step_flags){sums->stop > 0, sums->checkpoint > 0};
    step->unreadable = sums->unreadable > 0;
    step->bad = !isfinite(step->loss) || !isfinite(step->grad_norm) || step->unreadable;
}

void stepper_update(struct stepper *stepper, struct train_step *step,
                    struct optim_update *update, int thread)
{
    struct team all = crew_all(&stepper->crew, thread);
    struct norm *norm = &stepper->norm;
    int first, last;
    double t = trace_begin();
    norm_share(norm, &all, &first, &last);
    optim_drop_resting(&stepper->optim, stepper->run->progress.step + 1,
                       stepper->run->epoch_steps, stepper->sum, norm->begin[first],
                       norm->begin[last]);
    norm_square(norm, stepper->sum, first, last);
    team_barrier(&all);
    if (thread == 0) {
        update_read_sums(stepper, step);
        *update = update_of_step(stepper, step);
    }
    team_barrier(&all);
    if (!step->bad) {
        if (optim_measure(&stepper->optim, update, &all))
            team_barrier(&all);
        optim_apply(&stepper->optim, update, norm->begin[first], norm->begin[last]);
    }
    trace_end("update", "own part", t);
}
