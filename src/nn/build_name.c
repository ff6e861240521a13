/* build: names, and conditions on what they stand for. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "build.h"

#define INPUT "input" /* the name of a scope's input */

const char *build_value_name(const struct build *build, int value)
{
    return value == 0 ? INPUT : build->model->layer[value - 1]->name;
}

struct shape build_value_shape(const struct build *build, int value)
{
    return value == 0 ? build->model->in : build->model->layer[value - 1]->out;
}

static const struct build_name *build_lookup(const struct build *build, const char *path,
                                             const char *name)
{
    size_t length = strlen(path);
    for (int i = build->names - 1; i >= 0; i--)
        if (strncmp(build->name[i].name, path, length) == 0 &&
            strcmp(build->name[i].name + length, name) == 0)
            return &build->name[i];
    return NULL;
}

/* Among the names of the scope. */
static const char *build_nearest(const struct build *build, const char *path,
                                 const char *name)
{
    const char **names = mem_zeroed((size_t)build->names + 1, sizeof *names);
    int count = 0;
    names[count++] = INPUT;
    for (int i = 0; i < build->names; i++)
        if (strncmp(build->name[i].name, path, strlen(path)) == 0)
            names[count++] = build->name[i].name + strlen(path);
    const char *near = parse_nearest(name, names, count);
    free(names);
    return near;
}

enum status build_find(const struct build *build, const struct build_scope *scope,
                       const char *where, const char *name, int *value)
{
    const struct build_name *known = build_lookup(build, scope->path, name);
    if (known || strcmp(name, INPUT) == 0) {
        *value = known ? known->value : scope->input;
        return ST_OK;
    }
    const char *near = build_nearest(build, scope->path, name);
    if (near)
        FAIL(ST_USAGE, "%s: no layer before this line is named '%s', did you mean '%s'?",
             where, name, near);
    FAIL(ST_USAGE, "%s: no layer before this line is named '%s'", where, name);
}

enum status build_add_name(struct build *build, const struct build_scope *scope,
                           const char *where, const char *name, int value)
{
    const struct build_name *taken = build_lookup(build, scope->path, name);
    if (!spec_name_good(name))
        FAIL(ST_USAGE,
             "%s: '%s' cannot be a name: a letter or '_', then letters, digits, '.', '_' "
             "and '-', at most %d",
             where, name, LAYER_NAME - 1);
    if (strlen(scope->path) + strlen(name) >= LAYER_NAME)
        FAIL(ST_USAGE, "%s: the name '%s%s' is longer than %d characters", where,
             scope->path, name, LAYER_NAME - 1);
    if (strcmp(name, INPUT) == 0)
        FAIL(ST_USAGE, "%s: '" INPUT "' cannot be a name: it stands for the input",
             where);
    if (taken && !taken->left_out)
        FAIL(ST_USAGE,
             "%s: the name '%s' is taken by %s: give one of them another by as=", where,
             taken->name, taken->where);
    build->name = mem_resize(build->name, (size_t)build->names + 1, sizeof *build->name);
    struct build_name *next = &build->name[build->names++];
    *next = (struct build_name){.value = value, .where = where};
    strcpy(next->name, scope->path);
    strcat(next->name, name);
    return ST_OK;
}

enum status build_leave_out(struct build *build, const struct build_scope *scope,
                            const char *where, const char *name, int value)
{
    if (build_lookup(build, scope->path, name))
        return ST_OK;
    TRY(build_add_name(build, scope, where, name, value));
    build->name[build->names - 1].left_out = true;
    return ST_OK;
}

/* --- if= --- */

/* A condition: two sides and what must hold between them. */
struct build_comparison {
    const char *sign;
    bool order; /* of numbers; == and != compare shapes, too */
};

/* The longer signs first. */
static const struct build_comparison build_comparisons[] = {
    {"==", false}, {"!=", false}, {"<=", true}, {">=", true}, {"<", true}, {">", true},
};

static const struct build_comparison *build_comparison(const char *text)
{
    for (size_t i = 0; i < sizeof build_comparisons / sizeof *build_comparisons; i++)
        if (strncmp(text, build_comparisons[i].sign, strlen(build_comparisons[i].sign)) ==
            0)
            return &build_comparisons[i];
    return NULL;
}

static bool build_number(const char *text, long long *number)
{
    return parse_int(text, INT32_MIN, INT32_MAX, number);
}

static enum status build_same(const struct build *build, const struct build_scope *scope,
                              const char *where, const char *const side[2], bool *same)
{
    long long number[2];
    int value[2];
    if (build_number(side[0], &number[0]) && build_number(side[1], &number[1])) {
        *same = number[0] == number[1];
        return ST_OK;
    }
    for (int i = 0; i < 2; i++)
        TRY(build_find(build, scope, where, side[i], &value[i]));
    *same = shape_equal(build_value_shape(build, value[0]),
                        build_value_shape(build, value[1]));
    return ST_OK;
}

/* A number, or the pixels along the longer side of what a name stands for. */
static enum status build_side(const struct build *build, const struct build_scope *scope,
                              const char *where, const char *text, long long *side)
{
    int value;
    if (build_number(text, side))
        return ST_OK;
    TRY(build_find(build, scope, where, text, &value));
    struct shape shape = build_value_shape(build, value);
    *side = shape.h > shape.w ? shape.h : shape.w;
    return ST_OK;
}

static enum status build_in_order(const struct build *build,
                                  const struct build_scope *scope, const char *where,
                                  const char *const side[2], int *order)
{
    long long number[2];
    for (int i = 0; i < 2; i++)
        TRY(build_side(build, scope, where, side[i], &number[i]));
    *order = number[0] < number[1] ? -1 : number[0] > number[1];
    return ST_OK;
}

enum status build_condition(const struct build *build, const struct build_scope *scope,
                            const char *where, const char *text, bool *stays)
{
    char left[SPEC_WORD];
    size_t length = strcspn(text, "!=<>");
    const struct build_comparison *comparison = build_comparison(text + length);
    bool same;
    int order;
    if (length == 0 || !comparison || !text[length + strlen(comparison->sign)])
        FAIL(ST_USAGE,
             "%s: 'if=%s': expected if=A==B, or !=, <, <=, >, >= instead of ==", where,
             text);
    memcpy(left, text, length);
    left[length] = '\0';
    const char *sign = comparison->sign;
    const char *const side[] = {left, text + length + strlen(sign)};
    if (!comparison->order) {
        TRY(build_same(build, scope, where, side, &same));
        *stays = same == (*sign == '=');
        return ST_OK;
    }
    TRY(build_in_order(build, scope, where, side, &order));
    *stays = (order == 0 && sign[1] == '=') || order == (*sign == '<' ? -1 : 1);
    return ST_OK;
}
