/*
 * html: a page that is complete in itself: style, script and pictures are inside. Light,
 * or dark where the reader's system asks for it. Texts are UTF-8, escaped here. Errors of
 * writing are the stream's (base/fs.h).
 */
#ifndef LOCKSTEP_APP_REPORT_HTML_H
#define LOCKSTEP_APP_REPORT_HTML_H

#include <stdio.h>

#include "base/status.h"

struct image;

/* What a page begins with. */
#define HTML_HEAD "<!DOCTYPE html>\n<!-- a report of lockstep -->\n"

void html_begin(FILE *out, const char *title);
void html_end(FILE *out);

void html_text(FILE *out, const char *text);
void html_textf(FILE *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
void html_heading(FILE *out, const char *text);

/* A table: its heads, then NULL; those after the first are numbers. A click on a head
   sorts the rows. */
void html_table_begin(FILE *out, ...) __attribute__((sentinel));
void html_table_end(FILE *out);
void html_row(FILE *out);
void html_cell(FILE *out, const char *text);
void html_cellf(FILE *out, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A picture with what it shows, as a PNG in the page. */
void html_image(FILE *out, const struct image *image, const char *alt);

#endif
