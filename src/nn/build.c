#include "build.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "layer_spec.h"
#include "model_impl.h"

/* A line as it is read: its text without $NAME, from=, as= and if=. */
struct build_line {
    const char *where;
    char *text;           /* owned */
    int kind;             /* index in layer_kinds, or behind them the number of a block */
    char name[SPEC_WORD]; /* in its scope */
    int inputs;
    int input[LAYER_INPUTS];
};

static enum status build_lines(struct build *build, struct build_scope *scope,
                               const struct spec_lines *lines) MUST_CHECK;

/* --- the kind --- */

static int build_layer_kinds(void)
{
    int count = 0;
    while (layer_kinds[count])
        count++;
    return count;
}

static const char *build_kind_name(const struct build *build, int kind)
{
    int layers = build_layer_kinds();
    return kind < layers ? layer_kinds[kind]->kind
                         : build->spec->block[kind - layers].name;
}

static enum status build_unknown_kind(const struct build *build, const char *kind,
                                      const char *where)
{
    int kinds = build_layer_kinds() + build->spec->blocks;
    const char **names = mem_zeroed((size_t)kinds, sizeof *names);
    for (int k = 0; k < kinds; k++)
        names[k] = build_kind_name(build, k);
    const char *near = spec_nearest(kind, names, kinds);
    char all[PARSE_CHOICES];
    parse_choices(names, kinds, all);
    free(names);
    if (near)
        FAIL(ST_USAGE, "%s: unknown layer '%s', did you mean '%s'?", where, kind, near);
    FAIL(ST_USAGE, "%s: unknown layer '%s': expected %s", where, kind, all);
}

static enum status build_find_kind(const struct build *build, struct build_line *line)
{
    int kinds = build_layer_kinds() + build->spec->blocks;
    char kind[SPEC_WORD];
    const char *text = line->text;
    spec_next_word(&text, kind);
    for (line->kind = 0; line->kind < kinds; line->kind++)
        if (strcmp(build_kind_name(build, line->kind), kind) == 0)
            return ST_OK;
    return build_unknown_kind(build, kind, line->where);
}

/* --- the options of every line --- */

/* Takes "key=value"; *given: it was there. */
static enum status build_option(struct build_line *line, const char *key,
                                char value[SPEC_WORD], bool *given)
{
    char again[SPEC_WORD];
    bool twice;
    TRY(spec_take_option(line->text, line->where, key, value, given));
    if (!*given)
        return ST_OK;
    if (!*value)
        FAIL(ST_USAGE, "%s: %s= lacks a value", line->where, key);
    TRY(spec_take_option(line->text, line->where, key, again, &twice));
    if (twice)
        FAIL(ST_USAGE, "%s: option '%s' is given twice", line->where, key);
    return ST_OK;
}

/* kind and number among its kind, or as=. */
static enum status build_read_name(const struct build *build, struct build_scope *scope,
                                   struct build_line *line)
{
    bool given;
    TRY(build_option(line, "as", line->name, &given));
    scope->count[line->kind]++;
    if (!given)
        snprintf(line->name, sizeof line->name, "%s%d",
                 build_kind_name(build, line->kind), scope->count[line->kind]);
    return ST_OK;
}

static int build_kind_inputs(int kind)
{
    return kind < build_layer_kinds() ? layer_kinds[kind]->inputs : 1;
}

/* from=A,B gives all inputs, from=A the last one. */
static enum status build_read_inputs(const struct build *build,
                                     const struct build_scope *scope,
                                     struct build_line *line)
{
    char from[SPEC_WORD];
    bool given;
    int wanted = build_kind_inputs(line->kind), names = 1;
    TRY(build_option(line, "from", from, &given));
    line->inputs = wanted;
    line->input[0] = scope->value;
    if (!given && wanted == 1)
        return ST_OK;
    if (!given)
        FAIL(
            ST_USAGE,
            "%s: %s: its second input is missing: from=NAME, the first is '%s', the line "
            "before",
            line->where, line->name, build_value_name(build, scope->value));
    for (const char *c = from; *c; c++)
        names += *c == ',';
    if (names > wanted)
        FAIL(ST_USAGE, "%s: %s: from=%s names %d inputs, it takes %d", line->where,
             line->name, from, names, wanted);
    char *rest = from;
    for (int i = wanted - names; i < wanted; i++)
        TRY(build_find(build, scope, line->where, strsep(&rest, ","), &line->input[i]));
    return ST_OK;
}

static enum status build_read_condition(const struct build *build,
                                        const struct build_scope *scope,
                                        struct build_line *line, bool *stays)
{
    char text[SPEC_WORD];
    bool given;
    *stays = true;
    TRY(build_option(line, "if", text, &given));
    return given ? build_condition(build, scope, line->where, text, stays) : ST_OK;
}

/* --- a layer --- */

static enum status build_setup(const struct build *build, struct layer *layer,
                               const struct build_line *line)
{
    const struct model *model = build->model;
    struct layer_spec spec = {.where = line->where,
                              .name = layer->name,
                              .text = line->text,
                              .classes = model->classes,
                              .model = model};
    for (int i = 0; i < layer->inputs; i++)
        spec.input[i] = build_value_name(build, layer->input[i]);
    TRY(layer->ops->setup(layer, &spec));
    const struct shape *out = &layer->out;
    if ((double)out->h * out->w * out->c * model->grain > INT_MAX)
        FAIL(ST_USAGE,
             "%s: %s: its output %dx%dx%d for a grain of %d samples is too large; make "
             "the layer or train.grain smaller",
             line->where, layer->name, out->h, out->w, out->c, model->grain);
    return ST_OK;
}

/* The layer has its name and its inputs; it is released with the model. */
static struct layer *build_new_layer(struct build *build, const struct build_line *line)
{
    struct model *model = build->model;
    const struct layer_ops *ops = layer_kinds[line->kind];
    struct layer *layer = mem_zeroed(1, ops->bytes);
    layer->ops = ops;
    layer->index = layer->number = model->layers;
    layer->grain = model->grain;
    layer->policy = build->spec->policy;
    layer->inputs = line->inputs;
    for (int i = 0; i < line->inputs; i++) {
        layer->input[i] = line->input[i];
        if (line->input[i] > 0)
            model->layer[line->input[i] - 1]->readers++;
    }
    layer->in = build_value_shape(build, layer->input[0]);
    if (layer->inputs > 1)
        layer->in2 = build_value_shape(build, layer->input[1]);
    snprintf(layer->name, sizeof layer->name, "%s", build->name[build->names - 1].name);
    size_t count = (size_t)model->layers + 1;
    model->layer = mem_resize(model->layer, count, sizeof(struct layer *));
    build->where = mem_resize(build->where, count, sizeof *build->where);
    build->where[model->layers] = line->where;
    model->layer[model->layers++] = layer;
    return layer;
}

static enum status build_layer(struct build *build, struct build_scope *scope,
                               const struct build_line *line)
{
    struct model *model = build->model;
    TRY(spec_check_words(line->text, line->where));
    if (model->layers == MODEL_LAYERS)
        FAIL(ST_USAGE, "%s: the network has more than %d layers", line->where,
             MODEL_LAYERS);
    TRY(build_add_name(build, scope, line->where, line->name, model->layers + 1));
    struct layer *layer = build_new_layer(build, line);
    TRY(build_setup(build, layer, line));
    model_place_tensors(model, layer);
    scope->value = model->layers;
    return ST_OK;
}

/* --- a block --- */

static enum status build_check_nesting(const struct build_scope *scope,
                                       const struct spec_block *block, const char *where)
{
    for (const struct build_scope *s = scope; s; s = s->outer)
        if (s->block == block)
            FAIL(ST_USAGE, "%s: block '%s' contains itself", where, block->name);
    if (scope->depth == BUILD_DEPTH)
        FAIL(ST_USAGE, "%s: block '%s' is nested more than %d blocks deep", where,
             block->name, BUILD_DEPTH);
    if (block->lines.count == 0)
        FAIL(ST_USAGE, "%s: block '%s' has no layers: add 'layer =' lines to [block %s]",
             block->where, block->name, block->name);
    return ST_OK;
}

/* Instance i of `repeat`; 0: the line has no repeat=. options: the line's, behind the
 * kind.
 */
static enum status build_instance(struct build *build, const struct build_scope *scope,
                                  const struct build_line *line, const char *options,
                                  int i, int repeat, int *value)
{
    const struct spec_block *block =
        &build->spec->block[line->kind - build_layer_kinds()];
    char *path = repeat ? mem_format("%s%s.%d.", scope->path, line->name, i)
                        : mem_format("%s%s.", scope->path, line->name);
    struct build_scope inner = {.outer = scope,
                                .depth = scope->depth + 1,
                                .block = block,
                                .path = path,
                                .input = *value,
                                .value = *value};
    enum status st;
    TRY_TO(out, build_declare(&inner));
    TRY_TO(out,
           build_give(&inner, line->where, line->name, options, i, repeat ? repeat : 1));
    st = build_lines(build, &inner, &block->lines);
    *value = inner.value;
    if (st == ST_OK && repeat) {
        path[strlen(path) - 1] = '\0';
        st =
            build_add_name(build, scope, line->where, path + strlen(scope->path), *value);
    }
out:
    free(path);
    return st;
}

static enum status build_block(struct build *build, struct build_scope *scope,
                               struct build_line *line)
{
    const struct spec_block *block =
        &build->spec->block[line->kind - build_layer_kinds()];
    char text[SPEC_WORD];
    const char *options = line->text;
    bool given;
    long long repeat = 0;
    int value = line->input[0];
    TRY(build_check_nesting(scope, block, line->where));
    TRY(build_option(line, "repeat", text, &given));
    if (given && !parse_int(text, 1, MODEL_LAYERS, &repeat))
        FAIL(ST_USAGE, "%s: %s: repeat '%s' is not a whole number from 1 to %d",
             line->where, line->name, text, MODEL_LAYERS);
    spec_next_word(&options, text);
    for (int i = 0; i < (repeat ? repeat : 1); i++)
        TRY(build_instance(build, scope, line, options, i, (int)repeat, &value));
    TRY(build_add_name(build, scope, line->where, line->name, value));
    scope->value = value;
    return ST_OK;
}

/* --- lines --- */

static enum status build_line_parts(struct build *build, struct build_scope *scope,
                                    struct build_line *line)
{
    bool stays;
    TRY(build_find_kind(build, line));
    TRY(build_read_name(build, scope, line));
    TRY(build_read_condition(build, scope, line, &stays));
    TRY(build_read_inputs(build, scope, line));
    if (!stays) {
        scope->value = line->input[0];
        return build_leave_out(build, scope, line->where, line->name, line->input[0]);
    }
    return line->kind < build_layer_kinds() ? build_layer(build, scope, line)
                                            : build_block(build, scope, line);
}

static enum status build_line(struct build *build, struct build_scope *scope,
                              const char *text, const char *where)
{
    struct build_line line = {.where = where};
    if (++build->lines > BUILD_LINES)
        FAIL(ST_USAGE, "%s: the blocks of the network have more than %d lines in all",
             where, BUILD_LINES);
    line.text = build_substitute(scope, where, text);
    if (!line.text)
        return ST_USAGE;
    enum status st = build_line_parts(build, scope, &line);
    free(line.text);
    return st;
}

static enum status build_lines(struct build *build, struct build_scope *scope,
                               const struct spec_lines *lines)
{
    enum status st = ST_OK;
    size_t kinds = (size_t)build_layer_kinds() + (size_t)build->spec->blocks;
    scope->count = mem_zeroed(kinds, sizeof *scope->count);
    for (int i = 0; i < lines->count && st == ST_OK; i++)
        st = build_line(build, scope, lines->text[i], lines->where[i]);
    free(scope->count);
    return st;
}

/* --- the whole --- */

enum status model_build(struct model *model, const struct model_spec *spec)
{
    struct build build = {.model = model, .spec = spec};
    struct build_scope network = {.path = ""};
    enum status st;
    TRY_TO(out, build_lines(&build, &network, &spec->lines));
    if (model->layers == 0)
        st = status_fail(ST_USAGE,
                         "the network has no layers: add 'layer =' lines to [model]");
    else
        st = build_check_end(&build);
    if (st == ST_OK)
        model->multi_label = model->layer[model->layers - 1]->ops == &layer_logsigmoid;
out:
    free(build.where);
    free(build.name);
    return st;
}
