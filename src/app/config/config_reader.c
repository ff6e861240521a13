/* config_reader: INI text, line by line. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config/config.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "config_block.h"
#include "config_group.h"
#include "config_keys.h"
#include "config_recipe.h"
#include "io/kind.h"
#include "nn/named_network.h"

#define KEY_BYTES 200 /* of a key or a section, at most */

struct config_reader {
    struct config *config;
    const char *file;    /* its name in messages */
    const char *section; /* "" before the first one */
    int line;
    int seen[CONFIG_KEYS_MAX];            /* [key]: the line that set it; 0: none */
    int seen_in_group[CONFIG_GROUP_KEYS]; /* the same, of the section [group NAME] */
};

/* The line without its blanks and its comment, which begins at the start or after a
   blank. */
static char *config_strip_line(char *line)
{
    for (char *p = line; *p; p++) {
        bool alone = p == line || isspace((unsigned char)p[-1]);
        if (!alone || (*p != '#' && *p != ';'))
            continue;
        *p = '\0';
        break;
    }
    return parse_trim(line);
}

static void config_where(const struct config_reader *reader, char where[FS_PATH + 32])
{
    snprintf(where, FS_PATH + 32, "%s:%d", reader->file, reader->line);
}

/* "[block NAME]" and "[group NAME]" begin something new. */
static enum status config_begin_section(struct config_reader *reader, const char *where)
{
    struct spec_block *block;
    const char *name = config_block_name(reader->section);
    if (name)
        return model_spec_add_block(&reader->config->model, name, where, &block);
    name = config_group_name(reader->section);
    memset(reader->seen_in_group, 0, sizeof reader->seen_in_group);
    return name ? config_begin_group(reader->config, name, where)
                : config_check_section(reader->section, where);
}

/* seen: the line that set the key, or 0. */
static enum status config_see(const struct config_reader *reader, int *seen,
                              const char *name, const char *where)
{
    if (*seen)
        FAIL(ST_USAGE, "%s: '%s' is set already on line %d", where, name, *seen);
    *seen = reader->line;
    return ST_OK;
}

static enum status config_read_pair(struct config_reader *reader, const char *name,
                                    const char *value)
{
    char where[FS_PATH + 32];
    config_where(reader, where);
    if (config_group_name(reader->section) && config_group_key(name) >= 0)
        TRY(config_see(reader, &reader->seen_in_group[config_group_key(name)], name,
                       where));
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->kind == KEY_LAYERS || strcmp(key->section, reader->section) != 0 ||
            strcmp(key->name, name) != 0)
            continue;
        TRY(config_see(reader, &reader->seen[i], name, where));
    }
    return config_set_key(reader->config, reader->section, name, value, where);
}

/* What follows the ']' of a section is ignored. */
static enum status config_read_line(struct config_reader *reader, char *line)
{
    size_t bytes = strlen(line), name = *line == '[' ? bytes : strcspn(line, "=:");
    char *end = *line == '[' ? strchr(line, ']') : strpbrk(line, "=:");
    if (bytes == 0)
        return ST_OK;
    if (!end)
        FAIL(ST_USAGE, "%s:%d: expected '[section]' or 'key = value'", reader->file,
             reader->line);
    if (name >= KEY_BYTES || bytes >= FS_PATH)
        FAIL(ST_USAGE, "%s:%d: the line is too long", reader->file, reader->line);
    *end = '\0';
    if (*line != '[')
        return config_read_pair(reader, parse_trim(line), parse_trim(end + 1));
    char where[FS_PATH + 32];
    config_where(reader, where);
    reader->section = line + 1;
    return config_begin_section(reader, where);
}

static bool config_saw_recipe(const struct config_reader *reader)
{
    for (int i = 0; i < config_key_count; i++)
        if (config_keys[i].words == config_recipe_words)
            return reader->seen[i] > 0;
    return false;
}

enum status config_parse(struct config *config, const char *text, const char *name)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* some editors begin a file with it */
    while (strncmp(text, mark, strlen(mark)) == 0)
        text += strlen(mark);
    struct config_reader reader = {.config = config, .file = name, .section = ""};
    char *copy = mem_strdup(text), *rest = copy, *line;
    enum status st = ST_OK;
    while (st == ST_OK && (line = strsep(&rest, "\n")) != NULL) {
        reader.line++;
        st = config_read_line(&reader, config_strip_line(line));
    }
    free(copy);
    config_recipe_end(config, config_saw_recipe(&reader));
    config_settle(config);
    return st;
}

/* A pipe may be one: train <(sed ...). */
static enum status config_check_kind(const char *path)
{
    struct kind kind;
    if (kind_of_file(path, &kind) != ST_OK)
        return ST_USAGE;
    if (kind.class == KIND_TEXT || kind.class == KIND_EMPTY || kind.class == KIND_OTHER ||
        kind.class == KIND_SPECIAL)
        return ST_OK;
    return kind_refuse(path, "a config") == ST_OK ? ST_OK : ST_USAGE;
}

/* The network of this name, unless there is such a file; NULL: it is a file, or
   nothing. */
static const struct named_network *config_find_network(const char *path)
{
    const struct named_network *network = named_network_find(path);
    if (!network || !fs_is_file(path))
        return network;
    log_note("'%s' is a file here: it is read, not the network of that name; for that, "
             "work in another folder, or rename the file",
             path);
    return NULL;
}

/* Is it neither a file nor written like one? */
static bool config_is_unknown_name(const char *path)
{
    return *path && !strpbrk(path, "./") && access(path, F_OK) != 0;
}

enum status config_unknown_network(const char *name, bool file)
{
    const char *near = named_network_nearest(name), *nor = file ? "file and no " : "";
    const char *alike[NAMED_NETWORKS_MAX];
    char choices[PARSE_CHOICES];
    int count = named_network_begin(name, alike);
    if (count > 1)
        FAIL(ST_USAGE, "no %snetwork is named '%s'; did you mean %s?", nor, name,
             parse_choices(alike, count, choices));
    if (count == 1)
        near = alike[0];
    if (near)
        FAIL(ST_USAGE, "no %snetwork is named '%s'; did you mean '%s'?", nor, name, near);
    FAIL(ST_USAGE, "no %snetwork is named '%s'; 'lockstep models' lists the networks",
         nor, name);
}

enum status config_load(const char *path, char **text, size_t *bytes)
{
    const struct named_network *network = config_find_network(path);
    if (network) {
        *text = named_network_text(network);
        *bytes = strlen(*text);
        return ST_OK;
    }
    if (config_is_unknown_name(path))
        return config_unknown_network(path, true);
    TRY(config_check_kind(path));
    if (fs_read_text(path, text, bytes) != ST_OK)
        return ST_USAGE;
    if (strlen(*text) == *bytes)
        return ST_OK;
    free(*text);
    *text = NULL;
    FAIL(ST_USAGE, "'%s' is not a config: it is no text, but holds zero bytes", path);
}

enum status config_read(struct config *config, const char *path)
{
    char *text;
    size_t bytes;
    TRY(config_load(path, &text, &bytes));
    enum status st = config_parse(config, text, path);
    free(text);
    if (!fs_is_file(path))
        config_recipe_replaces(config);
    if (st == ST_OK)
        config_note_unused(config);
    return st;
}
