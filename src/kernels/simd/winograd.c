/*
 * The two-dimensional transforms of kernels/winograd.h. One skeleton for each is inlined
 * for tiles of 2 x 2 and of 4 x 4.
 */
#include "winograd.h"

#include "prologue.h"
#include "simd.h"

#define WINOGRAD_MOST 6 /* rows of the largest patch */
#define WINOGRAD_AREA (WINOGRAD_MOST * WINOGRAD_MOST)

/* One column or row: `os` and `is` are strides in vectors. */
typedef void winograd_step(simd_float *out, int os, const simd_float *in, int is);

/* The compiler may not move loads and stores across it. Otherwise it computes more
   columns and rows at once than the registers hold. */
SIMD_INLINE void winograd_fence(void)
{
    __asm__ volatile("" : : : "memory");
}

/* in (from, from) to out (to, to), columns first. */
SIMD_INLINE void winograd_both(winograd_step *step, int to, int from, simd_float *out,
                               const simd_float *in)
{
    simd_float half[WINOGRAD_AREA];
#pragma GCC unroll 6
    for (int j = 0; j < from; j++)
        step(half + j, from, in + j, from);
#pragma GCC unroll 6
    for (int i = 0; i < to; i++)
        step(out + i * to, 1, half + i * from, 1);
}

/* Where a tile lies in its image: the pixels [top, bottom) x [left, right) of it
   exist. */
struct winograd_place {
    ptrdiff_t at; /* offset of its first pixel, which may be outside */
    int top, bottom, left, right;
};

SIMD_INLINE struct winograd_place winograd_place(const struct winograd_side *side,
                                                 int tile, int m, int extent)
{
    int column = tile % side->columns, row = tile / side->columns % side->rows;
    int n = tile / side->columns / side->rows;
    int y = row * m - side->above, x = column * m - side->before;
    return (struct winograd_place){
        .at = (((ptrdiff_t)n * side->h + y) * side->w + x) * side->c,
        .top = y < 0 ? -y : 0,
        .left = x < 0 ? -x : 0,
        .bottom = y + extent > side->h ? side->h - y : extent,
        .right = x + extent > side->w ? side->w - x : extent,
    };
}

SIMD_INLINE int winograd_whole(const struct winograd_place *p, int extent)
{
    return p->top == 0 && p->left == 0 && p->bottom == extent && p->right == extent;
}

/* Channels of a patch. Pixel (i, j) is read at from + i row + j column, frequency f
   written at v + f plane. */
struct winograd_patch {
    const float *from;
    ptrdiff_t row, column;
    float *v;
    ptrdiff_t plane;
};

/* One vector of channels of a whole patch. fused: there is a prologue, p. */
SIMD_INLINE void winograd_vector(winograd_step *step, int to, int extent,
                                 const struct winograd_patch *patch,
                                 const struct simd_prologue *p, int fused)
{
    simd_float half[WINOGRAD_AREA];
#pragma GCC unroll 6
    for (int j = 0; j < extent; j++) {
        simd_float d[WINOGRAD_MOST];
#pragma GCC unroll 6
        for (int i = 0; i < extent; i++) {
            d[i] = simd_full(patch->from + i * patch->row + j * patch->column);
            d[i] = fused ? simd_prologue_apply(p, d[i]) : d[i];
        }
        step(half + j, extent, d, 1);
        winograd_fence();
    }
#pragma GCC unroll 6
    for (int i = 0; i < to; i++) {
        simd_float out[WINOGRAD_MOST];
        step(out, 1, half + i * extent, 1);
#pragma GCC unroll 6
        for (int j = 0; j < to; j++)
            simd_store(patch->v + (i * to + j) * patch->plane, out[j], SIMD_WIDTH);
        winograd_fence();
    }
}

/* The pixels that exist of a patch that is not whole, to d. */
SIMD_INLINE void winograd_copy(simd_float *d, int extent,
                               const struct winograd_place *place,
                               const struct winograd_patch *patch,
                               const struct simd_prologue *p, int fused, int lanes)
{
    for (int i = place->top; i < place->bottom; i++)
        for (int j = place->left; j < place->right; j++) {
            simd_float v =
                simd_load(patch->from + i * patch->row + j * patch->column, lanes);
            d[i * extent + j] = fused ? simd_prologue_apply(p, v) : v;
        }
}

/* All channels of a patch. One that is not whole lies in d, with 0 for the pixels that
   do not exist. */
SIMD_INLINE void winograd_channels(winograd_step *step, int to, int extent,
                                   const struct winograd_side *side,
                                   const struct winograd_place *place,
                                   struct winograd_patch patch, int fused)
{
    simd_float d[WINOGRAD_AREA];
    struct winograd_patch copy = patch;
    int whole = winograd_whole(place, extent);
    copy.from = (const float *)d;
    copy.row = extent * SIMD_WIDTH;
    copy.column = SIMD_WIDTH;
    if (!whole)
#pragma GCC unroll 36
        for (int i = 0; i < extent * extent; i++)
            d[i] = (simd_float){0};
    for (int c = 0; c < side->c; c += SIMD_WIDTH) {
        struct simd_prologue p = {.activation = ACTIVATION_NONE};
        int lanes = side->c - c;
        if (fused)
            p = simd_prologue(side->prologue, c, lanes);
        if (whole && lanes >= SIMD_WIDTH) {
            winograd_vector(step, to, extent, &patch, &p, fused);
        } else {
            winograd_copy(d, extent, place, &patch, &p, fused, lanes);
            winograd_vector(step, to, extent, &copy, &p, 0);
        }
        patch.from += SIMD_WIDTH;
        patch.v += SIMD_WIDTH;
        copy.v += SIMD_WIDTH;
    }
}

/* Images to frequencies: patches of `extent` pixels a side, m pixels apart. */
SIMD_INLINE void winograd_analyse(winograd_step *step, int m, int extent,
                                  const struct winograd_side *side, struct span tiles,
                                  float *v, const float *x)
{
    for (int tile = tiles.begin; tile < tiles.end; tile++, v += side->ld) {
        const struct winograd_place place = winograd_place(side, tile, m, extent);
        const struct winograd_patch patch = {.from = x + place.at,
                                             .row = (ptrdiff_t)side->w * side->c,
                                             .column = side->c,
                                             .v = v,
                                             .plane = side->plane};
        if (side->prologue)
            winograd_channels(step, m + 2, extent, side, &place, patch, 1);
        else
            winograd_channels(step, m + 2, extent, side, &place, patch, 0);
    }
}

/* Frequencies to images. */
SIMD_INLINE void winograd_synthesise(winograd_step *step, int m,
                                     const struct winograd_side *side, struct span tiles,
                                     float *y, const float *from, const float *bias)
{
    int f = (m + 2) * (m + 2);
    ptrdiff_t row = (ptrdiff_t)side->w * side->c;
    for (int tile = tiles.begin; tile < tiles.end; tile++, from += side->ld) {
        struct winograd_place place = winograd_place(side, tile, m, m);
        for (int c = 0; c < side->c; c += SIMD_WIDTH) {
            simd_float in[WINOGRAD_AREA], out[WINOGRAD_AREA];
            int lanes = side->c - c;
#pragma GCC unroll 36
            for (int i = 0; i < f; i++)
                in[i] = simd_full(from + i * side->plane + c);
            winograd_both(step, m, m + 2, out, in);
            simd_float add = bias ? simd_load(bias + c, lanes) : (simd_float){0};
            float *to = y + place.at + c;
            if (winograd_whole(&place, m) && lanes >= SIMD_WIDTH) {
#pragma GCC unroll 4
                for (int i = 0; i < m; i++)
#pragma GCC unroll 4
                    for (int j = 0; j < m; j++)
                        simd_store(to + i * row + j * side->c, out[i * m + j] + add,
                                   SIMD_WIDTH);
            } else {
                for (int i = 0; i < place.bottom; i++)
                    for (int j = 0; j < place.right; j++)
                        simd_store(to + i * row + j * side->c, out[i * m + j] + add,
                                   lanes);
            }
        }
    }
}

/* Filters: (from, from) planes become (to, to) planes. */
struct winograd_planes {
    float *to;
    const float *from;
    ptrdiff_t to_plane, from_plane;
};

SIMD_INLINE void winograd_planes(winograd_step *step, int to, int from,
                                 const struct winograd_planes *p, int count)
{
    for (int k = 0; k < count; k += SIMD_WIDTH) {
        simd_float g[WINOGRAD_AREA], u[WINOGRAD_AREA];
#pragma GCC unroll 36
        for (int i = 0; i < from * from; i++)
            g[i] = simd_full(p->from + i * p->from_plane + k);
        winograd_both(step, to, from, u, g);
#pragma GCC unroll 36
        for (int i = 0; i < to * to; i++)
            simd_store(p->to + i * p->to_plane + k, u[i], SIMD_WIDTH);
    }
}

/* The table of one size. */
#define WINOGRAD_TABLE(name, m)                                                        \
    static void name##_inputs(const struct winograd_side *side, struct span tiles,     \
                              float *v, const float *x)                                \
    {                                                                                  \
        winograd_analyse(name##_input, m, m + 2, side, tiles, v, x);                   \
    }                                                                                  \
    static void name##_gradients(const struct winograd_side *side, struct span tiles,  \
                                 float *v, const float *dy)                            \
    {                                                                                  \
        winograd_analyse(name##_gradient, m, m, side, tiles, v, dy);                   \
    }                                                                                  \
    static void name##_outputs(const struct winograd_side *side, struct span tiles,    \
                               float *y, const float *from, const float *bias)         \
    {                                                                                  \
        winograd_synthesise(name##_output, m, side, tiles, y, from, bias);             \
    }                                                                                  \
    static void name##_filters(float *u, ptrdiff_t u_plane, const float *g,            \
                               ptrdiff_t g_plane, int count)                           \
    {                                                                                  \
        const struct winograd_planes planes = {u, g, u_plane, g_plane};                \
        winograd_planes(name##_filter, m + 2, 3, &planes, count);                      \
    }                                                                                  \
    static void name##_filter_gradients(float *dg, ptrdiff_t g_plane, const float *du, \
                                        ptrdiff_t u_plane, int count)                  \
    {                                                                                  \
        const struct winograd_planes planes = {dg, du, g_plane, u_plane};              \
        winograd_planes(name##_filter_gradient, 3, m + 2, &planes, count);             \
    }                                                                                  \
    const struct winograd_transforms SIMD(name) = {name##_inputs, name##_outputs,      \
                                                   name##_gradients, name##_filters,   \
                                                   name##_filter_gradients};

WINOGRAD_TABLE(winograd2, 2)
WINOGRAD_TABLE(winograd4, 4)
