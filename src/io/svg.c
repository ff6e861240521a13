#include "io/svg.h"

#include <math.h>
#include <stdbool.h>

#include "base/portable_math.h"
#include "io/markup.h"

#define SVG_LOG_10 2.302585092994045684

#define SVG_TICKS        6  /* of a linear axis, about */
#define SVG_DECADES_MOST 12 /* of a log axis, with a text each */
#define SVG_DECADES_FEW  2  /* up to so many, 2 and 5 have texts, too */
#define SVG_TICK         5  /* pixels */
#define SVG_KEY          18 /* pixels of line in a legend */

/* Colours: text, axes and marks on paper. The classes a0, a1, ... are series. */
static const char svg_style[] =
    "text{fill:#1f2328;font:13px system-ui,sans-serif}"
    ".paper{fill:#ffffff}.grid{stroke:#e3e6ea}.axis{stroke:#6b7480;fill:none}"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}.thin{stroke-width:1}"
    ".a0{stroke:#0b63c5}.a1{stroke:#c1440e}.a2{stroke:#a9b4c0}"
    ".a3{stroke:#1a7f37}.a4{stroke:#8250df}.a5{stroke:#9a6700}.a6{stroke:#bf3989}"
    ".f0{fill:#0b63c5}.f1{fill:#c1440e}.f2{fill:#a9b4c0}"
    ".cell{fill:#0b63c5}.on{fill:#ffffff}.small{font-size:10px}"
    "@media(prefers-color-scheme:dark){"
    "text{fill:#e6e9ec}.paper{fill:#16191d}.grid{stroke:#2c3238}.axis{stroke:#8b949e}"
    ".a0{stroke:#63a9ff}.a1{stroke:#ff9466}.a2{stroke:#59636e}"
    ".a3{stroke:#56d364}.a4{stroke:#bc8cff}.a5{stroke:#d4a72c}.a6{stroke:#ff80c8}"
    ".f0{fill:#63a9ff}.f1{fill:#ff9466}.f2{fill:#59636e}"
    ".cell{fill:#63a9ff}.on{fill:#0d1117}}";

void svg_begin(FILE *out, int width, int height, const char *title)
{
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
            width, height, width, height);
    markup_write_text(out, title);
    fprintf(out,
            "</title>\n<style>%s</style>\n"
            "<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n",
            svg_style, width, height);
}

void svg_end(FILE *out)
{
    fputs("</svg>\n", out);
}

/* Where a value is on its axis: 0 to 1, or outside of that. */
static double svg_place(const struct svg_axis *axis, double value)
{
    if (axis->scale == SVG_LOG)
        return portable_log(value / axis->from) / portable_log(axis->to / axis->from);
    return (value - axis->from) / (axis->to - axis->from);
}

static bool svg_has_place(const struct svg_axis *axis, double value)
{
    return isfinite(value) && (axis->scale == SVG_LINEAR || value > 0);
}

/* In pixels from the area's upper left corner. */
static double svg_x(const struct svg_plot *plot, double value)
{
    return plot->width * svg_place(&plot->x, value);
}

static double svg_y(const struct svg_plot *plot, double value)
{
    return plot->height * (1 - svg_place(&plot->y, value));
}

void svg_label(FILE *out, double x, double y, enum svg_anchor anchor, const char *text)
{
    static const char *const words[] = {"start", "middle", "end"};
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, words[anchor]);
    markup_write_text(out, text);
    fputs("</text>\n", out);
}

static void svg_stroke(FILE *out, const char *class, double x, double y, double to_x,
                       double to_y)
{
    fprintf(out, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", class, x, y, to_x,
            to_y);
}

/* --- axes --- */

/* The axis whose ticks are drawn. */
struct svg_ticks {
    FILE *out;
    const struct svg_plot *plot;
    const struct svg_axis *axis;
    bool vertical;
};

/* A tick with a text has a line of the grid, too. */
static void svg_tick(const struct svg_ticks *ticks, double value, bool labelled)
{
    const struct svg_plot *plot = ticks->plot;
    double place = svg_place(ticks->axis, value), bottom = plot->top + plot->height;
    char text[32];
    if (place < -1e-9 || place > 1 + 1e-9)
        return;
    snprintf(text, sizeof text, "%.6g", value);
    if (ticks->vertical) {
        double y = plot->top + plot->height * (1 - place);
        if (labelled) {
            svg_stroke(ticks->out, "grid", plot->left, y, plot->left + plot->width, y);
            svg_label(ticks->out, plot->left - SVG_TICK - 3, y + 4.5, SVG_END, text);
        }
        svg_stroke(ticks->out, "axis", plot->left - SVG_TICK, y, plot->left, y);
    } else {
        double x = plot->left + plot->width * place;
        if (labelled) {
            svg_stroke(ticks->out, "grid", x, plot->top, x, bottom);
            svg_label(ticks->out, x, bottom + SVG_TICK + 15, SVG_MIDDLE, text);
        }
        svg_stroke(ticks->out, "axis", x, bottom, x, bottom + SVG_TICK);
    }
}

/* 10^exponent, the nearest double. */
static double svg_power(int exponent)
{
    double value = 1;
    for (int i = 0; i < (exponent < 0 ? -exponent : exponent); i++)
        value *= 10;
    return exponent < 0 ? 1 / value : value;
}

static int svg_exponent(double value)
{
    return (int)floor(portable_log(value) / SVG_LOG_10 + 1e-9);
}

/* Ticks at 1, 2, ... 9 times each power of ten. */
static void svg_log_ticks(const struct svg_ticks *ticks)
{
    int first = svg_exponent(ticks->axis->from), last = svg_exponent(ticks->axis->to);
    int decades = last - first, every = 1 + decades / SVG_DECADES_MOST;
    for (int e = first; e <= last; e++)
        for (int digit = 1; digit < 10; digit++) {
            bool round = digit == 1 && (e - first) % every == 0;
            bool between = decades <= SVG_DECADES_FEW && (digit == 2 || digit == 5);
            if (every == 1 || digit == 1)
                svg_tick(ticks, digit * svg_power(e), round || between);
        }
}

/* Ticks at multiples of 1, 2 or 5 times a power of ten. */
static void svg_linear_ticks(const struct svg_ticks *ticks)
{
    double range = ticks->axis->to - ticks->axis->from;
    double power = svg_power(svg_exponent(range / SVG_TICKS));
    double steps = range / SVG_TICKS / power;
    double step = power * (steps <= 1 ? 1 : steps <= 2 ? 2 : steps <= 5 ? 5 : 10);
    double first = ceil(ticks->axis->from / step - 1e-9);
    for (int i = 0; (first + i) * step <= ticks->axis->to + 1e-9 * range; i++)
        svg_tick(ticks, (first + i) * step, true);
}

static void svg_all_ticks(const struct svg_ticks *ticks)
{
    (ticks->axis->scale == SVG_LOG ? svg_log_ticks : svg_linear_ticks)(ticks);
}

void svg_axes(FILE *out, const struct svg_plot *plot)
{
    double bottom = plot->top + plot->height, middle = plot->top + plot->height / 2;
    svg_all_ticks(&(struct svg_ticks){out, plot, &plot->x, false});
    svg_all_ticks(&(struct svg_ticks){out, plot, &plot->y, true});
    fprintf(
        out,
        "<rect class=\"axis\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
        plot->left, plot->top, plot->width, plot->height);
    svg_label(out, plot->left + plot->width / 2, bottom + 40, SVG_MIDDLE, plot->x.label);
    fprintf(out, "<g transform=\"translate(%.1f %.1f) rotate(-90)\">", plot->left - 50,
            middle);
    svg_label(out, 0, 0, SVG_MIDDLE, plot->y.label);
    fputs("</g>\n", out);
}

/* --- what is plotted --- */

/* What follows has its origin at the area's corner, and is cut off at its sides. */
static void svg_area_begin(FILE *out, const struct svg_plot *plot)
{
    fprintf(out, "<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">\n",
            plot->left, plot->top, plot->width, plot->height);
}

static void svg_area_end(FILE *out)
{
    fputs("</svg>\n", out);
}

void svg_line(FILE *out, const struct svg_plot *plot, enum svg_series series,
              const double *x, const double *y, int count)
{
    char command = 'M';
    svg_area_begin(out, plot);
    fprintf(out, "<path class=\"line a%d%s\" d=\"", (int)series,
            series == SVG_FAINT ? " thin" : "");
    for (int i = 0; i < count; i++) {
        bool there = svg_has_place(&plot->x, x[i]) && svg_has_place(&plot->y, y[i]);
        if (there)
            fprintf(out, "%c%.1f %.1f", command, svg_x(plot, x[i]), svg_y(plot, y[i]));
        command = there ? 'L' : 'M';
    }
    fputs("\"/>\n", out);
    svg_area_end(out);
}

void svg_mark(FILE *out, const struct svg_plot *plot, enum svg_series series, double x,
              double y, const char *text)
{
    double at = svg_x(plot, x), height = svg_y(plot, y);
    bool left = at > plot->width / 2;
    char class[32];
    snprintf(class, sizeof class, "line a%d", (int)series);
    svg_area_begin(out, plot);
    svg_stroke(out, class, at, height, at, plot->height);
    fprintf(out, "<circle class=\"f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>\n", (int)series,
            at, height);
    svg_label(out, left ? at - 9 : at + 9, plot->height - 10, left ? SVG_END : SVG_START,
              text);
    svg_area_end(out);
}

void svg_cell(FILE *out, double x, double y, double side, double share, const char *text,
              const char *title)
{
    fprintf(out,
            "<g><rect class=\"cell\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
            "height=\"%.1f\" fill-opacity=\"%.3f\"/>",
            x, y, side, side, share);
    if (*text) {
        fprintf(out,
                "<text class=\"small%s\" x=\"%.1f\" y=\"%.1f\" "
                "text-anchor=\"middle\">",
                share > 0.5 ? " on" : "", x + side / 2, y + side / 2 + 3.5);
        markup_write_text(out, text);
        fputs("</text>", out);
    }
    fputs("<title>", out);
    markup_write_text(out, title);
    fputs("</title></g>\n", out);
}

void svg_key(FILE *out, double x, double y, enum svg_series series, const char *text)
{
    char class[32];
    snprintf(class, sizeof class, "line a%d", (int)series);
    svg_stroke(out, class, x, y - 4.5, x + SVG_KEY, y - 4.5);
    svg_label(out, x + SVG_KEY + 6, y, SVG_START, text);
}
