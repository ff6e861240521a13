#include "io/predictions.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/text.h"
#include "predictions_impl.h"

#define ROW_DIGITS 9 /* they give back every float exactly */

void predictions_row_release(struct predictions_row *row)
{
    free(row->path);
    free(row->error);
    free(row->list);
    *row = (struct predictions_row){0};
}

/* --- writing --- */

static json_t *row_class(const struct predictions_head *head,
                         const struct predictions_class *one)
{
    char *name = text_as_utf8(head->class_name[one->class]);
    json_t *object =
        json_pack("{s:s, s:i, s:f}", "label", name, "class", one->class, "p", one->p);
    free(name);
    return object;
}

static json_t *row_list(const struct predictions_head *head,
                        const struct predictions_class *list, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(array, row_class(head, &list[i]));
    return array;
}

static void row_put_path(json_t *object, const char *path)
{
    char *text = text_as_utf8(path);
    json_object_set_new(object, "path", json_string(text));
    if (strcmp(text, path) != 0) {
        char *hex = mem_zeroed(2 * strlen(path) + 1, 1);
        for (size_t i = 0; path[i]; i++)
            sprintf(hex + 2 * i, "%02x", (unsigned char)path[i]);
        json_object_set_new(object, "path_hex", json_string(hex));
        free(hex);
    }
    free(text);
}

static void row_put_label(json_t *object, const struct predictions_head *head,
                          const struct predictions_row *row)
{
    const struct predictions_class *first = &row->list[0];
    json_t *found = row_class(head, first);
    if (row->labels == 0) {
        json_object_set_new(found, "label", json_null());
        json_object_set_new(found, "class", json_integer(-1));
    }
    json_object_update(object, found);
    json_decref(found);
}

char *predictions_row_text(const struct predictions_head *head,
                           const struct predictions_row *row)
{
    json_t *object = json_object();
    row_put_path(object, row->path);
    if (row->error) {
        char *error = text_as_utf8(row->error);
        json_object_set_new(object, "error", json_string(error));
        free(error);
    } else {
        int top = row->listed < head->top ? row->listed : head->top;
        if (head->sets)
            json_object_set_new(object, "labels", row_list(head, row->list, row->labels));
        else
            row_put_label(object, head, row);
        json_object_set_new(object, "top", row_list(head, row->list, top));
    }
    char *line = json_dumps(object, JSON_REAL_PRECISION(ROW_DIGITS));
    ASSERT(line);
    char *text = mem_format("%s\n", line);
    free(line);
    json_decref(object);
    return text;
}

/* --- reading --- */

/* Does not trust the line: a job may have been killed while it was written. */
static bool row_read_class(const struct predictions_head *head, const json_t *object,
                           struct predictions_class *one)
{
    const json_t *class = json_object_get(object, "class");
    const json_t *p = json_object_get(object, "p");
    if (!json_is_integer(class) || !json_is_number(p))
        return false;
    json_int_t number = json_integer_value(class);
    *one = (struct predictions_class){(int)number, json_number_value(p)};
    return number >= 0 && number < head->classes;
}

static bool row_read_list(const struct predictions_head *head, const json_t *array,
                          struct predictions_row *row)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count > (size_t)head->classes)
        return false;
    row->list = mem_zeroed(count + 1, sizeof *row->list);
    row->listed = (int)count;
    for (size_t i = 0; i < count; i++)
        if (!row_read_class(head, json_array_get(array, i), &row->list[i]))
            return false;
    return true;
}

/* One of "top" and "labels" is the beginning of the other: the longer one is read. */
static bool row_read_answer(const struct predictions_head *head, const json_t *object,
                            struct predictions_row *row)
{
    const json_t *top = json_object_get(object, "top");
    const json_t *labels = json_object_get(object, "labels");
    if (!head->sets) {
        row->labels = json_is_string(json_object_get(object, "label"));
        return row_read_list(head, top, row) && row->listed > 0;
    }
    row->labels = (int)json_array_size(labels);
    return row_read_list(
        head, json_array_size(labels) > json_array_size(top) ? labels : top, row);
}

static int row_hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool row_read_path(const json_t *object, struct predictions_row *row)
{
    const char *path = json_string_value(json_object_get(object, "path"));
    const char *hex = json_string_value(json_object_get(object, "path_hex"));
    if (!path)
        return false;
    row->path = mem_strdup(hex ? hex : path);
    if (!hex)
        return true;
    size_t bytes = strlen(hex) / 2;
    for (size_t i = 0; i < bytes; i++) {
        int high = row_hex_digit(hex[2 * i]), low = row_hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        row->path[i] = (char)(16 * high + low);
    }
    row->path[bytes] = '\0';
    return true;
}

bool predictions_row_parse(const struct predictions_head *head, const char *line,
                           struct predictions_row *row)
{
    *row = (struct predictions_row){0};
    json_t *object = json_loads(line, 0, NULL);
    const char *error = json_string_value(json_object_get(object, "error"));
    if (error)
        row->error = mem_strdup(error);
    bool whole =
        row_read_path(object, row) && (error || row_read_answer(head, object, row));
    json_decref(object);
    if (!whole)
        predictions_row_release(row);
    return whole;
}

char *predictions_head_text(const struct predictions_head *head)
{
    json_t *classes = json_array();
    for (int c = 0; c < head->classes; c++) {
        char *name = text_as_utf8(head->class_name[c]);
        json_array_append_new(classes, json_string(name));
        free(name);
    }
    json_t *object =
        json_pack("{s:s, s:s, s:i, s:b, s:f, s:o}", "lockstep", "predictions under way",
                  "network", head->network, "top", head->top, "sets", head->sets,
                  "threshold", head->threshold, "classes", classes);
    ASSERT(object);
    char *line = json_dumps(object, 0), *text = mem_format("%s\n", line);
    free(line);
    json_decref(object);
    return text;
}
