/*
 * ink: pen lines on a small canvas. A line is a chain of points, each with the pen's
 * radius. A pixel's darkness is the part of it that the pen covers, computed from the
 * distance of its centre to the nearest line (exact for straight edges, approximate for
 * round ends). Only + - * / sqrt on float: the same result on any machine.
 */
#ifndef LOCKSTEP_DATA_INK_H
#define LOCKSTEP_DATA_INK_H

#define INK_MAX_POINTS 448

struct ink_point {
    float x, y;   /* pixels; pixel (i, j) covers x in [j, j+1), y in [i, i+1) */
    float radius; /* of the pen, pixels */
    int down;     /* 1: a line is drawn from the previous point to this one */
};

struct ink {
    int count;
    struct ink_point points[INK_MAX_POINTS];
};

/* Adds a point; more than INK_MAX_POINTS are a bug. */
void ink_add(struct ink *ink, float x, float y, int down);

/* The bounding box of all points; low and high are (x, y). No points are a bug. */
void ink_box(const struct ink *ink, float low[2], float high[2]);

/* Draws on canvas (size, size), 0 paper to 1 ink; each pixel keeps the darker value. */
void ink_draw(const struct ink *ink, int size, float *canvas);

#endif
