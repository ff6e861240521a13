/* update: what follows from a step's sums: the gradient's norm, the new weights. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/trace.h"
#include "base/where.h"
#include "trainer_impl.h"

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
        .ranges = &trainer->model->ranges,
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

/* What the stages of a replica complete for each other: each writes what it knows, the
   rest is 0. In words of 8 bytes. */
struct replica_sums {
    double loss;
    uint64_t correct, stop, checkpoint;
    double squares[]; /* of the gradient, by unit of the whole model */
};

static void merge(struct trainer *trainer, struct replica_sums *sums, size_t bytes)
{
    if (trainer->stage->count == 1)
        return;
    double t = timer_now();
    where_mark(WHERE_STAGE);
    comm_merge(trainer->stage->line, sums, bytes);
    /* all of the update is timed by the caller: this is not part of it */
    trainer->phases.seconds[PHASE_UPDATE] -= timer_now() - t;
    phases_add(&trainer->phases, PHASE_STAGE, t);
    where_mark(WHERE_UPDATE);
}

static void read_sums(struct trainer *trainer, struct step *step)
{
    const float *tail = trainer->sum + trainer->model->params;
    int units = trainer->setup.model->units;
    struct replica_sums *sums;
    size_t bytes = sizeof *sums + (size_t)units * sizeof sums->squares[0];
    sums = mem_zeroed(1, bytes);
    sums->loss = (double)tail[TAIL_LOSS];
    sums->correct = (uint64_t)tail[TAIL_CORRECT];
    sums->stop = tail[TAIL_STOP] > 0;
    sums->checkpoint = tail[TAIL_CHECKPOINT] > 0;
    norm_unit_sums(&trainer->norm, sums->squares + trainer->model->unit_before);
    merge(trainer, sums, bytes);
    double squares = 0;
    for (int u = 0; u < units; u++)
        squares += sums->squares[u];
    step->grad_norm = sqrt(squares) / step->samples;
    step->loss = sums->loss;
    step->correct = sums->correct;
    step->stop = sums->stop > 0;
    step->checkpoint = sums->checkpoint > 0;
    free(sums);
    step->bad = !isfinite(step->loss) || !isfinite(step->grad_norm);
}

void trainer_update(struct trainer *trainer, struct step *step,
                    struct optim_update *update, int thread)
{
    struct team all = crew_all(&trainer->crew, thread);
    struct norm *norm = &trainer->norm;
    int first, last;
    double t = trace_begin();
    norm_share(norm, &all, &first, &last);
    norm_square(norm, trainer->sum, first, last);
    team_barrier(&all);
    if (thread == 0) {
        read_sums(trainer, step);
        *update = plan_update(trainer, step);
    }
    team_barrier(&all);
    if (!step->bad)
        optim_apply(&trainer->setup.options->optim, update, norm->begin[first],
                    norm->begin[last]);
    trace_end("update", "own part", t);
}
