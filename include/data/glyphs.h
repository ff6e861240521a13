/*
 * glyphs: handwritten letter forms. A table of stroke skeletons (glyph_table.c), several
 * forms for each of the 52 letters, drawn by hand for this project; no font was used.
 *
 * A form is text: the knots that the pen passes through, "x,y" separated by blanks, in
 * writing order.
 *   - two knots are joined by a cubic Bezier curve; its tangents are those of the smooth
 *     curve through the neighbouring knots, so that a displaced knot keeps the curve
 *     smooth;
 *   - ^ after a knot makes it a corner: the curve ends there and a new one begins;
 *   - | lifts the pen.
 *
 * y points down: capitals and ascenders start at 0, small letters at 35, the baseline is
 * at 70, descenders end at 100. A capital is about 45 wide. The caller scales the form.
 */
#ifndef LOCKSTEP_DATA_GLYPHS_H
#define LOCKSTEP_DATA_GLYPHS_H

#define GLYPH_MAX_KNOTS 32 /* in one form */
#define GLYPH_X_HEIGHT  35.0f
#define GLYPH_BASELINE  70.0f

struct glyph {
    char letter;         /* 'A'..'Z', 'a'..'z' */
    unsigned char share; /* frequency, relative to the letter's other forms */
    const char *strokes;
};

struct glyph_knot {
    float x, y;
    unsigned char starts; /* 1: a stroke begins here */
    unsigned char corner;
};

/* Returns the number of a letter's forms; *forms points to the first, or is NULL. */
int glyph_forms(char letter, const struct glyph **forms);

/* Parses a form's knots; returns their number. */
int glyph_knots(const struct glyph *glyph, struct glyph_knot knots[GLYPH_MAX_KNOTS]);

#endif
