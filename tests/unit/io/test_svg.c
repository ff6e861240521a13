/* SVG as text: what is there, where, and what is not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/svg.h"

static char *text;
static size_t text_bytes;

static FILE *begin(void)
{
    return open_memstream(&text, &text_bytes);
}

static void has(const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in: %s", part, text);
}

static void lacks(const char *part)
{
    if (strstr(text, part))
        fail_msg("'%s' is in: %s", part, text);
}

/* Number of places of a part. */
static int count_of(const char *part)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        count++;
    return count;
}

static void end(FILE *out)
{
    fclose(out);
}

static void drop(void)
{
    free(text);
    text = NULL;
}

/* 100 x 50 pixels at (40, 20). */
static struct svg_plot plot_of(struct svg_axis x, struct svg_axis y)
{
    return (struct svg_plot){40, 20, 100, 50, x, y};
}

static const struct svg_axis linear = {SVG_LINEAR, 0, 10, "y & more"},
                             decades = {SVG_LOG, 0.01, 1, "x < 1"};

static void test_document(void **state)
{
    (void)state;
    FILE *out = begin();
    svg_begin(out, 300, 200, "a < b & \"c\"\n");
    svg_end(out);
    end(out);
    assert_int_equal(strncmp(text, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39), 0);
    has("width=\"300\" height=\"200\" viewBox=\"0 0 300 200\"");
    has("<title>a &lt; b &amp; &quot;c&quot;\n</title>");
    has("prefers-color-scheme:dark");
    assert_string_equal(text + text_bytes - 7, "</svg>\n");
    drop();
}

static void test_linear_ticks(void **state)
{
    (void)state;
    FILE *out = begin();
    struct svg_plot plot = plot_of((struct svg_axis){SVG_LINEAR, -0.3, 0.3, "x"}, linear);
    svg_axes(out, &plot);
    end(out);
    static const char *const x[] = {">-0.3<", ">-0.2<", ">-0.1<", ">0<", ">0.3<"};
    static const char *const y[] = {">0<", ">2<", ">4<", ">10<", ">y &amp; more<"};
    for (int i = 0; i < 5; i++) {
        has(x[i]);
        has(y[i]);
    }
    lacks(">1<");
    assert_int_equal(count_of("class=\"grid\""), 7 + 6);
    has("<text x=\"32.0\" y=\"74.5\" text-anchor=\"end\">0</text>"); /* y = 0: the foot */
    has("<text x=\"90.0\" y=\"90.0\" text-anchor=\"middle\">0</text>"); /* x = 0 */
    drop();
}

/* 2 and 5 have texts where there are few decades, and not all decades where there are
   many. */
static void test_log_ticks(void **state)
{
    (void)state;
    FILE *out = begin();
    struct svg_plot plot = plot_of(decades, linear);
    svg_axes(out, &plot);
    end(out);
    static const char *const x[] = {">0.01<", ">0.02<", ">0.05<",
                                    ">0.1<",  ">0.5<",  ">1<"};
    for (int i = 0; i < 6; i++)
        has(x[i]);
    lacks(">0.03<");
    has("<text x=\"90.0\" y=\"90.0\" text-anchor=\"middle\">0.1</text>");
    assert_int_equal(count_of("class=\"axis\" d="), 19 + 6); /* 0.01, 0.02 ... 0.9, 1 */
    drop();
    out = begin();
    plot.x = (struct svg_axis){SVG_LOG, 3e-5, 20, "x"};
    svg_axes(out, &plot);
    end(out);
    has(">0.0001<");
    has(">10<");
    lacks(">0.0002<");
    lacks(">1e-05<"); /* not on the axis */
    drop();
    out = begin();
    plot.x = (struct svg_axis){SVG_LOG, 1e-14, 1e14, "x"};
    svg_axes(out, &plot);
    end(out);
    has(">1e-14<");
    has(">1e+13<");
    lacks(">1e-13<");
    drop();
}

/* The line is interrupted where a point has no place. */
static void test_line(void **state)
{
    (void)state;
    const double x[] = {0.01, 0.1, 1, 0, 1, 0.1, 0.1, 1};
    const double y[] = {0, 5, 10, 5, 0, NAN, INFINITY, 20};
    struct svg_plot plot = plot_of(decades, linear);
    FILE *out = begin();
    svg_line(out, &plot, SVG_FIRST, x, y, 8);
    svg_line(out, &plot, SVG_FAINT, x, y, 2);
    end(out);
    has("class=\"line a0\" d=\"M0.0 50.0L50.0 25.0L100.0 0.0M100.0 50.0M100.0 -50.0\"");
    has("class=\"line a2 thin\" d=\"M0.0 50.0L50.0 25.0\"");
    has("<svg x=\"40.0\" y=\"20.0\" width=\"100.0\" height=\"50.0\">"); /* cuts it off */
    drop();
}

static void test_marks(void **state)
{
    (void)state;
    struct svg_plot plot = plot_of(decades, linear);
    FILE *out = begin();
    svg_mark(out, &plot, SVG_SECOND, 0.02, 5, "here");
    svg_mark(out, &plot, SVG_SECOND, 0.9, 5, "there");
    svg_key(out, 10, 20, SVG_FIRST, "a & b");
    end(out);
    has("cx=\"15.1\" cy=\"25.0\"");
    has("<text x=\"24.1\" y=\"40.0\" text-anchor=\"start\">here</text>");
    has("text-anchor=\"end\">there</text>");
    has(">a &amp; b</text>");
    drop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),  cmocka_unit_test(test_linear_ticks),
        cmocka_unit_test(test_log_ticks), cmocka_unit_test(test_line),
        cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
