/*
 * glyphs: how people write letters. A table of stroke skeletons, several forms to each of
 * the 52 letters, drawn by hand for this project; no font was used.
 *
 * A form is text: knots the pen goes through, "x,y" apart by spaces, in writing order.
 *   - between two knots runs a cubic Bezier; the tangents are those of the smooth curve
 *     through the neighbouring knots, so that a moved knot leaves the curve smooth;
 *   - ^ after a knot makes it a corner: the curve ends there and starts anew;
 *   - | lifts the pen.
 * y goes down: capitals and ascenders start at 0, small letters at 35, the baseline is at
 * 70, descenders end at 100. A capital is about 45 wide. Nothing but the shape matters:
 * who draws a form also scales it.
 */
#ifndef LOCKSTEP_DATA_GLYPHS_H
#define LOCKSTEP_DATA_GLYPHS_H

#define GLYPH_MAX_KNOTS 32 /* in one form */
#define GLYPH_X_HEIGHT  35.0f
#define GLYPH_BASELINE  70.0f

struct glyph {
    char letter;         /* 'A'..'Z', 'a'..'z' */
    unsigned char share; /* how often it is met, relative to the letter's other forms */
    const char *strokes;
};

struct glyph_knot {
    float x, y;
    unsigned char starts; /* the pen comes down here */
    unsigned char corner;
};

/* The forms of one letter: their number, and the first of them in *forms. */
int glyph_forms(char letter, const struct glyph **forms);

/* Read a form's knots; returns how many. The table is checked by the unit test. */
int glyph_knots(const struct glyph *glyph, struct glyph_knot knots[GLYPH_MAX_KNOTS]);

#endif
