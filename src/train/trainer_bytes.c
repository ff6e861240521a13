/* trainer_bytes: how much memory training takes, before anything is allocated. */
#include "average.h"
#include "base/grain.h"
#include "comm/comm.h"
#include "comm/tree.h"
#include "train/evaluate.h"
#include "train/folded_crew.h"
#include "train/trainer.h"

static int bytes_grains(const struct run_options *options, const struct stage *stage)
{
    return grain_count((uint64_t)options->train.batch, stage->model->grain);
}

/* Workspaces and vectors. copies: this process copies the vectors before it writes them
   into a checkpoint. */
static size_t bytes_vectors(const struct run_options *options, const struct stage *stage,
                            const struct parallel_plan *plan, struct reduce_size size,
                            bool copies)
{
    size_t kept = 1 + (size_t)optim_states(&options->optim) + (options->train.ema > 0);
    size_t vectors = kept + (copies ? kept : 0) + 1; /* the sum */
    size_t floats = vectors * stage->model->params + reduce_floats(size);
    return crew_bytes(stage, plan) + floats * sizeof(float);
}

/* Between nodes: received, held and, by MPI, copied on both sides. Inside a node the
   vectors lie in shared memory. */
static size_t bytes_sent(const struct run_options *options, const struct stage *stage)
{
    const struct comm *peers = stage->peers;
    struct tree_node nodes[TREE_NODES_MAX];
    int grains = bytes_grains(options, stage), begin, end;
    if (comm_size(peers) == comm_node_size(peers))
        return 0;
    comm_share(peers, grains, comm_rank(peers), &begin, &end);
    size_t terms = (size_t)tree_cover(grains, begin, end, nodes);
    return (2 + 2 * terms) * stage->model->params * sizeof(float);
}

/* The counts of the last evaluation are kept while the next one is made. Rank 0 has the
   history; if it writes, also a copy of it. */
static size_t bytes_evaluation(const struct trainer_setup *setup,
                               const struct stage *stage, bool copies)
{
    const struct dataset_info *data = &setup->dataset->info;
    uint64_t samples = data->count[dataset_choosing(data)];
    if (samples == 0)
        return 0;
    size_t history = comm_rank(setup->comm) == 0 ? metrics_bytes(data->classes) : 0;
    if (copies)
        history = 2 * history + metrics_write_bytes(data->classes);
    size_t folded = fold_helps(stage->model) ? folded_crew_bytes(stage, setup->plan) : 0;
    return evaluation_answer_bytes(stage, setup->plan, samples) + folded +
           evaluation_views_bytes(setup->model, setup->plan->lanes,
                                  setup->options->eval.views) +
           confusion_kept_bytes(data->classes) + history;
}

/* The lists of each class's images. */
static size_t bytes_balance(const struct trainer_setup *setup)
{
    const struct dataset_info *data = &setup->dataset->info;
    return setup->options->input.sampling == SAMPLING_BALANCED
               ? balance_bytes(data->count[DATASET_TRAIN], data->classes)
               : 0;
}

size_t trainer_bytes(const struct trainer_setup *setup)
{
    const struct run_options *options = setup->options;
    struct stage whole;
    stage_init_whole(&whole, setup->comm, setup->model);
    const struct stage *stage = setup->stage ? setup->stage : &whole;
    bool writes = setup->folder && comm_rank(setup->comm) == 0;
    int grains = bytes_grains(options, stage), begin, most;
    comm_share(stage->peers, grains, 0, &begin, &most);
    struct reduce_size size =
        stepper_reduce_size(stage->model, setup->plan->lanes, grains, most);
    return bytes_vectors(options, stage, setup->plan, size, writes && stage->count == 1) +
           bytes_sent(options, stage) + bytes_evaluation(setup, stage, writes) +
           bytes_balance(setup) +
           average_bytes(setup, stage, (uint64_t)most * (uint64_t)setup->model->grain);
}

size_t trainer_bytes_least(const struct run_options *options, const struct stage *stage,
                           int replicas)
{
    struct parallel_plan plan;
    int grains = bytes_grains(options, stage), begin, most;
    plan_init(&plan, 1);
    tree_share(grains, replicas, 0, &begin, &most);
    return bytes_vectors(options, stage, &plan,
                         stepper_reduce_size(stage->model, 1, grains, most), false);
}
