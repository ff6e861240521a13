/* config_reader: INI text, line by line, as inih reads it. */
#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/config.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "config_keys.h"

/* inih's view of a text: lines handed out one by one, and counted here because inih is
   often built without line numbers. */
struct reader {
    struct config *config;
    const char *name, *next;
    int line;
    char *value;   /* owned: of this line, if too long for inih's; else NULL */
    int seen[128]; /* [key]: the line that set it */
    enum status st;
};

static void fail_once(struct reader *reader, enum status st)
{
    if (reader->st == ST_OK)
        reader->st = st;
}

static bool is_line(const char *begin, size_t bytes)
{
    if (bytes == 0)
        return true;
    if (*begin == '[')
        return memchr(begin, ']', bytes) != NULL;
    return memchr(begin, '=', bytes) || memchr(begin, ':', bytes);
}

/* What inih takes for a blank: the two must agree on where a comment begins. */
static bool is_blank(char c)
{
    return isspace((unsigned char)c) != 0;
}

static void drop_value(struct reader *reader)
{
    free(reader->value);
    reader->value = NULL;
}

/* The next line between its blanks and without its comment. Indentation is cut off
   because inih would take an indented line for a continuation. */
static const char *next_line(struct reader *reader, size_t *bytes)
{
    const char *begin = reader->next, *end = begin + strcspn(begin, "\n");
    reader->next = *end ? end + 1 : end;
    reader->line++;
    while (begin < end && is_blank(*begin))
        begin++;
    for (const char *p = begin; p < end; p++)
        if ((*p == '#' || *p == ';') && (p == begin || is_blank(p[-1])))
            end = p;
    while (end > begin && is_blank(end[-1]))
        end--;
    *bytes = (size_t)(end - begin);
    return begin;
}

/* What is no line ends the reading: inih would go on and take the rest for the section
   before. A value too long for inih's line goes round it. */
static char *read_line(char *line, int room, void *stream)
{
    struct reader *reader = stream;
    size_t bytes;
    drop_value(reader);
    if (!*reader->next || reader->st != ST_OK)
        return NULL;
    const char *begin = next_line(reader, &bytes);
    if (!is_line(begin, bytes)) {
        log_error("%s:%d: expected '[section]' or 'key = value'", reader->name,
                  reader->line);
        fail_once(reader, ST_USAGE);
        return NULL;
    }
    if (bytes > (size_t)room - 2) {
        size_t name = strcspn(begin, "=:");
        if (*begin == '[' || name > (size_t)room - 3 || bytes >= FS_PATH) {
            log_error("%s:%d: the line is too long", reader->name, reader->line);
            fail_once(reader, ST_USAGE);
            return NULL;
        }
        reader->value = mem_format("%.*s", (int)(bytes - name - 1), begin + name + 1);
        bytes = name + 1;
    }
    memcpy(line, begin, bytes);
    strcpy(line + bytes, "\n");
    return line;
}

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reader *reader = user;
    char where[FS_PATH + 32];
    if (reader->st != ST_OK)
        return 1;
    snprintf(where, sizeof where, "%s:%d", reader->name, reader->line);
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->kind == KEY_LAYERS || strcmp(key->section, section) != 0 ||
            strcmp(key->name, name) != 0)
            continue;
        if (reader->seen[i]) {
            log_error("%s: '%s' is set already on line %d", where, name, reader->seen[i]);
            fail_once(reader, ST_USAGE);
        }
        reader->seen[i] = reader->line;
    }
    if (reader->value)
        value = parse_trim(reader->value);
    if (reader->st == ST_OK)
        fail_once(reader, config_set_key(reader->config, section, name, value, where));
    drop_value(reader);
    return 1;
}

enum status config_parse(struct config *config, const char *text, const char *name)
{
    const char *mark = "\xEF\xBB\xBF"; /* some editors begin a file with it */
    size_t skip = strncmp(text, mark, 3) == 0 ? 3 : 0;
    struct reader reader = {.config = config, .name = name, .next = text + skip};
    ASSERT(config_key_count <= 128);
    int bad_line = ini_parse_stream(read_line, &reader, take_pair, &reader);
    drop_value(&reader);
    TRY(reader.st);
    if (bad_line > 0)
        FAIL(ST_USAGE, "%s:%d: expected '[section]' or 'key = value'", name, bad_line);
    return ST_OK;
}

enum status config_load(const char *path, char **text, size_t *bytes)
{
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
    const char *base = strrchr(path, '/');
    enum status st = config_parse(config, text, base ? base + 1 : path);
    free(text);
    return st;
}
