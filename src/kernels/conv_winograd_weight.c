/*
 * Weight gradient of the Winograd algorithms (kernels/winograd.h). Each block of tiles is
 * a run: dU of all frequencies is summed over the blocks, then transformed. A team shares
 * the tiles of a block for V and M, then the elements of dU; never a sum.
 *
 * dU is 36/9 times as large as dweight. With several blocks a member keeps some panels of
 * all of it. If one block holds all tiles, as in deep layers with small images and many
 * channels, dU needs no sum: it is made and transformed piece by piece, in cache.
 */
#include "base/arena.h"
#include "base/div.h"
#include "conv_winograd.h"
#include "kernels/kernels.h"

#define PIECE_INS  64 /* input channels of a piece; its output channels are a panel */
#define PIECE_TAPS 9
#define PIECE_SIZE (PIECE_INS * PRODUCT_PANEL)

/* Input channels [c, c + ins) and one panel of output channels. */
struct winograd_piece {
    int panel, c, ins;
};

struct winograd_weight {
    struct winograd w;
    struct winograd_buffers b;
    int panels, groups; /* pieces: groups of input channels in each panel */
    float *du;          /* as U; or of this member's piece, if there is one block */
    ptrdiff_t plane;    /* floats of du from frequency to frequency */
    size_t bytes;
};

/* Is dU made piece by piece? Otherwise one of few pieces would leave members idle. */
static bool winograd_weight_by_pieces(const struct winograd_weight *g, int team)
{
    return g->w.tiles <= g->w.block && g->panels * g->groups >= team;
}

static void winograd_weight_init(struct winograd_weight *g,
                                 const struct conv_shape *shape, enum winograd_size size,
                                 void *scratch, const struct team *team)
{
    struct arena arena = {.memory = scratch};
    winograd_init(&g->w, shape, CONV_WEIGHT, size);
    g->panels = product_panels(&g->w.filters);
    g->groups = div_up(g->w.in.c, PIECE_INS);
    size_t frequencies = (size_t)g->w.frequencies;
    void *blocks = arena_take(&arena, winograd_lay_out(&g->w, NULL, &g->b));
    winograd_lay_out(&g->w, blocks, &g->b);
    if (winograd_weight_by_pieces(g, team->size)) {
        size_t piece = frequencies * PIECE_SIZE;
        float *all = arena_take(&arena, (size_t)team->size * piece * sizeof *all);
        g->plane = PIECE_SIZE;
        g->du = all ? all + (size_t)team->index * piece : NULL;
    } else {
        g->plane = g->w.u_plane;
        g->du = arena_take(&arena, frequencies * (size_t)g->plane * sizeof *g->du);
    }
    g->bytes = arena.used;
}

static struct winograd_piece winograd_weight_piece(const struct winograd_weight *g, int i)
{
    struct winograd_piece piece = {.panel = i / g->groups,
                                   .c = i % g->groups * PIECE_INS};
    int left = g->w.in.c - piece.c;
    piece.ins = left < PIECE_INS ? left : PIECE_INS;
    return piece;
}

/* du (ins, PRODUCT_PANEL) of one frequency and piece. */
static void winograd_weight_product(const struct winograd_weight *g, int f,
                                    const struct winograd_piece *piece, int tiles,
                                    float *du, enum product_start start)
{
    const struct winograd *w = &g->w;
    int k = piece->panel * PRODUCT_PANEL, left = div_up(w->out.c - k, 16) * 16;
    const struct product_rows a = {.from = g->b.v + f * w->in.plane + piece->c,
                                   .at = g->b.v_at,
                                   .rows = tiles,
                                   .taps = 1,
                                   .depth = piece->ins};
    const struct product_gradient y = {.from = g->b.m + f * w->out.plane + k,
                                       .at = g->b.m_at,
                                       .columns =
                                           left < PRODUCT_PANEL ? left : PRODUCT_PANEL,
                                       .start = start};
    kernels()->product_weight(&a, &y, du);
}

/* dweight of a piece from its du. */
static void winograd_weight_finish(const struct winograd_weight *g,
                                   const struct winograd_piece *piece, const float *du,
                                   float *dweight)
{
    _Alignas(64) float taps[PIECE_TAPS * PIECE_SIZE];
    struct filter_view part = g->w.filters;
    int k = piece->panel * PRODUCT_PANEL, count = piece->ins * PRODUCT_PANEL;
    part.first += k * part.out + piece->c * part.in;
    part.outs = part.outs - k < PRODUCT_PANEL ? part.outs - k : PRODUCT_PANEL;
    part.ins = piece->ins;
    g->w.transforms->filter_gradient(taps, count, du, g->plane, count);
    product_unpack(&part, 0, (struct span){0, PIECE_TAPS * piece->ins}, dweight, taps);
}

/* V and M of `count` tiles from `tile` on; ends with a barrier. Returns this member's. */
static struct span winograd_weight_transform(const struct team *team,
                                             const struct winograd_weight *g, int tile,
                                             int count, const struct conv_operands *o)
{
    const struct winograd *w = &g->w;
    struct span own;
    team_split(team, count, &own.begin, &own.end);
    const struct span tiles = {tile + own.begin, tile + own.end};
    w->transforms->input(&w->in, tiles, g->b.v + own.begin * w->in.ld, o->in);
    w->transforms->gradient(&w->out, tiles, g->b.m + own.begin * w->out.ld, o->dy);
    team_barrier(team);
    return tiles;
}

static void winograd_weight_one_block(const struct team *team,
                                      const struct winograd_weight *g,
                                      const struct conv_operands *o)
{
    int begin, end;
    winograd_weight_transform(team, g, 0, g->w.tiles, o);
    team_split(team, g->panels * g->groups, &begin, &end);
    for (int i = begin; i < end; i++) {
        struct winograd_piece piece = winograd_weight_piece(g, i);
        for (int f = 0; f < g->w.frequencies; f++)
            winograd_weight_product(g, f, &piece, g->w.tiles, g->du + f * g->plane,
                                    PRODUCT_ZERO);
        winograd_weight_finish(g, &piece, g->du, o->out);
    }
}

/* A member keeps the panels of some frequencies while it sums, and some pieces at the
 * end.
 */
static void winograd_weight_blocks(const struct team *team,
                                   const struct winograd_weight *g,
                                   const struct conv_operands *o)
{
    const struct winograd *w = &g->w;
    int begin, end;
    team_split(team, w->frequencies * g->panels, &begin, &end);
    for (int tile = 0; tile < w->tiles; tile += w->block) {
        int count = w->tiles - tile < w->block ? w->tiles - tile : w->block;
        struct span own = winograd_weight_transform(team, g, tile, count, o);
        struct span next = winograd_next(w, own, w->tiles);
        for (int i = begin; i < end; i++) {
            winograd_fetch(&w->in, w->m, next, o->in, i - begin, end - begin);
            winograd_fetch(&w->out, w->m, next, o->dy, i - begin, end - begin);
            const struct winograd_piece all = {.panel = i % g->panels, .ins = w->in.c};
            float *du = g->du + i / g->panels * g->plane +
                        (ptrdiff_t)all.panel * w->in.c * PRODUCT_PANEL;
            winograd_weight_product(g, i / g->panels, &all, count, du,
                                    tile == 0 ? PRODUCT_ZERO : PRODUCT_GO_ON);
        }
        team_barrier(team);
    }
    team_split(team, g->panels * g->groups, &begin, &end);
    for (int i = begin; i < end; i++) {
        struct winograd_piece piece = winograd_weight_piece(g, i);
        const float *du =
            g->du + ((ptrdiff_t)piece.panel * w->in.c + piece.c) * PRODUCT_PANEL;
        winograd_weight_finish(g, &piece, du, o->out);
    }
}

static void winograd_weight_run(const struct team *team, const struct conv_shape *shape,
                                const struct conv_operands *o, enum winograd_size size)
{
    struct winograd_weight g;
    winograd_weight_init(&g, shape, size, o->scratch, team);
    g.w.in.prologue = o->prologue;
    if (team->index == 0)
        winograd_set_offsets(&g.w, &g.b);
    if (winograd_weight_by_pieces(&g, team->size))
        winograd_weight_one_block(team, &g, o);
    else
        winograd_weight_blocks(team, &g, o);
    team_barrier(team);
}

static size_t winograd_weight_scratch(const struct conv_shape *shape, int team,
                                      enum winograd_size size)
{
    struct conv_shape least = *shape;
    struct winograd_weight all, few;
    winograd_weight_init(&all, shape, size, NULL, &(struct team){.size = team});
    least.n = 1; /* fewer images may be one block, fewer members may take pieces */
    int members = all.panels * all.groups < team ? all.panels * all.groups : team;
    winograd_weight_init(&few, &least, size, NULL, &(struct team){.size = members});
    return few.bytes > all.bytes ? few.bytes : all.bytes;
}

#define WINOGRAD_WEIGHT_ROW(row, named, size)                                      \
    static size_t row##_scratch(const struct conv_shape *shape, int team)          \
    {                                                                              \
        return winograd_weight_scratch(shape, team, size);                         \
    }                                                                              \
    static void row##_run(const struct team *team, const struct conv_shape *shape, \
                          const struct conv_operands *operands)                    \
    {                                                                              \
        winograd_weight_run(team, shape, operands, size);                          \
    }                                                                              \
    static double row##_work(const struct conv_shape *shape)                       \
    {                                                                              \
        return winograd_work(shape, CONV_WEIGHT, size);                            \
    }                                                                              \
    const struct conv_algorithm conv_##row = {.name = named,                       \
                                              .pass = CONV_WEIGHT,                 \
                                              .fits = winograd_fits,               \
                                              .scratch = row##_scratch,            \
                                              .run = row##_run,                    \
                                              .work = row##_work};

WINOGRAD_WEIGHT_ROW(winograd2_weight, "winograd2", WINOGRAD_2)
WINOGRAD_WEIGHT_ROW(winograd4_weight, "winograd4", WINOGRAD_4)
