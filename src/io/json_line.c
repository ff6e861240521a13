#include "io/json_line.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/status.h"
#include "io/text.h"

#define JSON_DIGITS 15 /* all doubles of so many digits are printed as they were read */

struct json_line {
    json_t *object;         /* of the outermost line owned */
    struct json_line *next; /* owned: objects in it */
};

static struct json_line *json_line_of(json_t *object)
{
    struct json_line *line = mem_zeroed(1, sizeof *line);
    ASSERT(object);
    line->object = object;
    return line;
}

struct json_line *json_line_create(void)
{
    return json_line_of(json_object());
}

static void json_line_set(struct json_line *line, const char *key, json_t *value)
{
    int result = json_object_set_new(line->object, key, value);
    ASSERT(result == 0);
}

void json_line_text(struct json_line *line, const char *key, const char *text)
{
    char *plain = text ? text_as_utf8(text) : NULL;
    json_line_set(line, key, plain ? json_string(plain) : json_null());
    free(plain);
}

void json_line_number(struct json_line *line, const char *key, double number)
{
    json_line_set(line, key, isfinite(number) ? json_real(number) : json_null());
}

void json_line_count(struct json_line *line, const char *key, uint64_t count)
{
    json_line_set(line, key,
                  count <= INT64_MAX ? json_integer((json_int_t)count)
                                     : json_real((double)count));
}

void json_line_flag(struct json_line *line, const char *key, bool flag)
{
    json_line_set(line, key, json_boolean(flag));
}

struct json_line *json_line_object(struct json_line *line, const char *key)
{
    struct json_line *inner = json_line_of(json_object());
    json_line_set(line, key, inner->object);
    inner->next = line->next;
    line->next = inner;
    return inner;
}

static void json_line_free(struct json_line *line)
{
    while (line) {
        struct json_line *next = line->next;
        free(line);
        line = next;
    }
}

char *json_line_finish(struct json_line *line)
{
    char *text =
        json_dumps(line->object, JSON_COMPACT | JSON_REAL_PRECISION(JSON_DIGITS));
    ASSERT(text);
    json_decref(line->object);
    json_line_free(line);
    return text;
}
