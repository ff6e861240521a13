#include "train/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "checkpoint_impl.h"

uint64_t run_state_hash(const struct run_state *state, size_t params, uint64_t step)
{
    uint64_t hash = hash_bytes(&step, sizeof step, 0);
    hash = hash_bytes(state->params, params * sizeof(float), hash);
    if (state->ema)
        hash = hash_bytes(state->ema, params * sizeof(float), hash);
    for (int i = 0; i < state->optims; i++)
        hash = hash_bytes(state->optim[i], params * sizeof(float), hash);
    return hash;
}

/* --- vectors as groups of tensors --- */

static void tensor_path(char path[FS_PATH], const char *group, const struct layer *layer,
                        const struct layer_tensor *tensor)
{
    snprintf(path, FS_PATH, "%s/%s/%s", group, layer->name, tensor->name);
}

/* In both directions a tensor passes through `buffer` in the file's order. */
static size_t largest_tensor(const struct model *model)
{
    size_t most = 1;
    for (int l = 0; l < model->layers; l++)
        for (int t = 0; t < model->layer[l]->tensors; t++)
            if (model->layer[l]->tensor[t].count > most)
                most = model->layer[l]->tensor[t].count;
    return most;
}

static void to_file(const struct layer *layer, int t, const float *memory, float *buffer)
{
    if (layer->ops->to_file)
        layer->ops->to_file(layer, t, memory, buffer);
    else
        memcpy(buffer, memory, layer->tensor[t].count * sizeof *buffer);
}

static void from_file(const struct layer *layer, int t, const float *buffer,
                      float *memory)
{
    if (layer->ops->from_file)
        layer->ops->from_file(layer, t, buffer, memory);
    else
        memcpy(memory, buffer, layer->tensor[t].count * sizeof *buffer);
}

static enum status group_write(struct h5file *file, const char *group,
                               const struct model *model, const float *vector,
                               uint64_t *hash)
{
    float *buffer = mem_zeroed(largest_tensor(model), sizeof *buffer);
    enum status st = ST_OK;
    for (int l = 0; l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        for (int t = 0; t < layer->tensors; t++) {
            const struct layer_tensor *tensor = &layer->tensor[t];
            char path[FS_PATH];
            size_t dim[H5FILE_DIMS];
            tensor_path(path, group, layer, tensor);
            for (int d = 0; d < tensor->dims; d++)
                dim[d] = (size_t)tensor->dim[d];
            to_file(layer, t, vector + tensor->offset, buffer);
            *hash = hash_bytes(buffer, tensor->count * sizeof *buffer, *hash);
            TRY_TO(out, h5file_write(file, path, H5FILE_F32, tensor->dims, dim, buffer));
        }
    }
out:
    free(buffer);
    return st;
}

static void dims_text(int dims, const size_t *dim, char text[96])
{
    int used = 0;
    text[0] = '\0';
    for (int d = 0; d < dims; d++)
        used += snprintf(text + used, (size_t)(96 - used), "%s%zu", d ? "x" : "", dim[d]);
}

static enum status check_tensor(struct h5file *file, const char *path,
                                const struct layer_tensor *tensor)
{
    if (!h5file_has(file, path))
        FAIL(ST_FAIL, "'%s' is of another network: it has no '%s'", h5file_path(file),
             path);
    struct h5file_info info;
    TRY(h5file_info(file, path, &info));
    size_t dim[H5FILE_DIMS];
    bool same = info.ndims == tensor->dims;
    for (int d = 0; d < tensor->dims; d++) {
        dim[d] = (size_t)tensor->dim[d];
        same = same && info.dim[d] == dim[d];
    }
    if (same)
        return ST_OK;
    char there[96], here[96];
    dims_text(info.ndims, info.dim, there);
    dims_text(tensor->dims, dim, here);
    FAIL(ST_FAIL, "'%s' is of another network: '%s' is %s there and %s here",
         h5file_path(file), path, there, here);
}

/* Layers of the file that the model lacks, if any. */
static enum status check_surplus(struct h5file *file, const char *group,
                                 const struct model *model)
{
    size_t there, here = 0;
    for (int l = 0; l < model->layers; l++)
        here += model->layer[l]->tensors > 0;
    TRY(h5file_count(file, group, &there));
    if (there > here)
        FAIL(ST_FAIL,
             "'%s' is of another network: '%s' has %zu layers there and %zu here",
             h5file_path(file), group, there, here);
    return ST_OK;
}

static enum status group_read(struct h5file *file, const char *group,
                              const struct model *model, float *vector, uint64_t *hash)
{
    TRY(check_surplus(file, group, model));
    float *buffer = mem_zeroed(largest_tensor(model), sizeof *buffer);
    enum status st = ST_OK;
    memset(vector, 0, model->params * sizeof *vector);
    for (int l = 0; l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        for (int t = 0; t < layer->tensors; t++) {
            const struct layer_tensor *tensor = &layer->tensor[t];
            char path[FS_PATH];
            tensor_path(path, group, layer, tensor);
            TRY_TO(out, check_tensor(file, path, tensor));
            TRY_TO(out, h5file_read(file, path, H5FILE_F32, tensor->count, buffer));
            *hash = hash_bytes(buffer, tensor->count * sizeof *buffer, *hash);
            from_file(layer, t, buffer, vector + tensor->offset);
        }
    }
out:
    free(buffer);
    return st;
}

/* --- whole files --- */

static enum status write_arrays(struct h5file *file, const struct model *model,
                                const struct run_state *state,
                                const struct metrics *metrics, uint64_t *hash)
{
    TRY(group_write(file, "/weights", model, state->params, hash));
    if (state->ema)
        TRY(group_write(file, "/ema", model, state->ema, hash));
    for (int i = 0; i < state->optims; i++) {
        char group[FS_PATH];
        snprintf(group, sizeof group, "/optimizer/%s", state->optim_name[i]);
        TRY(group_write(file, group, model, state->optim[i], hash));
    }
    return metrics_write(metrics, file, hash);
}

static enum status read_arrays(struct h5file *file, const struct model *model,
                               struct run_state *state, struct metrics *metrics,
                               uint64_t *hash)
{
    TRY(group_read(file, "/weights", model, state->params, hash));
    if (state->ema)
        TRY(group_read(file, "/ema", model, state->ema, hash));
    for (int i = 0; i < state->optims; i++) {
        char group[FS_PATH];
        snprintf(group, sizeof group, "/optimizer/%s", state->optim_name[i]);
        TRY(group_read(file, group, model, state->optim[i], hash));
    }
    return metrics_read(metrics, file, hash);
}

enum status checkpoint_write(const char *path, const struct checkpoint_info *info,
                             const struct model *model, const struct run_state *state,
                             const struct metrics *metrics)
{
    struct h5file *file;
    uint64_t hash = checkpoint_info_hash(info);
    TRY(h5file_create(&file, path));
    enum status st;
    TRY_TO(out, checkpoint_info_write(file, info));
    TRY_TO(out, write_arrays(file, model, state, metrics, &hash));
    TRY_TO(out, checkpoint_put_hash(file, "content_hash", hash));
    st = h5file_commit(file);
out:
    h5file_close(file);
    return st;
}

enum status checkpoint_read_info(const char *path, struct checkpoint_info *info)
{
    struct h5file *file;
    memset(info, 0, sizeof *info);
    TRY(h5file_open(&file, path));
    enum status st = checkpoint_info_read(file, info);
    h5file_close(file);
    if (st != ST_OK)
        checkpoint_info_release(info);
    return st;
}

enum status checkpoint_read(const char *path, const struct model *model,
                            struct run_state *state, struct metrics *metrics,
                            struct checkpoint_info *info)
{
    struct h5file *file;
    uint64_t hash, stored;
    memset(info, 0, sizeof *info);
    TRY(h5file_open(&file, path));
    enum status st;
    TRY_TO(out, checkpoint_info_read(file, info));
    hash = checkpoint_info_hash(info);
    TRY_TO(out, read_arrays(file, model, state, metrics, &hash));
    TRY_TO(out, checkpoint_get_hash(file, "content_hash", &stored));
    if (hash != stored)
        st = status_fail(ST_FAIL, "'%s' is damaged: its content does not match its hash",
                         path);
out:
    h5file_close(file);
    if (st != ST_OK)
        checkpoint_info_release(info);
    return st;
}

/* Which vectors the file holds, and room for them: *state's are owned here. */
static enum status state_like(struct run_state *state, const char *path, size_t params)
{
    const struct optim_options kinds[] = {{.kind = OPTIM_SGD}, {.kind = OPTIM_ADAMW}};
    struct h5file *file;
    TRY(h5file_open(&file, path));
    state->params = mem_aligned(params, sizeof(float));
    if (h5file_has(file, "/ema"))
        state->ema = mem_aligned(params, sizeof(float));
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0] && state->optims == 0; k++) {
        for (int i = 0; i < optim_states(&kinds[k]); i++) {
            char group[FS_PATH];
            const char *name = optim_state_name(&kinds[k], i);
            snprintf(group, sizeof group, "/optimizer/%s", name);
            if (!h5file_has(file, group))
                continue;
            state->optim[state->optims] = mem_aligned(params, sizeof(float));
            state->optim_name[state->optims++] = name;
        }
    }
    h5file_close(file);
    return ST_OK;
}

static void state_release(struct run_state *state)
{
    free(state->params);
    free(state->ema);
    for (int i = 0; i < OPTIM_STATES; i++)
        free(state->optim[i]);
}

/* All of the file is read, for only then is it known to be whole. */
enum status checkpoint_read_weights(const char *path, const struct model *model,
                                    float *params, bool *averaged)
{
    struct run_state state = {0};
    struct checkpoint_info info;
    struct metrics metrics;
    TRY(checkpoint_read_info(path, &info));
    metrics_init(&metrics, info.classes);
    checkpoint_info_release(&info);
    enum status st = state_like(&state, path, model->params);
    if (st == ST_OK)
        st = checkpoint_read(path, model, &state, &metrics, &info);
    if (st == ST_OK) {
        checkpoint_info_release(&info);
        *averaged = state.ema != NULL;
        memcpy(params, *averaged ? state.ema : state.params,
               model->params * sizeof *params);
    }
    metrics_release(&metrics);
    state_release(&state);
    return st;
}
