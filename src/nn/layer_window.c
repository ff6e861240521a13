/* layer_window: size, stride, padding and dilation of a layer, from its config line. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "layer_spec.h"
#include "model_impl.h"

/* "3" or "3x2": along the rows and the columns. *out keeps its default if it is
   absent. */
static enum status window_read(const struct layer_spec *spec, const char *key, int lo,
                               int hi, struct shape *out)
{
    char word[SPEC_WORD];
    if (!layer_spec_text(spec, key, word))
        return ST_OK;
    if (!parse_size(word, lo, hi, &out->h, &out->w))
        FAIL(ST_USAGE,
             "%s: %s: %s '%s' is not a whole number from %d to %d, or two of them, like "
             "3x1 for rows and columns",
             spec->where, spec->name, key ? key : "size", word, lo, hi);
    return ST_OK;
}

static enum status window_read_size(const struct layer_spec *spec,
                                    const struct layer_window_kind *kind,
                                    struct shape *size)
{
    TRY(window_read(spec, kind->key, 1, kind->most, size));
    if (size->h > 0)
        return ST_OK;
    if (kind->key)
        FAIL(ST_USAGE, "%s: %s: %s=K is missing", spec->where, spec->name, kind->key);
    FAIL(ST_USAGE, "%s: %s: a number is missing after the layer's kind", spec->where,
         spec->name);
}

/* Twice the padding of a pool, or the padding of a kernel, stays below this. */
static bool window_pad_fits(const struct window *window, bool pools)
{
    return pools ? 2 * window->pad <= window->size : window->pad < window_reach(window);
}

static enum status window_read_pad(struct layer *layer, const struct layer_spec *spec,
                                   const struct layer_window_kind *kind)
{
    char word[SPEC_WORD];
    struct shape pad = {0};
    if (!layer_spec_text(spec, "pad", word))
        return ST_OK;
    layer->pad_same = strcmp(word, "same") == 0;
    if (layer->pad_same) {
        window_pad_same(&layer->rows, layer->in.h);
        window_pad_same(&layer->columns, layer->in.w);
        return ST_OK;
    }
    if (parse_nearest(word, (const char *const[]){"same"}, 1))
        FAIL(ST_USAGE, "%s: %s: unknown pad '%s', did you mean 'same'?", spec->where,
             spec->name, word);
    TRY(window_read(spec, "pad", 0, kind->most, &pad));
    layer->rows.pad = pad.h;
    layer->columns.pad = pad.w;
    if (!window_pad_fits(&layer->rows, kind->pools) ||
        !window_pad_fits(&layer->columns, kind->pools))
        FAIL(ST_USAGE, "%s: %s: pad %dx%d is %s the %s's %dx%d", spec->where, spec->name,
             pad.h, pad.w, kind->pools ? "more than half of" : "not smaller than",
             kind->noun, window_reach(&layer->rows), window_reach(&layer->columns));
    return ST_OK;
}

/* Its reach and its padding: "3x3, with pad 1x1". */
static char *window_text(const struct layer *layer, const char *noun)
{
    const struct window *r = &layer->rows, *s = &layer->columns;
    char *text = mem_format("%s %dx%d", noun, r->size, s->size);
    if (window_dilation(r) > 1 || window_dilation(s) > 1)
        mem_append(&text, " with dilation %dx%d", window_dilation(r), window_dilation(s));
    if (r->pad > 0 || s->pad > 0)
        mem_append(&text, " with pad %dx%d", r->pad, s->pad);
    return text;
}

static enum status window_too_large(const struct layer *layer,
                                    const struct layer_spec *spec, const char *noun)
{
    const struct window *r = &layer->rows, *s = &layer->columns;
    struct shape image,
        least = {window_reach(r) - 2 * r->pad, window_reach(s) - 2 * s->pad, 0};
    char *window = window_text(layer, noun), *advice = mem_strdup("");
    least.h = least.h > 1 ? least.h : 1;
    least.w = least.w > 1 ? least.w : 1;
    if (model_least_input(spec->model, layer->input[0], least, &image))
        mem_append(&advice, "; it needs images of %dx%d or larger", image.h, image.w);
    enum status st = status_fail(
        ST_USAGE, "%s: %s: the %s is larger than its input %dx%dx%d%s", spec->where,
        spec->name, window, layer->in.h, layer->in.w, layer->in.c, advice);
    free(window);
    free(advice);
    return st;
}

enum status layer_spec_windows(struct layer *layer, const struct layer_spec *spec,
                               const struct layer_window_kind *kind)
{
    struct shape size = {0}, dilation = {1, 1, 0};
    TRY(window_read_size(spec, kind, &size));
    struct shape stride = kind->pools ? size : (struct shape){1, 1, 0};
    TRY(window_read(spec, "stride", 1, 1024, &stride));
    TRY(window_read(spec, "dilation", 1, 1024, &dilation));
    struct window *r = &layer->rows, *s = &layer->columns;
    *r = (struct window){.size = size.h, .stride = stride.h, .dilation = dilation.h};
    *s = (struct window){.size = size.w, .stride = stride.w, .dilation = dilation.w};
    TRY(window_read_pad(layer, spec, kind));
    if (window_reach(r) > window_padded(r, layer->in.h) ||
        window_reach(s) > window_padded(s, layer->in.w))
        return window_too_large(layer, spec, kind->noun);
    return ST_OK;
}
