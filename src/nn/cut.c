#include "nn/cut.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

/* A unit has the name of its first layer with parameters. */
static const char *cut_unit_name(const struct model *model, int unit)
{
    int l = model->unit[unit].layer;
    while (model->layer[l]->tensors == 0)
        l++;
    return model->layer[l]->name;
}

/* --- reading --- */

static const char *cut_nearest_unit(const struct model *model, const char *name)
{
    const char **names = mem_zeroed((size_t)model->units, sizeof *names);
    for (int u = 0; u < model->units; u++)
        names[u] = cut_unit_name(model, u);
    const char *near = parse_nearest(name, names, model->units);
    free(names);
    return near;
}

static enum status cut_unknown_layer(const struct model *model, const char *key,
                                     const char *name)
{
    for (int u = 0; u < model->units; u++)
        for (int l = model->unit[u].layer; l < model->unit[u].layer_end; l++)
            if (strcmp(model->layer[l]->name, name) == 0)
                FAIL(ST_USAGE,
                     "%s: '%s' is not where a stage can begin: it goes with '%s', "
                     "leave it out",
                     key, name, cut_unit_name(model, u));
    const char *near = cut_nearest_unit(model, name);
    if (strpbrk(name, ", ;/"))
        FAIL(ST_USAGE, "%s: '%.40s' is no layer's name; write LAYER+LAYER | LAYER ...",
             key, name);
    if (near)
        FAIL(ST_USAGE, "%s: the network has no layer '%s'; did you mean '%s'?", key, name,
             near);
    FAIL(ST_USAGE, "%s: the network has no layer '%.40s'", key, name);
}

/* The next name must be that of unit `next`. */
static enum status cut_read_name(const struct model *model, const char *key,
                                 const char *name, int next)
{
    int unit = 0;
    if (!*name)
        FAIL(ST_USAGE, "%s: a name is missing; expected LAYER+LAYER | LAYER ...", key);
    while (unit < model->units && strcmp(cut_unit_name(model, unit), name) != 0)
        unit++;
    if (unit == model->units)
        return cut_unknown_layer(model, key, name);
    if (unit > next)
        FAIL(ST_USAGE,
             "%s: layer '%s' is missing before '%s': each is "
             "named once, in the network's order",
             key, cut_unit_name(model, next), name);
    if (unit < next)
        FAIL(ST_USAGE, "%s: layer '%s' is named twice, or out of the network's order",
             key, name);
    return ST_OK;
}

static enum status cut_read_parts(struct model_cut *cut, const struct model *model,
                                  const char *key, char *text)
{
    int next = 0;
    *cut = (struct model_cut){0};
    for (char *part; (part = strsep(&text, "|"));) {
        if (cut->parts == model->units)
            FAIL(ST_USAGE, "%s: more stages than the %d that the network can be cut into",
                 key, model->units);
        cut->first[cut->parts++] = next;
        for (char *name; (name = strsep(&part, "+"));)
            TRY(cut_read_name(model, key, parse_trim(name), next++));
    }
    cut->first[cut->parts] = next;
    if (next < model->units)
        FAIL(ST_USAGE, "%s: layer '%s' is in no stage", key, cut_unit_name(model, next));
    return ST_OK;
}

enum status cut_read(struct model_cut *cut, const struct model *model, const char *key,
                     const char *text)
{
    char *copy = mem_strdup(text);
    enum status st = cut_read_parts(cut, model, key, copy);
    free(copy);
    return st;
}

/* --- balance --- */

double cut_cost(const struct model_cut *cut, int part, const double *cost)
{
    double sum = 0;
    for (int u = cut->first[part]; u < cut->first[part + 1]; u++)
        sum += cost[u];
    return sum;
}

/* The best cut of units [0, u) into p parts: the cost of its slowest part, and where its
   last part begins. */
struct cut_cell {
    double slowest;
    int begin;
};

static struct cut_cell cut_best_cell(const struct cut_cell *before, int part, int end,
                                     const double *cost, const struct cut_limit *limit)
{
    struct cut_cell best = {.slowest = INFINITY};
    double last = 0;
    for (int begin = end - 1; begin >= part; begin--) {
        last += cost[begin];
        double slowest = fmax(before[begin].slowest, last);
        if (slowest < best.slowest && (!limit || limit->fits(limit, part, begin, end)))
            best = (struct cut_cell){slowest, begin};
    }
    return best;
}

/* Dynamic programming over parts and units: cell[p][u]. */
bool cut_balance(struct model_cut *cut, const struct model *model, int parts,
                 const double *cost, const struct cut_limit *limit)
{
    int units = model->units;
    size_t row = (size_t)units + 1;
    ASSERT(parts >= 1 && parts <= units);
    struct cut_cell *cell = mem_zeroed(((size_t)parts + 1) * row, sizeof *cell);
    for (int u = 1; u <= units; u++)
        cell[u].slowest = INFINITY;
    for (int p = 1; p <= parts; p++)
        for (int u = 0; u <= units; u++)
            cell[(size_t)p * row + (size_t)u] =
                cut_best_cell(cell + (size_t)(p - 1) * row, p - 1, u, cost, limit);
    bool found = !isinf(cell[(size_t)parts * row + (size_t)units].slowest);
    if (found) {
        cut->parts = parts;
        cut->first[parts] = units;
        for (int p = parts; p > 0; p--)
            cut->first[p - 1] = cell[(size_t)p * row + (size_t)cut->first[p]].begin;
    }
    free(cell);
    return found;
}

/* --- text --- */

char *cut_part_text(const struct model_cut *cut, const struct model *model, int part)
{
    char *text = mem_strdup("");
    for (int u = cut->first[part]; u < cut->first[part + 1]; u++)
        mem_append(&text, "%s%s", *text ? "+" : "", cut_unit_name(model, u));
    return text;
}

char *cut_text(const struct model_cut *cut, const struct model *model)
{
    char *text = mem_strdup("");
    for (int p = 0; p < cut->parts; p++) {
        char *part = cut_part_text(cut, model, p);
        mem_append(&text, "%s%s", p ? " | " : "", part);
        free(part);
    }
    return text;
}
