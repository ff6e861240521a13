/*
 * text: names as Unicode. Only home of <uninorm.h> and <unistr.h> (libunistring).
 */
#ifndef LOCKSTEP_IO_TEXT_H
#define LOCKSTEP_IO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A copy in Unicode's normal form NFC (composed): the "é" that macOS stores as two
   characters becomes the one that other systems store. Bytes that are not UTF-8 are
   copied as they are. The caller frees. */
char *text_nfc(const char *text);

/* Are the bytes UTF-8? The last character may be cut short. */
bool text_is_utf8(const char *text, size_t bytes);
/* Is all of a string UTF-8? */
bool text_is_whole_utf8(const char *text);

/* A copy with U+FFFD in place of each byte that is not UTF-8. The caller frees. */
char *text_as_utf8(const char *text);

#endif
