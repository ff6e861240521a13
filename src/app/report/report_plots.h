/*
 * report_plots: curves and heat maps of a report.
 */
#ifndef LOCKSTEP_APP_REPORT_REPORT_PLOTS_H
#define LOCKSTEP_APP_REPORT_REPORT_PLOTS_H

#include <stdio.h>

#include "io/svg.h"
#include "train/confusion.h"
#include "train/metrics.h"

/* One line: borrowed. */
struct report_curve {
    const char *name; /* short; "": the page says what the colours mean */
    enum svg_series series;
    const double *x, *y; /* (count) */
    int count;
};

/* A plot over steps that fits all curves; nothing if they have fewer than two points. */
void report_plot(FILE *out, const char *title, const struct report_curve *curves,
                 int count);

/* Which classes are taken for which, with a matrix: rows are labels, each in shares of
   its images. Of many classes those that are confused most. */
void report_heat_map(FILE *out, char *const *class_name,
                     const struct confusion *confusion);

#endif
