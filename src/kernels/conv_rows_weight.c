/*
 * Weight gradient of the algorithm "direct".
 *
 * The panels of dweight are cut into pieces: some taps of one row of the filter, all
 * channels of a panel. A member goes through all runs of pixels, and in each through its
 * pieces: no sum is shared.
 */
#include "base/arena.h"
#include "base/div.h"
#include "conv_lattice.h"
#include "conv_rows.h"
#include "kernels/kernels.h"

#define WEIGHT_PIECE (8 * PRODUCT_ROWS) /* rows of a panel in one piece */

/* The convolution, and the panels of dweight in scratch. */
struct rows_weight {
    struct lattice l;
    int run;         /* rows of results in a run */
    int depth, cuts; /* rows of a panel for one row of the filter; pieces of them */
    int panels;      /* of a group */
    float *g;        /* (groups, panels, r s c / groups, PRODUCT_PANEL), shared */
    void *patches;   /* this member's */
    size_t bytes;
};

static struct rows_weight rows_weight_of(const struct conv_shape *shape, void *scratch,
                                         const struct team *team,
                                         const struct prologue *prologue)
{
    struct rows_weight w;
    struct arena arena = {.memory = scratch};
    lattice_forward(&w.l, shape);
    w.run = lattice_rows(&w.l, CONV_RUN);
    w.depth = shape->s.size * w.l.ins;
    w.panels = product_panels(&w.l.filters);
    w.cuts = div_up(w.depth, WEIGHT_PIECE);
    w.g = arena_take(&arena, lattice_packed(&w.l) * sizeof *w.g);
    w.l.prologue =
        &(const struct prologue){0}; /* room for one, whether there is or not */
    size_t room = lattice_scratch(&w.l, w.run);
    for (int i = 0; i < team->size; i++) {
        void *patches = arena_take(&arena, room);
        if (i == team->index)
            w.patches = patches;
    }
    w.l.prologue = prologue;
    w.bytes = arena.used;
    return w;
}

/* A piece: its group and panel, its row of the filter, its rows of the panel for that. */
struct rows_piece {
    int group, panel, tap;
    struct span depth;
};

/* The pieces [*next, end) from the first on that follow each other in one row. */
static struct rows_piece rows_next_piece(const struct rows_weight *w, int *next, int end)
{
    int first = *next, row = first / w->cuts;
    int last = (row + 1) * w->cuts < end ? (row + 1) * w->cuts : end;
    int panel = row / w->l.row.taps;
    struct rows_piece piece = {.group = panel / w->panels,
                               .panel = panel % w->panels,
                               .tap = row % w->l.row.taps};
    piece.depth.begin = (first - row * w->cuts) * WEIGHT_PIECE;
    piece.depth.end = (last - row * w->cuts) * WEIGHT_PIECE;
    if (piece.depth.end > w->depth)
        piece.depth.end = w->depth;
    *next = last;
    return piece;
}

static float *rows_piece_panel(const struct rows_weight *w,
                               const struct rows_piece *piece)
{
    int panel = piece->group * w->panels + piece->panel;
    return w->g +
           (size_t)panel * (size_t)w->l.row.taps * (size_t)w->depth * PRODUCT_PANEL;
}

/* Adds a run's sum to a piece. */
static void rows_weight_piece(const struct rows_weight *w, const struct rows_piece *piece,
                              const struct lattice_patches *patches, const float *dy,
                              enum product_start start)
{
    struct product_rows a = patches->a;
    int k = piece->panel * PRODUCT_PANEL, left = w->l.outs - k;
    const struct product_gradient y = {.from = dy + k,
                                       .at = patches->to,
                                       .columns =
                                           left < PRODUCT_PANEL ? left : PRODUCT_PANEL,
                                       .start = start};
    a.from += piece->tap * a.step + piece->depth.begin;
    a.taps = 1;
    a.depth = piece->depth.end - piece->depth.begin;
    kernels()->product_weight(
        &a, &y,
        rows_piece_panel(w, piece) +
            ((size_t)piece->tap * (size_t)w->depth + (size_t)piece->depth.begin) *
                PRODUCT_PANEL);
}

/* Adds the sums of a run to the pieces [begin, end), which go through the groups. */
static void rows_weight_add(struct rows_weight *w, struct span run, int begin, int end,
                            const struct conv_operands *o)
{
    struct lattice_patches patches;
    int gathered = -1;
    for (int next = begin; next < end;) {
        struct rows_piece piece = rows_next_piece(w, &next, end);
        if (piece.group != gathered) {
            lattice_set_group(&w->l, piece.group);
            lattice_gather(&w->l, run, o->in, w->patches, &patches);
            gathered = piece.group;
        }
        rows_weight_piece(w, &piece, &patches, o->dy,
                          run.begin == 0 ? PRODUCT_ZERO : PRODUCT_GO_ON);
    }
}

static void rows_weight_run(const struct team *team, const struct conv_shape *shape,
                            const struct conv_operands *o)
{
    struct rows_weight w = rows_weight_of(shape, o->scratch, team, o->prologue);
    int begin, end, rows = w.l.n * w.l.row.count;
    team_split(team, w.l.groups * w.panels * w.l.row.taps * w.cuts, &begin, &end);
    for (int row = 0; row < rows; row += w.run) {
        struct span run = {row, row + w.run < rows ? row + w.run : rows};
        rows_weight_add(&w, run, begin, end, o);
    }
    for (int next = begin; next < end;) {
        struct rows_piece piece = rows_next_piece(&w, &next, end);
        int tap = piece.tap * w.depth;
        const struct span j = {tap + piece.depth.begin, tap + piece.depth.end};
        lattice_set_group(&w.l, piece.group);
        product_unpack(&w.l.filters, piece.panel, j, o->out,
                       rows_piece_panel(&w, &piece));
    }
    team_barrier(team);
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
};
