#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "data/import_pictures.h"
#include "import_labels.h"

#define FINGERPRINT_VERSION 2 /* of what the import makes of the same files */

static uint64_t fingerprint_text(const char *text, uint64_t hash)
{
    return hash_bytes(text, strlen(text) + 1, hash);
}

static uint64_t fingerprint_options(const struct import_options *options, uint64_t hash)
{
    char treatment[TREATMENT_TEXT];
    struct dataset_treatment told = options->treatment;
    const int64_t numbers[] = {
        FINGERPRINT_VERSION, options->h,      options->w,      options->channels,
        options->invert,     options->strict, options->dedupe, options->allow_empty,
        options->classes,    options->store};
    told.recorded = true;
    treatment_text(&told, treatment);
    hash = hash_bytes(numbers, sizeof numbers, hash);
    hash = hash_bytes(options->share, sizeof options->share, hash);
    hash = hash_bytes(&options->seed, sizeof options->seed, hash);
    hash = hash_bytes(&options->max_bad, sizeof options->max_bad, hash);
    hash = fingerprint_text(treatment, hash);
    hash = fingerprint_text(options->group_by ? options->group_by : "", hash);
    for (int c = 0; options->class_name && c < options->classes; c++)
        hash = fingerprint_text(options->class_name[c], hash);
    return hash;
}

/* A file that is missing counts as one of size 0. */
static enum status fingerprint_picture(const struct import_set *set,
                                       const struct import_picture *picture,
                                       uint64_t *hash)
{
    char path[FS_PATH];
    struct stat file = {0};
    TRY(import_path(set, picture, path));
    bool exists = stat(path, &file) == 0;
    const int64_t numbers[] = {
        exists,         file.st_size,  file.st_mtim.tv_sec, file.st_mtim.tv_nsec,
        picture->split, picture->group};
    *hash = hash_bytes(numbers, sizeof numbers, *hash);
    int labels;
    const int *class = import_labels_of(set, picture, &labels);
    for (int k = 0; k < labels; k++)
        *hash = fingerprint_text(set->class_name[class[k]], *hash);
    *hash = fingerprint_text(path, *hash);
    if (set->weighted)
        *hash = hash_bytes(&picture->weight, sizeof picture->weight, *hash);
    return ST_OK;
}

enum status import_fingerprint(const struct import_set *set,
                               const struct import_options *options, uint64_t *hash,
                               bool has[DATASET_SPLITS])
{
    *hash = fingerprint_options(options, set->multi_label ? 1 : 0);
    for (int c = 0; c < set->classes; c++) /* also those without pictures */
        *hash = fingerprint_text(set->class_name[c], *hash);
    for (size_t i = 0; i < set->count; i++)
        TRY(fingerprint_picture(set, &set->picture[i], hash));
    memcpy(has, set->splits_given, sizeof set->splits_given);
    return ST_OK;
}
