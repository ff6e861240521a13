/*
 * Weight gradient of the Winograd algorithms (kernels/winograd.h): dU of all frequencies
 * is summed over blocks of tiles, each a run, and transformed at the end. A team shares
 * the tiles of a block for V and M, and the panels of dU; never a sum.
 */
#include "base/arena.h"
#include "base/div.h"
#include "conv_winograd.h"
#include "kernels/kernels.h"

struct winograd_weight {
    struct winograd w;
    struct winograd_buffers b;
    float *du; /* as U */
    size_t bytes;
};

static void winograd_weight_init(struct winograd_weight *g,
                                 const struct conv_shape *shape, enum winograd_size size,
                                 void *scratch)
{
    struct arena arena = {.memory = scratch};
    winograd_init(&g->w, shape, CONV_WEIGHT, size);
    size_t du = (size_t)g->w.frequencies * (size_t)g->w.u_plane;
    g->du = arena_take(&arena, du * sizeof *g->du);
    size_t blocks = winograd_lay_out(&g->w, NULL, &g->b);
    void *memory = arena_take(&arena, blocks);
    winograd_lay_out(&g->w, memory, &g->b);
    g->bytes = arena.used;
}

static void winograd_weight_product(const struct winograd_weight *g, int f, int panel,
                                    int tiles, enum product_start start)
{
    const struct winograd *w = &g->w;
    int k = panel * PRODUCT_PANEL, left = div_up(w->out.c - k, 16) * 16;
    const struct product_rows a = {.from = g->b.v + f * w->in.plane,
                                   .at = g->b.v_at,
                                   .rows = tiles,
                                   .taps = 1,
                                   .depth = w->in.c};
    const struct product_gradient y = {.from = g->b.m + f * w->out.plane + k,
                                       .at = g->b.m_at,
                                       .columns =
                                           left < PRODUCT_PANEL ? left : PRODUCT_PANEL,
                                       .start = start};
    kernels()->product_weight(&a, &y, g->du + f * w->u_plane + (ptrdiff_t)k * w->in.c);
}

/* dweight of this member's share, a few input channels of one panel at a time. */
static void winograd_weight_finish(const struct team *team,
                                   const struct winograd_weight *g, float *dweight)
{
    enum { INS = 16, TAPS = 9, PLANE = INS * PRODUCT_PANEL };
    _Alignas(64) float taps[TAPS * PLANE];
    const struct winograd *w = &g->w;
    int begin, end, groups = div_up(w->in.c, INS);
    team_split(team, product_panels(&w->filters) * groups, &begin, &end);
    for (int i = begin; i < end; i++) {
        int k = i / groups * PRODUCT_PANEL, c = i % groups * INS;
        struct filter_view part = w->filters;
        part.first += k * part.out + c * part.in;
        part.outs = part.outs - k < PRODUCT_PANEL ? part.outs - k : PRODUCT_PANEL;
        part.ins = part.ins - c < INS ? part.ins - c : INS;
        w->transforms->filter_gradient(taps, (ptrdiff_t)part.ins * PRODUCT_PANEL,
                                       g->du + (ptrdiff_t)k * w->in.c + c * PRODUCT_PANEL,
                                       w->u_plane, part.ins * PRODUCT_PANEL);
        product_unpack(&part, 0, (struct span){0, TAPS * part.ins}, dweight, taps);
    }
}

static void winograd_weight_run(const struct team *team, const struct conv_shape *shape,
                                const struct conv_operands *o, enum winograd_size size)
{
    struct winograd_weight g;
    winograd_weight_init(&g, shape, size, o->scratch);
    const struct winograd *w = &g.w;
    int panels = product_panels(&w->filters);
    struct span items;
    if (team->index == 0)
        winograd_set_offsets(w, &g.b);
    team_split(team, w->frequencies * panels, &items.begin, &items.end);
    for (int tile = 0; tile < w->tiles; tile += w->block) {
        struct span own;
        int count = w->tiles - tile < w->block ? w->tiles - tile : w->block;
        team_split(team, count, &own.begin, &own.end);
        const struct span mine = {tile + own.begin, tile + own.end};
        w->transforms->input(&w->in, mine, g.b.v + own.begin * w->in.ld, o->in);
        w->transforms->gradient(&w->out, mine, g.b.m + own.begin * w->out.ld, o->dy);
        team_barrier(team);
        for (int i = items.begin; i < items.end; i++)
            winograd_weight_product(&g, i / panels, i % panels, count,
                                    tile == 0 ? PRODUCT_ZERO : PRODUCT_GO_ON);
        team_barrier(team);
    }
    winograd_weight_finish(team, &g, o->out);
    team_barrier(team);
}

static size_t winograd_weight_scratch(const struct conv_shape *shape,
                                      enum winograd_size size)
{
    struct winograd_weight g;
    winograd_weight_init(&g, shape, size, NULL);
    return g.bytes;
}

#define WINOGRAD_WEIGHT_ROW(row, named, size)                                      \
    static size_t row##_scratch(const struct conv_shape *shape, int team)          \
    {                                                                              \
        (void)team;                                                                \
        return winograd_weight_scratch(shape, size);                               \
    }                                                                              \
    static void row##_run(const struct team *team, const struct conv_shape *shape, \
                          const struct conv_operands *operands)                    \
    {                                                                              \
        winograd_weight_run(team, shape, operands, size);                          \
    }                                                                              \
    const struct conv_algorithm conv_##row = {.name = named,                       \
                                              .pass = CONV_WEIGHT,                 \
                                              .fits = winograd_fits,               \
                                              .scratch = row##_scratch,            \
                                              .run = row##_run};

WINOGRAD_WEIGHT_ROW(winograd2_weight, "winograd2", WINOGRAD_2)
WINOGRAD_WEIGHT_ROW(winograd4_weight, "winograd4", WINOGRAD_4)
