/* dataset: the hash of what is not an image and changes what a network sees. */
#include <string.h>

#include "base/hash.h"
#include "dataset_impl.h"
#include "io/h5file.h"

uint64_t dataset_head_hash(const struct dataset_info *info)
{
    const size_t channels = (size_t)info->shape.c;
    const uint64_t size[] = {(uint64_t)info->shape.h, (uint64_t)info->shape.w, channels,
                             (uint64_t)info->classes};
    char treatment[TREATMENT_TEXT];
    treatment_text(&info->treatment, treatment);
    uint64_t hash = hash_bytes(size, sizeof size, 0);
    hash = hash_bytes(info->mean, channels * sizeof *info->mean, hash);
    hash = hash_bytes(info->std, channels * sizeof *info->std, hash);
    hash = hash_bytes(treatment, strlen(treatment) + 1, hash);
    return dataset_hash_names(info, hash);
}

enum status dataset_put_head_hash(const struct dataset_info *info, struct h5file *file)
{
    return h5file_put_hash(file, "/", DATASET_HEAD_HASH, dataset_head_hash(info));
}

bool dataset_head_is_whole(const struct dataset_info *info)
{
    return !info->has_head_hash || info->head_hash == dataset_head_hash(info);
}

enum status dataset_check_head(const struct dataset_info *info)
{
    if (info->trusted || dataset_head_is_whole(info))
        return ST_OK;
    FAIL(ST_FAIL,
         "'%s' is damaged: its mean, std, class names, size or treatment are not as they "
         "were written; if you changed them, 'lockstep data rehash FILE' accepts that; "
         "else " DATASET_DAMAGE_ADVICE,
         info->path);
}
