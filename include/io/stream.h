/*
 * stream: reads the bytes of a file, plain or gzip-compressed (found by content, not by
 * name). Only home of <zlib.h>.
 *
 * A gzip file may consist of several members. A bad one (damaged, cut short, bytes after
 * its end) is ST_FAIL, with a message that names the file.
 */
#ifndef LOCKSTEP_IO_STREAM_H
#define LOCKSTEP_IO_STREAM_H

#include <stddef.h>

#include "base/status.h"

struct stream; /* owned by the caller: stream_close */

enum status stream_open(struct stream **stream, const char *path) MUST_CHECK;
/* The same for text: a byte order mark is skipped, and UTF-16 with one becomes UTF-8; a
   carriage return that ends a line alone becomes a line feed; a first line "sep=;", which
   is for Excel, becomes empty. */
enum status stream_open_text(struct stream **stream, const char *path) MUST_CHECK;
void stream_close(struct stream *stream); /* NULL is fine */

/* Reads the next `bytes` bytes; *got is less only at the end of the file. */
enum status stream_read(struct stream *stream, void *data, size_t bytes,
                        size_t *got) MUST_CHECK;

/* Reads a whole text file of at most `most` bytes into a NUL-terminated string, which the
   caller frees; *bytes does not count the NUL. */
enum status stream_read_text(const char *path, size_t most, char **text,
                             size_t *bytes) MUST_CHECK;

#endif
