#include "config_block.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "config_keys.h"

const char *config_block_name(const char *section)
{
    return config_section_name(section, "block");
}

static enum status config_unknown_block_key(const char *name, const char *where)
{
    static const char *const names[] = {"layer", "parameters"};
    const char *near = parse_nearest(name, names, 2);
    if (near)
        FAIL(ST_USAGE, "%s: unknown key '%s' in a block; did you mean '%s'?", where, name,
             near);
    FAIL(ST_USAGE,
         "%s: unknown key '%s' in a block: it has 'parameters' and 'layer' lines", where,
         name);
}

enum status config_set_block_key(struct config *config, const char *name,
                                 const char *value, const char *where)
{
    struct spec_block *block = &config->model.block[config->model.blocks - 1];
    if (strcmp(name, "layer") == 0) {
        if (block->lines.count == MODEL_LAYERS)
            FAIL(ST_USAGE, "%s: more than %d layers", where, MODEL_LAYERS);
        spec_lines_add(&block->lines, value, where);
        return ST_OK;
    }
    if (strcmp(name, "parameters") != 0)
        return config_unknown_block_key(name, where);
    if (*block->parameters)
        FAIL(ST_USAGE, "%s: the parameters of block '%s' are set already", where,
             block->name);
    free(block->parameters);
    block->parameters = mem_strdup(value);
    return ST_OK;
}

void config_append_blocks(char **text, const struct model_spec *spec)
{
    for (int b = 0; b < spec->blocks; b++) {
        const struct spec_block *block = &spec->block[b];
        config_append_heading(text, "block", block->name);
        if (*block->parameters)
            mem_append(text, "parameters = %s\n", block->parameters);
        for (int l = 0; l < block->lines.count; l++)
            mem_append(text, "layer = %s\n", block->lines.text[l]);
    }
}

enum status config_compare_blocks(const struct model_spec *then,
                                  const struct model_spec *now)
{
    char *before = mem_strdup(""), *after = mem_strdup("");
    config_append_blocks(&before, then);
    config_append_blocks(&after, now);
    bool same = strcmp(before, after) == 0;
    size_t at = 0;
    for (size_t i = 0; !same && before[i] == after[i]; i++)
        if (before[i] == '\n')
            at = i + 1;
    enum status st = ST_OK;
    const char *old = before + at + strspn(before + at, "\n");
    const char *new = after + at + strspn(after + at, "\n");
    if (!same)
        st = status_fail(
            ST_USAGE,
            "cannot resume: the blocks of the network have changed: '%.*s' is "
            "now '%.*s'; start a new run with another --run",
            (int)strcspn(old, "\n"), old, (int)strcspn(new, "\n"), new);
    free(before);
    free(after);
    return st;
}
