#include "data/ink.h"

#include <math.h>

#include "base/status.h"

void ink_add(struct ink *ink, float x, float y, int down)
{
    ASSERT(ink->count < INK_MAX_POINTS);
    ink->points[ink->count++] =
        (struct ink_point){.x = x, .y = y, .radius = 1.0f, .down = down};
}

void ink_box(const struct ink *ink, float low[2], float high[2])
{
    ASSERT(ink->count > 0);
    low[0] = high[0] = ink->points[0].x;
    low[1] = high[1] = ink->points[0].y;
    for (int i = 1; i < ink->count; i++) {
        const struct ink_point *p = &ink->points[i];
        low[0] = p->x < low[0] ? p->x : low[0];
        low[1] = p->y < low[1] ? p->y : low[1];
        high[0] = p->x > high[0] ? p->x : high[0];
        high[1] = p->y > high[1] ? p->y : high[1];
    }
}

/* The pixels whose centres lie within `reach` of [a, b]: first, and one past the last. */
static void pixel_range(float a, float b, float reach, int size, int range[2])
{
    float low = (a < b ? a : b) - reach - 0.5f;
    float high = (a < b ? b : a) + reach + 0.5f;
    range[0] = low <= 0.0f ? 0 : low >= (float)size ? size : (int)low;
    range[1] = high <= 0.0f ? 0 : high >= (float)size ? size : (int)high + 1;
    if (range[1] > size)
        range[1] = size;
}

/* A segment of length 0 is a dot. */
static void draw_segment(const struct ink_point *a, const struct ink_point *b, int size,
                         float *canvas)
{
    float radius = 0.5f * (a->radius + b->radius);
    float reach = radius + 0.5f;
    int rows[2], columns[2];
    pixel_range(a->y, b->y, reach, size, rows);
    pixel_range(a->x, b->x, reach, size, columns);
    float dx = b->x - a->x, dy = b->y - a->y;
    float length2 = dx * dx + dy * dy;
    float scale = length2 > 1e-12f ? 1.0f / length2 : 0.0f;
    for (int i = rows[0]; i < rows[1]; i++) {
        for (int j = columns[0]; j < columns[1]; j++) {
            float px = (float)j + 0.5f - a->x, py = (float)i + 0.5f - a->y;
            float along = (px * dx + py * dy) * scale;
            along = along < 0.0f ? 0.0f : along > 1.0f ? 1.0f : along;
            float ex = px - along * dx, ey = py - along * dy;
            float distance2 = ex * ex + ey * ey;
            if (distance2 >= reach * reach)
                continue;
            float cover = reach - sqrtf(distance2);
            cover = cover > 1.0f ? 1.0f : cover;
            if (cover > canvas[i * size + j])
                canvas[i * size + j] = cover;
        }
    }
}

void ink_draw(const struct ink *ink, int size, float *canvas)
{
    const struct ink_point *p = ink->points;
    for (int i = 0; i < ink->count; i++) {
        int on_line = p[i].down || (i + 1 < ink->count && p[i + 1].down);
        if (p[i].down && i > 0)
            draw_segment(&p[i - 1], &p[i], size, canvas);
        else if (!on_line)
            draw_segment(&p[i], &p[i], size, canvas);
    }
}
