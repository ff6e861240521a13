/*
 * spec: the text of a network: one line for each layer, and blocks of lines with
 * parameters that a line can stand for.
 *
 * A line is "KIND [VALUE] [OPTION=VALUE ...]". KIND is a layer's (nn/layer.h) or a
 * block's name. These options go with every line:
 *
 *   from=NAME   its input, instead of the output of the line before. add and mul take two
 *               inputs: from=NAME is the second, the line before the first; from=A,B
 *               gives both. `input` is the network's input, or in a block the block's.
 *   as=NAME     its name, instead of kind and number ("conv2"): a letter or '_', then
 *               letters, digits, '.', '_' and '-'.
 *   if=A==B     the line is left out unless A and B are equal: two numbers, or two names,
 *   if=A!=B     whose shapes are compared; or unless they differ.
 *   if=A<B      and <=, >, >=: of numbers; a name stands for the pixels along the longer
 *               side of its shape.
 *
 * The name of a line that is left out stands for its input, unless another line that
 * stays has the same name.
 *
 * In a block $NAME stands for a parameter of the block. The line that stands for a block
 * gives them: "basic channels=64 stride=2,1 repeat=2". With repeat=N the block is there N
 * times, one after the other; A,B,C are its values for the first, the second and all
 * others. Names inside a block are its own; outside they are "LINE.NAME", or with repeat=
 * "LINE.0.NAME", "LINE.1.NAME", where LINE is the line's name.
 */
#ifndef LOCKSTEP_NN_SPEC_H
#define LOCKSTEP_NN_SPEC_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/status.h"
#include "kernels/policy.h"

struct spec_lines {
    int count;
    char **text;  /* owned, as are the texts: (count) */
    char **where; /* owned: (count) "file:line" */
};

struct spec_block {
    char *name;       /* owned, as are all texts */
    char *parameters; /* "channels stride=1": names, some with a default */
    char *where;
    struct spec_lines lines;
};

/* Which layers stay as they are, as in fine-tuning: their tensors are RANGE_FROZEN,
   backward stops where nothing before it learns, and what comes before that runs as in
   evaluation: without dropout and droppath. */
struct model_freeze {
    /* Owned. NULL or "none": no layer. "backbone": all before the last one with
       parameters, the head. Otherwise the name of a layer, or of a block ("layer3": all
       layers "layer3.*"): the last of these and all before it. Statistics of frozen
       layers stay as well. */
    char *until;
    bool statistics; /* norms use their running statistics in training, and leave them */
};

/* The [model] section and the [block NAME] sections, and how it is computed. */
struct model_spec {
    struct kernel_policy policy;
    struct model_freeze freeze;
    struct spec_lines lines;
    int blocks;
    struct spec_block *block; /* owned: (blocks) */
};

/* At most MODEL_LAYERS lines. */
void spec_lines_add(struct spec_lines *lines, const char *text, const char *where);
void model_spec_add(struct model_spec *spec, const char *text, const char *where);
void model_spec_release(struct model_spec *spec);

/* For a data set whose images have several classes, or none: a network whose last line is
   logsoftmax ends in logsigmoid from here on. Returns whether it does so now. */
bool model_spec_use_logsigmoid(struct model_spec *spec);
bool model_spec_ends_in_logsigmoid(const struct model_spec *spec);

/* A new block without parameters and lines; the pointer holds until the next one.
   ST_USAGE if the name is a layer's kind, another block's, or no name. */
enum status model_spec_add_block(struct model_spec *spec, const char *name,
                                 const char *where, struct spec_block **block) MUST_CHECK;

#endif
