#include "lab/results.h"

#include <stdio.h>
#include <string.h>

const int results_sizes[RESULTS_GAINS] = {16, 100, 1000, 10000};

/* As many as the machine has CPUs for, of those that were measured. */
static int fair_threads(const struct machine *machine)
{
    int threads = machine->team[machine->teams - 1].threads;
    for (int t = 0; t < machine->teams; t++)
        if (machine->team[t].threads <= machine->cpus && machine->team[t].threads > 1)
            threads = machine->team[t].threads;
    return threads;
}

void results_measure_beside(struct results *results, const struct model *model)
{
    results->threads = fair_threads(&results->machine);
    microbench_layouts(&results->layouts, results->table.batch);
    results->walks = microbench_walks(&results->machine, results->walk);
    results->ways =
        microbench_ways(model, results->table.batch, results->way, RESULTS_WAYS);
    for (int i = 0; i < RESULTS_GAINS; i++) {
        results->relu_gain[i] = microbench_vector_gain(OP_RELU, (size_t)results_sizes[i]);
        results->gelu_gain[i] = microbench_vector_gain(OP_GELU, (size_t)results_sizes[i]);
    }
    if (results->threads < 2)
        return;
    for (int op = 0; op < OPS; op++)
        results->pays[op] = microbench_pays(op, results->threads);
    results->gelu = microbench_op(OP_GELU, RESULTS_SMALL, results->threads);
    results->pool = microbench_op(OP_MAXPOOL, RESULTS_SMALL, results->threads);
}

/* --- claims --- */

#define SAY(claim, ...)   snprintf((claim)->here, sizeof(claim)->here, __VA_ARGS__)
#define HOLDS(claim, ...) snprintf((claim)->holds, sizeof(claim)->holds, __VA_ARGS__)

static void not_measured(struct claim *claim)
{
    SAY(claim, "not measured");
    HOLDS(claim, "-");
}

/* Speed-up of what `chosen` gives over one thread, over both passes of all layers of a
   kind; 0: nothing was measured, or beside other work. */
static double speedup(const struct results *results, const char *kind, enum split split)
{
    const struct measure_table *table = &results->table;
    double alone = 0, team = 0;
    for (int i = 0; i < table->subjects; i++) {
        const struct measure_subject *told = &table->subject[i];
        if (told->block || strncmp(told->name, kind, strlen(kind)) != 0)
            continue;
        for (int pass = 0; pass < STRATEGY_PASSES; pass++) {
            const struct measure_row *one =
                measure_find(table, i, pass, SPLIT_SEQUENTIAL, 1);
            const struct measure_row *all =
                split == SPLIT_AUTO
                    ? measure_best(table, i, pass, results->threads)
                    : measure_find(table, i, pass, split, results->threads);
            if (!one || !all)
                continue;
            if (one->time.doubtful || all->time.doubtful)
                return 0;
            alone += one->time.median;
            team += all->time.median;
        }
    }
    return team > 0 ? alone / team : 0;
}

static void examine_linear(const struct results *results, struct claim *claim)
{
    double gain = speedup(results, "linear", SPLIT_AUTO);
    double efficiency = gain / results->threads;
    claim->claim = "linear layers: 3.19x on 8 cores, 39.9 % efficiency";
    if (gain == 0) {
        not_measured(claim);
        return;
    }
    SAY(claim, "%.2fx on %d threads, %.0f %%, each layer and pass as it is best", gain,
        results->threads, 100 * efficiency);
    HOLDS(claim, "%s",
          gain < 1.05        ? "no: nothing is gained"
          : efficiency > 0.5 ? "no: more"
          : efficiency < 0.3 ? "no: less"
                             : "yes");
}

static void examine_channels(const struct results *results, struct claim *claim)
{
    double gain = speedup(results, "conv1", SPLIT_CHANNEL);
    claim->claim = "conv1 by channels: 1.02x on 8 cores, 12.7 %";
    if (gain == 0) {
        not_measured(claim);
        return;
    }
    SAY(claim, "%.2fx on %d threads, %.0f %%; best of all ways %.2fx", gain,
        results->threads, 100 * gain / results->threads,
        speedup(results, "conv1", SPLIT_AUTO));
    HOLDS(claim, "%s", gain < 1.1 ? "yes: next to nothing" : "no");
}

static void examine_small(const struct results *results,
                          const struct microbench_times *times, struct claim *claim)
{
    if (results->threads < 2) {
        not_measured(claim);
        return;
    }
    double region = times->alone.median / times->region.median;
    double inside = times->alone.median / times->inside.median;
    SAY(claim, "%.2fx in a region of its own, %.2fx inside one (%d threads)", region,
        inside, results->threads);
    HOLDS(claim, "%s",
          inside < 1   ? "yes: slower"
          : region < 1 ? "only with regions of its own"
                       : "no");
}

/* The least of all operations; 0: none pays. */
static size_t least_pays(const struct results *results, bool region)
{
    size_t least = 0;
    for (int op = 0; op < OPS; op++) {
        size_t n = region ? results->pays[op].region : results->pays[op].inside;
        if (n > 0 && (least == 0 || n < least))
            least = n;
    }
    return least;
}

static void examine_sequential(const struct results *results, struct claim *claim)
{
    size_t inside = least_pays(results, false), region = least_pays(results, true);
    claim->claim = "1,000 elements or fewer stay sequential";
    if (results->threads < 2) {
        not_measured(claim);
        return;
    }
    SAY(claim,
        "threads pay from %zu elements inside a region, from %zu in one of their own",
        inside, region);
    bool in = inside == 0 || inside > 1000, own = region == 0 || region > 1000;
    HOLDS(claim, "%s", in ? "yes" : own ? "only with regions of their own" : "no");
}

static void examine_vectors(const struct results *results, struct claim *claim)
{
    claim->claim = "over 10,000 elements vectorise";
    SAY(claim,
        "vectors against scalars at %d, %d, %d, %d elements: gelu %.1f %.1f %.1f %.1fx, "
        "relu %.1f %.1f %.1f %.1fx",
        results_sizes[0], results_sizes[1], results_sizes[2], results_sizes[3],
        results->gelu_gain[0], results->gelu_gain[1], results->gelu_gain[2],
        results->gelu_gain[3], results->relu_gain[0], results->relu_gain[1],
        results->relu_gain[2], results->relu_gain[3]);
    int first = 0;
    while (first < RESULTS_GAINS &&
           !(results->gelu_gain[first] > 1.05 && results->relu_gain[first] > 1.05))
        first++;
    if (first == RESULTS_GAINS)
        HOLDS(claim, "no: not even then");
    else if (results_sizes[first] < 10000)
        HOLDS(claim, "no: from %d on", results_sizes[first]);
    else
        HOLDS(claim, "yes");
}

void results_examine(struct results *results)
{
    struct claim *claim = results->claim;
    examine_linear(results, &claim[0]);
    examine_channels(results, &claim[1]);
    claim[2].claim = "GELU on 2,048 elements: 0.11x";
    examine_small(results, &results->gelu, &claim[2]);
    claim[3].claim = "maxpool on small tensors: 0.17x (here 2,048 results)";
    examine_small(results, &results->pool, &claim[3]);
    examine_sequential(results, &claim[4]);
    examine_vectors(results, &claim[5]);
}
