#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "checkpoint_impl.h"
#include "data/dataset.h"
#include "io/kind.h"
#include "train/calibration.h"

/* One list of the scalar attributes serves writing, reading and hashing. */
/* INFO_CHANNELS: a double for each channel. */
enum info_kind { INFO_U64, INFO_F64, INFO_TEXT, INFO_HASH, INFO_CHANNELS };
struct info_attribute {
    const char *name;
    enum info_kind kind;
    bool vital; /* a resume needs it: it is part of content_hash */
    size_t offset;
};

#define INFO_FIELD(field)    offsetof(struct checkpoint_info, field)
#define INFO_PROGRESS(field) offsetof(struct checkpoint_info, progress.field)

static const struct info_attribute attributes[] = {
    {"config", INFO_TEXT, true, INFO_FIELD(config)},
    {"mean", INFO_CHANNELS, true, INFO_FIELD(mean)},
    {"std", INFO_CHANNELS, true, INFO_FIELD(std)},
    {"data_hash", INFO_HASH, true, INFO_FIELD(data_hash)},
    {"sample_weights_hash", INFO_HASH, false, INFO_FIELD(sample_weights_hash)},
    {"state", INFO_HASH, true, INFO_FIELD(state)},
    {"lockstep", INFO_TEXT, false, INFO_FIELD(lockstep)},
    {"mpi", INFO_TEXT, false, INFO_FIELD(mpi)},
    {"blas", INFO_TEXT, false, INFO_FIELD(blas)},
    {"isa", INFO_TEXT, false, INFO_FIELD(isa)},
    {"bits", INFO_TEXT, false, INFO_FIELD(bits)},
    {"plan", INFO_TEXT, false, INFO_FIELD(plan)},
    {CHECKPOINT_TEMPERATURE, INFO_F64, false, INFO_FIELD(temperature)},
    {"treatment", INFO_TEXT, false, INFO_FIELD(treatment)},
    {"decoder", INFO_TEXT, false, INFO_FIELD(decoder)},
    {"step", INFO_U64, true, INFO_PROGRESS(step)},
    {"epoch", INFO_F64, true, INFO_PROGRESS(epoch)},
    {"evaluated_step", INFO_U64, true, INFO_PROGRESS(evaluated_step)},
    {"best_step", INFO_U64, true, INFO_PROGRESS(best_step)},
    {"best_accuracy", INFO_F64, true, INFO_PROGRESS(best_score)},
    {"evals_without_gain", INFO_U64, true, INFO_PROGRESS(evals_without_gain)},
    {"interval_loss", INFO_F64, true, INFO_PROGRESS(interval_loss)},
    {"interval_correct", INFO_U64, true, INFO_PROGRESS(interval_correct)},
    {"interval_samples", INFO_U64, true, INFO_PROGRESS(interval_samples)},
    {"ema_statistics_age", INFO_U64, false, INFO_PROGRESS(ema_statistics_age)},
};
enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

static void *info_field(const struct checkpoint_info *info,
                        const struct info_attribute *attribute)
{
    return (char *)(uintptr_t)info + attribute->offset;
}

static enum status info_write_attribute(struct h5file *file,
                                        const struct checkpoint_info *info,
                                        const struct info_attribute *attribute)
{
    const void *value = info_field(info, attribute);
    switch (attribute->kind) {
    case INFO_U64:
        return h5file_put_u64(file, "/", attribute->name, *(const uint64_t *)value);
    case INFO_F64:
        if (!attribute->vital && *(const double *)value == 0)
            return ST_OK;
        return h5file_put_f64(file, "/", attribute->name, *(const double *)value);
    case INFO_TEXT:
        return h5file_put_text(file, "/", attribute->name, *(char *const *)value);
    case INFO_HASH:
        if (!attribute->vital && *(const uint64_t *)value == 0)
            return ST_OK;
        return h5file_put_hash(file, "/", attribute->name, *(const uint64_t *)value);
    case INFO_CHANNELS:
        if (info->shape.c == 1)
            return h5file_put_f64(file, "/", attribute->name, *(const double *)value);
        return h5file_put_f64s(file, "/", attribute->name, value, info->shape.c);
    }
    return ST_BUG;
}

static enum status info_read_attribute(struct h5file *file, struct checkpoint_info *info,
                                       const struct info_attribute *attribute)
{
    void *value = info_field(info, attribute);
    int count;
    switch (attribute->kind) {
    case INFO_U64:
        if (!attribute->vital && !h5file_has_attr(file, "/", attribute->name))
            return ST_OK; /* of an older file: 0 */
        return h5file_get_u64(file, "/", attribute->name, value);
    case INFO_F64:
        if (!attribute->vital && !h5file_has_attr(file, "/", attribute->name))
            return ST_OK;
        return h5file_get_f64(file, "/", attribute->name, value);
    case INFO_TEXT:
        if (!attribute->vital && !h5file_has_attr(file, "/", attribute->name)) {
            *(char **)value = mem_strdup(""); /* the file is older than the attribute */
            return ST_OK;
        }
        return h5file_get_text(file, "/", attribute->name, value);
    case INFO_HASH:
        if (!attribute->vital && !h5file_has_attr(file, "/", attribute->name))
            return ST_OK;
        return h5file_get_hash(file, "/", attribute->name, value);
    case INFO_CHANNELS:
        TRY(h5file_get_f64s(file, "/", attribute->name, value, DATASET_CHANNELS, &count));
        if (count != info->shape.c)
            FAIL(ST_FAIL, "'%s' is damaged: it has %d values of '%s' for %d channels",
                 h5file_path(file), count, attribute->name, info->shape.c);
        return ST_OK;
    }
    return ST_BUG;
}

enum status checkpoint_info_write(struct h5file *file, const struct checkpoint_info *info)
{
    TRY(h5file_put_text(file, "/", "format", CHECKPOINT_FORMAT));
    TRY(h5file_put_u64(file, "/", "format_version", CHECKPOINT_VERSION));
    TRY(h5file_put_texts(file, "/", "classes", info->class_name, info->classes));
    TRY(h5file_put_u64(file, "/", "height", (uint64_t)info->shape.h));
    TRY(h5file_put_u64(file, "/", "width", (uint64_t)info->shape.w));
    TRY(h5file_put_u64(file, "/", "channels", (uint64_t)info->shape.c));
    for (int i = 0; i < ATTRIBUTES; i++)
        TRY(info_write_attribute(file, info, &attributes[i]));
    return ST_OK;
}

static enum status info_check_format(struct h5file *file)
{
    char *format = NULL;
    uint64_t version;
    if (h5file_has_attr(file, "/", "format"))
        TRY(h5file_get_text(file, "/", "format", &format));
    bool right = format && strcmp(format, CHECKPOINT_FORMAT) == 0;
    free(format);
    if (!right)
        FAIL(ST_FAIL, "'%s' is %s, not a checkpoint", h5file_path(file),
             kind_of_h5(file));
    TRY(h5file_get_u64(file, "/", "format_version", &version));
    if (version != CHECKPOINT_VERSION)
        FAIL(ST_FAIL, "'%s' has format version %llu; this lockstep reads version %d",
             h5file_path(file), (unsigned long long)version, CHECKPOINT_VERSION);
    return ST_OK;
}

enum status checkpoint_info_read(struct h5file *file, struct checkpoint_info *info)
{
    uint64_t h, w, c = 1;
    TRY(info_check_format(file));
    TRY(h5file_get_texts(file, "/", "classes", &info->class_name, &info->classes));
    TRY(h5file_get_u64(file, "/", "height", &h));
    TRY(h5file_get_u64(file, "/", "width", &w));
    if (h5file_has_attr(file, "/", "channels")) /* older files are grey */
        TRY(h5file_get_u64(file, "/", "channels", &c));
    if (h < 1 || w < 1 || h > INT16_MAX || w > INT16_MAX ||
        (c != 1 && c != DATASET_CHANNELS) || info->classes > DATASET_CLASSES_MAX)
        FAIL(ST_FAIL,
             "'%s' is damaged: it says that it takes images of %llu x %llu pixels and "
             "%llu channels and knows %d classes",
             h5file_path(file), (unsigned long long)h, (unsigned long long)w,
             (unsigned long long)c, info->classes);
    info->shape = (struct shape){(int)h, (int)w, (int)c};
    for (int i = 0; i < ATTRIBUTES; i++)
        TRY(info_read_attribute(file, info, &attributes[i]));
    if (!(info->temperature >= 0 && info->temperature <= CALIBRATION_MOST))
        FAIL(ST_FAIL, "'%s' is damaged: its temperature is %g", h5file_path(file),
             info->temperature);
    return ST_OK;
}

uint64_t checkpoint_info_hash(const struct checkpoint_info *info)
{
    const struct shape *shape = &info->shape;
    int size[4] = {info->classes, shape->h, shape->w, shape->c};
    /* Grey networks have the hash of files that know no channels. */
    uint64_t hash = hash_bytes(size, (shape->c == 1 ? 3 : 4) * sizeof *size, 0);
    for (int i = 0; i < info->classes; i++)
        hash = hash_bytes(info->class_name[i], strlen(info->class_name[i]) + 1, hash);
    for (int i = 0; i < ATTRIBUTES; i++) {
        const void *value = info_field(info, &attributes[i]);
        if (!attributes[i].vital)
            continue;
        if (attributes[i].kind == INFO_TEXT) {
            const char *text = *(char *const *)value;
            hash = hash_bytes(text, strlen(text) + 1, hash);
        } else if (attributes[i].kind == INFO_CHANNELS) {
            hash = hash_bytes(value, (size_t)shape->c * sizeof(double), hash);
        } else {
            hash = hash_bytes(value, 8, hash);
        }
    }
    if (*info->treatment)
        hash = hash_bytes(info->treatment, strlen(info->treatment) + 1, hash);
    if (info->sample_weights_hash)
        hash = hash_bytes(&info->sample_weights_hash, sizeof(uint64_t), hash);
    if (info->progress.ema_statistics_age)
        hash = hash_bytes(&info->progress.ema_statistics_age, sizeof(uint64_t), hash);
    return hash;
}

void checkpoint_info_release(struct checkpoint_info *info)
{
    fs_free_list(info->class_name, info->classes);
    free(info->config);
    free(info->lockstep);
    free(info->mpi);
    free(info->blas);
    free(info->isa);
    free(info->bits);
    free(info->plan);
    free(info->treatment);
    free(info->decoder);
    memset(info, 0, sizeof *info);
}
