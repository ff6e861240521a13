#include "io/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/fs.h"
#include "base/mem.h"

#define STREAM_BLOCK_BYTES ((size_t)1 << 18)
#define STREAM_HEAD        8 /* bytes of the longest line "sep=;", and one more */
#define GZIP_WINDOW        (16 + MAX_WBITS) /* zlib: gzip with its header and checksum */

struct stream {
    FILE *file;
    char *path;
    bool gzip;
    bool between; /* gzip: not inside a member */
    enum { STREAM_BYTES, STREAM_UTF16_LITTLE, STREAM_UTF16_BIG } code;
    bool text;
    uint8_t ready[16]; /* bytes that come before the others: [ready_used, ready_bytes) */
    int ready_bytes, ready_used;
    uint8_t unit[2]; /* UTF-16: the first unit, */
    int unit_bytes;  /* as far as it was read */
    z_stream z;      /* next_in, avail_in: the unread part of the block */
    uint8_t block[STREAM_BLOCK_BYTES];
};

static enum status stream_read_block(struct stream *s)
{
    errno = 0;
    s->z.next_in = s->block;
    s->z.avail_in = (uInt)fread(s->block, 1, STREAM_BLOCK_BYTES, s->file);
    if (ferror(s->file))
        FAIL(ST_FAIL, "cannot read '%s': %s", s->path, strerror(errno));
    return ST_OK;
}

enum status stream_open(struct stream **stream, const char *path)
{
    *stream = NULL;
    if (fs_is_folder(path))
        FAIL(ST_FAIL, "cannot read '%s': it is a folder", path);
    FILE *file = fopen(path, "rb");
    if (!file)
        FAIL(ST_FAIL, "cannot open '%s': %s", path, strerror(errno));
    struct stream *s = mem_zeroed(1, sizeof *s);
    s->file = file;
    s->path = mem_strdup(path);
    enum status st = stream_read_block(s);
    if (st != ST_OK) {
        stream_close(s);
        return st;
    }
    s->gzip = s->z.avail_in >= 2 && s->block[0] == 0x1f && s->block[1] == 0x8b;
    s->between = true;
    if (s->gzip) {
        int code = inflateInit2(&s->z, GZIP_WINDOW);
        ASSERT(code == Z_OK);
    }
    *stream = s;
    return ST_OK;
}

void stream_close(struct stream *stream)
{
    if (!stream)
        return;
    if (stream->gzip)
        inflateEnd(&stream->z);
    fclose(stream->file);
    free(stream->path);
    free(stream);
}

static enum status stream_read_plain(struct stream *s, uint8_t *data, size_t bytes,
                                     size_t *got)
{
    while (*got < bytes) {
        if (s->z.avail_in == 0)
            TRY(stream_read_block(s));
        size_t n = s->z.avail_in < bytes - *got ? s->z.avail_in : bytes - *got;
        if (n == 0)
            return ST_OK;
        memcpy(data + *got, s->z.next_in, n);
        s->z.next_in += n;
        s->z.avail_in -= (uInt)n;
        *got += n;
    }
    return ST_OK;
}

/* A member is followed by another one or by the end of the file. */
static enum status stream_next_member(struct stream *s)
{
    if (s->z.next_in[0] != 0x1f)
        FAIL(ST_FAIL, "bytes after the end of the gzip data in '%s'", s->path);
    inflateReset(&s->z);
    s->between = false;
    return ST_OK;
}

static enum status stream_read_gzip(struct stream *s, uint8_t *data, size_t bytes,
                                    size_t *got)
{
    while (*got < bytes) {
        if (s->z.avail_in == 0)
            TRY(stream_read_block(s));
        if (s->z.avail_in == 0 && s->between)
            return ST_OK;
        if (s->z.avail_in == 0)
            FAIL(ST_FAIL, "gzip file '%s' is cut short", s->path);
        if (s->between)
            TRY(stream_next_member(s));
        size_t room =
            bytes - *got < STREAM_BLOCK_BYTES ? bytes - *got : STREAM_BLOCK_BYTES;
        s->z.next_out = data + *got;
        s->z.avail_out = (uInt)room;
        int code = inflate(&s->z, Z_NO_FLUSH);
        *got += room - s->z.avail_out;
        s->between = code == Z_STREAM_END;
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            FAIL(ST_FAIL, "gzip file '%s' is damaged (%s)", s->path,
                 s->z.msg ? s->z.msg : zError(code));
    }
    return ST_OK;
}

static enum status stream_read_bytes(struct stream *s, void *data, size_t bytes,
                                     size_t *got)
{
    *got = 0;
    return s->gzip ? stream_read_gzip(s, data, bytes, got)
                   : stream_read_plain(s, data, bytes, got);
}

/* --- text --- */

/* The next 16-bit unit; *end: there is none. */
static enum status stream_read_unit(struct stream *s, unsigned *unit, bool *end)
{
    uint8_t pair[2] = {s->unit[0], s->unit[1]};
    size_t got, before = (size_t)s->unit_bytes;
    s->unit_bytes = 0;
    TRY(stream_read_bytes(s, pair + before, 2 - before, &got));
    got += before;
    *end = got == 0;
    if (got == 1)
        FAIL(ST_FAIL, "'%s' is UTF-16, but cut short inside a character", s->path);
    bool big = s->code == STREAM_UTF16_BIG;
    *unit = big ? 256u * pair[0] + pair[1] : 256u * pair[1] + pair[0];
    return ST_OK;
}

/* Puts the next character as UTF-8 into s->ready. A lone half of a pair becomes
   U+FFFD. */
static enum status stream_read_character(struct stream *s, bool *end)
{
    unsigned c = 0, low = 0;
    TRY(stream_read_unit(s, &c, end));
    if (*end)
        return ST_OK;
    if (c >= 0xd800 && c < 0xdc00) {
        TRY(stream_read_unit(s, &low, end));
        bool pair = !*end && low >= 0xdc00 && low < 0xe000;
        c = pair ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
        *end = false;
    }
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (int i = n - 1; i > 0; i--, c >>= 6)
        s->ready[i] = (uint8_t)(0x80 | (c & 0x3f));
    s->ready[0] = (uint8_t)(first[n] | c);
    s->ready_bytes = n;
    s->ready_used = 0;
    return ST_OK;
}

static enum status stream_read_utf16(struct stream *s, uint8_t *data, size_t bytes,
                                     size_t *got)
{
    bool end = false;
    for (*got = 0; *got < bytes; (*got)++) {
        if (s->ready_used == s->ready_bytes)
            TRY(stream_read_character(s, &end));
        if (end)
            return ST_OK;
        data[*got] = s->ready[s->ready_used++];
    }
    return ST_OK;
}

/* As UTF-8. */
static enum status stream_read_decoded(struct stream *s, uint8_t *data, size_t bytes,
                                       size_t *got)
{
    size_t first = 0;
    if (s->code != STREAM_BYTES)
        return stream_read_utf16(s, data, bytes, got);
    while (first < bytes && s->ready_used < s->ready_bytes)
        data[first++] = s->ready[s->ready_used++];
    enum status st = stream_read_bytes(s, data + first, bytes - first, got);
    *got += first;
    return st;
}

/* Puts bytes that were read before what comes next. */
static void stream_put_back(struct stream *s, const uint8_t *data, size_t bytes)
{
    size_t left = (size_t)(s->ready_bytes - s->ready_used);
    ASSERT(bytes + left <= sizeof s->ready);
    memmove(s->ready + bytes, s->ready + s->ready_used, left);
    memcpy(s->ready, data, bytes);
    s->ready_used = 0;
    s->ready_bytes = (int)(bytes + left);
}

/* Finds UTF-16 by its mark, and skips the mark. That of UTF-32 is left: its users say
   what they cannot read. */
static enum status stream_find_code(struct stream *s)
{
    uint8_t mark[4];
    size_t got;
    TRY(stream_read_bytes(s, mark, 2, &got));
    bool little = got == 2 && memcmp(mark, "\xff\xfe", 2) == 0;
    if (little || (got == 2 && memcmp(mark, "\xfe\xff", 2) == 0)) {
        TRY(stream_read_bytes(s, s->unit, 2, &got));
        s->unit_bytes = (int)got;
        s->code = little ? STREAM_UTF16_LITTLE : STREAM_UTF16_BIG;
        if (!little || got < 2 || s->unit[0] || s->unit[1])
            return ST_OK;
        s->code = STREAM_BYTES;
        stream_put_back(s, (const uint8_t *)"\xff\xfe\0\0", 4);
        return ST_OK;
    }
    size_t bytes = got;
    if (got == 2 && memcmp(mark, "\xef\xbb", 2) == 0) {
        TRY(stream_read_bytes(s, mark + 2, 1, &got));
        bytes += got;
    }
    if (bytes < 3 || mark[2] != 0xbf)
        stream_put_back(s, mark, bytes);
    return ST_OK;
}

/* Excel's first line "sep=;", perhaps in quotes, becomes an empty one. */
static enum status stream_skip_separator(struct stream *s)
{
    uint8_t head[STREAM_HEAD];
    size_t got, quote, skip;
    TRY(stream_read_decoded(s, head, sizeof head, &got));
    quote = got > 0 && head[0] == '"';
    skip = 2 * quote + strlen("sep=;");
    bool found = got > skip && memcmp(head + quote, "sep=", 4) == 0 &&
                 (!quote || head[skip - 1] == '"') &&
                 (head[skip] == '\r' || head[skip] == '\n');
    if (!found)
        skip = 0;
    stream_put_back(s, head + skip, got - skip);
    return ST_OK;
}

enum status stream_open_text(struct stream **stream, const char *path)
{
    TRY(stream_open(stream, path));
    (*stream)->text = true;
    enum status st = stream_find_code(*stream);
    if (st == ST_OK)
        st = stream_skip_separator(*stream);
    if (st != ST_OK) {
        stream_close(*stream);
        *stream = NULL;
    }
    return st;
}

/* A carriage return without a line feed ended the lines of old Macs. */
static enum status stream_end_lines(struct stream *s, uint8_t *data, size_t got)
{
    uint8_t next = 0, *end = data + got;
    size_t more;
    for (uint8_t *p = data; p < end && (p = memchr(p, '\r', (size_t)(end - p))); p++) {
        if (p + 1 < end) {
            next = p[1];
        } else {
            TRY(stream_read_decoded(s, &next, 1, &more));
            stream_put_back(s, &next, more);
            next = more ? next : 0;
        }
        if (next != '\n')
            *p = '\n';
    }
    return ST_OK;
}

enum status stream_read(struct stream *stream, void *data, size_t bytes, size_t *got)
{
    if (!stream->text)
        return stream_read_bytes(stream, data, bytes, got);
    TRY(stream_read_decoded(stream, data, bytes, got));
    return stream_end_lines(stream, data, *got);
}

enum status stream_read_text(const char *path, size_t most, char **text, size_t *bytes)
{
    struct stream *stream;
    size_t used = 0, room = 0, got;
    char *data = NULL;
    TRY(stream_open_text(&stream, path));
    enum status st = ST_OK;
    do {
        room = room ? 2 * room : 65536;
        data = mem_resize(data, room + 1, 1);
        st = stream_read(stream, data + used, room - used, &got);
        used += st == ST_OK ? got : 0;
        if (used > most)
            st =
                status_fail(ST_FAIL, "'%s' is too long: more than %zu bytes", path, most);
    } while (st == ST_OK && used == room);
    stream_close(stream);
    if (st != ST_OK) {
        free(data);
        return st;
    }
    data[used] = '\0';
    *text = data;
    *bytes = used;
    return ST_OK;
}
