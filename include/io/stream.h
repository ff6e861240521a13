/*
 * stream: the bytes of a file, plain or gzip-compressed (told by content, not by name).
 * Only home of <zlib.h>.
 *
 * A gzip file may have several members, one behind the other. What is wrong with it
 * (damaged, cut short, bytes after its end) is said with the file named.
 */
#ifndef LOCKSTEP_IO_STREAM_H
#define LOCKSTEP_IO_STREAM_H

#include <stddef.h>

#include "base/status.h"

struct stream; /* owned by the caller: stream_close */

enum status stream_open(struct stream **stream, const char *path) MUST_CHECK;
void stream_close(struct stream *stream); /* NULL is fine */

/* The next `bytes` bytes, or as many as there are before the end: *got. */
enum status stream_read(struct stream *stream, void *data, size_t bytes,
                        size_t *got) MUST_CHECK;

#endif
