#include "train/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/where.h"
#include "checkpoint_impl.h"

/* --- vectors as groups of tensors --- */

static void tensor_path(char path[FS_PATH], const char *group, const struct layer *layer,
                        const struct layer_tensor *tensor)
{
    snprintf(path, FS_PATH, "%s/%s/%s", group, layer->name, tensor->name);
}

/* Each tensor goes through one buffer, in the file's layout. */
static enum status group_write(struct h5file *file, const struct state_vector *of,
                               int vector, const struct model *model,
                               const struct state_stream *from, uint64_t *hash)
{
    float *buffer = mem_zeroed(state_largest(model), sizeof *buffer);
    enum status st = ST_OK;
    for (int l = 0; l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        for (int t = 0; t < layer->tensors; t++) {
            const struct layer_tensor *tensor = &layer->tensor[t];
            char path[FS_PATH];
            size_t dim[H5FILE_DIMS];
            if (!state_vector_has(of, tensor))
                continue;
            tensor_path(path, of->group, layer, tensor);
            for (int d = 0; d < tensor->dims; d++)
                dim[d] = (size_t)tensor->dim[d];
            from->give(from->context, (struct tensor_name){vector, l, t}, buffer);
            *hash = hash_bytes(buffer, tensor->count * sizeof *buffer, *hash);
            TRY_TO(out, h5file_write(file, path, H5FILE_F32, tensor->dims, dim, buffer));
        }
    }
out:
    free(buffer);
    return st;
}

static void tensor_dims_text(int dims, const size_t *dim, char text[96])
{
    int used = 0;
    text[0] = '\0';
    for (int d = 0; d < dims; d++)
        used += snprintf(text + used, (size_t)(96 - used), "%s%zu", d ? "x" : "", dim[d]);
}

static enum status checkpoint_check_tensor(struct h5file *file, const char *path,
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
    tensor_dims_text(info.ndims, info.dim, there);
    tensor_dims_text(tensor->dims, dim, here);
    FAIL(ST_FAIL, "'%s' is of another network: '%s' is %s there and %s here",
         h5file_path(file), path, there, here);
}

/* Does the file have layers that the model lacks? */
static enum status checkpoint_check_surplus(struct h5file *file,
                                            const struct state_vector *of,
                                            const struct model *model)
{
    size_t there, here = 0;
    for (int l = 0; l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        bool held = false;
        for (int t = 0; t < layer->tensors; t++)
            held = held || state_vector_has(of, &layer->tensor[t]);
        here += held;
    }
    TRY(h5file_count(file, of->group, &there));
    if (there > here)
        FAIL(ST_FAIL,
             "'%s' is of another network: '%s' has %zu layers there and %zu here",
             h5file_path(file), of->group, there, here);
    return ST_OK;
}

static enum status group_read(struct h5file *file, const struct state_vector *of,
                              int vector, const struct model *model,
                              const struct state_stream *to, uint64_t *hash)
{
    TRY(checkpoint_check_surplus(file, of, model));
    float *buffer = mem_zeroed(state_largest(model), sizeof *buffer);
    enum status st = ST_OK;
    for (int l = 0; l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        for (int t = 0; t < layer->tensors; t++) {
            const struct layer_tensor *tensor = &layer->tensor[t];
            char path[FS_PATH];
            if (!state_vector_has(of, tensor))
                continue;
            tensor_path(path, of->group, layer, tensor);
            TRY_TO(out, checkpoint_check_tensor(file, path, tensor));
            TRY_TO(out, h5file_read(file, path, H5FILE_F32, tensor->count, buffer));
            *hash = hash_bytes(buffer, tensor->count * sizeof *buffer, *hash);
            if (to)
                to->take(to->context, (struct tensor_name){vector, l, t}, buffer);
        }
    }
out:
    free(buffer);
    return st;
}

/* --- whole files --- */

static enum status checkpoint_write_arrays(struct h5file *file, const struct model *model,
                                           const struct run_state *like,
                                           const struct state_stream *from,
                                           const struct metrics *metrics, uint64_t *hash)
{
    struct state_vector list[STATE_VECTORS];
    int vectors = run_state_list(like, list);
    for (int v = 0; v < vectors; v++)
        TRY(group_write(file, &list[v], v, model, from, hash));
    return metrics_write(metrics, file, hash);
}

static enum status checkpoint_read_arrays(struct h5file *file, const struct model *model,
                                          const struct run_state *like,
                                          const struct state_stream *to,
                                          struct metrics *metrics, uint64_t *hash)
{
    struct state_vector list[STATE_VECTORS];
    int vectors = run_state_list(like, list);
    for (int v = 0; v < vectors; v++)
        TRY(group_read(file, &list[v], v, model, to, hash));
    return metrics_read(metrics, file, hash);
}

enum status checkpoint_write(const char *path, const struct checkpoint_info *info,
                             const struct model *model, const struct run_state *like,
                             const struct state_stream *from,
                             const struct metrics *metrics)
{
    struct h5file *file;
    uint64_t hash = checkpoint_info_hash(info);
    TRY(h5file_create(&file, path));
    enum status st;
    TRY_TO(out, checkpoint_info_write(file, info));
    TRY_TO(out, checkpoint_write_arrays(file, model, like, from, metrics, &hash));
    TRY_TO(out, h5file_put_hash(file, "/", "content_hash", hash));
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

enum status checkpoint_set_temperature(const char *path, double temperature)
{
    struct h5file *file;
    TRY(h5file_edit(&file, path));
    enum status st = h5file_remove_attr(file, "/", CHECKPOINT_TEMPERATURE);
    if (st == ST_OK)
        st = h5file_put_f64(file, "/", CHECKPOINT_TEMPERATURE, temperature);
    if (st == ST_OK)
        st = h5file_commit(file);
    h5file_close(file);
    return st;
}

enum status checkpoint_read(const char *path, const struct model *model,
                            const struct run_state *like, const struct state_stream *to,
                            struct metrics *metrics, struct checkpoint_info *info)
{
    struct h5file *file;
    uint64_t hash, stored;
    memset(info, 0, sizeof *info);
    TRY(h5file_open(&file, path));
    enum status st;
    TRY_TO(out, checkpoint_info_read(file, info));
    hash = checkpoint_info_hash(info);
    TRY_TO(out, checkpoint_read_arrays(file, model, like, to, metrics, &hash));
    TRY_TO(out, h5file_get_hash(file, "/", "content_hash", &stored));
    if (hash != stored)
        st = status_fail(ST_FAIL, "'%s' is damaged: its content does not match its hash",
                         path);
out:
    h5file_close(file);
    if (st != ST_OK)
        checkpoint_info_release(info);
    return st;
}

#define CHECKPOINT_SLOW "/optimizer/" OPTIM_SLOW

/* Does the file's /optimizer hold exactly the states of this kind, slow weights apart? */
static enum status checkpoint_is_kind(struct h5file *file, const struct optim_ops *kind,
                                      bool *is)
{
    size_t groups = 0;
    *is = false;
    if (h5file_has(file, "/optimizer"))
        TRY(h5file_count(file, "/optimizer", &groups));
    if (groups != (size_t)kind->states + h5file_has(file, CHECKPOINT_SLOW))
        return ST_OK;
    for (int i = 0; i < kind->states; i++) {
        char group[FS_PATH];
        snprintf(group, sizeof group, "/optimizer/%s", kind->state_name[i]);
        if (!h5file_has(file, group))
            return ST_OK;
    }
    *is = true;
    return ST_OK;
}

/* Sets the vectors that the file has to `present`, and the others to NULL. */
static enum status checkpoint_find_vectors(struct run_state *state, struct h5file *file,
                                           float *present)
{
    bool is = false;
    state->params = present;
    if (h5file_has(file, "/ema"))
        state->ema = present;
    for (int k = 0; optim_kinds[k] && !is; k++) {
        TRY(checkpoint_is_kind(file, optim_kinds[k], &is));
        for (int i = 0; is && i < optim_kinds[k]->states; i++) {
            state->optim[i] = present;
            state->optim_name[i] = optim_kinds[k]->state_name[i];
            state->optims++;
        }
    }
    if (is && h5file_has(file, CHECKPOINT_SLOW)) {
        state->optim[state->optims] = present;
        state->optim_name[state->optims++] = OPTIM_SLOW;
    }
    return ST_OK;
}

static enum status checkpoint_vectors(struct run_state *state, const char *path,
                                      float *present)
{
    struct h5file *file;
    TRY(h5file_open(&file, path));
    enum status st = checkpoint_find_vectors(state, file, present);
    h5file_close(file);
    return st;
}

/* Passes one vector on, as if it were the first. */
struct stream_filter {
    const struct state_stream *to;
    int vector;
};

static void filter_take(void *context, struct tensor_name name, const float *values)
{
    const struct stream_filter *filter = context;
    where_mark(WHERE_CHECKPOINT); /* a slow file system is no stall */
    if (name.vector != filter->vector)
        return;
    name.vector = 0;
    filter->to->take(filter->to->context, name, values);
}

/* Reads all of the file: its hash is over everything. */
enum status checkpoint_read_weights(const char *path, const struct model *model,
                                    const struct state_stream *to, bool *averaged)
{
    float present;
    struct run_state like = {0};
    struct checkpoint_info info;
    struct metrics metrics;
    TRY(checkpoint_read_info(path, &info));
    metrics_init(&metrics, info.classes);
    metrics.sets = model->multi_label;
    checkpoint_info_release(&info);
    enum status st = checkpoint_vectors(&like, path, &present);
    *averaged = like.ema != NULL;
    struct stream_filter filter = {to, *averaged ? 1 : 0};
    const struct state_stream one = {.context = &filter, .take = filter_take};
    if (st == ST_OK)
        st = checkpoint_read(path, model, &like, to ? &one : NULL, &metrics, &info);
    if (st == ST_OK)
        checkpoint_info_release(&info);
    metrics_release(&metrics);
    return st;
}
