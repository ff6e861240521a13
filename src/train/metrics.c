#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metrics_impl.h"

void metrics_init(struct metrics *metrics, int classes)
{
    *metrics = (struct metrics){.classes = classes};
}

void metrics_release(struct metrics *metrics)
{
    free(metrics->train);
    free(metrics->eval);
    free(metrics->confusion);
    *metrics = (struct metrics){0};
}

int metrics_arrays(const struct metrics *metrics,
                   struct confusion_array array[CONFUSION_ARRAYS])
{
    if (!metrics->sets)
        return confusion_arrays(metrics->classes, array);
    array[0] = confusion_array_counts(metrics->classes);
    return 1;
}

size_t metrics_row_count(const struct metrics *metrics)
{
    return metrics->sets ? confusion_array_counts(metrics->classes).count
                         : confusion_row_count(metrics->classes);
}

size_t metrics_row_bytes(const struct metrics *metrics)
{
    return metrics_row_count(metrics) * sizeof(int32_t);
}

int metrics_most_confusions(const struct metrics *metrics)
{
    size_t bytes = metrics_row_bytes(metrics);
    return bytes < METRICS_CONFUSION ? (int)(METRICS_CONFUSION / bytes) : 1;
}

size_t metrics_bytes(int classes)
{
    const struct metrics one = {.classes = classes};
    return (size_t)metrics_most_confusions(&one) * metrics_row_bytes(&one);
}

/* An array that is the whole row is written without a copy. */
size_t metrics_write_bytes(int classes)
{
    struct confusion_array array[CONFUSION_ARRAYS];
    return confusion_arrays(classes, array) > 1 ? metrics_bytes(classes) : 0;
}

/* Room for `count` entries at least, `most` at most; it doubles, so that adding is
   cheap. */
static void *metrics_reserve(void *entries, int *room, int count, int most, size_t bytes)
{
    if (count <= *room)
        return entries;
    *room = *room < 32 ? 64 : 2 * *room;
    if (*room > most)
        *room = most;
    if (*room < count)
        *room = count;
    return mem_resize(entries, (size_t)*room, bytes);
}

void metrics_reserve_all(struct metrics *metrics, int trains, int evals, int confusions)
{
    metrics->train = metrics_reserve(metrics->train, &metrics->train_room, trains,
                                     INT_MAX, sizeof *metrics->train);
    metrics->eval = metrics_reserve(metrics->eval, &metrics->eval_room, evals, INT_MAX,
                                    sizeof *metrics->eval);
    metrics->confusion =
        metrics_reserve(metrics->confusion, &metrics->confusion_room, confusions,
                        metrics_most_confusions(metrics), metrics_row_bytes(metrics));
}

static void metrics_copy_entries(void *to, const void *from, size_t count, size_t bytes)
{
    if (count > 0)
        memcpy(to, from, count * bytes);
}

void metrics_copy(struct metrics *to, const struct metrics *from)
{
    to->classes = from->classes;
    to->sets = from->sets;
    metrics_reserve_all(to, from->trains, from->evals, from->confusions);
    to->trains = from->trains;
    to->evals = from->evals;
    to->confusions = from->confusions;
    metrics_copy_entries(to->train, from->train, (size_t)from->trains, sizeof *to->train);
    metrics_copy_entries(to->eval, from->eval, (size_t)from->evals, sizeof *to->eval);
    metrics_copy_entries(to->confusion, from->confusion, (size_t)from->confusions,
                         metrics_row_bytes(from));
}

void metrics_add_train(struct metrics *metrics, const struct metrics_train *entry)
{
    metrics_reserve_all(metrics, metrics->trains + 1, metrics->evals,
                        metrics->confusions);
    metrics->train[metrics->trains++] = *entry;
}

void metrics_trim_confusions(struct metrics *metrics, int most)
{
    size_t row = metrics_row_count(metrics);
    int surplus = metrics->confusions - most;
    if (surplus <= 0)
        return;
    metrics->confusions = most;
    memmove(metrics->confusion, metrics->confusion + (size_t)surplus * row,
            (size_t)most * row * sizeof *metrics->confusion);
}

void metrics_add_eval(struct metrics *metrics, const struct metrics_eval *entry,
                      const struct confusion *confusion)
{
    ASSERT(confusion->classes == metrics->classes && confusion->sets == metrics->sets);
    metrics_trim_confusions(metrics, metrics_most_confusions(metrics) - 1);
    metrics_reserve_all(metrics, metrics->trains, metrics->evals + 1,
                        metrics->confusions + 1);
    metrics->eval[metrics->evals++] = *entry;
    confusion_row(confusion, metrics->confusion + (size_t)metrics->confusions++ *
                                                      metrics_row_count(metrics));
}

double metrics_eval_loss(const struct metrics *metrics, uint64_t step)
{
    for (int i = metrics->evals - 1; i >= 0; i--)
        if (metrics->eval[i].step == step)
            return metrics->eval[i].loss;
    return INFINITY;
}
