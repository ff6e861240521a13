/*
 * svg: plots as SVG, complete in themselves: no script, no font, no other file. Dark on
 * light, or light on dark where the reader's system asks for it (prefers-color-scheme).
 *
 *   svg_begin(out, 640, 400, "Loss");
 *   svg_axes(out, &plot);
 *   svg_line(out, &plot, SVG_FIRST, x, y, count);
 *   svg_end(out);
 *
 * Everything is in pixels from the upper left corner, or in the values of a plot's axes.
 * Texts are UTF-8 and escaped here. Errors of writing are the stream's (base/fs.h).
 */
#ifndef LOCKSTEP_IO_SVG_H
#define LOCKSTEP_IO_SVG_H

#include <stdio.h>

enum svg_scale { SVG_LINEAR, SVG_LOG };

/* from < to; LOG: 0 < from. */
struct svg_axis {
    enum svg_scale scale;
    double from, to;
    const char *label;
};

/* A plot: its area, without the ticks' texts at its left (about 60 pixels) and below it
   (about 45). */
struct svg_plot {
    double left, top, width, height;
    struct svg_axis x, y;
};

/* Colours of lines and of what belongs to them; FAINT is for what stands behind. */
enum svg_series {
    SVG_FIRST,
    SVG_SECOND,
    SVG_FAINT,
    SVG_THIRD,
    SVG_FOURTH,
    SVG_FIFTH,
    SVG_SIXTH,
    SVG_SERIES
};

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* The title is what a reader says that cannot show the picture. */
void svg_begin(FILE *out, int width, int height, const char *title);
void svg_end(FILE *out);

/* The frame, a grid, ticks at round values, and the axes' labels. */
void svg_axes(FILE *out, const struct svg_plot *plot);

/* A line through count points, cut off at the plot's area. It is interrupted at values
   that are not finite, or not positive on a LOG axis. */
void svg_line(FILE *out, const struct svg_plot *plot, enum svg_series series,
              const double *x, const double *y, int count);

/* A point with a line down to the x axis and a text beside it, on the side with more
   room. */
void svg_mark(FILE *out, const struct svg_plot *plot, enum svg_series series, double x,
              double y, const char *text);

/* A text at (x, y) in pixels: the base line, and its start, middle or end. */
void svg_label(FILE *out, double x, double y, enum svg_anchor anchor, const char *text);

/* A square of a heat map, the fuller the larger its share of 0 to 1 is, with a text in it
   ("": none) and one that a pointer over it shows. */
void svg_cell(FILE *out, double x, double y, double side, double share, const char *text,
              const char *title);

/* A short line and a text: an entry of a legend. */
void svg_key(FILE *out, double x, double y, enum svg_series series, const char *text);

#endif
