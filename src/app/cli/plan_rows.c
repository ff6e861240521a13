#include "plan_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

#define PLAN_GRAINS (1 << 28)

static int plan_rows_compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void plan_rows_add(struct plan_rows *rows, int ranks)
{
    for (int i = 0; i < rows->count; i++)
        if (rows->ranks[i] == ranks)
            return;
    ASSERT(rows->count < PLAN_ROWS);
    rows->ranks[rows->count++] = ranks;
}

static enum status plan_rows_read(struct plan_rows *rows, const char *text)
{
    char *copy = mem_strdup(text), *rest = copy;
    enum status st = ST_OK;
    for (char *word; st == ST_OK && (word = strsep(&rest, ",")) != NULL;) {
        long long value;
        if (rows->count == PLAN_ROWS / 2 || !parse_int(word, 1, SCALING_MOST, &value))
            st = status_fail(ST_USAGE,
                             "'--ranks %s': expected up to %d numbers from 1 to %d, with "
                             "commas",
                             text, PLAN_ROWS / 2, SCALING_MOST);
        else
            plan_rows_add(rows, (int)value);
    }
    free(copy);
    return st;
}

/* covered: up to as many ranks the network is known or not needed. */
static enum status plan_rows_read_covered(struct plan_rows *rows, const char *text,
                                          int covered)
{
    int most = 0;
    TRY(plan_rows_read(rows, text));
    for (int i = 0; i < rows->count; i++)
        most = rows->ranks[i] > most ? rows->ranks[i] : most;
    if (most > covered)
        FAIL(ST_USAGE,
             "'--ranks %s': %d ranks need more than one node of %d, whose network was "
             "not measured; give --network (10Gbit,20us), start on several nodes, or "
             "put more on a node (mpirun -n, or for a single rank --ranks-per-node)",
             text, most, covered);
    return ST_OK;
}

enum status plan_rows_choose(struct plan_rows *rows, const struct scaling *scaling,
                             const char *asked)
{
    int covered = scaling_covered(scaling);
    rows->count = 0;
    if (asked)
        TRY(plan_rows_read_covered(rows, asked, covered));
    for (int ranks = 1; !asked && ranks <= SCALING_RANKS && ranks <= covered; ranks *= 2)
        plan_rows_add(rows, ranks);
    if (!asked)
        plan_rows_add(rows, scaling->measured);
    qsort(rows->ranks, (size_t)rows->count, sizeof *rows->ranks, plan_rows_compare);
    int most = rows->ranks[rows->count - 1];
    if (scaling_weak_batch(scaling, most) / scaling->grain > PLAN_GRAINS)
        FAIL(ST_USAGE,
             "%d ranks with %d images each are more than %d grains; ask for fewer with "
             "--ranks",
             most, scaling->batch, PLAN_GRAINS);
    return ST_OK;
}
