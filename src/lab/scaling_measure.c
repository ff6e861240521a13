#include "lab/scaling_measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/grain.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "lab/layers.h"
#include "lab/machine.h"
#include "lab/trial.h"
#include "lab/tune.h"
#include "train/reduce.h"

/* --- backward, layer by layer --- */

static enum status scaling_measure_backward(const struct scaling_run *run,
                                            struct scaling *scaling)
{
    const struct model *model = run->model;
    struct scaling_backward *b = &scaling->backward;
    struct plan_bucket bucket[COMM_TREE_PIECES];
    struct parallel_plan plan;
    struct trial_input input;
    double seconds = 0;
    TRY(trial_input(&run->source, &run->options->input.crop, model->grain, &input));
    struct layer_time *times = mem_zeroed((size_t)model->ops, sizeof *times);
    float *params = mem_aligned(model->params, sizeof *params);
    model_init_params(model, 1, params);
    layers_measure(model, params, input.images, times);
    tune_rule(&run->options->parallel, run->threads, &plan);
    b->pieces =
        plan_buckets(&plan, model, model->params + TAIL_COUNT, bucket, EXCHANGE_PIECES);
    for (int p = 0; p < b->pieces; p++)
        b->floats[p] = bucket[p].end - bucket[p].begin;
    b->polls = 0;
    for (int o = model->ops - 1, p = 0; o >= 0; o--) {
        seconds += times[o].backward;
        if (!model->op[o]->tensors)
            continue;
        for (; p < b->pieces && bucket[p].begin >= model->op[o]->tensor[0].offset; p++)
            b->ready[p] = b->polls;
        b->share[b->polls++] = seconds;
    }
    for (int i = 0; i < b->polls; i++)
        b->share[i] /= seconds;
    free(input.images);
    free(params);
    free(times);
    return ST_OK;
}

/* --- sums --- */

static void scaling_measure_sum(const struct scaling_run *run, struct scaling *scaling,
                                int ranks)
{
    struct comm *group = comm_split(run->comm, comm_rank(run->comm) < ranks);
    struct scaling_row row;
    scaling_predict(scaling, ranks, scaling->batch, &row);
    struct scaling_sum *sum = &scaling->sum[scaling->sums++];
    *sum = (struct scaling_sum){.ranks = ranks};
    sum->sum.grains = grain_count((uint64_t)scaling->batch, scaling->grain);
    sum->sum.pieces = scaling->backward.pieces;
    memcpy(sum->sum.floats, scaling->backward.floats, sizeof sum->sum.floats);
    if (comm_rank(run->comm) < ranks)
        exchange_measure_sum(group, row.compute, &sum->sum);
    comm_barrier_idle(run->comm);
    comm_split_free(group);
    comm_bcast(run->comm, sum, sizeof *sum, 0);
}

/* Costs that are not measured. Every float is read and written several times on its way:
   in shared memory once, to be added or copied; through a network three times, because
   the network copies it on both sides. */
static void scaling_set_costs(struct scaling *scaling, double bandwidth)
{
    double touch = 3 * sizeof(float) / bandwidth, bytes = scaling->network.link.bandwidth;
    scaling->costs = (struct scaling_costs){
        .latency = scaling->network.link.latency,
        .message = 1e-6,
        .link = bytes > 0 ? sizeof(float) / bytes : 0,
        .copy = 3 * touch,
        .meeting = 1e-6,
        .touched = touch,
    };
}

/* Rank 0 measures its machine while the others rest. */
static void scaling_measure_machine(const struct scaling_run *run,
                                    struct scaling *scaling)
{
    const int threads[] = {1, run->cpus < MACHINE_THREADS ? run->cpus : MACHINE_THREADS};
    struct machine *machine = mem_zeroed(1, sizeof *machine);
    double bandwidth[2] = {0, 0};
    if (comm_rank(run->comm) == 0) {
        machine_measure(machine, threads, threads[1] > 1 ? 2 : 1);
        enum machine_level level =
            machine_level(machine, 3 * run->model->params * sizeof(float));
        level = level < MACHINE_L3 ? MACHINE_L3 : level; /* from other cores */
        bandwidth[0] = machine->team[machine->teams - 1].bandwidth[MACHINE_MEMORY];
        bandwidth[1] = machine->team[0].bandwidth[level];
    }
    comm_barrier_idle(run->comm);
    comm_bcast(run->comm, bandwidth, sizeof bandwidth, 0);
    scaling->memory_bandwidth = bandwidth[0];
    scaling_set_costs(scaling, bandwidth[1] > 0 ? bandwidth[1] : bandwidth[0]);
    free(machine);
}

enum status scaling_measure(const struct scaling_run *run, struct scaling *scaling,
                            const int *sums, int count)
{
    const struct workload_setup workload = {
        .comm = run->comm,
        .dataset = run->dataset,
        .model = run->model,
        .spec = run->spec,
        .options = run->options,
        .per_node = scaling->per_node,
        .threads = run->threads,
        .cpus = run->cpus,
    };
    enum status st = ST_OK;
    if (comm_rank(run->comm) == 0)
        st = scaling_measure_backward(run, scaling);
    comm_barrier_idle(run->comm);
    TRY(comm_agree(run->comm, st));
    comm_bcast(run->comm, &scaling->backward, sizeof scaling->backward, 0);
    if (!scaling->network.given)
        fabric_measure(run->comm, &scaling->network);
    log_progress("measuring the machine");
    scaling_measure_machine(run, scaling);
    TRY(workload_measure(&workload, scaling->point, scaling->points));
    scaling_measure_sum(run, scaling, 1);
    for (int i = 0; i < count; i++) {
        log_progress("measuring sums over %d ranks", sums[i]);
        scaling_measure_sum(run, scaling, sums[i]);
    }
    return ST_OK;
}
