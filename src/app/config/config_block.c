#include "config_block.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
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

/* --- what is not used --- */

static const char config_blanks[] = " \t";

static bool config_has_kind(const struct spec_lines *lines, const char *kind)
{
    for (int l = 0; l < lines->count; l++) {
        const char *word = lines->text[l] + strspn(lines->text[l], config_blanks);
        size_t length = strcspn(word, config_blanks);
        if (strlen(kind) == length && strncmp(word, kind, length) == 0)
            return true;
    }
    return false;
}

/* Has a line "$NAME"? */
static bool config_has_parameter(const struct spec_lines *lines, const char *name,
                                 size_t length)
{
    for (int l = 0; l < lines->count; l++)
        for (const char *at = lines->text[l]; (at = strchr(at, '$')) != NULL;) {
            at++;
            if (strncmp(at, name, length) == 0 && !isalnum((unsigned char)at[length]) &&
                at[length] != '_')
                return true;
        }
    return false;
}

static bool config_block_used(const struct model_spec *spec, int b)
{
    bool used = config_has_kind(&spec->lines, spec->block[b].name);
    for (int other = 0; other < spec->blocks; other++)
        used = used || (other != b &&
                        config_has_kind(&spec->block[other].lines, spec->block[b].name));
    return used;
}

static void config_note_parameters(const struct spec_block *block)
{
    const char *word = block->parameters + strspn(block->parameters, config_blanks);
    while (*word) {
        size_t length = strcspn(word, config_blanks), name = strcspn(word, "= \t");
        if (!config_has_parameter(&block->lines, word, name))
            log_note("%s: no line of block '%s' has its parameter $%.*s", block->where,
                     block->name, (int)name, word);
        word += length;
        word += strspn(word, config_blanks);
    }
}

void config_note_unused(const struct config *config)
{
    const struct model_spec *spec = &config->model;
    for (int b = 0; b < spec->blocks; b++) {
        const struct spec_block *block = &spec->block[b];
        config_note_parameters(block);
        if (!config_block_used(spec, b))
            log_note("%s: no 'layer =' line uses block '%s'", block->where, block->name);
    }
}

/* --- as text --- */

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
