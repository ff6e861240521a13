/*
 * beside: what else decides how fast a layer is: the layout of memory, the order in which
 * it is gone through, the algorithm, vectors, and when several threads begin to pay. All
 * on one thread but the last.
 */
#ifndef LOCKSTEP_LAB_MICROBENCH_H
#define LOCKSTEP_LAB_MICROBENCH_H

#include "kernels/conv.h"
#include "lab/machine.h"
#include "nn/model.h"

enum microbench_layout { LAYOUT_NCHW, LAYOUT_NHWC, LAYOUT_BLOCKED, LAYOUTS };

const char *microbench_layout_name(enum microbench_layout layout);

/* The same convolution by plain loops in each layout, and its input brought there. */
struct microbench_layouts {
    struct conv_shape shape;
    struct sample conv[LAYOUTS];
    struct sample convert[LAYOUTS]; /* from nhwc; of nhwc: a copy */
};
void microbench_layouts(struct microbench_layouts *layouts, int batch);

/* x *= f for each x of a square matrix, along its rows and along its columns. */
struct microbench_walk {
    enum machine_level level; /* that holds it */
    int side;
    struct sample row, column; /* seconds an element */
};
/* Walks that the machine has levels for; returns their number. */
int microbench_walks(const struct machine *machine,
                     struct microbench_walk walk[MACHINE_LEVELS]);

/* A convolution's forward pass by the direct kernel and by im2col and sgemm. */
struct microbench_ways {
    char name[LAYER_NAME]; /* the layer's */
    struct conv_shape shape;
    struct sample direct, gemm;
    bool takes_direct; /* what conv_forward takes */
};
/* The convolutions of a network; returns their number. */
int microbench_ways(const struct model *model, int batch, struct microbench_ways *ways,
                    int most);

/* An operation on n elements. */
enum microbench_op {
    OP_RELU,
    OP_RELU_BACK,
    OP_GELU,
    OP_GELU_BACK,
    OP_DROPOUT,
    OP_MAXPOOL,    /* n results of 2 x 2 */
    OP_LOGSOFTMAX, /* rows of 26 */
    OPS
};

const char *microbench_op_name(enum microbench_op op);

/* Seconds for n elements on one thread; on `threads` inside a region, which meet at the
   end; in a region of its own. */
struct microbench_times {
    struct sample alone, inside, region;
};
struct microbench_times microbench_op(enum microbench_op op, size_t n, int threads);

/* The number of elements from which threads are faster than one, by doubling and then
   bisection; 0: not up to MICROBENCH_MOST. */
#define MICROBENCH_MOST ((size_t)1 << 22)
struct microbench_pays {
    size_t inside, region;
};
struct microbench_pays microbench_pays(enum microbench_op op, int threads);

/* The vector kernel against a plain scalar loop over n elements, on one thread: relu and
   gelu. */
double microbench_vector_gain(enum microbench_op op, size_t n);

#endif
