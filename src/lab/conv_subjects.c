/* The convolutions that are measured: a list of shapes, or those of a network. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lab/conv_speed.h"
#include "nn/layer_shape.h"

#define SQUARE(size, in, out, filter, stride, pad)                                  \
    {                                                                               \
        .h = size, .w = size, .c = in, .k = out, WINDOW_SQUARE(filter, stride, pad) \
    }

static const struct conv_shape known_shapes[] = {
    SQUARE(32, 16, 16, 3, 1, 1),   SQUARE(32, 64, 64, 3, 1, 1),
    SQUARE(16, 128, 128, 3, 1, 1), SQUARE(8, 256, 256, 3, 1, 1),
    SQUARE(4, 512, 512, 3, 1, 1),  SQUARE(56, 64, 64, 3, 1, 1),
    SQUARE(28, 128, 128, 3, 1, 1), SQUARE(14, 256, 256, 3, 1, 1),
    SQUARE(7, 512, 512, 3, 1, 1),  SQUARE(56, 64, 256, 1, 1, 0),
    SQUARE(28, 512, 128, 1, 1, 0), SQUARE(14, 256, 1024, 1, 1, 0),
    SQUARE(56, 64, 128, 3, 2, 1),  SQUARE(224, 3, 64, 7, 2, 3),
    SQUARE(32, 3, 64, 3, 1, 1),
};

/* Is it the padding that keeps the size of an image at stride 1? */
static bool subject_pads_same(const struct window *window)
{
    return 2 * window->pad + window->extra == window_reach(window) - 1;
}

static void subject_set_name(struct conv_subject *subject)
{
    const struct conv_shape *s = &subject->shape;
    char *text = mem_format("%dx%d", s->r.size, s->s.size);
    if (s->r.stride > 1 || s->s.stride > 1)
        mem_append(&text, " by %d", s->r.stride);
    if (s->s.stride != s->r.stride)
        mem_append(&text, "x%d", s->s.stride);
    mem_append(&text, ", %dx%d, %d", s->h, s->w, s->c);
    if (s->k != s->c)
        mem_append(&text, "->%d", s->k);
    if (conv_is_depthwise(s))
        mem_append(&text, " depthwise");
    else if (conv_groups(s) > 1)
        mem_append(&text, ", %d groups", s->groups);
    if (window_dilation(&s->r) > 1 || window_dilation(&s->s) > 1)
        mem_append(&text, ", dilation %d", window_dilation(&s->r));
    if (!subject_pads_same(&s->r) || !subject_pads_same(&s->s))
        mem_append(&text, ", pad %d", s->r.pad);
    snprintf(subject->name, sizeof subject->name, "%s", text);
    free(text);
}

static struct conv_subject *conv_subjects_add(struct conv_subjects *subjects,
                                              const struct conv_shape *shape)
{
    size_t count = (size_t)subjects->count + 1;
    subjects->subject = mem_resize(subjects->subject, count, sizeof *subjects->subject);
    struct conv_subject *subject = &subjects->subject[subjects->count++];
    *subject = (struct conv_subject){.shape = *shape};
    subject->shape.n = 0;
    conv_shape_complete(&subject->shape);
    subject_set_name(subject);
    return subject;
}

void conv_subjects_add_known(struct conv_subjects *subjects)
{
    for (size_t i = 0; i < sizeof known_shapes / sizeof *known_shapes; i++)
        conv_subjects_add(subjects, &known_shapes[i]);
}

static bool subject_same_window(const struct window *a, const struct window *b)
{
    return a->size == b->size && a->stride == b->stride && a->pad == b->pad &&
           a->extra == b->extra && window_dilation(a) == window_dilation(b);
}

static bool subject_is(const struct conv_subject *subject, const struct conv_shape *b)
{
    const struct conv_shape *a = &subject->shape;
    return a->h == b->h && a->w == b->w && a->c == b->c && a->k == b->k &&
           conv_groups(a) == conv_groups(b) && subject_same_window(&a->r, &b->r) &&
           subject_same_window(&a->s, &b->s);
}

/* The op that computes a layer. */
static int subject_op(const struct model *model, const struct layer *layer)
{
    int o = 0;
    while (o + 1 < model->ops && model->op[o + 1]->index <= layer->index)
        o++;
    return o;
}

/* The subject of a shape, which may be new. */
static struct conv_subject *conv_subjects_find(struct conv_subjects *subjects,
                                               const struct layer *layer)
{
    const struct conv_shape *shape = layer_conv_shape(layer);
    for (int i = 0; i < subjects->count; i++)
        if (subject_is(&subjects->subject[i], shape))
            return &subjects->subject[i];
    struct conv_subject *subject = conv_subjects_add(subjects, shape);
    subject->users = mem_strdup("");
    subject->policy = layer->policy;
    subject->fused = true;
    return subject;
}

static bool subject_ends_with(const struct conv_subject *subject, const char *user)
{
    const char *last = strrchr(subject->users, ' ');
    return strcmp(last ? last + 1 : subject->users, user) == 0;
}

void conv_subjects_add_model(struct conv_subjects *subjects, const struct model *model,
                             const char *name)
{
    for (int l = 0; l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        const char *user = name ? name : layer->name;
        if (!layer_conv_shape(layer))
            continue;
        struct conv_subject *subject = conv_subjects_find(subjects, layer);
        int o = subject_op(model, layer);
        bool back = model_goes_back(model, o);
        subject->fused = subject->fused && !layer_conv_shape(model->op[o]);
        subject->wanted[CONV_FORWARD] = true;
        subject->wanted[CONV_WEIGHT] |= back;
        subject->wanted[CONV_DATA] |= back && model->wanted[model->wires[o].value[0]];
        if (!subject_ends_with(subject, user))
            mem_append(&subject->users, "%s%s", *subject->users ? " " : "", user);
    }
}

void conv_subjects_release(struct conv_subjects *subjects)
{
    for (int i = 0; i < subjects->count; i++)
        free(subjects->subject[i].users);
    free(subjects->subject);
    *subjects = (struct conv_subjects){0};
}
