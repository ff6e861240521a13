#include "conv_lattice.h"

#include "base/arena.h"
#include "base/div.h"
#include "conv_frame.h"

bool lattice_fits(const struct conv_shape *shape)
{
    return !conv_is_depthwise(shape);
}

static struct lattice_axis lattice_forward_axis(int inputs, int outputs,
                                                const struct window *window)
{
    return (struct lattice_axis){.inputs = inputs,
                                 .outputs = outputs,
                                 .count = outputs,
                                 .step = window->stride,
                                 .taps = window->size,
                                 .dilation = window_dilation(window),
                                 .first = -window->pad,
                                 .out_step = 1};
}

void lattice_forward(struct lattice *l, const struct conv_shape *shape)
{
    int groups = conv_groups(shape), ins = shape->c / groups, outs = shape->k / groups;
    ptrdiff_t c = ins, s = shape->s.size, r = shape->r.size;
    *l = (struct lattice){
        .n = shape->n,
        .groups = groups,
        .ins = ins,
        .outs = outs,
        .row = lattice_forward_axis(shape->h, shape->p, &shape->r),
        .column = lattice_forward_axis(shape->w, shape->q, &shape->s),
        .filters = {.outs = outs,
                    .rows = shape->r.size,
                    .columns = shape->s.size,
                    .ins = ins,
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

/* The taps of a class: from the last to the first, so that the pixels read ascend. */
struct lattice_taps {
    int last, step;
};

/* Pixel h of dx reads pixel p of dy by tap t if stride p + dilation t = h + pad. */
static struct lattice_axis lattice_class_axis(int class, int inputs, int outputs,
                                              const struct window *window,
                                              struct lattice_taps *of)
{
    int stride = window->stride, dilation = window_dilation(window);
    int period = 1, lowest = 0;
    while (period * dilation % stride != 0)
        period++;
    while (lowest < period && (class + window->pad - lowest * dilation) % stride != 0)
        lowest++;
    bool any = lowest < period && lowest < window->size;
    int taps = any ? (window->size - 1 - lowest) / period + 1 : 0;
    of->step = period;
    of->last = any ? lowest + (taps - 1) * period : 0;
    return (struct lattice_axis){
        .inputs = inputs,
        .outputs = outputs,
        .count = class < outputs ? (outputs - 1 - class) / stride + 1 : 0,
        .step = 1,
        .taps = taps,
        .dilation = period * dilation / stride,
        .first = any ? (class + window->pad - of->last * dilation) / stride : 0,
        .out_first = class,
        .out_step = stride};
}

void lattice_class(struct lattice *l, const struct conv_shape *shape, int class)
{
    int groups = conv_groups(shape), ins = shape->k / groups, outs = shape->c / groups;
    ptrdiff_t c = outs, s = shape->s.size, r = shape->r.size;
    struct lattice_taps row, column;
    *l = (struct lattice){
        .n = shape->n,
        .groups = groups,
        .ins = ins,
        .outs = outs,
        .row = lattice_class_axis(class / shape->s.stride, shape->p, shape->h, &shape->r,
                                  &row),
        .column = lattice_class_axis(class % shape->s.stride, shape->q, shape->w,
                                     &shape->s, &column),
    };
    if (l->row.taps == 0 || l->column.taps == 0)
        l->row.taps = l->column.taps = 0;
    l->filters = (struct filter_view){.outs = outs,
                                      .rows = l->row.taps,
                                      .columns = l->column.taps,
                                      .ins = ins,
                                      .first = (row.last * s + column.last) * c,
                                      .out = 1,
                                      .row = -row.step * s * c,
                                      .column = -column.step * c,
                                      .in = r * s * c};
}

void lattice_set_group(struct lattice *l, int group)
{
    /* Filters of a group follow each other, whichever of their channels are `outs`. */
    ptrdiff_t filters =
        l->filters.in == 1 ? l->outs * l->filters.out : l->ins * l->filters.in;
    l->filters.first += (group - l->group) * filters;
    l->group = group;
}

size_t lattice_packed(const struct lattice *l)
{
    return (size_t)l->groups * product_packed(&l->filters);
}

void lattice_pack(const struct team *team, const struct lattice *l, float *packed,
                  const float *weight)
{
    struct lattice of = *l;
    for (int group = 0; group < l->groups; group++) {
        lattice_set_group(&of, group);
        product_pack(team, &of.filters, packed, weight);
        packed += product_packed(&of.filters);
    }
}

/* Does every patch lie in the image? */
static bool lattice_inside(const struct lattice_axis *axis)
{
    return axis->first >= 0 && axis->first + (axis->count - 1) * axis->step +
                                       (axis->taps - 1) * axis->dilation <
                                   axis->inputs;
}

static bool lattice_in_place(const struct lattice *l)
{
    bool one_piece = l->column.taps <= 1 || (l->column.dilation == 1 && l->groups == 1);
    return !l->prologue && one_piece && lattice_inside(&l->row) &&
           lattice_inside(&l->column);
}

int lattice_rows(const struct lattice *l, int pixels)
{
    int rows = pixels / (l->column.count > 0 ? l->column.count : 1);
    return rows > 0 ? rows : 1;
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
    size_t frame = lattice_in_place(l) ? 0 : conv_frame_floats(l, rows);
    b->frame = arena_take(&arena, frame * sizeof *b->frame);
    return arena.used;
}

size_t lattice_scratch(const struct lattice *l, int rows)
{
    struct lattice_buffers b;
    return lattice_lay_out(l, rows, NULL, &b);
}

/* Where the results of a row are, and its patches in the image. */
static void lattice_row_at(const struct lattice *l, int row, ptrdiff_t *at, ptrdiff_t *to)
{
    int n = row / l->row.count, p = row % l->row.count;
    ptrdiff_t channels = l->groups * l->ins, first = l->group * l->ins;
    ptrdiff_t x = ((ptrdiff_t)n * l->row.inputs + l->row.first + p * l->row.step) *
                      l->column.inputs +
                  l->column.first;
    ptrdiff_t y = ((ptrdiff_t)n * l->row.outputs + l->row.out_first +
                   (ptrdiff_t)p * l->row.out_step) *
                      l->column.outputs +
                  l->column.out_first;
    for (int q = 0; q < l->column.count; q++) {
        at[q] = (x + (ptrdiff_t)q * l->column.step) * channels + first;
        to[q] = (y + (ptrdiff_t)q * l->column.out_step) * l->groups * l->outs +
                l->group * l->outs;
    }
}

void lattice_gather(const struct lattice *l, struct span rows, const float *in,
                    void *scratch, struct lattice_patches *patches)
{
    struct lattice_buffers b;
    lattice_lay_out(l, rows.end - rows.begin, scratch, &b);
    bool in_place = lattice_in_place(l);
    int count = l->column.count;
    for (int i = rows.begin; i < rows.end; i++) {
        ptrdiff_t pixel = (ptrdiff_t)(i - rows.begin) * count;
        lattice_row_at(l, i, b.at + pixel, b.to + pixel);
    }
    *patches = (struct lattice_patches){
        .a = {.from = in,
              .at = b.at,
              .rows = (rows.end - rows.begin) * count,
              .taps = l->row.taps,
              .depth = l->column.taps * l->ins,
              .step = (ptrdiff_t)l->row.dilation * l->column.inputs * l->groups * l->ins},
        .to = b.to};
    if (!in_place) {
        conv_frame_fill(l, rows, in, b.frame, b.at);
        patches->a.from = b.frame;
        patches->a.step = (ptrdiff_t)l->row.dilation * conv_frame_row(l);
    }
}
