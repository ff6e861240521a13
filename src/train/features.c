#include "train/features.h"

#include <stdlib.h>
#include <string.h>

#include "base/div.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "comm/tree.h"
#include "features_impl.h"
#include "forward_pass.h"

#define FEATURES_GRAINS 64        /* of a lane between two reads of a set not in memory */
#define FEATURES_BLOCK  (4 << 20) /* bytes that a rank sends the others at once */

static size_t features_row(const struct model *model, int value)
{
    return (size_t)shape_size(model_value_shape(model, value));
}

size_t features_bytes(const struct model *model, int value, uint64_t count, int views)
{
    return (size_t)views * count * features_row(model, value) * sizeof(float);
}

static float *features_at(const struct features *features, uint32_t view, uint64_t sample)
{
    return features->data + (view * features->count + sample) * features->row;
}

bool features_init(struct features *features, const struct features_setup *setup)
{
    const struct model *model = setup->crew->model;
    const struct loader *loader = setup->loader;
    *features = (struct features){
        .value = setup->value,
        .views = setup->views,
        .row = features_row(model, setup->value),
        .count = loader->dataset->info.count[loader->split],
    };
    size_t bytes =
        features_bytes(model, features->value, features->count, features->views);
    void *data;
    features->window = comm_shared_create(setup->comm, bytes, &data);
    features->data = features->window ? data : NULL;
    return features->window;
}

void features_release(struct features *features)
{
    comm_shared_free(features->window);
    *features = (struct features){0};
}

void features_copy(const struct features *features, uint32_t view, uint64_t number,
                   struct workspace *ws, int i)
{
    memcpy(ws->activation[features->value] + (size_t)i * features->row,
           features_at(features, view, number), features->row * sizeof(float));
}

/* --- from node to node --- */

/* Has a rank of this node written what rank `owner` has? */
static bool features_is_near(const struct comm *comm, int owner)
{
    int first = comm_rank(comm) - comm_node_rank(comm);
    return owner >= first && owner < first + comm_node_size(comm);
}

/* A broadcast is for all ranks: those that neither send nor write receive it aside. */
void features_send(struct features *features, struct comm *comm, int owner, size_t first,
                   size_t count)
{
    size_t block = FEATURES_BLOCK / sizeof(float);
    bool writes = comm_node_rank(comm) == 0 && !features_is_near(comm, owner);
    bool in_place = writes || comm_rank(comm) == owner;
    float *aside = in_place ? NULL : mem_aligned(block, sizeof *aside);
    for (size_t i = first; i < first + count; i += block) {
        size_t left = first + count - i, n = left < block ? left : block;
        comm_bcast(comm, in_place ? features->data + i : aside, n * sizeof *aside, owner);
    }
    free(aside);
}

void features_sync(const struct features *features)
{
    comm_shared_sync(features->window);
}

/* --- computing --- */

struct features_job {
    struct features *features;
    const struct features_setup *setup;
    struct forward_pass forward;
    uint32_t view;
};

static void features_keep(const struct features_job *job, const struct lane *lane,
                          const struct workspace *ws, int n)
{
    struct features *features = job->features;
    const float *from = ws->activation[features->value];
    int begin, end;
    team_split(&lane->team, n, &begin, &end);
    for (int i = begin; i < end; i++)
        memcpy(features_at(features, job->view, ws->sample[i]),
               from + (size_t)i * features->row, features->row * sizeof *from);
    team_barrier(&lane->team);
}

static void features_grain(const struct forward_pass *forward, const struct lane *lane,
                           struct workspace *ws, int grain)
{
    const struct features_job *job = forward->context;
    const struct crew *crew = job->setup->crew;
    const struct grain_pass pass = {.team = lane->team,
                                    .n = forward_pass_samples(forward, grain),
                                    .to = job->features->value,
                                    .params = job->setup->params,
                                    .packed = crew->packed};
    forward_pass_load(forward, lane, ws, grain);
    model_forward(crew->model, ws, &pass);
    features_keep(job, lane, ws, pass.n);
}

static struct grain_range features_grains(const struct features *features,
                                          const struct features_setup *setup, int rank)
{
    struct grain_range grains = {
        .samples = features->count,
        .count = grain_count(features->count, setup->crew->model->grain)};
    tree_share(grains.count, comm_size(setup->comm), rank, &grains.begin, &grains.end);
    return grains;
}

/* Computes stretch `round` of the rank's share, if there is one. */
static enum status features_compute_stretch(struct features_job *job,
                                            const struct grain_range *share, int stretch,
                                            int round)
{
    struct grain_range *grains = &job->forward.grains;
    uint64_t most = (uint64_t)stretch * (uint64_t)job->setup->crew->model->grain;
    enum status st = forward_pass_may_go_on(job->setup->latest);
    grains->begin = share->begin + round * stretch;
    if (grains->begin >= share->end)
        return st;
    int left = share->end - grains->begin;
    grains->end = grains->begin + (stretch < left ? stretch : left);
    TRY(forward_pass_read(&job->forward, most, st));
    forward_pass_run(&job->forward);
    return ST_OK;
}

/* Computes the rank's share, stretch by stretch. All ranks end after the same one. */
static enum status features_compute_share(struct features_job *job)
{
    const struct features_setup *setup = job->setup;
    struct comm *comm = setup->comm;
    struct grain_range share = features_grains(job->features, setup, comm_rank(comm));
    int stretch = setup->crew->plan.lanes * FEATURES_GRAINS;
    struct grain_range largest = features_grains(job->features, setup, 0);
    int rounds = div_up(largest.end - largest.begin, stretch);
    for (int round = 0; round < rounds; round++)
        TRY(comm_agree(comm, features_compute_stretch(job, &share, stretch, round)));
    return comm_agree(comm, dataset_failure(setup->loader->dataset));
}

/* Sends every rank's share to the nodes that lack it. */
static void features_exchange(struct features *features,
                              const struct features_setup *setup, int view)
{
    struct comm *comm = setup->comm;
    features_sync(features);
    for (int rank = 0; comm_far_rank(comm) > 0 && rank < comm_size(comm); rank++) {
        struct grain_range share = features_grains(features, setup, rank);
        uint64_t first, count = grain_range_samples(&share, &first);
        features_send(features, comm, rank,
                      ((size_t)view * features->count + first) * features->row,
                      count * features->row);
    }
    features_sync(features);
}

enum status features_compute(struct features *features,
                             const struct features_setup *setup, int view)
{
    struct features_job job = {.features = features,
                               .setup = setup,
                               .view = (uint32_t)view,
                               .forward = {.crew = setup->crew,
                                           .loader = setup->loader,
                                           .epoch = (uint32_t)view,
                                           .grains = features_grains(features, setup, 0),
                                           .grain = features_grain}};
    job.forward.context = &job;
    setup->loader->view = setup->view ? &setup->view[view] : NULL;
    forward_pass_init(&job.forward);
    enum status st = features_compute_share(&job);
    forward_pass_release(&job.forward);
    setup->loader->view = NULL;
    if (st == ST_OK)
        features_exchange(features, setup, view);
    return st;
}
