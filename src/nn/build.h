/*
 * build: the lines of a spec become the layers of a model.
 *
 * Layers read values: value 0 is the network's input, value i + 1 the output of layer i.
 * A line is read in a scope: the network, or one instance of a block. A name that a line
 * has in its scope is known to the whole network with the scope's path before it.
 */
#ifndef LOCKSTEP_NN_BUILD_H
#define LOCKSTEP_NN_BUILD_H

#include "nn/model.h"
#include "spec_line.h"

/* Lines that may be read, those of a block once for each use: a limit for nested blocks
   whose lines are all left out. */
#define BUILD_LINES (8 * MODEL_LAYERS)

#define BUILD_PARAMETERS 32 /* of a block */
/* Blocks in blocks: a layer's name has a letter and a dot of each. */
#define BUILD_DEPTH ((LAYER_NAME - 1) / 2)

/* The full name of a line, and the value that it stands for. */
struct build_name {
    char name[LAYER_NAME];
    int value;
    const char *where; /* borrowed from the spec */
    bool left_out;     /* by if=: another line may have the name */
};

struct build {
    struct model *model;
    const struct model_spec *spec;
    const char **where; /* owned: (layers) */
    int names;
    struct build_name *name; /* owned: (names) */
    int lines;               /* read so far */
};

/* The name and the value of a parameter. */
struct build_parameter {
    char name[SPEC_WORD], value[SPEC_WORD];
    bool given;
};

struct build_scope {
    const struct build_scope *outer;
    int depth;                      /* blocks around its lines */
    const struct spec_block *block; /* NULL: the network */
    const char *path;               /* "layer1.0."; "" */
    int input;                      /* the value that `input` stands for */
    int value;                      /* what the line before stands for */
    int parameters;
    struct build_parameter parameter[BUILD_PARAMETERS];
    int *count; /* owned: lines so far of each kind of layer, then of each block */
};

/* The value of `name` in a scope. ST_USAGE with a message that begins with where. */
enum status build_find(const struct build *build, const struct build_scope *scope,
                       const char *where, const char *name, int *value) MUST_CHECK;
/* A name as the scope has it, with its path: now it stands for `value`. ST_USAGE if it is
   taken, is no name or is too long. */
enum status build_add_name(struct build *build, const struct build_scope *scope,
                           const char *where, const char *name, int value) MUST_CHECK;

/* Adds the name of a line that is left out. A line that stays may have it already. */
enum status build_leave_out(struct build *build, const struct build_scope *scope,
                            const char *where, const char *name, int value) MUST_CHECK;

/* For messages: "relu3", "input". */
const char *build_value_name(const struct build *build, int value);
struct shape build_value_shape(const struct build *build, int value);

/* The parameters that a block declares, with their defaults. */
enum status build_declare(struct build_scope *scope) MUST_CHECK;
/* Sets them from the options of a line without kind; instance i of `repeat`. */
enum status build_give(struct build_scope *scope, const char *where, const char *line,
                       const char *options, int i, int repeat) MUST_CHECK;
/* The line with the values of its parameters; the caller frees. NULL: reported. */
char *build_substitute(const struct build_scope *scope, const char *where,
                       const char *line);

/* Does the line with the option if=TEXT stay? */
enum status build_condition(const struct build *build, const struct build_scope *scope,
                            const char *where, const char *text, bool *stays) MUST_CHECK;

/* ST_USAGE unless the last layer has an output for each class and all other layers are
   used. */
enum status build_check_end(const struct build *build) MUST_CHECK;

/* Adds the layers of the model's spec: model->layer, params, ranges, flops. */
enum status model_build(struct model *model, const struct model_spec *spec) MUST_CHECK;

#endif
