/*
 * text: names as Unicode. Only home of <uninorm.h> (libunistring).
 */
#ifndef LOCKSTEP_IO_TEXT_H
#define LOCKSTEP_IO_TEXT_H

/* A copy in Unicode's normal form NFC (composed): the "é" that macOS stores as two
   characters becomes the one that other systems store. Bytes that are not UTF-8 are
   copied as they are. The caller frees. */
char *text_nfc(const char *text);

#endif
