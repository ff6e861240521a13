/*
 * markup: text in HTML and SVG.
 */
#ifndef LOCKSTEP_IO_MARKUP_H
#define LOCKSTEP_IO_MARKUP_H

#include <stdio.h>

/* Writes UTF-8 text so that it is read as text, also within the quotes of an attribute.
   Control characters but tabs and line ends are left out. */
void markup_write_text(FILE *out, const char *text);

#endif
