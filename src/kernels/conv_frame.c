#include "conv_frame.h"

#include <string.h>

#include "base/div.h"
#include "kernels/kernels.h"

/* Pixels from the first tap of a result to its last. */
static int frame_reach(const struct lattice_axis *axis)
{
    return axis->taps > 0 ? (axis->taps - 1) * axis->dilation + 1 : 0;
}

static int frame_width(const struct lattice *l)
{
    int last = (l->column.count - 1) * l->column.step;
    return l->column.count > 0 ? last + frame_reach(&l->column) : 0;
}

ptrdiff_t conv_frame_row(const struct lattice *l)
{
    return (ptrdiff_t)frame_width(l) * l->ins;
}

size_t conv_frame_floats(const struct lattice *l, int rows)
{
    /* The rows come from as many images as can be. */
    int images = l->row.count > 0 ? div_up(rows - 1, l->row.count) + 1 : 0;
    size_t all = (size_t)rows * (size_t)l->row.step +
                 (size_t)images * (size_t)frame_reach(&l->row);
    return all * (size_t)conv_frame_row(l);
}

/* Where pixel x of a row is in the frame's row: remainders ascend, then x. */
static int frame_pixel(const struct lattice *l, int x)
{
    int d = l->column.dilation, width = frame_width(l), remainder = x % d;
    if (d == 1)
        return x;
    int longer = remainder < width % d ? remainder : width % d;
    return remainder * (width / d) + longer + x / d;
}

/* Pixels of one group, `distance` pixels of all groups apart, one behind the other. */
static void frame_copy(const struct lattice *l, const struct prologue *prologue,
                       const float *from, int pixels, int distance, float *to)
{
    ptrdiff_t step = (ptrdiff_t)distance * l->groups * l->ins;
    bool one_piece = step == l->ins;
    struct matrix m = {one_piece ? pixels : 1, l->ins, l->ins};
    size_t floats = (size_t)m.rows * (size_t)m.columns;
    for (int i = 0; i < pixels; i += m.rows, from += step, to += floats) {
        if (prologue)
            kernels()->prologue_copy(to, from, &m, prologue);
        else if (floats == 4) /* of a known size: in a register */
            memcpy(to, from, 4 * sizeof *to);
        else if (floats == 8)
            memcpy(to, from, 8 * sizeof *to);
        else
            memcpy(to, from, floats * sizeof *to);
    }
}

/* The pixels [begin, end) of a frame's row lie in the image: those with one remainder. */
static void frame_copy_remainder(const struct lattice *l, const struct prologue *prologue,
                                 const float *image_row, struct span inside, float *to)
{
    int d = l->column.dilation, width = frame_width(l);
    for (int remainder = 0; remainder < d && remainder < width; remainder++) {
        int all = div_up(width - remainder, d);
        int begin = inside.begin > remainder ? div_up(inside.begin - remainder, d) : 0;
        int end = inside.end > remainder ? div_up(inside.end - remainder, d) : 0;
        size_t ins = (size_t)l->ins, before = (size_t)begin * ins;
        if (end < begin)
            end = begin;
        memset(to, 0, before * sizeof *to);
        ptrdiff_t x = l->column.first + remainder + (ptrdiff_t)begin * d;
        if (end > begin)
            frame_copy(l, prologue, image_row + x * l->groups * l->ins, end - begin, d,
                       to + before);
        memset(to + (size_t)end * ins, 0, (size_t)(all - end) * ins * sizeof *to);
        to += (size_t)all * ins;
    }
}

/* Row y of an image, or zeros. */
static void frame_row(const struct lattice *l, const struct prologue *prologue, int y,
                      const float *image, float *to)
{
    int first = l->column.first, width = frame_width(l);
    struct span inside = {first < 0 ? -first : 0, l->column.inputs - first};
    if (inside.end > width)
        inside.end = width;
    if (y < 0 || y >= l->row.inputs || inside.begin >= inside.end) {
        memset(to, 0, (size_t)conv_frame_row(l) * sizeof *to);
        return;
    }
    image += ((ptrdiff_t)y * l->column.inputs * l->groups + l->group) * l->ins;
    frame_copy_remainder(l, prologue, image, inside, to);
}

void conv_frame_fill(const struct lattice *l, struct span rows, const float *in,
                     float *frame, ptrdiff_t *at)
{
    ptrdiff_t row = conv_frame_row(l), next = 0; /* behind the last row filled */
    size_t image = (size_t)l->row.inputs * (size_t)l->column.inputs * (size_t)l->groups *
                   (size_t)l->ins;
    int reach = frame_reach(&l->row), filled = 0; /* image row behind that */
    struct prologue own;
    const struct prologue *prologue = NULL;
    if (l->prologue) {
        ptrdiff_t c = (ptrdiff_t)l->group * l->ins;
        own = *l->prologue;
        own.mean += c;
        own.scale += c;
        own.shift += c;
        prologue = &own;
    }
    for (int i = rows.begin; i < rows.end; i++) {
        int n = i / l->row.count, p = i % l->row.count;
        int top = l->row.first + p * l->row.step;
        if (i == rows.begin || p == 0 || filled < top)
            filled = top;
        for (; filled < top + reach; filled++, next += row)
            frame_row(l, prologue, filled, in + (size_t)n * image, frame + next);
        for (int q = 0; q < l->column.count; q++)
            *at++ = next - reach * row +
                    (ptrdiff_t)frame_pixel(l, q * l->column.step) * l->ins;
    }
}
