#include "nn/packed.h"

#include "base/div.h"
#include "base/mem.h"
#include "model_impl.h"

#define PACKED_ALIGN 16 /* floats */

static void packed_place(struct model *model, struct layer_packed *packed)
{
    packed->offset = model->packed;
    model->packed += div_round_up(packed->floats, PACKED_ALIGN);
}

bool model_packs_back(const struct model *model, int op)
{
    return model->wanted[model->wires[op].value[0]];
}

void model_place_packed(struct model *model)
{
    model->packed = 0;
    for (int o = 0; o < model->ops; o++) {
        packed_place(model, &model->op[o]->packed);
        if (model_packs_back(model, o))
            packed_place(model, &model->op[o]->packed_back);
    }
}

void model_pack(const struct model *model, const struct team *team, int from,
                float *packed, const float *params)
{
    for (int o = from; o < model->ops; o++) {
        const struct layer *op = model->op[o];
        float *back = model_packs_back(model, o) ? packed + op->packed_back.offset : NULL;
        if (op->ops->pack)
            op->ops->pack(op, team, packed + op->packed.offset, back, params);
    }
}

float *model_packed(const struct model *model, const float *params)
{
    const struct team alone = {.size = 1};
    float *packed = mem_aligned(model->packed, sizeof *packed);
    model_pack(model, &alone, 0, packed, params);
    return packed;
}
