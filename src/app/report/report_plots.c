#include "report_plots.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PLOT_WIDTH  480 /* pixels */
#define PLOT_HEIGHT 280
#define HEAT_MOST   26 /* classes */
#define HEAT_CELL   22 /* pixels */
#define HEAT_NAME   16 /* characters of a class's name */
#define HEAT_BYTES  72 /* of such a name, an ellipsis and the end */
#define HEAT_LETTER 7.5

/* --- curves --- */

/* Widens *from and *to so that the finite values lie between them. */
static void plot_range(const double *value, int count, double *from, double *to)
{
    for (int i = 0; i < count; i++) {
        if (!isfinite(value[i]))
            continue;
        *from = fmin(*from, value[i]);
        *to = fmax(*to, value[i]);
    }
}

static struct svg_axis plot_axis(double from, double to, double room, const char *label)
{
    double range = to > from ? to - from : fmax(fabs(to), 1);
    return (struct svg_axis){SVG_LINEAR, from - room * range, to + room * range, label};
}

void report_plot(FILE *out, const char *title, const struct report_curve *curves,
                 int count)
{
    double x_from = INFINITY, x_to = -INFINITY, y_from = INFINITY, y_to = -INFINITY;
    int most = 0;
    for (int c = 0; c < count; c++) {
        plot_range(curves[c].x, curves[c].count, &x_from, &x_to);
        plot_range(curves[c].y, curves[c].count, &y_from, &y_to);
        most = curves[c].count > most ? curves[c].count : most;
    }
    if (most < 2 || !(x_from < x_to) || !(y_from <= y_to))
        return;
    struct svg_plot plot = {
        .left = 70, .top = 50, .width = PLOT_WIDTH - 85, .height = PLOT_HEIGHT - 100};
    plot.x = plot_axis(x_from, x_to, 0, "step");
    plot.y = plot_axis(y_from, y_to, 0.05, "");
    svg_begin(out, PLOT_WIDTH, PLOT_HEIGHT, title);
    svg_label(out, plot.left, 18, SVG_START, title);
    double at = plot.left;
    for (int c = 0; c < count && *curves[c].name; c++) {
        svg_key(out, at, 38, curves[c].series, curves[c].name);
        at += 36 + HEAT_LETTER * (double)strlen(curves[c].name);
    }
    svg_axes(out, &plot);
    for (int c = 0; c < count; c++)
        svg_line(out, &plot, curves[c].series, curves[c].x, curves[c].y, curves[c].count);
    svg_end(out);
}

/* --- heat maps --- */

/* The classes of the most frequent wrong pairs, or all, in order; returns how many. */
static int heat_choose(const struct confusion *confusion, int chosen[HEAT_MOST])
{
    int classes = confusion->classes, count = 0;
    bool *taken = mem_zeroed((size_t)classes, sizeof *taken);
    for (int p = 0; p < confusion->pairs && classes > HEAT_MOST; p++) {
        const int pair[] = {confusion->pair[p].label, confusion->pair[p].predicted};
        int more = !taken[pair[0]] + !taken[pair[1]];
        if (count + more > HEAT_MOST)
            break;
        taken[pair[0]] = taken[pair[1]] = true;
        count += more;
    }
    count = 0;
    for (int c = 0; c < classes; c++)
        if (taken[c] || classes <= HEAT_MOST)
            chosen[count++] = c;
    free(taken);
    return count;
}

/* The first characters, as long as they are not too many bytes. */
static void heat_name(const char *name, char text[HEAT_BYTES])
{
    size_t used = 0, end;
    for (int n = 0; name[used] && n < HEAT_NAME; n++, used = end) {
        for (end = used + 1; ((unsigned char)name[end] & 0xc0) == 0x80;)
            end++;
        if (end > HEAT_BYTES - 4)
            break;
    }
    snprintf(text, HEAT_BYTES, "%.*s%s", (int)used, name,
             name[used] ? "\xe2\x80\xa6" : "");
}

struct heat {
    FILE *out;
    char *const *class_name;
    const struct confusion *confusion;
    int chosen[HEAT_MOST], count; /* classes */
    double left;                  /* pixels of the names, also above */
};

static void heat_row(const struct heat *heat, int row)
{
    const struct confusion *confusion = heat->confusion;
    int label = heat->chosen[row], support = confusion->support[label];
    const int32_t *times = confusion->matrix + (size_t)label * (size_t)confusion->classes;
    for (int k = 0; k < heat->count; k++) {
        int answer = heat->chosen[k];
        char text[16];
        if (times[answer] == 0)
            continue;
        snprintf(text, sizeof text, "%d", times[answer]);
        char *title =
            mem_format("%s, answered with %s: %d of %d", heat->class_name[label],
                       heat->class_name[answer], times[answer], support);
        svg_cell(heat->out, heat->left + HEAT_CELL * k, heat->left + HEAT_CELL * row,
                 HEAT_CELL - 1, 0.1 + 0.9 * times[answer] / support,
                 strlen(text) < 5 ? text : "", title);
        free(title);
    }
}

static void heat_names(const struct heat *heat, int row)
{
    char name[HEAT_BYTES];
    double at = heat->left + HEAT_CELL * (row + 0.7), edge = heat->left - 6;
    heat_name(heat->class_name[heat->chosen[row]], name);
    svg_label(heat->out, edge, at, SVG_END, name);
    fprintf(heat->out, "<g transform=\"rotate(-90 %.1f %.1f)\">", at, edge);
    svg_label(heat->out, at, edge, SVG_START, name);
    fputs("</g>\n", heat->out);
}

void report_heat_map(FILE *out, char *const *class_name,
                     const struct confusion *confusion)
{
    struct heat heat = {.out = out,
                        .class_name = class_name,
                        .confusion = confusion,
                        .left = 12 + HEAT_LETTER * HEAT_NAME};
    heat.count = heat_choose(confusion, heat.chosen);
    int side = (int)heat.left + HEAT_CELL * heat.count + 12;
    svg_begin(out, side, side, "labels (rows) and answers (columns)");
    for (int i = 0; i < heat.count; i++) {
        heat_names(&heat, i);
        heat_row(&heat, i);
    }
    svg_end(out);
}
