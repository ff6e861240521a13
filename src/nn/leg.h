/*
 * leg: which ops a grain passes together, a block of images at a time.
 *
 * Values of a grain that are larger than a core's cache come from memory each time that
 * an op reads them. In a leg, ops that follow each other take a block of images one after
 * the other, so that what an op reads was just written; then the next block.
 *
 * A norm needs all images of the grain before it writes the first one: a leg can begin
 * with it, and ends before the next one. That reads each block as well, for its sums
 * (`next`), and writes when its own leg begins. Gradients of parameters are sums over the
 * grain, whose order is fixed. They are computed block by block if that keeps the order
 * (layer_ops.gradients_go_on), else at the end of the leg.
 *
 * The bits are those of one op after the other. A team takes as many blocks at once as it
 * has members.
 */
#ifndef LOCKSTEP_NN_LEG_H
#define LOCKSTEP_NN_LEG_H

#include "nn/model.h"

#define LEG_NONE (-1)

enum leg_pass { LEG_FORWARD, LEG_BACKWARD, LEG_PASSES };

struct leg {
    int first, count; /* ops: first, first + step, ... */
    int images;       /* of a block, for each member of the team */
    int next; /* op: gathers the blocks behind the others; LEG_NONE: there is none */
};

/* The legs of a pass, in its order. */
struct legs {
    int step; /* from op to op: 1 or -1 */
    int count;
    struct leg *leg; /* owned: (count) */
    int *of;         /* owned: (ops): the leg in which an op writes its results */
    int *gathered;   /* owned: (ops): the leg in which it begins: of[op] or the one
                        before */
};

/* The passes' legs (LEG_PASSES); the caller releases each. by_op: each op is a leg, and
   passes the whole grain. */
void legs_init(struct legs *legs, const struct model *model, bool by_op);
void legs_release(struct legs *legs);

/* Of n images, those that a team takes as one block. */
int leg_block(const struct leg *leg, int members, int n);

/* What couples the samples of a grain in the op's pass. */
const struct layer_coupling *leg_coupling(const struct model *model, int op,
                                          enum leg_pass pass);

#endif
