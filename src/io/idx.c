#include "io/idx.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/kind.h"
#include "io/stream.h"

#define IDX_UBYTE       0x08
#define IDX_FIRST_BYTES ((size_t)16 << 20) /* allocated at first */

/* Names what the file is, or what it holds if it is compressed. */
static enum status idx_refuse(struct stream *stream, const uint8_t *head, size_t bytes,
                              const char *path)
{
    uint8_t more[KIND_HEAD_BYTES];
    size_t got = 0;
    memcpy(more, head, bytes);
    TRY(stream_read(stream, more + bytes, sizeof more - bytes, &got));
    const struct kind kind = kind_of_bytes(more, bytes + got);
    return kind_refuse_as(&kind, path, "an IDX file (wrong magic number)");
}

static enum status idx_read_header(struct idx *idx, struct stream *stream,
                                   const char *path)
{
    uint8_t head[16];
    size_t got;
    TRY(stream_read(stream, head, 4, &got));
    if (got < 4 || head[0] != 0 || head[1] != 0)
        return idx_refuse(stream, head, got, path);
    if (head[2] != IDX_UBYTE)
        FAIL(ST_FAIL,
             "IDX file '%s' holds type 0x%02x; only unsigned bytes (0x08) can be read",
             path, head[2]);
    idx->ndims = head[3];
    if (idx->ndims < 1 || idx->ndims > 4)
        FAIL(ST_FAIL, "IDX file '%s' has %d dimensions; 1 to 4 can be read", path,
             idx->ndims);
    TRY(stream_read(stream, head, 4 * (size_t)idx->ndims, &got));
    if (got < 4 * (size_t)idx->ndims)
        FAIL(ST_FAIL, "IDX file '%s' is cut short: it ends inside its header", path);
    idx->count = 1;
    bool fits = true;
    for (int i = 0; i < idx->ndims; i++) {
        const uint8_t *b = head + 4 * i;
        idx->dim[i] = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
        fits = fits && !__builtin_mul_overflow(idx->count, idx->dim[i], &idx->count);
    }
    if (!fits)
        FAIL(ST_FAIL, "IDX file '%s' is damaged: its header gives an impossible size",
             path);
    return ST_OK;
}

/* The header's size is not trusted: memory grows with the data that are read. */
static enum status idx_read_data(struct idx *idx, struct stream *stream, const char *path)
{
    size_t used = 0, room = 0;
    while (used < idx->count) {
        room = room ? 2 * room : IDX_FIRST_BYTES;
        if (room > idx->count)
            room = idx->count;
        idx->data = mem_resize(idx->data, room, 1);
        size_t got;
        TRY(stream_read(stream, idx->data + used, room - used, &got));
        used += got;
        if (used < room)
            FAIL(ST_FAIL,
                 "IDX file '%s' is cut short: its header announces %zu bytes of data, it "
                 "holds %zu",
                 path, idx->count, used);
    }
    uint8_t extra;
    size_t got;
    TRY(stream_read(stream, &extra, 1, &got));
    if (got)
        FAIL(ST_FAIL,
             "IDX file '%s' continues after the %zu bytes of data that its header "
             "announces",
             path, idx->count);
    return ST_OK;
}

enum status idx_read(struct idx *idx, const char *path)
{
    *idx = (struct idx){0};
    struct stream *stream;
    TRY(stream_open(&stream, path));
    enum status st = idx_read_header(idx, stream, path);
    if (st == ST_OK)
        st = idx_read_data(idx, stream, path);
    stream_close(stream);
    if (st != ST_OK)
        idx_release(idx);
    return st;
}

void idx_release(struct idx *idx)
{
    free(idx->data);
    *idx = (struct idx){0};
}
