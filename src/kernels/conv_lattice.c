#include "conv_lattice.h"

#include <string.h>

#include "base/arena.h"
#include "base/div.h"
#include "kernels/kernels.h"

bool lattice_fits(const struct conv_shape *shape)
{
    return conv_groups(shape) == 1 && window_dilation(&shape->r) == 1 &&
           window_dilation(&shape->s) == 1;
}

static struct lattice_axis lattice_forward_axis(int inputs, int outputs,
                                                const struct window *window)
{
    return (struct lattice_axis){.inputs = inputs,
                                 .outputs = outputs,
                                 .count = outputs,
                                 .step = window->stride,
                                 .taps = window->size,
                                 .first = -window->pad,
                                 .out_step = 1};
}

void lattice_forward(struct lattice *l, const struct conv_shape *shape)
{
    ptrdiff_t c = shape->c, s = shape->s.size, r = shape->r.size;
    *l = (struct lattice){
        .n = shape->n,
        .ins = shape->c,
        .outs = shape->k,
        .row = lattice_forward_axis(shape->h, shape->p, &shape->r),
        .column = lattice_forward_axis(shape->w, shape->q, &shape->s),
        .filters = {.outs = shape->k,
                    .rows = shape->r.size,
                    .columns = shape->s.size,
                    .ins = shape->c,
                    .out = r * s * c,
                    .row = s * c,
                    .column = c,
                    .in = 1},
    };
}

int lattice_classes(const struct conv_shape *shape)
{
    return shape->r.stride * shape->s.stride;
}

/* Pixel h of dx reads pixel p of dy by tap h + pad - stride p. The taps of a class are
   read from the last to the first, so that p ascends. */
static struct lattice_axis lattice_class_axis(int class, int inputs, int outputs,
                                              const struct window *window, int *last)
{
    int stride = window->stride, lowest = (class + window->pad) % stride;
    int taps = lowest < window->size ? (window->size - 1 - lowest) / stride + 1 : 0;
    *last = taps > 0 ? lowest + (taps - 1) * stride : 0;
    return (struct lattice_axis){
        .inputs = inputs,
        .outputs = outputs,
        .count = class < outputs ? (outputs - 1 - class) / stride + 1 : 0,
        .step = 1,
        .taps = taps,
        .first = taps > 0 ? (class + window->pad - *last) / stride : 0,
        .out_first = class,
        .out_step = stride};
}

void lattice_class(struct lattice *l, const struct conv_shape *shape, int class)
{
    ptrdiff_t c = shape->c, s = shape->s.size, r = shape->r.size;
    int last_row, last_column;
    *l = (struct lattice){
        .n = shape->n,
        .ins = shape->k,
        .outs = shape->c,
        .row = lattice_class_axis(class / shape->s.stride, shape->p, shape->h, &shape->r,
                                  &last_row),
        .column = lattice_class_axis(class % shape->s.stride, shape->q, shape->w,
                                     &shape->s, &last_column),
    };
    if (l->row.taps == 0 || l->column.taps == 0)
        l->row.taps = l->column.taps = 0;
    l->filters = (struct filter_view){.outs = shape->c,
                                      .rows = l->row.taps,
                                      .columns = l->column.taps,
                                      .ins = shape->k,
                                      .first = (last_row * s + last_column) * c,
                                      .out = 1,
                                      .row = -shape->r.stride * s * c,
                                      .column = -shape->s.stride * c,
                                      .in = r * s * c};
}

/* Does every patch lie in the image? */
static bool lattice_inside(const struct lattice_axis *axis)
{
    return axis->first >= 0 &&
           axis->first + (axis->count - 1) * axis->step + axis->taps <= axis->inputs;
}

static bool lattice_in_place(const struct lattice *l)
{
    return !l->prologue && lattice_inside(&l->row) && lattice_inside(&l->column);
}

/* Pixels of a row of the frame. */
static int lattice_frame_width(const struct lattice *l)
{
    return (l->column.count - 1) * l->column.step + l->column.taps;
}

int lattice_rows(const struct lattice *l, int pixels)
{
    int rows = pixels / (l->column.count > 0 ? l->column.count : 1);
    return rows > 0 ? rows : 1;
}

/* Rows of the frame, when rows of results come from as many images as can be. */
static int lattice_frame_rows(const struct lattice *l, int rows)
{
    int images = l->row.count > 0 ? div_up(rows - 1, l->row.count) + 1 : 0;
    return rows * l->row.step + images * l->row.taps;
}

struct lattice_buffers {
    ptrdiff_t *at, *to;
    float *frame;
};

static size_t lattice_lay_out(const struct lattice *l, int rows, void *scratch,
                              struct lattice_buffers *b)
{
    struct arena arena = {.memory = scratch};
    size_t pixels = (size_t)rows * (size_t)l->column.count;
    b->at = arena_take(&arena, pixels * sizeof *b->at);
    b->to = arena_take(&arena, pixels * sizeof *b->to);
    size_t row = (size_t)lattice_frame_width(l) * (size_t)l->ins;
    size_t framed = lattice_in_place(l) ? 0 : (size_t)lattice_frame_rows(l, rows);
    b->frame = arena_take(&arena, framed * row * sizeof *b->frame);
    return arena.used;
}

size_t lattice_scratch(const struct lattice *l, int rows)
{
    struct lattice_buffers b;
    return lattice_lay_out(l, rows, NULL, &b);
}

/* Row `y` of an image, or zeros, between zeros. */
static void lattice_copy_row(const struct lattice *l, int y, const float *image,
                             float *to)
{
    size_t ins = (size_t)l->ins, width = (size_t)lattice_frame_width(l);
    int begin = l->column.first, end = begin + (int)width;
    int first = begin > 0 ? begin : 0,
        last = l->column.inputs < end ? l->column.inputs : end;
    if (y < 0 || y >= l->row.inputs || first >= last) {
        memset(to, 0, width * ins * sizeof *to);
        return;
    }
    size_t before = (size_t)(first - begin) * ins, inside = (size_t)(last - first) * ins;
    memset(to, 0, before * sizeof *to);
    const float *from =
        image + ((size_t)y * (size_t)l->column.inputs + (size_t)first) * ins;
    const struct matrix pixels = {last - first, l->ins, l->ins};
    if (l->prologue)
        kernels()->prologue_copy(to + before, from, &pixels, l->prologue);
    else
        memcpy(to + before, from, inside * sizeof *to);
    memset(to + before + inside, 0, (width * ins - before - inside) * sizeof *to);
}

/* Where row p of an image's results reads, in the frame: fills what it lacks. */
struct lattice_frame {
    float *next;     /* behind the last row filled */
    const float *at; /* of the present row */
    int filled;      /* image row behind the last one filled */
};

static void lattice_fill(const struct lattice *l, struct lattice_frame *frame, int p,
                         bool first, const float *image)
{
    size_t row = (size_t)lattice_frame_width(l) * (size_t)l->ins;
    int top = l->row.first + p * l->row.step;
    if (first || frame->filled < top)
        frame->filled = top;
    while (frame->filled < top + l->row.taps) {
        lattice_copy_row(l, frame->filled++, image, frame->next);
        frame->next += row;
    }
    frame->at = frame->next - (size_t)l->row.taps * row;
}

void lattice_gather(const struct lattice *l, struct span rows, const float *in,
                    void *scratch, struct lattice_patches *patches)
{
    struct lattice_buffers b;
    lattice_lay_out(l, rows.end - rows.begin, scratch, &b);
    bool in_place = lattice_in_place(l);
    ptrdiff_t width = in_place ? l->column.inputs : lattice_frame_width(l);
    size_t image = (size_t)l->row.inputs * (size_t)l->column.inputs * (size_t)l->ins;
    const float *base = in_place ? in : b.frame;
    struct lattice_frame frame = {.next = b.frame};
    int pixels = 0;
    for (int i = rows.begin; i < rows.end; i++) {
        int n = i / l->row.count, p = i % l->row.count;
        const float *x = in + (size_t)n * image;
        ptrdiff_t at =
            x - in +
            ((ptrdiff_t)(l->row.first + p * l->row.step) * width + l->column.first) *
                l->ins;
        if (!in_place) {
            lattice_fill(l, &frame, p, i == rows.begin || p == 0, x);
            at = frame.at - base;
        }
        ptrdiff_t to = ((ptrdiff_t)n * l->row.outputs + l->row.out_first +
                        (ptrdiff_t)p * l->row.out_step) *
                           l->column.outputs +
                       l->column.out_first;
        for (int q = 0; q < l->column.count; q++, pixels++) {
            b.at[pixels] = at + (ptrdiff_t)q * l->column.step * l->ins;
            b.to[pixels] = (to + (ptrdiff_t)q * l->column.out_step) * l->outs;
        }
    }
    *patches = (struct lattice_patches){.a = {.from = base,
                                              .at = b.at,
                                              .rows = pixels,
                                              .taps = l->row.taps,
                                              .depth = l->column.taps * l->ins,
                                              .step = width * l->ins},
                                        .to = b.to};
}
