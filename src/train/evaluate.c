#include "train/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "base/grain.h"
#include "base/mem.h"
#include "base/where.h"
#include "comm/comm.h"
#include "comm/tree.h"
#include "evaluate_sets.h"
#include "forward_pass.h"
#include "kernels/vector.h"
#include "train/blend.h"
#include "train/calibration.h"
#include "train/features.h"
#include "train/folded_crew.h"
#include "train/state.h"

/* Grains that a lane takes between two reads, if the set is not in memory; fewer with
   several views, because their answers are kept until the last view. */
#define EVALUATE_GRAINS       64
#define EVALUATE_GRAINS_VIEWS 8

/* What the lanes of a rank share. Each sample and grain has one writer; the other ranks'
   elements stay 0, so that comm_merge completes the arrays. */
struct evaluate_job {
    const struct evaluate_setup *setup;
    struct forward_pass forward;
    struct views views;
    int view;
    float *sum;          /* owned: (samples at hand, classes), of the views so far */
    double *loss;        /* owned: [grain of the split] */
    uint16_t *predicted; /* owned: [sample of the split] */
    struct evaluation_rows *rows;
};

/* Whole words of 8 bytes, as comm_merge wants them. */
static size_t evaluate_predicted_bytes(uint64_t samples)
{
    return (samples * sizeof(uint16_t) + 7) / 8 * 8;
}

static void evaluate_keep_answers(const struct evaluate_job *job,
                                  const struct workspace *ws, uint64_t first, int n)
{
    size_t classes = (size_t)job->setup->crew->model->classes;
    const float *logprobs = ws->logprobs;
    for (int i = 0; i < n && job->predicted; i++)
        job->predicted[first + (uint64_t)i] =
            (uint16_t)vector_argmax(logprobs + (size_t)i * classes, classes);
    for (int i = 0; i < n && job->setup->answer; i++)
        job->setup->answer[first + (uint64_t)i] =
            answer_of(logprobs + (size_t)i * classes, (int)classes, ws->target[i].label);
    if (job->rows)
        memcpy(job->rows->logprobs + (first - job->rows->first) * classes, logprobs,
               (size_t)n * classes * sizeof(float));
}

static int evaluate_stretch(int lanes, int views)
{
    return lanes *
           (views_of_set(views).count > 1 ? EVALUATE_GRAINS_VIEWS : EVALUATE_GRAINS);
}

size_t evaluation_views_bytes(const struct model *model, int lanes, int views)
{
    if (views_of_set(views).count == 1)
        return 0;
    return (size_t)evaluate_stretch(lanes, views) * (size_t)model->grain *
           (size_t)model->classes * sizeof(float);
}

/* Adds the answers of grain g, by one thread; after the last view *ws has the blend. */
static void evaluate_blend(const struct evaluate_job *job, struct workspace *ws, int g,
                           int n)
{
    const struct grain_range *grains = &job->forward.grains;
    const struct model *model = job->setup->crew->model;
    uint64_t before = grain_begin(grains->samples, grains->count, grains->begin);
    uint64_t first = grain_begin(grains->samples, grains->count, g);
    float *sum = job->sum + (first - before) * (uint64_t)model->classes;
    blend_add(model, sum, ws->logprobs, n, job->views.view[job->view].weight);
    if (job->view + 1 == job->views.count)
        blend_finish(model, ws->logprobs, sum, n);
}

/* Called by every member of the team: are the answers complete, after the last view? */
static bool evaluate_is_answered(const struct evaluate_job *job, const struct lane *lane,
                                 struct workspace *ws, int g, int n)
{
    if (job->views.count == 1)
        return true;
    if (lane->team.index == 0)
        evaluate_blend(job, ws, g, n);
    team_barrier(&lane->team);
    return job->view + 1 == job->views.count;
}

static void evaluate_load_features(const struct evaluate_job *job,
                                   const struct lane *lane, struct workspace *ws, int n)
{
    int begin, end;
    team_split(&lane->team, n, &begin, &end);
    for (int i = begin; i < end; i++)
        features_copy(job->setup->features, (uint32_t)job->view, ws->sample[i], ws, i);
    team_barrier(&lane->team);
}

static void evaluate_grain(const struct forward_pass *forward, const struct lane *lane,
                           struct workspace *ws, int g)
{
    const struct evaluate_job *job = forward->context;
    const struct evaluate_setup *setup = job->setup;
    const struct model *model = setup->crew->model;
    int n = forward_pass_samples(forward, g);
    forward_pass_load(forward, lane, ws, g);
    if (setup->features)
        evaluate_load_features(job, lane, ws, n);
    struct grain_pass pass = {.team = lane->team,
                              .n = n,
                              .from = setup->features ? setup->features->value : 0,
                              .params = setup->params,
                              .packed = setup->crew->packed};
    struct grain_result result;
    model_forward(model, ws, &pass);
    if (!stage_last(setup->crew->stage) || !evaluate_is_answered(job, lane, ws, g, n))
        return;
    model_loss(model, ws, &pass, &result);
    if (lane->team.index == 0) {
        const struct grain_range *grains = &forward->grains;
        job->loss[g] = (double)result.loss;
        if (setup->temperature > 0)
            calibration_apply(ws->logprobs, (size_t)n, model->classes,
                              setup->temperature);
        evaluate_keep_answers(job, ws, grain_begin(grains->samples, grains->count, g), n);
    }
    team_barrier(&lane->team);
}

/* Takes the grains at hand through the network, once for each view. */
static void evaluate_look(struct evaluate_job *job)
{
    struct loader *loader = job->setup->loader;
    if (job->sum)
        memset(job->sum, 0,
               evaluation_views_bytes(job->setup->crew->model,
                                      job->setup->crew->plan.lanes, job->setup->views));
    for (job->view = 0; job->view < job->views.count; job->view++) {
        loader->view = job->views.count > 1 ? &job->views.view[job->view] : NULL;
        forward_pass_run(&job->forward);
    }
    loader->view = NULL;
}

/* Evaluates the rank's share of all grains, stretch by stretch. */
static enum status evaluate_share(struct evaluate_job *job, int begin, int end)
{
    const struct crew *crew = job->setup->crew;
    struct grain_range *grains = &job->forward.grains;
    int stretch = evaluate_stretch(crew->plan.lanes, job->setup->views);
    uint64_t most = (uint64_t)stretch * (uint64_t)crew->model->grain;
    for (grains->begin = begin; grains->begin < end; grains->begin = grains->end) {
        grains->end = grains->begin + stretch < end ? grains->begin + stretch : end;
        enum status st = forward_pass_may_go_on(job->setup->latest);
        TRY(forward_pass_read(&job->forward, most, st));
        evaluate_look(job);
    }
    return ST_OK;
}

static void evaluate_count(const struct evaluate_job *job, struct evaluation *result)
{
    const struct evaluate_setup *setup = job->setup;
    const struct loader *loader = setup->loader;
    struct confusion *confusion = &result->confusion;
    uint64_t samples = result->count;
    comm_merge(setup->comm, job->predicted, evaluate_predicted_bytes(samples));
    if (setup->answer)
        comm_merge(setup->comm, setup->answer, answers_bytes(samples));
    confusion_init(confusion, setup->crew->model->classes, samples);
    for (uint64_t i = 0; i < samples; i++) {
        int label = loader_class(loader, i);
        confusion_add(confusion, label, job->predicted[i]);
        result->correct += label == job->predicted[i];
    }
    confusion_finish(confusion);
}

/* Sums in the order of grains and samples, on every rank for itself. */
static void evaluate_sum_up(const struct evaluate_job *job, struct evaluation *result)
{
    const struct evaluate_setup *setup = job->setup;
    int grains = job->forward.grains.count;
    double loss = 0;
    comm_merge(setup->comm, job->loss, (size_t)grains * sizeof *job->loss);
    for (int g = 0; g < grains; g++)
        loss += job->loss[g];
    result->count = job->forward.grains.samples;
    result->loss = loss / (double)result->count;
    if (setup->crew->model->multi_label)
        evaluate_count_sets(setup, job->rows, result);
    else
        evaluate_count(job, result);
}

/* The rank's share of all grains. */
static struct grain_range evaluate_grains(const struct stage *stage, uint64_t samples)
{
    struct grain_range grains = {.samples = samples,
                                 .count = grain_count(samples, stage->whole->grain)};
    tree_share(grains.count, comm_size(stage->peers), comm_rank(stage->peers),
               &grains.begin, &grains.end);
    return grains;
}

static void evaluate_create_rows(const struct evaluate_job *job)
{
    const struct crew *crew = job->setup->crew;
    *job->rows = (struct evaluation_rows){0};
    uint64_t count = grain_range_samples(&job->forward.grains, &job->rows->first);
    if (stage_last(crew->stage))
        job->rows->count = count;
    job->rows->logprobs =
        mem_zeroed(job->rows->count * (uint64_t)crew->model->classes, sizeof(float));
}

enum status evaluate(const struct evaluate_setup *setup, struct evaluation *result,
                     struct evaluation_rows *rows)
{
    uint64_t samples = setup->loader->dataset->info.count[setup->loader->split];
    *result = (struct evaluation){0};
    ASSERT(samples > 0);
    const struct grain_range share = evaluate_grains(setup->crew->stage, samples);
    bool sets = setup->crew->model->multi_label;
    struct evaluation_rows own = {0};
    struct evaluate_job job = {
        .setup = setup,
        .forward = {.crew = setup->crew,
                    .loader = setup->loader,
                    .labels_only = setup->features != NULL,
                    .grains = share,
                    .grain = evaluate_grain},
        .views = views_of_set(setup->views),
        .loss = mem_zeroed((size_t)share.count, sizeof(double)),
        .predicted = sets ? NULL : mem_zeroed(evaluate_predicted_bytes(samples), 1),
        .rows = sets && !rows ? &own : rows,
    };
    if (job.rows)
        evaluate_create_rows(&job);
    if (job.views.count > 1)
        job.sum =
            mem_zeroed(evaluation_views_bytes(setup->crew->model, setup->crew->plan.lanes,
                                              setup->views),
                       1);
    job.forward.context = &job;
    forward_pass_init(&job.forward);
    enum status st = evaluate_share(&job, share.begin, share.end);
    forward_pass_release(&job.forward);
    where_mark(WHERE_EVALUATE);
    if (st == ST_OK)
        st = dataset_failure(setup->loader->dataset);
    st = comm_agree(setup->comm, st);
    if (st == ST_OK)
        evaluate_sum_up(&job, result);
    free(job.sum);
    free(job.loss);
    free(job.predicted);
    evaluation_rows_release(&own);
    return st;
}

void evaluation_release(struct evaluation *evaluation)
{
    confusion_release(&evaluation->confusion);
    free(evaluation->average_precision);
    *evaluation = (struct evaluation){0};
}

void evaluation_rows_release(struct evaluation_rows *rows)
{
    free(rows->logprobs);
    *rows = (struct evaluation_rows){0};
}

size_t evaluation_rows_bytes(const struct stage *stage, uint64_t samples)
{
    const struct grain_range share = evaluate_grains(stage, samples);
    uint64_t first, count = grain_range_samples(&share, &first);
    return count * (size_t)stage->whole->classes * sizeof(float);
}

size_t evaluation_answer_bytes(const struct stage *stage,
                               const struct parallel_plan *plan, uint64_t samples)
{
    const struct model *model = stage->whole;
    size_t loss = (size_t)grain_count(samples, model->grain) * sizeof(double);
    if (samples > 0 && model->multi_label)
        return loss + evaluation_rows_bytes(stage, samples) +
               evaluate_sets_bytes(model->classes, plan->threads, samples);
    return loss + evaluate_predicted_bytes(samples) +
           confusion_bytes(model->classes, samples);
}

size_t evaluation_bytes(const struct stage *stage, const struct parallel_plan *plan,
                        uint64_t samples)
{
    size_t tensor = state_largest(stage->whole) * sizeof(float);
    size_t crew = folded_crew_bytes(stage, plan);
    return stage->model->params * sizeof(float) + (crew > tensor ? crew : tensor) +
           evaluation_answer_bytes(stage, plan, samples);
}
