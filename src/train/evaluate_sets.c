#include "evaluate_sets.h"

#include <math.h>
#include <stdlib.h>

#include "base/label_set.h"
#include "base/mem.h"
#include "base/portable_math.h"
#include "base/where.h"
#include "comm/comm.h"
#include "kernels/team.h"
#include "train/average_precision.h"

#define SETS_BYTES ((size_t)4 << 20) /* of answers of all ranks that are held at once */

float evaluation_limit(double threshold)
{
    return (float)portable_log(threshold);
}

/* --- counts --- */

/* counts (3, classes): images with the class, answers with it, right answers with it; and
   behind them the images all of whose classes are right. */
static void sets_count(const struct evaluate_setup *setup,
                       const struct evaluation_rows *rows, int classes, uint64_t *counts)
{
    float limit = evaluation_limit(setup->threshold);
    size_t n = (size_t)classes;
    for (uint64_t i = 0; i < rows->count; i++) {
        const uint8_t *set = loader_label_set(setup->loader, rows->first + i);
        const float *logprobs = rows->logprobs + i * n;
        bool right = true;
        for (size_t c = 0; c < n; c++) {
            bool has = label_set_has(set, (int)c), answered = logprobs[c] >= limit;
            counts[c] += has;
            counts[n + c] += answered;
            counts[2 * n + c] += has && answered;
            right = right && has == answered;
        }
        counts[3 * n] += right;
    }
}

static void sets_count_all(const struct evaluate_setup *setup,
                           const struct evaluation_rows *rows, struct evaluation *result)
{
    int classes = setup->crew->model->classes;
    size_t count = 3 * (size_t)classes + 1;
    uint64_t *counts = mem_zeroed(count, sizeof *counts);
    sets_count(setup, rows, classes, counts);
    comm_sum_u64(setup->comm, counts, (int)count);
    confusion_of_counts(&result->confusion, classes, counts);
    result->correct = counts[count - 1];
    free(counts);
}

/* --- average precision --- */

/* Some classes at a time: their answers to all images, on all ranks. A class is ranked by
   one thread of one rank. */
struct sets_ranking {
    const struct evaluate_setup *setup;
    uint64_t samples;
    size_t column; /* floats of a class in `answer`, an even number */
    int first, classes;
    float *answer;         /* owned: (classes, column) */
    struct scored *scored; /* owned: (threads, samples) */
    double *precision;     /* borrowed: of all classes; those of other ranks are 0 */
};

static size_t sets_column(uint64_t samples)
{
    return (samples + 1) / 2 * 2;
}

static int sets_block(int classes, uint64_t samples)
{
    size_t most = SETS_BYTES / (sets_column(samples) * sizeof(float) + 1) + 1;
    return most < (size_t)classes ? (int)most : classes;
}

static void sets_rank_class(const struct sets_ranking *ranking, int class, int thread)
{
    struct scored *scored = ranking->scored + (size_t)thread * ranking->samples;
    const float *answer =
        ranking->answer + (size_t)(class - ranking->first) * ranking->column;
    for (uint64_t i = 0; i < ranking->samples; i++) {
        const uint8_t *set = loader_label_set(ranking->setup->loader, i);
        scored[i] = (struct scored){answer[i], label_set_has(set, class)};
    }
    ranking->precision[class] = average_precision(scored, ranking->samples);
}

static void sets_rank_in_thread(void *context, int thread)
{
    const struct sets_ranking *ranking = context;
    const struct evaluate_setup *setup = ranking->setup;
    int threads = setup->crew->plan.threads;
    int begin = comm_rank(setup->comm) * threads + thread;
    int step = comm_size(setup->comm) * threads;
    for (int c = begin; c < ranking->classes; c += step)
        sets_rank_class(ranking, ranking->first + c, thread);
}

/* The classes at hand. */
static void sets_rank_block(struct sets_ranking *ranking,
                            const struct evaluation_rows *rows, size_t all)
{
    size_t bytes = (size_t)ranking->classes * ranking->column * sizeof(float);
    for (int c = 0; c < ranking->classes; c++) {
        float *answer = ranking->answer + (size_t)c * ranking->column;
        for (uint64_t i = 0; i < ranking->samples; i++)
            answer[i] = 0;
        for (uint64_t i = 0; i < rows->count; i++)
            answer[rows->first + i] =
                rows->logprobs[i * all + (size_t)(ranking->first + c)];
    }
    comm_merge(ranking->setup->comm, ranking->answer, bytes);
    team_run(ranking->setup->crew->plan.threads, sets_rank_in_thread, ranking);
    where_mark(WHERE_EVALUATE);
}

static void sets_rank(const struct evaluate_setup *setup,
                      const struct evaluation_rows *rows, struct evaluation *result)
{
    int classes = setup->crew->model->classes;
    int block = sets_block(classes, result->count);
    struct sets_ranking ranking = {
        .setup = setup,
        .samples = result->count,
        .column = sets_column(result->count),
        .precision = result->average_precision,
    };
    ranking.answer = mem_zeroed((size_t)block * ranking.column, sizeof(float));
    ranking.scored = mem_zeroed((size_t)setup->crew->plan.threads * ranking.samples,
                                sizeof *ranking.scored);
    for (int c = 0; c < classes; c += block) {
        ranking.first = c;
        ranking.classes = classes - c < block ? classes - c : block;
        sets_rank_block(&ranking, rows, (size_t)classes);
    }
    comm_merge(setup->comm, result->average_precision, (size_t)classes * sizeof(double));
    free(ranking.answer);
    free(ranking.scored);
}

void evaluate_count_sets(const struct evaluate_setup *setup,
                         const struct evaluation_rows *rows, struct evaluation *result)
{
    int classes = setup->crew->model->classes, ranked = 0;
    double sum = 0;
    sets_count_all(setup, rows, result);
    result->average_precision = mem_zeroed((size_t)classes, sizeof(double));
    sets_rank(setup, rows, result);
    for (int c = 0; c < classes; c++) {
        if (isnan(result->average_precision[c]))
            continue;
        sum += result->average_precision[c];
        ranked++;
    }
    result->mean_average_precision = ranked > 0 ? sum / ranked : 0;
}

size_t evaluate_sets_bytes(int classes, int threads, uint64_t samples)
{
    size_t answers =
        (size_t)sets_block(classes, samples) * sets_column(samples) * sizeof(float);
    return answers + (size_t)threads * samples * sizeof(struct scored) +
           (3 * (size_t)classes + 1) * sizeof(uint64_t);
}
