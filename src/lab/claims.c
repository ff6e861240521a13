#include "lab/claims.h"

#include <stdio.h>
#include <string.h>

#include "lab/grid.h"
#include "lab/results.h"
#include "lab/trial.h"

#define HERE(claim, ...)  snprintf((claim)->here, sizeof(claim)->here, __VA_ARGS__)
#define HOLDS(claim, ...) snprintf((claim)->holds, sizeof(claim)->holds, __VA_ARGS__)

static void claim_not_measured(struct claim *claim)
{
    HERE(claim, "not measured");
    HOLDS(claim, "-");
}

/* The speed-up of a split, or of the best one (SPLIT_AUTO), over one thread: both passes
   of all layers of a kind together. 0: not measured, or disturbed by other work. */
static double claim_speedup(const struct results *results, const char *kind,
                            enum split split)
{
    const struct strategy_table *table = &results->table;
    double alone = 0, team = 0;
    for (int i = 0; i < table->subjects; i++) {
        const struct strategy_subject *subject = &table->subject[i];
        if (subject->block || strncmp(subject->name, kind, strlen(kind)) != 0)
            continue;
        for (int pass = 0; pass < STRATEGY_PASSES; pass++) {
            const struct strategy_row *one =
                strategy_table_find(table, i, pass, SPLIT_SEQUENTIAL, 1);
            const struct strategy_row *all =
                split == SPLIT_AUTO
                    ? strategy_table_best(table, i, pass, results->threads)
                    : strategy_table_find(table, i, pass, split, results->threads);
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

static void claim_linear(const struct results *results, struct claim *claim)
{
    double gain = claim_speedup(results, "linear", SPLIT_AUTO);
    double efficiency = gain / results->threads;
    claim->claim = "linear layers: 3.19x on 8 cores, 39.9 % efficiency";
    if (gain == 0) {
        claim_not_measured(claim);
        return;
    }
    HERE(claim, "%.2fx on %d threads, %.0f %%, the best strategy for each layer and pass",
         gain, results->threads, 100 * efficiency);
    HOLDS(claim, "%s",
          gain < 1.05        ? "no: no gain"
          : efficiency > 0.5 ? "no: more"
          : efficiency < 0.3 ? "no: less"
                             : "yes");
}

static void claim_channels(const struct results *results, struct claim *claim)
{
    double gain = claim_speedup(results, "conv1", SPLIT_CHANNEL);
    claim->claim = "conv1 by channels: 1.02x on 8 cores, 12.7 %";
    if (gain == 0) {
        claim_not_measured(claim);
        return;
    }
    HERE(claim, "%.2fx on %d threads, %.0f %%; best of all splits %.2fx", gain,
         results->threads, 100 * gain / results->threads,
         claim_speedup(results, "conv1", SPLIT_AUTO));
    HOLDS(claim, "%s", gain < 1.1 ? "yes: hardly any gain" : "no");
}

static void claim_small(const struct results *results,
                        const struct microbench_times *times, struct claim *claim)
{
    if (results->threads < 2) {
        claim_not_measured(claim);
        return;
    }
    double region = times->alone.median / times->region.median;
    double inside = times->alone.median / times->inside.median;
    HERE(claim, "%.2fx in a region of its own, %.2fx inside one (%d threads)", region,
         inside, results->threads);
    HOLDS(claim, "%s",
          inside < 1   ? "yes: slower"
          : region < 1 ? "only with regions of its own"
                       : "no");
}

/* The least break-even size of all operations; 0: none has one. */
static size_t claim_least_breakeven(const struct results *results, bool region)
{
    size_t least = 0;
    for (int op = 0; op < OPS; op++) {
        size_t n = region ? results->breakeven[op].region : results->breakeven[op].inside;
        if (n > 0 && (least == 0 || n < least))
            least = n;
    }
    return least;
}

static void claim_sequential(const struct results *results, struct claim *claim)
{
    size_t inside = claim_least_breakeven(results, false),
           region = claim_least_breakeven(results, true);
    claim->claim = "1,000 elements or fewer stay sequential";
    if (results->threads < 2) {
        claim_not_measured(claim);
        return;
    }
    HERE(claim,
         "threads are faster from %zu elements inside a region, from %zu in their own",
         inside, region);
    bool in = inside == 0 || inside > 1000, own = region == 0 || region > 1000;
    HOLDS(claim, "%s", in ? "yes" : own ? "only with regions of their own" : "no");
}

static void claim_vectors(const struct results *results, struct claim *claim)
{
    claim->claim = "over 10,000 elements vectorise";
    HERE(claim,
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

void claims_results(const struct results *results, struct claim claim[RESULTS_CLAIMS])
{
    claim_linear(results, &claim[0]);
    claim_channels(results, &claim[1]);
    claim[2].claim = "GELU on 2,048 elements: 0.11x";
    claim_small(results, &results->gelu, &claim[2]);
    claim[3].claim = "maxpool on small tensors: 0.17x (here 2,048 results)";
    claim_small(results, &results->pool, &claim[3]);
    claim_sequential(results, &claim[4]);
    claim_vectors(results, &claim[5]);
}

/* --- whole steps --- */

void claim_batch(const struct trial_row *rows, int count, int knee, struct claim *claim)
{
    double best = 0, worst = 0;
    int batch = rows[knee].batch;
    *claim = (struct claim){.claim = "a batch of 16 to 64 is the sweet spot"};
    for (int i = 0; i < count; i++) {
        double rate = rows[i].train.median;
        best = rate > best ? rate : best;
        if (rows[i].batch >= 16 && rows[i].batch <= 64 && (worst == 0 || rate < worst))
            worst = rate;
    }
    if (worst == 0)
        HERE(claim, "the knee is at %d; 16 to 64 were not measured", batch);
    else
        HERE(claim, "the knee is at %d; 16 to 64 reach at least %.0f %% of the best rate",
             batch, 100 * worst / best);
    HOLDS(claim, "%s",
          batch < 16    ? "no: a smaller one is enough"
          : batch <= 64 ? "yes: larger ones gain nothing"
                        : "no: larger ones are faster");
}

void claim_workers(const struct grid_point *points, int count, int end, int cpus,
                   struct claim *claim)
{
    int most = grid_workers(&points[count - 1]);
    const struct grid_point *full = grid_best(points, count, cpus < most ? cpus : most);
    *claim = (struct claim){.claim = "diminishing returns beyond 4 to 6 workers"};
    if (full)
        HERE(claim, "%d workers have %.0f %% efficiency; this machine has %d CPUs",
             grid_workers(full), 100 * full->rate / points[0].rate / grid_workers(full),
             cpus);
    HOLDS(claim, "%s",
          end >= 4 && end <= 6 ? "yes"
          : end == 0           ? "no: not up to here"
          : end == cpus        ? "no: beyond the CPUs"
          : end < 4            ? "no: earlier"
                               : "no: later");
}
