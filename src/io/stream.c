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
#define GZIP_WINDOW        (16 + MAX_WBITS) /* zlib: gzip with its header and checksum */

struct stream {
    FILE *file;
    char *path;
    bool gzip;
    bool between; /* gzip: not inside a member */
    enum { STREAM_BYTES, STREAM_UTF16_LITTLE, STREAM_UTF16_BIG } code;
    uint8_t ready[4]; /* bytes that come before the others: [ready_used, ready_bytes) */
    int ready_bytes, ready_used;
    z_stream z; /* next_in, avail_in: the unread part of the block */
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
    uint8_t pair[2] = {0};
    size_t got;
    TRY(stream_read_bytes(s, pair, 2, &got));
    *end = got == 0;
    if (got == 1)
        FAIL(ST_FAIL, "'%s' is UTF-16, but cut short inside a character", s->path);
    bool big = s->code == STREAM_UTF16_BIG;
    *unit = big ? 256u * pair[0] + pair[1] : 256u * pair[1] + pair[0];
    return ST_OK;
}

/* Puts the next character as UTF-8 into s->ready. A lone half of a pair becomes U+FFFD.
 */
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

/* Of the first three bytes, those that are no byte order mark are read again. */
enum status stream_open_text(struct stream **stream, const char *path)
{
    size_t got = 0;
    TRY(stream_open(stream, path));
    struct stream *s = *stream;
    enum status st = stream_read_bytes(s, s->ready, 2, &got);
    if (st == ST_OK && got == 2 && memcmp(s->ready, "\xff\xfe", 2) == 0) {
        s->code = STREAM_UTF16_LITTLE;
        return ST_OK;
    }
    if (st == ST_OK && got == 2 && memcmp(s->ready, "\xfe\xff", 2) == 0) {
        s->code = STREAM_UTF16_BIG;
        return ST_OK;
    }
    s->ready_bytes = (int)got;
    if (st == ST_OK && got == 2 && memcmp(s->ready, "\xef\xbb", 2) == 0) {
        st = stream_read_bytes(s, s->ready + 2, 1, &got);
        bool mark = got == 1 && s->ready[2] == 0xbf;
        s->ready_bytes = mark ? 0 : 2 + (int)got;
    }
    if (st != ST_OK) {
        stream_close(s);
        *stream = NULL;
    }
    return st;
}

enum status stream_read(struct stream *stream, void *data, size_t bytes, size_t *got)
{
    uint8_t *to = data;
    size_t first = 0;
    if (stream->code != STREAM_BYTES)
        return stream_read_utf16(stream, data, bytes, got);
    while (first < bytes && stream->ready_used < stream->ready_bytes)
        to[first++] = stream->ready[stream->ready_used++];
    enum status st = stream_read_bytes(stream, to + first, bytes - first, got);
    *got += first;
    return st;
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
