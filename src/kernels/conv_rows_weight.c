/*
 * Weight gradient of the algorithm "direct".
 *
 * The panels of dweight are cut into pieces: some taps of one row of the filter, all
 * channels of a panel. A member goes through all runs of pixels, and in each through its
 * pieces: no sum is shared. A sum can go on after an image that ends with a run.
 */
#include <string.h>

#include "base/arena.h"
#include "base/div.h"
#include "conv_lattice.h"
#include "conv_rows.h"
#include "kernels/fetch.h"
#include "kernels/kernels.h"

#define WEIGHT_PIECE  (16 * PRODUCT_ROWS) /* rows of a panel in one piece */
#define WEIGHT_COPIED 128                 /* rows of a panel from which on copies pay */

/* The pixels of a run, one behind the other, so that they stay in a core's caches:
   `piece` for one piece of x after another, `panel` for the panels of dy that are
   needed. */
struct rows_copy {
    float *piece;                   /* (pixels, WEIGHT_PIECE) */
    float *panel;                   /* (panels, pixels, PRODUCT_PANEL) */
    bool *fresh;                    /* (panels): of this run */
    ptrdiff_t *piece_at, *panel_at; /* (pixels) */
};

/* The convolution, and the panels of dweight in scratch. */
struct rows_weight {
    struct lattice l;
    int run;         /* rows of results in a run */
    int pixels;      /* of a run, at most */
    int depth, cuts; /* rows of a panel for one row of the filter; pieces of them */
    int panels;      /* of a group */
    float *g;        /* (groups, panels, r s c / groups, PRODUCT_PANEL), shared */
    bool copies;     /* is `copy` used? */
    void *patches;   /* this member's, and also below */
    struct rows_copy copy;
    size_t bytes;
};

static void rows_weight_take(struct rows_weight *w, struct arena *arena, size_t room,
                             bool mine)
{
    size_t pixels = w->copies ? (size_t)w->pixels : 0, panels = (size_t)w->panels;
    struct rows_copy copy;
    void *patches = arena_take(arena, room);
    copy.piece = arena_take(arena, pixels * WEIGHT_PIECE * sizeof *copy.piece);
    copy.panel = arena_take(arena, panels * pixels * PRODUCT_PANEL * sizeof *copy.panel);
    copy.fresh = arena_take(arena, panels * sizeof *copy.fresh);
    copy.piece_at = arena_take(arena, pixels * sizeof *copy.piece_at);
    copy.panel_at = arena_take(arena, pixels * sizeof *copy.panel_at);
    if (!mine)
        return;
    w->patches = patches;
    w->copy = copy;
}

static struct rows_weight rows_weight_of(const struct conv_shape *shape, void *scratch,
                                         const struct team *team,
                                         const struct prologue *prologue)
{
    struct rows_weight w;
    struct arena arena = {.memory = scratch};
    lattice_forward(&w.l, shape);
    w.run = lattice_rows(&w.l, CONV_RUN);
    w.pixels = w.run * w.l.column.count;
    w.depth = shape->s.size * w.l.ins;
    w.panels = product_panels(&w.l.filters);
    w.cuts = div_up(w.depth, WEIGHT_PIECE);
    w.copies = w.l.row.taps * w.depth >= WEIGHT_COPIED;
    w.g = arena_take(&arena, lattice_packed(&w.l) * sizeof *w.g);
    w.l.prologue =
        &(const struct prologue){0}; /* room for one, whether there is or not */
    size_t room = lattice_scratch(&w.l, w.run);
    for (int i = 0; i < team->size; i++)
        rows_weight_take(&w, &arena, room, i == team->index);
    w.l.prologue = prologue;
    w.bytes = arena.used;
    return w;
}

/* A piece of one panel: its group, its row of the filter, its rows of the panel for that.
   Pieces are numbered panel by panel for the same part of x. */
struct rows_piece {
    int group, tap, panel;
    struct span depth;
};

static struct rows_piece rows_piece(const struct rows_weight *w, int i)
{
    int part = i / w->panels, cut = part % w->cuts, row = part / w->cuts;
    struct rows_piece piece = {
        .group = row / w->l.row.taps, .tap = row % w->l.row.taps, .panel = i % w->panels};
    piece.depth.begin = cut * WEIGHT_PIECE;
    piece.depth.end = piece.depth.begin + WEIGHT_PIECE;
    if (piece.depth.end > w->depth)
        piece.depth.end = w->depth;
    return piece;
}

static float *rows_piece_panel(const struct rows_weight *w,
                               const struct rows_piece *piece)
{
    int panel = piece->group * w->panels + piece->panel;
    return w->g +
           (size_t)panel * (size_t)w->l.row.taps * (size_t)w->depth * PRODUCT_PANEL;
}

/* `columns` floats of each row, `width` floats apart. */
static void rows_copy_rows(float *to, ptrdiff_t *to_at, int width, const float *from,
                           const ptrdiff_t *from_at, const struct matrix *m)
{
    for (int i = 0; i < m->rows; i++) {
        to_at[i] = (ptrdiff_t)i * width;
        memcpy(to + to_at[i], from + from_at[i], (size_t)m->columns * sizeof *to);
    }
}

static void rows_copy_piece(const struct rows_weight *w, struct product_rows *a)
{
    const struct matrix m = {.rows = a->rows, .columns = a->depth};
    rows_copy_rows(w->copy.piece, w->copy.piece_at, WEIGHT_PIECE, a->from, a->at, &m);
    a->from = w->copy.piece;
    a->at = w->copy.piece_at;
}

static void rows_copy_panel(const struct rows_weight *w, int panel, int pixels,
                            struct product_gradient *y)
{
    float *to = w->copy.panel + (size_t)panel * (size_t)w->pixels * PRODUCT_PANEL;
    const struct matrix m = {.rows = pixels, .columns = y->columns};
    if (!w->copy.fresh[panel])
        rows_copy_rows(to, w->copy.panel_at, PRODUCT_PANEL, y->from, y->at, &m);
    w->copy.fresh[panel] = true;
    y->from = to;
    y->at = w->copy.panel_at;
}

/* Adds a run's sum to a piece, whose part of x is a. */
static void rows_weight_piece(const struct rows_weight *w, const struct rows_piece *piece,
                              const struct product_rows *a,
                              const struct lattice_patches *patches, const float *dy,
                              enum product_start start)
{
    int k = piece->panel * PRODUCT_PANEL, left = w->l.outs - k;
    struct product_gradient y = {.from = dy + k,
                                 .at = patches->to,
                                 .columns = left < PRODUCT_PANEL ? left : PRODUCT_PANEL,
                                 .start = start};
    if (w->copies)
        rows_copy_panel(w, piece->panel, a->rows, &y);
    kernels()->product_weight(
        a, &y,
        rows_piece_panel(w, piece) +
            ((size_t)piece->tap * (size_t)w->depth + (size_t)piece->depth.begin) *
                PRODUCT_PANEL);
}

/* With filters of one pixel memory is the limit, not arithmetic. */
static void rows_weight_fetch(const struct lattice *l,
                              const struct lattice_patches *patches, const float *dy)
{
    const struct product_rows *a = &patches->a;
    size_t pixels = (size_t)l->n * (size_t)l->row.count * (size_t)l->column.count;
    if (l->row.taps * l->column.taps > 1)
        return;
    if (fetch_pays(pixels * (size_t)l->ins))
        fetch_rows(a->from, a->at, a->rows, a->depth);
    if (fetch_pays(pixels * (size_t)l->outs))
        fetch_rows(dy, patches->to, a->rows, l->outs);
}

/* Adds the sums of a run to the pieces [begin, end), which go through the groups. */
static void rows_weight_add(struct rows_weight *w, struct span run, int begin, int end,
                            const struct conv_operands *o)
{
    struct lattice_patches patches;
    struct product_rows a = {0};
    int gathered = -1;
    for (int i = begin; i < end; i++) {
        struct rows_piece piece = rows_piece(w, i);
        if (piece.group != gathered) {
            lattice_set_group(&w->l, piece.group);
            lattice_gather(&w->l, run, o->in, w->patches, &patches);
            rows_weight_fetch(&w->l, &patches, o->dy);
            if (w->copies)
                memset(w->copy.fresh, 0, (size_t)w->panels * sizeof *w->copy.fresh);
            gathered = piece.group;
        }
        if (i == begin || piece.panel == 0) {
            a = patches.a;
            a.from += piece.tap * a.step + piece.depth.begin;
            a.taps = 1;
            a.depth = piece.depth.end - piece.depth.begin;
            if (w->copies)
                rows_copy_piece(w, &a);
        }
        rows_weight_piece(w, &piece, &a, &patches, o->dy,
                          run.begin == 0 && !o->goes_on ? PRODUCT_ZERO : PRODUCT_GO_ON);
    }
}

/* The pieces [begin, end) from their panels into dweight, or back. */
static void rows_weight_move(struct rows_weight *w, int begin, int end, float *dweight,
                             bool back)
{
    for (int i = begin; i < end; i++) {
        struct rows_piece piece = rows_piece(w, i);
        int tap = piece.tap * w->depth;
        const struct span j = {tap + piece.depth.begin, tap + piece.depth.end};
        float *panel = rows_piece_panel(w, &piece);
        lattice_set_group(&w->l, piece.group);
        (back ? product_repack : product_unpack)(&w->l.filters, piece.panel, j, dweight,
                                                 panel);
    }
}

static void rows_weight_run(const struct team *team, const struct conv_shape *shape,
                            const struct conv_operands *o)
{
    struct rows_weight w = rows_weight_of(shape, o->scratch, team, o->prologue);
    int begin, end, rows = w.l.n * w.l.row.count;
    team_split(team, w.l.groups * w.panels * w.l.row.taps * w.cuts, &begin, &end);
    if (o->goes_on)
        rows_weight_move(&w, begin, end, o->out, true);
    for (int row = 0; row < rows; row += w.run) {
        struct span run = {row, row + w.run < rows ? row + w.run : rows};
        rows_weight_add(&w, run, begin, end, o);
    }
    rows_weight_move(&w, begin, end, o->out, false);
    team_barrier(team);
}

static bool rows_weight_goes_on(const struct conv_shape *shape)
{
    struct lattice l;
    lattice_forward(&l, shape);
    return l.row.count % lattice_rows(&l, CONV_RUN) == 0;
}

static size_t rows_weight_scratch(const struct conv_shape *shape, int team)
{
    return rows_weight_of(shape, NULL, &(struct team){.size = team}, NULL).bytes;
}

const struct conv_algorithm conv_rows_weight = {
    .name = "direct",
    .pass = CONV_WEIGHT,
    .fits = lattice_fits,
    .scratch = rows_weight_scratch,
    .run = rows_weight_run,
    .goes_on = rows_weight_goes_on,
};
