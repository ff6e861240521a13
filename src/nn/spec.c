#include "nn/spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/layer.h"
#include "spec_line.h"

void spec_lines_add(struct spec_lines *lines, const char *text, const char *where)
{
    ASSERT(lines->count < MODEL_LAYERS);
    size_t count = (size_t)lines->count + 1;
    lines->text = mem_resize(lines->text, count, sizeof *lines->text);
    lines->where = mem_resize(lines->where, count, sizeof *lines->where);
    lines->text[lines->count] = mem_strdup(text);
    lines->where[lines->count] = mem_strdup(where);
    lines->count++;
}

void model_spec_add(struct model_spec *spec, const char *text, const char *where)
{
    spec_lines_add(&spec->lines, text, where);
}

/* Where the kind of the last line begins, if it is this one; else NULL. */
static char *spec_last_kind(const struct model_spec *spec, const char *kind)
{
    const struct spec_lines *lines = &spec->lines;
    size_t length = strlen(kind);
    if (lines->count == 0)
        return NULL;
    char *last = lines->text[lines->count - 1];
    last += strspn(last, " \t");
    bool is = strcspn(last, " \t") == length && strncmp(last, kind, length) == 0;
    return is ? last : NULL;
}

bool model_spec_ends_in_logsigmoid(const struct model_spec *spec)
{
    return spec_last_kind(spec, "logsigmoid") != NULL;
}

bool model_spec_use_logsigmoid(struct model_spec *spec)
{
    char *softmax = spec_last_kind(spec, "logsoftmax");
    if (softmax) /* of the same length */
        memcpy(softmax, "logsigmoid", strlen("logsigmoid"));
    return model_spec_ends_in_logsigmoid(spec);
}

static void spec_lines_release(struct spec_lines *lines)
{
    for (int i = 0; i < lines->count; i++) {
        free(lines->text[i]);
        free(lines->where[i]);
    }
    free(lines->text);
    free(lines->where);
}

void model_spec_release(struct model_spec *spec)
{
    spec_lines_release(&spec->lines);
    for (int b = 0; b < spec->blocks; b++) {
        struct spec_block *block = &spec->block[b];
        spec_lines_release(&block->lines);
        free(block->name);
        free(block->parameters);
        free(block->where);
    }
    free(spec->block);
    free(spec->freeze.until);
    *spec = (struct model_spec){0};
}

static enum status spec_check_block_name(const struct model_spec *spec, const char *name,
                                         const char *where)
{
    if (!spec_name_good(name) || strchr(name, '.'))
        FAIL(ST_USAGE,
             "%s: '%s' cannot be the name of a block: a letter or '_', then letters, "
             "digits, "
             "'_' and '-'",
             where, name);
    for (int k = 0; layer_kinds[k]; k++)
        if (strcmp(layer_kinds[k]->kind, name) == 0)
            FAIL(ST_USAGE, "%s: block '%s' has the name of a layer, give it another",
                 where, name);
    for (int b = 0; b < spec->blocks; b++)
        if (strcmp(spec->block[b].name, name) == 0)
            FAIL(ST_USAGE, "%s: there is a block '%s' already, at %s", where, name,
                 spec->block[b].where);
    return ST_OK;
}

enum status model_spec_add_block(struct model_spec *spec, const char *name,
                                 const char *where, struct spec_block **block)
{
    TRY(spec_check_block_name(spec, name, where));
    if (spec->blocks == MODEL_LAYERS)
        FAIL(ST_USAGE, "%s: more than %d blocks", where, MODEL_LAYERS);
    spec->block = mem_resize(spec->block, (size_t)spec->blocks + 1, sizeof *spec->block);
    *block = &spec->block[spec->blocks++];
    **block = (struct spec_block){.name = mem_strdup(name),
                                  .parameters = mem_strdup(""),
                                  .where = mem_strdup(where)};
    return ST_OK;
}
