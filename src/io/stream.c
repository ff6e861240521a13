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
    z_stream z;   /* next_in, avail_in: the unread part of the block */
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

enum status stream_read(struct stream *stream, void *data, size_t bytes, size_t *got)
{
    *got = 0;
    if (stream->gzip)
        return stream_read_gzip(stream, data, bytes, got);
    return stream_read_plain(stream, data, bytes, got);
}
