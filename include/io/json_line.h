/*
 * json_line: a JSON object in one line of text, written by jansson.
 *
 *   struct json_line *line = json_line_create();
 *   json_line_text(line, "event", "interval");
 *   json_line_number(line, "loss", 0.25);
 *   char *text = json_line_finish(line);    {"event":"interval","loss":0.25}
 *
 * Keys keep their order. Numbers that JSON has no word for (NAN, infinities) become null;
 * so does a NULL text, and what is no UTF-8 in one becomes U+FFFD.
 */
#ifndef LOCKSTEP_IO_JSON_LINE_H
#define LOCKSTEP_IO_JSON_LINE_H

#include <stdbool.h>
#include <stdint.h>

struct json_line;

struct json_line *json_line_create(void);
void json_line_text(struct json_line *line, const char *key, const char *text);
void json_line_number(struct json_line *line, const char *key, double number);
void json_line_count(struct json_line *line, const char *key, uint64_t count);
void json_line_flag(struct json_line *line, const char *key, bool flag);
/* An object in it, which it owns; it may be filled until json_line_finish. */
struct json_line *json_line_object(struct json_line *line, const char *key);

/* The text, without a line's end; the caller frees it. Frees the line. */
char *json_line_finish(struct json_line *line);

#endif
