/*
 * window: how the taps of a filter or a pool lie along one side of an image.
 *
 *   tap t of output i is at input i stride - pad + t dilation
 *   outputs = floor((inputs + 2 pad + extra - reach) / stride) + 1,
 *   reach = (size - 1) dilation + 1
 *
 * What is outside the image is padding.
 */
#ifndef LOCKSTEP_KERNELS_WINDOW_H
#define LOCKSTEP_KERNELS_WINDOW_H

#include "kernels/matrix.h"

struct window {
    int size; /* taps */
    int stride;
    int pad;      /* before the first input, and behind the last */
    int extra;    /* more behind the last: 0 or 1 */
    int dilation; /* inputs from tap to tap; 0 is 1 */
};

/* For shapes with windows r and s: one, and both alike. */
#define WINDOW(size_, stride_, pad_)     \
    {                                    \
        (size_), (stride_), (pad_), 0, 1 \
    }
#define WINDOW_SQUARE(size, stride, pad) \
    .r = WINDOW(size, stride, pad), .s = WINDOW(size, stride, pad)

static inline int window_dilation(const struct window *window)
{
    return window->dilation > 1 ? window->dilation : 1;
}

/* Inputs from the first tap to the last. */
static inline int window_reach(const struct window *window)
{
    return (window->size - 1) * window_dilation(window) + 1;
}

/* Inputs with their padding. */
static inline int window_padded(const struct window *window, int inputs)
{
    return inputs + 2 * window->pad + window->extra;
}

/* At least 1 if the window fits. */
static inline int window_outputs(const struct window *window, int inputs)
{
    return (window_padded(window, inputs) - window_reach(window)) / window->stride + 1;
}

/* The input of the first tap of output i; negative in the padding. */
static inline int window_first(const struct window *window, int i)
{
    return i * window->stride - window->pad;
}

/* The taps of output i that are inside the image; none: begin == end. */
static inline struct span window_inside(const struct window *window, int i, int inputs)
{
    int first = window_first(window, i), step = window_dilation(window);
    struct span taps = {first < 0 ? -first : 0, inputs - first};
    if (step > 1)
        taps =
            (struct span){(taps.begin + step - 1) / step, (taps.end + step - 1) / step};
    if (taps.end > window->size)
        taps.end = window->size;
    if (taps.begin > taps.end)
        taps.begin = taps.end = 0; /* all of it is padding */
    return taps;
}

/* The output whose tap `tap` is at input i; -1: there is none among `outputs`. */
static inline int window_output(const struct window *window, int i, int tap, int outputs)
{
    int from = i + window->pad - tap * window_dilation(window);
    if (from < 0 || from % window->stride != 0 || from / window->stride >= outputs)
        return -1;
    return from / window->stride;
}

/* Sets pad and extra so that there are ceil(inputs / stride) outputs, as TensorFlow's
   "same" does: an odd row or column of padding is behind the last input. */
static inline void window_pad_same(struct window *window, int inputs)
{
    int outputs = (inputs + window->stride - 1) / window->stride;
    int total = (outputs - 1) * window->stride + window_reach(window) - inputs;
    window->pad = total > 0 ? total / 2 : 0;
    window->extra = total > 0 ? total % 2 : 0;
}

#endif
