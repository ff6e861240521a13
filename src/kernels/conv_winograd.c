/*
 * Forward and input gradient of the Winograd algorithms (kernels/winograd.h).
 *
 * Tiles go in blocks through three stages: patches to V, products to M, M to results. V
 * and M of a block stay in a core's caches; a block has so many tiles that reading U does
 * not cost more. A team shares the tiles, each member with blocks of its own; if there
 * are too few for that, it shares each stage of one block after another.
 */
#include "conv_winograd.h"

#include "base/arena.h"
#include "base/div.h"
#include "kernels/kernels.h"
#include "share.h"

#define WINOGRAD_LEAST  (64 * 1024)       /* floats of V and M of a block, at least */
#define WINOGRAD_TILES  128               /* tiles of a block, at most */
#define WINOGRAD_SHARED (4 * 1024 * 1024) /* floats of U that a shared cache holds */
#define WINOGRAD_FEW    30                /* tiles of a block, at most, if it does */
#define WINOGRAD_PAD    16 /* floats between tiles, against conflicts of sets */
#define WINOGRAD_INS    16 /* input channels whose filters are transformed at once */
#define WINOGRAD_TAPS   9
#define FETCH_LINE      16  /* floats of a cache line */
#define FETCH_LEAST     128 /* floats of a tile's row that are worth finding it */
#define FETCH_MOST      (128 * 1024) /* floats that wait in a core's second-level cache */

static bool winograd_window(const struct window *window)
{
    return window->size == 3 && window->stride == 1 && window->pad <= 2 &&
           window_dilation(window) == 1;
}

bool winograd_fits(const struct conv_shape *shape)
{
    return conv_groups(shape) == 1 && winograd_window(&shape->r) &&
           winograd_window(&shape->s);
}

static struct winograd_side winograd_side(int h, int w, int c)
{
    ptrdiff_t ld = div_up(c, 16) * 16 + WINOGRAD_PAD;
    return (struct winograd_side){.h = h, .w = w, .c = c, .ld = ld};
}

/* Tiles of a block: as much of V and M as of U, at least WINOGRAD_LEAST. Those of a
   weight gradient are a run. Others are fewer, unless U comes from memory for each. */
static int winograd_block(const struct winograd *w, enum conv_pass pass)
{
    int most = WINOGRAD_TILES;
    ptrdiff_t tile = w->in.ld + w->out.ld, u = (ptrdiff_t)w->in.c * w->out.c;
    ptrdiff_t least = WINOGRAD_LEAST / w->frequencies;
    ptrdiff_t tiles = (u > least ? u : least) / tile / PRODUCT_ROWS * PRODUCT_ROWS;
    if (tiles < PRODUCT_ROWS)
        return PRODUCT_ROWS;
    if (pass != CONV_WEIGHT && u * w->frequencies <= WINOGRAD_SHARED)
        most = WINOGRAD_FEW;
    return tiles < most ? (int)tiles : most;
}

double winograd_work(const struct conv_shape *shape, enum conv_pass pass,
                     enum winograd_size size)
{
    struct conv_shape image = *shape;
    struct winograd w;
    image.n = 1;
    winograd_init(&w, &image, pass, size);
    return 2.0 * w.frequencies * w.tiles * w.in.c * w.out.c;
}

void winograd_init(struct winograd *w, const struct conv_shape *shape,
                   enum conv_pass pass, enum winograd_size size)
{
    ptrdiff_t c = shape->c;
    const struct winograd_side x = winograd_side(shape->h, shape->w, shape->c);
    const struct winograd_side y = winograd_side(shape->p, shape->q, shape->k);
    w->m = size == WINOGRAD_2 ? 2 : 4;
    w->frequencies = (w->m + 2) * (w->m + 2);
    w->transforms = kernels()->winograd[size];
    w->in = x;
    w->in.above = shape->r.pad;
    w->in.before = shape->s.pad;
    w->out = y;
    w->filters = (struct filter_view){.outs = shape->k,
                                      .rows = 3,
                                      .columns = 3,
                                      .ins = shape->c,
                                      .out = WINOGRAD_TAPS * c,
                                      .row = 3 * c,
                                      .column = c,
                                      .in = 1};
    if (pass == CONV_DATA) {
        w->in = y;
        w->out = x;
        w->in.above = 2 - shape->r.pad;
        w->in.before = 2 - shape->s.pad;
        w->filters = (struct filter_view){.outs = shape->c,
                                          .rows = 3,
                                          .columns = 3,
                                          .ins = shape->k,
                                          .first = (WINOGRAD_TAPS - 1) * c,
                                          .out = 1,
                                          .row = -3 * c,
                                          .column = -c,
                                          .in = WINOGRAD_TAPS * c};
    }
    w->in.rows = w->out.rows = div_up(w->out.h, w->m);
    w->in.columns = w->out.columns = div_up(w->out.w, w->m);
    w->tiles = shape->n * w->in.rows * w->in.columns;
    w->block = winograd_block(w, pass);
    w->in.plane = w->block * w->in.ld;
    w->out.plane = w->block * w->out.ld;
    w->u_plane = (ptrdiff_t)product_panels(&w->filters) * w->filters.ins * PRODUCT_PANEL;
}

size_t winograd_lay_out(const struct winograd *w, void *scratch,
                        struct winograd_buffers *b)
{
    struct arena arena = {.memory = scratch};
    size_t block = (size_t)w->block, frequencies = (size_t)w->frequencies;
    b->v_at = arena_take(&arena, block * sizeof *b->v_at);
    b->m_at = arena_take(&arena, block * sizeof *b->m_at);
    b->v = arena_take(&arena, frequencies * (size_t)w->in.plane * sizeof *b->v);
    b->m = arena_take(&arena, frequencies * (size_t)w->out.plane * sizeof *b->m);
    return arena.used;
}

void winograd_set_offsets(const struct winograd *w, const struct winograd_buffers *b)
{
    for (int i = 0; i < w->block; i++) {
        b->v_at[i] = i * w->in.ld;
        b->m_at[i] = i * w->out.ld;
    }
}

void winograd_product(const struct winograd *w, const struct winograd_buffers *b, int f,
                      int panel, int tiles, const float *u)
{
    int k = panel * PRODUCT_PANEL, left = w->out.c - k;
    const struct product_rows a = {.from = b->v + f * w->in.plane,
                                   .at = b->v_at,
                                   .rows = tiles,
                                   .taps = 1,
                                   .depth = w->in.c};
    const struct product_result y = {.to = b->m + f * w->out.plane + k,
                                     .at = b->m_at,
                                     .columns =
                                         left < PRODUCT_PANEL ? left : PRODUCT_PANEL};
    product_panel(&a, u + f * w->u_plane + (ptrdiff_t)k * w->in.c, &y);
}

void winograd_fetch(const struct winograd_side *side, int m, struct span tiles,
                    const float *images, int part, int parts)
{
    int rows = (tiles.end - tiles.begin) * m, segment = m * side->c;
    if (segment < FETCH_LEAST || (ptrdiff_t)rows * segment > FETCH_MOST)
        return;
    for (int i = rows * part / parts; i < rows * (part + 1) / parts; i++) {
        int tile = tiles.begin + i / m, line = tile / side->columns;
        int x = tile % side->columns * m, y = line % side->rows * m + i % m;
        int n = line / side->rows, left = (side->w - x) * side->c;
        if (y >= side->h)
            continue;
        const float *at = images + (((ptrdiff_t)n * side->h + y) * side->w + x) * side->c;
        for (int c = 0; c < segment && c < left; c += FETCH_LINE)
            __builtin_prefetch(at + c, 0, 2);
        /* GCC takes a function that only prefetches for one without effects. */
        __asm__ volatile("");
    }
}

struct span winograd_next(const struct winograd *w, struct span tiles, int end)
{
    int begin = tiles.begin + w->block, last = tiles.end + w->block;
    if (last > end)
        last = end;
    return (struct span){begin, last > begin ? last : begin};
}

/* Some tiles, block by block, by a team that shares one block. */
static void winograd_tiles(const struct team *team, const struct winograd *w,
                           struct span tiles, const struct winograd_buffers *b,
                           const struct conv_operands *o)
{
    int panels = product_panels(&w->filters);
    if (team->index == 0)
        winograd_set_offsets(w, b);
    for (int tile = tiles.begin; tile < tiles.end; tile += w->block) {
        struct span own, items;
        int count = tiles.end - tile < w->block ? tiles.end - tile : w->block;
        team_split(team, count, &own.begin, &own.end);
        const struct span mine = {tile + own.begin, tile + own.end};
        const struct span next = winograd_next(w, mine, tiles.end);
        w->transforms->input(&w->in, mine, b->v + own.begin * w->in.ld, o->in);
        team_barrier(team);
        team_split(team, w->frequencies * panels, &items.begin, &items.end);
        for (int i = items.begin; i < items.end; i++) {
            int part = i - items.begin, parts = items.end - items.begin;
            winograd_fetch(&w->in, w->m, next, o->in, part, parts);
            winograd_fetch(&w->out, w->m, mine, o->out, part, parts);
            winograd_product(w, b, i / panels, i % panels, count, o->packed);
        }
        team_barrier(team);
        w->transforms->output(&w->out, mine, o->out, b->m + own.begin * w->out.ld,
                              o->bias);
        team_barrier(team); /* the next block overwrites V and M */
    }
}

/* Does each member take tiles of its own, or does the team share each block? */
static bool winograd_apart(const struct team *team, const struct winograd *w)
{
    if (team->split == SPLIT_BATCH || team->split == SPLIT_SPATIAL)
        return true;
    return team->split != SPLIT_CHANNEL && w->tiles >= team->size * w->block;
}

static void winograd_run(const struct team *team, const struct conv_shape *shape,
                         const struct conv_operands *o, enum conv_pass pass,
                         enum winograd_size size)
{
    struct winograd w;
    struct winograd_buffers b;
    winograd_init(&w, shape, pass, size);
    w.in.prologue = o->prologue;
    size_t bytes = winograd_lay_out(&w, NULL, &b);
    if (team->size == 1 || winograd_apart(team, &w)) {
        struct span own = share_panels(team, w.tiles, 1);
        winograd_lay_out(&w, (char *)o->scratch + (size_t)team->index * bytes, &b);
        winograd_tiles(&(struct team){.size = 1}, &w, own, &b, o);
        team_barrier(team);
        return;
    }
    winograd_lay_out(&w, o->scratch, &b);
    winograd_tiles(team, &w, (struct span){0, w.tiles}, &b, o);
}

size_t winograd_packed(const struct conv_shape *shape, enum conv_pass pass,
                       enum winograd_size size)
{
    struct winograd w;
    winograd_init(&w, shape, pass, size);
    return (size_t)w.frequencies * (size_t)w.u_plane;
}

/* A few input channels of one panel at a time, by way of their packed filters. */
void winograd_pack(const struct team *team, const struct conv_shape *shape, float *u,
                   const float *weight, enum conv_pass pass, enum winograd_size size)
{
    enum { PLANE = WINOGRAD_INS * PRODUCT_PANEL };
    _Alignas(64) float g[WINOGRAD_TAPS * PLANE];
    const struct team alone = {.size = 1};
    struct winograd w;
    winograd_init(&w, shape, pass, size);
    int begin, end, groups = div_up(w.filters.ins, WINOGRAD_INS);
    team_split(team, product_panels(&w.filters) * groups, &begin, &end);
    for (int i = begin; i < end; i++) {
        int k = i / groups * PRODUCT_PANEL, c = i % groups * WINOGRAD_INS;
        struct filter_view part = w.filters;
        part.first += k * part.out + c * part.in;
        part.outs = part.outs - k < PRODUCT_PANEL ? part.outs - k : PRODUCT_PANEL;
        part.ins = part.ins - c < WINOGRAD_INS ? part.ins - c : WINOGRAD_INS;
        product_pack(&alone, &part, g, weight);
        w.transforms->filter(u + (ptrdiff_t)k * w.filters.ins + c * PRODUCT_PANEL,
                             w.u_plane, g, (ptrdiff_t)part.ins * PRODUCT_PANEL,
                             part.ins * PRODUCT_PANEL);
    }
    team_barrier(team);
}

static size_t winograd_scratch(const struct conv_shape *shape, int team,
                               enum conv_pass pass, enum winograd_size size)
{
    struct winograd w;
    struct winograd_buffers b;
    winograd_init(&w, shape, pass, size);
    return (size_t)team * winograd_lay_out(&w, NULL, &b);
}

/* The table's row for one pass and size. */
#define WINOGRAD_ROW(row, named, of_pass, size)                                     \
    static size_t row##_packed(const struct conv_shape *shape)                      \
    {                                                                               \
        return winograd_packed(shape, of_pass, size);                               \
    }                                                                               \
    static void row##_pack(const struct team *team, const struct conv_shape *shape, \
                           float *packed, const float *weight)                      \
    {                                                                               \
        winograd_pack(team, shape, packed, weight, of_pass, size);                  \
    }                                                                               \
    static size_t row##_scratch(const struct conv_shape *shape, int team)           \
    {                                                                               \
        return winograd_scratch(shape, team, of_pass, size);                        \
    }                                                                               \
    static void row##_run(const struct team *team, const struct conv_shape *shape,  \
                          const struct conv_operands *operands)                     \
    {                                                                               \
        winograd_run(team, shape, operands, of_pass, size);                         \
    }                                                                               \
    static double row##_work(const struct conv_shape *shape)                        \
    {                                                                               \
        return winograd_work(shape, of_pass, size);                                 \
    }                                                                               \
    const struct conv_algorithm conv_##row = {.name = named,                        \
                                              .pass = of_pass,                      \
                                              .fits = winograd_fits,                \
                                              .packed = row##_packed,               \
                                              .pack = row##_pack,                   \
                                              .scratch = row##_scratch,             \
                                              .run = row##_run,                     \
                                              .work = row##_work};

WINOGRAD_ROW(winograd2_forward, "winograd2", CONV_FORWARD, WINOGRAD_2)
WINOGRAD_ROW(winograd4_forward, "winograd4", CONV_FORWARD, WINOGRAD_4)
WINOGRAD_ROW(winograd2_data, "winograd2", CONV_DATA, WINOGRAD_2)
WINOGRAD_ROW(winograd4_data, "winograd4", CONV_DATA, WINOGRAD_4)
