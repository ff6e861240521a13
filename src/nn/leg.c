#include "leg.h"

#include <limits.h>
#include <stdlib.h>

#include "base/div.h"
#include "base/mem.h"

/* An op's inputs and outputs of a block are about a quarter of a core's second-level
   cache, for the values of the next op shall be there too. But weights are read once for
   each block: it is LEG_WEIGHTS times as large as these. */
#define LEG_BYTES   (1 << 18)
#define LEG_WEIGHTS 2
#define LEG_MOST    (4 << 20) /* bytes of a block that weights have made larger */

/* With fewer bytes in the whole grain, an op finds its inputs in a cache anyway, and
   buffers that are used again at once are worth more; above all backward. */
#define LEG_LEAST_FORWARD  (4 << 20)
#define LEG_LEAST_BACKWARD (16 << 20)

/* Ops of a leg that sum over the whole grain at its end: until then each keeps the
   gradient of its output. */
#define LEG_SUMS 2

const struct layer_coupling *leg_coupling(const struct model *model, int op,
                                          enum leg_pass pass)
{
    const struct layer_ops *ops = model->op[op]->ops;
    return pass == LEG_FORWARD ? &ops->couples_forward : &ops->couples_backward;
}

/* --- how many images a block has --- */

int leg_block(const struct leg *leg, int members, int n)
{
    size_t images = (size_t)leg->images * (size_t)members;
    return images < (size_t)n ? (int)images : n;
}

/* Read and written for one image. */
static size_t leg_image_bytes(const struct layer *layer)
{
    int floats = shape_size(layer->in) + shape_size(layer->out);
    return (size_t)(floats + (layer->inputs > 1 ? shape_size(layer->in2) : 0)) *
           sizeof(float);
}

/* What the ops of a leg ask for. */
struct leg_block {
    size_t image; /* bytes */
    int least;    /* images */
};

static int leg_images(size_t images)
{
    return images < INT_MAX ? (int)images : INT_MAX;
}

static struct leg_block leg_with(struct leg_block block, const struct model *model,
                                 int op)
{
    const struct layer *layer = model->op[op];
    size_t image = leg_image_bytes(layer);
    size_t weights = layer->packed.floats > layer->packed_back.floats
                         ? layer->packed.floats
                         : layer->packed_back.floats;
    int least = leg_images(LEG_WEIGHTS * weights * sizeof(float) / image + 1);
    block.image = image > block.image ? image : block.image;
    block.least = least > block.least ? least : block.least;
    return block;
}

static int leg_block_images(const struct model *model, const struct leg_block *block)
{
    int fit = leg_images(LEG_BYTES / block->image);
    if (model->block_images > 0)
        return model->block_images;
    return fit > block->least ? fit : block->least;
}

/* May an op join that makes the block this one? Weights that want many images must not
   make those of other ops larger than caches. */
static bool leg_may_grow(const struct model *model, const struct leg_block *block,
                         const struct leg_block *with)
{
    int before = leg_block_images(model, block), images = leg_block_images(model, with);
    bool grows = images > before || (images > 1 && with->image > block->image);
    return images < model->grain && (!grows || (size_t)images * with->image <= LEG_MOST);
}

/* --- which ops it has --- */

/* OpenBLAS adds in an order that depends on the number of images. */
static bool leg_takes_blocks(const struct model *model, int op, enum leg_pass pass)
{
    const struct layer *layer = model->op[op];
    size_t least = pass == LEG_FORWARD ? LEG_LEAST_FORWARD : LEG_LEAST_BACKWARD;
    bool large = (size_t)model->grain * leg_image_bytes(layer) >= least;
    return layer->ops->blocks && model->policy.bits != POLICY_BLAS &&
           (pass == LEG_FORWARD || model_goes_back(model, op)) &&
           (large || model->block_images > 0);
}

static struct leg leg_of_op(const struct model *model, int op)
{
    return (struct leg){
        .first = op, .count = 1, .images = model->grain, .next = LEG_NONE};
}

/* The leg that begins with an op. `left`: ops from there on. */
static struct leg leg_from(const struct model *model, int op, int left,
                           enum leg_pass pass)
{
    struct leg leg = leg_of_op(model, op);
    int step = pass == LEG_FORWARD ? 1 : -1;
    struct leg_block block = leg_with((struct leg_block){0}, model, op);
    int images = leg_block_images(model, &block);
    int sums = pass == LEG_BACKWARD && layer_sums_grain(model->op[op]);
    if (!leg_takes_blocks(model, op, pass) || images >= model->grain)
        return leg;
    for (op += step; leg.count < left && leg_takes_blocks(model, op, pass); op += step) {
        struct leg_block with = leg_with(block, model, op);
        if (sums == LEG_SUMS || (pass == LEG_FORWARD && op == model->feature))
            break; /* a pass may begin with a feature: nothing is gathered before */
        if (leg_coupling(model, op, pass)->gather)
            leg.next = op;
        if (leg.next == op || !leg_may_grow(model, &block, &with))
            break;
        block = with;
        leg.count++;
        sums += pass == LEG_BACKWARD && layer_sums_grain(model->op[op]);
    }
    leg.images = leg_block_images(model, &block);
    return leg;
}

static void legs_init_pass(struct legs *legs, const struct model *model,
                           enum leg_pass pass, bool by_op)
{
    size_t ops = (size_t)model->ops;
    *legs = (struct legs){.step = pass == LEG_FORWARD ? 1 : -1,
                          .leg = mem_zeroed(ops, sizeof *legs->leg),
                          .of = mem_zeroed(ops, sizeof *legs->of),
                          .gathered = mem_zeroed(ops, sizeof *legs->gathered)};
    int op = pass == LEG_FORWARD ? 0 : model->ops - 1, next = LEG_NONE;
    for (int left = model->ops; left > 0;) {
        const struct leg leg =
            by_op ? leg_of_op(model, op) : leg_from(model, op, left, pass);
        for (int i = 0; i < leg.count; i++, op += legs->step, left--) {
            legs->of[op] = legs->count;
            legs->gathered[op] = op == next ? legs->count - 1 : legs->count;
        }
        next = leg.next;
        legs->leg[legs->count++] = leg;
    }
}

void legs_init(struct legs *legs, const struct model *model, bool by_op)
{
    for (int pass = 0; pass < LEG_PASSES; pass++)
        legs_init_pass(&legs[pass], model, (enum leg_pass)pass, by_op);
}

void legs_release(struct legs *legs)
{
    free(legs->leg);
    free(legs->of);
    free(legs->gathered);
    *legs = (struct legs){0};
}
