/* dataset: the weights of the training images. */
#include <float.h>

#include "base/hash.h"
#include "dataset_impl.h"
#include "io/h5file.h"

uint64_t dataset_hash_weights(const float *weights, size_t count)
{
    uint64_t hash = hash_bytes(weights, count * sizeof *weights, 0);
    return hash ? hash : 1; /* 0 stands for no weights */
}

/* Numbers of 0 or more, not all 0. */
static enum status dataset_check_weights(const float *weights, size_t count,
                                         const char *path)
{
    bool some = false;
    for (size_t i = 0; i < count; i++) {
        if (!(weights[i] >= 0 && weights[i] <= FLT_MAX))
            FAIL(ST_FAIL, "weight %zu in '%s' of '%s' is %g", i, DATASET_WEIGHTS_NAME,
                 path, (double)weights[i]);
        some = some || weights[i] > 0;
    }
    if (count > 0 && !some)
        FAIL(ST_FAIL, "all training images of '%s' have the weight 0: none would count",
             path);
    return ST_OK;
}

enum status dataset_read_weights(const struct dataset_info *info, float *weights)
{
    struct h5file *file;
    const size_t count = info->count[DATASET_TRAIN];
    TRY(h5file_open(&file, info->path));
    enum status st = h5file_read(file, DATASET_WEIGHTS_NAME, H5FILE_F32, count, weights);
    h5file_close(file);
    TRY(st);
    if (info->has_weights_hash && !info->trusted &&
        info->weights_hash != dataset_hash_weights(weights, count))
        FAIL(ST_FAIL,
             "'%s' is damaged: the weights of its images are not as they were written; "
             "if you changed them, 'lockstep data rehash FILE' accepts that; "
             "else " DATASET_DAMAGE_ADVICE,
             info->path);
    return dataset_check_weights(weights, count, info->path);
}

enum status dataset_write_weights(struct h5file *file, const float *weights, size_t count,
                                  const char *source)
{
    TRY(dataset_check_weights(weights, count, source));
    TRY(h5file_write(file, DATASET_WEIGHTS_NAME, H5FILE_F32, 1, &count, weights));
    return h5file_put_hash(file, "/", DATASET_WEIGHTS_HASH,
                           dataset_hash_weights(weights, count));
}
