/*
 * microbench: small measurements of what else decides the speed of a layer: the memory
 * layout, the order of accesses, the algorithm, vector instructions, and the size from
 * which several threads are faster than one. All on one thread except the last.
 */
#ifndef LOCKSTEP_LAB_MICROBENCH_H
#define LOCKSTEP_LAB_MICROBENCH_H

#include "kernels/conv.h"
#include "lab/conv_trial.h"
#include "lab/machine.h"
#include "nn/model.h"

enum microbench_layout { LAYOUT_NCHW, LAYOUT_NHWC, LAYOUT_BLOCKED, LAYOUTS };

const char *microbench_layout_name(enum microbench_layout layout);

/* The same convolution by plain loops in each layout, and the conversion of its input. */
struct microbench_layouts {
    struct conv_shape shape;
    struct sample conv[LAYOUTS];
    struct sample convert[LAYOUTS]; /* from NHWC; for NHWC itself: a copy */
};
void microbench_layouts(struct microbench_layouts *layouts, int batch);

/* x *= f for each x of a square matrix, along its rows and along its columns. */
struct microbench_walk {
    enum machine_level level; /* that holds the matrix */
    int side;
    struct sample row, column; /* seconds per element */
};
/* One walk for each level that the machine has. Returns their number. */
int microbench_walks(const struct machine *machine,
                     struct microbench_walk walk[MACHINE_LEVELS]);

/* The forward pass of a convolution by each algorithm that fits. */
struct microbench_conv {
    char name[LAYER_NAME]; /* the layer's */
    struct conv_shape shape;
    int ways;
    const struct conv_algorithm *way[CONV_WAYS];
    struct sample time[CONV_WAYS];
    const struct conv_algorithm *chosen; /* by the rule (conv_algorithm_chosen) */
};
/* The convolutions of a network, at most `most`. Returns their number. */
int microbench_convs(const struct model *model, int batch, struct microbench_conv *convs,
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

/* The buffers of an operation on n elements. For tests of its results. */
struct microbench_buffers {
    size_t n, room;   /* room: floats of x, y and z */
    float *x, *y, *z; /* owned: inputs; outputs; slopes or output gradients */
    uint8_t *bytes;   /* owned: (room) positions of maxima, or what dropout keeps */
};
void microbench_buffers_init(struct microbench_buffers *buffers, size_t n);
void microbench_buffers_release(struct microbench_buffers *buffers);

/* Runs the operation once; called by every member of the team. */
void microbench_op_run(enum microbench_op op, const struct microbench_buffers *buffers,
                       const struct team *team);

/* Seconds for n elements: on one thread; on `threads` inside a parallel region, up to
   their barrier; on `threads` in a region of their own. */
struct microbench_times {
    struct sample alone, inside, region;
};
struct microbench_times microbench_op(enum microbench_op op, size_t n, int threads);

/* The number of elements from which `threads` are faster than one thread, found by
   doubling and then bisection; 0: not up to MICROBENCH_MOST. */
#define MICROBENCH_MOST ((size_t)1 << 22)
struct microbench_breakeven {
    size_t inside, region;
};
struct microbench_breakeven microbench_breakeven(enum microbench_op op, int threads);

/* Speed-up of the vector kernel over a plain scalar loop, n elements, one thread: relu
   and gelu. */
double microbench_vector_gain(enum microbench_op op, size_t n);
/* The two of them, for tests: y = op(x). */
void microbench_scalar(enum microbench_op op, float *y, const float *x, size_t n);
void microbench_vector(enum microbench_op op, float *y, const float *x, size_t n);

#endif
