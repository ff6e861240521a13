/*
 * Forward and input gradient of the algorithm "direct".
 *
 * A member goes through its rows of results in blocks whose patches stay in a core's
 * second-level cache, and for each block through its panels of output channels.
 */
#include "conv_rows.h"

#include "conv_lattice.h"
#include "kernels/fetch.h"
#include "share.h"

#define ROWS_PIXELS   192 /* results of a block */
#define ROWS_CHANNELS 16  /* the smallest share of output channels: a cache line */

/* What one member computes. */
struct rows_own {
    struct span rows, groups, channels; /* of each group */
};

/* By rows, unless that leaves it less than a block. */
static struct rows_own rows_share(const struct team *team, const struct lattice *l)
{
    struct rows_own own = {{0, l->n * l->row.count}, {0, l->groups}, {0, l->outs}};
    int shares = l->groups > 1 ? l->groups : l->outs / ROWS_CHANNELS;
    bool by_channels = team->split == SPLIT_CHANNEL;
    if (team->split != SPLIT_BATCH && team->split != SPLIT_SPATIAL)
        by_channels |= own.rows.end < team->size * lattice_rows(l, ROWS_PIXELS) &&
                       shares >= team->size;
    if (by_channels && l->groups > 1)
        own.groups = share_panels(team, l->groups, 1);
    else if (by_channels)
        own.channels = share_panels(team, l->outs, ROWS_CHANNELS);
    else
        own.rows = share_panels(team, own.rows.end, 1);
    return own;
}

/* Which arrays to fetch. With filters of one pixel memory is the limit, not
   arithmetic. */
struct rows_fetch {
    bool in, out;
};

static struct rows_fetch rows_fetch_of(const struct lattice *l)
{
    bool thin = l->row.taps * l->column.taps == 1;
    size_t images = (size_t)l->n * (size_t)l->groups;
    size_t in = (size_t)l->row.inputs * (size_t)l->column.inputs * (size_t)l->ins;
    size_t out = (size_t)l->row.outputs * (size_t)l->column.outputs * (size_t)l->outs;
    return (struct rows_fetch){thin && !l->prologue && fetch_pays(images * in),
                               thin && fetch_pays(images * out)};
}

/* The results of one block and group, a panel of output channels at a time. */
static void rows_block(const struct lattice *l, const struct lattice_patches *patches,
                       struct span channels, const struct conv_operands *o,
                       const float *packed)
{
    size_t panel = (size_t)patches->a.taps * (size_t)patches->a.depth * PRODUCT_PANEL;
    const float *bias = o->bias ? o->bias + l->group * l->outs : NULL;
    for (int k = channels.begin, next; k < channels.end; k = next) {
        next = (k / PRODUCT_PANEL + 1) * PRODUCT_PANEL;
        if (next > channels.end)
            next = channels.end;
        const struct product_result y = {.to = o->out + k,
                                         .at = patches->to,
                                         .columns = next - k,
                                         .start = bias ? PRODUCT_BIAS : PRODUCT_ZERO,
                                         .bias = bias ? bias + k : NULL,
                                         .activation = o->activation};
        product_panel(&patches->a,
                      packed + (size_t)(k / PRODUCT_PANEL) * panel + k % PRODUCT_PANEL,
                      &y);
    }
}

static void rows_run(const struct team *team, const struct lattice *lattice,
                     const struct conv_operands *o, const float *packed, void *scratch)
{
    struct lattice l = *lattice;
    struct rows_own own = rows_share(team, &l);
    const struct rows_fetch fetch = rows_fetch_of(lattice);
    int most = lattice_rows(&l, ROWS_PIXELS);
    size_t filters = product_packed(&l.filters);
    for (int row = own.rows.begin, next; row < own.rows.end; row = next) {
        next = row + most < own.rows.end ? row + most : own.rows.end;
        for (int group = own.groups.begin; group < own.groups.end; group++) {
            struct lattice_patches patches;
            lattice_set_group(&l, group);
            lattice_gather(&l, (struct span){row, next}, o->in, scratch, &patches);
            if (fetch.in)
                fetch_rows(patches.a.from, patches.a.at, patches.a.rows, patches.a.depth);
            if (fetch.out)
                fetch_rows(o->out + own.channels.begin, patches.to, patches.a.rows,
                           own.channels.end - own.channels.begin);
            rows_block(&l, &patches, own.channels, o, packed + (size_t)group * filters);
        }
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
    return lattice_packed(&l);
}

static void rows_forward_pack(const struct team *team, const struct conv_shape *shape,
                              float *packed, const float *weight)
{
    struct lattice l;
    lattice_forward(&l, shape);
    lattice_pack(team, &l, packed, weight);
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
    .activates = true,
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
        floats += lattice_packed(&l);
    }
    return floats;
}

static void rows_data_pack(const struct team *team, const struct conv_shape *shape,
                           float *packed, const float *weight)
{
    struct lattice l;
    for (int class = 0; class < lattice_classes(shape); class ++) {
        lattice_class(&l, shape, class);
        lattice_pack(team, &l, packed, weight);
        packed += lattice_packed(&l);
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
        packed += lattice_packed(&l);
    }
    team_barrier(team);
}

/* Every pixel of dx, although fewer may be in a result's reach. */
static double rows_data_work(const struct conv_shape *shape)
{
    double taps = 0;
    struct lattice l;
    for (int class = 0; class < lattice_classes(shape); class ++) {
        lattice_class(&l, shape, class);
        taps += (double)l.row.count * l.column.count * l.row.taps * l.column.taps;
    }
    return 2 * taps * shape->c * shape->k / conv_groups(shape);
}

const struct conv_algorithm conv_rows_data = {
    .name = "direct",
    .pass = CONV_DATA,
    .fits = lattice_fits,
    .packed = rows_data_packed,
    .pack = rows_data_pack,
    .scratch = rows_data_scratch,
    .run = rows_data_run,
    .work = rows_data_work,
};
