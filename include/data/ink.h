/*
 * ink: pen lines on a small canvas. A line is a chain of points, each with the pen's
 * radius there; a pixel is as dark as the pen covers it, judged by the distance of its
 * centre to the nearest line (exact for straight edges, good for a round pen).
 * Only + - * / sqrt on float: the same on any machine.
 */
#ifndef LOCKSTEP_DATA_INK_H
#define LOCKSTEP_DATA_INK_H

#define INK_MAX_POINTS 448

struct ink_point {
    float x, y;   /* pixels; pixel (i, j) covers x in [j, j+1), y in [i, i+1) */
    float radius; /* of the pen, pixels */
    int down;     /* the pen is on the paper on its way here from the point before */
};

struct ink {
    int count;
    struct ink_point points[INK_MAX_POINTS];
};

/* Put down a point; a full ink is a bug. */
void ink_add(struct ink *ink, float x, float y, int down);

/* The smallest box around all points: low and high are x, y. An empty ink is a bug. */
void ink_box(const struct ink *ink, float low[2], float high[2]);

/* Draw on canvas (size, size), 0 paper to 1 ink; darker of old and new stays. */
void ink_draw(const struct ink *ink, int size, float *canvas);

#endif
