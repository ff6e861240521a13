#include <stddef.h>

#include "base/status.h"
#include "glyphs_impl.h"

int glyph_forms(char letter, const struct glyph **forms)
{
    int first = 0;
    while (first < glyph_table_count && glyph_table[first].letter != letter)
        first++;
    int end = first;
    while (end < glyph_table_count && glyph_table[end].letter == letter)
        end++;
    *forms = first < glyph_table_count ? &glyph_table[first] : NULL;
    return end - first;
}

static int glyph_read_number(const char **text)
{
    const char *at = *text;
    int negative = *at == '-';
    if (negative)
        at++;
    ASSERT(*at >= '0' && *at <= '9');
    int value = 0;
    while (*at >= '0' && *at <= '9')
        value = value * 10 + (*at++ - '0');
    *text = at;
    return negative ? -value : value;
}

int glyph_knots(const struct glyph *glyph, struct glyph_knot knots[GLYPH_MAX_KNOTS])
{
    const char *at = glyph->strokes;
    int count = 0;
    unsigned char starts = 1;
    while (*at != '\0') {
        if (*at == ' ') {
            at++;
        } else if (*at == '|') {
            starts = 1;
            at++;
        } else {
            ASSERT(count < GLYPH_MAX_KNOTS);
            struct glyph_knot *knot = &knots[count++];
            knot->starts = starts;
            starts = 0;
            knot->x = (float)glyph_read_number(&at);
            ASSERT(*at == ',');
            at++;
            knot->y = (float)glyph_read_number(&at);
            knot->corner = *at == '^';
            at += knot->corner;
        }
    }
    return count;
}
