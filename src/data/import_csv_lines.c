#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import_csv.h"
#include "io/kind.h"
#include "io/stream.h"

#define BLOCK_BYTES ((size_t)4 << 20)
#define LINE_BYTES  ((size_t)256 << 20) /* a longer line is not CSV */

static enum status csv_lines_refill(struct csv_lines *lines)
{
    size_t left = lines->end - lines->begin, got;
    if (lines->begin > 0)
        memmove(lines->buffer, lines->buffer + lines->begin, left);
    if (lines->room - left < BLOCK_BYTES) {
        if (left > LINE_BYTES)
            FAIL(ST_FAIL, "line %zu of '%s' has no end: this is not a CSV file",
                 lines->number + 1, lines->path);
        lines->room = left + 2 * BLOCK_BYTES;
        lines->buffer = mem_resize(lines->buffer, lines->room + 1, 1);
    }
    TRY(stream_read(lines->stream, lines->buffer + left, BLOCK_BYTES, &got));
    lines->begin = 0;
    lines->end = left + got;
    lines->finished = got == 0;
    return ST_OK;
}

/* A byte 0 is in no text; what is in a compressed file is looked at, not the file. */
static enum status csv_lines_check(const struct csv_lines *lines)
{
    size_t bytes = lines->end < KIND_HEAD_BYTES ? lines->end : KIND_HEAD_BYTES;
    struct kind kind = kind_of_bytes((const uint8_t *)lines->buffer, bytes);
    if (kind.class == KIND_EMPTY || kind.class == KIND_TEXT ||
        (kind.class == KIND_OTHER && !memchr(lines->buffer, 0, bytes)))
        return ST_OK;
    return kind_refuse_as(&kind, lines->path, "a table of pixels");
}

enum status csv_lines_open(struct csv_lines *lines, const char *path)
{
    *lines = (struct csv_lines){.path = path};
    TRY(stream_open_text(&lines->stream, path));
    enum status st = csv_lines_refill(lines);
    if (st == ST_OK)
        st = csv_lines_check(lines);
    if (st != ST_OK)
        csv_lines_close(lines);
    return st;
}

void csv_lines_close(struct csv_lines *lines)
{
    stream_close(lines->stream);
    free(lines->buffer);
    *lines = (struct csv_lines){0};
}

enum status csv_lines_next(struct csv_lines *lines, char **line)
{
    for (size_t searched = 0;;) {
        char *start = lines->buffer + lines->begin;
        size_t left = lines->end - lines->begin;
        char *end =
            left > searched ? memchr(start + searched, '\n', left - searched) : NULL;
        if (end || (lines->finished && left > 0)) {
            size_t length = end ? (size_t)(end - start) : left;
            lines->begin += length + (end != NULL);
            lines->number++;
            start[length] = '\0';
            *line = start;
            return ST_OK;
        }
        *line = NULL;
        if (lines->finished)
            return ST_OK;
        searched = left;
        TRY(csv_lines_refill(lines));
    }
}
