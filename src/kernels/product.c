#include "kernels/product.h"

#include <stdint.h>
#include <string.h>

#include "base/div.h"
#include "base/status.h"
#include "kernels/kernels.h"

#define PRODUCT_PIECE 128 /* rows of b that are in a first-level cache at once */
#define PACK_BLOCK    16  /* input channels that are packed together: a cache line */

int product_panels(const struct filter_view *view)
{
    return div_up(view->outs, PRODUCT_PANEL);
}

/* Rows of a panel. */
static size_t product_depth(const struct filter_view *view)
{
    return (size_t)view->rows * (size_t)view->columns * (size_t)view->ins;
}

size_t product_packed(const struct filter_view *view)
{
    return (size_t)product_panels(view) * product_depth(view) * PRODUCT_PANEL;
}

/* The output channels of a panel that exist. */
static int product_panel_outs(const struct filter_view *view, int panel)
{
    int left = view->outs - panel * PRODUCT_PANEL;
    return left < PRODUCT_PANEL ? left : PRODUCT_PANEL;
}

typedef float product_quad __attribute__((vector_size(16)));

/* to[j to_ld + i] = from[i from_ld + j], 4 x 4 values. */
static void product_transpose_quad(float *to, ptrdiff_t to_ld, const float *from,
                                   ptrdiff_t from_ld)
{
    typedef int32_t order __attribute__((vector_size(16)));
    product_quad row[4], pair[4], out[4];
    for (int i = 0; i < 4; i++)
        memcpy(&row[i], from + i * from_ld, sizeof row[i]);
    for (int i = 0; i < 2; i++) {
        pair[i] = __builtin_shuffle(row[i], row[i + 2], (order){0, 4, 1, 5});
        pair[i + 2] = __builtin_shuffle(row[i], row[i + 2], (order){2, 6, 3, 7});
    }
    for (int i = 0; i < 2; i++) {
        out[2 * i] = __builtin_shuffle(pair[2 * i], pair[2 * i + 1], (order){0, 4, 1, 5});
        out[2 * i + 1] =
            __builtin_shuffle(pair[2 * i], pair[2 * i + 1], (order){2, 6, 3, 7});
    }
    for (int i = 0; i < 4; i++)
        memcpy(to + i * to_ld, &out[i], sizeof out[i]);
}

/* The same for rows x columns values of `from`. */
static void product_transpose(float *to, ptrdiff_t to_ld, const float *from,
                              ptrdiff_t from_ld, int rows, int columns)
{
    for (int j = 0; j < columns; j += 4)
        for (int i = 0; i < rows; i += 4) {
            float *corner = to + j * to_ld + i;
            const float *first = from + i * from_ld + j;
            if (rows - i >= 4 && columns - j >= 4) {
                product_transpose_quad(corner, to_ld, first, from_ld);
                continue;
            }
            for (int jj = 0; jj < 4 && jj < columns - j; jj++)
                for (int ii = 0; ii < 4 && ii < rows - i; ii++)
                    corner[jj * to_ld + ii] = first[ii * from_ld + jj];
        }
}

/* One tap of a panel. Either input or output channels are neighbours in the weights. */
static void product_pack_tap(const struct filter_view *view, int outs, const float *from,
                             float *to)
{
    ASSERT(view->in == 1 || view->out == 1);
    if (view->in == 1)
        product_transpose(to, PRODUCT_PANEL, from, view->out, outs, view->ins);
    for (int c = 0; c < view->ins; c++) {
        if (view->in != 1)
            memcpy(to + c * PRODUCT_PANEL, from + c * view->in,
                   (size_t)outs * sizeof *to);
        memset(to + c * PRODUCT_PANEL + outs, 0,
               (size_t)(PRODUCT_PANEL - outs) * sizeof *to);
    }
}

void product_pack(const struct team *team, const struct filter_view *view, float *packed,
                  const float *weight)
{
    int begin, end, taps = view->rows * view->columns;
    team_split(team, product_panels(view) * taps, &begin, &end);
    for (int i = begin; i < end; i++) {
        int panel = i / taps, tap = i % taps;
        product_pack_tap(
            view, product_panel_outs(view, panel),
            weight + view->first + (ptrdiff_t)panel * PRODUCT_PANEL * view->out +
                tap / view->columns * view->row + tap % view->columns * view->column,
            packed + (size_t)i * (size_t)view->ins * PRODUCT_PANEL);
    }
}

/* The first of rows j of a panel in the weights; *end: behind those of the same tap. */
static ptrdiff_t product_row(const struct filter_view *view, int panel, struct span j,
                             int *end)
{
    int tap = j.begin / view->ins, c = j.begin % view->ins;
    ASSERT(view->in == 1);
    *end = (tap + 1) * view->ins < j.end ? (tap + 1) * view->ins : j.end;
    return view->first + (ptrdiff_t)panel * PRODUCT_PANEL * view->out +
           tap / view->columns * view->row + tap % view->columns * view->column + c;
}

void product_unpack(const struct filter_view *view, int panel, struct span j,
                    float *weight, float *g)
{
    for (int next; j.begin < j.end; j.begin = next) {
        float *to = weight + product_row(view, panel, j, &next);
        product_transpose(to, view->out, g + (ptrdiff_t)j.begin * PRODUCT_PANEL,
                          PRODUCT_PANEL, next - j.begin, product_panel_outs(view, panel));
    }
}

void product_repack(const struct filter_view *view, int panel, struct span j,
                    float *weight, float *g)
{
    memset(g + (ptrdiff_t)j.begin * PRODUCT_PANEL, 0,
           (size_t)(j.end - j.begin) * PRODUCT_PANEL * sizeof *g);
    for (int next; j.begin < j.end; j.begin = next) {
        const float *from = weight + product_row(view, panel, j, &next);
        product_transpose(g + (ptrdiff_t)j.begin * PRODUCT_PANEL, PRODUCT_PANEL, from,
                          view->out, product_panel_outs(view, panel), next - j.begin);
    }
}

void product_panel(const struct product_rows *a, const float *b,
                   const struct product_result *y)
{
    struct product_rows piece = *a;
    struct product_result result = *y;
    int depth = a->depth < PRODUCT_PIECE ? a->depth : PRODUCT_PIECE;
    int taps = depth > 0 ? PRODUCT_PIECE / depth : 1;
    int t = 0;
    do {
        piece.taps = a->taps - t < taps ? a->taps - t : taps;
        int d = 0;
        do {
            piece.from = a->from + t * a->step + d;
            piece.depth = a->depth - d < depth ? a->depth - d : depth;
            bool last = t + piece.taps == a->taps && d + piece.depth == a->depth;
            result.activation = last ? y->activation : ACTIVATION_NONE;
            kernels()->product_forward(
                &piece, b + ((size_t)t * (size_t)a->depth + (size_t)d) * PRODUCT_PANEL,
                &result);
            result.start = PRODUCT_GO_ON;
            d += depth;
        } while (d < a->depth);
        t += taps;
    } while (t < a->taps);
}
