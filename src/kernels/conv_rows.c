/*
 * Forward and input gradient of the algorithm "direct".
 *
 * A member goes through its rows of results in blocks whose patches stay in a core's
 * second-level cache, and for each block through its panels of output channels.
 */
#include "conv_rows.h"

#include "conv_lattice.h"
#include "share.h"

#define ROWS_PIXELS   192 /* results of a block */
#define ROWS_CHANNELS 16  /* the smallest share of output channels: a cache line */

/* What one member computes: by rows, unless that leaves it less than a block. */
static void rows_share(const struct team *team, const struct lattice *l,
                       struct span *rows, struct span *channels)
{
    *rows = (struct span){0, l->n * l->row.count};
    *channels = (struct span){0, l->outs};
    bool by_channels = team->split == SPLIT_CHANNEL;
    if (team->split != SPLIT_BATCH && team->split != SPLIT_SPATIAL)
        by_channels |= rows->end < team->size * lattice_rows(l, ROWS_PIXELS) &&
                       l->outs >= team->size * ROWS_CHANNELS;
    if (by_channels)
        *channels = share_panels(team, l->outs, ROWS_CHANNELS);
    else
        *rows = share_panels(team, rows->end, 1);
}

/* The results of one block, a panel of output channels at a time. */
static void rows_block(const struct lattice_patches *patches, struct span channels,
                       const struct conv_operands *o, const float *packed)
{
    size_t panel = (size_t)patches->a.taps * (size_t)patches->a.depth * PRODUCT_PANEL;
    for (int k = channels.begin, next; k < channels.end; k = next) {
        next = (k / PRODUCT_PANEL + 1) * PRODUCT_PANEL;
        if (next > channels.end)
            next = channels.end;
        const struct product_result y = {.to = o->out + k,
                                         .at = patches->to,
                                         .columns = next - k,
                                         .start = o->bias ? PRODUCT_BIAS : PRODUCT_ZERO,
                                         .bias = o->bias ? o->bias + k : NULL};
        product_panel(&patches->a,
                      packed + (size_t)(k / PRODUCT_PANEL) * panel + k % PRODUCT_PANEL,
                      &y);
    }
}

static void rows_run(const struct team *team, const struct lattice *l,
                     const struct conv_operands *o, const float *packed, void *scratch)
{
    struct span rows, channels;
    int most = lattice_rows(l, ROWS_PIXELS);
    rows_share(team, l, &rows, &channels);
    for (int row = rows.begin, next; row < rows.end; row = next) {
        struct lattice_patches patches;
        next = row + most < rows.end ? row + most : rows.end;
        lattice_gather(l, (struct span){row, next}, o->in, scratch, &patches);
        rows_block(&patches, channels, o, packed);
    }
}

/* Bytes for one member, also with a prologue. */
static size_t rows_scratch(const struct lattice *l)
{
    struct lattice framed = *l;
    framed.prologue = &(const struct prologue){0};
    return lattice_scratch(&framed, lattice_rows(l, ROWS_PIXELS));
}

static void *rows_own_scratch(const struct team *team, const struct conv_operands *o,
                              size_t bytes)
{
    return (char *)o->scratch + (size_t)team->index * bytes;
}

static size_t rows_forward_packed(const struct conv_shape *shape)
{
    struct lattice l;
    lattice_forward(&l, shape);
    return product_packed(&l.filters);
}

static void rows_forward_pack(const struct team *team, const struct conv_shape *shape,
                              float *packed, const float *weight)
{
    struct lattice l;
    lattice_forward(&l, shape);
    product_pack(team, &l.filters, packed, weight);
    team_barrier(team);
}

static size_t rows_forward_scratch(const struct conv_shape *shape, int team)
{
    struct lattice l;
    lattice_forward(&l, shape);
    return (size_t)team * rows_scratch(&l);
}

static void rows_forward_run(const struct team *team, const struct conv_shape *shape,
                             const struct conv_operands *o)
{
    struct lattice l;
    lattice_forward(&l, shape);
    l.prologue = o->prologue;
    rows_run(team, &l, o, o->packed, rows_own_scratch(team, o, rows_scratch(&l)));
    team_barrier(team);
}

const struct conv_algorithm conv_rows_forward = {
    .name = "direct",
    .pass = CONV_FORWARD,
    .fits = lattice_fits,
    .packed = rows_forward_packed,
    .pack = rows_forward_pack,
    .scratch = rows_forward_scratch,
    .run = rows_forward_run,
};

static size_t rows_data_packed(const struct conv_shape *shape)
{
    size_t floats = 0;
    struct lattice l;
    for (int class = 0; class < lattice_classes(shape); class ++) {
        lattice_class(&l, shape, class);
        floats += product_packed(&l.filters);
    }
    return floats;
}

static void rows_data_pack(const struct team *team, const struct conv_shape *shape,
                           float *packed, const float *weight)
{
    struct lattice l;
    for (int class = 0; class < lattice_classes(shape); class ++) {
        lattice_class(&l, shape, class);
        product_pack(team, &l.filters, packed, weight);
        packed += product_packed(&l.filters);
    }
    team_barrier(team);
}

static size_t rows_data_scratch(const struct conv_shape *shape, int team)
{
    size_t most = 0;
    struct lattice l;
    for (int class = 0; class < lattice_classes(shape); class ++) {
        lattice_class(&l, shape, class);
        most = rows_scratch(&l) > most ? rows_scratch(&l) : most;
    }
    return (size_t)team * most;
}

static void rows_data_run(const struct team *team, const struct conv_shape *shape,
                          const struct conv_operands *o)
{
    const float *packed = o->packed;
    /* Members may be in different classes at the same time. */
    void *scratch = rows_own_scratch(team, o, rows_data_scratch(shape, 1));
    struct lattice l;
    for (int class = 0; class < lattice_classes(shape); class ++) {
        lattice_class(&l, shape, class);
        if (l.row.count > 0 && l.column.count > 0)
            rows_run(team, &l, o, packed, scratch);
        packed += product_packed(&l.filters);
    }
    team_barrier(team);
}

const struct conv_algorithm conv_rows_data = {
    .name = "direct",
    .pass = CONV_DATA,
    .fits = lattice_fits,
    .packed = rows_data_packed,
    .pack = rows_data_pack,
    .scratch = rows_data_scratch,
    .run = rows_data_run,
};
