#include "kernels/product.h"

#include <string.h>

#include "base/div.h"
#include "kernels/kernels.h"

#define PRODUCT_PIECE \
    128               /* rows of b that go through a core's first-level cache at once */
#define PACK_BLOCK 16 /* input channels that are packed together: a cache line */

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

/* One tap of a panel; blocks of input channels, because either side is strided. */
static void product_pack_tap(const struct filter_view *view, int outs, const float *from,
                             float *to)
{
    for (int first = 0; first < view->ins; first += PACK_BLOCK) {
        int last = first + PACK_BLOCK < view->ins ? first + PACK_BLOCK : view->ins;
        for (int k = 0; k < outs; k++) {
            const float *out = from + k * view->out;
            for (int c = first; c < last; c++)
                to[c * PRODUCT_PANEL + k] = out[c * view->in];
        }
        for (int c = first; outs < PRODUCT_PANEL && c < last; c++)
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
        product_pack_tap(view, product_panel_outs(view, panel),
                         weight + view->first +
                             (ptrdiff_t)panel * PRODUCT_PANEL * view->out +
                             tap / view->columns * view->row +
                             tap % view->columns * view->column,
                         packed + (size_t)i * (size_t)view->ins * PRODUCT_PANEL);
    }
}

void product_unpack(const struct filter_view *view, int panel, struct span j,
                    float *weight, const float *g)
{
    float *to = weight + view->first + (ptrdiff_t)panel * PRODUCT_PANEL * view->out;
    int outs = product_panel_outs(view, panel);
    for (int i = j.begin; i < j.end; i++) {
        int c = i % view->ins, tap = i / view->ins;
        float *in = to + c * view->in + tap / view->columns * view->row +
                    tap % view->columns * view->column;
        for (int k = 0; k < outs; k++)
            in[k * view->out] = g[(size_t)i * PRODUCT_PANEL + (size_t)k];
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
            kernels()->product_forward(
                &piece, b + ((size_t)t * (size_t)a->depth + (size_t)d) * PRODUCT_PANEL,
                &result);
            result.start = PRODUCT_GO_ON;
            d += depth;
        } while (d < a->depth);
        t += taps;
    } while (t < a->taps);
}
