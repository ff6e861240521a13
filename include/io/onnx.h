/*
 * onnx: models in files of the Open Neural Network Exchange: a graph of operators with
 * its weights, and texts about it. Knows no operator and no network.
 *
 *   https://github.com/onnx/onnx/blob/main/docs/IR.md    what a model is
 *   onnx/onnx.proto (libonnx-dev)                        the file: one ModelProto
 *
 * A model is described by the structs below, to be written and
 * as it was read; they hold what lockstep writes, a part of what ONNX has: nodes with one
 * output, attributes that are integers or a real number, tensors with raw_data.
 *
 * Not collective; a model is for one thread while it changes.
 */
#ifndef LOCKSTEP_IO_ONNX_H
#define LOCKSTEP_IO_ONNX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

#define ONNX_DIMS       8
#define ONNX_INPUTS     4    /* of a node: Slice has as many */
#define ONNX_ATTRIBUTES 6    /* of a node: Conv has 5 */
#define ONNX_ANY        (-1) /* an extent that each call chooses: the batch */
#define ONNX_IR         7    /* version of the file's format: that of opsets 12 to 14 */
/* Bytes of a file, at most: protobuf counts them in 31 bits. */
#define ONNX_BYTES_MAX ((size_t)INT32_MAX)

/* The numbers of TensorProto.DataType. */
enum onnx_type { ONNX_FLOAT = 1, ONNX_UINT8 = 2, ONNX_INT64 = 7 };

/* A constant: weights, or a small array that an operator wants. */
struct onnx_tensor {
    char *name;
    enum onnx_type type;
    int dims; /* 0: one number */
    size_t dim[ONNX_DIMS];
    size_t count; /* product of dim */
    void *values; /* owned: (count); NULL, of floats: onnx_source gives them */
    int given;    /* which ones, for onnx_source */
};

/* An input or output of the whole graph. */
struct onnx_value {
    char *name;
    enum onnx_type type;
    int dims;
    int64_t dim[ONNX_DIMS]; /* or ONNX_ANY */
};

enum onnx_kind { ONNX_INT, ONNX_REAL, ONNX_INTS };

struct onnx_attribute {
    char *name;
    enum onnx_kind kind;
    float real;
    int count; /* of an ONNX_INT 1 */
    int64_t ints[ONNX_DIMS];
};

struct onnx_node {
    char *op, *name, *output;
    int inputs, attributes;
    char *input[ONNX_INPUTS];
    struct onnx_attribute attribute[ONNX_ATTRIBUTES];
};

struct onnx_text {
    char *key, *text; /* UTF-8 */
};

/* Everything is owned, also all strings above. */
struct onnx_model {
    int64_t opset;
    char *producer, *version; /* the program that made it */
    char *name;               /* of the graph */
    char *doc;                /* plain text about the model; or NULL */
    int nodes, tensors, inputs, outputs, texts;
    struct onnx_node *node; /* each after those whose outputs it reads */
    struct onnx_tensor *tensor;
    struct onnx_value *input, *output;
    struct onnx_text *text;
};

/* --- making one; it begins as {0} --- */

void onnx_release(struct onnx_model *model);

/* Strings are copied. What is returned is good until the next one is added. */
struct onnx_node *onnx_add_node(struct onnx_model *model, const char *op,
                                const char *name, const char *output);
void onnx_node_input(struct onnx_node *node, const char *name);
void onnx_node_real(struct onnx_node *node, const char *name, float value);
void onnx_node_int(struct onnx_node *node, const char *name, int64_t value);
void onnx_node_ints(struct onnx_node *node, const char *name, int count,
                    const int64_t *value);
/* values: (product of dim) of the type, copied; NULL: onnx_source gives them. */
struct onnx_tensor *onnx_add_tensor(struct onnx_model *model, const char *name,
                                    enum onnx_type type, int dims, const size_t *dim,
                                    const void *values);
void onnx_add_input(struct onnx_model *model, const struct onnx_value *value);
void onnx_add_output(struct onnx_model *model, const struct onnx_value *value);
void onnx_add_text(struct onnx_model *model, const char *key, const char *text);

/* NULL: the node has none of this name and kind. */
const struct onnx_attribute *onnx_node_attribute(const struct onnx_node *node,
                                                 const char *name, enum onnx_kind kind);
size_t onnx_type_bytes(enum onnx_type type); /* of one number */

/* --- files --- */

/* Weights that are not in memory as the file has them: give writes the floats of a
   tensor, in C order, to `values`. It is called once for each, in the order of tensors:
   one tensor at a time is in memory. */
struct onnx_source {
    void (*give)(void *context, int given, float *values);
    void *context;
};

/* Writes to `file`, whose errors are the caller's to find (fs_write_end). path: the name
   in messages. ST_USAGE: the file would be larger than ONNX_BYTES_MAX; ST_FAIL: a text is
   not UTF-8. Then nothing was written. */
enum status onnx_write(FILE *file, const char *path, const struct onnx_model *model,
                       const struct onnx_source *source) MUST_CHECK;

/* Reads a file that onnx_write wrote, with all tensors. The shapes are those of the
   numbers that it has. ST_FAIL, with a line that names the file, for any other. */
enum status onnx_read(struct onnx_model *model, const char *path) MUST_CHECK;

#endif
