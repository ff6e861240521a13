#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "base/where.h"
#include "comm/tree.h"
#include "trainer_impl.h"

#define METRICS_SECONDS 5 /* between two writings of metrics.h5 for log lines alone */

static void create_vectors(struct trainer *trainer)
{
    const struct run_options *options = trainer->setup.options;
    size_t params = trainer->model->params;
    struct run_state *state = &trainer->state;
    state->params = mem_aligned(params, sizeof(float));
    if (options->train.ema > 0)
        state->ema = mem_aligned(params, sizeof(float));
    state->optims = optim_states(&options->optim);
    for (int i = 0; i < state->optims; i++) {
        state->optim[i] = mem_aligned(params, sizeof(float));
        state->optim_name[i] = optim_state_name(&options->optim, i);
    }
    trainer->sum = mem_aligned(params + TAIL_COUNT, sizeof(float));
    norm_init(&trainer->norm, trainer->model);
}

static int grains_of(const struct run_options *options)
{
    return (options->train.batch + options->train.grain - 1) / options->train.grain;
}

static struct reduce_size reduce_size_of(const struct model *model, int lanes, int grains,
                                         int most)
{
    return (struct reduce_size){
        .params = model->params,
        .lanes = lanes,
        .grains = (most + lanes - 1) / lanes,
        .all = most == grains,
    };
}

/* The first rank of a stage has the most grains. */
static struct reduce_size reduce_size(const struct trainer_setup *setup,
                                      const struct stage *stage)
{
    int grains = grains_of(setup->options), begin, most;
    comm_share(stage->peers, grains, 0, &begin, &most);
    return reduce_size_of(stage->model, setup->plan->lanes, grains, most);
}

static size_t bytes_of(const struct run_options *options, const struct stage *stage,
                       struct reduce_size size, bool copies)
{
    size_t kept = 1 + (size_t)optim_states(&options->optim) + (options->train.ema > 0);
    size_t vectors = kept + (copies ? kept : 0) + 1; /* the sum */
    size_t floats = vectors * stage->model->params + reduce_floats(size);
    return crew_bytes(stage, size.lanes) + floats * sizeof(float);
}

/* Between nodes: received, held and, by MPI, copied on both sides. Inside they lie in
   shared memory. */
static size_t bytes_sent(const struct run_options *options, const struct stage *stage)
{
    const struct comm *peers = stage->peers;
    struct tree_node nodes[TREE_NODES_MAX];
    int grains = grains_of(options), begin, end;
    if (comm_size(peers) == comm_node_size(peers))
        return 0;
    comm_share(peers, grains, comm_rank(peers), &begin, &end);
    size_t parts = (size_t)tree_cover(grains, begin, end, nodes);
    return (2 + 2 * parts) * stage->model->params * sizeof(float);
}

size_t trainer_bytes(const struct trainer_setup *setup)
{
    struct stage alone;
    stage_init_whole(&alone, setup->comm, setup->model);
    const struct stage *stage = setup->stage ? setup->stage : &alone;
    bool copies = setup->folder && stage->count == 1 && comm_rank(setup->comm) == 0;
    return bytes_of(setup->options, stage, reduce_size(setup, stage), copies) +
           bytes_sent(setup->options, stage);
}

size_t trainer_bytes_least(const struct run_options *options, const struct stage *stage,
                           int replicas)
{
    int grains = grains_of(options), begin, most;
    tree_share(grains, replicas, 0, &begin, &most);
    return bytes_of(options, stage, reduce_size_of(stage->model, 1, grains, most), false);
}

/* The vectors that ranks exchange lie where those of the same node can read them. */
static void create_reduce(struct trainer *trainer)
{
    struct comm *comm = trainer->stage->peers;
    comm_align(comm, trainer->setup.plan->align);
    struct reduce_size size = reduce_size(&trainer->setup, trainer->stage);
    float *memory = comm_vectors(comm, reduce_floats(size));
    reduce_init(&trainer->reduce, size, memory);
    comm_tree_use(comm, trainer->setup.plan->reduce);
}

struct trainer *trainer_create(const struct trainer_setup *setup)
{
    struct trainer *trainer = mem_zeroed(1, sizeof *trainer);
    const struct run_options *options = setup->options;
    const struct dataset_info *data = &setup->dataset->info;
    trainer->setup = *setup;
    stage_init_whole(&trainer->alone, setup->comm, setup->model);
    trainer->stage = setup->stage ? setup->stage : &trainer->alone;
    trainer->model = trainer->stage->model;
    crew_init(&trainer->crew, trainer->stage, setup->plan);
    flow_init(&trainer->flow, &trainer->crew);
    create_reduce(trainer);
    loader_init(&trainer->train, setup->dataset, DATASET_TRAIN);
    loader_shuffle(&trainer->train, options->train.seed, &options->augment);
    loader_init(&trainer->test, setup->dataset, DATASET_TEST);
    trainer->train.input.shift_x = trainer->test.input.shift_x = options->input.shift_x;
    trainer->train.input.shift_y = trainer->test.input.shift_y = options->input.shift_y;
    trainer->has_test = data->count[DATASET_TEST] > 0;
    uint64_t batch = (uint64_t)options->train.batch;
    trainer->epoch_steps = (data->count[DATASET_TRAIN] + batch - 1) / batch;
    trainer->total_steps = options->train.steps > 0
                               ? (uint64_t)options->train.steps
                               : (uint64_t)options->train.epochs * trainer->epoch_steps;
    trainer->saved_step = UINT64_MAX;
    trainer_input_init(trainer);
    create_vectors(trainer);
    overlap_init(&trainer->overlap, trainer->stage->peers, &trainer->reduce,
                 trainer->model, setup->plan, options->parallel.overlap, trainer->sum);
    metrics_init(&trainer->metrics, data->classes);
    trainer_saver_init(trainer);
    return trainer;
}

void trainer_free(struct trainer *trainer)
{
    if (!trainer)
        return;
    trainer_saver_release(trainer);
    trainer_input_release(trainer);
    flow_release(&trainer->flow);
    crew_release(&trainer->crew);
    reduce_release(&trainer->reduce);
    loader_release(&trainer->train);
    loader_release(&trainer->test);
    free(trainer->state.params);
    free(trainer->state.ema);
    for (int i = 0; i < trainer->state.optims; i++)
        free(trainer->state.optim[i]);
    free(trainer->sum);
    norm_release(&trainer->norm);
    free(trainer->confusion);
    metrics_release(&trainer->metrics);
    free(trainer);
}

uint64_t trainer_total_steps(const struct trainer *trainer)
{
    return trainer->total_steps;
}

uint64_t trainer_step(const struct trainer *trainer)
{
    return trainer->progress.step;
}

const struct phases *trainer_phases(const struct trainer *trainer)
{
    return &trainer->phases;
}

/* --- the run --- */

static bool evaluation_due(const struct trainer *trainer, uint64_t step)
{
    uint64_t every =
        (uint64_t)trainer->setup.options->train.eval_every * trainer->epoch_steps;
    return trainer->has_test && (step % every == 0 || step == trainer->total_steps);
}

/* Of the same accuracy, that of lower loss; what the best one's was is in the history,
   which rank 0 has. */
static bool is_better(const struct trainer *trainer, double accuracy, double loss)
{
    const struct progress *progress = &trainer->progress;
    double best = 0;
    if (!isfinite(loss))
        return false;
    if (progress->evaluated_step == 0 || accuracy != progress->best_accuracy)
        return progress->evaluated_step == 0 || accuracy > progress->best_accuracy;
    if (comm_rank(trainer->setup.comm) == 0)
        best = metrics_eval_loss(&trainer->metrics, progress->best_step);
    comm_bcast(trainer->setup.comm, &best, sizeof best, 0);
    return loss < best;
}

static enum status evaluate_now(struct trainer *trainer)
{
    struct progress *progress = &trainer->progress;
    struct evaluation result;
    const float *weights =
        trainer->state.ema ? trainer->state.ema : trainer->state.params;
    double t = timer_now();
    TRY(evaluate(trainer->setup.comm, &trainer->crew, &trainer->test, weights,
                 trainer_latest(trainer), &result, NULL));
    double accuracy = (double)result.correct / (double)result.count;
    bool first = progress->evaluated_step == 0;
    bool better = is_better(trainer, accuracy, result.loss);
    bool gain = first || accuracy > progress->best_accuracy +
                                        trainer->setup.options->early_stop.min_delta;
    progress->evaluated_step = progress->step;
    trainer->saved_step = UINT64_MAX; /* what is saved does not know of this yet */
    progress->evals_without_gain = gain ? 0 : progress->evals_without_gain + 1;
    if (better) {
        progress->best_accuracy = accuracy;
        progress->best_step = progress->step;
    }
    struct metrics_eval entry = {progress->step, result.loss, accuracy};
    if (comm_rank(trainer->setup.comm) == 0)
        metrics_add_eval(&trainer->metrics, &entry, result.confusion);
    report_evaluation(trainer, &result);
    free(trainer->confusion);
    trainer->confusion = result.confusion;
    trainer->best_due = better && trainer->setup.options->checkpoint.keep_best;
    double now = phases_add(&trainer->phases, PHASE_EVALUATE, t);
    if (now - t > trainer->slowest_evaluation)
        trainer->slowest_evaluation = now - t;
    return ST_OK;
}

static bool out_of_patience(const struct trainer *trainer)
{
    int patience = trainer->setup.options->early_stop.patience;
    return patience > 0 && trainer->progress.evals_without_gain >= (uint64_t)patience;
}

/* Did the step just done cross a multiple of `every` steps? */
static bool crossed(double every, uint64_t step)
{
    return every > 0 && (uint64_t)((double)step / every + 1e-9) >
                            (uint64_t)((double)(step - 1) / every + 1e-9);
}

static bool checkpoint_due(const struct trainer *trainer, const struct step *step)
{
    const struct checkpoint_options *options = &trainer->setup.options->checkpoint;
    uint64_t done = trainer->progress.step;
    return step->checkpoint || step->stop || done == trainer->total_steps ||
           crossed((double)options->every_steps, done) ||
           crossed(options->every_epochs * (double)trainer->epoch_steps, done);
}

static void log_interval(struct trainer *trainer, const struct step *step)
{
    struct progress *progress = &trainer->progress;
    struct interval *interval = &trainer->interval;
    double samples = (double)progress->interval_samples;
    struct metrics_train entry = {
        .step = progress->step,
        .loss = progress->interval_loss / samples,
        .accuracy = (double)progress->interval_correct / samples,
        .lr = step->lr,
        .grad_norm = step->grad_norm,
        .images_per_second = (double)interval->samples / interval->seconds,
    };
    if (comm_rank(trainer->setup.comm) == 0)
        metrics_add_train(&trainer->metrics, &entry);
    report_interval(trainer, &entry);
    trainer_input_news(trainer);
    *interval = (struct interval){0};
    progress->interval_loss = 0;
    progress->interval_correct = progress->interval_samples = 0;
    if (timer_now() - trainer->metrics_at > METRICS_SECONDS)
        trainer_save_metrics(trainer);
}

static enum status one_step(struct trainer *trainer, struct step *step)
{
    struct progress *progress = &trainer->progress;
    double begin = timer_now(), reduce = trainer->phases.seconds[PHASE_REDUCE];
    trainer->overlap.spanned = trainer->overlap.waited = 0;
    TRY(trainer_do_step(trainer, step));
    if (step->bad) {
        trainer_explain_bad(trainer, step);
        return ST_FAIL;
    }
    double seconds = timer_now() - begin;
    if (seconds > trainer->slowest_step)
        trainer->slowest_step = seconds;
    trainer->interval.seconds += seconds;
    trainer->interval.reduce += trainer->phases.seconds[PHASE_REDUCE] - reduce;
    trainer->interval.spanned += trainer->overlap.spanned;
    trainer->interval.waited += trainer->overlap.waited;
    trainer->interval.steps++;
    trainer->interval.samples += (uint64_t)step->samples;
    progress->step++;
    progress->epoch = (double)progress->step / (double)trainer->epoch_steps;
    progress->interval_loss += step->loss;
    progress->interval_correct += step->correct;
    progress->interval_samples += (uint64_t)step->samples;
    return ST_OK;
}

static enum status train_steps(struct trainer *trainer)
{
    const struct log_options *log = &trainer->setup.options->log;
    struct progress *progress = &trainer->progress;
    while (progress->step < trainer->total_steps && !out_of_patience(trainer)) {
        struct step step;
        TRY(one_step(trainer, &step));
        bool last = progress->step == trainer->total_steps;
        bool owed = evaluation_due(trainer, progress->step);
        if (progress->step % (uint64_t)log->every == 0 || last)
            log_interval(trainer, &step);
        enum status st = owed && !step.stop ? evaluate_now(trainer) : ST_OK;
        if (st != ST_AGAIN)
            TRY(st);
        step.stop = step.stop || st == ST_AGAIN;
        bool due = checkpoint_due(trainer, &step);
        if (due || trainer->best_due)
            TRY(trainer_save(trainer, due));
        if (step.stop && (owed || !last))
            return ST_AGAIN;
    }
    return ST_OK;
}

enum status trainer_run(struct trainer *trainer)
{
    struct progress *progress = &trainer->progress;
    double begin = timer_now();
    trainer->saved_at = begin;
    enum status st = ST_OK;
    trainer_input_begin(trainer);
    report_table_head();
    /* A run that was stopped right at the end of an epoch still owes its evaluation. */
    if (progress->step > 0 && progress->evaluated_step < progress->step &&
        evaluation_due(trainer, progress->step))
        st = evaluate_now(trainer);
    if (st == ST_OK && trainer->best_due)
        st = trainer_save(trainer, false);
    if (st == ST_OK)
        st = train_steps(trainer);
    if (st == ST_OK && out_of_patience(trainer)) {
        log_out("stopped early: no better accuracy in %d evaluations\n",
                trainer->setup.options->early_stop.patience);
    }
    if (st == ST_OK && progress->step > 0 && trainer->saved_step != progress->step)
        st = trainer_save(trainer, true);
    if (st != ST_OK && st != ST_AGAIN)
        return st;
    enum status settled = trainer_settle(trainer);
    report_end(trainer, timer_now() - begin);
    return settled == ST_OK ? st : settled;
}
