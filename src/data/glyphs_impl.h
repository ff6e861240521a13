/*
 * glyphs_impl: the table of letter forms (glyph_table.c), for glyphs.c.
 */
#ifndef LOCKSTEP_DATA_GLYPHS_IMPL_H
#define LOCKSTEP_DATA_GLYPHS_IMPL_H

#include "data/glyphs.h"

extern const struct glyph glyph_table[];
extern const int glyph_table_count;

#endif
