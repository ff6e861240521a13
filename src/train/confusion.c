#include "train/confusion.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

static bool confusion_has_matrix(int classes)
{
    return classes <= CONFUSION_CLASSES;
}

static size_t confusion_cells(int classes)
{
    return (size_t)classes * (size_t)classes;
}

void confusion_init(struct confusion *confusion, int classes, uint64_t samples)
{
    size_t count = (size_t)classes;
    *confusion = (struct confusion){
        .classes = classes,
        .support = mem_zeroed(count, sizeof(int32_t)),
        .predicted = mem_zeroed(count, sizeof(int32_t)),
        .correct = mem_zeroed(count, sizeof(int32_t)),
    };
    if (confusion_has_matrix(classes))
        confusion->matrix = mem_zeroed(confusion_cells(classes), sizeof(int32_t));
    else
        confusion->wrong = mem_zeroed(samples, sizeof(uint32_t));
}

static void confusion_increment(int32_t *count)
{
    *count += *count < INT32_MAX;
}

void confusion_add(struct confusion *confusion, int label, int predicted)
{
    ASSERT(label >= 0 && label < confusion->classes);
    ASSERT(predicted >= 0 && predicted < confusion->classes);
    confusion_increment(&confusion->support[label]);
    confusion_increment(&confusion->predicted[predicted]);
    if (label == predicted)
        confusion_increment(&confusion->correct[label]);
    if (confusion->matrix)
        confusion_increment(
            &confusion->matrix[(size_t)label * (size_t)confusion->classes +
                               (size_t)predicted]);
    else if (label != predicted)
        confusion->wrong[confusion->wrongs++] =
            (uint32_t)label << 16 | (uint32_t)predicted;
}

/* --- the most frequent pairs --- */

static int confusion_by_key(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The most frequent first; a total order, so that sorting has one outcome. */
static int confusion_by_count(const void *a, const void *b)
{
    const struct confusion_pair *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->label != y->label ? x->label - y->label : x->predicted - y->predicted;
}

/* All pairs that occur, from the wrong answers. */
static size_t confusion_pairs_of_answers(struct confusion *confusion)
{
    const uint32_t *wrong = confusion->wrong;
    size_t pairs = 0, distinct = 0;
    qsort(confusion->wrong, confusion->wrongs, sizeof *wrong, confusion_by_key);
    for (size_t i = 0; i < confusion->wrongs; i++)
        distinct += i == 0 || wrong[i] != wrong[i - 1];
    confusion->pair = mem_zeroed(distinct, sizeof *confusion->pair);
    for (size_t i = 0; i < confusion->wrongs; i++) {
        if (i == 0 || wrong[i] != wrong[i - 1])
            confusion->pair[pairs++] = (struct confusion_pair){
                .label = (int32_t)(wrong[i] >> 16), .predicted = wrong[i] & 0xffff};
        confusion_increment(&confusion->pair[pairs - 1].count);
    }
    return pairs;
}

/* All pairs that occur, from the matrix. */
static size_t confusion_pairs_of_matrix(struct confusion *confusion)
{
    size_t classes = (size_t)confusion->classes, pairs = 0, distinct = 0;
    const int32_t *matrix = confusion->matrix;
    for (size_t i = 0; i < classes * classes; i++)
        distinct += matrix[i] > 0 && i / classes != i % classes;
    confusion->pair = mem_zeroed(distinct, sizeof *confusion->pair);
    for (size_t i = 0; i < classes * classes; i++)
        if (matrix[i] > 0 && i / classes != i % classes)
            confusion->pair[pairs++] = (struct confusion_pair){
                (int32_t)(i / classes), (int32_t)(i % classes), matrix[i]};
    return pairs;
}

void confusion_finish(struct confusion *confusion)
{
    size_t pairs = confusion->matrix ? confusion_pairs_of_matrix(confusion)
                                     : confusion_pairs_of_answers(confusion);
    qsort(confusion->pair, pairs, sizeof *confusion->pair, confusion_by_count);
    if (pairs > CONFUSION_PAIRS)
        pairs = CONFUSION_PAIRS;
    if (pairs > 0)
        confusion->pair = mem_resize(confusion->pair, pairs, sizeof *confusion->pair);
    confusion->pairs = (int)pairs;
    free(confusion->wrong);
    confusion->wrong = NULL;
    confusion->wrongs = 0;
}

static int32_t *confusion_copy(const uint64_t *counts, size_t n)
{
    int32_t *copy = mem_zeroed(n, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = counts[i] < INT32_MAX ? (int32_t)counts[i] : INT32_MAX;
    return copy;
}

void confusion_of_counts(struct confusion *confusion, int classes, const uint64_t *counts)
{
    size_t n = (size_t)classes;
    *confusion = (struct confusion){.classes = classes,
                                    .sets = true,
                                    .support = confusion_copy(counts, n),
                                    .predicted = confusion_copy(counts + n, n),
                                    .correct = confusion_copy(counts + 2 * n, n)};
}

void confusion_release(struct confusion *confusion)
{
    free(confusion->support);
    free(confusion->predicted);
    free(confusion->correct);
    free(confusion->matrix);
    free(confusion->pair);
    free(confusion->wrong);
    *confusion = (struct confusion){0};
}

size_t confusion_kept_bytes(int classes)
{
    size_t counts = 3 * (size_t)classes;
    if (confusion_has_matrix(classes))
        counts += confusion_cells(classes);
    return counts * sizeof(int32_t) + CONFUSION_PAIRS * sizeof(struct confusion_pair);
}

/* No more pairs occur than there are samples, or cells. qsort copies what it sorts: the
   wrong answers before there are pairs, then the pairs. */
size_t confusion_bytes(int classes, uint64_t samples)
{
    size_t cells = confusion_cells(classes), pairs = cells < samples ? cells : samples;
    bool matrix = confusion_has_matrix(classes);
    size_t kept = 3 * (size_t)classes * sizeof(int32_t);
    size_t wrong = matrix ? 0 : samples * sizeof(uint32_t);
    size_t sorting = 2 * pairs * sizeof(struct confusion_pair);
    if (matrix)
        kept += cells * sizeof(int32_t);
    return kept + wrong + (sorting > wrong ? sorting : wrong);
}

/* --- the arrays of a file --- */

struct confusion_array confusion_array_matrix(int classes)
{
    size_t n = (size_t)classes;
    return (struct confusion_array){"confusion", {n, n}, n * n};
}

struct confusion_array confusion_array_counts(int classes)
{
    size_t n = (size_t)classes;
    return (struct confusion_array){"class_counts", {3, n}, 3 * n};
}

int confusion_arrays(int classes, struct confusion_array array[CONFUSION_ARRAYS])
{
    if (confusion_has_matrix(classes)) {
        array[0] = confusion_array_matrix(classes);
        return 1;
    }
    array[0] = confusion_array_counts(classes);
    array[1] = (struct confusion_array){
        "confused_pairs", {CONFUSION_PAIRS, 3}, (size_t)CONFUSION_PAIRS * 3};
    return 2;
}

size_t confusion_row_count(int classes)
{
    struct confusion_array array[CONFUSION_ARRAYS];
    size_t count = 0;
    int arrays = confusion_arrays(classes, array);
    for (int a = 0; a < arrays; a++)
        count += array[a].count;
    return count;
}

void confusion_row(const struct confusion *confusion, int32_t *row)
{
    size_t n = (size_t)confusion->classes;
    if (confusion->matrix) {
        memcpy(row, confusion->matrix, n * n * sizeof *row);
        return;
    }
    memcpy(row, confusion->support, n * sizeof *row);
    memcpy(row + n, confusion->predicted, n * sizeof *row);
    memcpy(row + 2 * n, confusion->correct, n * sizeof *row);
    if (confusion->sets)
        return;
    memset(row + 3 * n, 0, CONFUSION_PAIRS * sizeof *confusion->pair);
    if (confusion->pairs > 0)
        memcpy(row + 3 * n, confusion->pair,
               (size_t)confusion->pairs * sizeof *confusion->pair);
}
